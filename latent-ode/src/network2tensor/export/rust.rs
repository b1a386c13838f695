//! Rust source of a latent network: names, masses and the right-hand side, without dependencies.

use std::fmt::Write as _;

use super::{super::LatentNetwork, source_term, terms};

pub(super) fn write(network: &LatentNetwork, coefficients: Option<&[f64]>) -> String {
    let (n, m) = (network.molecules().len(), network.reactions().len());
    let names: Vec<String> = network
        .molecules()
        .iter()
        .map(|m| format!("\"{}\"", m.name()))
        .collect();
    let masses: Vec<String> = network.masses().iter().map(|m| format!("{m:?}")).collect();
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "/// Latent molecules.\npub const MOLECULES: [&str; {n}] = [{}];",
        names.join(", ")
    );
    let _ = writeln!(
        out,
        "/// Masses in latent atoms.\npub const MASSES: [f64; {n}] = [{}];",
        masses.join(", ")
    );
    if let Some(k) = coefficients {
        let k: Vec<String> = k.iter().map(|k| format!("{k:e}")).collect();
        let _ = writeln!(
            out,
            "/// Rate coefficients.\npub const COEFFICIENTS: [f64; {m}] = [{}];",
            k.join(", ")
        );
    }
    let _ = writeln!(
        out,
        "\n/// dz/dt of the latent network for rate coefficients k."
    );
    let _ = writeln!(
        out,
        "pub fn rhs(z: &[f64; {n}], k: &[f64; {m}], dzdt: &mut [f64; {n}]) {{\n    let r = ["
    );
    for (j, reaction) in network.reactions().iter().enumerate() {
        let factors: String = reaction
            .reactants()
            .iter()
            .map(|i| format!(" * z[{i}]"))
            .collect();
        let _ = writeln!(out, "        k[{j}]{factors}, // {}", network.equation(j));
    }
    let _ = writeln!(out, "    ];");
    for (i, terms) in terms(network).iter().enumerate() {
        let sum: String = terms.iter().map(|&(s, j)| source_term(s, j)).collect();
        let _ = writeln!(out, "    dzdt[{i}] = 0.0{sum};");
    }
    let _ = writeln!(out, "}}");
    out
}
