//! Surrogates of several seeds trained at once: the result depends on the initial weights, so train many, keep the best, say how they spread.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

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
    /// A GPU that takes the steps of all members at once, of trainings on derivatives by Adam; validation stays on the CPU.
    #[cfg(feature = "cuda")]
    pub gpu: Option<autodiff_ae::cuda::CudaDevice>,
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

/// Trains one surrogate per seed, each whole on one thread of rayon's current pool, or all together on a GPU. Every member is what
/// [`train`] makes of its seed alone. A training that fails is no harm to the others.
///
/// # Errors
/// [`Error::Empty`] for no seeds; [`Error::Option`] for a configuration that cannot be trained, or not on a GPU; what the GPU meets.
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
    #[cfg(feature = "cuda")]
    let members = match control.gpu.clone() {
        Some(gpu) => on_gpu(dataset, config, seeds, control, &gpu)?,
        None => on_cpu(dataset, config, seeds, control),
    };
    #[cfg(not(feature = "cuda"))]
    let members = on_cpu(dataset, config, seeds, control);
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

impl Member {
    fn new(seed: u64, result: Result<(Surrogate, Option<Stop>), Error>) -> Self {
        let cancelled = matches!(&result, Ok((_, Some(Stop::Cancelled))));
        Self {
            seed,
            surrogate: result.map(|(surrogate, _)| surrogate),
            cancelled,
        }
    }
}

fn on_cpu(
    dataset: &Dataset,
    config: &TrainConfig,
    seeds: &[u64],
    control: &EnsembleControl<'_>,
) -> Vec<Member> {
    let one = |(position, &seed): (usize, &u64)| {
        let config = TrainConfig {
            seed,
            ..config.clone()
        };
        Member::new(seed, member(dataset, &config, position, control))
    };
    seeds
        .par_iter()
        .enumerate()
        .with_max_len(1)
        .map(one)
        .collect()
}

/// One member: read where it is done already, else trained and written.
fn member(
    dataset: &Dataset,
    config: &TrainConfig,
    position: usize,
    control: &EnsembleControl<'_>,
) -> Result<(Surrogate, Option<Stop>), Error> {
    if let Some(done) = done(config, control)? {
        return Ok((done, None));
    }
    let mut step = |done: u64, _: u64| {
        if let Some(progress) = control.progress {
            progress(position, done);
        }
    };
    let mut own = control.of_member(config.seed);
    own.progress = Some(&mut step);
    keep(train(dataset, config, &mut own)?, config.seed, control)
}

/// A member that an earlier call has finished.
fn done(config: &TrainConfig, control: &EnsembleControl<'_>) -> Result<Option<Surrogate>, Error> {
    let path = control.member.map(|path| path(config.seed));
    let Some(path) = path.filter(|p| control.resume && p.exists()) else {
        return Ok(None);
    };
    let surrogate = Surrogate::read(&path)?;
    if surrogate.config() != config {
        return Err(Error::Model {
            path,
            reason: "it was trained with another configuration".into(),
        });
    }
    discard_checkpoint(&path);
    Ok(Some(surrogate))
}

/// The model is there; a checkpoint that cannot be removed does no harm.
fn discard_checkpoint(model: &Path) {
    let _ = std::fs::remove_file(model.with_extension("checkpoint"));
}

/// Writes a member that is done, and removes its checkpoint.
fn keep(
    trained: Trained,
    seed: u64,
    control: &EnsembleControl<'_>,
) -> Result<(Surrogate, Option<Stop>), Error> {
    if trained.stopped != Stop::Cancelled
        && let Some(path) = control.member.map(|path| path(seed))
    {
        trained.surrogate.write(&path)?;
        discard_checkpoint(&path);
    }
    Ok((trained.surrogate, Some(trained.stopped)))
}

impl<'a> EnsembleControl<'a> {
    /// What the training of one seed is told.
    fn of_member<'c>(&self, seed: u64) -> TrainControl<'c>
    where
        'a: 'c,
    {
        let checkpoint = self
            .member
            .map(|path| path(seed).with_extension("checkpoint"));
        TrainControl {
            cancel: self.cancel,
            resume: self.resume && checkpoint.as_ref().is_some_and(|c| c.exists()),
            checkpoint,
            checkpoint_every: self.checkpoint_every,
            ..TrainControl::default()
        }
    }
}

/// All members on a GPU, those apart that are done.
#[cfg(feature = "cuda")]
fn on_gpu(
    dataset: &Dataset,
    config: &TrainConfig,
    seeds: &[u64],
    control: &EnsembleControl<'_>,
    gpu: &autodiff_ae::cuda::CudaDevice,
) -> Result<Vec<Member>, Error> {
    use super::{
        gpu::{Seat, run_on_gpu},
        session::{Ahead, Session},
        trainer::Trainer,
    };
    let shared = Session::new(dataset, config)?;
    let mut trainer = Trainer::new(&shared)?;
    let sessions: Vec<Session<'_>> = seeds.iter().map(|&seed| shared.with_seed(seed)).collect();
    let mut steps: Vec<_> = (0..seeds.len())
        .map(|position| {
            move |done: u64, _: u64| {
                if let Some(progress) = control.progress {
                    progress(position, done);
                }
            }
        })
        .collect();
    let mut controls: Vec<TrainControl<'_>> = seeds
        .iter()
        .zip(&mut steps)
        .map(|(&seed, step)| TrainControl {
            progress: Some(step),
            ..control.of_member(seed)
        })
        .collect();
    // What a member begins with, or the end it has found already.
    let mut starts = Vec::with_capacity(seeds.len());
    for (session, own) in sessions.iter().zip(&controls) {
        starts.push(match done(&session.config, control) {
            Ok(Some(surrogate)) => Err(Ok((surrogate, None))),
            Ok(None) => session.outset(own).map_err(Err),
            Err(e) => Err(Err(e)),
        });
    }
    let mut seats = Vec::new();
    for ((session, start), own) in sessions.iter().zip(&mut starts).zip(&mut controls) {
        if let Ok((optimiser, state)) = start {
            seats.push(Seat::new(session, optimiser, state, own, config.steps)?);
        }
    }
    run_on_gpu(gpu, &mut seats)?;
    let aheads: Vec<_> = seats.into_iter().map(Seat::into_ahead).collect();
    let (mut aheads, mut members) = (aheads.into_iter(), Vec::with_capacity(seeds.len()));
    for ((session, start), own) in sessions.iter().zip(starts).zip(&mut controls) {
        let seed = session.config.seed;
        // One seat for every member that had not found its end.
        let result = match start {
            Err(found) => found,
            Ok((mut optimiser, mut state)) => {
                let (o, s) = (&mut optimiser, &mut state);
                let ahead = aheads.next().unwrap_or_else(|| Ok(Ahead::default()));
                ahead
                    .and_then(|ahead| session.run(&mut trainer, o, s, own, config.steps, ahead))
                    .and_then(|trained| keep(trained, seed, control))
            }
        };
        members.push(Member::new(seed, result));
    }
    Ok(members)
}
