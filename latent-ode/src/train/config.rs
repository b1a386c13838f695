//! What a training is told: architecture, objective, optimiser, schedule. One TOML table; the recipes are two instances of it.

use autodiff_ae::{Activation, LossWeights, Reduction};
use serde::{Deserialize, Serialize};

use crate::{Coefficients, Error, Scaling};

/// Everything that determines a training, given its data: equal configurations and data give equal models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Name of the recipe this configuration started from.
    pub recipe: String,
    /// Seed of initial parameters and of all sampling.
    pub seed: u64,
    /// Number of optimiser steps, over which the learning rate follows its schedule.
    pub steps: u64,
    /// Stop after this many seconds of training, whatever the step (a stop by time is not reproducible). 0: no limit.
    #[serde(default)]
    pub max_seconds: f64,
    /// Validate on rollouts of `val` every so many steps.
    pub validate_every: u64,
    /// Stop when this many validations in a row brought no improvement, counted once the rate has fallen below a tenth of its peak (a
    /// model trained at a falling rate improves late). 0: never.
    #[serde(default)]
    pub patience: u64,
    /// Which parameters make the surrogate.
    #[serde(default)]
    pub keep: Keep,
    /// Encoder, decoder, latent network, scaling.
    pub model: ModelConfig,
    /// What is minimised.
    pub objective: Objective,
    /// By what.
    pub optimiser: OptimiserConfig,
}

/// Which parameters make the surrogate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those with the best rollouts on `val`.
    #[default]
    Best,
    /// Those of the last step.
    Last,
}

/// Encoder, decoder and latent network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Scaling of log10 n.
    pub scaling: Scaling,
    /// The encoder's input is clipped to ± this many scaled units; 0: not at all.
    #[serde(default)]
    pub input_clip: f64,
    /// Latent atoms.
    pub atoms: usize,
    /// Largest latent molecule.
    pub max_size: usize,
    /// How rate coefficients follow from trained parameters.
    pub coefficients: Coefficients,
    /// Trained parameters of the coefficients start uniform between these.
    pub coefficient_start: [f64; 2],
    /// Widths of the encoder's hidden layers.
    pub encoder: Vec<usize>,
    /// Widths of the decoder's hidden layers.
    pub decoder: Vec<usize>,
    /// Whether the decoder's hidden layers between equal widths add their output to their input.
    #[serde(default)]
    pub residual: bool,
    /// Activation of hidden layers.
    pub activation: Activation,
    /// Activation of the latent variables.
    pub latent_activation: Activation,
    /// Activation of the decoder's output.
    pub output_activation: Activation,
    /// Where positive, the decoder is given ln(z + this) beside z.
    #[serde(default)]
    pub log_latents: f64,
}

/// What training minimises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Objective {
    /// The losses L0–L3 of Grassi et al. 2021 on single outputs with derivatives by differencing; see `autodiff_ae::losses`.
    Derivatives(DerivativeObjective),
    /// Errors of decoded rollouts, differentiated through the latent solve.
    Rollout(RolloutObjective),
}

/// Settings of [`Objective::Derivatives`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivativeObjective {
    /// Samples (single outputs) per step.
    pub batch: usize,
    /// Factors of the four losses.
    pub weights: LossWeights,
    /// Mean over components, or the paper's norms.
    pub reduction: Reduction,
}

/// Settings of [`Objective::Rollout`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutObjective {
    /// Trajectories per step, all different.
    pub trajectories: usize,
    /// Outputs decoded per trajectory and step, one at random from each of so many equal parts of what lies ahead of its start.
    pub outputs: usize,
    /// Share of the trajectories that start at a random output instead of the first.
    pub random_starts: f64,
    /// Penalty of a scaled residual.
    pub penalty: Penalty,
    /// Factor of the same penalty on ψ(φ(x)) − x at the decoded outputs; 0 spares encoding them.
    #[serde(default)]
    pub reconstruction: f64,
    /// Factor of the mean square of z − φ(x) at the decoded outputs; 0 spares encoding them.
    #[serde(default)]
    pub consistency: f64,
    /// Runge–Kutta steps per output interval of the latent solve in training.
    pub substeps: usize,
    /// Factor on the penalty per species, in the order of the labels; empty: 1 for all.
    #[serde(default)]
    pub species_weights: Vec<f64>,
}

