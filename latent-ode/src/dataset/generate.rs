//! Data sets by solving a chemical network for many sampled initial states, in parallel and reproducibly.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use chem_network::{
    Kinetics, KineticsBatch, Network, YEAR,
    sampling::{Distribution, InitialStates},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use stiff_ode_solvers::{Options, Rodas5p, SolveError, Solver, Statistics, Watch, solve_lanes};

use super::{Attribute, Dataset, Trajectories, log_spaced};
use crate::Error;

/// Progress of a long computation, and the wish to end it.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Called with (done, of) from any thread, after every piece of work.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
    /// Raised by the caller to end the work early.
    pub cancel: Option<&'a AtomicBool>,
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("progress", &self.progress.is_some())
            .field("cancel", &self.cancel)
            .finish()
    }
}

impl Control<'_> {
    pub(crate) fn cancelled(&self) -> bool {
        self.cancel.is_some_and(|c| c.load(Ordering::Relaxed))
    }
}

/// What becomes of a model whose solution fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The next model of the distribution takes its place.
    #[default]
    Replace,
    /// It is left out; its part has a sample less.
    Omit,
}

/// Settings of [`generate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerateOptions {
    /// Number of models in `train`, `test` and `val`.
    pub split: [usize; 3],
    /// Seed of the initial states and random starts; model i depends on it and on i alone.
    pub seed: u64,
    /// First output \[yr\]: the time of the initial state.
    pub t_start: f64,
    /// Last output \[yr\].
    pub t_end: f64,
    /// Number of outputs, uniform in log10 t.
    pub points: usize,
    /// Relative tolerance of the solver.
    pub rtol: f64,
    /// Absolute tolerance of the solver \[cm⁻³\].
    pub atol: f64,
    /// Whether a sampled state first evolves for a time drawn log-uniformly between `t_start` and `t_end`; where it has got to is
    /// the state at the first output, the clock starting anew. The time is stored as parameter `start_time` \[yr\].
    pub random_start: bool,
    /// What becomes of failed models.
    pub on_failure: OnFailure,
    /// Steps after which a solution has failed.
    pub max_steps: usize,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            split: [450, 50, 50],
            seed: 1,
            t_start: 1e-6,
            t_end: 1e8,
            points: 100,
            rtol: 1e-6,
            atol: 1e-20,
            random_start: false,
            on_failure: OnFailure::Replace,
            max_steps: 1_000_000,
        }
    }
}

/// A model that could not be solved.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedModel {
    /// Its index in the distribution (that of the row it would have had, for the first `split` models).
    pub model: usize,
    /// What the solver said.
    pub reason: String,
}

/// What a solver says of a failed model, with the species' name and the time in years.
pub fn describe_failure(error: &SolveError, network: &Network) -> String {
    let years = |t: &f64| format!("{:.4e} yr", t / YEAR);
    match error {
        SolveError::StepTooSmall { t, step, .. } => {
            format!("step too small at t = {}: {}", years(t), years(step))
        }
        SolveError::NotFinite { component, t, .. } => {
            let species = network.species().get(*component);
            let name = species.map_or_else(|| component.to_string(), |s| s.name().to_owned());
            format!("the rate of {name} is not finite after t = {}", years(t))
        }
        SolveError::SingularMatrix { t, step, .. } => format!(
            "iteration matrix is singular at t = {}, down to a step of {}",
            years(t),
            years(step)
        ),
        SolveError::NotConverged { t, step, .. } => format!(
            "Newton's iteration does not converge at t = {}, down to a step of {}",
            years(t),
            years(step)
        ),
        SolveError::UndeclaredDependence { row, column, t, .. } => {
            let name = |i: usize| {
                let species = network.species().get(i);
                species.map_or_else(|| i.to_string(), |s| s.name().to_owned())
            };
            format!(
                "the rate of {} depends on {} at t = {}, which the sparsity pattern leaves out",
                name(*row),
                name(*column),
                years(t)
            )
        }
        SolveError::TooManySteps { t, limit, .. } => {
            format!("more than {limit} steps at t = {}", years(t))
        }
        other => other.to_string(),
    }
}

/// What [`generate`] returns.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The data set.
    pub dataset: Dataset,
    /// Models that failed, in the order of their indices.
    pub failures: Vec<FailedModel>,
    /// Work of all solves together.
    pub statistics: Statistics,
    /// Wall time of the solves \[s\].
    pub seconds: f64,
}

/// Models side by side in a thread: one AVX-512 register of f64, two of AVX2.
const WIDTH: usize = 8;

/// One solved model.
struct Solved {
    model: usize,
    values: Vec<f64>,
    start_time: f64,
    statistics: Statistics,
}

