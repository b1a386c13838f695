//! Measures the 224-reaction network: steps, error, conservation and time per model. Needs the shared test data.
//! `cargo run --release -p stiff-ode-solvers --example network224 [RTOL [ATOL]]`
#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::SPECIES;
use stiff_ode_solvers::{Options, Rodas5p, Solution, Solver};

fn main() {
    let arguments: Vec<f64> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let rtol = arguments.first().copied().unwrap_or(1e-3);
    let atol = arguments.get(1).copied().unwrap_or(1e-14);
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return;
    };
    let (t0, t1) = (problem.times[0], problem.times[99]);
    let options = Options::default()
        .rtol(rtol)
        .atol(atol)
        .outputs(problem.times.clone());
    let tight = Options::default()
        .rtol(1e-9)
        .atol(1e-20)
        .outputs(problem.times.clone());
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let mut rows = Vec::new();
    let (mut steps, mut rejected) = (0, 0);
    let mut worst_conservation = [0.0f64; 4];
    for y0 in &problem.initial {
        let truth = solver
            .solve(&problem.network, (t0, t1), y0, &tight)
            .expect("tight solve");
        let found = solver
            .solve(&problem.network, (t0, t1), y0, &options)
            .expect("solve");
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
            solver
                .solve_into(&problem.network, (t0, t1), y0, &options, &mut solution)
                .expect("solve");
            best = best.min(start.elapsed().as_secs_f64());
        }
        total += best;
    }
    println!(
        "one model at a time: {:.3} ms per model, {:.2} µs per attempted step",
        total / models as f64 * 1e3,
        total * 1e6 / (steps + rejected) as f64
    );
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
    let total = |k: usize, c: usize, f: fn(f64) -> f64| -> f64 {
        (0..s.dim).map(|i| f(SPECIES[i].1[c]) * s.state(k)[i]).sum()
    };
    for k in 0..s.t.len() {
        for c in 0..4 {
            let scale = total(k, c, f64::abs);
            drift[c] = drift[c].max((total(k, c, |x| x) - total(0, c, |x| x)).abs() / scale);
        }
    }
    drift
}