/// Penalty of a residual d, scaled so that its slope is at most of order 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum Penalty {
    /// d².
    Square,
    /// √(d² + ε²): absolute beyond ε.
    Absolute {
        /// ε.
        epsilon: f64,
    },
    /// ln cosh d.
    LogCosh,
    /// ½ ln(1 + d²/ε²): relative improvements count alike.
    LogSquare {
        /// ε.
        epsilon: f64,
    },
}

/// By what means the objective is minimised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserConfig {
    /// Method.
    pub method: Method,
    /// Learning rate (its highest value).
    pub rate: f64,
    /// Course of the rate.
    pub schedule: RateSchedule,
    /// Steps over which the rate first rises linearly.
    #[serde(default)]
    pub warmup: u64,
    /// The gradient's Euclidean norm is cut to this; 0: not at all.
    #[serde(default)]
    pub clip_norm: f64,
    /// Decay of the exponential moving average of parameters that is validated and kept; 0: the parameters themselves.
    #[serde(default)]
    pub average: f64,
}

/// Optimiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Adam, β 0.9 and 0.999, ε 1e-7.
    Adam,
    /// Muon (orthogonalised momentum) for weight matrices, Adam at 0.3 of the rate for everything else.
    Muon,
}

/// Course of the learning rate after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateSchedule {
    /// Constant.
    Constant,
    /// Half a cosine down to 0.
    Cosine,
}

impl TrainConfig {
    /// A recipe by name: `default` or `paper`.
    ///
    /// # Errors
    /// [`Error::Option`] for any other name.
    pub fn recipe(name: &str) -> Result<Self, Error> {
        match name {
            "default" => Ok(Self::default_recipe()),
            "paper" => Ok(Self::paper()),
            _ => Err(Error::Option {
                name: "recipe",
                value: name.into(),
                reason: "`default` or `paper`".into(),
            }),
        }
    }

    /// Training through the rollout, from random outputs to random later ones, species standardised one by one.
    ///
    /// The rate belongs to the number of steps: 2.5e-2 √(4000/steps) was best at 4,000, 12,000 and 30,000 steps.
    pub fn default_recipe() -> Self {
        Self {
            recipe: "default".into(),
            seed: 1,
            steps: 40_000,
            max_seconds: 0.0,
            validate_every: 500,
            patience: 6,
            keep: Keep::Best,
            model: ModelConfig {
                scaling: Scaling::Standard,
                input_clip: 6.0,
                atoms: 2,
                max_size: 2,
                coefficients: Coefficients::Exponential,
                coefficient_start: [-2.0, 0.0],
                encoder: vec![64, 64],
                decoder: vec![64, 64, 64, 64, 64, 64],
                residual: true,
                activation: Activation::Silu,
                latent_activation: Activation::Softplus,
                output_activation: Activation::Identity,
                log_latents: 1e-4,
            },
            objective: Objective::Rollout(RolloutObjective {
                trajectories: 32,
                outputs: 32,
                random_starts: 0.5,
                penalty: Penalty::Absolute { epsilon: 3e-4 },
                reconstruction: 0.0,
                consistency: 1.0,
                substeps: 1,
                species_weights: Vec::new(),
            }),
            optimiser: OptimiserConfig {
                method: Method::Muon,
                rate: 8e-3,
                schedule: RateSchedule::Cosine,
                warmup: 100,
                clip_norm: 1.0,
                average: 0.0,
            },
        }
    }

