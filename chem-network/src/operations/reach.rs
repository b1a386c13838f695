//! Which species and reactions a gas of given composition can ever reach.

use crate::error::Error;
use crate::network::Network;

impl Network {
    /// Per species, whether it is there initially or can be formed, in any number of steps, from
    /// what is: a reaction can run once all its reactants are there. `initial` holds names in any
    /// database's spelling.
    ///
    /// # Errors
    /// [`Error::UnknownSpecies`] for a name that is not in the network.
    pub fn reachable<S: AsRef<str>>(&self, initial: &[S]) -> Result<Vec<bool>, Error> {
        let mut present = vec![false; self.species().len()];
        let mut fresh = Vec::new();
        for name in initial {
            let i = self.index_of(name.as_ref(), "initial species")?;
            if !std::mem::replace(&mut present[i], true) {
                fresh.push(i);
            }
        }
        let mut missing: Vec<usize> = Vec::with_capacity(self.reactions().len());
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); self.species().len()];
        for (j, reaction) in self.reactions().iter().enumerate() {
            let mut reactants = reaction.reactants.clone();
            reactants.sort_unstable();
            reactants.dedup();
            missing.push(reactants.len());
            for i in reactants {
                waiting[i].push(j);
            }
        }
        while let Some(i) = fresh.pop() {
            for &j in &waiting[i] {
                missing[j] -= 1;
                if missing[j] > 0 {
                    continue;
                }
                for &product in &self.reactions()[j].products {
                    if !std::mem::replace(&mut present[product], true) {
                        fresh.push(product);
                    }
                }
            }
        }
        Ok(present)
    }

    /// Names of the species that can never appear where only `initial` ones are there at first.
    ///
    /// # Errors
    /// As [`Self::reachable`].
    pub fn unreachable<S: AsRef<str>>(&self, initial: &[S]) -> Result<Vec<&str>, Error> {
        let present = self.reachable(initial)?;
        let names = self.species_names().zip(present);
        Ok(names
            .filter_map(|(name, present)| (!present).then_some(name))
            .collect())
    }

    /// The network of the species that can be reached from `initial` and of the reactions that can
    /// run among them; both keep their order. Its solutions are those of the full network.
    ///
    /// # Errors
    /// As [`Self::reachable`].
    pub fn reduced_to_reachable<S: AsRef<str>>(&self, initial: &[S]) -> Result<Self, Error> {
        let present = self.reachable(initial)?;
        let names = self.species_names().zip(&present);
        let kept: Vec<&str> = names.filter_map(|(name, &p)| p.then_some(name)).collect();
        self.restricted_to(&kept)
    }
}
