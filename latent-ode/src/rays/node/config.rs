//! What the family `node` is told: networks, solver, loss, and the schedules of weights, windows and rate as data.

use super::super::config::PointLoss;
use crate::Error;
use autodiff_ae::Activation;
use serde::{Deserialize, Serialize};

/// What the networks are told of a point beside the latent state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureSet {
    /// The paper's: standardised log10 of A_V and of the inputs.
    Logarithms,
    /// Those of the family `pointwise`: also linear A_V, its exponentials, ratios and the mean temperature up to the point.
    #[default]
    Extended,
}

/// How what is given at the points drives the latent system between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrivenBy {
    /// The value of the point before (the paper's). Steps that cross a jump are left to the error estimate, as diffrax does without
    /// `jump_ts`.
    Constant,
    /// Linear between the points: the right-hand side is then continuous, and steps may be longer than the grid.
    #[default]
    Linear,
}

/// Method of the latent solve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SolverMethod {
    /// Explicit, order 5(4).
    #[default]
    Tsit5,
    /// Implicit, order 5(4), for latent systems that turn stiff.
    Kvaerno5,
}

/// The latent solve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSolver {
    /// Method.
    pub method: SolverMethod,
    /// Relative tolerance of latent states.
    pub rtol: f64,
    /// Absolute tolerance of latent states.
    pub atol: f64,
    /// Whether a step must end at every point of the grid, where what drives the system has its jumps or kinks.
    pub stops: bool,
    /// Attempted steps after which a ray is given up.
    pub max_steps: usize,
}

/// A part of the training with a course of the rate of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeStage {
    /// Passes over the rays.
    pub epochs: u64,
    /// Passes of the linear warm-up among them.
    pub warmup: u64,
    /// Points of the contiguous windows, at random places, that are looked at; 0: whole rays.
    pub window: usize,
}

/// Weights of the losses at an epoch; linear in between, constant before the first and after the last.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossWeight {
    /// Passes over the rays done.
    pub epoch: f64,
    /// Of ψ(φ(x)) against x.
    pub auto: f64,
    /// Of ψ(z(s)) against x(s), z solved from φ of the first point.
    pub rollout: f64,
    /// Of z(s) against φ(x(s)).
    pub latent: f64,
}

/// A latent neural ODE and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Latent dimensions.
    pub latent: usize,
    /// Hidden layers of encoder, right-hand side and decoder.
    pub depth: usize,
    /// Neurons of a hidden layer of encoder and decoder.
    pub width: usize,
    /// Neurons of a hidden layer of the right-hand side.
    pub latent_width: usize,
    /// After hidden layers of encoder and decoder.
    pub activation: Activation,
    /// After hidden layers of the right-hand side.
    pub latent_activation: Activation,
    /// Whether hidden layers of equal widths add their input to their output.
    pub residual: bool,
    /// What is given along the ray, as the networks see it.
    pub features: FeatureSet,
    /// Between the points.
    pub driven_by: DrivenBy,
    /// Whether the decoder also sees what is given at its point; in the paper the latent state alone.
    pub decoder_sees_point: bool,
    /// The solve.
    pub solver: NodeSolver,
    /// Loss of decoded values in standard deviations; the latent loss is always the square.
    pub loss: PointLoss,
    /// Weight of the gas temperature in the loss, where it is an output; 1 for an abundance.
    pub temperature_weight: f64,
    /// Rays per step.
    pub batch: usize,
    /// Spread α \[dex\] of the logarithmic lengths by which rays share a batch.
    pub alpha: f64,
    /// Points of each ray or window that enter a step's loss, one from each of so many equal parts; 0: all. The solve always covers the whole.
    pub points: usize,
    /// Fraction of whole rays (0 to 1) that a step follows from a random point on instead of from the first: the encoder then learns from the states
    /// of all points, not of one per ray. Standalone models always begin at the first.
    pub random_starts: f64,
    /// Rays shorter than this are not trained on.
    pub min_points: usize,
    /// First to last.
    pub stages: Vec<NodeStage>,
    /// Weights of the losses, by epoch.
    pub weights: Vec<LossWeight>,
    /// Highest learning rate.
    pub rate: f64,
    /// Rate at the beginning of a warm-up, as a fraction of the highest.
    pub rate_start: f64,
    /// Rate at the end of a stage, as a fraction of the highest.
    pub rate_end: f64,
    /// Exponent of the cosine.
    pub rate_exponent: f64,
    /// Decoupled weight decay, times the rate.
    pub weight_decay: f64,
    /// Norm the gradient is cut to; 0: not at all.
    pub clip_norm: f64,
    /// Decay of the moving average of parameters that is validated and kept; 0: none.
    pub average: f64,
    /// Passes between validations.
    pub review_epochs: u64,
    /// Seconds after which training stops; 0: no limit.
    pub max_seconds: f64,
    /// Training steps to which all stages together are shortened where the rays are many; 0: no limit.
    #[serde(default)]
    pub max_steps: u64,
}

