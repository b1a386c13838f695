//! Surrogates of several seeds trained at once: the result depends on the initial weights, so train many, keep the best, say how they spread.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use autodiff_ae::train::Spread;
use rayon::prelude::*;

use super::{Stop, TrainConfig, TrainControl, Trained, train};
use crate::{Dataset, Error, Surrogate};

/// What the caller of [`train_ensemble`] wants to hear, and to decide.
#[derive(Default)]
pub struct EnsembleControl<'a> {
    /// Called after every step with (position of the seed, steps done), from several threads.
    pub progress: Option<&'a (dyn Fn(usize, u64) + Sync)>,
    /// Raised to end all trainings early.
    pub cancel: Option<&'a AtomicBool>,
    /// File of a seed's surrogate, written when it is done: what an interrupted ensemble takes up again. Its checkpoint lies
    /// beside it, with the extension `checkpoint`.
    pub member: Option<&'a (dyn Fn(u64) -> PathBuf + Sync)>,
    /// Validations between checkpoints; 0: only when cancelled.
    pub checkpoint_every: u64,
    /// Take over the members that are done, go on with those that were interrupted.
    pub resume: bool,
}

impl std::fmt::Debug for EnsembleControl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnsembleControl")
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// What became of a seed.
#[derive(Debug)]
pub struct Member {
    /// The seed.
    pub seed: u64,
    /// Its surrogate, or why there is none.
    pub surrogate: Result<Surrogate, Error>,
    /// Whether its training was cancelled.
    pub cancelled: bool,
}

impl Member {
    /// Its validation score; `None` without any.
    pub fn score(&self) -> Option<f64> {
        self.surrogate.as_ref().ok()?.summary().best_validation
    }
}

/// Surrogates of several seeds.
#[derive(Debug)]
pub struct SeedEnsemble {
    /// One per seed, in the order asked for.
    pub members: Vec<Member>,
    /// Position of the one with the best validation score; `None` without any score.
    pub best: Option<usize>,
    /// How the scores lie.
    pub spread: Option<Spread>,
}

/// Trains one surrogate per seed, each whole on one thread of rayon's current pool. Every member is what [`train`] makes of its
/// seed alone. A training that fails is no harm to the others.
///
/// # Errors
/// [`Error::Empty`] for no seeds; [`Error::Option`] for a configuration that cannot be trained.
pub fn train_ensemble(
    dataset: &Dataset,
    config: &TrainConfig,
    seeds: &[u64],
    control: &EnsembleControl<'_>,
) -> Result<SeedEnsemble, Error> {
    config.validate()?;
    if seeds.is_empty() {
        return Err(Error::Empty("seeds"));
    }
    let one = |(position, &seed): (usize, &u64)| {
        let config = TrainConfig {
            seed,
            ..config.clone()
        };
        match member(dataset, &config, position, control) {
            Ok((surrogate, stopped)) => Member {
                seed,
                surrogate: Ok(surrogate),
                cancelled: stopped == Some(Stop::Cancelled),
            },
            Err(error) => Member {
                seed,
                surrogate: Err(error),
                cancelled: false,
            },
        }
    };
    let members: Vec<Member> = seeds
        .par_iter()
        .enumerate()
        .with_max_len(1)
        .map(one)
        .collect();
    let scores: Vec<Option<f64>> = members.iter().map(Member::score).collect();
    let best = scores
        .iter()
        .enumerate()
        .filter_map(|(i, s)| Some((i, (*s)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(i, _)| i);
    Ok(SeedEnsemble {
        spread: Spread::of(scores.into_iter().flatten()),
        members,
        best,
    })
}

/// One member: read where it is done already, else trained and written.
fn member(
    dataset: &Dataset,
    config: &TrainConfig,
    position: usize,
    control: &EnsembleControl<'_>,
) -> Result<(Surrogate, Option<Stop>), Error> {
    let path = control.member.map(|path| path(config.seed));
    if let Some(path) = path.as_ref().filter(|p| control.resume && p.exists()) {
        let surrogate = Surrogate::read(path)?;
        if surrogate.config() != config {
            return Err(Error::Model {
                path: path.clone(),
                reason: "it was trained with another configuration".into(),
            });
        }
        return Ok((surrogate, None));
    }
    let checkpoint = path.as_ref().map(|p| p.with_extension("checkpoint"));
    let mut step = |done: u64, _: u64| {
        if let Some(progress) = control.progress {
            progress(position, done);
        }
    };
    let resume = control.resume && checkpoint.as_ref().is_some_and(|c| c.exists());
    let trained: Trained = train(
        dataset,
        config,
        &mut TrainControl {
            progress: Some(&mut step),
            cancel: control.cancel,
            checkpoint: checkpoint.clone(),
            checkpoint_every: control.checkpoint_every,
            resume,
            ..TrainControl::default()
        },
    )?;
    if trained.stopped != Stop::Cancelled
        && let Some(path) = &path
    {
        trained.surrogate.write(path)?;
        if let Some(checkpoint) = checkpoint {
            // The model is there; a checkpoint that cannot be removed does no harm.
            let _ = std::fs::remove_file(checkpoint);
        }
    }
    Ok((trained.surrogate, Some(trained.stopped)))
}
