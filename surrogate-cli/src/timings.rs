//! Seconds per model of the full solve and of every part of a prediction, on one thread, in one run.

use crate::error::Error;
use crate::options::Tolerances;
use crate::report::data::Timing;
use crate::{interrupt, solver};
use chem_network::{Environment, Network};
use latent_ode::{Control, Dataset, Surrogate};
use std::time::Instant;

/// Repetitions of the quick parts; the quickest counts.
const REPETITIONS: usize = 7;

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
    truth: Tolerances,
) -> Result<Vec<Timing>, Error> {
    let (test, times) = (dataset.test(), dataset.timesteps());
    let models = test.samples() as f64;
    let states: Vec<f64> = (0..test.samples()).flat_map(|m| test.state(m, 0).iter().copied()).collect();
    let loose = Tolerances { rtol: 1e-3, atol: 1e-14 };
    let full = |tolerances: Tolerances| -> Result<f64, Error> {
        let work = || solver::solve(network, &states, &[environment], times, tolerances, &|_| (), interrupt::flag());
        let (batch, _) = on_one_thread(work)?;
        Ok(batch?.seconds / models)
    };
    let name = |t: Tolerances| format!("full solve, rtol {:e}, atol {:e} cm⁻³", t.rtol, t.atol);
    let mut timings = Vec::new();
    for tolerances in [truth, loose] {
        timings.push(Timing { what: name(tolerances), seconds: full(tolerances)? });
    }
    let latents: Vec<f64> = {
        let rollouts = surrogate.rollout_all(&states, times, &Control::default())?;
        rollouts.into_iter().flat_map(|r| r.latent).collect()
    };
    let quickest = |work: &(dyn Fn() -> Result<(), latent_ode::Error> + Sync)| -> Result<f64, Error> {
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
    let rollout = quickest(&|| surrogate.rollout_all(&states, times, &Control::default()).map(drop))?;
    let latent = (rollout - encode - decode).max(0.0);
    timings.push(Timing { what: "surrogate, everything".into(), seconds: rollout });
    timings.push(Timing { what: "of this: encode one state".into(), seconds: encode });
    timings.push(Timing { what: "of this: solve the latent network".into(), seconds: latent });
    timings.push(Timing { what: format!("of this: decode {} outputs", times.len()), seconds: decode });
    Ok(timings)
}
