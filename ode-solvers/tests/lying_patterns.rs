//! Differences along a sparsity pattern that leaves out what is there: every stiff method ends with an error that names the derivative, or has the right
//! solution; and honest patterns are never blamed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use stiff_ode_solvers::{
    Bdf, ColouredDifferences, Each, InSpace, Jacobian, Kvaerno5, Options, RadauIia5, Rodas5p,
    Solution, SolveError, Space, SparsityPattern, System, Tsit5, Watch, solve, solve_lanes,
};

/// Evaluations after which a solve counts as hanging.
const MOST_EVALUATIONS: usize = 1_000_000;

/// A right-hand side that counts its evaluations.
struct Counted<F> {
    dim: usize,
    f: F,
    evaluations: AtomicUsize,
}
impl<F: Fn(f64, &[f64], &mut [f64])> Counted<F> {
    fn new(dim: usize, f: F) -> Self {
        Self {
            dim,
            f,
            evaluations: AtomicUsize::new(0),
        }
    }
}
impl<F: Fn(f64, &[f64], &mut [f64])> System for Counted<F> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        let count = self.evaluations.fetch_add(1, Ordering::Relaxed);
        assert!(count < MOST_EVALUATIONS, "the solve hangs");
        (self.f)(t, y, d);
    }
}

type Named<T> = (&'static str, T);

fn stiff(
    system: &impl Jacobian,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> [Named<Result<Solution, SolveError>>; 4] {
    [
        ("Rodas5p", solve(system, &Rodas5p, span, y0, options)),
        ("Kvaerno5", solve(system, &Kvaerno5, span, y0, options)),
        ("RadauIia5", solve(system, &RadauIia5, span, y0, options)),
        ("Bdf", solve(system, &Bdf::default(), span, y0, options)),
    ]
}

/// Three coupled relaxations, one of them stiff: six derivatives of order one and more.
fn coupled(_t: f64, y: &[f64], d: &mut [f64]) {
    d[0] = -200.0 * (y[0] - y[1]);
    d[1] = y[0] - y[1] + 3.0 * (y[2] - y[1]);
    d[2] = 3.0 * (y[1] - y[2]);
}
const COUPLED: [(usize, usize); 7] = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)];

fn pattern(n: usize, entries: &[(usize, usize)]) -> SparsityPattern {
    let (mut offsets, mut rows) = (vec![0], Vec::new());
    for j in 0..n {
        rows.extend((0..n).filter(|&i| entries.contains(&(i, j))));
        offsets.push(rows.len());
    }
    SparsityPattern::new(offsets, rows).unwrap()
}

fn truth(f: fn(f64, &[f64], &mut [f64]), end: f64, y0: &[f64]) -> Vec<f64> {
    let tight = Options::default().rtol(1e-10).atol(1e-13);
    let system = Counted::new(y0.len(), f);
    solve(&system, &Tsit5, (0.0, end), y0, &tight)
        .unwrap()
        .y_end
}

