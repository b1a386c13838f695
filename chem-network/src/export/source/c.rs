//! C99 and CUDA C.

use std::fmt::Write;

use super::{ExportOptions, Model, list};
use crate::error::Error;
use crate::expression::Language;
use crate::network::Network;

/// What differs between C and CUDA C.
struct Dialect {
    /// Before functions and tables.
    function: &'static str,
    table: &'static str,
    includes: &'static str,
}

/// C99 source: one file, needs the mathematical library.
pub(in crate::export) fn c(network: &Network, options: &ExportOptions) -> Result<String, Error> {
    let dialect = Dialect {
        function: "",
        table: "static const int",
        includes: "#include <math.h>\n\n",
    };
    Ok(write(&Model::new(network, options)?, &dialect))
}

/// CUDA C source: device functions and tables, to be included by a file with kernels.
pub(in crate::export) fn cuda(network: &Network, options: &ExportOptions) -> Result<String, Error> {
    let dialect = Dialect {
        function: "__device__ ",
        table: "static __device__ const int",
        includes: "",
    };
    Ok(write(&Model::new(network, options)?, &dialect))
}

fn write(model: &Model<'_>, dialect: &Dialect) -> String {
    let mut out = String::new();
    for line in model.heading() {
        let _ = writeln!(out, "// {line}");
    }
    out.push_str(dialect.includes);
    let tables = &model.tables;
    let _ = write!(
        out,
        "enum {{ SPECIES = {}, REACTIONS = {}, ENTRIES = {}, ORDER = {}, DERIVATIVES = {}, OTHERS = {} }};\n\n",
        tables.species,
        tables.reactions,
        tables.rows.len(),
        tables.order,
        tables.derivative_reaction.len(),
        tables.others()
    );
    out.push_str("// Species, in the order of n:\n");
    for (i, name) in model.network.species_names().enumerate() {
        let _ = writeln!(out, "//   {i} {name}");
    }
    out.push_str("\ntypedef struct {\n");
    for (name, meaning) in &model.conditions {
        let _ = writeln!(out, "    double {name}; // {meaning}");
    }
    out.push_str("} Conditions;\n\n");
    for (name, numbers) in tables.named() {
        let length = numbers.len().max(1);
        let numbers = if numbers.is_empty() { vec![0] } else { numbers };
        let _ = writeln!(
            out,
            "{} {name}[{length}] = {{\n{}\n}};\n",
            dialect.table,
            list(&numbers, "    ")
        );
    }
    rates(&mut out, model, dialect);
    let functions = FUNCTIONS.replace("@", dialect.function);
    out.push_str(&functions);
    out
}

fn rates(out: &mut String, model: &Model<'_>, dialect: &Dialect) {
    let _ = write!(
        out,
        "// Rate coefficients [cm^3 s^-1 and so on] at these conditions: k[REACTIONS].\n\
         {}void rate_coefficients(const Conditions *c, double *k)\n{{\n    const double Tgas = c->temperature;\n    (void)Tgas;\n",
        dialect.function
    );
    for (name, text) in model.definitions(Language::C) {
        let _ = writeln!(out, "    const double {name} = {text};");
    }
    for j in 0..model.rates.len() {
        let rate = model.rate(j, Language::C, &|name| format!("c->{name}"));
        let _ = writeln!(
            out,
            "    k[{j}] = {rate}; // {}",
            model.network.reaction_text(j)
        );
    }
    out.push_str("}\n\n");
}

const FUNCTIONS: &str = "\
// Product of the densities of these factors; SPECIES stands for 1.
static @double product(const int *factors, int count, const double *n)
{
    double value = 1.0;
    for (int f = 0; f < count; f++) {
        if (factors[f] < SPECIES) {
            value *= n[factors[f]];
        }
    }
    return value;
}

// dn/dt [cm^-3 s^-1] at n [cm^-3]: dndt[SPECIES].
@void rhs(const double *k, const double *n, double *dndt)
{
    for (int i = 0; i < SPECIES; i++) {
        dndt[i] = 0.0;
    }
    for (int j = 0; j < REACTIONS; j++) {
        const double rate = k[j] * product(FACTORS + j * ORDER, ORDER, n);
        for (int e = NET_OFFSETS[j]; e < NET_OFFSETS[j + 1]; e++) {
            dndt[NET_SPECIES[e]] += NET_CHANGE[e] * rate;
        }
    }
}

// d(dn/dt)/dn [s^-1] at n [cm^-3], compressed columns: values[ENTRIES].
@void jacobian(const double *k, const double *n, double *values)
{
    for (int e = 0; e < ENTRIES; e++) {
        values[e] = 0.0;
    }
    for (int d = 0; d < DERIVATIVES; d++) {
        const int j = DERIVATIVE_REACTION[d];
        const double slope = k[j] * DERIVATIVE_MULTIPLICITY[d]
            * product(DERIVATIVE_FACTORS + d * OTHERS, OTHERS, n);
        const int *change = NET_CHANGE + NET_OFFSETS[j];
        for (int e = DERIVATIVE_OFFSETS[d]; e < DERIVATIVE_OFFSETS[d + 1]; e++) {
            values[DERIVATIVE_ENTRIES[e]] += change[e - DERIVATIVE_OFFSETS[d]] * slope;
        }
    }
}

// The same as a full matrix by rows: matrix[SPECIES * SPECIES]; values[ENTRIES] is room to work in.
@void jacobian_dense(const double *k, const double *n, double *values, double *matrix)
{
    jacobian(k, n, values);
    for (int i = 0; i < SPECIES * SPECIES; i++) {
        matrix[i] = 0.0;
    }
    for (int column = 0; column < SPECIES; column++) {
        for (int e = COLUMN_OFFSETS[column]; e < COLUMN_OFFSETS[column + 1]; e++) {
            matrix[ROWS[e] * SPECIES + column] = values[e];
        }
    }
}
";
