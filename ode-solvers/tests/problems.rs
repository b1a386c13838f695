//! Classical problems against reference solutions from elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use approx::assert_relative_eq;
use stiff_ode_solvers::problems::{
    Brusselator, E5, Hires, Kepler, Oregonator, Pollu, Robertson, VanDerPol,
};
use stiff_ode_solvers::{Jacobian, LogSpace, Options, Rodas5p, System, Tsit5, solve};

/// max |err| / (|ref| + atol/rtol), in units of rtol.
fn in_units_of_rtol(found: &[f64], reference: &[f64], rtol: f64, atol: f64) -> f64 {
    let scaled = |(a, b): (&f64, &f64)| (a - b).abs() / (b.abs() + atol / rtol);
    found.iter().zip(reference).map(scaled).fold(0.0, f64::max) / rtol
}

/// Solves at three tolerances; the error at the end must stay within ten times each.
fn check(
    name: &str,
    system: &impl Jacobian,
    y0: &[f64],
    end: f64,
    reference: &[f64],
    atol_over_rtol: f64,
) {
    for rtol in [1e-3, 1e-6, 1e-9] {
        let options = Options::default().rtol(rtol).atol(rtol * atol_over_rtol);
        let solution = solve(system, &Rodas5p, (0.0, end), y0, &options).unwrap();
        let error = in_units_of_rtol(&solution.y_end, reference, rtol, rtol * atol_over_rtol);
        println!("{name} at {rtol:e}: {error:.2} rtol, {:?}", solution.stats);
        assert!(error < 10.0, "{name} at {rtol:e}: {error}");
        assert_eq!(solution.t_end, end);
    }
}

#[test]
fn robertson() {
    check(
        "Robertson",
        &Robertson,
        &Robertson::START,
        1e11,
        &Robertson::AT_1E11,
        1e-6,
    );
}

#[test]
fn robertson_conserves_its_total() {
    let options = Options::default().rtol(1e-4).atol(1e-10);
    let solution = solve(
        &Robertson,
        &Rodas5p,
        (0.0, 1e11),
        &Robertson::START,
        &options,
    )
    .unwrap();
    for k in 0..solution.t.len() {
        assert_relative_eq!(solution.state(k).iter().sum::<f64>(), 1.0, epsilon = 1e-12);
    }
}

#[test]
fn van_der_pol() {
    check(
        "Van der Pol",
        &VanDerPol { epsilon: 1e-6 },
        &VanDerPol::START,
        2.0,
        &VanDerPol::AT_2,
        1.0,
    );
}

#[test]
fn hires() {
    check(
        "HIRES",
        &Hires,
        &Hires::START,
        Hires::END,
        &Hires::AT_END,
        1e-4,
    );
}

#[test]
fn jacobians_of_the_problems_are_derivatives() {
    fn compare(system: &impl Jacobian, y: &[f64]) {
        let n = system.dim();
        let pattern = system.sparsity();
        let mut values = vec![0.0; pattern.nnz()];
        system.jacobian(0.3, y, &mut values);
        for j in 0..n {
            let step = 1e-6 * y[j].abs().max(1e-3);
            let slope = |shift: f64| {
                let (mut y, mut d) = (y.to_vec(), vec![0.0; n]);
                y[j] += shift;
                system.rhs(0.3, &y, &mut d);
                d
            };
            let (up, down) = (slope(step), slope(-step));
            for i in 0..n {
                let entry = pattern.position(i, j).map_or(0.0, |k| values[k]);
                let difference = (up[i] - down[i]) / (2.0 * step);
                let scale = up[i].abs() * 1e-16 / step;
                assert!(
                    (entry - difference).abs() <= 1e-7 * entry.abs().max(1.0) + 10.0 * scale,
                    "{i} {j}: {entry} {difference}"
                );
            }
        }
    }
    compare(&Robertson, &[0.7, 0.2, 0.3]);
    compare(&VanDerPol { epsilon: 0.1 }, &[1.3, -0.4]);
    compare(&Hires, &[0.3, 0.2, 0.5, 0.1, 0.4, 0.7, 0.6, 0.25]);
    compare(&Oregonator, &[0.3, 1.2, 0.9]);
    compare(&E5, &[1.3e-9, 2e-9, 3e-9, 0.5]);
    let state: Vec<f64> = (0..20).map(|i| 0.01 * f64::from(1 + i % 7)).collect();
    compare(&Pollu::new(), &state);
    compare(&Brusselator { cells: 10 }, &state);
    compare(&Brusselator { cells: 1 }, &state[..2]);
    // In log space, with t = 10^0.3.
    compare(&LogSpace::new(&Robertson), &[-0.2, -1.7, -0.5]);
    compare(
        &LogSpace::new(&Hires),
        &[-0.3, -0.2, -0.5, -0.1, -0.4, -0.7, -0.6, -0.25],
    );
}

