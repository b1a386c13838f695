//! Rates of every reaction at a state, and which of them form and destroy a species.

use crate::error::Error;
use crate::kinetics::Kinetics;

/// What one reaction does to a species.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// The reaction, an index into [`Network::reactions`](crate::Network::reactions).
    pub reaction: usize,
    /// Its share of dn/dt of the species [cm⁻³ s⁻¹]: net stoichiometry times rate; positive where
    /// it forms the species.
    pub rate: f64,
}

/// The reactions that form and destroy a species at one state, largest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pathways {
    /// Reactions with a positive share.
    pub formation: Vec<Contribution>,
    /// Reactions with a negative share.
    pub destruction: Vec<Contribution>,
}

impl Pathways {
    /// dn/dt of the species [cm⁻³ s⁻¹], the sum of all shares.
    #[must_use]
    pub fn net(&self) -> f64 {
        self.total_formation() - self.total_destruction()
    }

    /// Sum of the positive shares [cm⁻³ s⁻¹].
    #[must_use]
    pub fn total_formation(&self) -> f64 {
        // From the smallest on: rounding then stays below the last place of the sum.
        self.formation.iter().rev().map(|c| c.rate).sum()
    }

    /// Sum of the negative shares, as a positive number [cm⁻³ s⁻¹].
    #[must_use]
    pub fn total_destruction(&self) -> f64 {
        self.destruction.iter().rev().map(|c| -c.rate).sum()
    }
}

impl Kinetics {
    /// [`Self::rates`] along a solution: `states` holds one state after the other (species
    /// × outputs), the result the rates in the same order (reactions × outputs).
    ///
    /// # Errors
    /// [`Error::Length`] if `states` is no whole number of states.
    pub fn rates_along(&self, states: &[f64]) -> Result<Vec<f64>, Error> {
        let dim = self.dim().max(1);
        check("states", states.len() % dim, 0)?;
        let reactions = self.network().reactions().len();
        let mut rates = vec![0.0; states.len() / dim * reactions];
        for (n, rates) in states.chunks(dim).zip(rates.chunks_mut(reactions.max(1))) {
            self.rates(n, rates);
        }
        Ok(rates)
    }

    /// What forms and what destroys a species (by index) at the state `n` [cm⁻³].
    ///
    /// ```
    /// use chem_network::{Environment, Kinetics, embedded};
    /// let network = embedded("osu224").unwrap();
    /// let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16))?;
    /// let co = network.species_index("CO").unwrap();
    /// let paths = kinetics.pathways(co, &vec![1e-3; kinetics.dim()])?;
    /// let main = paths.formation[0];
    /// println!("{}: {:.2e} cm^-3 s^-1", network.reaction_text(main.reaction), main.rate);
    /// # Ok::<(), chem_network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if there is no such species or `n` has the wrong length.
    pub fn pathways(&self, species: usize, n: &[f64]) -> Result<Pathways, Error> {
        if species >= self.dim() {
            return Err(Error::Length {
                what: "species of the network",
                found: self.dim(),
                expected: species + 1,
            });
        }
        let reactions = self.network().reactions();
        let mut rates = vec![0.0; reactions.len()];
        check("state", n.len(), self.dim())?;
        self.rates(n, &mut rates);
        let mut paths = Pathways::default();
        for (j, reaction) in reactions.iter().enumerate() {
            let count = |side: &[usize]| side.iter().filter(|&&i| i == species).count() as f64;
            let change = count(&reaction.products) - count(&reaction.reactants);
            let contribution = Contribution {
                reaction: j,
                rate: change * rates[j],
            };
            if contribution.rate > 0.0 {
                paths.formation.push(contribution);
            } else if contribution.rate < 0.0 {
                paths.destruction.push(contribution);
            }
        }
        for list in [&mut paths.formation, &mut paths.destruction] {
            list.sort_by(|a, b| b.rate.abs().total_cmp(&a.rate.abs()));
        }
        Ok(paths)
    }
}

fn check(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Length {
        what,
        found,
        expected,
    })
}
