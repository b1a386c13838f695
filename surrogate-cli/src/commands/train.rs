//! `surrogate train`: a surrogate from a data set; interruptible, resumable.

use super::device::Device;
use super::{benchmark, ensemble};
use crate::config::{RunConfig, TrainingArgs};
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::{folder, interrupt, progress};
use clap::Args;
use latent_ode::{Dataset, Record, Stop, TrainConfig, TrainControl, Trained};
use std::path::{Path, PathBuf};

/// Validations between checkpoints.
pub const CHECKPOINT_EVERY: u64 = 4;

/// Options of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// Data set in the layout of the CODES benchmark.
    #[arg(long, value_name = "FILE.h5")]
    pub data: PathBuf,
    /// Seed of the initial parameters and of all sampling [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Configuration as `run` writes it; only its training is used.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Model to write.
    #[arg(
        long,
        value_name = "FILE.safetensors",
        required_unless_present = "benchmark_steps"
    )]
    pub out: Option<PathBuf>,
    /// Time so many steps of the training loop and stop where `--max-steps` of as many stops; writes a model only with --out.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with_all = ["resume", "ensemble", "steps"])]
    pub benchmark_steps: Option<u64>,
    /// Train so many seeds at once, from --seed on, one a thread or all on a GPU, and keep the best on validation.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    pub ensemble: Option<u64>,
    /// Go on from the checkpoint that an interrupted training with the same options left beside --out.
    #[arg(long)]
    pub resume: bool,
    /// What is wanted.
    #[command(flatten)]
    pub training: TrainingArgs,
}

/// Trains and writes.
pub fn run(args: &Train, output: &Output) -> Result<Outcome, Error> {
    let mut config = RunConfig::load(args.config.as_ref(), args.training.recipe.as_deref())?;
    config.set_training(&args.training, args.seed)?;
    if let Some(out) = &args.out {
        folder::check_target(out)?;
    }
    let dataset = Dataset::read(&args.data)?;
    if let Some(steps) = args.benchmark_steps {
        return benchmark::run(
            &dataset,
            &config.training,
            steps,
            args.training.device,
            args.out.as_deref(),
            output,
        );
    }
    let out = args
        .out
        .as_ref()
        .ok_or_else(|| Error::Usage("--out FILE.safetensors is missing".into()))?;
    if let Some(members) = args.ensemble {
        return ensemble::run(
            &dataset,
            &config.training,
            members,
            args.training.device,
            out,
            args.resume,
            output,
        );
    }
    let checkpoint = out.with_extension("checkpoint");
    if args.resume && !checkpoint.exists() {
        let text = format!("--resume: there is no checkpoint {}", checkpoint.display());
        return Err(Error::Usage(text));
    }
    let how = || {
        format!(
            "the state is in {}; the same command with --resume goes on from it",
            checkpoint.display()
        )
    };
    let trained = train(
        &dataset,
        &config.training,
        args.training.device,
        &checkpoint,
        args.resume,
        output,
        how,
    )?;
    trained.surrogate.write(out)?;
    remove(&checkpoint)?;
    let s = trained.surrogate.summary();
    output.say(&format!(
        "{} steps in {} ({:.0} per second), {}; best validation {}; {}",
        trained.steps,
        crate::report::duration(trained.seconds),
        trained.steps_per_second,
        ended(trained.stopped),
        s.best_validation.map_or("–".to_owned(), |v| format!(
            "{v:.3} at step {}",
            s.best_step
        )),
        out.display()
    ))?;
    Ok(Outcome::done(json(&trained)))
}

/// What a training took, as JSON.
pub fn json(trained: &Trained) -> serde_json::Value {
    let s = trained.surrogate.summary();
    serde_json::json!({
        "steps": trained.steps,
        "seconds": trained.seconds,
        "steps_per_second": trained.steps_per_second,
        "stopped": trained.stopped,
        "best_step": s.best_step,
        "best_validation": s.best_validation,
        "losses": trained.losses,
        "parameters": trained.surrogate.parameter_count(),
    })
}

/// Why a training ended, in words.
pub fn ended(stop: Stop) -> &'static str {
    match stop {
        Stop::Finished => "all steps done",
        Stop::Plateau => "stopped because validation no longer improved",
        Stop::Time => "stopped at the time limit",
        Stop::Cancelled => "interrupted",
        Stop::Benchmark => "timed",
    }
}

/// Removes a checkpoint that is no longer needed.
pub fn remove(checkpoint: &Path) -> Result<(), Error> {
    match std::fs::remove_file(checkpoint) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io(checkpoint)(e)),
        _ => Ok(()),
    }
}

/// Trains with a progress bar; an interruption leaves the checkpoint and is an error that says how to go on.
pub fn train(
    dataset: &Dataset,
    config: &TrainConfig,
    device: Device,
    checkpoint: &Path,
    resume: bool,
    output: &Output,
    how_to_go_on: impl FnOnce() -> String,
) -> Result<Trained, Error> {
    let bar = progress::bar(output, config.steps, "training");
    let mut drawn = 0;
    let mut step = |done: u64, _of: u64| {
        // Drawing more often than a person can read costs steps; a GPU reports many at once.
        if done.is_multiple_of(32) || done.abs_diff(drawn) >= 32 {
            bar.set_position(done);
            drawn = done;
        }
    };
    let mut report = |record: &Record| {
        let loss = record.losses.get("total").copied().unwrap_or(f64::NAN);
        let validation = record
            .validation
            .map_or(String::new(), |v| format!(", validation {v:.3}"));
        bar.set_message(format!("loss {loss:.4}{validation}"));
    };
    let mut control = TrainControl {
        progress: Some(&mut step),
        report: Some(&mut report),
        cancel: Some(interrupt::flag()),
        checkpoint: Some(checkpoint.to_owned()),
        checkpoint_every: CHECKPOINT_EVERY,
        resume,
        ..TrainControl::default()
    };
    device.choose(config, output)?.give(&mut control);
    let trained = latent_ode::train(dataset, config, &mut control)?;
    bar.finish_and_clear();
    if trained.stopped == Stop::Cancelled {
        return Err(Error::Interrupted(how_to_go_on()));
    }
    Ok(trained)
}
