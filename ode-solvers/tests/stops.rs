//! Times at which a step must end: hit exactly, in both directions, and worth it where f has a kink.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::{
    Jacobian, Options, Rodas5p, Solution, SolveError, SparsityPattern, System, Tsit5, solve,
};

/// dy/dt = |t mod 2 - 1|, a triangle wave: kinks at whole t, a quarter of (t mod 2 - 1)² sgn between.
struct Triangle;
impl System for Triangle {
    fn dim(&self) -> usize {
        1
    }
    fn rhs(&self, t: f64, _y: &[f64], d: &mut [f64]) {
        d[0] = (t.rem_euclid(2.0) - 1.0).abs();
    }
}
impl Jacobian for Triangle {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(1)
    }
    fn jacobian(&self, _t: f64, _y: &[f64], values: &mut [f64]) {
        values[0] = 0.0;
    }
}

fn both(span: (f64, f64), options: &Options) -> [Result<Solution, SolveError>; 2] {
    [
        solve(&Triangle, &Tsit5, span, &[0.0], options),
        solve(&Triangle, &Rodas5p, span, &[0.0], options),
    ]
}

#[test]
fn kinks_cost_no_accuracy_where_steps_end_at_them() {
    let kinks: Vec<f64> = (-3..30).map(f64::from).collect();
    let loose = Options::default().rtol(1e-3).atol(1e-3);
    let span = (0.25, 20.25);
    // Over every whole period the integral is 1.
    let exact = 10.0;
    for with in both(span, &loose.clone().stops(kinks.clone())) {
        let with = with.unwrap();
        assert!((with.y_end[0] - exact).abs() < 1e-12, "{}", with.y_end[0]);
        for kink in 1..=20 {
            assert!(with.t.contains(&f64::from(kink)), "{kink}: {:?}", with.t);
        }
    }
    // Without them the loose solve is visibly wrong: the test above cannot pass by luck.
    for without in both(span, &loose) {
        assert!((without.unwrap().y_end[0] - exact).abs() > 1e-9);
    }
    let backward: Vec<f64> = kinks.into_iter().rev().collect();
    for back in both((20.25, 0.25), &loose.stops(backward)) {
        assert!((back.unwrap().y_end[0] + exact).abs() < 1e-12);
    }
}

#[test]
fn stops_out_of_order_are_refused() {
    for (stops, index) in [
        (vec![1.0, 1.0], 1),
        (vec![2.0, 1.0], 1),
        (vec![0.5, f64::NAN], 1),
    ] {
        for result in both((0.0, 3.0), &Options::default().stops(stops.clone())) {
            match result {
                Err(SolveError::InvalidStop { index: found, .. }) => assert_eq!(found, index),
                other => panic!("{other:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn every_stop_within_the_span_is_hit(
        gaps in prop::collection::vec(1e-9..0.7f64, 1..20),
        start in -1.0..1.0f64,
    ) {
        let mut t = -1.5;
        let stops: Vec<f64> = gaps.iter().map(|gap| { t += gap; t }).collect();
        let span = (start, start + 3.0);
        let options = Options::default().stops(stops.clone());
        for solution in both(span, &options) {
            let solution = solution.unwrap();
            prop_assert_eq!(solution.t_end, span.1);
            for stop in &stops {
                if *stop > span.0 && *stop < span.1 {
                    prop_assert!(solution.t.contains(stop), "{} in {:?}", stop, solution.t);
                }
            }
        }
    }
}
