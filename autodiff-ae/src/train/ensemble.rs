//! Many trainings of one shape at once: the result depends on the initial weights, so train several and keep the best.

use super::control::{Control, Outcome};
use super::derivatives::Derivatives;
use super::objective::Objective;
use super::trainer::Trainer;
use crate::{CpuDevice, Device, Error, LatentDynamics, Scalar};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;

/// How the scores of an ensemble lie.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Members that reached a score.
    pub members: usize,
    /// Best score.
    pub best: f64,
    /// Worst score.
    pub worst: f64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub median: f64,
    /// Standard deviation (of the sample; 0 for one member).
    pub deviation: f64,
}

impl Spread {
    /// Of some scores; `None` for none. Scores that are not finite are left out.
    pub fn of(scores: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut s: Vec<f64> = scores.into_iter().filter(|s| s.is_finite()).collect();
        s.sort_by(f64::total_cmp);
        let (&best, &worst) = (s.first()?, s.last()?);
        let n = s.len();
        let mean = s.iter().sum::<f64>() / n as f64;
        let squares = s.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        Some(Self {
            members: n,
            best,
            worst,
            mean,
            median: 0.5 * (s[(n - 1) / 2] + s[n / 2]),
            deviation: (squares / (n.max(2) - 1) as f64).sqrt(),
        })
    }
}

/// What a training of an ensemble led to.
#[derive(Debug)]
pub struct Ensemble<T: Scalar, O> {
    /// The trainings, in the order they were given.
    pub members: Vec<Trainer<T, O>>,
    /// How each ended; a training that diverged for good is an error of its own, and no harm to the others.
    pub outcomes: Vec<Result<Outcome, Error>>,
    /// Position of the member with the best score; `None` where none has any.
    pub best: Option<usize>,
    /// How the scores lie.
    pub spread: Option<Spread>,
}

impl<T: Scalar, O> Ensemble<T, O> {
    /// The member with the best score.
    pub fn best(&self) -> Option<&Trainer<T, O>> {
        self.members.get(self.best?)
    }
}

/// Runs trainings of one shape, each whole on one of the device's threads, and finds the best. Every member ends where it would
/// have ended alone, whatever the number of threads.
///
/// # Errors
/// [`Error::EmptyEnsemble`] for none, [`Error::Length`] for members with different numbers of parameters.
pub fn train_ensemble<T: Scalar, O: Objective<T>>(
    mut members: Vec<Trainer<T, O>>,
    device: &CpuDevice,
    cancel: Option<&AtomicBool>,
) -> Result<Ensemble<T, O>, Error> {
    let len = members.first().ok_or(Error::EmptyEnsemble)?.params().len();
    for member in &members {
        crate::error::check_length("parameters of a member", len, member.params().len())?;
    }
    let run = |member: &mut Trainer<T, O>| {
        member.run(&mut Control {
            cancel,
            ..Control::default()
        })
    };
    let outcomes = device.run(|| members.par_iter_mut().with_max_len(1).map(run).collect());
    Ok(Ensemble::new(members, outcomes))
}

/// [`train_ensemble`] of L0–L3 on whichever device: on the CPU one member a thread, on a GPU one a block of threads.
///
/// # Errors
/// As [`train_ensemble`]; on a GPU also what `cuda::train_ensemble` says.
pub fn train_ensemble_on<T: Scalar, D: LatentDynamics<T>>(
    members: Vec<Trainer<T, Derivatives<T, D>>>,
    device: &Device,
    cancel: Option<&AtomicBool>,
) -> Result<Ensemble<T, Derivatives<T, D>>, Error> {
    match device {
        Device::Cpu(cpu) => train_ensemble(members, cpu, cancel),
        #[cfg(feature = "cuda")]
        Device::Cuda(gpu) => crate::cuda::train_ensemble(members, gpu, cancel),
    }
}

impl<T: Scalar, O> Ensemble<T, O> {
    /// Finds the best of trainings that have ended.
    pub(crate) fn new(members: Vec<Trainer<T, O>>, outcomes: Vec<Result<Outcome, Error>>) -> Self {
        let (best, spread) = judge(&outcomes);
        Self {
            members,
            outcomes,
            best,
            spread,
        }
    }
}

/// Position of the best score, and how all lie.
fn judge(outcomes: &[Result<Outcome, Error>]) -> (Option<usize>, Option<Spread>) {
    let score = |o: &Result<Outcome, Error>| match o {
        Ok(outcome) => outcome.best_score.filter(|s| s.is_finite()),
        Err(_) => None,
    };
    let scores: Vec<Option<f64>> = outcomes.iter().map(score).collect();
    let best = scores
        .iter()
        .enumerate()
        .filter_map(|(i, s)| Some((i, (*s)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(i, _)| i);
    (best, Spread::of(scores.into_iter().flatten()))
}
