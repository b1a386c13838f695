//! Stopping at a steady state: where the exact solution has come to rest and not before, never on an oscillation or a drift, over lanes as alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::problems::Robertson;
use stiff_ode_solvers::{
    Each, Jacobian, Options, Rodas5p, Solution, SolveError, SparsityPattern, SteadyState, Stop,
    System, Tsit5, Watch, solve, solve_lanes,
};

/// y_i' = rate_i (rest_i − y_i): the exact solution is rest + (y0 − rest) exp(−rate (t − t0)).
struct Approach {
    rates: Vec<f64>,
    rest: Vec<f64>,
}
impl System for Approach {
    fn dim(&self) -> usize {
        self.rates.len()
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        for i in 0..y.len() {
            d[i] = self.rates[i] * (self.rest[i] - y[i]);
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Approach {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::new((0..=self.dim()).collect(), (0..self.dim()).collect()).unwrap()
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        for (v, rate) in v.iter_mut().zip(&self.rates) {
            *v = -rate;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// At the stop the exact rate meets the criterion up to the tolerance of the solve; where the exact rate is far above it, the solve has not stopped.
    #[test]
    fn stops_where_the_exact_solution_rests(
        rates in prop::collection::vec(0.1..1e3f64, 1..6), rest in prop::collection::vec(0.5..2.0f64, 6), change in -4.0..-1.0f64, backward in any::<bool>(),
    ) {
        let n = rates.len();
        let change = 10f64.powf(change);
        let sign = if backward { -1.0 } else { 1.0 };
        let slowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
        let system = Approach { rates: rates.iter().map(|r| sign * r).collect(), rest: rest[..n].to_vec() };
        let steady = SteadyState::default().relative_change(change).absolute_change(0.0).over(1.0 / slowest);
        let options = Options::default().rtol(1e-7).atol(1e-10).stop_at_steady_state(steady);
        let found = solve(&system, &Rodas5p, (0.0, sign * 1e6), &vec![0.0; n], &options).unwrap();
        prop_assert_eq!(found.stop, Stop::SteadyState);
        for i in 0..n {
            // |y'| τ = rate (rest − y) τ ≤ change y, the rate falling from step to step.
            let (t, rate) = (found.t_end.abs(), rates[i]);
            let exact = rest[i] * (1.0 - (-rate * t).exp());
            prop_assert!(rate / slowest * (rest[i] - exact) <= change * exact + 1e-4 * rate / slowest);
        }
        // Three steps in a row past the point where the slowest component met the criterion, and steps grow at most sixfold.
        let first = (1.0 / change).ln().max(1.0) / slowest;
        prop_assert!(found.t_end.abs() < 1e3 * first, "{} {first}", found.t_end);
        prop_assert!(found.t_end.abs() > 0.5 * first.min((1.0 / (2.0 * change)).ln() / slowest));
    }
}

#[test]
fn an_oscillation_and_a_drift_never_rest() {
    struct Pendulum; // (cos t, -sin t) around (2, 2): no component is ever near zero
    impl System for Pendulum {
        fn dim(&self) -> usize {
            2
        }
        fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
            d[0] = y[1] - 2.0;
            d[1] = 2.0 - y[0];
        }
    }
    struct Drift;
    impl System for Drift {
        fn dim(&self) -> usize {
            1
        }
        fn rhs(&self, _t: f64, _y: &[f64], d: &mut [f64]) {
            d[0] = 1.0;
        }
    }
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-9)
        .stop_at_steady_state(SteadyState::default().over(1.0).for_steps(1));
    let found = solve(&Pendulum, &Tsit5, (0.0, 300.0), &[3.0, 2.0], &options).unwrap();
    assert_eq!((found.stop, found.t_end), (Stop::End, 300.0));
    let found = solve(&Drift, &Tsit5, (0.0, 300.0), &[0.0], &options).unwrap();
    assert_eq!((found.stop, found.t_end), (Stop::End, 300.0));
}

#[test]
fn robertson_rests_where_everything_has_become_c() {
    // The steady state is (0, 0, 1), approached as t^(-1/2…): relative rest of y1 over the elapsed time never comes, absolute rest does.
    let steady = SteadyState::default().absolute_change(1e-4).over(1e6);
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-10)
        .stop_at_steady_state(steady);
    let found = solve(
        &Robertson,
        &Rodas5p,
        (0.0, 1e12),
        &[1.0, 0.0, 0.0],
        &options,
    )
    .unwrap();
    assert_eq!(found.stop, Stop::SteadyState);
    let mut slope = [0.0; 3];
    Robertson.rhs(found.t_end, &found.y_end, &mut slope);
    assert!((slope[2] * 1e6).abs() <= 1e-3 * found.y_end[2] + 1e-4);
    assert!(found.t_end > 1e6 && found.t_end < 1e12);
}

#[test]
fn lanes_rest_each_in_its_own_time_and_leave_out_outputs_beyond() {
    let systems: Vec<Approach> = (0..11)
        .map(|k| Approach {
            rates: vec![0.01 * 3f64.powi(k), 1.0],
            rest: vec![1.0, 2.0],
        })
        .collect();
    let times: Vec<f64> = (0..60)
        .map(|k| 10f64.powf(-3.0 + 0.15 * k as f64))
        .collect();
    let options = Options::default()
        .rtol(1e-6)
        .outputs(times.clone())
        .stop_at_steady_state(SteadyState::default().over(10.0));
    let initial = vec![0.1; 22];
    let span = (0.0, 1e6);
    let together = solve_lanes::<f64, _, _, 4>(
        || Each::new(&systems),
        &Rodas5p,
        span,
        &initial,
        &options,
        &Watch::default(),
    )
    .unwrap();
    let mut ends = Vec::new();
    for (system, found) in systems.iter().zip(together) {
        let alone: Solution = solve(system, &Rodas5p, span, &[0.1, 0.1], &options).unwrap();
        let found = found.unwrap();
        assert_eq!(found, alone);
        assert_eq!(found.stop, Stop::SteadyState);
        assert_eq!(
            found.t.len(),
            times.iter().filter(|&&t| t <= found.t_end).count()
        );
        ends.push(found.t_end);
    }
    assert!(ends[0] > 3.0 * ends[10], "{ends:?}");
}

#[test]
fn the_criterion_does_not_change_the_steps_before_it_holds() {
    let system = Approach {
        rates: vec![1.0],
        rest: vec![1.0],
    };
    let plain = Options::default().rtol(1e-6);
    let stopping = plain
        .clone()
        .stop_at_steady_state(SteadyState::default().over(1.0));
    let whole = solve(&system, &Rodas5p, (0.0, 1e9), &[0.0], &plain).unwrap();
    let part = solve(&system, &Rodas5p, (0.0, 1e9), &[0.0], &stopping).unwrap();
    assert!(part.t.len() < whole.t.len());
    // The two steps that confirm it do not grow.
    let before = part.t.len() - 2;
    assert_eq!(part.t[..before], whole.t[..before]);
    assert_eq!(part.y[..before], whole.y[..before]);
    let length = |k: usize| part.t[k] - part.t[k - 1];
    assert!(length(before) <= 1.001 * length(before - 1));
    assert!(length(before + 1) <= 1.001 * length(before));
}

#[test]
fn refuses_criteria_out_of_range() {
    let system = Approach {
        rates: vec![1.0],
        rest: vec![1.0],
    };
    let steady = SteadyState::default();
    for wrong in [
        steady.relative_change(0.0),
        steady.relative_change(f64::NAN),
        steady.absolute_change(-1.0),
        steady.over(0.0),
        steady.for_steps(0),
    ] {
        let options = Options::default().stop_at_steady_state(wrong);
        let result = solve(&system, &Rodas5p, (0.0, 1.0), &[0.0], &options);
        assert!(
            matches!(result, Err(SolveError::InvalidOption { .. })),
            "{result:?}"
        );
    }
}
