//! Stoichiometric matrices as Matrix Market files, which most numerical programs read.

use std::fmt::Write;

use super::Exported;
use crate::network::Network;
use nalgebra_sparse::CscMatrix;

/// Reactant orders, products, and S: species × reactions, integer, coordinates from 1. Names of the
/// species stand in comments, in the order of the rows.
pub(super) fn write(network: &Network) -> Vec<Exported> {
    [
        (
            ".reactants.mtx",
            "reactant orders",
            network.reactant_orders(),
        ),
        (".products.mtx", "products", network.products()),
        (
            ".net.mtx",
            "S = products - reactants",
            network.stoichiometry(),
        ),
    ]
    .into_iter()
    .map(|(suffix, what, matrix)| Exported {
        suffix,
        text: coordinates(network, what, &matrix),
    })
    .collect()
}

fn coordinates(network: &Network, what: &str, matrix: &CscMatrix<f64>) -> String {
    let mut out = String::from("%%MatrixMarket matrix coordinate integer general\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        // Writing into a `String` cannot fail.
        let _ = out.write_fmt(text);
        out.push('\n');
    };
    line(format_args!("% {what}, species x reactions"));
    if !network.title().is_empty() {
        line(format_args!("% {}", network.title()));
    }
    for (i, name) in network.species_names().enumerate() {
        line(format_args!("% row {}: {name}", i + 1));
    }
    let entries = || matrix.triplet_iter().filter(|(_, _, value)| **value != 0.0);
    line(format_args!(
        "{} {} {}",
        matrix.nrows(),
        matrix.ncols(),
        entries().count()
    ));
    for (i, j, value) in entries() {
        line(format_args!("{} {} {value}", i + 1, j + 1));
    }
    out
}
