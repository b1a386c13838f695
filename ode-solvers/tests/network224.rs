//! The 224-reaction network over 1e8 yr at the default tolerances: accuracy, steps, conservation. Skipped without the shared test data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod common;

use common::SPECIES;
use stiff_ode_solvers::{Options, Rodas5p, Solution, Solver, Watch, solve_lanes};

/// Models checked against a tight solve (all of them are measured by the example of the same name).
const CHECKED: usize = 12;

/// An exact enough sum: the state at the start is a million times larger than the charges later.
fn total(s: &Solution, k: usize, weight: impl Fn(&[f64; 4]) -> f64) -> f64 {
    let mut terms: Vec<f64> = s
        .state(k)
        .iter()
        .zip(&SPECIES)
        .map(|(n, (_, c))| weight(c) * n)
        .collect();
    terms.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    terms.iter().sum()
}

#[test]
fn accurate_and_conservative_at_default_tolerances() {
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return;
    };
    let span = (problem.times[0], problem.times[99]);
    let options = Options::default().outputs(problem.times.clone());
    let tight = Options::default()
        .rtol(1e-8)
        .atol(1e-20)
        .outputs(problem.times.clone());
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let charges = SPECIES.map(|s| s.1[3]).to_vec();
    let mut attempts = 0;
    for y0 in &problem.initial[..CHECKED] {
        let found = solver.solve(&problem.network, span, y0, &options).unwrap();
        let truth = solver.solve(&problem.network, span, y0, &tight).unwrap();
        attempts += found.stats.steps + found.stats.rejected;
        for (a, b) in found.y.iter().zip(&truth.y).filter(|(_, b)| **b > 1e-10) {
            assert!((a - b).abs() < 1e-2 * b, "{a} {b}");
        }
        let exact_charge = solver
            .solve(
                &problem.network,
                span,
                y0,
                &options.clone().invariant(charges.clone(), 28),
            )
            .unwrap();
        for k in 0..100 {
            for element in 0..3 {
                let drift =
                    total(&found, k, |c| c[element]) / total(&found, 0, |c| c[element]) - 1.0;
                assert!(
                    drift.abs() < 1e-11,
                    "element {element} at output {k}: {drift:e}"
                );
            }
            for (s, bound) in [(&found, 1e-9), (&exact_charge, 1e-14)] {
                let drift = total(s, k, |c| c[3]) - total(s, 0, |c| c[3]);
                let scale = total(s, k, |c| c[3].abs());
                // The sums themselves are only as exact as their largest term.
                let rounding = 1e-16 * total(s, 0, |c| c[3].abs());
                assert!(
                    drift.abs() < bound * scale + rounding,
                    "charge at output {k}: {:e}",
                    drift / scale
                );
            }
        }
    }
    assert!(attempts < 100 * CHECKED, "{attempts} attempts");
}

#[test]
fn lanes_give_what_one_model_gives() {
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return;
    };
    let span = (problem.times[0], problem.times[99]);
    let options = Options::default().outputs(problem.times.clone());
    let initial = problem.initial[..11].concat();
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let make = || common::Lanes::<4>::new(&problem.network);
    let lanes = solve_lanes(make, &Rodas5p, span, &initial, &options, &Watch::default()).unwrap();
    for (m, y0) in problem.initial[..11].iter().enumerate() {
        let alone = solver.solve(&problem.network, span, y0, &options).unwrap();
        // One matrix is eliminated otherwise than several: the two take the same steps, and agree to what these make of rounding.
        let lane = lanes[m].as_ref().unwrap();
        assert_eq!(lane.t, alone.t, "model {m}");
        assert_eq!(lane.stats, alone.stats, "model {m}");
        for (a, b) in lane.y.iter().zip(&alone.y).filter(|(_, b)| **b > 1e-10) {
            assert!((a - b).abs() < 1e-5 * b, "model {m}: {a:e} {b:e}");
        }
    }
}

#[test]
fn oscillating_models_are_followed_at_tight_tolerance() {
    let Some(problem) = common::osu224("osu224.ic") else {
        return;
    };
    // Row 16 ends in a limit cycle; up to where it begins, loose and tight solves must agree.
    let span = (problem.times[0], problem.times[80]);
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let mut run = |rtol, atol| {
        let options = Options::default()
            .rtol(rtol)
            .atol(atol)
            .outputs(problem.times[..81].to_vec());
        solver
            .solve(&problem.network, span, &problem.initial[16], &options)
            .unwrap()
    };
    let (a, b) = (run(1e-7, 1e-17), run(1e-8, 1e-18));
    for (a, b) in a.y.iter().zip(&b.y).filter(|(_, b)| **b > 1e-10) {
        assert!((a - b).abs() < 1e-3 * b, "{a} {b}");
    }
}
