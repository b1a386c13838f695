//! The discrete adjoint of the implicit method, and of both with checkpoints: against differences with the step sequence frozen, against tight solves,
//! over lanes, bit for bit where steps are computed again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "common/mass_action.rs"]
mod mass_action;

use mass_action::{MassAction, coefficients, start};
use proptest::prelude::*;
use stiff_ode_solvers::{
    Each, Jacobian, Kvaerno5, Options, Rollout, SparsityPattern, System, Tsit5, VectorJacobian,
};

/// A system with its dense Jacobian, row by row from its products.
struct Full<S>(S);
impl<S: System> System for Full<S> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        self.0.rhs(t, y, d);
    }
    fn is_autonomous(&self) -> bool {
        self.0.is_autonomous()
    }
}
impl<S: VectorJacobian> VectorJacobian for Full<S> {
    fn parameter_len(&self) -> usize {
        self.0.parameter_len()
    }
    fn vjp(&self, t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        self.0.vjp(t, y, v, y_bar, p_bar);
    }
}
impl<S: VectorJacobian> Jacobian for Full<S> {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.dim())
    }
    fn jacobian(&self, t: f64, y: &[f64], values: &mut [f64]) {
        let n = self.dim();
        let mut p_bar = vec![0.0; self.parameter_len()];
        for i in 0..n {
            let (mut unit, mut row) = (vec![0.0; n], vec![0.0; n]);
            unit[i] = 1.0;
            self.vjp(t, y, &unit, &mut row, &mut p_bar);
            for j in 0..n {
                values[j * n + i] = row[j];
            }
        }
    }
}

/// y0' = −a y0 + b y1 sin t, y1' = c (y0² − y1): stiff for large c, driven in time.
#[derive(Clone)]
struct Stiff {
    p: [f64; 3],
}
impl System for Stiff {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        let [a, b, c] = self.p;
        d[0] = -a * y[0] + b * y[1] * t.sin();
        d[1] = c * (y[0] * y[0] - y[1]);
    }
}
impl VectorJacobian for Stiff {
    fn parameter_len(&self) -> usize {
        3
    }
    fn vjp(&self, t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        let [a, b, c] = self.p;
        y_bar[0] += -a * v[0] + 2.0 * c * y[0] * v[1];
        y_bar[1] += b * t.sin() * v[0] - c * v[1];
        p_bar[0] -= y[0] * v[0];
        p_bar[1] += y[1] * t.sin() * v[0];
        p_bar[2] += (y[0] * y[0] - y[1]) * v[1];
    }
}

fn weight(k: usize) -> f64 {
    ((k * 37 + 5) % 101) as f64 / 50.0 - 1.0
}

/// A weighted sum of all outputs and the end, and its gradient with respect to (y0, p).
fn implicit<S: VectorJacobian>(
    system: S,
    y0: &[f64],
    span: (f64, f64),
    options: &Options,
    checkpointed: bool,
) -> (f64, Vec<f64>) {
    let systems = [Full(system)];
    let mut lanes = Each::<f64, _, 1>::new(&systems);
    let n = y0.len();
    let mut outputs = vec![[0.0]; n * options.output_times().len()];
    let mut rollout = Rollout::<f64, 1, Kvaerno5>::with(&Kvaerno5);
    if checkpointed {
        rollout = rollout.checkpointed();
    }
    let start: Vec<[f64; 1]> = y0.iter().map(|&y| [y]).collect();
    let outcome = rollout
        .forward(&mut lanes, span, &start, options, &mut outputs)
        .unwrap();
    assert!(outcome.all_finished(), "{outcome:?}");
    let bar: Vec<[f64; 1]> = (0..outputs.len()).map(|k| [weight(k)]).collect();
    let end_bar: Vec<[f64; 1]> = (0..n).map(|k| [weight(k + 7)]).collect();
    let mut value = 0.0;
    for (a, b) in bar
        .iter()
        .zip(&outputs)
        .chain(end_bar.iter().zip(rollout.end()))
    {
        value += a[0] * b[0];
    }
    let (mut y_bar, mut p_bar) = (vec![[0.0]; n], vec![[0.0]; systems[0].parameter_len()]);
    rollout
        .backward(&mut lanes, &bar, Some(&end_bar), &mut y_bar, &mut p_bar)
        .unwrap();
    (
        value,
        y_bar.into_iter().chain(p_bar).map(|x| x[0]).collect(),
    )
}

