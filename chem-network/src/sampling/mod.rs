//! Seeded initial states: the distributions of the literature, and general ones given in TOML.
//!
//! Every species that a [`Distribution`] names is fixed, drawn log-uniformly from a range,
//! proportional to the sum of others, or the closure of an element's total or of the charge; all
//! others start at a floor. Model i depends on the seed and on i alone, whatever the number of
//! models and threads.
//!
//! # The TOML format
//! ```
//! use chem_network::{embedded, sampling::Distribution};
//! let distribution = Distribution::from_toml(
//!     r#"
//!     units = "relative"         # numbers below times total_density; or "cm-3"
//!     total_density = 1e4        # cm^-3; only with units = "relative", default 1e4
//!     floor = 1e-20              # every species not named, default 1e-20
//!
//!     [species]                  # names in any database's spelling
//!     "C+" = { log_uniform = [1e-6, 1e-4] }
//!     CO = { log_uniform = [1e-8, 1e-5] }
//!     OH = { proportional_to = ["CO"], factor = 0.1 }     # factor 1 if left out
//!     H = 1e-4                   # fixed
//!
//!     [closure]                  # the species takes what the named ones leave over
//!     O = { total = 5e-4, species = "O" }
//!     H = { total = 2.0, species = "H2" }
//!     charge = "e-"
//!     "#,
//! )?;
//! let network = embedded("osu224").unwrap();
//! let initial = distribution.sample(&network, 3, 1)?;
//! assert_eq!(initial.parameter_names(), ["C+", "CO"]);
//! let electrons = initial.state(2)[network.species_index("e-").unwrap()];
//! assert_eq!(electrons, initial.parameters(2)[0]); // C+ is the only ion that is named
//! # Ok::<(), chem_network::Error>(())
//! ```
//! Sums and closures count the species that are named; those at the floor stand for "none".

mod compile;
mod text;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::error::Error;
use crate::network::Network;
use compile::Compiled;

/// How the initial number density of one species is chosen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Abundance {
    /// Always this value.
    Fixed(f64),
    /// Uniform in the logarithm between two positive bounds.
    LogUniform(f64, f64),
    /// A factor times the sum of other species.
    ProportionalTo {
        /// The other species.
        species: Vec<String>,
        /// The factor.
        factor: f64,
    },
}

/// A species that takes what is left of an element's total, or the charge that is left.
#[derive(Debug, Clone, PartialEq)]
pub struct Closure {
    /// Symbol of the element and its total; `None` for the charge, whose total is 0.
    pub element: Option<(String, f64)>,
    /// The species.
    pub species: String,
}

/// A distribution of initial states.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Numbers are relative to this total density [cm⁻³]; `None`: they are in cm⁻³.
    total_density: Option<f64>,
    floor: f64,
    species: Vec<(String, Abundance)>,
    closures: Vec<Closure>,
}

/// Default total density n_tot [cm⁻³] of the distributions of the literature.
pub const DEFAULT_TOTAL_DENSITY: f64 = 1e4;
/// Default floor, relative to n_tot.
const DEFAULT_FLOOR: f64 = 1e-20;

impl Distribution {
    /// Grassi et al. (2021): n(H2) = n_tot; n(C), n(C+) log-uniform in [1e-6, 1e-3] n_tot;
    /// n(O) = n(C) + n(C+); n(e-) = n(C+); all others 1e-20 n_tot. n_tot is 1e4 cm⁻³ unless
    /// changed by [`with_total_density`](Self::with_total_density).
    #[must_use]
    pub fn grassi() -> Self {
        Self::carbon(1e-3, 1.0)
    }

    /// The `osu2008` set of the CODES benchmark: as [`grassi`](Self::grassi), but C and C+ in
    /// [1e-6, 1e-4] n_tot and n(O) = 4 (n(C) + n(C+)).
    #[must_use]
    pub fn codes() -> Self {
        Self::carbon(1e-4, 4.0)
    }

    fn carbon(most: f64, oxygen: f64) -> Self {
        let named = |name: &str, abundance| (name.to_owned(), abundance);
        Self {
            total_density: Some(DEFAULT_TOTAL_DENSITY),
            floor: DEFAULT_FLOOR,
            species: vec![
                named("C", Abundance::LogUniform(1e-6, most)),
                named("C+", Abundance::LogUniform(1e-6, most)),
                named("H2", Abundance::Fixed(1.0)),
                named(
                    "O",
                    Abundance::ProportionalTo {
                        species: vec!["C".to_owned(), "C+".to_owned()],
                        factor: oxygen,
                    },
                ),
            ],
            closures: vec![Closure {
                element: None,
                species: "e-".to_owned(),
            }],
        }
    }

