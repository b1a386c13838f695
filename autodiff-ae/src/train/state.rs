//! What changes during a training: all of it goes into a checkpoint.

use crate::Scalar;
use crate::optim::{Memory, Plateau};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far an average of this decay moves after step `step`, counted from 0. Early on it follows faster: its first values are random.
pub(super) fn follow_by(decay: f64, step: u64) -> f64 {
    1.0 - decay.min((1.0 + step as f64) / (10.0 + step as f64))
}

/// A training at one of its reviews.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Steps done.
    pub step: u64,
    /// Passes over the samples done.
    pub epoch: f64,
    /// Means of the losses since the review before: `total`, and the objective's terms.
    pub losses: BTreeMap<String, f64>,
    /// Score on data held back.
    pub validation: Option<f64>,
    /// Learning rate of the last step.
    pub rate: f64,
    /// Seconds of training until then, earlier sessions included; not stored, so that equal trainings leave equal files.
    #[serde(skip)]
    pub seconds: f64,
}

/// A state that training can return to.
#[derive(Clone, Debug)]
pub(super) struct Good<T> {
    pub step: u64,
    pub params: Vec<T>,
    pub average: Vec<T>,
    pub memory: Memory<T>,
    /// Mean loss of the steps before it; what divergence is measured by.
    pub loss: Option<f64>,
}

/// The part of the state that is text in a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Step with the best score.
    pub best_step: u64,
    /// Best score: validation, or the mean loss between two reviews where nothing is held back.
    pub best_score: Option<f64>,
    /// Score that counts for patience, and reviews since it improved.
    pub(super) reference: Option<f64>,
    pub(super) waited: u64,
    /// Factor on the learning rate after divergences.
    pub rate_factor: f64,
    pub(super) plateau: Option<Plateau>,
    /// Returns to an earlier state so far.
    pub retries: usize,
    /// Seconds of training, those before an interruption included; a checkpoint keeps them beside this text.
    #[serde(skip)]
    pub seconds: f64,
    /// One record per review.
    pub history: Vec<Record>,
    /// Sums of the losses since the last record (total first), and their number.
    pub(super) sums: Vec<f64>,
    pub(super) summed: u64,
}

/// Everything that changes, but for the optimiser's memory.
#[derive(Clone, Debug)]
pub(super) struct State<T> {
    pub step: u64,
    pub params: Vec<T>,
    /// Moving average of the parameters; empty where it is not wanted.
    pub average: Vec<T>,
    pub best: Vec<T>,
    pub good: Good<T>,
    pub progress: Progress,
    /// Seconds of training before this session.
    pub earlier: f64,
}

impl<T: Scalar> State<T> {
    /// The beginning of a training.
    pub fn new(
        params: Vec<T>,
        averaged: bool,
        memory: Memory<T>,
        plateau: Option<Plateau>,
        terms: usize,
    ) -> Self {
        let average = if averaged { params.clone() } else { Vec::new() };
        Self {
            step: 0,
            best: params.clone(),
            good: Good {
                step: 0,
                params: params.clone(),
                average: average.clone(),
                memory,
                loss: None,
            },
            params,
            average,
            earlier: 0.0,
            progress: Progress {
                best_step: 0,
                best_score: None,
                reference: None,
                waited: 0,
                rate_factor: 1.0,
                plateau,
                retries: 0,
                seconds: 0.0,
                history: Vec::new(),
                sums: vec![0.0; 1 + terms],
                summed: 0,
            },
        }
    }

    /// What is validated and kept: the average where there is one.
    pub fn current(&self) -> &[T] {
        if self.average.is_empty() {
            &self.params
        } else {
            &self.average
        }
    }

    /// Moves the average towards the parameters.
    pub fn follow(&mut self, decay: f64) {
        if self.average.is_empty() {
            return;
        }
        let by = T::of(follow_by(decay, self.step));
        for (a, p) in self.average.iter_mut().zip(&self.params) {
            *a += by * (*p - *a);
        }
    }
}
