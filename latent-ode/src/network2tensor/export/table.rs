//! Plain-text form of a latent network, for a terminal.

use std::fmt::Write as _;

use super::{super::LatentNetwork, transposed_stoichiometry};

pub(super) fn write(network: &LatentNetwork, coefficients: Option<&[f64]>) -> String {
    let names: Vec<&str> = network.molecules().iter().map(|m| m.name()).collect();
    let width = names.iter().map(|n| n.len()).max().unwrap_or(1).max(2);
    let equations: Vec<String> = (0..network.reactions().len())
        .map(|j| network.equation(j))
        .collect();
    let equation_width = equations.iter().map(String::len).max().unwrap_or(0);
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "latent network: {} atoms, molecules of up to {} atoms: {} molecules, {} reactions",
        network.atoms(),
        network.max_size(),
        names.len(),
        equations.len()
    );
    let _ = writeln!(out, "\n{:>w$}  mass", "molecule", w = width.max(8));
    for molecule in network.molecules() {
        let _ = writeln!(
            out,
            "{:>w$}  {}",
            molecule.name(),
            molecule.mass(),
            w = width.max(8)
        );
    }
    let head = names
        .iter()
        .fold(String::new(), |line, n| format!("{line} {n:>width$}"));
    let _ = writeln!(
        out,
        "\n{:>4}  {:<equation_width$} {head}{}",
        "no.",
        "reaction",
        if coefficients.is_some() {
            "   coefficient"
        } else {
            ""
        }
    );
    for (j, row) in transposed_stoichiometry(network).iter().enumerate() {
        let cells = row
            .iter()
            .fold(String::new(), |line, s| format!("{line} {s:>width$}"));
        let k = coefficients.map_or_else(String::new, |k| format!("   {:.6e}", k[j]));
        let _ = writeln!(
            out,
            "{:>4}  {:<equation_width$} {cells}{k}",
            j + 1,
            equations[j]
        );
    }
    out
}
