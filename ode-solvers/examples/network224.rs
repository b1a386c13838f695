//! Measures the 224-reaction network: steps, error, conservation and time per model. Needs the shared test data.
//! `cargo run --release -p stiff-ode-solvers --features measure --example network224 [RTOL [ATOL [1: charge left to itself]]]`
#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::SPECIES;
use stiff_ode_solvers::{Options, Rodas5p, Solution, Solver, Watch, solve_lanes};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<f64> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let rtol = arguments.first().copied().unwrap_or(1e-3);
    let atol = arguments.get(1).copied().unwrap_or(1e-14);
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return Ok(());
    };
    let (t0, t1) = (problem.times[0], problem.times[99]);
    let charges = SPECIES.map(|s| s.1[3]).to_vec();
    let mut options = Options::default()
        .rtol(rtol)
        .atol(atol)
        .outputs(problem.times.clone());
    if arguments.len() < 3 {
        options = options.invariant(charges, 28);
    }
    let tight = Options::default()
        .rtol(1e-9)
        .atol(1e-20)
        .outputs(problem.times.clone());
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let mut rows = Vec::new();
    let (mut steps, mut rejected) = (0, 0);
    let mut worst_conservation = [0.0f64; 4];
    for y0 in &problem.initial {
        let truth = solver.solve(&problem.network, (t0, t1), y0, &tight)?;
        let found = solver.solve(&problem.network, (t0, t1), y0, &options)?;
        steps += found.stats.steps;
        rejected += found.stats.rejected;
        rows.push(worst(&found, &truth));
        let drift = conservation(&found);
        for c in 0..4 {
            worst_conservation[c] = worst_conservation[c].max(drift[c]);
        }
    }
    let models = rows.len();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("rtol {rtol:e} atol {atol:e}: {models} models");
    println!(
        "attempted steps per model: {:.1} (rejected {:.1})",
        (steps + rejected) as f64 / models as f64,
        rejected as f64 / models as f64
    );
    println!(
        "worst error per model: median {:.2e}, 90% {:.2e}, largest:",
        rows[models / 2].0,
        rows[models * 9 / 10].0
    );
    for (error, species, time) in rows.iter().rev().take(4) {
        println!("  {error:.2e} {} at output {time}", SPECIES[*species].0);
    }
    println!(
        "conservation H, C, O (relative), charge (of Σ|q|n): {:?}",
        worst_conservation.map(|x| format!("{x:.1e}"))
    );
    let mut solution = Solution::default();
    // The least of many short runs, model by model, is what an idle machine would show.
    let mut total = 0.0;
    for y0 in &problem.initial {
        let mut best = f64::INFINITY;
        for _ in 0..25 {
            let start = Instant::now();
            solver.solve_into(&problem.network, (t0, t1), y0, &options, &mut solution)?;
            best = best.min(start.elapsed().as_secs_f64());
        }
        total += best;
    }
    println!(
        "one model at a time: {:.3} ms per model, {:.2} µs per attempted step",
        total / models as f64 * 1e3,
        total * 1e6 / (steps + rejected) as f64
    );
    lanes::<1>(&problem, &options)?;
    lanes::<4>(&problem, &options)?;
    lanes::<8>(&problem, &options)?;
    Ok(())
}

/// Time per model with W models side by side in one thread.
fn lanes<const W: usize>(
    problem: &common::Osu224,
    options: &Options,
) -> Result<(), Box<dyn std::error::Error>> {
    let initial = problem.initial.concat();
    let span = (problem.times[0], problem.times[99]);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let mut best = f64::INFINITY;
    for _ in 0..40 {
        let make = || common::Lanes::<W>::new(&problem.network);
        let start = Instant::now();
        let results = pool
            .install(|| solve_lanes(make, &Rodas5p, span, &initial, options, &Watch::default()))?;
        best = best.min(start.elapsed().as_secs_f64());
        assert!(results.iter().all(Result::is_ok));
    }
    println!(
        "{W} lanes: {:.3} ms per model",
        best / (initial.len() / 29) as f64 * 1e3
    );
    Ok(())
}

/// Largest relative error over species above 1e-10 and all outputs: (error, species, output).
fn worst(found: &Solution, truth: &Solution) -> (f64, usize, usize) {
    let mut largest = (0.0, 0, 0);
    for k in 0..truth.t.len() {
        for i in 0..truth.dim {
            let (a, b) = (found.state(k)[i], truth.state(k)[i]);
            let error = (a - b).abs() / b.abs();
            if b > 1e-10 && error > largest.0 {
                largest = (error, i, k);
            }
        }
    }
    largest
}

/// Largest drift of each element relative to its total, and of the charge relative to Σ|q|n.
fn conservation(s: &Solution) -> [f64; 4] {
    let mut drift = [0.0f64; 4];
    // Summed with compensation: at late times Σ|q|n is 1e-6 of what it was, and rounding of the first sum would show.
    let total = |k: usize, c: usize, f: fn(f64) -> f64| -> [f64; 2] {
        s.state(k)
            .iter()
            .zip(&SPECIES)
            .fold([0.0, 0.0], |[sum, lost], (n, (_, composition))| {
                let x = f(composition[c]) * n;
                let next = sum + x;
                [
                    next,
                    lost + if sum.abs() >= x.abs() {
                        (sum - next) + x
                    } else {
                        (x - next) + sum
                    },
                ]
            })
    };
    for k in 0..s.t.len() {
        for c in 0..4 {
            let scale = total(k, c, f64::abs)[0];
            let (now, then) = (total(k, c, |x| x), total(0, c, |x| x));
            drift[c] = drift[c].max(((now[0] - then[0]) + (now[1] - then[1])).abs() / scale);
        }
    }
    drift
}
