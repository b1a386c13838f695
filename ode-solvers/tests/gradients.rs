//! The discrete adjoint of recorded solves: against differences with the step sequence frozen, against tight differences, over lanes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "common/mass_action.rs"]
mod mass_action;

use mass_action::{MassAction, coefficients, start};
use proptest::prelude::*;
use stiff_ode_solvers::{Each, Options, Rollout, System, VectorJacobian};

const SPAN: (f64, f64) = (0.0, 3.0);

/// A scalar made of all outputs and the end, with weights that tell them apart, and its cotangents.
fn weights(count: usize, lane: usize) -> Vec<f64> {
    (0..count)
        .map(|k| ((k * 37 + lane * 11 + 5) % 101) as f64 / 50.0 - 1.0)
        .collect()
}

/// Value and gradient with respect to (y0, p) of the weighted sum, for one model.
fn value_and_gradient<S: VectorJacobian>(
    system: &S,
    y0: &[f64],
    options: &Options,
    span: (f64, f64),
) -> (f64, Vec<f64>) {
    let systems = std::slice::from_ref(system);
    let mut lanes = Each::<f64, S, 1>::new(systems);
    let n = system.dim();
    let count = n * options.output_times().len();
    let mut outputs = vec![[0.0]; count];
    let mut rollout = Rollout::<f64, 1>::new();
    let outcome = rollout
        .forward(
            &mut lanes,
            span,
            y0.as_chunks::<1>().0,
            options,
            &mut outputs,
        )
        .unwrap();
    assert!(outcome.all_finished());
    let bar: Vec<[f64; 1]> = weights(count, 0).into_iter().map(|w| [w]).collect();
    let end_bar: Vec<[f64; 1]> = weights(n, 3).into_iter().map(|w| [w]).collect();
    let dot =
        |a: &[[f64; 1]], b: &[[f64; 1]]| a.iter().zip(b).map(|(a, b)| a[0] * b[0]).sum::<f64>();
    let value = dot(&bar, &outputs) + dot(&end_bar, rollout.end());
    let (mut y0_bar, mut p_bar) = (vec![[0.0]; n], vec![[0.0]; system.parameter_len()]);
    rollout
        .backward(&mut lanes, &bar, Some(&end_bar), &mut y0_bar, &mut p_bar)
        .unwrap();
    (
        value,
        y0_bar.into_iter().chain(p_bar).map(|x| x[0]).collect(),
    )
}

/// Outputs at the start, inside steps, at ends of steps, and at the end of the span.
fn fixed_steps() -> Options {
    Options::default()
        .rtol(1e3)
        .atol(1e3)
        .initial_step(0.25)
        .max_step(0.25)
        .outputs(vec![0.0, 0.1, 0.2, 0.25, 0.5, 1.3, 2.99, 3.0])
}

fn mass_action(y0: [f64; 5], k: [f64; 12], options: &Options) -> (f64, Vec<f64>) {
    value_and_gradient(&MassAction { k: k.map(|k| [k]) }, &y0, options, SPAN)
}

/// Fourth-order central difference in variable `i` of (y0, k).
fn difference(i: usize, delta: f64, options: &Options) -> f64 {
    let at = |shift: f64| {
        let (mut y0, mut k) = (start(1), coefficients(1));
        if i < 5 {
            y0[i] += shift
        } else {
            k[i - 5] += shift
        }
        mass_action(y0, k, options).0
    };
    (8.0 * (at(delta) - at(-delta)) - (at(2.0 * delta) - at(-2.0 * delta))) / (12.0 * delta)
}

#[test]
fn gradient_is_exact_for_a_frozen_step_sequence() {
    let options = fixed_steps();
    let gradient = mass_action(start(1), coefficients(1), &options).1;
    for (i, &g) in gradient.iter().enumerate() {
        let d = difference(i, 1e-3, &options);
        assert!((g - d).abs() < 1e-10 * (1.0 + d.abs()), "{i}: {g:e} {d:e}");
    }
}

#[test]
fn gradient_matches_differences_of_tight_solves() {
    // At tight tolerance the choice of steps no longer matters.
    let options = Options::default()
        .rtol(1e-12)
        .atol(1e-13)
        .outputs(vec![0.3, 1.0, 2.2]);
    let gradient = mass_action(start(1), coefficients(1), &options).1;
    for (i, &g) in gradient.iter().enumerate() {
        let d = difference(i, 1e-2, &options);
        assert!((g - d).abs() < 1e-7 * (1.0 + d.abs()), "{i}: {g:e} {d:e}");
    }
}

/// y' = (p₀ + p₁ t) J y with a fixed matrix: linear in y, explicit in t.
struct Linear {
    p: [f64; 2],
}
const MATRIX: [[f64; 3]; 3] = [[-1.0, 0.5, 0.2], [0.3, -0.7, 0.1], [0.9, 0.4, -1.2]];
impl System for Linear {
    fn dim(&self) -> usize {
        3
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        for i in 0..3 {
            d[i] = (self.p[0] + self.p[1] * t) * (0..3).map(|j| MATRIX[i][j] * y[j]).sum::<f64>();
        }
    }
}
impl VectorJacobian for Linear {
    fn parameter_len(&self) -> usize {
        2
    }
    fn vjp(&self, t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        for i in 0..3 {
            for j in 0..3 {
                y_bar[j] += (self.p[0] + self.p[1] * t) * MATRIX[i][j] * v[i];
                p_bar[0] += v[i] * MATRIX[i][j] * y[j];
                p_bar[1] += v[i] * t * MATRIX[i][j] * y[j];
            }
        }
    }
}

