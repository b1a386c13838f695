//! Chemistry of many cells of a simulation, each at its own temperature, density and cosmic-ray rate: cells per second by lanes and threads.
//! `cargo run --release -p chem-network --features measure --example cells_per_second -- [CELLS [YEARS]]`
//!
//! Every cell starts from the state in which the same gas is after 1e4 yr, and is advanced by YEARS under conditions changed by up to a tenth, as a
//! hydrodynamical step with operator splitting would; the 224-reaction network, rtol 1e-3.

use std::time::Instant;

use chem_network::sampling::Distribution;
use chem_network::{Environment, KineticsBatch, YEAR, embedded};
use stiff_ode_solvers::{BatchResults, Options, Rodas5p, SolveError, Watch, solve_lanes};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |k: usize, default: f64| -> Result<f64, std::num::ParseFloatError> {
        std::env::args().nth(k).map_or(Ok(default), |a| a.parse())
    };
    let (cells, years) = (argument(1, 4096.0)? as usize, argument(2, 1e3)?);
    let network = embedded("osu224").ok_or("no such network")?;
    // Points of a lattice (golden ratio and its relatives) instead of random numbers: the same on every machine.
    let part = |cell: usize, step: f64| (cell as f64 * step).fract();
    let between = |low: f64, high: f64, part: f64| low * f64::powf(high / low, part);
    let (mut initial, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for cell in 0..cells {
        let density = between(1e2, 1e6, part(cell, 0.618_033_988_749_894_9));
        let (t, zeta) = (
            between(10.0, 300.0, part(cell, 0.414_213_562_373_095_1)),
            between(1e-18, 1e-15, part(cell, 0.732_050_807_568_877_2)),
        );
        let states = Distribution::codes().with_total_density(density)?;
        initial.extend_from_slice(states.sample(&network, 1, cell as u64)?.states());
        let change = |step| 0.9 + 0.2 * part(cell, step);
        before.push(Environment::new(t, zeta));
        after.push(Environment::new(
            t * change(0.236_067_977_499_789_8),
            zeta * change(0.645_751_311_064_590_7),
        ));
    }
    let aged = KineticsBatch::new(&network, before)?;
    let aged = run::<8>(&aged, &initial, 1e4)?;
    let mut states = Vec::new();
    for cell in aged {
        states.extend(cell?.y_end);
    }
    let clock = Instant::now();
    let batch = KineticsBatch::new(&network, after)?;
    let coefficients = clock.elapsed().as_secs_f64() * 1e6 / cells as f64;
    println!(
        "{cells} cells, {years:e} yr each; rate coefficients, not in the figures: {coefficients:.1} µs a cell"
    );
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        for lanes in [1, 4, 8] {
            let mut best = f64::INFINITY;
            let mut steps = 0;
            for _ in 0..3 {
                let clock = Instant::now();
                let found = pool.install(|| match lanes {
                    1 => run::<1>(&batch, &states, years),
                    4 => run::<4>(&batch, &states, years),
                    _ => run::<8>(&batch, &states, years),
                })?;
                best = best.min(clock.elapsed().as_secs_f64());
                steps = 0;
                for cell in found {
                    let stats = cell?.stats;
                    steps += stats.steps + stats.rejected;
                }
            }
            println!(
                "{threads} threads, {lanes} lanes: {:7.0} cells a second, {:.1} steps a cell",
                cells as f64 / best,
                steps as f64 / cells as f64
            );
        }
    }
    Ok(())
}

fn run<const W: usize>(
    batch: &KineticsBatch<'_>,
    states: &[f64],
    years: f64,
) -> Result<BatchResults<f64>, SolveError> {
    let span = (0.0, years * YEAR);
    let options = Options::default()
        .rtol(1e-3)
        .atol(1e-14)
        .outputs(vec![span.1]);
    let make = || batch.lanes::<W>();
    solve_lanes::<f64, _, _, W>(make, &Rodas5p, span, states, &options, &Watch::default())
}
