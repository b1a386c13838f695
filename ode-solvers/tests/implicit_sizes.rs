//! Methods that iterate (Kvaerno5, RadauIia5, Bdf) on random systems of 1 to 500 components, whatever the tolerance and the direction.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::{
    Bdf, Jacobian, Kvaerno5, Options, RadauIia5, Solution, SolveError, SparsityPattern, System,
    solve,
};

type Outcome = Result<Solution, SolveError>;

/// The same solve by every method that iterates. Behind a reference to a trait object, so that the loop is compiled once for all tests.
fn each(
    system: &dyn Jacobian,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> [(&'static str, Outcome); 3] {
    let system = &system;
    [
        ("Kvaerno5", solve(system, &Kvaerno5, span, y0, options)),
        ("RadauIia5", solve(system, &RadauIia5, span, y0, options)),
        ("Bdf", solve(system, &Bdf::default(), span, y0, options)),
    ]
}

/// A random linear relaxation of any size, sparse or full.
struct Relaxation {
    n: usize,
    entries: Vec<(usize, usize, f64)>,
    pattern: SparsityPattern,
}
impl Relaxation {
    fn new(n: usize, density: f64, seed: u64) -> Self {
        let mut state = seed | 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut entries, mut offsets, mut rows) = (Vec::new(), vec![0], Vec::new());
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
        Self {
            n,
            entries,
            pattern: SparsityPattern::new(offsets, rows).unwrap(),
        }
    }
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
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Any size, density, tolerance and span, backward too: a solution or an error, and a solution decays as it must.
    #[test]
    fn nothing_panics(size in 0.0..1.0f64, density in 0.0..1.0f64, seed in any::<u64>(), rtol in -10.0..-1.0f64, t0 in -5.0..5.0f64, length in -3.0..3.0f64) {
        // 1 to 500, small ones more often; large ones sparse, for the test's sake.
        let n = 500f64.powf(size).round() as usize;
        let system = Relaxation::new(n, density.min(4.0 / n as f64), seed);
        let options = Options::default().rtol(10f64.powf(rtol)).atol(1e-8).max_steps(100);
        let y0: Vec<f64> = (0..n).map(|i| (i % 3) as f64 - 0.5).collect();
        for (name, result) in each(&system, (t0, t0 + length), &y0, &options) {
            if let Ok(solution) = result {
                prop_assert_eq!(solution.t_end, t0 + length);
                if length > 1.0 {
                    let most = solution.y_end.iter().fold(0.0f64, |m, y| m.max(y.abs()));
                    prop_assert!(most < 1.5, "{} {}", name, most);
                }
            }
        }
    }
}
