//! Many models of one network as one batch: number densities out, failures by row, and what it took.

use crate::error::Error;
use crate::options::Tolerances;
use chem_network::{Environment, KineticsBatch, Network, RateOptions, YEAR};
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use stiff_ode_solvers::{Options, Rodas5p, Statistics, Watch, solve_lanes};

/// Models side by side in each thread: two AVX2 vectors.
const LANES: usize = 8;

/// What a batch gave.
#[derive(Debug)]
pub struct Batch {
    /// Number of models.
    pub models: usize,
    /// Number densities (cm⁻³), models × times × species, row-major; a failed model is NaN throughout.
    pub data: Vec<f64>,
    /// Row and reason of every model that failed.
    pub failures: Vec<(usize, String)>,
    /// Wall time (s) from the start of the first model to the end of the last, dense output included, set-up not.
    pub seconds: f64,
    /// Work of all models together, the failed ones left out.
    pub statistics: Statistics,
}

/// Solves every state of `initial` (species × models, one model after the other) at its environment (one for all, or one per model)
/// from the first of `times` (yr) on; the first output is the state itself. `progress` is told the number of models done; models
/// not finished when `cancel` is raised count as failed.
pub fn solve(
    network: &Network,
    initial: &[f64],
    environments: &[Environment],
    rates: &RateOptions,
    times: &[f64],
    tolerances: Tolerances,
    progress: &(dyn Fn(usize) + Sync),
    cancel: &AtomicBool,
) -> Result<Batch, Error> {
    let outputs: Vec<f64> = times.iter().map(|t| t * YEAR).collect();
    let (Some(&start), Some(&end)) = (outputs.first(), outputs.last()) else {
        return Err(Error::Usage("no output times".into()));
    };
    let species = network.species().len();
    // Rows at the same conditions share their rate coefficients.
    let shared = environments.windows(2).all(|pair| pair[0] == pair[1]);
    let environments = if shared {
        &environments[..environments.len().min(1)]
    } else {
        environments
    };
    let batch = |environments| KineticsBatch::with_options(network, environments, rates.clone());
    let kinetics = batch(environments).map_err(|error| {
        let error = Error::from(error);
        if shared {
            return error;
        }
        // Whose conditions they are.
        let refused = |e| batch(std::slice::from_ref(e)).is_err();
        match environments.iter().position(refused) {
            Some(row) => Error::Row {
                row,
                source: Box::new(error),
            },
            None => error,
        }
    })?;
    let options = Options::default()
        .rtol(tolerances.rtol)
        .atol(tolerances.atol)
        .outputs(outputs);
    let watch = Watch {
        progress: Some(progress),
        cancel: Some(cancel),
    };
    let clock = Instant::now();
    let results = if initial.len() == species {
        solve_lanes::<f64, _, _, 1>(
            || kinetics.lanes(),
            &Rodas5p,
            (start, end),
            initial,
            &options,
            &watch,
        )?
    } else {
        solve_lanes::<f64, _, _, LANES>(
            || kinetics.lanes(),
            &Rodas5p,
            (start, end),
            initial,
            &options,
            &watch,
        )?
    };
    let seconds = clock.elapsed().as_secs_f64();
    let width = times.len() * species;
    let mut batch = Batch {
        models: results.len(),
        data: Vec::with_capacity(results.len() * width),
        failures: Vec::new(),
        seconds,
        statistics: Statistics::default(),
    };
    for (row, result) in results.into_iter().enumerate() {
        match result {
            Ok(solution) => {
                batch.data.extend_from_slice(&solution.y);
                batch.statistics += solution.stats;
            }
            Err(error) => {
                batch.data.resize(batch.data.len() + width, f64::NAN);
                batch
                    .failures
                    .push((row, latent_ode::describe_failure(&error, network)));
            }
        }
    }
    Ok(batch)
}
