//! What changes during a training: all of it goes into a checkpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{optimiser::Memory, report::Record};

/// What changes during training, and all of it: stored in checkpoints.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub step: u64,
    pub params: Vec<f32>,
    /// Moving average of the parameters; empty where it is not wanted.
    pub average: Vec<f32>,
    pub memory: Memory,
    pub progress: Progress,
    /// Parameters with the best validation so far.
    pub best: Vec<f32>,
    /// Where to return to on divergence: step, parameters, average, optimiser.
    pub good: Box<Good>,
}

impl State {
    /// What is validated and kept: the average where there is one.
    pub fn current(&self) -> &[f32] {
        if self.average.is_empty() {
            &self.params
        } else {
            &self.average
        }
    }
}

/// A state that training can return to.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub step: u64,
    pub params: Vec<f32>,
    pub average: Vec<f32>,
    pub memory: Memory,
}

/// The part of the state that is text in a checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    pub best_step: u64,
    pub best_validation: Option<f64>,
    /// Score that counts for patience, and validations since it improved.
    pub reference: Option<f64>,
    pub waited: u64,
    /// Factor on the learning rate after divergences.
    pub rate_factor: f64,
    pub retries: usize,
    pub seconds: f64,
    pub history: Vec<Record>,
    /// Sums of losses since the last record, and their number.
    pub sums: BTreeMap<String, f64>,
    pub summed: u64,
}
