//! `surrogate pdr train`: a surrogate of lines of sight or of the cells of a cube; interruptible, resumable, judged at the end.

use crate::commands::device::{Chosen, Device};
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::rays::candidates::{self, Candidate, FamilyChoice, InputChoice, Wishes};
use crate::rays::data::{self, Data};
use crate::rays::files::Files;
use crate::rays::judge::{self, Part};
use crate::rays::report;
use crate::report::duration;
use crate::{folder, interrupt, progress};
use clap::Args;
use latent_ode::rays::{RayConfig, RayControl, RayModel, Record};
use latent_ode::{Error as LatentError, write_atomically};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Reviews between checkpoints.
const CHECKPOINT_EVERY: u64 = 2;

/// Options of `pdr train`.
#[derive(Debug, Args)]
pub struct Train {
    /// Grid of lines of sight in NeuralPDR's layout, packed rays (`pdr rays`), or a file of solved cubes (HDF5).
    #[arg(long, value_name = "FILE.h5")]
    pub data: PathBuf,
    /// Folder to write: model.safetensors, metrics.json, report.html, config.toml.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Kind of model [default: pointwise; cell for a solved cube].
    #[arg(long, value_enum)]
    pub family: Option<FamilyChoice>,
    /// What the model is given along the ray [default: local; a cell model has standalone inputs].
    #[arg(long, value_enum)]
    pub inputs: Option<InputChoice>,
    /// What differs from the defaults (see the written config.toml for all keys).
    #[arg(long, value_name = "C.toml")]
    pub config: Option<PathBuf>,
    /// With `--family auto`: minutes for all candidates together.
    #[arg(long, value_name = "MINUTES", default_value_t = 30.0)]
    pub budget: f64,
    /// The solved cube, where the file holds several.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Part of the series or cells to learn from, in a random order by --seed; the rest is for the test [default: 70/15/15 in the
    /// file's order for a grid, 0.05 for packed rays and for a cube].
    #[arg(long, value_name = "PART")]
    pub fraction: Option<f64>,
    /// Seed of initial parameters and batches, and with --fraction of what is learned from [default: 1].
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// What computes losses and gradients.
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
    /// Go on with the interrupted training in --out.
    #[arg(long)]
    pub resume: bool,
}

/// Trains, judges, writes.
pub fn run(args: &Train, output: &Output) -> Result<Outcome, Error> {
    if !(args.budget > 0.0 && args.budget.is_finite()) {
        let text = format!("--budget {}: expected minutes above 0", args.budget);
        return Err(Error::Usage(text));
    }
    let text = match &args.config {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
            Some((path.display().to_string(), text))
        }
    };
    let data = data::open(&args.data, args.group.as_deref())?;
    let label = data::label(&args.data, &data);
    let wishes = Wishes {
        family: args.family,
        inputs: args.inputs,
        fraction: args.fraction,
        seed: args.seed,
        config: text
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.clone())),
    };
    let mut chosen = candidates::choose(&wishes, &data)?;
    let auto = args.family == Some(FamilyChoice::Auto);
    let devices = chosen
        .iter()
        .map(|c| args.device.choose_for_rays(&c.config, !auto, output))
        .collect::<Result<Vec<_>, _>>()?;
    let files = Files::create(&args.out, args.resume)?;
    if !args.resume {
        write_text(&files.config, &chosen[0].config.to_toml()?)?;
    }
    let share = 60.0 * args.budget / chosen.len() as f64;
    let (mut best, mut tried): (Option<RayModel>, Vec<serde_json::Value>) = (None, Vec::new());
    for (candidate, device) in chosen.iter_mut().zip(&devices) {
        if auto {
            plan(candidate, share, device, &data, &label, &files)?;
        }
        let model = one(args, candidate, device, &data, &label, &files, output)?;
        let d = model.description();
        output.say(&format!(
            "{}: {} steps in {}, validation {:.4} dex",
            candidate.name,
            d.steps.0,
            duration(d.seconds),
            d.validation.unwrap_or(f64::NAN)
        ))?;
        tried.push(json!({
            "family": model.family().name(), "inputs": model.inputs().name(), "training_seconds": d.seconds,
            "validation_mae_dex": d.validation, "parameters": model.parameters(),
            "device": device.name(),
        }));
        let score = |m: &RayModel| m.description().validation.unwrap_or(f64::INFINITY);
        if best.as_ref().is_none_or(|b| score(&model) < score(b)) {
            best = Some(model);
        }
    }
    let Some(model) = best else {
        return Err(Error::Usage("there is nothing to train".into()));
    };
    write_text(&files.config, &model.description().config.to_toml()?)?;
    let judgement = judge::judge(&model, &data, Part::Test, output)?;
    let mut object = judgement.json(&model, Part::Test);
    object["candidates"] = json!(tried);
    object["model"] = json!(files.model);
    let text = serde_json::to_string_pretty(&object)?;
    write_text(&files.metrics, &text)?;
    let compared = tried.iter().map(|t| {
        let name = t["family"].as_str().unwrap_or_default().to_owned();
        let seconds = t["training_seconds"].as_f64().unwrap_or(f64::NAN);
        (name, t["validation_mae_dex"].as_f64(), seconds)
    });
    let shown = report::gather(&model, &judgement, &data, compared.collect())?;
    let rendered = crate::report::rays::page(&shown)?;
    folder::write_figures(&files.figures, &rendered.figures)?;
    write_text(&files.report, &rendered.html)?;
    model.write(&files.model)?;
    for candidate in &chosen {
        for path in [
            files.candidate(&candidate.name),
            files.checkpoint(&candidate.name),
            files.plan(&candidate.name),
        ] {
            super::super::train::remove(&path)?;
        }
    }
    output.say(&judgement.text(&model, Part::Test))?;
    output.say(&files.model.display().to_string())?;
    Ok(Outcome {
        partial: judgement.evaluation.scores.non_finite > 0,
        json: object,
    })
}