    /// The configuration of Grassi et al. 2021: their autoencoder, losses, weights, rate and number of epochs (100 of 45,000
    /// outputs); derivative targets by differencing on the grid.
    pub fn paper() -> Self {
        Self {
            recipe: "paper".into(),
            seed: 1,
            steps: 140_600,
            max_seconds: 0.0,
            validate_every: 1_406,
            patience: 0,
            keep: Keep::Last,
            model: ModelConfig {
                scaling: Scaling::MinMaxJoint,
                input_clip: 0.0,
                atoms: 2,
                max_size: 2,
                coefficients: Coefficients::Free,
                coefficient_start: [-0.05, 0.05],
                encoder: vec![32, 16, 8],
                decoder: vec![8, 16, 32],
                residual: false,
                activation: Activation::Relu,
                latent_activation: Activation::Tanh,
                output_activation: Activation::Tanh,
                log_latents: 0.0,
            },
            objective: Objective::Derivatives(DerivativeObjective {
                batch: 32,
                weights: LossWeights::default(),
                reduction: Reduction::Mean,
            }),
            optimiser: OptimiserConfig {
                method: Method::Adam,
                rate: 1e-4,
                schedule: RateSchedule::Constant,
                warmup: 0,
                clip_norm: 0.0,
                average: 0.0,
            },
        }
    }

    /// Reads a configuration from TOML.
    ///
    /// # Errors
    /// [`Error::Config`] with line and column for text that is not such a configuration, and as [`TrainConfig::validate`].
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        let config: Self = toml::from_str(text).map_err(|e| Error::Config(e.to_string()))?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as TOML, complete.
    ///
    /// # Errors
    /// [`Error::Config`] when it cannot be expressed (never for a valid configuration).
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string_pretty(self).map_err(|e| Error::Config(e.to_string()))
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Option`] naming the first such value.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |ok: bool, name: &'static str, value: String, reason: &str| {
            if ok {
                Ok(())
            } else {
                Err(Error::Option {
                    name,
                    value,
                    reason: reason.into(),
                })
            }
        };
        let positive = |name, value: f64| {
            check(
                value > 0.0 && value.is_finite(),
                name,
                value.to_string(),
                "must be positive and finite",
            )
        };
        let not_negative = |name, value: f64| {
            check(
                value >= 0.0 && value.is_finite(),
                name,
                value.to_string(),
                "must be finite and not negative",
            )
        };
        let at_least_one =
            |name, value: u64| check(value > 0, name, value.to_string(), "must be at least 1");
        at_least_one("steps", self.steps)?;
        at_least_one("validate_every", self.validate_every)?;
        not_negative("max_seconds", self.max_seconds)?;
        not_negative("model.input_clip", self.model.input_clip)?;
        not_negative("model.log_latents", self.model.log_latents)?;
        let [low, high] = self.model.coefficient_start;
        let start = format!("[{low}, {high}]");
        check(
            low <= high && low.is_finite() && high.is_finite(),
            "model.coefficient_start",
            start,
            "must rise and be finite",
        )?;
        for (name, widths) in [
            ("model.encoder", &self.model.encoder),
            ("model.decoder", &self.model.decoder),
        ] {
            check(
                !widths.contains(&0),
                name,
                format!("{widths:?}"),
                "widths must be at least 1",
            )?;
        }
        positive("optimiser.rate", self.optimiser.rate)?;
        not_negative("optimiser.clip_norm", self.optimiser.clip_norm)?;
        let average = self.optimiser.average;
        check(
            (0.0..1.0).contains(&average),
            "optimiser.average",
            average.to_string(),
            "must be at least 0 and below 1",
        )?;
        match &self.objective {
            Objective::Derivatives(o) => {
                at_least_one("objective.batch", o.batch as u64)?;
                o.weights
                    .as_array()
                    .into_iter()
                    .try_for_each(|w| not_negative("objective.weights", w))
            }
            Objective::Rollout(o) => {
                at_least_one("objective.trajectories", o.trajectories as u64)?;
                at_least_one("objective.outputs", o.outputs as u64)?;
                at_least_one("objective.substeps", o.substeps as u64)?;
                let share = o.random_starts;
                check(
                    (0.0..=1.0).contains(&share),
                    "objective.random_starts",
                    share.to_string(),
                    "must lie between 0 and 1",
                )?;
                not_negative("objective.reconstruction", o.reconstruction)?;
                not_negative("objective.consistency", o.consistency)?;
                if let Penalty::Absolute { epsilon } | Penalty::LogSquare { epsilon } = o.penalty {
                    positive("objective.penalty.epsilon", epsilon)?;
                }
                o.species_weights
                    .iter()
                    .try_for_each(|&w| not_negative("objective.species_weights", w))
            }
        }
    }
}