#[test]
fn every_method_names_what_the_pattern_leaves_out_or_is_right() {
    let y0 = [1.0, 0.0, 0.5];
    let options = Options::default().rtol(1e-6).atol(1e-8).max_steps(50_000);
    let expected = truth(coupled, 1.0, &y0);
    // Every single entry off the diagonal left out (the diagonal is differenced whatever is declared), all of a column, all off the diagonal, everything;
    // and other entries named instead.
    let mut lies: Vec<Vec<(usize, usize)>> = COUPLED
        .iter()
        .filter(|(i, j)| i != j)
        .map(|left_out| COUPLED.iter().copied().filter(|e| e != left_out).collect())
        .collect();
    lies.push(COUPLED.iter().copied().filter(|e| e.1 != 1).collect());
    lies.push(vec![(0, 0), (1, 1), (2, 2)]);
    lies.push(vec![(1, 0), (2, 1), (0, 2)]);
    lies.push(Vec::new());
    for lie in lies {
        let declared = pattern(3, &lie);
        let one_sided = ColouredDifferences::new(Counted::new(3, coupled), declared.clone());
        let central = ColouredDifferences::new(Counted::new(3, coupled), declared).central();
        for system in [one_sided, central] {
            for (name, result) in stiff(&system, (0.0, 1.0), &y0, &options) {
                match result {
                    Err(SolveError::UndeclaredDependence {
                        row,
                        column,
                        t,
                        partial,
                    }) => {
                        let entry = (row, column);
                        assert!(COUPLED.contains(&entry), "{name}: {entry:?} is zero");
                        assert!(!lie.contains(&entry), "{name}: {entry:?} is declared");
                        assert_eq!(partial.t_end, t);
                    }
                    // A Jacobian taken at the start, where y1 = 0 hides its column, may serve an iteration all the way.
                    Ok(found) if name != "Rodas5p" => {
                        for (a, b) in found.y_end.iter().zip(&expected) {
                            assert!((a - b).abs() < 1e-4, "{name}, {lie:?}: {a} {b}");
                        }
                    }
                    other => panic!("{name}, {lie:?}: {other:?}"),
                }
            }
        }
    }
    let honest = ColouredDifferences::new(Counted::new(3, coupled), pattern(3, &COUPLED));
    for (name, result) in stiff(&honest, (0.0, 1.0), &y0, &options) {
        for (a, b) in result.unwrap().y_end.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-4, "{name}: {a} {b}");
        }
    }
}

#[test]
fn a_dependence_that_wakes_up_later_is_named_or_harmless() {
    // y0 feeds on y1·y2, and y2 is 0 until y3 has made some: nothing shows at the start.
    let f = |_: f64, y: &[f64], d: &mut [f64]| {
        let made = 50.0 * y[1] * y[2];
        d[0] = made - 300.0 * y[0];
        d[1] = -made;
        d[2] = y[3];
        d[3] = -y[3];
    };
    let y0 = [0.0, 1.0, 0.0, 1.0];
    let expected = truth(f, 2.0, &y0);
    let entries = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 3), (3, 3)];
    let options = Options::default().rtol(1e-6).atol(1e-9).max_steps(50_000);
    let system = ColouredDifferences::new(Counted::new(4, f), pattern(4, &entries));
    for (name, result) in stiff(&system, (0.0, 2.0), &y0, &options) {
        match result {
            Ok(found) => {
                for (a, b) in found.y_end.iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-4, "{name}: {a} {b}");
                }
            }
            Err(SolveError::UndeclaredDependence { row, column, .. }) => {
                assert_eq!((row, column), (0, 2), "{name}");
            }
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn lanes_and_other_spaces_pass_it_on() {
    let declared = pattern(3, &[(0, 0), (1, 1), (2, 2)]);
    let systems: Vec<_> = (0..3)
        .map(|_| ColouredDifferences::new(Counted::new(3, coupled), declared.clone()))
        .collect();
    let options = Options::default().rtol(1e-6).atol(1e-8);
    let y0 = [1.0, 0.1, 0.5];
    let found = solve_lanes::<f64, _, _, 2>(
        || Each::new(&systems),
        &Rodas5p,
        (1.0, 2.0),
        &y0.repeat(3),
        &options,
        &Watch::default(),
    )
    .unwrap();
    let named = |result: &Result<Solution, SolveError>| {
        matches!(result, Err(SolveError::UndeclaredDependence { .. }))
    };
    assert!(found.iter().all(named));
    for space in [
        Space::Linear,
        Space::Log,
        Space::Scaled(vec![1.0, 1e-3, 2.0]),
    ] {
        let system = InSpace::new(&systems[0], space.clone()).unwrap();
        let result = system.solve(&Rodas5p, (1.0, 2.0), &y0, &options);
        assert!(named(&result), "{space:?}: {result:?}");
    }
}

