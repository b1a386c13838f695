//! LaTeX form of a latent network: reactions (with coefficients where given) and the transposed stoichiometric matrix.

use std::fmt::Write as _;

use super::{super::LatentNetwork, transposed_stoichiometry};

pub(super) fn write(network: &LatentNetwork, coefficients: Option<&[f64]>) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "\\begin{{tabular}}{{rl{}}}",
        if coefficients.is_some() { "r" } else { "" }
    );
    let _ = writeln!(
        out,
        "\\hline\nno. & reaction{} \\\\\n\\hline",
        if coefficients.is_some() { " & $k$" } else { "" }
    );
    for j in 0..network.reactions().len() {
        let equation = network
            .equation(j)
            .replace("->", "$\\rightarrow$")
            .replace('+', "$+$");
        let k = coefficients.map_or_else(String::new, |k| format!(" & {}", scientific(k[j])));
        let _ = writeln!(out, "{} & {equation}{k} \\\\", j + 1);
    }
    let _ = writeln!(out, "\\hline\n\\end{{tabular}}\n");
    let names: Vec<String> = network
        .molecules()
        .iter()
        .map(|m| format!("\\mathrm{{{}}}", m.name()))
        .collect();
    let _ = writeln!(out, "% columns: {}", names.join(", "));
    let _ = writeln!(
        out,
        "\\[\nS^T = \\left(\\begin{{array}}{{{}}}",
        "r".repeat(names.len())
    );
    for row in transposed_stoichiometry(network) {
        let cells: Vec<String> = row.iter().map(i32::to_string).collect();
        let _ = writeln!(out, "{} \\\\", cells.join(" & "));
    }
    let _ = writeln!(out, "\\end{{array}}\\right)\n\\]");
    out
}

fn scientific(value: f64) -> String {
    let text = format!("{value:.3e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("${mantissa} \\times 10^{{{exponent}}}$"),
        None => text,
    }
}
