//! Parts of a network: without some species, without some kinds of process, without idle species.

use crate::error::Error;
use crate::network::Network;
use crate::reaction::ReactionKind;

impl Network {
    /// Index of a species that must be there.
    pub(crate) fn index_of(&self, name: &str, context: &str) -> Result<usize, Error> {
        self.species_index(name)
            .ok_or_else(|| Error::UnknownSpecies {
                name: name.to_owned(),
                context: context.to_owned(),
            })
    }

    /// The network without these species and without every reaction in which one of them takes part.
    ///
    /// # Errors
    /// [`Error::UnknownSpecies`].
    pub fn without_species<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, Error> {
        let mut keep = vec![true; self.species().len()];
        for name in names {
            keep[self.index_of(name.as_ref(), "species to leave out")?] = false;
        }
        self.keeping(&keep)
    }

    /// The network without the reactions of these kinds; species stay.
    ///
    /// # Errors
    /// None that a valid network can cause.
    pub fn without_kinds(&self, kinds: &[ReactionKind]) -> Result<Self, Error> {
        self.filter_reactions(|reaction| !kinds.contains(&reaction.kind))
    }

    /// The network without species that take part in no reaction.
    ///
    /// # Errors
    /// None that a valid network can cause.
    pub fn without_idle_species(&self) -> Result<Self, Error> {
        let mut keep = vec![false; self.species().len()];
        for reaction in self.reactions() {
            for &i in reaction.reactants.iter().chain(&reaction.products) {
                keep[i] = true;
            }
        }
        self.keeping(&keep)
    }

    fn keeping(&self, keep: &[bool]) -> Result<Self, Error> {
        let names = self.species_names().zip(keep);
        let kept: Vec<&str> = names
            .filter_map(|(name, &keep)| keep.then_some(name))
            .collect();
        self.restricted_to(&kept)
    }
}
