//! Recorded solves whose lanes have spans, outputs and stops of their own: each lane gives what it gives alone, forwards and backwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use stiff_ode_solvers::{
    Each, LaneTimes, Options, Rollout, SolveError, System, Tsit5, VectorJacobian, solve,
};

/// y0' = −a y0 y1, y1' = b cos(3t) y0 − y1.
#[derive(Clone, Copy)]
struct Driven {
    p: [f64; 2],
}
impl System for Driven {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        d[0] = -self.p[0] * y[0] * y[1];
        d[1] = self.p[1] * (3.0 * t).cos() * y[0] - y[1];
    }
}
impl VectorJacobian for Driven {
    fn parameter_len(&self) -> usize {
        2
    }
    fn vjp(&self, t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        let c = (3.0 * t).cos();
        y_bar[0] += -self.p[0] * y[1] * v[0] + self.p[1] * c * v[1];
        y_bar[1] += -self.p[0] * y[0] * v[0] - v[1];
        p_bar[0] -= y[0] * y[1] * v[0];
        p_bar[1] += c * y[0] * v[1];
    }
}

fn bar(lane: usize, k: usize) -> f64 {
    ((lane * 53 + k * 37 + 5) % 101) as f64 / 50.0 - 1.0
}

fn times(lane: &(f64, f64, Vec<f64>, Vec<f64>)) -> (Vec<f64>, Vec<f64>) {
    let (t0, length, outputs, stops) = lane;
    let place = |v: &[f64]| v.iter().map(|f| t0 + f * length).collect::<Vec<_>>();
    (place(outputs), place(stops))
}

fn rising() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.0..1.0f64, 0..6).prop_map(|mut v| {
        v.sort_by(f64::total_cmp);
        v.dedup();
        v
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn lanes_give_what_they_give_alone(
        given in prop::array::uniform4((-1.0..1.0f64, 0.1..3.0f64, rising(), rising())),
        y0 in prop::array::uniform8(0.1..1.0f64),
        p in prop::array::uniform8(0.2..2.0f64),
    ) {
        let options = Options::default().rtol(1e-5).atol(1e-8);
        let systems: [Driven; 4] = std::array::from_fn(|l| Driven { p: [p[2 * l], p[2 * l + 1]] });
        let all: Vec<_> = given.iter().map(times).collect();
        let lanes: [LaneTimes<'_, f64>; 4] = std::array::from_fn(|l| LaneTimes {
            span: (given[l].0, given[l].0 + given[l].1),
            outputs: &all[l].0,
            stops: &all[l].1,
        });
        let most = all.iter().map(|a| a.0.len()).max().unwrap();
        let start = [0, 1].map(|i| std::array::from_fn(|l| y0[2 * l + i]));
        let (mut found, mut rollout) = (vec![[7.0; 4]; 2 * most], Rollout::<f64, 4>::new());
        let mut each = Each::<f64, _, 4>::new(&systems);
        let outcome = rollout.forward_each(&mut each, &lanes, &start, &options, &mut found).unwrap();
        prop_assert!(outcome.all_finished());
        let bars: Vec<[f64; 4]> = (0..2 * most).map(|k| std::array::from_fn(|l| bar(l, k))).collect();
        let end_bar = [0, 1].map(|i| std::array::from_fn(|l| bar(l, 90 + i)));
        let (mut y_bar, mut p_bar) = ([[0.0; 4]; 2], [[0.0; 4]; 2]);
        rollout.backward(&mut each, &bars, Some(&end_bar), &mut y_bar, &mut p_bar).unwrap();
        for l in 0..4 {
            let (outputs, stops) = &all[l];
            let options = options.clone().outputs(outputs.clone()).stops(stops.clone());
            let (mut one, mut alone) = (Rollout::<f64, 1>::new(), vec![[0.0]; 2 * outputs.len()]);
            let mut each = Each::<f64, _, 1>::new(&systems[l..l + 1]);
            let start = [[y0[2 * l]], [y0[2 * l + 1]]];
            one.forward(&mut each, lanes[l].span, &start, &options, &mut alone).unwrap();
            for (k, alone) in alone.iter().enumerate() {
                prop_assert_eq!(alone[0], found[k][l]);
            }
            // Beyond a lane's own outputs nothing is written.
            prop_assert!(found[alone.len()..].iter().all(|f| f[l] == 7.0));
            prop_assert_eq!(one.steps()[0], rollout.steps()[l]);
            let bars: Vec<[f64; 1]> = (0..alone.len()).map(|k| [bar(l, k)]).collect();
            let end_bar = [[bar(l, 90)], [bar(l, 91)]];
            let (mut y1, mut p1) = ([[0.0]; 2], [[0.0]; 2]);
            one.backward(&mut each, &bars, Some(&end_bar), &mut y1, &mut p1).unwrap();
            for i in 0..2 {
                prop_assert!((y1[i][0] - y_bar[i][l]).abs() <= 1e-12 * (1.0 + y1[i][0].abs()));
                prop_assert!((p1[i][0] - p_bar[i][l]).abs() <= 1e-12 * (1.0 + p1[i][0].abs()));
            }
            // And the steps end at the stops.
            let inside = stops.iter().filter(|&&t| t > lanes[l].span.0);
            let ends: Vec<f64> = (0..rollout.steps()[l]).map(|r| rollout.step(l, r).unwrap().0).collect();
            for stop in inside {
                prop_assert!(ends.contains(stop), "{stop} {ends:?}");
            }
        }
    }
}

#[test]
fn times_out_of_order_are_refused_and_no_times_are_fine() {
    let systems = [Driven { p: [1.0, 1.0] }];
    let mut each = Each::<f64, _, 1>::new(&systems);
    let mut rollout = Rollout::<f64, 1>::new();
    let y0 = [[1.0], [0.5]];
    let lane = |outputs| {
        [LaneTimes {
            span: (0.0, 1.0),
            outputs,
            stops: &[],
        }]
    };
    let options = Options::default();
    let refused = rollout.forward_each(
        &mut each,
        &lane(&[0.5, 0.4]),
        &y0,
        &options,
        &mut [[0.0]; 4],
    );
    assert!(matches!(
        refused,
        Err(SolveError::InvalidOutput { index: 1, .. })
    ));
    // Default options name no output times: the end of the span alone is then known.
    rollout
        .forward(&mut each, (0.0, 1.0), &y0, &options, &mut [])
        .unwrap();
    let truth = solve(&systems[0], &Tsit5, (0.0, 1.0), &[1.0, 0.5], &options).unwrap();
    for i in 0..2 {
        assert_eq!(rollout.end()[i][0], truth.y_end[i]);
    }
}
