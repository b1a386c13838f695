//! What a solve does with right-hand sides, matrices, options that go wrong: a typed error that says where, never a panic or a hang.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::problems::Robertson;
use stiff_ode_solvers::{
    Jacobian, Options, Rodas5p, Solution, SolveError, SparsityPattern, System, Tsit5, solve,
};

/// A system from a function, with a constant dense Jacobian given apart.
struct Given<F> {
    dim: usize,
    f: F,
    jacobian: Vec<f64>,
}
impl<F: Fn(f64, &[f64], &mut [f64])> System for Given<F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        (self.f)(t, y, d);
    }
}
impl<F: Fn(f64, &[f64], &mut [f64])> Jacobian for Given<F> {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.dim)
    }
    fn jacobian(&self, _t: f64, _y: &[f64], values: &mut [f64]) {
        values.copy_from_slice(&self.jacobian);
    }
}
fn given<F: Fn(f64, &[f64], &mut [f64])>(jacobian: &[f64], f: F) -> Given<F> {
    Given {
        dim: (jacobian.len() as f64).sqrt() as usize,
        f,
        jacobian: jacobian.to_vec(),
    }
}

fn both(
    system: &impl Jacobian,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> [Result<Solution, SolveError>; 2] {
    [
        solve(system, &Tsit5, span, y0, options),
        solve(system, &Rodas5p, span, y0, options),
    ]
}

#[test]
fn not_a_number_names_component_and_time() {
    let system = given(&[0.0; 4], |t, _, d: &mut [f64]| {
        d[0] = 1.0;
        d[1] = if t > 0.5 { f64::NAN } else { 0.0 };
    });
    for result in both(
        &system,
        (0.0, 1.0),
        &[0.0, 0.0],
        &Options::default().atol(1e-6),
    ) {
        match result {
            Err(SolveError::NotFinite {
                component: 1,
                t,
                partial,
            }) => {
                assert!((0.4..=0.5).contains(&t), "{t}");
                assert_eq!(partial.t_end, t);
                assert!((partial.y_end[0] - t).abs() < 1e-6);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn not_a_number_in_a_trial_state_only_shrinks_the_step() {
    // √(1 - y) is not a number beyond y = 1, which the solution 1 - (1 - t/2)² approaches and never crosses.
    let system = given(&[0.0], |_, y: &[f64], d: &mut [f64]| {
        d[0] = (1.0 - y[0]).sqrt()
    });
    let options = Options::default().rtol(1e-6).atol(1e-9).initial_step(5.0);
    let solution = solve(&system, &Tsit5, (0.0, 1.9), &[0.0], &options).unwrap();
    assert!(
        (solution.y_end[0] - (1.0 - 0.05f64.powi(2))).abs() < 1e-5,
        "{:?}",
        solution.y_end
    );
    assert!(solution.stats.rejected > 0);
}

#[test]
fn blow_up_ends_near_the_singularity() {
    // y' = y² from 1 is infinite at t = 1.
    struct Square;
    impl System for Square {
        fn dim(&self) -> usize {
            1
        }
        fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
            d[0] = y[0] * y[0];
        }
    }
    impl Jacobian for Square {
        fn sparsity(&self) -> SparsityPattern {
            SparsityPattern::dense(1)
        }
        fn jacobian(&self, _t: f64, y: &[f64], v: &mut [f64]) {
            v[0] = 2.0 * y[0];
        }
    }
    for result in both(
        &Square,
        (0.0, 2.0),
        &[1.0],
        &Options::default().rtol(1e-8).outputs(vec![0.5, 1.5]),
    ) {
        let error = result.unwrap_err();
        let partial = error.partial().unwrap();
        assert!((partial.t_end - 1.0).abs() < 1e-3, "{error}");
        assert_eq!(partial.t, [0.5]);
        assert!((partial.y[0] - 2.0).abs() < 1e-5);
    }
}

#[test]
fn a_singular_matrix_is_met_with_another_step() {
    // I/(hγ) − J is singular for h = 1/(γλ): the first step is chosen to be just that.
    let system = given(&[1.0], |_, y: &[f64], d: &mut [f64]| d[0] = y[0]);
    let h = 1.0 / 0.21193756319429014;
    let options = Options::default().rtol(1e-4).atol(1e-8).initial_step(h);
    let solution = solve(&system, &Rodas5p, (0.0, 10.0), &[1.0], &options).unwrap();
    assert!((solution.y_end[0] / 10f64.exp() - 1.0).abs() < 1e-2);
}

#[test]
fn an_infinite_jacobian_is_a_singular_matrix() {
    let system = given(&[f64::INFINITY], |_, _, d: &mut [f64]| d[0] = 1.0);
    let result = solve(&system, &Rodas5p, (0.0, 1.0), &[0.0], &Options::default());
    assert!(
        matches!(result, Err(SolveError::SingularMatrix { .. })),
        "{result:?}"
    );
}

#[test]
fn a_wrong_jacobian_costs_steps_or_ends_in_an_error() {
    // The pattern claims that nothing depends on anything.
    struct Liar;
    impl System for Liar {
        fn dim(&self) -> usize {
            2
        }
        fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
            d[0] = -100.0 * (y[0] - y[1]);
            d[1] = y[0] - y[1];
        }
    }
    impl Jacobian for Liar {
        fn sparsity(&self) -> SparsityPattern {
            SparsityPattern::new(vec![0, 0, 0], vec![]).unwrap()
        }
        fn jacobian(&self, _t: f64, _y: &[f64], _v: &mut [f64]) {}
    }
    let options = Options::default().rtol(1e-6).atol(1e-8).max_steps(20_000);
    let solution = solve(&Liar, &Rodas5p, (0.0, 1.0), &[1.0, 0.0], &options).unwrap();
    // y0 - y1 decays at rate 101 towards a common value of 1/101.
    assert!(
        solution
            .y_end
            .iter()
            .all(|y| (y - 1.0 / 101.0).abs() < 1e-4),
        "{:?}",
        solution.y_end
    );
}

#[test]
fn the_limit_of_steps_is_kept() {
    let options = Options::default()
        .rtol(1e-8)
        .max_steps(10)
        .outputs(vec![1e-6, 1e10]);
    match solve(
        &Robertson,
        &Rodas5p,
        (0.0, 1e11),
        &Robertson::START,
        &options,
    ) {
        Err(SolveError::TooManySteps {
            limit: 10, partial, ..
        }) => {
            assert_eq!(partial.stats.steps + partial.stats.rejected, 10);
            assert_eq!(partial.t, [1e-6]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_discontinuous_slope_is_crossed() {
    let system = given(&[0.0], |t, _, d: &mut [f64]| {
        d[0] = if t < 1.0 { 1.0 } else { -3.0 }
    });
    for result in both(
        &system,
        (0.0, 2.0),
        &[0.0],
        &Options::default().rtol(1e-6).atol(1e-8),
    ) {
        let error = (result.unwrap().y_end[0] + 2.0).abs();
        assert!(error < 1e-4, "{error:e}");
    }
}

#[test]
fn wrong_input_is_refused_by_name() {
    let solve = |span, y0: &[f64], o: Options| {
        stiff_ode_solvers::solve(&Robertson, &Rodas5p, span, y0, &o)
            .unwrap_err()
            .to_string()
    };
    let (span, y0, o) = ((0.0, 1.0), &[1.0, 0.0, 0.0][..], Options::default);
    for (message, word) in [
        (
            solve(span, &[1.0], o()),
            "initial state has length 1, expected 3",
        ),
        (solve(span, &[1.0, f64::NAN, 0.0], o()), "component 1"),
        (solve((0.0, f64::INFINITY), y0, o()), "finite"),
        (solve(span, y0, o().rtol(-1.0)), "rtol"),
        (solve(span, y0, o().rtol(f64::NAN)), "rtol"),
        (solve(span, y0, o().atol(f64::NAN)), "atol"),
        (solve(span, y0, o().rtol(0.0).atol(0.0)), "atol"),
        (
            solve(span, y0, o().atol_per_component(vec![1.0; 2])),
            "atol has length 2, expected 3",
        ),
        (solve(span, y0, o().initial_step(0.0)), "initial_step"),
        (solve(span, y0, o().max_step(-1.0)), "max_step"),
        (solve(span, y0, o().min_step(f64::NAN)), "min_step"),
        (solve(span, y0, o().max_steps(0)), "max_steps"),
        (
            solve(span, y0, o().outputs(vec![0.5, 0.4])),
            "output time 1",
        ),
        (
            solve(span, y0, o().outputs(vec![0.5, 0.5])),
            "output time 1",
        ),
        (solve(span, y0, o().outputs(vec![1.5])), "output time 0"),
        (
            solve(span, y0, o().outputs(vec![f64::NAN])),
            "output time 0",
        ),
        (
            solve((1.0, 0.0), y0, o().outputs(vec![0.2, 0.8])),
            "output time 1",
        ),
    ] {
        assert!(message.contains(word), "{message} does not contain {word}");
    }
}

#[test]
fn malformed_patterns_are_refused() {
    for (offsets, rows) in [
        (vec![], vec![]),
        (vec![1], vec![]),
        (vec![0, 2], vec![0, 0]),
        (vec![0, 1], vec![1]),
        (vec![0, 2, 1], vec![0, 1]),
        (vec![0, 1], vec![0, 0]),
        (vec![0, 9], vec![0]),
    ] {
        assert!(
            SparsityPattern::new(offsets.clone(), rows.clone()).is_err(),
            "{offsets:?} {rows:?}"
        );
    }
}

#[test]
fn an_empty_span_gives_the_initial_state() {
    let solution = solve(
        &Robertson,
        &Rodas5p,
        (2.0, 2.0),
        &Robertson::START,
        &Options::default().outputs(vec![2.0]),
    )
    .unwrap();
    assert_eq!(
        (&solution.y[..], &solution.y_end[..], solution.stats.steps),
        (&Robertson::START[..], &Robertson::START[..], 0)
    );
}

#[test]
fn ends_are_exact_outputs() {
    let options = Options::default()
        .rtol(1e-5)
        .atol(1e-9)
        .outputs(vec![0.0, 3.0, 40.0]);
    let solution = solve(
        &Robertson,
        &Rodas5p,
        (0.0, 40.0),
        &Robertson::START,
        &options,
    )
    .unwrap();
    assert_eq!(solution.state(0), Robertson::START);
    assert_eq!(solution.state(2), solution.y_end);
    assert_eq!(solution.t, [0.0, 3.0, 40.0]);
    assert_eq!(
        solution.stats.factorizations,
        solution.stats.steps + solution.stats.rejected
    );
}

/// A random linear relaxation of any size, sparse or full, forward or backward.
fn relaxation(n: usize, density: f64, seed: u64) -> (Vec<(usize, usize, f64)>, SparsityPattern) {
    let mut state = seed | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut entries = Vec::new();
    let (mut offsets, mut rows) = (vec![0], Vec::new());
    for j in 0..n {
        for i in 0..n {
            if i == j || next() < density {
                let value = if i == j {
                    -10f64.powf(4.0 * next())
                } else {
                    (next() - 0.5) / n as f64
                };
                entries.push((i, j, value));
                rows.push(i);
            }
        }
        offsets.push(rows.len());
    }
    (entries, SparsityPattern::new(offsets, rows).unwrap())
}
struct Relaxation {
    n: usize,
    entries: Vec<(usize, usize, f64)>,
    pattern: SparsityPattern,
}
impl System for Relaxation {
    fn dim(&self) -> usize {
        self.n
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for &(i, j, a) in &self.entries {
            d[i] += a * y[j];
        }
    }
}
impl Jacobian for Relaxation {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, _t: f64, _y: &[f64], values: &mut [f64]) {
        for (v, e) in values.iter_mut().zip(&self.entries) {
            *v = e.2;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Any size, tolerance, span and density: a solution or an error, and the solution decays as it must.
    #[test]
    fn nothing_panics(n in 1usize..60, density in 0.0..1.0f64, seed in any::<u64>(), rtol in -9.0..-1.0f64, t0 in -5.0..5.0f64, length in -3.0..3.0f64) {
        let (entries, pattern) = relaxation(n, density, seed);
        let system = Relaxation { n, entries, pattern };
        let options = Options::default().rtol(10f64.powf(rtol)).atol(1e-8).max_steps(3000);
        let y0: Vec<f64> = (0..n).map(|i| (i % 3) as f64 - 0.5).collect();
        if let Ok(solution) = solve(&system, &Rodas5p, (t0, t0 + length), &y0, &options) {
            prop_assert_eq!(solution.t_end, t0 + length);
            if length > 1.0 {
                let most = solution.y_end.iter().fold(0.0f64, |m, y| m.max(y.abs()));
                prop_assert!(most < 1.5, "{most}");
            }
        }
    }
}

#[test]
fn large_systems_sparse_and_full() {
    for (n, density) in [(500, 0.01), (300, 1.0)] {
        let (entries, pattern) = relaxation(n, density, 7);
        let system = Relaxation {
            n,
            entries,
            pattern,
        };
        let y0 = vec![1.0; n];
        let solution = solve(
            &system,
            &Rodas5p,
            (0.0, 1e-3),
            &y0,
            &Options::default().rtol(1e-6).atol(1e-9),
        )
        .unwrap();
        // Each component follows its own rate but for the weak coupling.
        for &(i, j, a) in system.entries.iter().filter(|e| e.0 == e.1) {
            prop_assert_close(solution.y_end[i], (a * 1e-3).exp(), j);
        }
    }
}

fn prop_assert_close(a: f64, b: f64, i: usize) {
    assert!((a - b).abs() < 2e-3, "component {i}: {a} {b}");
}
