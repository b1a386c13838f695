//! Which variables need fewest steps: the 224-reaction network and Robertson's problem in linear, scaled and logarithmic form, at equal tolerance and at
//! about equal error. Needs the shared test data for the network.
//! `cargo run --release -p stiff-ode-solvers --features measure --example spaces`
#[path = "../tests/common/mod.rs"]
mod common;

use stiff_ode_solvers::problems::Robertson;
use stiff_ode_solvers::{InSpace, Jacobian, Options, Rodas5p, Solution, SolveError, Space, solve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // From 40 on nothing of Robertson's problem is zero.
    let times: Vec<f64> = (0..40)
        .map(|k| {
            if k == 39 {
                4e10
            } else {
                40.0 * 10f64.powf(9.0 * f64::from(k) / 39.0)
            }
        })
        .collect();
    println!("Robertson, 40 to 4e10:");
    compare(
        &Robertson,
        &[vec![0.715_827, 9.185_5e-6, 0.284_164]],
        &times,
        1e-14,
        1e-10,
    )?;
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return Ok(());
    };
    println!("224-reaction network, 47 models, 1e-6 to 1e8 yr:");
    // Logarithms want positive abundances: zeros become 1e-20 for all.
    let initial: Vec<Vec<f64>> = (problem.initial.iter())
        .map(|y0| y0.iter().map(|y| y.max(1e-20)).collect())
        .collect();
    compare(&problem.network, &initial, &problem.times, 1e-14, 1e-10)?;
    Ok(())
}

/// Steps and worst relative error over components above `floor`, in each space at several tolerances.
fn compare<S: Jacobian>(
    system: &S,
    initial: &[Vec<f64>],
    times: &[f64],
    atol: f64,
    floor: f64,
) -> Result<(), SolveError> {
    let span = (times[0], times[times.len() - 1]);
    let options = Options::default().atol(atol).outputs(times.to_vec());
    let truths: Vec<Solution> = (initial.iter())
        .map(|y0| {
            solve(
                system,
                &Rodas5p,
                span,
                y0,
                &options.clone().rtol(1e-9).atol(1e-20),
            )
        })
        .collect::<Result<_, _>>()?;
    let scales = vec![1e-3; system.dim()];
    for space in [Space::Linear, Space::Scaled(scales), Space::Log] {
        let name = match &space {
            Space::Linear => "linear",
            Space::Scaled(_) => "scaled",
            Space::Log => "logarithmic",
        };
        let inside = InSpace::new(system, space)?;
        for rtol in [1e-2, 1e-3, 1e-4, 1e-5] {
            let (mut steps, mut worst, mut failed) = (0, 0.0f64, 0);
            for (y0, truth) in initial.iter().zip(&truths) {
                let Ok(found) = inside.solve(&Rodas5p, span, y0, &options.clone().rtol(rtol))
                else {
                    failed += 1;
                    continue;
                };
                steps += found.stats.steps + found.stats.rejected;
                for (a, b) in found.y.iter().zip(&truth.y).filter(|pair| *pair.1 > floor) {
                    worst = worst.max((a - b).abs() / b.abs());
                }
            }
            let models = initial.len() - failed;
            println!(
                "  {name:11} rtol {rtol:e}: {:7.1} attempted steps a model, worst error {worst:.1e}, {failed} failed",
                steps as f64 / models.max(1) as f64
            );
        }
    }
    Ok(())
}
