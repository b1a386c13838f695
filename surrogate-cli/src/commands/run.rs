//! `surrogate run`: the main job, from the network to the report, in one folder, resumable at every stage.

use super::device::Device;
use super::{generate, train};
use crate::config::{DataArgs, RunConfig, TrainingArgs};
use crate::error::Error;
use crate::folder;
use crate::gather;
use crate::judge::{self, Judgement};
use crate::options::Tolerances;
use crate::output::{Outcome, Output};
use crate::report::{self, data::Timing};
use crate::{interrupt, rates, timings};
use clap::Args;
use latent_ode::{Dataset, LatentNetwork, Surrogate, write_atomically};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Seed of everything random [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Configuration, as a run leaves it in config.toml; other options change it.
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Folder to write; it must not hold a run yet [default: runs/RECIPE-seedN, numbered where it exists].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with an interrupted run, by its own configuration.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "out", "seed"])]
    pub resume: Option<PathBuf>,
    /// Trajectories.
    #[command(flatten)]
    pub data: DataArgs,
    /// Training.
    #[command(flatten)]
    pub training: TrainingArgs,
}

/// Runs every stage that is not done yet.
pub fn run(args: &Run, output: &Output) -> Result<Outcome, Error> {
    let (config, dir) = match &args.resume {
        Some(dir) => (resumed(args, dir)?, dir.clone()),
        None => {
            let mut config =
                RunConfig::load(args.config.as_ref(), args.training.recipe.as_deref())?;
            config.set_data(&args.data, args.seed)?;
            config.set_training(&args.training, args.seed)?;
            (config, PathBuf::new())
        }
    };
    // Refused before anything is written.
    let (network, dropped) = config.network()?;
    let environment = config.conditions.environment()?;
    let options = config.rates.options()?;
    config.distribution()?;
    config.data.validate()?;
    config.training.validate()?;
    let latent = &config.training.model;
    LatentNetwork::generate(latent.atoms, latent.max_size)?;
    let [train, test, _] = config.data.split;
    if train == 0 || test == 0 {
        return Err(Error::Usage(format!(
            "split {:?}: a run needs models to train on and models to test on",
            config.data.split
        )));
    }
    let dir = if args.resume.is_some() {
        dir
    } else {
        folder::create(args.out.as_deref(), &config, output)?
    };
    announce(&dir, output)?;
    if let Some(text) = rates::cosmic_rays(&network, &[environment]) {
        output.say(&text)?;
    }
    let files = folder::Files::new(&dir);
    if args.resume.is_none() {
        let text = config.to_toml()?;
        write_atomically(&files.config, |w| w.write_all(text.as_bytes()))?;
    }
    interrupt::flag();
    let resume = || format!("go on with `surrogate run --resume {}`", dir.display());

    let (dataset, generated) = data(&config, &files.data, output, resume)?;
    interrupt::check(resume)?;
    let (surrogate, trained) = model(
        &config,
        &dataset,
        args.training.device,
        &files,
        output,
        resume,
    )?;
    interrupt::check(resume)?;
    let dataset = judge::matched(dataset, &surrogate)?;
    let judgement = judge::judge(&surrogate, &dataset, config.data.seed, output)?;
    let truth = Tolerances {
        rtol: config.data.rtol,
        atol: config.data.atol,
    };
    let timings = timings::measure(&surrogate, &dataset, &network, environment, &options, truth)?;
    interrupt::check(resume)?;

    let metrics = metrics(&judgement, &timings, &surrogate, generated, trained);
    let text = serde_json::to_string_pretty(&metrics)?;
    write_atomically(&files.metrics, |w| w.write_all(text.as_bytes()))?;
    let rendered = report::render(&gather::report_data(
        &config, &surrogate, &dataset, &judgement, timings,
    )?)?;
    folder::write_figures(&files.figures, &rendered.figures)?;
    write_atomically(&files.report, |w| w.write_all(rendered.html.as_bytes()))?;

    output.say(&judge::table(&judgement))?;
    output.say(&format!("\nreport: {}", files.report.display()))?;
    let mut json = metrics;
    if let Value::Object(object) = &mut json {
        object.insert("dropped_unsupported".into(), json!(dropped));
        object.insert("cosmic_rays".into(), rates::cosmic_rays_json(&network));
        object.insert("folder".into(), json!(dir.display().to_string()));
        object.insert("report".into(), json!(files.report.display().to_string()));
    }
    Ok(Outcome {
        partial: !judgement.predictions.failures.is_empty(),
        json,
    })
}

