//! What goes into and comes out of a training beside its configuration.

use std::{collections::BTreeMap, path::PathBuf, sync::atomic::AtomicBool};

use serde::{Deserialize, Serialize};

use crate::Surrogate;

/// State of a training at one of its reports: after every validation interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Optimiser steps done.
    pub step: u64,
    /// Passes over the training set done.
    pub epoch: f64,
    /// Means of the losses since the record before: `total`, and `l0` … `l3` or `rollout`, `reconstruction`, `consistency`.
    pub losses: BTreeMap<String, f64>,
    /// Mean log10 Δr of rollouts on `val`, averaged over species; absent without `val`.
    pub validation: Option<f64>,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Seconds since training began; not stored, so that equal trainings leave equal files.
    #[serde(skip)]
    pub seconds: f64,
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stop {
    /// All steps are done.
    Finished,
    /// Validation has not improved for as long as the configuration allows.
    Plateau,
    /// The time allowed is over.
    Time,
    /// The caller asked for it.
    Cancelled,
    /// The steps to be timed are done.
    Benchmark,
}

/// What the caller wants to hear, and to decide, during training.
#[derive(Default)]
pub struct TrainControl<'a> {
    /// Called after every step with (steps done, steps in all); keep it cheap.
    pub progress: Option<&'a mut dyn FnMut(u64, u64)>,
    /// Called with every record.
    pub report: Option<&'a mut dyn FnMut(&Record)>,
    /// Raised to end training early.
    pub cancel: Option<&'a AtomicBool>,
    /// Where the whole state is stored: at every `checkpoint_every`-th validation, and when training is cancelled.
    pub checkpoint: Option<PathBuf>,
    /// Validations between checkpoints; 0: only when cancelled.
    pub checkpoint_every: u64,
    /// Go on from the checkpoint instead of beginning.
    pub resume: bool,
    /// Run so many steps of this very loop, without validation, and stop: for timing.
    pub benchmark_steps: Option<u64>,
    /// A GPU that takes the steps of a training on derivatives by Adam; validation stays on the CPU.
    #[cfg(feature = "cuda")]
    pub gpu: Option<autodiff_ae::cuda::CudaDevice>,
}

impl std::fmt::Debug for TrainControl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrainControl")
            .field("checkpoint", &self.checkpoint)
            .field("resume", &self.resume)
            .field("benchmark_steps", &self.benchmark_steps)
            .finish_non_exhaustive()
    }
}

/// What [`train`](crate::train()) returns.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The surrogate with the best parameters.
    pub surrogate: Surrogate,
    /// Why training ended.
    pub stopped: Stop,
    /// Optimiser steps done.
    pub steps: u64,
    /// Seconds in the training loop, validation included (all sessions together).
    pub seconds: f64,
    /// Steps per second of this session, validation and checkpoints apart.
    pub steps_per_second: f64,
    /// L0–L3 of the kept parameters over the whole training set, where training was on derivatives.
    pub losses: Option<[f64; 4]>,
}
