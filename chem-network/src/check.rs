//! What a network contains and what is wrong with it: balance, duplicates, conservation laws.

use std::collections::{BTreeMap, HashMap};

use crate::error::Error;
use crate::format::Format;
use crate::network::Network;
use crate::operations::{Identity, identity};
use crate::origin::UnsupportedRow;

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
    /// Symbols of the elements that occur.
    pub elements: Vec<String>,
    /// Number of rows of each kind of process that occurs, by its name.
    pub kinds: BTreeMap<&'static str, usize>,
    /// Species that no reaction forms: what is not there initially never will be.
    pub never_formed: Vec<String>,
    /// Species that no reaction destroys: they only accumulate.
    pub never_destroyed: Vec<String>,
    /// Groups of species with the same atoms, charge and phase.
    pub isomers: Vec<Vec<String>>,
    /// Dimension of the left null space of the stoichiometric matrix.
    pub conservation_laws: usize,
    /// An integer basis of that space: per law, the species and their weights.
    pub conservation_basis: Vec<BTreeMap<String, i64>>,
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
        let laws = self.conservation_laws()?;
        let names = |which: Vec<usize>| -> Vec<String> {
            let name = |&i: &usize| self.species()[i].name().to_owned();
            which.iter().map(name).collect()
        };
        let mut kinds = BTreeMap::new();
        for reaction in self.reactions() {
            *kinds.entry(reaction.kind.name()).or_default() += 1;
        }
        Ok(CheckReport {
            elements: self.element_symbols(),
            kinds,
            never_formed: names(self.never_formed()),
            never_destroyed: names(self.never_destroyed()),
            isomers: self.isomers().into_iter().map(names).collect(),
            conservation_basis: laws
                .iter()
                .map(|law| self.law_by_name(law))
                .collect::<Result<_, _>>()?,
            format: self.origin.format,
            rows: self.origin.rows,
            reactions: self.reactions().len() - duplicates,
            species: self.species().len(),
            unbalanced: self.unbalanced().len(),
            duplicates,
            conservation_laws: laws.len(),
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

    /// Symbols of the elements that occur in the species, in the order of [`Element`](crate::Element).
    fn element_symbols(&self) -> Vec<String> {
        let mut quantities = self.conserved_quantities();
        // The last one is the charge.
        quantities.pop();
        quantities.into_iter().map(|(symbol, _)| symbol).collect()
    }

    /// A conservation law by species, zeros left out.
    fn law_by_name(&self, law: &[i128]) -> Result<BTreeMap<String, i64>, Error> {
        let weights = self.species_names().zip(law).filter(|(_, w)| **w != 0);
        weights
            .map(|(name, &w)| {
                let weight = i64::try_from(w).map_err(|_| Error::IntegerOverflow)?;
                Ok((name.to_owned(), weight))
            })
            .collect()
    }

    /// Indices of the species that no reaction forms.
    #[must_use]
    pub fn never_formed(&self) -> Vec<usize> {
        self.untouched_by(|change| change > 0)
    }

    /// Indices of the species that no reaction destroys.
    #[must_use]
    pub fn never_destroyed(&self) -> Vec<usize> {
        self.untouched_by(|change| change < 0)
    }

    /// Species for which no reaction has a net change that `counts`.
    fn untouched_by(&self, counts: impl Fn(i32) -> bool) -> Vec<usize> {
        let mut touched = vec![false; self.species().len()];
        for reaction in self.reactions() {
            for (i, change) in reaction.net() {
                touched[i] |= counts(change);
            }
        }
        (0..touched.len()).filter(|&i| !touched[i]).collect()
    }

    /// Groups of two or more species with the same atoms and the same charge, by their indices, in
    /// the order of their first members.
    #[must_use]
    pub fn isomers(&self) -> Vec<Vec<usize>> {
        let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
        for (i, species) in self.species().iter().enumerate() {
            let key = (species.composition(), species.charge());
            groups.entry(key).or_default().push(i);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().filter(|g| g.len() > 1).collect();
        groups.sort_unstable();
        groups
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
        let mut first: HashMap<Identity, usize> = HashMap::new();
        let mut found = Vec::new();
        for (j, reaction) in self.reactions().iter().enumerate() {
            let key = identity(reaction);
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