impl Default for NodeConfig {
    /// What does best on the grid of one-dimensional clouds (docs/latent-neural-ode.md).
    fn default() -> Self {
        Self {
            latent: 16,
            depth: 3,
            width: 128,
            latent_width: 64,
            activation: Activation::Silu,
            latent_activation: Activation::Silu,
            residual: false,
            features: FeatureSet::Extended,
            driven_by: DrivenBy::Linear,
            decoder_sees_point: true,
            solver: NodeSolver {
                method: SolverMethod::Tsit5,
                rtol: 1e-3,
                atol: 1e-4,
                stops: false,
                max_steps: 2000,
            },
            loss: PointLoss::Absolute,
            temperature_weight: 2.0,
            batch: 32,
            alpha: 0.01,
            points: 24,
            random_starts: 0.0,
            min_points: 2,
            stages: vec![NodeStage {
                epochs: 3300,
                warmup: 20,
                window: 0,
            }],
            weights: vec![LossWeight {
                epoch: 0.0,
                auto: 0.0,
                rollout: 1.0,
                latent: 0.0,
            }],
            rate: 3e-3,
            rate_start: 0.1,
            rate_end: 0.0,
            rate_exponent: 1.0,
            weight_decay: 1e-4,
            clip_norm: 1.0,
            average: 0.995,
            review_epochs: 60,
            max_seconds: 0.0,
            max_steps: 20_000,
        }
    }
}

impl NodeConfig {
    /// The paper's for its grids v1 and v2: plain decoder, squares, growing windows, weights that move from reconstruction to the rollout.
    pub fn paper() -> Self {
        let stage = |epochs, warmup, window| NodeStage {
            epochs,
            warmup,
            window,
        };
        Self {
            latent: 16,
            depth: 3,
            width: 128,
            latent_width: 32,
            activation: Activation::Softplus,
            latent_activation: Activation::Softplus,
            residual: false,
            features: FeatureSet::Logarithms,
            driven_by: DrivenBy::Constant,
            decoder_sees_point: false,
            solver: NodeSolver {
                method: SolverMethod::Tsit5,
                rtol: 1e-3,
                atol: 1e-6,
                stops: false,
                max_steps: 4096,
            },
            loss: PointLoss::Square,
            temperature_weight: 1.0,
            batch: 32,
            alpha: 0.01,
            points: 0,
            random_starts: 0.0,
            min_points: 2,
            // Windows of 64, 128, 256, 512 and all, half as long as those of v3.
            stages: vec![
                stage(5, 2, 32),
                stage(5, 2, 64),
                stage(10, 2, 128),
                stage(10, 2, 256),
                stage(70, 5, 0),
            ],
            weights: vec![
                LossWeight {
                    epoch: 15.0,
                    auto: 1.0,
                    rollout: 0.04,
                    latent: 1e-3,
                },
                LossWeight {
                    epoch: 30.0,
                    auto: 0.25,
                    rollout: 1.0,
                    latent: 1e-3,
                },
            ],
            rate: 2e-4,
            rate_start: 0.1,
            rate_end: 0.0,
            rate_exponent: 0.1,
            weight_decay: 1e-4,
            clip_norm: 1.0,
            average: 0.0,
            review_epochs: 1,
            max_seconds: 0.0,
            max_steps: 0,
        }
    }