/// Fits a candidate to its share of the budget, once: a resumed training follows the plan it began with.
fn plan(
    candidate: &mut Candidate,
    seconds: f64,
    device: &Chosen,
    data: &Data,
    label: &str,
    files: &Files,
) -> Result<(), Error> {
    let path = files.plan(&candidate.name);
    if path.exists() {
        let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
        candidate.config = RayConfig::parse(&text)?;
        return Ok(());
    }
    let mut control = RayControl::default();
    device.give_to_rays(&mut control);
    candidates::fit_to(candidate, seconds, data, label, &mut control)?;
    write_text(&path, &candidate.config.to_toml()?)
}

/// Trains one candidate, or reads it where it was finished before an interruption.
fn one(
    args: &Train,
    candidate: &Candidate,
    device: &Chosen,
    data: &Data,
    label: &str,
    files: &Files,
    output: &Output,
) -> Result<RayModel, Error> {
    let finished = files.candidate(&candidate.name);
    if args.resume && finished.exists() {
        return Ok(RayModel::read(&finished)?);
    }
    let checkpoint = files.checkpoint(&candidate.name);
    let bar = progress::bar(output, 0, "training");
    let mut step = |done: u64, of: u64| {
        // Drawing more often than a person can read costs steps.
        if done.is_multiple_of(32) {
            bar.set_length(of);
            bar.set_position(done);
        }
    };
    let mut report = |record: &Record| {
        let loss = record.losses.get("total").copied().unwrap_or(f64::NAN);
        let validation = record.validation.unwrap_or(f64::NAN);
        bar.set_message(format!("loss {loss:.4}, validation {validation:.4} dex"));
    };
    let mut control = RayControl {
        progress: Some(&mut step),
        report: Some(&mut report),
        cancel: Some(interrupt::flag()),
        checkpoint: Some(checkpoint.clone()),
        checkpoint_every: CHECKPOINT_EVERY,
        ..RayControl::default()
    };
    control.resume = args.resume && checkpoint.exists();
    device.give_to_rays(&mut control);
    let trained = candidates::train(data, label, &candidate.config, &mut control);
    bar.finish_and_clear();
    match trained {
        Err(Error::Latent(LatentError::Cancelled)) => Err(Error::Interrupted(format!(
            "the state is in {}; the same command with --resume goes on from it",
            args.out.display()
        ))),
        Err(other) => Err(other),
        Ok(trained) => {
            trained.model.write(&finished)?;
            Ok(trained.model)
        }
    }
}

fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    folder::check_target(path)?;
    Ok(write_atomically(path, |w| w.write_all(text.as_bytes()))?)
}