/// Steps of 0.05 whatever the error, stages converged to rounding; outputs at the start, inside steps, at ends of steps, at the end.
fn frozen() -> Options {
    Options::default()
        .rtol(1e3)
        .atol(1e3)
        .newton_tolerance(1e-20)
        .initial_step(0.05)
        .max_step(0.05)
        .outputs(vec![0.0, 0.02, 0.05, 0.31, 0.5, 0.77, 0.99, 1.0])
}

fn central(value: impl Fn(f64) -> f64, delta: f64) -> f64 {
    (8.0 * (value(delta) - value(-delta)) - (value(2.0 * delta) - value(-2.0 * delta)))
        / (12.0 * delta)
}

fn check(
    gradient: &[f64],
    value: impl Fn(usize, f64) -> f64,
    size: impl Fn(usize) -> f64,
    tolerance: f64,
) {
    for (i, &g) in gradient.iter().enumerate() {
        let d = central(|shift| value(i, shift), 1e-3 * size(i));
        let error = (g - d).abs() * size(i);
        assert!(
            error < tolerance * (1.0 + (d * size(i)).abs()),
            "{i}: {g:e} {d:e}"
        );
    }
}

#[test]
fn implicit_gradient_is_exact_for_a_frozen_step_sequence() {
    let run = |y0: [f64; 5], k: [f64; 12]| {
        implicit(
            MassAction { k: k.map(|k| [k]) },
            &y0,
            (0.0, 1.0),
            &frozen(),
            false,
        )
    };
    let gradient = run(start(1), coefficients(1)).1;
    let value = |i: usize, shift: f64| {
        let (mut y0, mut k) = (start(1), coefficients(1));
        if i < 5 {
            y0[i] += shift;
        } else {
            k[i - 5] += shift;
        }
        run(y0, k).0
    };
    check(&gradient, value, |_| 1.0, 1e-10);
}

#[test]
fn implicit_gradient_is_exact_where_the_system_is_stiff() {
    for c in [1.0, 1e4, 1e7] {
        let p = [0.7, 0.4, c];
        let run =
            |y0: [f64; 2], p: [f64; 3]| implicit(Stiff { p }, &y0, (0.0, 1.0), &frozen(), false);
        let gradient = run([1.1, 0.3], p).1;
        let value = |i: usize, shift: f64| {
            let (mut y0, mut p) = ([1.1, 0.3], p);
            if i < 2 {
                y0[i] += shift;
            } else {
                p[i - 2] += shift;
            }
            run(y0, p).0
        };
        check(&gradient, value, |i| if i == 4 { c } else { 1.0 }, 1e-9);
    }
}

#[test]
fn implicit_gradient_matches_differences_of_tight_solves() {
    let options = Options::default()
        .rtol(1e-10)
        .atol(1e-12)
        .newton_tolerance(1e-4)
        .outputs(vec![0.3, 1.0, 2.2]);
    let run = |y0: [f64; 2], p: [f64; 3]| implicit(Stiff { p }, &y0, (0.0, 3.0), &options, true);
    let gradient = run([1.1, 0.3], [0.7, 0.4, 200.0]).1;
    let value = |i: usize, shift: f64| {
        let (mut y0, mut p) = ([1.1, 0.3], [0.7, 0.4, 200.0]);
        if i < 2 {
            y0[i] += shift;
        } else {
            p[i - 2] += shift;
        }
        run(y0, p).0
    };
    check(
        &gradient,
        value,
        |i| if i == 4 { 2000.0 } else { 10.0 },
        1e-5,
    );
}

