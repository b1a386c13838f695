//! `surrogate predict`: trajectories of given initial states by a surrogate.

use crate::error::Error;
use crate::folder;
use crate::initial::{self, Abundances};
use crate::options::TimeArgs;
use crate::output::{Outcome, Output};
use crate::{interrupt, table};
use chem_network::{Environment, Species};
use clap::Args;
use latent_ode::{Control, Surrogate};
use std::path::PathBuf;
use std::time::Instant;

/// Options of `predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Model.
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: PathBuf,
    /// Initial states: a CSV header of species names, one model per row; the state is the one at the first output.
    #[arg(long, value_name = "FILE.csv")]
    pub initial: PathBuf,
    /// Whether the numbers are densities (cm⁻³) or abundances relative to the density of hydrogen nuclei.
    #[arg(long, value_enum, default_value_t = Abundances::Absolute)]
    pub abundances: Abundances,
    /// Number density of hydrogen nuclei n_H (cm⁻³), for relative abundances.
    #[arg(long, value_name = "CM^-3")]
    pub density: Option<f64>,
    /// Result, as `solve` writes it: .h5, .hdf5 or .csv.
    #[arg(long, value_name = "OUT.h5|OUT.csv")]
    pub out: Option<PathBuf>,
    /// Output times; those of the model's training set unless given.
    #[command(flatten)]
    pub times: TimeArgs,
}

/// Predicts and writes.
pub fn run(args: &Predict, output: &Output) -> Result<Outcome, Error> {
    let format = args.out.as_deref().map(table::Format::of).transpose()?;
    args.out.as_deref().map(folder::check_target).transpose()?;
    let surrogate = Surrogate::read(&args.model)?;
    let labels = surrogate.labels();
    let names: Vec<&str> = labels.iter().map(String::as_str).collect();
    let find = |name: &str| {
        let exact = labels.iter().position(|l| l == name);
        exact.or_else(|| {
            let common = Species::from_name(name).ok()?;
            labels.iter().position(|l| l == common.name())
        })
    };
    let mut base = Environment::default();
    if let Some(density) = args.density {
        if !(density.is_finite() && density > 0.0) {
            return Err(Error::Usage(format!(
                "--density {density}: expected a finite number above 0 cm⁻³"
            )));
        }
        base.density = Some(density);
    }
    let initial = initial::read_table(&args.initial, &names, find, &base, args.abundances)?;
    let differs = |e: &Environment| {
        let mut conditions = *e;
        conditions.density = base.density;
        conditions != base
    };
    if initial.environments.iter().any(differs) {
        let text = "the table has columns of conditions, but the model holds for those of its training set alone";
        return Err(Error::Usage(text.into()));
    }
    super::solve::note_unnamed(&initial, output);
    let times = times(&args.times, &surrogate)?;
    let (first, last) = (
        surrogate.times()[0],
        surrogate.times()[surrogate.times().len() - 1],
    );
    // Rounding of the grid is no excess.
    if times
        .iter()
        .any(|t| *t < first * (1.0 - 1e-9) || *t > last * (1.0 + 1e-9))
    {
        output.note(&format!(
            "some times lie outside the training set's, {first:e} to {last:e} yr: there the surrogate extrapolates"
        ));
    }
    let clock = Instant::now();
    let control = Control {
        progress: None,
        cancel: Some(interrupt::flag()),
    };
    let rollouts = surrogate.rollout_all(&initial.states, &times, &control);
    interrupt::check(|| "nothing was written".into())?;
    let rollouts = rollouts?;
    let seconds = clock.elapsed().as_secs_f64();
    let width = times.len() * labels.len();
    let mut data = Vec::with_capacity(rollouts.len() * width);
    let mut failures = Vec::new();
    for (row, rollout) in rollouts.iter().enumerate() {
        match &rollout.failure {
            None => {
                // The first output is the state itself, as in `solve`.
                let state = &initial.states[row * labels.len()..][..labels.len()];
                data.extend_from_slice(state);
                data.extend_from_slice(&rollout.densities[labels.len()..]);
            }
            Some(reason) => {
                output.note(&format!("row {row} failed: {reason}"));
                failures.push(serde_json::json!({ "row": row, "reason": reason }));
                data.resize(data.len() + width, f64::NAN);
            }
        }
    }
    if let (Some(path), Some(format)) = (&args.out, format) {
        let attributes = [
            ("model", args.model.display().to_string().into()),
            ("units", "cm^-3".into()),
            ("time_units", "yr".into()),
        ];
        table::write(path, format, labels.to_vec(), &times, &data, attributes)?;
    }
    let models = rollouts.len();
    output.say(&format!(
        "{models} models, {} failed, {}",
        failures.len(),
        crate::report::duration(seconds)
    ))?;
    Ok(Outcome {
        partial: !failures.is_empty(),
        json: serde_json::json!({
            "models": models,
            "failed": failures.len(),
            "failures": failures,
            "seconds": seconds,
            "seconds_per_model": seconds / models.max(1) as f64,
            "species_set_to_zero": initial.unnamed.len(),
        }),
    })
}

/// The training set's times, or others that the options ask for.
fn times(args: &TimeArgs, surrogate: &Surrogate) -> Result<Vec<f64>, Error> {
    let known = surrogate.times();
    if args.t_start.is_none() && args.t_end.is_none() && args.points.is_none() {
        return Ok(known.to_vec());
    }
    let base = crate::options::Times {
        start: known[0],
        end: known[known.len() - 1],
        points: known.len(),
    };
    base.overridden(args).grid()
}
