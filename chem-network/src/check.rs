//! What a network contains and what is wrong with it: balance, duplicates, conservation laws.

use std::collections::HashMap;

use crate::error::Error;
use crate::format::Format;
use crate::network::{Network, UnsupportedRow};
use crate::reaction::ReactionKind;

/// Findings about a network; serialises to the object that `network check --json` prints.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CheckReport {
    /// Format of the file; `None` (`null`) for a network that was not read from one.
    pub format: Option<Format>,
    /// Reaction rows of the file.
    pub rows: usize,
    /// Different reactions: reactants, products, kind of process.
    pub reactions: usize,
    /// Species.
    pub species: usize,
    /// Reactions that do not conserve every element and the charge.
    pub unbalanced: usize,
    /// Rows that repeat a reaction.
    pub duplicates: usize,
    /// Dimension of the left null space of the stoichiometric matrix.
    pub conservation_laws: usize,
    /// Structural nonzeros of the Jacobian, diagonal included.
    pub jacobian_nonzeros: usize,
    /// Rows whose rate law has no implementation.
    pub unsupported: Vec<UnsupportedRow>,
}

/// A reaction that does not conserve something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imbalance {
    /// The reaction, an index into [`Network::reactions`].
    pub reaction: usize,
    /// What is gained: (element symbol or `charge`, products − reactants), zeros left out.
    pub gains: Vec<(String, i64)>,
}

impl Network {
    /// Counts and findings.
    ///
    /// # Errors
    /// [`Error::IntegerOverflow`] from [`Network::conservation_laws`].
    pub fn check(&self) -> Result<CheckReport, Error> {
        let duplicates = self.duplicates().len();
        Ok(CheckReport {
            format: self.origin.format,
            rows: self.origin.rows,
            reactions: self.reactions().len() - duplicates,
            species: self.species().len(),
            unbalanced: self.unbalanced().len(),
            duplicates,
            conservation_laws: self.conservation_laws()?.len(),
            jacobian_nonzeros: self.jacobian_pattern().1.len(),
            unsupported: self.unsupported().to_vec(),
        })
    }

    /// Rows whose rate law has no implementation.
    #[must_use]
    pub fn unsupported(&self) -> &[UnsupportedRow] {
        &self.origin.unsupported
    }

    /// Format of the file the network was read from.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.origin.format
    }

    /// Reactions that do not conserve elements or charge.
    #[must_use]
    pub fn unbalanced(&self) -> Vec<Imbalance> {
        let mut found = Vec::new();
        for (reaction, row) in self.reactions().iter().enumerate() {
            let mut gains: Vec<(String, i64)> = Vec::new();
            let mut gain =
                |what: &str, change: i64| match gains.iter_mut().find(|(name, _)| name == what) {
                    Some((_, sum)) => *sum += change,
                    None => gains.push((what.to_owned(), change)),
                };
            for (i, change) in row.net() {
                let species = &self.species()[i];
                let change = i64::from(change);
                for (element, count) in species.composition().iter() {
                    gain(element.symbol(), change * i64::from(count));
                }
                gain("charge", change * i64::from(species.charge()));
            }
            gains.retain(|&(_, sum)| sum != 0);
            if !gains.is_empty() {
                found.push(Imbalance { reaction, gains });
            }
        }
        found
    }

    /// Rows that repeat an earlier reaction (same reactants, products and kind): pairs of
    /// indices (earlier, repeated).
    #[must_use]
    pub fn duplicates(&self) -> Vec<(usize, usize)> {
        let mut first: HashMap<(Vec<usize>, Vec<usize>, ReactionKind), usize> = HashMap::new();
        let mut found = Vec::new();
        for (j, reaction) in self.reactions().iter().enumerate() {
            let sorted = |side: &[usize]| {
                let mut side = side.to_vec();
                side.sort_unstable();
                side
            };
            let key = (
                sorted(&reaction.reactants),
                sorted(&reaction.products),
                reaction.kind,
            );
            match first.get(&key) {
                Some(&earlier) => found.push((earlier, j)),
                None => {
                    first.insert(key, j);
                }
            }
        }
        found
    }
}
