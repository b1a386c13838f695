//! `surrogate train --ensemble K`: several seeds at once, the best on validation kept, the spread of all printed.

use super::{device::Device, train::CHECKPOINT_EVERY};
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::{interrupt, progress};
use latent_ode::train::{EnsembleControl, train_ensemble};
use latent_ode::{Dataset, TrainConfig};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Trains the seeds from the configuration's on, writes the best to `out`.
pub fn run(
    dataset: &Dataset,
    config: &TrainConfig,
    members: u64,
    device: Device,
    out: &Path,
    resume: bool,
    output: &Output,
) -> Result<Outcome, Error> {
    if dataset.val().is_empty() {
        let text = "--ensemble: the data set has no models for validation to choose by";
        return Err(Error::Usage(text.into()));
    }
    let seeds: Vec<u64> = (0..members).map(|i| config.seed.wrapping_add(i)).collect();
    let member = |seed: u64| -> PathBuf { out.with_extension(format!("seed{seed}.safetensors")) };
    let checkpoint = |seed: u64| member(seed).with_extension("checkpoint");
    if resume
        && !seeds
            .iter()
            .any(|&s| member(s).exists() || checkpoint(s).exists())
    {
        return Err(Error::Usage(format!(
            "--resume: there is nothing like {}",
            member(config.seed).display()
        )));
    }
    let bar = progress::bar(output, config.steps * members, "training");
    let steps: Vec<AtomicU64> = seeds.iter().map(|_| AtomicU64::new(0)).collect();
    let progress = |position: usize, done: u64| {
        let before = steps[position].swap(done, Ordering::Relaxed);
        // Drawing more often than a person can read costs steps; a GPU reports many at once.
        if done.is_multiple_of(64) || done.abs_diff(before) > 1 {
            bar.set_position(steps.iter().map(|s| s.load(Ordering::Relaxed)).sum());
        }
    };
    let mut control = EnsembleControl {
        progress: Some(&progress),
        cancel: Some(interrupt::flag()),
        member: Some(&member),
        checkpoint_every: CHECKPOINT_EVERY,
        resume,
        #[cfg(feature = "cuda")]
        gpu: None,
    };
    let device = device.choose(config, output)?;
    device.give_all(&mut control);
    let started = Instant::now();
    let ensemble = train_ensemble(dataset, config, &seeds, &control)?;
    let seconds = started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if ensemble.members.iter().any(|m| m.cancelled) {
        return Err(Error::Interrupted(
            "what is done lies beside --out; the same command with --resume goes on from it".into(),
        ));
    }
    let rows: Vec<serde_json::Value> = ensemble
        .members
        .iter()
        .map(|m| {
            let error = m.surrogate.as_ref().err().map(ToString::to_string);
            serde_json::json!({"seed": m.seed, "validation": m.score(), "error": error})
        })
        .collect();
    let Some(best) = ensemble.best.map(|i| &ensemble.members[i]) else {
        let reason = ensemble.members.into_iter().find_map(|m| m.surrogate.err());
        return Err(reason.map_or_else(
            || Error::Usage("--ensemble: no seed reached a validation score".into()),
            Error::from,
        ));
    };
    if let Ok(surrogate) = &best.surrogate {
        surrogate.write(out)?;
    }
    for &seed in &seeds {
        super::train::remove(&member(seed))?;
    }
    let failed = ensemble
        .members
        .iter()
        .filter(|m| m.surrogate.is_err())
        .count();
    for m in &ensemble.members {
        match (&m.surrogate, m.score()) {
            (Err(e), _) => output.note(&format!("seed {}: {e}", m.seed)),
            (_, Some(score)) => output.say(&format!("seed {}: validation {score:.3}", m.seed))?,
            (_, None) => output.say(&format!("seed {}: no validation score", m.seed))?,
        }
    }
    if let Some(s) = ensemble.spread {
        output.say(&format!(
            "best seed {}: {:.3}; median {:.3}, worst {:.3}, standard deviation {:.3}; {}",
            best.seed,
            s.best,
            s.median,
            s.worst,
            s.deviation,
            out.display()
        ))?;
    }
    Ok(Outcome {
        json: serde_json::json!({
            "best_seed": best.seed,
            "best_validation": best.score(),
            "spread": ensemble.spread,
            "members": rows,
            "seconds": seconds,
            "device": device.name(),
        }),
        partial: failed > 0,
    })
}
