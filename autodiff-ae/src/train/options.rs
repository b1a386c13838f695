//! What a training is told: length, batches, optimiser, schedule, when to stop, what to keep. Equal options and data give equal parameters.

use crate::optim::{Adam, AdamW, Optimiser, Plateau, Schedule, Sgd};
use crate::{Error, Scalar};
use serde::{Deserialize, Serialize};

/// Settings of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerOptions {
    /// Seed of the mini-batches.
    pub seed: u64,
    /// Steps of the optimiser.
    pub steps: u64,
    /// Samples per mini-batch.
    pub batch: usize,
    /// Mini-batches whose mean gradient makes one step.
    pub accumulate: usize,
    /// Optimiser.
    pub method: Method,
    /// Learning rate by step.
    pub schedule: Schedule,
    /// Lowers the rate further when the score stands still.
    pub plateau: Option<Plateau>,
    /// The gradient's Euclidean norm is cut to this; 0: not at all.
    pub clip_norm: f64,
    /// Decay of the exponential moving average of parameters that is validated and kept; 0: the parameters themselves.
    pub average: f64,
    /// Steps between reviews: record, validation, best state, a state to return to.
    pub review_every: u64,
    /// When to stop early.
    pub patience: Patience,
    /// Which parameters are kept.
    pub keep: Keep,
    /// A loss so many times the mean before the last review counts as divergence, as one that is not finite does; 0: any finite loss is fine.
    pub divergence: f64,
    /// Returns to the last good state, each halving the rate, before training gives up.
    pub retries: usize,
    /// Stop after so many seconds of a session, whatever the step (a stop by time cannot be repeated); 0: no limit.
    pub max_seconds: f64,
}

/// When a training without improvement stops.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// Reviews in a row without improvement after which training stops; 0: never.
    pub reviews: u64,
    /// What counts as improvement of the score.
    pub improvement: Improvement,
    /// Reviews count once the scheduled rate is below this fraction of its peak: at a high rate the score stands still for
    /// long and improves once the rate falls. 1 counts from the start.
    pub settled: f64,
}

/// What counts as improvement of a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Improvement {
    /// By this fraction of its size.
    Relative(f64),
    /// By this much: for scores that are logarithms.
    Absolute(f64),
}

impl Improvement {
    /// Whether `score` is better than `reference` by enough.
    pub fn reached(self, score: f64, reference: f64) -> bool {
        match self {
            Self::Relative(by) => score < reference - by * reference.abs(),
            Self::Absolute(by) => score <= reference - by,
        }
    }
}

/// Which parameters a training keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those with the best score.
    #[default]
    Best,
    /// Those of the last step.
    Last,
}

/// Optimiser by name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Method {
    /// Adam.
    Adam {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// ε.
        epsilon: f64,
    },
    /// Adam with decoupled weight decay.
    AdamW {
        /// Decay of the first moment.
        beta1: f64,
        /// Decay of the second moment.
        beta2: f64,
        /// ε.
        epsilon: f64,
        /// Weight decay, times the rate.
        weight_decay: f64,
    },
    /// Gradient descent with momentum.
    Sgd {
        /// Momentum; 0 for none.
        momentum: f64,
        /// Nesterov's variant.
        nesterov: bool,
    },
}

impl Method {
    /// Adam as Keras sets it: β 0.9 and 0.999, ε 1e-7.
    pub const ADAM: Self = Self::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-7,
    };

    /// AdamW with β 0.9 and 0.999, ε 1e-8.
    pub fn adam_w(weight_decay: f64) -> Self {
        Self::AdamW {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
        }
    }

    /// The optimiser for `len` parameters.
    ///
    /// # Errors
    /// [`Error::Range`] for settings out of range.
    pub fn build<T: Scalar>(self, len: usize) -> Result<Box<dyn Optimiser<T>>, Error> {
        let adam = |beta1, beta2, epsilon| {
            Adam::new(len)
                .with_betas(beta1, beta2)?
                .with_epsilon(epsilon)
        };
        Ok(match self {
            Self::Adam {
                beta1,
                beta2,
                epsilon,
            } => Box::new(adam(beta1, beta2, epsilon)?),
            Self::AdamW {
                beta1,
                beta2,
                epsilon,
                weight_decay,
            } => Box::new(AdamW::new(adam(beta1, beta2, epsilon)?, weight_decay)?),
            Self::Sgd { momentum, nesterov } => Box::new(Sgd::new(len, momentum, nesterov)?),
        })
    }
}

impl TrainerOptions {
    /// Adam at the constant rate 1e-3 over `steps` steps of `batch` samples; reviews every hundredth of the way, the best
    /// parameters kept, eight returns after divergence.
    pub fn new(steps: u64, batch: usize) -> Self {
        Self {
            seed: 1,
            steps,
            batch,
            accumulate: 1,
            method: Method::ADAM,
            schedule: Schedule::Constant { rate: 1e-3 },
            plateau: None,
            clip_norm: 0.0,
            average: 0.0,
            review_every: (steps / 100).max(1),
            patience: Patience {
                reviews: 0,
                improvement: Improvement::Relative(1e-3),
                settled: 1.0,
            },
            keep: Keep::Best,
            divergence: 1e4,
            retries: 8,
            max_seconds: 0.0,
        }
    }

    /// Another schedule.
    #[must_use]
    pub fn with_schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Another optimiser.
    #[must_use]
    pub fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Range`] with the first such value.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |ok: bool, what, value: f64, range| {
            if ok {
                Ok(())
            } else {
                Err(Error::Range { what, value, range })
            }
        };
        for (what, value) in [
            ("steps", self.steps),
            ("samples per batch", self.batch as u64),
            ("batches per step", self.accumulate as u64),
            ("steps between reviews", self.review_every),
        ] {
            check(value > 0, what, value as f64, "[1, ∞)")?;
        }
        let (Improvement::Relative(by) | Improvement::Absolute(by)) = self.patience.improvement;
        for (what, value) in [
            ("norm of the gradient", self.clip_norm),
            ("factor of divergence", self.divergence),
            ("time limit", self.max_seconds),
            ("improvement that counts", by),
        ] {
            check(value >= 0.0 && value.is_finite(), what, value, "[0, ∞)")?;
        }
        let decay = self.average;
        check(
            (0.0..1.0).contains(&decay),
            "decay of the average",
            decay,
            "[0, 1)",
        )?;
        let settled = self.patience.settled;
        check(
            settled > 0.0 && settled <= 1.0,
            "fraction of the peak rate",
            settled,
            "(0, 1]",
        )?;
        self.schedule.validate()
    }
}