/// The configuration of an interrupted run; options cannot change it.
fn resumed(args: &Run, dir: &Path) -> Result<RunConfig, Error> {
    let files = folder::Files::new(dir);
    if !files.config.exists() {
        return Err(Error::Usage(format!(
            "--resume {}: there is no config.toml, so no run to go on with",
            dir.display()
        )));
    }
    if files.report.exists() {
        return Err(Error::Usage(format!(
            "--resume {}: this run is finished: {}",
            dir.display(),
            files.report.display()
        )));
    }
    let config = RunConfig::read(&files.config, None)?;
    let mut changed = config.clone();
    changed.set_data(&args.data, None)?;
    changed.set_training(&args.training, None)?;
    if changed != config
        || args
            .training
            .recipe
            .as_ref()
            .is_some_and(|r| *r != config.training.recipe)
    {
        let text = "--resume goes on by the run's own configuration; drop the other options";
        return Err(Error::Usage(text.into()));
    }
    Ok(config)
}

/// Says first where everything will be.
fn announce(dir: &Path, output: &Output) -> Result<(), Error> {
    let text = format!("folder: {}", dir.display());
    if output.is_json() {
        output.note(&text);
    }
    output.say(&text)
}

fn data(
    config: &RunConfig,
    path: &Path,
    output: &Output,
    how_to_go_on: impl FnOnce() -> String,
) -> Result<(Dataset, Value), Error> {
    if path.exists() {
        output.say("trajectories: already there")?;
        return Ok((Dataset::read(path)?, Value::Null));
    }
    let generated = generate::generate(config, output, how_to_go_on)?;
    generated.dataset.write(path)?;
    let [train, test, val] = generate::parts(&generated);
    let seconds = report::duration(generated.seconds);
    output.say(&format!(
        "trajectories: {train} for training, {test} for testing, {val} for validation, {seconds}"
    ))?;
    let failed = generated.failures.len();
    Ok((
        generated.dataset,
        json!({ "seconds": generated.seconds, "steps": generated.statistics.steps, "failed": failed }),
    ))
}

fn model(
    config: &RunConfig,
    dataset: &Dataset,
    device: Device,
    files: &folder::Files,
    output: &Output,
    how_to_go_on: impl FnOnce() -> String,
) -> Result<(Surrogate, Value), Error> {
    if files.model.exists() {
        output.say("model: already there")?;
        return Ok((Surrogate::read(&files.model)?, Value::Null));
    }
    let resume = files.checkpoint.exists();
    let trained = train::train(
        dataset,
        &config.training,
        device,
        &files.checkpoint,
        resume,
        output,
        how_to_go_on,
    )?;
    trained.surrogate.write(&files.model)?;
    train::remove(&files.checkpoint)?;
    output.say(&format!(
        "model: {} steps, {} ({:.0} steps per second), {}",
        trained.steps,
        report::duration(trained.seconds),
        trained.steps_per_second,
        train::ended(trained.stopped)
    ))?;
    let value = train::json(&trained);
    Ok((trained.surrogate, value))
}

/// Everything measured, as metrics.json holds it.
fn metrics(
    judgement: &Judgement,
    timings: &[Timing],
    surrogate: &Surrogate,
    generated: Value,
    trained: Value,
) -> Value {
    let network = surrogate.network();
    let reactions: Vec<Value> = surrogate
        .rate_coefficients()
        .iter()
        .enumerate()
        .map(|(j, k)| json!({ "reaction": network.equation(j), "rate_coefficient": k }))
        .collect();
    let seconds: serde_json::Map<String, Value> = timings
        .iter()
        .map(|t| (t.what.clone(), json!(t.seconds)))
        .collect();
    let mut value = judgement.json();
    if let Value::Object(object) = &mut value {
        object.insert("seconds_per_model_by_part".into(), Value::Object(seconds));
        object.insert("latent_network".into(), json!(reactions));
        object.insert("generation".into(), generated);
        object.insert("training".into(), trained);
        object.insert("parameters".into(), json!(surrogate.parameter_count()));
    }
    value
}
