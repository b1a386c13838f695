//! `surrogate generate`: sampled initial states, solved and written as a data set.

use crate::config::{DataArgs, RunConfig};
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::{folder, interrupt, progress, rates};
use chem_network::Kinetics;
use clap::Args;
use latent_ode::{Attribute, Control, Generated};
use std::path::PathBuf;

/// Options of `generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// Seed of the initial states; a model depends on it and on its number alone [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Configuration as `run` writes it; its training is ignored.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Data set to write: HDF5 in the layout of the CODES benchmark.
    #[arg(long, value_name = "FILE.h5")]
    pub out: PathBuf,
    /// What is wanted.
    #[command(flatten)]
    pub data: DataArgs,
}

/// Solves and writes.
pub fn run(args: &Generate, output: &Output) -> Result<Outcome, Error> {
    let mut config = RunConfig::load(args.config.as_ref(), None)?;
    config.set_data(&args.data, args.seed)?;
    folder::check_target(&args.out)?;
    let (network, dropped) = config.network()?;
    let environment = config.conditions.environment()?;
    if let Some(text) = rates::cosmic_rays(&network, &[environment]) {
        output.say(&text)?;
    }
    let generated = generate(&config, output, || "no data set was written".into())?;
    generated.dataset.write(&args.out)?;
    let [train, test, val] = parts(&generated);
    output.say(&format!(
        "{train} models for training, {test} for testing, {val} for validation, {}: {}",
        crate::report::duration(generated.seconds),
        args.out.display()
    ))?;
    let s = &generated.statistics;
    let failures: Vec<_> = generated
        .failures
        .iter()
        .map(|f| serde_json::json!({ "model": f.model, "reason": f.reason }))
        .collect();
    Ok(Outcome {
        partial: train + test + val < config.data.split.iter().sum::<usize>(),
        json: serde_json::json!({
            "models": train + test + val,
            "train": train, "test": test, "val": val,
            "failed": failures.len(),
            "failures": failures,
            "dropped_unsupported": dropped,
            "cosmic_rays": rates::cosmic_rays_json(&network),
            "seconds": generated.seconds,
            "steps": s.steps,
            "rejected": s.rejected,
            "rhs_evaluations": s.rhs_evaluations,
            "jacobian_evaluations": s.jacobian_evaluations,
            "factorizations": s.factorizations,
            "out": args.out.display().to_string(),
        }),
    })
}

/// Number of models in `train`, `test` and `val`.
pub fn parts(generated: &Generated) -> [usize; 3] {
    let d = &generated.dataset;
    [d.train().samples(), d.test().samples(), d.val().samples()]
}

/// Solves the sampled states of a configuration, with a progress bar; failed models are named on stderr. An interruption is an
/// error with the text of `how_to_go_on`.
pub fn generate(
    config: &RunConfig,
    output: &Output,
    how_to_go_on: impl FnOnce() -> String,
) -> Result<Generated, Error> {
    let (network, dropped) = config.network()?;
    if dropped > 0 {
        output.note(&rates::dropped(dropped));
    }
    let environment = config.conditions.environment()?;
    let distribution = config.distribution()?;
    let kinetics = Kinetics::with_options(&network, &environment, config.rates.options()?)?;
    let bar = progress::bar(
        output,
        config.data.split.iter().sum::<usize>() as u64,
        "solving the full chemistry",
    );
    let report = |done: usize, _of: usize| bar.set_position(done as u64);
    let control = Control {
        progress: Some(&report),
        cancel: Some(interrupt::flag()),
    };
    let result = latent_ode::generate(&kinetics, &distribution, &config.data, &control);
    bar.finish_and_clear();
    interrupt::check(how_to_go_on)?;
    let mut generated = result?;
    for failure in &generated.failures {
        output.note(&format!(
            "model {} failed: {}",
            failure.model, failure.reason
        ));
    }
    generated.dataset.attributes.insert(
        "network_name".into(),
        Attribute::from(config.network.as_str()),
    );
    Ok(generated)
}
