//! Step control: controllers, tolerances per component, non-negative states that keep their sums, stiffness noticed by the explicit method.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::problems::{Robertson, VanDerPol};
use stiff_ode_solvers::{
    Controller, Each, Jacobian, Kvaerno5, Options, Rodas5p, Solution, SolveError, SparsityPattern,
    System, Tsit5, Watch, solve, solve_lanes,
};

/// y' = −rate (y − cos t) in each component: y tends to (rate² cos t + rate sin t)/(1 + rate²).
struct Follow(Vec<f64>);
impl Follow {
    fn exact(&self, i: usize, t: f64) -> f64 {
        let r = self.0[i];
        let particular = |t: f64| (r * r * t.cos() + r * t.sin()) / (1.0 + r * r);
        particular(t) + (1.0 - particular(0.0)) * (-r * t).exp()
    }
}
impl System for Follow {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        for i in 0..y.len() {
            d[i] = -self.0[i] * (y[i] - t.cos());
        }
    }
}
impl Jacobian for Follow {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::new((0..=self.dim()).collect(), (0..self.dim()).collect()).unwrap()
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        for (v, r) in v.iter_mut().zip(&self.0) {
            *v = -r;
        }
    }
}

#[test]
fn every_controller_keeps_the_tolerance() {
    let system = Follow(vec![1.0, 3.0]);
    let controllers = [
        None,
        Some(Controller::integral()),
        Some(Controller::proportional_integral()),
        Some(Controller::pid(0.3, 0.4, 0.05).safety(0.8)),
        Some(Controller::pid(0.0, 1.0, 0.0).factors(0.5, 2.0)),
    ];
    for controller in controllers {
        let mut options = Options::default().rtol(1e-7).atol(1e-9);
        if let Some(controller) = controller {
            options = options.controller(controller);
        }
        for found in [
            solve(&system, &Tsit5, (0.0, 30.0), &[1.0, 1.0], &options).unwrap(),
            solve(&system, &Rodas5p, (0.0, 30.0), &[1.0, 1.0], &options).unwrap(),
            solve(&system, &Kvaerno5, (0.0, 30.0), &[1.0, 1.0], &options).unwrap(),
        ] {
            for i in 0..2 {
                let error = (found.y_end[i] - system.exact(i, 30.0)).abs();
                assert!(error < 3e-6, "{controller:?}: {error:e}");
            }
            assert!(
                found.stats.rejected < found.stats.steps / 3 + 3,
                "{:?}",
                found.stats
            );
        }
    }
}

#[test]
fn the_integral_controller_never_shortens_a_step_after_an_accepted_one() {
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-6)
        .controller(Controller::integral());
    let found = solve(
        &VanDerPol { epsilon: 0.04 },
        &Tsit5,
        (0.0, 20.0),
        &[2.0, 0.0],
        &options,
    )
    .unwrap();
    let steps: Vec<f64> = found.t.windows(2).map(|t| t[1] - t[0]).collect();
    let shorter = steps
        .windows(2)
        .filter(|h| h[1] < h[0] * (1.0 - 1e-12))
        .count();
    // A shorter step only follows a rejection, or ends the span.
    assert!(shorter <= found.stats.rejected + 1);
    assert!(found.stats.rejected > 5);
}

#[test]
fn controllers_out_of_range_are_refused() {
    let wrong = [
        Controller::pid(-1.0, 0.5, 0.0),
        Controller::pid(f64::NAN, 1.0, 0.0),
        Controller::integral().safety(1.5),
        Controller::integral().factors(0.0, 2.0),
        Controller::integral().factors(0.2, 0.9),
    ];
    for controller in wrong {
        let options = Options::default().controller(controller);
        let result = solve(&Follow(vec![1.0]), &Tsit5, (0.0, 1.0), &[1.0], &options);
        assert!(
            matches!(result, Err(SolveError::InvalidOption { .. })),
            "{controller:?}"
        );
    }
}

#[test]
fn tolerances_per_component_are_those_of_each() {
    // Equal components: with one tolerance for all nothing changes, to the last bit; a tight component tightens the solve.
    let system = Follow(vec![2.0, 2.0]);
    let run = |options: &Options| -> Solution {
        solve(&system, &Tsit5, (0.0, 10.0), &[1.0, 1.0], options).unwrap()
    };
    let uniform = Options::default().rtol(1e-5).atol(1e-8);
    let same = uniform.clone().rtol_per_component(vec![1e-5; 2]);
    assert_eq!(run(&uniform), run(&same));
    let tight = uniform
        .clone()
        .rtol_per_component(vec![1e-5, 1e-9])
        .atol(1e-12);
    assert!(run(&tight).stats.steps > 3 * run(&uniform).stats.steps);
    for wrong in [vec![1e-5], vec![1e-5, -1.0], vec![1e-5, f64::NAN]] {
        let options = uniform.clone().rtol_per_component(wrong);
        assert!(solve(&system, &Tsit5, (0.0, 1.0), &[1.0, 1.0], &options).is_err());
    }
}