    /// Refuses what no GPU can train.
    pub(crate) fn check_gpu(&self) -> Result<(), Error> {
        match self.solver.method {
            SolverMethod::Tsit5 => Ok(()),
            SolverMethod::Kvaerno5 => Err(Error::Option {
                name: "node.solver.method",
                value: "kvaerno5".into(),
                reason: "solved on the CPU alone; a GPU has tsit5".into(),
            }),
        }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Option`] with the first such value.
    pub fn validate(&self) -> Result<(), Error> {
        for (name, value, most) in [
            ("node.latent", self.latent, 1 << 12),
            ("node.depth", self.depth, 64),
            ("node.width", self.width, 1 << 14),
            ("node.latent_width", self.latent_width, 1 << 14),
            ("node.batch", self.batch, 1 << 16),
            ("node.solver.max_steps", self.solver.max_steps, 1 << 30),
            ("node.min_points", self.min_points, 1 << 30),
        ] {
            let ok = (1..=most).contains(&value);
            check(ok, name, value as f64, &format!("1 to {most}"))?;
        }
        for (name, value) in [
            ("node.alpha", self.alpha),
            ("node.temperature_weight", self.temperature_weight),
            ("node.rate", self.rate),
            ("node.weight_decay", self.weight_decay),
            ("node.clip_norm", self.clip_norm),
            ("node.max_seconds", self.max_seconds),
            ("node.solver.rtol", self.solver.rtol),
        ] {
            let ok = value >= 0.0 && value.is_finite();
            check(ok, name, value, "not negative, finite")?;
        }
        for (name, value) in [
            ("node.solver.atol", self.solver.atol),
            ("node.rate_exponent", self.rate_exponent),
            ("node.review_epochs", self.review_epochs as f64),
        ] {
            let ok = value > 0.0 && value.is_finite();
            check(ok, name, value, "positive and finite")?;
        }
        for (name, value) in [
            ("node.random_starts", self.random_starts),
            ("node.rate_start", self.rate_start),
            ("node.rate_end", self.rate_end),
        ] {
            check((0.0..=1.0).contains(&value), name, value, "0 to 1")?;
        }
        let average = self.average;
        let ok = (0.0..1.0).contains(&average);
        check(ok, "node.average", average, "0 to 1, 1 excluded")?;
        check(
            !self.stages.is_empty(),
            "node.stages",
            0.0,
            "at least one stage",
        )?;
        for stage in &self.stages {
            let ok = stage.epochs > 0 && stage.warmup <= stage.epochs;
            let reason = "at least 1, and at least those of its warm-up";
            check(ok, "node.stages.epochs", stage.epochs as f64, reason)?;
            let ok = stage.window != 1;
            check(ok, "node.stages.window", 1.0, "0 or at least 2")?;
        }
        let mut before = f64::NEG_INFINITY;
        for w in &self.weights {
            let ok = w.epoch.is_finite() && w.epoch > before;
            check(ok, "node.weights.epoch", w.epoch, "finite and rising")?;
            before = w.epoch;
            for (name, value) in [
                ("node.weights.auto", w.auto),
                ("node.weights.rollout", w.rollout),
                ("node.weights.latent", w.latent),
            ] {
                let ok = value >= 0.0 && value.is_finite();
                check(ok, name, value, "not negative, finite")?;
            }
        }
        if let PointLoss::Huber { delta } = self.loss {
            let ok = delta > 0.0 && delta.is_finite();
            check(ok, "node.loss.delta", delta, "positive and finite")?;
        }
        Ok(())
    }
}

fn check(ok: bool, name: &'static str, value: f64, reason: &str) -> Result<(), Error> {
    if ok {
        return Ok(());
    }
    Err(Error::Option {
        name,
        value: value.to_string(),
        reason: reason.into(),
    })
}