#[test]
fn checkpoints_give_the_same_gradient_to_the_last_bit() {
    // Tolerances at which the implicit method rejects, keeps and renews Jacobians.
    for rtol in [1e-3, 1e-6, 1e-9] {
        let options = Options::default()
            .rtol(rtol)
            .atol(rtol * 1e-2)
            .outputs((0..40).map(|k| 0.5 * f64::from(k)).collect());
        let run = |checkpointed| {
            let system = Stiff {
                p: [0.7, 0.4, 300.0],
            };
            implicit(system, &[1.1, 0.3], (0.0, 20.0), &options, checkpointed)
        };
        assert_eq!(run(false), run(true));
    }
}

/// Outputs, gradients, and states kept, of W models by the explicit method.
fn explicit<const W: usize>(
    options: &Options,
    checkpointed: bool,
) -> (Vec<[f64; W]>, usize, usize) {
    let mut system = MassAction::<f64, W> {
        k: std::array::from_fn(|r| std::array::from_fn(|l| coefficients(l)[r])),
    };
    let y0: [[f64; W]; 5] = std::array::from_fn(|i| std::array::from_fn(|l| start(l)[i]));
    let mut rollout = Rollout::<f64, W>::new();
    if checkpointed {
        rollout = rollout.checkpointed();
    }
    let mut outputs = vec![[0.0; W]; 5 * options.output_times().len()];
    rollout
        .forward(&mut system, (0.0, 3.0), &y0, options, &mut outputs)
        .unwrap();
    let bar: Vec<[f64; W]> = (0..outputs.len())
        .map(|k| std::array::from_fn(|l| weight(k + l)))
        .collect();
    let (mut y_bar, mut p_bar) = (vec![[0.0; W]; 5], vec![[0.0; W]; 12]);
    rollout
        .backward(&mut system, &bar, None, &mut y_bar, &mut p_bar)
        .unwrap();
    outputs.extend(y_bar);
    outputs.extend(p_bar);
    let steps = rollout.steps().into_iter().max().unwrap();
    (outputs, steps, rollout.kept_states())
}

#[test]
fn checkpoints_keep_few_states_and_every_bit_over_lanes() {
    let times: Vec<f64> = (0..30).map(|k| 0.1 * f64::from(k)).collect();
    let mut kept = Vec::new();
    for longest in [1.0, 3e-3, 3e-4] {
        let options = Options::default()
            .rtol(1e-6)
            .atol(1e-9)
            .max_step(longest)
            .outputs(times.clone());
        let (full, steps, all) = explicit::<4>(&options, false);
        let (again, _, few) = explicit::<4>(&options, true);
        assert_eq!(full, again);
        assert_eq!(
            explicit::<1>(&options, false).0,
            explicit::<1>(&options, true).0
        );
        assert!(all >= 6 * steps);
        kept.push((steps, few));
    }
    // Ten times the steps, hardly more than √10 times the states (twice that with the memory grown by doubling).
    assert!(kept[2].0 > 9 * kept[1].0);
    assert!(kept[2].1 < 7 * kept[1].1, "{kept:?}");
    assert!(kept[2].1 < kept[2].0, "{kept:?}");
}

