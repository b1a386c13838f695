//! Rust without dependencies.

use std::fmt::Write;

use super::{ExportOptions, Model, list};
use crate::error::Error;
use crate::expression::Language;
use crate::network::Network;

/// A Rust module.
pub(in crate::export) fn rust(network: &Network, options: &ExportOptions) -> Result<String, Error> {
    let model = Model::new(network, options)?;
    let mut out = String::new();
    for line in model.heading() {
        let _ = writeln!(out, "//! {line}");
    }
    let tables = &model.tables;
    for (name, meaning, value) in [
        ("SPECIES", "Number of species.", tables.species),
        ("REACTIONS", "Number of reactions.", tables.reactions),
        (
            "ENTRIES",
            "Structural nonzeros of the Jacobian.",
            tables.rows.len(),
        ),
    ] {
        let _ = write!(out, "\n/// {meaning}\npub const {name}: usize = {value};\n");
    }
    for (name, value) in [("ORDER", tables.order), ("OTHERS", tables.others())] {
        let _ = writeln!(out, "const {name}: usize = {value};");
    }
    out.push_str(
        "\n/// Names of the species, in the order of n.\npub static NAMES: [&str; SPECIES] = [\n",
    );
    for name in network.species_names() {
        let _ = writeln!(out, "    {name:?},");
    }
    out.push_str("];\n\n/// Conditions on which the rate coefficients depend.\n");
    out.push_str(
        "#[allow(non_snake_case)]\n#[derive(Debug, Clone, Copy)]\npub struct Conditions {\n",
    );
    for (name, meaning) in &model.conditions {
        let _ = writeln!(out, "    /// {}\n    pub {name}: f64,", escaped(meaning));
    }
    out.push_str("}\n\n");
    for (name, numbers) in tables.named() {
        let public = matches!(name, "COLUMN_OFFSETS" | "ROWS");
        let (doc, visible, of) = match (
            public,
            name == "NET_CHANGE" || name == "DERIVATIVE_MULTIPLICITY",
        ) {
            (true, _) => (
                "/// Part of the structure of the Jacobian.\n",
                "pub ",
                "usize",
            ),
            (false, true) => ("", "", "f64"),
            (false, false) => ("", "", "usize"),
        };
        let numbers: Vec<String> = match of {
            "f64" => numbers.iter().map(|n| format!("{n}.0")).collect(),
            _ => numbers.iter().map(ToString::to_string).collect(),
        };
        let _ = write!(
            out,
            "{doc}{visible}static {name}: [{of}; {}] = [\n{}\n];\n\n",
            numbers.len(),
            list(&numbers, "    ")
        );
    }
    rates(&mut out, &model);
    out.push_str(FUNCTIONS);
    Ok(out)
}

/// Square brackets are links to rustdoc.
fn escaped(text: &str) -> String {
    text.replace('[', "\\[").replace(']', "\\]")
}

fn rates(out: &mut String, model: &Model<'_>) {
    out.push_str(
        "/// Rate coefficients at these conditions, in cm³ s⁻¹ and so on.\n\
         #[allow(non_snake_case, unused_parens, clippy::all)]\n\
         pub fn rate_coefficients(c: &Conditions, k: &mut [f64; REACTIONS]) {\n    \
         let Tgas = c.temperature;\n    let _ = Tgas;\n",
    );
    for (name, text) in model.definitions(Language::Rust) {
        let _ = writeln!(out, "    let {name}: f64 = {text};");
    }
    for j in 0..model.rates.len() {
        let rate = model.rate(j, Language::Rust, &|name| format!("c.{name}"));
        let _ = writeln!(
            out,
            "    k[{j}] = {rate}; // {}",
            model.network.reaction_text(j)
        );
    }
    out.push_str("}\n");
}

const FUNCTIONS: &str = "
/// Product of the densities of these factors; SPECIES stands for 1.
fn product(factors: &[usize], n: &[f64; SPECIES]) -> f64 {
    factors.iter().filter_map(|&i| n.get(i)).product()
}

/// dn/dt [cm⁻³ s⁻¹] at n [cm⁻³].
pub fn rhs(k: &[f64; REACTIONS], n: &[f64; SPECIES], dndt: &mut [f64; SPECIES]) {
    dndt.fill(0.0);
    for (j, factors) in FACTORS.chunks_exact(ORDER).enumerate() {
        let rate = k[j] * product(factors, n);
        for e in NET_OFFSETS[j]..NET_OFFSETS[j + 1] {
            dndt[NET_SPECIES[e]] += NET_CHANGE[e] * rate;
        }
    }
}

/// d(dn/dt)/dn [s⁻¹] at n [cm⁻³], compressed columns (COLUMN_OFFSETS, ROWS).
pub fn jacobian(k: &[f64; REACTIONS], n: &[f64; SPECIES], values: &mut [f64; ENTRIES]) {
    values.fill(0.0);
    for (d, factors) in DERIVATIVE_FACTORS.chunks_exact(OTHERS).enumerate() {
        let j = DERIVATIVE_REACTION[d];
        let slope = k[j] * DERIVATIVE_MULTIPLICITY[d] * product(factors, n);
        let entries = &DERIVATIVE_ENTRIES[DERIVATIVE_OFFSETS[d]..DERIVATIVE_OFFSETS[d + 1]];
        for (entry, change) in entries.iter().zip(&NET_CHANGE[NET_OFFSETS[j]..]) {
            values[*entry] += change * slope;
        }
    }
}

/// The same as a full matrix by rows, SPECIES × SPECIES numbers.
pub fn jacobian_dense(k: &[f64; REACTIONS], n: &[f64; SPECIES], matrix: &mut [f64]) {
    let mut values = [0.0; ENTRIES];
    jacobian(k, n, &mut values);
    matrix.fill(0.0);
    for column in 0..SPECIES {
        for e in COLUMN_OFFSETS[column]..COLUMN_OFFSETS[column + 1] {
            matrix[ROWS[e] * SPECIES + column] = values[e];
        }
    }
}
";
