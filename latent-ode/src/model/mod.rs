//! The surrogate: a trained encoder, latent network and decoder, ready to predict, in one file.

mod file;
mod network;
mod predict;

pub(crate) use file::parse as parse_metadata;
pub(crate) use network::Network;
pub use predict::{LatentRates, Predictions, Rollout, Start};

use serde::{Deserialize, Serialize};

use crate::{
    Error, LatentNetwork, Normalisation,
    train::{Record, TrainConfig},
};

/// A surrogate of a chemical network: encode a state, evolve it in the latent network, decode it at any later time.
///
/// States are number densities \[cm⁻³\] in the order of [`Surrogate::labels`], times in years. The latent network evolves in
/// normalised time τ = (log10 t − log10 t₀) / (log10 t₁ − log10 t₀) with t₀ and t₁ the first and last time of the training set, and
/// is autonomous in it.
#[derive(Clone, Debug)]
pub struct Surrogate {
    pub(crate) labels: Vec<String>,
    pub(crate) times: Vec<f64>,
    pub(crate) normalisation: Normalisation,
    pub(crate) network: Network,
    pub(crate) params: Vec<f32>,
    pub(crate) config: TrainConfig,
    pub(crate) history: Vec<Record>,
    pub(crate) summary: Summary,
}

/// How a surrogate came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Optimiser steps taken.
    pub steps: u64,
    /// Step whose parameters were kept.
    pub best_step: u64,
    /// Their validation score: mean log10 Δr of rollouts, averaged over species; null where there was no validation set.
    pub best_validation: Option<f64>,
    /// Seconds spent in training; not stored, so that equal trainings leave equal files.
    #[serde(skip)]
    pub seconds: f64,
}

impl Surrogate {
    /// Names of the species.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Times of the training set \[yr\].
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Scaling of log10 n.
    pub fn normalisation(&self) -> &Normalisation {
        &self.normalisation
    }

    /// The latent network.
    pub fn network(&self) -> &LatentNetwork {
        self.network.dynamics.network()
    }

    /// Fitted rate coefficients of the latent network, one per reaction, per unit of normalised time.
    pub fn rate_coefficients(&self) -> Vec<f64> {
        self.network
            .dynamics
            .rate_coefficients(&self.dynamics_params())
    }

    /// The configuration it was trained with.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// Losses and validation over the training.
    pub fn history(&self) -> &[Record] {
        &self.history
    }

    /// How it came about.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Number of latent variables.
    pub fn latent_dim(&self) -> usize {
        self.network.latent_dim()
    }

    /// Number of trained parameters.
    pub fn parameter_count(&self) -> usize {
        self.params.len()
    }

    /// log10 t on the scale on which the latent network evolves.
    pub fn normalised_time(&self, years: f64) -> f64 {
        let (a, b) = (
            self.times[0].log10(),
            self.times[self.times.len() - 1].log10(),
        );
        (years.log10() - a) / (b - a)
    }

    pub(crate) fn dynamics_params(&self) -> Vec<f64> {
        self.params[self.network.dynamics_range()]
            .iter()
            .map(|&p| f64::from(p))
            .collect()
    }

    /// dz/dτ of the latent network at a latent state.
    ///
    /// # Errors
    /// [`Error::Shape`] when `z` has another length than the latent state.
    pub fn latent_rhs(&self, z: &[f64]) -> Result<Vec<f64>, Error> {
        if z.len() != self.latent_dim() {
            return Err(Error::Shape {
                what: "latent state".into(),
                found: vec![z.len()],
                expected: format!("[{}]", self.latent_dim()),
            });
        }
        let mut out = vec![0.0; z.len()];
        stiff_ode_solvers::System::rhs(
            &self.network.dynamics.system(&self.dynamics_params()),
            0.0,
            z,
            &mut out,
        );
        Ok(out)
    }
}