/// f_i = Σ_j a_ij y_j (1 + y_j) + b_i |y_k − 1/3| over a random pattern, k one of its columns; terms spread over decades.
#[derive(Clone, Debug)]
struct Random {
    pattern: SparsityPattern,
    a: Vec<f64>,
    kinks: Vec<(f64, usize)>,
}
impl Random {
    fn new(n: usize, density: f64, kinked: bool, next: &mut impl FnMut() -> f64) -> Self {
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..n {
            rows.extend((0..n).filter(|&i| i == j || next() < density));
            offsets.push(rows.len());
        }
        let a = rows
            .iter()
            .map(|_| (next() - 0.5) * 10f64.powf(4.0 * next() - 2.0))
            .collect();
        let kinks = (0..n)
            .map(|i| (if kinked { next() - 0.5 } else { 0.0 }, i))
            .collect();
        Self {
            pattern: SparsityPattern::new(offsets, rows).unwrap(),
            a,
            kinks,
        }
    }
    fn entries(&self) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let offsets = self.pattern.col_offsets();
        (0..self.pattern.dim()).flat_map(move |j| {
            (offsets[j]..offsets[j + 1]).map(move |k| (self.pattern.row_indices()[k], j, self.a[k]))
        })
    }
}
impl System for Random {
    fn dim(&self) -> usize {
        self.pattern.dim()
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for (i, j, a) in self.entries() {
            d[i] += a * y[j] * (1.0 + y[j]);
        }
        for (d, &(b, k)) in d.iter_mut().zip(&self.kinks) {
            *d += b * (y[k] - 1.0 / 3.0).abs();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// States over decades, zeros and kinks among them: an honest pattern is never blamed; one that lacks an entry that matters is, for that entry.
    #[test]
    fn only_lies_are_found(n in 2usize..30, density in 0.02..0.5f64, t in -10.0..10.0f64, kinked in any::<bool>(), seed in any::<u64>()) {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let system = Random::new(n, density, kinked, &mut next);
        let y: Vec<f64> = (0..n)
            .map(|_| match (next() * 6.0) as usize {
                0 => 0.0,
                1 => 1.0 / 3.0,
                _ => 10f64.powf(-6.0 * next()),
            })
            .collect();
        let honest = ColouredDifferences::new(&system, system.pattern.clone());
        prop_assert_eq!(honest.undeclared_dependence(t, &y), None);
        let central = ColouredDifferences::new(&system, system.pattern.clone()).central();
        prop_assert_eq!(central.undeclared_dependence(t, &y), None);
        // Of the entries off the diagonal whose term is a good part of its row, one is left out. (Of terms between a hundredth and a tenth
        // one in some ten thousand escapes: one probe may cancel.)
        let term = |(i, j, a): (usize, usize, f64)| (i, (a * y[j] * (1.0 + y[j])).abs());
        let mut gross: Vec<f64> = system.kinks.iter().map(|&(b, k)| b.abs() * (y[k] + 1.0 / 3.0)).collect();
        system.entries().map(term).for_each(|(i, size)| gross[i] += size);
        let telling: Vec<_> = system.entries()
            .filter(|&e| e.0 != e.1 && term(e).1 > 0.1 * gross[e.0] && term(e).1 > 1e-8)
            .collect();
        if let Some(&(row, column, _)) = telling.get((next() * telling.len() as f64) as usize) {
            let left: Vec<_> = system.entries().map(|e| (e.0, e.1)).filter(|&e| e != (row, column)).collect();
            let lying = ColouredDifferences::new(&system, pattern(n, &left));
            prop_assert_eq!(lying.undeclared_dependence(t, &y), Some((row, column)));
            let mut values = vec![0.0; left.len()];
            lying.jacobian(t, &y, &mut values);
            prop_assert!(values.iter().all(|v| v.is_nan()));
        }
    }
}
