//! Two networks as one: species by name, reactions of the second that the first does not have.

use std::collections::{HashMap, HashSet};

use super::{Identity, identity};
use crate::error::Error;
use crate::network::Network;
use crate::reaction::Reaction;
use crate::species::Species;

/// What [`Network::merged_with`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// Species and reactions of the first network in their order, then what the second adds.
    pub network: Network,
    /// Reactions of the second network that the first has already (same reactants, products and
    /// kind of process), as indices into the second; the first's rate was kept.
    pub already_there: Vec<usize>,
}

impl Network {
    /// This network with everything that `other` adds. Species are the same where their names are;
    /// a reaction that is in both keeps this network's rate. Title and source are this network's.
    ///
    /// # Errors
    /// [`Error::ConflictingSpecies`] if a name stands for different atoms or charges.
    pub fn merged_with(&self, other: &Self) -> Result<Merged, Error> {
        let mut species: Vec<Species> = self.species().to_vec();
        let mut by_name: HashMap<String, usize> = species
            .iter()
            .enumerate()
            .map(|(i, one)| (one.name().to_owned(), i))
            .collect();
        let mut place = Vec::with_capacity(other.species().len());
        for one in other.species() {
            let i = match by_name.get(one.name()) {
                Some(&i) => {
                    let here = &species[i];
                    if here.composition() != one.composition() || here.charge() != one.charge() {
                        return Err(Error::ConflictingSpecies {
                            name: one.name().to_owned(),
                            first: format!("{} with charge {}", here.composition(), here.charge()),
                            second: format!("{} with charge {}", one.composition(), one.charge()),
                        });
                    }
                    i
                }
                None => {
                    by_name.insert(one.name().to_owned(), species.len());
                    species.push(one.clone());
                    species.len() - 1
                }
            };
            place.push(i);
        }
        let mut reactions = self.reactions().to_vec();
        let known: HashSet<Identity> = reactions.iter().map(identity).collect();
        let mut already_there = Vec::new();
        for (j, reaction) in other.reactions().iter().enumerate() {
            let renumber = |side: &[usize]| side.iter().map(|&i| place[i]).collect();
            let reaction = Reaction {
                reactants: renumber(&reaction.reactants),
                products: renumber(&reaction.products),
                ..reaction.clone()
            };
            if known.contains(&identity(&reaction)) {
                already_there.push(j);
            } else {
                reactions.push(reaction);
            }
        }
        let network = Self::new(species, reactions)?
            .with_title(self.title())
            .with_source(self.source());
        Ok(Merged {
            network,
            already_there,
        })
    }
}
