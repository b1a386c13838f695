//! Seconds per model of the full solve and of every part of a prediction, on one thread, in one run.

use crate::error::Error;
use crate::interrupt;
use crate::options::Tolerances;
use crate::report::data::Timing;
use crate::solver::{self, Along, Batching, Task};
use chem_network::{Environment, Network, RateOptions};
use latent_ode::{Control, Dataset, Surrogate};
use std::time::Instant;

/// Repetitions of the quick parts; the quickest counts.
const REPETITIONS: usize = 7;

/// A model that takes more than this many times the median steps oscillates at late times.
const OSCILLATING: usize = 5;

/// Runs something on a pool of one thread; its result and the wall time in seconds.
pub fn on_one_thread<R: Send>(work: impl FnOnce() -> R + Send) -> Result<(R, f64), Error> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .map_err(|source| Error::Threads { threads: 1, source })?;
    Ok(pool.install(|| {
        let clock = Instant::now();
        let result = work();
        (result, clock.elapsed().as_secs_f64())
    }))
}

/// Times the full chemistry and the surrogate on the first states of the test models.
pub fn measure(
    surrogate: &Surrogate,
    dataset: &Dataset,
    network: &Network,
    environment: Environment,
    rates: &RateOptions,
    truth: Tolerances,
) -> Result<Vec<Timing>, Error> {
    let (test, times) = (dataset.test(), dataset.timesteps());
    let environment = [environment];
    let solve = |models: &[usize], tolerances: Tolerances| -> Result<(f64, usize), Error> {
        let initial: Vec<f64> = models
            .iter()
            .flat_map(|&m| test.state(m, 0).iter().copied())
            .collect();
        let work = || {
            let task = Task {
                network,
                initial: &initial,
                conditions: Along::Constant(&environment),
                rates,
                times,
                tolerances,
                batching: Batching::Lanes,
                until_steady: None,
            };
            solver::solve(&task, &|_| (), interrupt::flag())
        };
        let (batch, _) = on_one_thread(work)?;
        let batch = batch?;
        Ok((batch.seconds, batch.statistics.steps))
    };
    let loose = Tolerances {
        rtol: 1e-3,
        atol: 1e-14,
    };
    let alone = |models: &[usize], tolerances: Tolerances| -> Result<Vec<(f64, usize)>, Error> {
        models.iter().map(|&m| solve(&[m], tolerances)).collect()
    };
    let steady = steady(&alone(&(0..test.samples()).collect::<Vec<_>>(), truth)?);
    let models = steady.len().max(1) as f64;
    let states: Vec<f64> = steady
        .iter()
        .flat_map(|&m| test.state(m, 0).iter().copied())
        .collect();
    let mut timings = Vec::new();
    for tolerances in [truth, loose] {
        let name = format!(
            "full solve, rtol {:e}, atol {:e} cm⁻³",
            tolerances.rtol, tolerances.atol
        );
        let one_by_one = alone(&steady, tolerances)?.iter().map(|r| r.0).sum::<f64>() / models;
        timings.push(Timing {
            what: format!("{name}, one model at a time"),
            seconds: one_by_one,
            full: true,
        });
        let (batch, _) = solve(&steady, tolerances)?;
        timings.push(Timing {
            what: format!("{name}, in lanes"),
            seconds: batch / models,
            full: true,
        });
    }
    let latents: Vec<f64> = {
        let rollouts = surrogate.rollout_all(&states, times, &Control::default())?;
        rollouts.into_iter().flat_map(|r| r.latent).collect()
    };
    let quickest =
        |work: &(dyn Fn() -> Result<(), latent_ode::Error> + Sync)| -> Result<f64, Error> {
            let mut best = f64::INFINITY;
            for _ in 0..REPETITIONS {
                let (result, seconds) = on_one_thread(work)?;
                result?;
                best = best.min(seconds);
            }
            Ok(best / models)
        };
    let encode = quickest(&|| surrogate.encode(&states).map(drop))?;
    let decode = quickest(&|| surrogate.decode(&latents).map(drop))?;
    let rollout = quickest(&|| {
        surrogate
            .rollout_all(&states, times, &Control::default())
            .map(drop)
    })?;
    let latent = (rollout - encode - decode).max(0.0);
    let parts = [
        ("surrogate, everything".to_owned(), rollout),
        ("of this: encode one state".to_owned(), encode),
        ("of this: solve the latent network".to_owned(), latent),
        (format!("of this: decode {} outputs", times.len()), decode),
    ];
    timings.extend(parts.map(|(what, seconds)| Timing {
        what,
        seconds,
        full: false,
    }));
    Ok(timings)
}

/// Models that took at most [`OSCILLATING`] times the median number of steps.
fn steady(solves: &[(f64, usize)]) -> Vec<usize> {
    let mut steps: Vec<usize> = solves.iter().map(|s| s.1).collect();
    steps.sort_unstable();
    let limit = steps
        .get(steps.len() / 2)
        .map_or(0, |median| OSCILLATING * median);
    (0..solves.len())
        .filter(|&m| solves[m].1 <= limit)
        .collect()
}