    /// `grassi` or `codes`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "grassi" => Some(Self::grassi()),
            "codes" => Some(Self::codes()),
            _ => None,
        }
    }

    /// Reads a distribution from TOML, see the [module](self) for the format.
    ///
    /// # Errors
    /// [`Error::Toml`] for a text that is not TOML; [`Error::Distribution`] naming key, value and
    /// what was expected.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        text::read(text)
    }

    /// Changes the total density n_tot [cm⁻³] that relative numbers refer to.
    ///
    /// # Errors
    /// [`Error::Distribution`] if it is not a finite number above 0, or if the numbers of this
    /// distribution are in cm⁻³.
    pub fn with_total_density(mut self, n_tot: f64) -> Result<Self, Error> {
        let refuse = |found: String, expected: &str| {
            Err(Error::Distribution {
                key: "total_density".to_owned(),
                found,
                expected: expected.to_owned(),
            })
        };
        if self.total_density.is_none() {
            return refuse(n_tot.to_string(), "none: the numbers are in cm^-3");
        }
        if !(n_tot.is_finite() && n_tot > 0.0) {
            return refuse(n_tot.to_string(), "a finite number of cm^-3 above 0");
        }
        self.total_density = Some(n_tot);
        Ok(self)
    }

    /// Total density n_tot [cm⁻³] of relative numbers; `None` if they are in cm⁻³.
    #[must_use]
    pub fn total_density(&self) -> Option<f64> {
        self.total_density
    }

    /// Names of the species that are drawn, in the order of the parameters.
    #[must_use]
    pub fn parameter_names(&self) -> Vec<&str> {
        let drawn = |abundance: &Abundance| matches!(abundance, Abundance::LogUniform(..));
        let named = self
            .species
            .iter()
            .filter(|(_, abundance)| drawn(abundance));
        named.map(|(name, _)| name.as_str()).collect()
    }

    /// Draws the initial states of models 0 … `models` − 1.
    ///
    /// # Errors
    /// [`Error::UnknownSpecies`] for a species that the network does not have;
    /// [`Error::Distribution`] for a closure that cannot be computed; [`Error::Closure`] naming
    /// the model in which the others use up more than the total.
    pub fn sample(
        &self,
        network: &Network,
        models: usize,
        seed: u64,
    ) -> Result<InitialStates, Error> {
        let compiled = Compiled::new(self, network)?;
        let mut initial = InitialStates {
            models,
            species: network.species().len(),
            names: self
                .parameter_names()
                .into_iter()
                .map(str::to_owned)
                .collect(),
            states: Vec::with_capacity(models * network.species().len()),
            parameters: Vec::new(),
        };
        for model in 0..models as u64 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(model);
            // 53 random bits: uniform in [0, 1).
            let uniform = || (rng.next_u64() >> 11) as f64 * f64::powi(2.0, -53);
            compiled.draw(model, uniform, &mut initial.states, &mut initial.parameters)?;
        }
        Ok(initial)
    }
}

/// Initial states of many models, and what was drawn to make them.
#[derive(Debug, Clone, PartialEq)]
pub struct InitialStates {
    models: usize,
    species: usize,
    names: Vec<String>,
    states: Vec<f64>,
    parameters: Vec<f64>,
}

impl InitialStates {
    /// Number of models.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models == 0
    }

    /// Number densities [cm⁻³] of model `model`, in the order of the network's species.
    ///
    /// # Panics
    /// If there is no such model.
    #[must_use]
    pub fn state(&self, model: usize) -> &[f64] {
        &self.states[model * self.species..][..self.species]
    }

    /// All number densities [cm⁻³], models × species, one model after the other.
    #[must_use]
    pub fn states(&self) -> &[f64] {
        &self.states
    }

    /// Names of the sampled parameters: the species whose number densities were drawn.
    #[must_use]
    pub fn parameter_names(&self) -> &[String] {
        &self.names
    }

    /// Sampled number densities [cm⁻³] of model `model`, in the order of the names.
    ///
    /// # Panics
    /// If there is no such model.
    #[must_use]
    pub fn parameters(&self, model: usize) -> &[f64] {
        &self.parameters[model * self.names.len()..][..self.names.len()]
    }

    /// All sampled number densities [cm⁻³], models × parameters, one model after the other.
    #[must_use]
    pub fn all_parameters(&self) -> &[f64] {
        &self.parameters
    }
}
