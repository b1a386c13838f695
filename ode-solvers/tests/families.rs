//! Every family of methods against right-hand sides that go wrong: a typed error that says where, or the right solution, within a bounded number of
//! evaluations; and any size, tolerance and span without a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use stiff_ode_solvers::methods::{Method, Stepper};
use stiff_ode_solvers::{
    Bdf, ColouredDifferences, Each, Jacobian, Kvaerno5, Options, RadauIia5, Rodas5p, Solution,
    SolveError, SparsityPattern, System, Tsit5, Watch, solve, solve_lanes,
};

type Named<T> = (&'static str, T);

/// Evaluations after which a solve counts as hanging.
const MOST_EVALUATIONS: usize = 3_000_000;

/// A system from functions, which counts its evaluations.
struct Given<F, J> {
    dim: usize,
    f: F,
    jacobian: J,
    pattern: SparsityPattern,
    evaluations: AtomicUsize,
}
impl<F: Fn(f64, &[f64], &mut [f64]), J: Fn(f64, &[f64], &mut [f64])> Given<F, J> {
    fn new(dim: usize, f: F, jacobian: J) -> Self {
        Self {
            dim,
            f,
            jacobian,
            pattern: SparsityPattern::dense(dim),
            evaluations: AtomicUsize::new(0),
        }
    }
}
impl<F: Fn(f64, &[f64], &mut [f64]), J> System for Given<F, J> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        let count = self.evaluations.fetch_add(1, Ordering::Relaxed);
        assert!(count < MOST_EVALUATIONS, "the solve hangs");
        (self.f)(t, y, d);
    }
}
impl<F: Fn(f64, &[f64], &mut [f64]), J: Fn(f64, &[f64], &mut [f64])> Jacobian for Given<F, J> {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, t: f64, y: &[f64], v: &mut [f64]) {
        (self.jacobian)(t, y, v);
    }
}

/// One type for all systems, so that the methods are compiled once.
type Any<'a> = &'a (dyn Jacobian + Sync);

fn run<'a, M>(
    system: &'a Any<'a>,
    method: &M,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> Result<Solution, SolveError>
where
    M: Method<f64>,
    M::Stepper: Stepper<f64, Each<'a, f64, Any<'a>, 1>, 1>,
{
    solve(system, method, span, y0, options)
}

