//! `surrogate solve`: the full chemistry for given initial states, all in one batch.

use crate::error::Error;
use crate::folder;
use crate::initial::{self, Abundances, InitialStates};
use crate::interrupt;
use crate::options::{self, ConditionArgs, Conditions, TimeArgs, Times, ToleranceArgs, Tolerances};
use crate::oscillation;
use crate::output::{Outcome, Output};
use crate::paths;
use crate::progress;
use crate::rates::{self, RateArgs, Rates};
use crate::solver::{self, Along, Batch, Batching, Task};
use crate::table;
use crate::track;
use chem_network::{Network, Track, YEAR};
use clap::Args;
use std::path::{Path, PathBuf};
use stiff_ode_solvers::SteadyState;

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
    /// Conditions that vary in time, for all rows: a CSV table with a column time (yr) and columns named like conditions,
    /// interpolated in between (temperature, density, field and ζ in their logarithms, A_V linearly) and constant outside. Where
    /// the density changes, all species are compressed with it.
    #[arg(long = "conditions", value_name = "FILE.csv")]
    pub track: Option<PathBuf>,
    /// Stop a model once it is at rest: no number density would change by more than this fraction over the whole time span at its
    /// present rate. Outputs after that repeat the state at rest.
    #[arg(long, value_name = "CHANGE", num_args = 0..=1, default_missing_value = "1e-3")]
    pub until_steady: Option<f64>,
    /// Print the main reactions that form and destroy this species at the last output of every row; repeatable.
    #[arg(long, value_name = "SPECIES")]
    pub paths: Vec<String>,
    /// Models that a thread advances at a time; results agree within the tolerances.
    #[arg(long, value_enum, default_value_t = Batching::Lanes)]
    pub batch: Batching,
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
    let track = match &args.track {
        Some(path) => Some(track::read(path, &base)?),
        None => None,
    };
    let start = times.first().map_or(0.0, |t| t * YEAR);
    let base = track.as_ref().map_or(base, |track| track.at(start));
    let initial = initial::read(&args.initial, &network, &base, args.abundances)?;
    if track.is_some() && initial.environments.iter().any(|e| *e != base) {
        return Err(Error::Usage(
            "--conditions holds for all rows: the table of initial states must have no columns of conditions then".into(),
        ));
    }
    let wanted = paths::species(&network, &args.paths)?;
    note_unnamed(&initial, output);
    let shown = track
        .as_ref()
        .map_or(&initial.environments[..], Track::environments);
    if let Some(text) = rates::cosmic_rays(&network, shown) {
        output.say(&text)?;
    }

    let bar = progress::bar(output, initial.environments.len() as u64, "solving");
    let done = |models: usize| bar.set_position(models as u64);
    let task = Task {
        network: &network,
        initial: &initial.states,
        conditions: match &track {
            Some(track) => Along::Track(track),
            None => Along::Constant(&initial.environments),
        },
        rates: &rates,
        times: &times,
        tolerances,
        batching: args.batch,
        until_steady: until_steady(args)?,
    };
    let batch = solver::solve(&task, &done, interrupt::flag())?;
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
    let found = {
        let species = network.species().len();
        let models = batch.data.chunks(times.len() * species);
        let last: Vec<&[f64]> = models
            .map(|model| &model[model.len() - species..])
            .collect();
        let end = times.last().map_or(0.0, |t| t * YEAR);
        let environments = match &track {
            Some(track) => vec![track.at(end)],
            None => initial.environments.clone(),
        };
        paths::find(&network, &wanted, &last, &environments, &rates)?
    };
    for paths in &found {
        output.say(&paths.text(&network))?;
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
            "steady_at_yr": args.until_steady.map(|_| &batch.steady),
            "paths": found.iter().map(|paths| paths.json(&network)).collect::<Vec<_>>(),
            "failures": failures,
            "species_set_to_zero": initial.unnamed.len(),
            "dropped_unsupported": dropped,
            "cosmic_rays": rates::cosmic_rays_json(&network),
        }),
    })
}

/// The criterion of `--until-steady`.
fn until_steady(args: &Solve) -> Result<Option<SteadyState>, Error> {
    let Some(change) = args.until_steady else {
        return Ok(None);
    };
    if !(change.is_finite() && change > 0.0) {
        return Err(Error::Usage(format!(
            "--until-steady {change}: expected a finite number above 0"
        )));
    }
    if args.track.is_some() || args.check_oscillation {
        return Err(Error::Usage(
            "--until-steady goes with neither --conditions nor --check-oscillation: a gas that is driven or oscillates never rests".into(),
        ));
    }
    Ok(Some(SteadyState::default().relative_change(change)))
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
    let at_rest: Vec<f64> = batch.steady.iter().flatten().copied().collect();
    if args.until_steady.is_some() {
        let latest = at_rest.iter().copied().fold(f64::NAN, f64::max);
        output.say(&match at_rest.len() {
            0 => "none came to rest".to_owned(),
            count => format!("{count} came to rest, the last after {latest:.3e} yr"),
        })?;
    }
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