#[test]
fn gradient_of_a_linear_system_is_exact_to_rounding() {
    // With frozen steps the outputs are linear in y0: a difference over any distance is exact.
    let options = fixed_steps();
    let system = Linear { p: [0.8, 0.3] };
    for span in [(0.0, 3.0), (3.0, 0.0)] {
        let mut times = options.output_times().to_vec();
        if span.1 < span.0 {
            times.reverse();
        }
        let options = options.clone().outputs(times);
        let zero = value_and_gradient(&system, &[0.0; 3], &options, span).0;
        let gradient = value_and_gradient(&system, &[0.4, -0.1, 0.7], &options, span).1;
        for i in 0..3 {
            let mut unit = [0.0; 3];
            unit[i] = 1.0;
            let d = value_and_gradient(&system, &unit, &options, span).0 - zero;
            assert!(
                (gradient[i] - d).abs() < 1e-13 * (1.0 + d.abs()),
                "{i}: {:e} {d:e}",
                gradient[i]
            );
        }
    }
}

#[test]
fn lanes_give_what_single_models_give() {
    const W: usize = 4;
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-9)
        .outputs((0..50).map(|k| k as f64 * 0.06).collect());
    let mut together = MassAction::<f64, W> {
        k: std::array::from_fn(|r| std::array::from_fn(|l| coefficients(l)[r])),
    };
    let y0: [[f64; W]; 5] = std::array::from_fn(|i| std::array::from_fn(|l| start(l)[i]));
    let mut rollout = Rollout::<f64, W>::new();
    let mut outputs = vec![[0.0; W]; 250];
    let bar: Vec<[f64; W]> = (0..250)
        .map(|k| std::array::from_fn(|l| weights(250, l)[k]))
        .collect();
    // Twice, so that the second finds the memory of the first.
    let mut sums = (vec![], vec![]);
    for _ in 0..2 {
        sums = (vec![[0.0; W]; 5], vec![[0.0; W]; 12]);
        assert!(
            rollout
                .forward(&mut together, SPAN, &y0, &options, &mut outputs)
                .unwrap()
                .all_finished()
        );
        rollout
            .backward(&mut together, &bar, None, &mut sums.0, &mut sums.1)
            .unwrap();
    }
    for l in 0..W {
        let mut alone = MassAction::<f64, 1> {
            k: coefficients(l).map(|k| [k]),
        };
        let mut single = Rollout::<f64, 1>::new();
        let mut one = vec![[0.0]; 250];
        let y0 = start(l).map(|y| [y]);
        stiff_ode_solvers::Rollout::forward(&mut single, &mut alone, SPAN, &y0, &options, &mut one)
            .unwrap();
        assert_eq!(single.steps()[0], rollout.steps()[l]);
        assert!(
            outputs.iter().zip(&one).all(|(a, b)| a[l] == b[0]),
            "outputs of lane {l}"
        );
        let own: Vec<[f64; 1]> = bar.iter().map(|b| [b[l]]).collect();
        let (mut y_bar, mut p_bar) = (vec![[0.0]; 5], vec![[0.0]; 12]);
        single
            .backward(&mut alone, &own, None, &mut y_bar, &mut p_bar)
            .unwrap();
        for (a, b) in sums.0.iter().chain(&sums.1).zip(y_bar.iter().chain(&p_bar)) {
            assert!(
                (a[l] - b[0]).abs() <= 1e-13 * (1.0 + b[0].abs()),
                "lane {l}: {} {}",
                a[l],
                b[0]
            );
        }
    }
}

#[test]
fn a_lane_that_fails_leaves_the_others_alone() {
    /// y' = y² in lane 0 (infinite at t = 1 from y = 1), y' = -y in lane 1.
    struct Blow;
    impl stiff_ode_solvers::LaneSystem<f64, 2> for Blow {
        fn dim(&self) -> usize {
            1
        }
        fn load(&mut self, _: usize, _: usize) {}
        fn rhs(&mut self, _: &[f64; 2], y: &[[f64; 2]], d: &mut [[f64; 2]]) {
            d[0] = [y[0][0] * y[0][0], -y[0][1]];
        }
    }
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-9)
        .outputs(vec![0.5, 2.0]);
    let mut outputs = [[0.0; 2]; 2];
    let outcome = Rollout::<f64, 2>::new()
        .forward(&mut Blow, (0.0, 2.0), &[[1.0, 1.0]], &options, &mut outputs)
        .unwrap();
    assert!(
        outcome.failures[0].is_some() && outcome.failures[1].is_none(),
        "{outcome:?}"
    );
    assert!((outputs[0][0] - 2.0).abs() < 1e-4 && outputs[1][0].is_nan());
    assert!((outputs[1][1] - (-2.0_f64).exp()).abs() < 1e-5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// ⟨u, dF v⟩ by a difference along v equals ⟨dFᵀ u, v⟩ by the adjoint, whatever the state, the coefficients and the direction.
    #[test]
    fn adjoint_identity(y0 in prop::array::uniform5(0.05..0.8f64), k in prop::array::uniform12(0.1..0.9f64), v in prop::collection::vec(-1.0..1.0f64, 17)) {
        let options = fixed_steps();
        let gradient = mass_action(y0, k, &options).1;
        let inner: f64 = gradient.iter().zip(&v).map(|(g, v)| g * v).sum();
        let at = |s: f64| mass_action(std::array::from_fn(|i| y0[i] + s * v[i]), std::array::from_fn(|r| k[r] + s * v[5 + r]), &options).0;
        let d = 1e-3; // truncation d⁴, rounding 1e-16/d
        let difference = (8.0 * (at(d) - at(-d)) - (at(2.0 * d) - at(-2.0 * d))) / (12.0 * d);
        prop_assert!((inner - difference).abs() < 1e-8 * (1.0 + difference.abs()), "{inner} {difference}");
    }
}
