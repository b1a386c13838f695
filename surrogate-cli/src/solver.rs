//! Many models of one network as one batch: number densities out, failures by row, and what it took.

use crate::error::Error;
use crate::options::Tolerances;
use chem_network::{
    Environment, KineticsBatch, Network, RateOptions, Track, TrackedKinetics, YEAR,
};
use clap::ValueEnum;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use stiff_ode_solvers::{
    BatchResults, LaneJacobian, Options, Rodas5p, SolveError, Statistics, SteadyState, Stop, Watch,
    solve_lanes_into,
};

/// Models side by side in each thread: one AVX-512 vector, two of AVX2.
const LANES: usize = 8;
/// Networks of more species are solved one model at a time: the factors of eight matrices no longer fit into a cache (449 species: 153 ms a
/// model in eight lanes, 62 ms alone).
const LARGEST_IN_LANES: usize = 150;

/// How many models a thread advances at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Batching {
    /// One.
    Off,
    /// Several side by side, one in each lane of the vector instructions, where the network is small enough (150 species) to gain from it.
    #[default]
    Lanes,
}

/// The conditions of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Along<'a> {
    /// Constant ones: a single environment for all models, or one per model.
    Constant(&'a [Environment]),
    /// Varying in time, the same for all models.
    Track(&'a Track),
}

/// What is to be solved, and how.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The network.
    pub network: &'a Network,
    /// Initial states (cm⁻³), species × models: one model after the other.
    pub initial: &'a [f64],
    /// Conditions.
    pub conditions: Along<'a>,
    /// How rate coefficients are evaluated.
    pub rates: &'a RateOptions,
    /// Output times (yr); the first is that of the initial states.
    pub times: &'a [f64],
    /// Tolerances.
    pub tolerances: Tolerances,
    /// Models at a time.
    pub batching: Batching,
    /// Stop a model that has come to rest.
    pub until_steady: Option<SteadyState>,
}

/// What a batch gave.
#[derive(Debug)]
pub struct Batch {
    /// Number of models.
    pub models: usize,
    /// Number densities (cm⁻³), models × times × species, row-major; a failed model is NaN throughout. Outputs after a model has
    /// come to rest repeat the state at rest.
    pub data: Vec<f64>,
    /// Row and reason of every model that failed.
    pub failures: Vec<(usize, String)>,
    /// Time (yr) at which each model came to rest, where that was looked for and found.
    pub steady: Vec<Option<f64>>,
    /// Wall time (s) from the start of the first model to the end of the last, dense output included, set-up not.
    pub seconds: f64,
    /// Work of all models together, the failed ones left out.
    pub statistics: Statistics,
}

/// Solves all models; the first output is the initial state. `progress` is told the number of models done; models not finished
/// when `cancel` is raised count as failed.
pub fn solve(
    task: &Task<'_>,
    progress: &(dyn Fn(usize) + Sync),
    cancel: &AtomicBool,
) -> Result<Batch, Error> {
    let outputs: Vec<f64> = task.times.iter().map(|t| t * YEAR).collect();
    let (Some(&start), Some(&end)) = (outputs.first(), outputs.last()) else {
        return Err(Error::Usage("no output times".into()));
    };
    let mut options = Options::default()
        .rtol(task.tolerances.rtol)
        .atol(task.tolerances.atol)
        .outputs(outputs.clone());
    if let Some(criterion) = task.until_steady {
        options = options.stop_at_steady_state(criterion);
    }
    let watch = Watch {
        progress: Some(progress),
        cancel: Some(cancel),
    };
    let run = Run {
        task,
        span: (start, end),
        watch: &watch,
    };
    match task.conditions {
        Along::Constant(environments) => {
            let kinetics = constant(task, environments)?;
            let mut data = run.room();
            let clock = Instant::now();
            let results = if run.one_at_a_time() {
                run.solve::<_, 1>(|| kinetics.lanes(), &options, &mut data)?
            } else {
                run.solve::<_, LANES>(|| kinetics.lanes(), &options, &mut data)?
            };
            Ok(run.collect(results, data, clock))
        }
        Along::Track(track) => {
            let rates = task.rates.clone();
            let kinetics = TrackedKinetics::with_options(task.network, track.clone(), rates)?;
            let options = options.stops(track.times().to_vec());
            // The solver's state is the densities at the n_H of the track's first row.
            let compression = track.compression(start);
            let initial: Vec<f64> = task.initial.iter().map(|n| n / compression).collect();
            let task = &Task {
                initial: &initial,
                ..*task
            };
            let run = Run { task, ..run };
            let mut data = run.room();
            let clock = Instant::now();
            let results = if run.one_at_a_time() {
                run.solve::<_, 1>(|| kinetics.lanes(), &options, &mut data)?
            } else {
                run.solve::<_, LANES>(|| kinetics.lanes(), &options, &mut data)?
            };
            let mut batch = run.collect(results, data, clock);
            let width = outputs.len() * task.network.species().len();
            for model in batch.data.chunks_mut(width.max(1)) {
                kinetics.expand(&outputs, model)?;
            }
            Ok(batch)
        }
    }
}