#[test]
fn lanes_of_the_implicit_method_give_what_single_models_give() {
    const W: usize = 3;
    let systems: Vec<Full<Stiff>> = (0..W)
        .map(|l| {
            Full(Stiff {
                p: [0.7, 0.4, 10f64.powi(1 + l as i32)],
            })
        })
        .collect();
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-8)
        .outputs(vec![0.5, 1.0, 6.0]);
    for checkpointed in [false, true] {
        let mut lanes = Each::<f64, _, W>::new(&systems);
        // Lane l computes model l.
        let mut rollout = Rollout::<f64, W, Kvaerno5>::with(&Kvaerno5);
        if checkpointed {
            rollout = rollout.checkpointed();
        }
        let mut outputs = vec![[0.0; W]; 6];
        let y0 = [[1.1; W], [0.3; W]];
        rollout
            .forward(&mut lanes, (0.0, 6.0), &y0, &options, &mut outputs)
            .unwrap();
        let bar: Vec<[f64; W]> = (0..6).map(|k| [weight(k); W]).collect();
        let end_bar: Vec<[f64; W]> = (0..2).map(|k| [weight(k + 7); W]).collect();
        let (mut y_bar, mut p_bar) = (vec![[0.0; W]; 2], vec![[0.0; W]; 3]);
        rollout
            .backward(&mut lanes, &bar, Some(&end_bar), &mut y_bar, &mut p_bar)
            .unwrap();
        for l in 0..W {
            let alone = implicit(
                systems[l].0.clone(),
                &[1.1, 0.3],
                (0.0, 6.0),
                &options,
                checkpointed,
            )
            .1;
            for (a, b) in y_bar.iter().chain(&p_bar).zip(alone) {
                assert!(
                    (a[l] - b).abs() <= 1e-12 * (1.0 + b.abs()),
                    "lane {l}: {} {b}",
                    a[l]
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// ⟨u, dF v⟩ by a difference along v equals ⟨dFᵀ u, v⟩, whatever state, coefficients, direction, and sense of time.
    #[test]
    fn implicit_adjoint_identity(
        y0 in prop::array::uniform2(0.2..1.5f64), a in 0.1..2.0f64, b in -1.0..1.0f64, c in 0.0..3.0f64, v in prop::collection::vec(-1.0..1.0f64, 5), backward in any::<bool>(),
    ) {
        let mut options = frozen();
        let mut span = (0.0, 1.0);
        let mut p = [a, b, 10f64.powf(c)];
        if backward {
            // Backward the same decay would grow: the signs turn with it.
            let mut times = options.output_times().to_vec();
            times.reverse();
            options = options.outputs(times);
            span = (1.0, 0.0);
            p = [-a, b, -(10f64.powf(c))];
        }
        let run = |s: f64| {
            let y0: [f64; 2] = std::array::from_fn(|i| y0[i] + s * v[i]);
            let p: [f64; 3] = std::array::from_fn(|i| p[i] + s * v[2 + i] * p[i].abs());
            implicit(Stiff { p }, &y0, span, &options, true)
        };
        let gradient = run(0.0).1;
        let inner: f64 = (0..5).map(|i| gradient[i] * v[i] * if i < 2 { 1.0 } else { p[i - 2].abs() }).sum();
        let difference = central(|s| run(s).0, 1e-3);
        prop_assert!((inner - difference).abs() < 1e-7 * (1.0 + difference.abs()), "{inner} {difference}");
    }
}

#[test]
fn the_explicit_and_the_implicit_method_agree() {
    let options = Options::default()
        .rtol(1e-10)
        .atol(1e-12)
        .newton_tolerance(1e-4)
        .outputs(vec![1.0, 2.0]);
    let system = Stiff { p: [0.7, 0.4, 2.0] };
    let by_kvaerno = implicit(system.clone(), &[1.1, 0.3], (0.0, 2.0), &options, false).1;
    let systems = [system];
    let mut lanes = Each::<f64, _, 1>::new(&systems);
    let mut rollout = Rollout::<f64, 1, Tsit5>::with(&Tsit5);
    let mut outputs = vec![[0.0]; 4];
    rollout
        .forward(
            &mut lanes,
            (0.0, 2.0),
            &[[1.1], [0.3]],
            &options,
            &mut outputs,
        )
        .unwrap();
    let bar: Vec<[f64; 1]> = (0..4).map(|k| [weight(k)]).collect();
    let end_bar: Vec<[f64; 1]> = (0..2).map(|k| [weight(k + 7)]).collect();
    let (mut y_bar, mut p_bar) = (vec![[0.0]; 2], vec![[0.0]; 3]);
    rollout
        .backward(&mut lanes, &bar, Some(&end_bar), &mut y_bar, &mut p_bar)
        .unwrap();
    for (a, b) in y_bar.iter().chain(&p_bar).zip(by_kvaerno) {
        assert!((a[0] - b).abs() < 1e-7 * (1.0 + b.abs()), "{} {b}", a[0]);
    }
}