/// Robertson's problem leaves the positive octant at loose tolerance: the test that the option is needed and keeps its word.
#[test]
fn nonnegative_states_keep_their_sums() {
    let loose = Options::default().rtol(1e-2).atol(1e-3);
    let times: Vec<f64> = (0..60)
        .map(|k| 10f64.powf(-5.0 + 0.2 * f64::from(k)))
        .collect();
    let span = (0.0, 1e8);
    let least = |s: &Solution| {
        s.y.iter()
            .chain(&s.y_end)
            .copied()
            .fold(f64::INFINITY, f64::min)
    };
    let plain = loose.clone().outputs(times.clone());
    let kept = plain.clone().keep_nonnegative(vec![vec![1.0; 3]]);
    let mut below = false;
    for method in 0..2 {
        let run = |options: &Options| {
            if method == 0 {
                solve(&Robertson, &Rodas5p, span, &[1.0, 0.0, 0.0], options).unwrap()
            } else {
                solve(&Robertson, &Kvaerno5, span, &[1.0, 0.0, 0.0], options).unwrap()
            }
        };
        below |= least(&run(&plain)) < 0.0;
        let found = run(&kept);
        assert!(least(&found) >= 0.0, "{}", least(&found));
        for k in 0..found.t.len() {
            let sum: f64 = found.state(k).iter().sum();
            assert!((sum - 1.0).abs() < 1e-13, "{sum}");
        }
        let tight = Options::default()
            .rtol(1e-9)
            .atol(1e-13)
            .outputs(times.clone());
        let truth = solve(&Robertson, &Rodas5p, span, &[1.0, 0.0, 0.0], &tight).unwrap();
        for (a, b) in found.y.iter().zip(&truth.y) {
            assert!((a - b).abs() < 0.05, "{a} {b}");
        }
    }
    assert!(
        below,
        "no solve without the option went below zero: the test shows nothing"
    );
}

/// A chain of decays A → B → C → … whose sum is 1, with rates far apart.
struct Chain(Vec<f64>);
impl System for Chain {
    fn dim(&self) -> usize {
        self.0.len() + 1
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for (i, r) in self.0.iter().enumerate() {
            d[i] -= r * y[i];
            d[i + 1] += r * y[i];
        }
    }
}
impl Jacobian for Chain {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.dim())
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        v.fill(0.0);
        let n = self.dim();
        for (i, r) in self.0.iter().enumerate() {
            v[i * n + i] -= r;
            v[i * n + i + 1] += r;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Chains of decays over rates of six decades, loose tolerances, alone and in lanes: never below zero, two sums kept.
    #[test]
    fn chains_stay_nonnegative(rates in prop::collection::vec(-3.0..3.0f64, 2..6), loose in -4.0..-1.0f64) {
        let system = Chain(rates.iter().map(|r| 10f64.powf(*r)).collect());
        let n = system.dim();
        let mut y0 = vec![0.0; n];
        y0[0] = 1.0;
        // The second law repeats the first: a dependent one must do no harm.
        let options = Options::default().rtol(10f64.powf(loose)).atol(1e-6)
            .keep_nonnegative(vec![vec![1.0; n], vec![2.0; n]]);
        let explicit = options.clone().max_steps(200_000);
        for found in [
            solve(&system, &Rodas5p, (0.0, 10.0), &y0, &options).unwrap(),
            solve(&system, &Kvaerno5, (0.0, 10.0), &y0, &options).unwrap(),
            solve(&system, &Tsit5, (0.0, 10.0), &y0, &explicit).unwrap(),
        ] {
            prop_assert!(found.y.iter().all(|&y| y >= 0.0));
            for k in 0..found.t.len() {
                prop_assert!((found.state(k).iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
        let systems = [system];
        let together = solve_lanes::<f64, _, _, 2>(
            || Each::new(&systems), &Rodas5p, (0.0, 10.0), &y0.repeat(3), &options, &Watch::default()).unwrap();
        for found in together {
            prop_assert_eq!(found.unwrap(), solve(&systems[0], &Rodas5p, (0.0, 10.0), &y0, &options).unwrap());
        }
    }
}

#[test]
fn the_explicit_method_says_where_a_system_is_stiff() {
    let options = Options::default().rtol(1e-4).atol(1e-6);
    // The fast component is long gone; stability holds the steps down.
    let stiff = solve(&Follow(vec![2e3]), &Tsit5, (0.0, 20.0), &[1.0], &options).unwrap();
    assert!(stiff.stats.stiff);
    for easy in [
        solve(
            &Follow(vec![1.0]),
            &Tsit5,
            (0.0, 200.0),
            &[1.0],
            &options.clone().rtol(1e-8),
        ),
        solve(
            &VanDerPol { epsilon: 1.0 },
            &Tsit5,
            (0.0, 200.0),
            &[2.0, 0.0],
            &options,
        ),
        solve(&Follow(vec![2e3]), &Rodas5p, (0.0, 20.0), &[1.0], &options),
    ] {
        assert!(!easy.unwrap().stats.stiff);
    }
    let limited = options.max_steps(4000);
    let error = solve(&Follow(vec![2e5]), &Tsit5, (0.0, 20.0), &[1.0], &limited).unwrap_err();
    assert!(error.to_string().contains("stiff method"), "{error}");
}
