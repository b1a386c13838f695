//! Latent networks as text: for reading, for papers, and as source for other programs. One writer per file.

mod latex;
mod python;
mod rust;
mod table;

use std::{fmt, str::FromStr};

use super::LatentNetwork;

/// A textual form of a latent network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Plain text for a terminal: molecules, reactions, stoichiometric matrix.
    Table,
    /// LaTeX: a table of reactions and the transposed stoichiometric matrix.
    Latex,
    /// Rust source: constants and the right-hand side `fn rhs(z, k, dzdt)`.
    Rust,
    /// Python source: the right-hand side `rhs(z, k)`, plain lists, no dependencies.
    Python,
}

impl ExportFormat {
    /// All formats, in the order in which a help text lists them.
    pub const ALL: [Self; 4] = [Self::Table, Self::Latex, Self::Rust, Self::Python];

    /// The name used on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Latex => "latex",
            Self::Rust => "rust",
            Self::Python => "python",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ExportFormat {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|f| f.name() == text)
            .ok_or_else(|| crate::Error::Option {
                name: "format",
                value: text.into(),
                reason: "table, latex, rust or python".into(),
            })
    }
}

pub(super) fn write(
    network: &LatentNetwork,
    format: ExportFormat,
    coefficients: Option<&[f64]>,
) -> String {
    match format {
        ExportFormat::Table => table::write(network, coefficients),
        ExportFormat::Latex => latex::write(network, coefficients),
        ExportFormat::Rust => rust::write(network, coefficients),
        ExportFormat::Python => python::write(network, coefficients),
    }
}

/// Rows of the transposed stoichiometric matrix (one per reaction) as integers.
fn transposed_stoichiometry(network: &LatentNetwork) -> Vec<Vec<i32>> {
    network
        .reactions()
        .iter()
        .map(|reaction| {
            let mut row = vec![0; network.molecules().len()];
            for &i in reaction.reactants() {
                row[i] -= 1;
            }
            for &i in reaction.products() {
                row[i] += 1;
            }
            row
        })
        .collect()
}

/// For every molecule its terms in ż as (sign, multiplicity, reaction).
fn terms(network: &LatentNetwork) -> Vec<Vec<(i32, usize)>> {
    let mut terms = vec![Vec::new(); network.molecules().len()];
    for (j, row) in transposed_stoichiometry(network).into_iter().enumerate() {
        for (i, s) in row.into_iter().enumerate().filter(|&(_, s)| s != 0) {
            terms[i].push((s, j));
        }
    }
    terms
}

/// A term as source text, e.g. ` - 2.0 * r[3]`.
fn source_term(s: i32, reaction: usize) -> String {
    let sign = if s < 0 { '-' } else { '+' };
    match s.abs() {
        1 => format!(" {sign} r[{reaction}]"),
        n => format!(" {sign} {n}.0 * r[{reaction}]"),
    }
}
