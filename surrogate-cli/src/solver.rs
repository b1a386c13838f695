//! Many models of one network as one batch: number densities out, failures by row, and what it took.

use crate::error::Error;
use crate::options::Tolerances;
use chem_network::{Environment, Kinetics, Network, YEAR};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use stiff_ode_solvers::{Jacobian, Options, Rodas5p, SolveError, Solver, SparsityPattern, Statistics, System};

/// What a batch gave.
#[derive(Debug)]
pub struct Batch {
    /// Number of models.
    pub models: usize,
    /// Number densities [cm⁻³], models × times × species, row-major; a failed model is NaN throughout.
    pub data: Vec<f64>,
    /// Row and reason of every model that failed.
    pub failures: Vec<(usize, String)>,
    /// Wall time [s] from the start of the first model to the end of the last, dense output included, set-up not.
    pub seconds: f64,
    /// Work of all models together.
    pub statistics: Statistics,
}

struct Chemistry(Kinetics);

impl System for Chemistry {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
        self.0.rhs(y, dydt);
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Chemistry {
    fn sparsity(&self) -> SparsityPattern {
        let (offsets, rows) = self.0.sparsity();
        SparsityPattern::new(offsets.to_vec(), rows.to_vec()).unwrap_or_else(|_| SparsityPattern::dense(self.0.dim()))
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        self.0.jacobian(y, values);
    }
}

/// Solves every state at its environment from the first of `times` [yr] on; the first output is the state itself.
pub fn solve(
    network: &Network,
    states: &[Vec<f64>],
    environments: &[Environment],
    times: &[f64],
    tolerances: Tolerances,
    cancel: &AtomicBool,
) -> Result<Batch, Error> {
    let seconds_of: Vec<f64> = times.iter().map(|t| t * YEAR).collect();
    let (Some(&start), Some(&end)) = (seconds_of.first(), seconds_of.last()) else {
        return Err(Error::Usage("no output times".into()));
    };
    // Rows at the same conditions share their rate coefficients.
    let mut distinct: Vec<Environment> = Vec::new();
    let mut chemistry: Vec<Chemistry> = Vec::new();
    let mut of_model = Vec::with_capacity(states.len());
    for environment in environments {
        let index = match distinct.iter().position(|e| e == environment) {
            Some(index) => index,
            None => {
                distinct.push(*environment);
                chemistry.push(Chemistry(Kinetics::new(network, environment)?));
                distinct.len() - 1
            }
        };
        of_model.push(index);
    }
    let options = Options::default().rtol(tolerances.rtol).atol(tolerances.atol).outputs(seconds_of);
    let width = times.len() * network.species().len();
    let mut data = vec![f64::NAN; states.len() * width];
    let clock = Instant::now();
    let results: Vec<Result<Statistics, SolveError>> = data
        .par_chunks_mut(width.max(1))
        .zip(states)
        .zip(&of_model)
        .map_init(
            || Solver::new(&Rodas5p),
            |solver, ((out, state), &index)| {
                if cancel.load(Ordering::Relaxed) {
                    return Err(SolveError::Cancelled);
                }
                let solution = solver.solve(&chemistry[index], (start, end), state, &options)?;
                out.copy_from_slice(&solution.y);
                Ok(solution.stats)
            },
        )
        .collect();
    let seconds = clock.elapsed().as_secs_f64();
    let mut batch =
        Batch { models: states.len(), data, failures: Vec::new(), seconds, statistics: Statistics::default() };
    for (row, result) in results.into_iter().enumerate() {
        match result {
            Ok(statistics) => batch.statistics += statistics,
            Err(error) => batch.failures.push((row, error.to_string())),
        }
    }
    Ok(batch)
}
