//! `surrogate solve`: the full chemistry for given initial states, all in one batch.

use crate::error::Error;
use crate::folder;
use crate::initial::{self, Abundances, InitialStates};
use crate::interrupt;
use crate::options::{self, ConditionArgs, Conditions, TimeArgs, Times, ToleranceArgs, Tolerances};
use crate::oscillation;
use crate::output::{Outcome, Output};
use crate::progress;
use crate::rates::{self, RateArgs, Rates};
use crate::solver::{self, Batch};
use crate::table;
use chem_network::Network;
use clap::Args;
use std::path::{Path, PathBuf};

/// Tolerances of a solve unless asked otherwise.
const TOLERANCES: Tolerances = Tolerances {
    rtol: 1e-3,
    atol: 1e-14,
};
/// Tolerances at which oscillating models are found.
const TIGHT: Tolerances = Tolerances {
    rtol: 1e-8,
    atol: 1e-18,
};

/// Options of `solve`.
#[derive(Debug, Args)]
pub struct Solve {
    /// Embedded network (osu224) or network file.
    #[arg(long, default_value = "osu224", value_name = "NAME|FILE")]
    pub network: String,
    /// How the network file is read.
    #[command(flatten)]
    pub file: options::FileArgs,
    /// Initial states: a CSV header of species names in any database's spelling, one model per row; columns named
    /// like conditions (temperature, cosmic_ray_rate, density, visual_extinction, radiation_field, grain_albedo,
    /// dust_temperature, doppler_width, h2_column, co_column, c_column) override the options row by row.
    #[arg(long, value_name = "FILE.csv")]
    pub initial: PathBuf,
    /// Whether the numbers are densities (cm⁻³) or abundances relative to the density of hydrogen nuclei.
    #[arg(long, value_enum, default_value_t = Abundances::Absolute)]
    pub abundances: Abundances,
    /// Solve again at rtol 1e-8, atol 1e-18 and list the rows (from 0) that oscillate at late times: a loose run cannot know.
    #[arg(long)]
    pub check_oscillation: bool,
    /// Result: HDF5 (.h5, .hdf5) with `data` (models × times × species, cm⁻³), `timesteps` (yr) and the attribute `labels`; or .csv.
    #[arg(long, value_name = "OUT.h5|OUT.csv")]
    pub out: Option<PathBuf>,
    /// Conditions.
    #[command(flatten)]
    pub conditions: ConditionArgs,
    /// Rate coefficients.
    #[command(flatten)]
    pub rates: RateArgs,
    /// Output times.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Tolerances.
    #[command(flatten)]
    pub tolerances: ToleranceArgs,
}

/// Solves every row, writes the result, and reports what it took.
pub fn run(args: &Solve, output: &Output) -> Result<Outcome, Error> {
    let base = Conditions::default()
        .overridden(&args.conditions)
        .environment()?;
    let times = Times::default().overridden(&args.times).grid()?;
    let tolerances = TOLERANCES.overridden(&args.tolerances)?;
    let format = args.out.as_deref().map(table::Format::of).transpose()?;
    args.out.as_deref().map(folder::check_target).transpose()?;
    let rates = Rates::default().overridden(&args.rates);
    let network = options::network(&args.network, &args.file)?;
    let (network, dropped) = rates.evaluable(network, &args.network)?;
    if dropped > 0 {
        output.note(&rates::dropped(dropped));
    }
    let rates = rates.options()?;
    let initial = initial::read(&args.initial, &network, &base, args.abundances)?;
    note_unnamed(&initial, output);
    if let Some(text) = rates::cosmic_rays(&network, &initial.environments) {
        output.say(&text)?;
    }

    let bar = progress::bar(output, initial.environments.len() as u64, "solving");
    let done = |models: usize| bar.set_position(models as u64);
    let batch = solver::solve(
        &network,
        &initial.states,
        &initial.environments,
        &rates,
        &times,
        tolerances,
        &done,
        interrupt::flag(),
    )?;
    bar.finish_and_clear();
    interrupt::check(|| "nothing was written".into())?;
    for (row, reason) in &batch.failures {
        output.note(&format!("row {row} failed: {reason}"));
    }
    if let (Some(path), Some(format)) = (&args.out, format) {
        write(
            path,
            format,
            &network,
            &args.network,
            &times,
            tolerances,
            &batch,
        )?;
    }
    let oscillating = if args.check_oscillation {
        let rows = oscillation::rows(&network, &initial, &rates, &times, TIGHT)?;
        interrupt::check(|| {
            "the check for oscillation is incomplete; the result was written".into()
        })?;
        if !rows.is_empty() {
            output.note(&format!("oscillating at late times (rows from 0): {rows:?}; use --rtol 1e-8 --atol 1e-18 for these"));
        }
        Some(rows)
    } else {
        None
    };
    summary(args, output, &batch)?;
    let s = &batch.statistics;
    let failures: Vec<_> = batch
        .failures
        .iter()
        .map(|(row, reason)| serde_json::json!({ "row": row, "reason": reason }))
        .collect();
    Ok(Outcome {
        partial: !batch.failures.is_empty(),
        json: serde_json::json!({
            "models": batch.models,
            "failed": batch.failures.len(),
            "seconds": batch.seconds,
            "steps": s.steps,
            "rejected": s.rejected,
            "rhs_evaluations": s.rhs_evaluations,
            "jacobian_evaluations": s.jacobian_evaluations,
            "factorizations": s.factorizations,
            "oscillating": oscillating,
            "failures": failures,
            "species_set_to_zero": initial.unnamed.len(),
            "dropped_unsupported": dropped,
            "cosmic_rays": rates::cosmic_rays_json(&network),
        }),
    })
}

/// Says how many species start at 0 because the table does not name them.
pub fn note_unnamed(initial: &InitialStates, output: &Output) {
    if !initial.unnamed.is_empty() {
        let few = initial
            .unnamed
            .iter()
            .take(8)
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        let more = if initial.unnamed.len() > 8 {
            " …"
        } else {
            ""
        };
        output.note(&format!(
            "{} species not named in the table start at 0: {few}{more}",
            initial.unnamed.len()
        ));
    }
}

fn summary(args: &Solve, output: &Output, batch: &Batch) -> Result<(), Error> {
    let s = &batch.statistics;
    output.say(&format!(
        "{} models, {} failed, {}: {} steps, {} rejected, {} right-hand sides, {} Jacobians, {} factorisations",
        batch.models,
        batch.failures.len(),
        crate::report::duration(batch.seconds),
        s.steps,
        s.rejected,
        s.rhs_evaluations,
        s.jacobian_evaluations,
        s.factorizations
    ))?;
    match &args.out {
        Some(path) => output.say(&format!("written to {}", path.display())),
        None => output.say("not written anywhere: no --out"),
    }
}

fn write(
    path: &Path,
    format: table::Format,
    network: &Network,
    name: &str,
    times: &[f64],
    tolerances: Tolerances,
    batch: &Batch,
) -> Result<(), Error> {
    let labels: Vec<String> = network.species_names().map(str::to_owned).collect();
    let attributes = [
        ("network", name.into()),
        ("units", "cm^-3".into()),
        ("time_units", "yr".into()),
        ("rtol", tolerances.rtol.into()),
        ("atol", tolerances.atol.into()),
    ];
    table::write(path, format, labels, times, &batch.data, attributes)
}