#[test]
fn log_space_agrees_with_linear_space() {
    // Robertson from a state with all species present, over ten decades.
    let x0: [f64; 3] = [1.0, 1e-8, 1e-8];
    let y0 = x0.map(f64::log10);
    let log = LogSpace::new(&Robertson);
    let times = vec![-3.0, 1.0, 4.0, 6.0];
    let options = Options::default().rtol(1e-8).atol(1e-10);
    let logarithmic = solve(
        &log,
        &Rodas5p,
        (-4.0, 6.0),
        &y0,
        &options.clone().outputs(times.clone()),
    )
    .unwrap();
    let linear_times = times.iter().map(|t| 10f64.powf(*t)).collect();
    let linear = solve(
        &Robertson,
        &Rodas5p,
        (1e-4, 1e6),
        &x0,
        &options.atol(1e-20).outputs(linear_times),
    )
    .unwrap();
    for (y, x) in logarithmic.y.iter().zip(&linear.y) {
        assert_relative_eq!(10f64.powf(*y), *x, max_relative = 1e-5);
    }
}

#[test]
fn log_space_time_derivative_is_a_derivative() {
    let log = LogSpace::new(&Robertson);
    let y = [-0.2, -1.7, -0.5];
    let mut exact = [0.0; 3];
    assert!(log.time_derivative(0.4, &y, &mut exact));
    let slope = |tau: f64| {
        let mut d = [0.0; 3];
        log.rhs(tau, &y, &mut d);
        d
    };
    let (up, down) = (slope(0.4 + 1e-5), slope(0.4 - 1e-5));
    for i in 0..3 {
        assert_relative_eq!(exact[i], (up[i] - down[i]) / 2e-5, max_relative = 1e-8);
    }
}

#[test]
fn kepler_comes_back() {
    let orbit = Kepler { eccentricity: 0.5 };
    let times: Vec<f64> = (1..=40).map(|k| k as f64 * 0.5).collect();
    for (rtol, bound) in [(1e-6, 1e-3), (1e-10, 1e-7)] {
        let options = Options::default()
            .rtol(rtol)
            .atol(rtol)
            .outputs(times.clone());
        let forward = solve(&orbit, &Tsit5, (0.0, 20.0), &orbit.start(), &options).unwrap();
        for (k, &t) in times.iter().enumerate() {
            for (a, b) in forward.state(k).iter().zip(orbit.exact(t)) {
                assert!((a - b).abs() < bound, "t = {t}: {a} {b}");
            }
        }
        // And backward in time to where it began.
        let options = Options::default().rtol(rtol).atol(rtol);
        let back = solve(&orbit, &Tsit5, (20.0, 0.0), &forward.y_end, &options).unwrap();
        for (a, b) in back.y_end.iter().zip(orbit.start()) {
            assert!((a - b).abs() < 5.0 * bound, "{a} {b}");
        }
    }
}

#[test]
fn kepler_in_single_precision() {
    let orbit = Kepler { eccentricity: 0.2 };
    let y0 = orbit.start().map(|y| y as f32);
    let options = Options::<f32>::default().rtol(1e-5).atol(1e-5);
    let end = solve(&orbit, &Tsit5, (0.0f32, 6.0), &y0, &options)
        .unwrap()
        .y_end;
    for (a, b) in end.iter().zip(orbit.exact(6.0)) {
        assert!((f64::from(*a) - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn a_stiff_system_backward_in_time() {
    // y' = 50 (y - cos t) is stiff when t runs backward.
    struct Reversed;
    impl System for Reversed {
        fn dim(&self) -> usize {
            1
        }
        fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
            d[0] = 1e5 * (y[0] - t.cos());
        }
    }
    impl Jacobian for Reversed {
        fn sparsity(&self) -> stiff_ode_solvers::SparsityPattern {
            stiff_ode_solvers::SparsityPattern::dense(1)
        }
        fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
            v[0] = 1e5;
        }
    }
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-9)
        .outputs(vec![4.0, 1.0, 0.0]);
    let solution = solve(&Reversed, &Rodas5p, (5.0, 0.0), &[0.0], &options).unwrap();
    // To first order in 1e-5 the solution is cos t − 1e-5 sin t.
    // The error test sees ends of steps; between them a component slaved to the others is only as good as the interpolant.
    for (k, bound) in [(0, 1e-3), (1, 1e-3), (2, 1e-6)] {
        let t = solution.t[k];
        let error = (solution.state(k)[0] - t.cos() + 1e-5 * t.sin()).abs();
        println!("{t}: {error:e}");
        assert!(error < bound, "{t}: {error:e}");
    }
    assert!(solution.stats.steps < 100, "{:?}", solution.stats);
}