/// Rate coefficients for constant conditions; a refusal names the row whose conditions they are.
fn constant<'a>(
    task: &Task<'a>,
    environments: &'a [Environment],
) -> Result<KineticsBatch<'a>, Error> {
    // Rows at the same conditions share their rate coefficients.
    let shared = environments.windows(2).all(|pair| pair[0] == pair[1]);
    let environments = if shared {
        &environments[..environments.len().min(1)]
    } else {
        environments
    };
    let batch =
        |environments| KineticsBatch::with_options(task.network, environments, task.rates.clone());
    batch(environments).map_err(|error| {
        let error = Error::from(error);
        if shared {
            return error;
        }
        let refused = |e| batch(std::slice::from_ref(e)).is_err();
        match environments.iter().position(refused) {
            Some(row) => Error::Row {
                row,
                source: Box::new(error),
            },
            None => error,
        }
    })
}

/// A task under way.
struct Run<'a> {
    task: &'a Task<'a>,
    span: (f64, f64),
    watch: &'a Watch<'a>,
}

impl Run<'_> {
    fn one_at_a_time(&self) -> bool {
        let species = self.task.network.species().len();
        let models = self.task.initial.len() / species.max(1);
        models <= 1 || species > LARGEST_IN_LANES || self.task.batching == Batching::Off
    }

    /// Room for the number densities of all models at all times, not-a-number until they are there.
    fn room(&self) -> Vec<f64> {
        vec![f64::NAN; self.task.initial.len() * self.task.times.len()]
    }

    fn solve<L: LaneJacobian<f64, W>, const W: usize>(
        &self,
        make: impl Fn() -> L + Sync,
        options: &Options,
        data: &mut [f64],
    ) -> Result<BatchResults<f64>, SolveError> {
        let (span, initial, watch) = (self.span, self.task.initial, self.watch);
        solve_lanes_into::<f64, _, _, W>(make, &Rodas5p, span, initial, options, watch, data)
    }

    fn collect(&self, results: BatchResults<f64>, data: Vec<f64>, clock: Instant) -> Batch {
        let seconds = clock.elapsed().as_secs_f64();
        let species = self.task.network.species().len();
        let width = self.task.times.len() * species;
        let mut batch = Batch {
            models: results.len(),
            data,
            failures: Vec::new(),
            steady: Vec::with_capacity(results.len()),
            seconds,
            statistics: Statistics::default(),
        };
        let rooms = batch.data.chunks_mut(width.max(1));
        for ((row, result), room) in results.into_iter().enumerate().zip(rooms) {
            match result {
                Ok(solution) => {
                    // What comes after rest repeats the state at rest.
                    let reached = solution.t.len() * species;
                    for state in room[reached..].chunks_mut(species.max(1)) {
                        state.copy_from_slice(&solution.y_end);
                    }
                    let rest = solution.stop == Stop::SteadyState;
                    batch.steady.push(rest.then_some(solution.t_end / YEAR));
                    batch.statistics += solution.stats;
                }
                Err(error) => {
                    room.fill(f64::NAN);
                    batch.steady.push(None);
                    let reason = latent_ode::describe_failure(&error, self.task.network);
                    batch.failures.push((row, reason));
                }
            }
        }
        batch
    }
}