fn stiff(
    system: &(dyn Jacobian + Sync),
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> Vec<Named<Result<Solution, SolveError>>> {
    vec![
        ("Rodas5p", run(&system, &Rodas5p, span, y0, options)),
        ("Kvaerno5", run(&system, &Kvaerno5, span, y0, options)),
        ("RadauIia5", run(&system, &RadauIia5, span, y0, options)),
        ("Bdf", run(&system, &Bdf::default(), span, y0, options)),
    ]
}

fn all(
    system: &(dyn Jacobian + Sync),
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> Vec<Named<Result<Solution, SolveError>>> {
    let mut results = stiff(system, span, y0, options);
    results.push(("Tsit5", run(&system, &Tsit5, span, y0, options)));
    results
}

#[test]
fn not_a_number_from_some_time_on_is_named() {
    let system = Given::new(
        2,
        |t, _: &[f64], d: &mut [f64]| {
            d[0] = 1.0;
            d[1] = if t > 0.5 { f64::NAN } else { 0.0 };
        },
        |_, _: &[f64], v: &mut [f64]| v.fill(0.0),
    );
    let options = Options::default().rtol(1e-4).atol(1e-6);
    for (name, result) in all(&system, (0.0, 1.0), &[0.0, 0.0], &options) {
        match result {
            Err(SolveError::NotFinite {
                component,
                t,
                partial,
            }) => {
                assert_eq!(component, 1, "{name}");
                assert!((0.3..=0.5).contains(&t), "{name}: {t}");
                assert!((partial.y_end[0] - t).abs() < 1e-4, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn not_a_number_everywhere_is_named() {
    let system = Given::new(
        3,
        |_, _: &[f64], d: &mut [f64]| d.copy_from_slice(&[0.0, f64::NAN, f64::INFINITY]),
        |_, _: &[f64], v: &mut [f64]| v.fill(0.0),
    );
    for (name, result) in all(&system, (0.0, 1.0), &[1.0; 3], &Options::default()) {
        let named = matches!(
            result,
            Err(SolveError::NotFinite {
                component: 1,
                t: 0.0,
                ..
            })
        );
        assert!(named, "{name}: {result:?}");
    }
}

#[test]
fn a_jacobian_that_is_not_a_number_is_an_error() {
    let system = Given::new(
        2,
        |_, y: &[f64], d: &mut [f64]| d.copy_from_slice(&[-y[0], -y[1]]),
        |_, _: &[f64], v: &mut [f64]| v.fill(f64::NAN),
    );
    for (name, result) in stiff(&system, (0.0, 1.0), &[1.0; 2], &Options::default()) {
        assert!(
            matches!(
                result,
                Err(SolveError::SingularMatrix { .. }
                    | SolveError::NotFinite { .. }
                    | SolveError::NotConverged { .. })
            ),
            "{name}: {result:?}"
        );
    }
}

#[test]
fn a_blow_up_ends_near_the_singularity() {
    // y' = y² from 1: 1/(1 − t).
    let system = Given::new(
        1,
        |_, y: &[f64], d: &mut [f64]| d[0] = y[0] * y[0],
        |_, y: &[f64], v: &mut [f64]| v[0] = 2.0 * y[0],
    );
    let options = Options::default()
        .rtol(1e-6)
        .outputs(vec![0.5, 1.5])
        .max_steps(20_000);
    for (name, result) in all(&system, (0.0, 2.0), &[1.0], &options) {
        let error = result.expect_err(name);
        let partial = error.partial().unwrap();
        assert!((partial.t_end - 1.0).abs() < 1e-2, "{name}: {error}");
        assert_eq!(partial.t, [0.5], "{name}");
        assert!((partial.y[0] - 2.0).abs() < 1e-3, "{name}");
    }
}

#[test]
fn jumps_of_the_slope_are_crossed() {
    // A sawtooth: slope +1 and −1 by turns; and a switch in the state, y' = −10 sign(y − 1/2) y.
    let sawtooth = Given::new(
        1,
        |t: f64, _: &[f64], d: &mut [f64]| d[0] = if t.rem_euclid(2.0) < 1.0 { 1.0 } else { -1.0 },
        |_, _: &[f64], v: &mut [f64]| v[0] = 0.0,
    );
    let options = Options::default().rtol(1e-5).atol(1e-7).max_steps(100_000);
    // A step over a whole period would see no tooth at all.
    let fine = options.clone().max_step(0.3);
    for (name, result) in all(&sawtooth, (0.0, 9.0), &[0.0], &fine) {
        let end = result.unwrap().y_end[0];
        assert!((end - 1.0).abs() < 5e-3, "{name}: {end}");
    }
    let switch = Given::new(
        1,
        |_, y: &[f64], d: &mut [f64]| {
            d[0] = if y[0] > 0.5 {
                -10.0 * y[0]
            } else {
                -0.1 * y[0]
            }
        },
        |_, y: &[f64], v: &mut [f64]| v[0] = if y[0] > 0.5 { -10.0 } else { -0.1 },
    );
    // Falls to 1/2 at ln 2/10, then decays a hundred times slower.
    let exact = 0.5 * (-0.1f64 * (3.0 - std::f64::consts::LN_2 / 10.0)).exp();
    for (name, result) in all(&switch, (0.0, 3.0), &[1.0], &options) {
        let end = result.unwrap().y_end[0];
        assert!((end - exact).abs() < 5e-3, "{name}: {end} {exact}");
    }
}

#[test]
fn chattering_never_hangs() {
    // y' = −sign(y): after t = 1 no solution in the usual sense exists; whatever comes must come to an end and stay near 0.
    let system = Given::new(
        1,
        |_, y: &[f64], d: &mut [f64]| d[0] = -y[0].signum(),
        |_, _: &[f64], v: &mut [f64]| v[0] = 0.0,
    );
    let options = Options::default().rtol(1e-3).atol(1e-4).max_steps(20_000);
    for (name, result) in all(&system, (0.0, 2.0), &[1.0], &options) {
        match result {
            Ok(found) => assert!(found.y_end[0].abs() < 1e-2, "{name}: {:?}", found.y_end),
            Err(error) => {
                let partial = error.partial().unwrap();
                assert!(partial.t_end > 0.9, "{name}: {error}");
            }
        }
    }
}

/// Patterns that leave out what is there, or name what is not: the right solution or an error, never a wrong one.
#[test]
fn lies_about_the_sparsity_cost_steps_or_end_in_an_error() {
    let f = |_: f64, y: &[f64], d: &mut [f64]| {
        d[0] = -200.0 * (y[0] - y[1]);
        d[1] = y[0] - y[1] + 3.0 * (y[2] - y[1]);
        d[2] = 3.0 * (y[1] - y[2]);
    };
    let options = Options::default().rtol(1e-6).atol(1e-8).max_steps(50_000);
    let truth = {
        let honest = ColouredDifferences::dense(Given::new(3, f, |_, _: &[f64], _: &mut [f64]| {}));
        let tight = Options::default().rtol(1e-10).atol(1e-12);
        run(
            &(&honest as Any),
            &Tsit5,
            (0.0, 1.0),
            &[1.0, 0.0, 0.5],
            &tight,
        )
        .unwrap()
        .y_end
    };
    let lies = [
        SparsityPattern::new(vec![0; 4], vec![]).unwrap(),
        SparsityPattern::new(vec![0, 1, 2, 3], vec![0, 1, 2]).unwrap(),
        SparsityPattern::new(vec![0, 1, 2, 3], vec![1, 2, 0]).unwrap(),
    ];
    for lie in lies {
        let mut system = Given::new(3, f, |_, _: &[f64], v: &mut [f64]| v.fill(-1.0));
        system.pattern = lie;
        // Analytic values only: differences along a wrong pattern can be off by so much that a solution comes out wrong by a percent.
        let results = stiff(&system, (0.0, 1.0), &[1.0, 0.0, 0.5], &options);
        for (name, result) in results {
            if let Ok(found) = result {
                for (a, b) in found.y_end.iter().zip(&truth) {
                    assert!((a - b).abs() < 1e-3, "{name}: {a} {b}");
                }
            }
        }
    }
    let mut short = Given::new(3, f, |_, _: &[f64], v: &mut [f64]| v.fill(0.0));
    short.pattern = SparsityPattern::dense(2);
    for (name, result) in stiff(&short, (0.0, 1.0), &[1.0, 0.0, 0.5], &options) {
        let refused = matches!(
            result,
            Err(SolveError::Dimension {
                expected: 3,
                found: 2,
                ..
            })
        );
        assert!(refused, "{name}: {result:?}");
    }
}

/// y' = A y with a diagonal of decades and weak couplings.
struct Relaxation {
    pattern: SparsityPattern,
    values: Vec<f64>,
}
impl Relaxation {
    fn random(n: usize, density: f64, decades: f64, seed: u64) -> Self {
        let mut state = seed | 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut offsets, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
        for j in 0..n {
            for i in 0..n {
                if i == j {
                    rows.push(i);
                    values.push(-10f64.powf(decades * next()));
                } else if next() < density {
                    rows.push(i);
                    values.push((next() - 0.5) / n as f64);
                }
            }
            offsets.push(rows.len());
        }
        Self {
            pattern: SparsityPattern::new(offsets, rows).unwrap(),
            values,
        }
    }
}
impl System for Relaxation {
    fn dim(&self) -> usize {
        self.pattern.dim()
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        let offsets = self.pattern.col_offsets();
        for (j, &y) in y.iter().enumerate() {
            for k in offsets[j]..offsets[j + 1] {
                d[self.pattern.row_indices()[k]] += self.values[k] * y;
            }
        }
    }
}
impl Jacobian for Relaxation {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        v.copy_from_slice(&self.values);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Sizes 1 to 500, tolerances from 1e-10 to 1e-1, spans forward, backward and empty, every method, alone and in lanes: a solution whose size is
    /// bounded as it must be, or an error.
    #[test]
    fn nothing_panics(
        size in 0.0..1.0f64, density in 0.0..1.0f64, decades in 0.0..5.0f64, seed in any::<u64>(), rtol in -10.0..-1.0f64, atol in -14.0..-2.0f64,
        t0 in -1e3..1e3f64, length in prop_oneof![Just(0.0), -0.3..0.3f64, -1e-9..1e-9f64, 0.0..20.0f64], outputs in 0usize..4,
    ) {
        let n = 500f64.powf(size) as usize;
        let system = Relaxation::random(n, density.powi(4), decades, seed);
        let t1 = t0 + length;
        let mut options = Options::default().rtol(10f64.powf(rtol)).atol(10f64.powf(atol)).max_steps(100);
        if outputs > 0 && t1 != t0 {
            options = options.outputs((1..=outputs).map(|k| if k == outputs { t1 } else { t0 + (t1 - t0) * k as f64 / outputs as f64 }).collect());
        }
        let y0: Vec<f64> = (0..n).map(|i| (i % 3) as f64 - 0.5).collect();
        for (name, result) in all(&system, (t0, t1), &y0, &options) {
            match result {
                Ok(found) => {
                    prop_assert_eq!(found.t_end, t1);
                    prop_assert!(found.y.iter().chain(&found.y_end).all(|y| y.is_finite()));
                    let most = found.y_end.iter().fold(0.0f64, |m, y| m.max(y.abs()));
                    prop_assert!(length < 0.0 || most < 4.0, "{}: {}", name, most);
                }
                Err(error) => {
                    prop_assert!(error.partial().is_some(), "{}: {}", name, error);
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
        let systems: [Any; 1] = [&system];
        let results = solve_lanes::<f64, _, _, 3>(
            || Each::new(&systems), &Rodas5p, (t0, t1), &y0.repeat(2), &options, &Watch::default()).unwrap();
        let alone = run(&systems[0], &Rodas5p, (t0, t1), &y0, &options);
        // One lane and several order their eliminations differently: equal up to rounding.
        for result in results {
            match (result, &alone) {
                (Ok(result), Ok(alone)) => {
                    for (a, b) in result.y_end.iter().zip(&alone.y_end) {
                        prop_assert!((a - b).abs() < 10.0 * (10f64.powf(rtol) * b.abs() + 10f64.powf(atol)) + 1e-9);
                    }
                }
                (Err(_), Err(_)) => {}
                // A step on the edge of acceptance may tip the number of steps over the limit.
                (a, b) => {
                    let error = a.err().or(b.clone().err());
                    let tipped = matches!(error, Some(SolveError::TooManySteps { limit: 100, t: _, partial: _ }));
                    prop_assert!(tipped);
                }
            }
        }
    }
}
