//! `surrogate train --benchmark-steps`: how long a step of the training loop takes, and where those steps lead.

use super::device::Device;
use crate::error::Error;
use crate::output::{Outcome, Output};
use latent_ode::{Dataset, TrainConfig, TrainControl, train::Objective};
use std::path::Path;

/// Runs `steps` steps of the very loop that trains, without validation between them. What is left is what a training of as many
/// steps leaves.
pub fn run(
    dataset: &Dataset,
    config: &TrainConfig,
    steps: u64,
    device: Device,
    out: Option<&Path>,
    output: &Output,
) -> Result<Outcome, Error> {
    let config = TrainConfig {
        steps,
        ..config.clone()
    };
    let mut control = TrainControl {
        benchmark_steps: Some(steps),
        ..TrainControl::default()
    };
    let device = device.choose(&config, output)?;
    device.give(&mut control);
    let trained = latent_ode::train(dataset, &config, &mut control)?;
    if let Some(out) = out {
        trained.surrogate.write(out)?;
    }
    let milliseconds = 1e3 / trained.steps_per_second;
    let batch = match &config.objective {
        Objective::Derivatives(o) => o.batch,
        Objective::Rollout(o) => o.trajectories,
    };
    let losses = trained.losses.map_or(String::new(), |l| {
        format!(
            "; L0 {:.4e}, L1 {:.4e}, L2 {:.4e}, L3 {:.4e} over the training set",
            l[0], l[1], l[2], l[3]
        )
    });
    let place = match device.name() {
        "cpu" => format!("{} thread(s)", rayon::current_num_threads()),
        other => other.to_owned(),
    };
    output.say(&format!(
        "recipe {}, batch {batch}: {steps} steps, {milliseconds:.4} ms each on {place}{losses}",
        config.recipe
    ))?;
    Ok(Outcome::done(serde_json::json!({
        "milliseconds_per_step": milliseconds,
        "losses": trained.losses,
        "steps": trained.steps,
        "batch": batch,
        "device": device.name(),
        "threads": rayon::current_num_threads(),
        "recipe": config.recipe,
        "seed": config.seed,
        "parameters": trained.surrogate.parameter_count(),
    })))
}