/// Samples initial states, solves each from `t_start` to `t_end` with Rodas5P, and splits the trajectories into train, test and val.
///
/// Values are stored as the solver gives them; where the truth is zero within the tolerance they may be slightly negative.
/// Models are solved in parallel by rayon; the result does not depend on the number of threads.
///
/// # Errors
/// [`Error::Option`] for settings out of range, [`Error::Times`], [`Error::Chemistry`] when the distribution does not fit the
/// network, [`Error::Generate`] when more models fail than were asked for, [`Error::Cancelled`].
pub fn generate(
    kinetics: &Kinetics,
    distribution: &Distribution,
    options: &GenerateOptions,
    control: &Control<'_>,
) -> Result<Generated, Error> {
    let times = check(options)?;
    let network = kinetics.network();
    let wanted: usize = options.split.iter().sum();
    let started = Instant::now();
    let (mut solved, mut failures): (Vec<Solved>, Vec<FailedModel>) = (Vec::new(), Vec::new());
    let mut next = 0;
    // Rounds: all models, then replacements for those that failed.
    while next < wanted || (options.on_failure == OnFailure::Replace && solved.len() < wanted) {
        let round = if next < wanted {
            next..wanted
        } else {
            next..next + (wanted - solved.len())
        };
        next = round.end;
        let initial = distribution.sample(network, round.end, options.seed)?;
        let done = solved.len();
        let report = |n: usize| {
            if let Some(progress) = control.progress {
                progress(done + n, wanted);
            }
        };
        let results = solve_round(
            kinetics,
            &initial,
            round,
            &times,
            options,
            &Watch {
                progress: Some(&report),
                cancel: control.cancel,
            },
        )?;
        if control.cancelled() {
            return Err(Error::Cancelled);
        }
        for result in results {
            match result {
                Ok(model) => solved.push(model),
                Err(failure) => failures.push(failure),
            }
        }
        if failures.len() > wanted.max(10) {
            return Err(Error::Generate {
                failed: failures.len(),
                asked: wanted,
                reason: failures[0].reason.clone(),
            });
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    if let (true, Some(first)) = (solved.is_empty(), failures.first()) {
        return Err(Error::Generate {
            failed: failures.len(),
            asked: wanted,
            reason: first.reason.clone(),
        });
    }
    let statistics = solved.iter().fold(Statistics::default(), |mut sum, s| {
        sum += s.statistics;
        sum
    });
    let dataset = assemble(kinetics, distribution, options, times, solved, &failures)?;
    Ok(Generated {
        dataset,
        failures,
        statistics,
        seconds,
    })
}

impl GenerateOptions {
    /// Whether [`generate`] can work with these, whatever the network.
    ///
    /// # Errors
    /// [`Error::Option`] for settings out of range, [`Error::Times`].
    pub fn validate(&self) -> Result<(), Error> {
        check(self).map(|_| ())
    }
}

fn check(options: &GenerateOptions) -> Result<Vec<f64>, Error> {
    let positive = |name, value: f64| {
        let ok = value > 0.0 && value.is_finite();
        if ok {
            Ok(())
        } else {
            Err(Error::Option {
                name,
                value: value.to_string(),
                reason: "must be positive and finite".into(),
            })
        }
    };
    positive("rtol", options.rtol)?;
    positive("atol", options.atol)?;
    let models = options
        .split
        .iter()
        .try_fold(0usize, |sum, &n| sum.checked_add(n));
    if models.is_none_or(|n| n == 0 || n > 100_000_000) {
        return Err(Error::Option {
            name: "split",
            value: format!("{:?}", options.split),
            reason: "must ask for at least one model".into(),
        });
    }
    log_spaced(options.t_start, options.t_end, options.points)
}

/// Solves the models of `round`, in their order.
fn solve_round(
    kinetics: &Kinetics,
    initial: &InitialStates,
    round: Range<usize>,
    times: &[f64],
    options: &GenerateOptions,
    watch: &Watch<'_>,
) -> Result<Vec<Result<Solved, FailedModel>>, Error> {
    let tolerances = Options::default()
        .rtol(options.rtol)
        .atol(options.atol)
        .max_steps(options.max_steps);
    let starts: Vec<Result<Start, FailedModel>> = round
        .clone()
        .into_par_iter()
        .map_init(
            || Solver::new(&Rodas5p),
            |solver, model| {
                start(
                    solver,
                    kinetics,
                    initial,
                    model,
                    options,
                    &tolerances,
                    watch,
                )
            },
        )
        .collect();
    let states: Vec<f64> = starts
        .iter()
        .flatten()
        .flat_map(|s| s.state.iter().copied())
        .collect();
    let seconds: Vec<f64> = times.iter().map(|t| t * YEAR).collect();
    let span = (seconds[0], seconds[seconds.len() - 1]);
    let batch = KineticsBatch::new(kinetics.network(), vec![*kinetics.environment()])?;
    let solutions = solve_lanes::<f64, _, _, WIDTH>(
        || batch.lanes(),
        &Rodas5p,
        span,
        &states,
        &tolerances.outputs(seconds),
        watch,
    )
    .map_err(|e| Error::Option {
        name: "generate",
        value: format!("{options:?}"),
        reason: e.to_string(),
    })?;
    let mut solutions = solutions.into_iter();
    Ok(round
        .zip(starts)
        .map(|(model, start)| {
            let start = start?;
            let failed = |reason: String| FailedModel { model, reason };
            let solution = solutions
                .next()
                .ok_or_else(|| failed("not solved".into()))?
                .map_err(|e| failed(describe_failure(&e, kinetics.network())))?;
            let mut statistics = start.statistics;
            statistics += solution.stats;
            Ok(Solved {
                model,
                values: solution.y,
                start_time: start.time,
                statistics,
            })
        })
        .collect())
}

/// The state at the first output, and how long it took to get there.
struct Start {
    state: Vec<f64>,
    /// \[yr\]
    time: f64,
    statistics: Statistics,
}

fn start(
    solver: &mut Solver<f64, Rodas5p>,
    kinetics: &Kinetics,
    initial: &InitialStates,
    model: usize,
    options: &GenerateOptions,
    tolerances: &Options,
    watch: &Watch<'_>,
) -> Result<Start, FailedModel> {
    let failed = |reason: String| FailedModel { model, reason };
    let mut state = initial.state(model).to_vec();
    if !options.random_start {
        return Ok(Start {
            state,
            time: 0.0,
            statistics: Statistics::default(),
        });
    }
    if watch.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
        return Err(failed("cancelled".into()));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed ^ 0x5354_4152_545f_4154);
    rng.set_stream(model as u64);
    let (a, b) = (options.t_start.ln(), options.t_end.ln());
    let time = (a + (b - a) * rng.random::<f64>()).exp();
    let before = solver
        .solve(
            kinetics,
            (0.0, time * YEAR),
            &state,
            &tolerances.clone().outputs(Vec::new()),
        )
        .map_err(|e| failed(describe_failure(&e, kinetics.network())))?;
    // What rounding left below zero would be handed on as an initial state.
    state
        .iter_mut()
        .zip(&before.y_end)
        .for_each(|(n, end)| *n = end.max(0.0));
    Ok(Start {
        state,
        time,
        statistics: before.stats,
    })
}

fn assemble(
    kinetics: &Kinetics,
    distribution: &Distribution,
    options: &GenerateOptions,
    times: Vec<f64>,
    solved: Vec<Solved>,
    failures: &[FailedModel],
) -> Result<Dataset, Error> {
    let network = kinetics.network();
    let labels: Vec<String> = network
        .species()
        .iter()
        .map(|s| s.name().to_string())
        .collect();
    let last = solved.iter().map(|s| s.model + 1).max().unwrap_or(0);
    let initial = distribution.sample(network, last, options.seed)?;
    let mut names = initial.parameter_names().to_vec();
    if options.random_start {
        names.push("start_time".into());
    }
    let wanted: usize = options.split.iter().sum();
    let mut parts: [(Vec<f64>, Vec<f64>, usize); 3] = Default::default();
    // Without replacement a row keeps its part; with it, rows are filled in order.
    for (row, model) in solved.iter().enumerate() {
        let row = if options.on_failure == OnFailure::Omit {
            model.model
        } else {
            row
        };
        debug_assert!(row < wanted);
        let part = if row < options.split[0] {
            0
        } else if row < options.split[0] + options.split[1] {
            1
        } else {
            2
        };
        let (values, parameters, count) = &mut parts[part];
        values.extend_from_slice(&model.values);
        parameters.extend_from_slice(initial.parameters(model.model));
        if options.random_start {
            parameters.push(model.start_time);
        }
        *count += 1;
    }
    let [train, test, val] = parts;
    let trajectories = |(values, _, count): &(Vec<f64>, Vec<f64>, usize)| {
        Trajectories::new(values.clone(), *count, times.len(), labels.len())
    };
    let (a, b, c) = (
        trajectories(&train)?,
        trajectories(&test)?,
        trajectories(&val)?,
    );
    let mut dataset =
        Dataset::new(labels, times, a, b, c)?.with_parameters(names, [train.1, test.1, val.1])?;
    let environment = kinetics.environment();
    let text = |s: &str| Attribute::from(s);
    let mut put = |name: &str, value: Attribute| dataset.attributes.insert(name.into(), value);
    put("units_density", text("cm^-3"));
    put("units_time", text("yr"));
    put("network", text(network.title()));
    put("temperature_K", environment.temperature.into());
    put("cosmic_ray_rate_per_s", environment.cosmic_ray_rate.into());
    let optional = [
        ("density_per_cm3", environment.density),
        ("visual_extinction_mag", environment.visual_extinction),
        ("radiation_field_draine", environment.radiation_field),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            put(name, value.into());
        }
    }
    put("seed", Attribute::Integer(options.seed as i64));
    put("rtol", options.rtol.into());
    put("atol_per_cm3", options.atol.into());
    put("failed_models", Attribute::Integer(failures.len() as i64));
    put(
        "random_start",
        Attribute::Integer(i64::from(options.random_start)),
    );
    Ok(dataset)
}
