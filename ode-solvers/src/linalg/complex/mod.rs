//! LU of (α + iβ)·I − J with real J, for Radau IIA: along the pattern analysed once, pivoted and dense where that is small, full, or fails.
mod dense;
mod fixed;

use super::symbolic::Symbolic;
use super::{FULL, LARGEST_DENSE, LARGEST_MULTIPLIER, ONE_LANE, SMALL, SparsityPattern};
use crate::Scalar;
use dense::Dense;
use fixed::Fixed;

/// Solver of ((α + iβ)·I − J) x = b in one lane. Real and imaginary parts are kept apart, so that loops run over plain arrays.
#[derive(Clone, Debug)]
pub(crate) struct ComplexSolver<T> {
    pattern: SparsityPattern,
    fixed: Option<Fixed<T>>,
    dense: Dense<T>,
    pivoted: bool,
}

impl<T: Scalar> ComplexSolver<T> {
    pub fn empty() -> Self {
        Self {
            pattern: SparsityPattern::dense(0),
            fixed: None,
            dense: Dense::default(),
            pivoted: true,
        }
    }

    /// Analyses a pattern, unless it is the one already analysed.
    pub fn analyse(&mut self, pattern: SparsityPattern) {
        if pattern == self.pattern && pattern.dim() > 0 {
            return;
        }
        let n = pattern.dim();
        let worthwhile = n > SMALL && (pattern.nnz() as f64) < FULL * (n * n) as f64;
        self.fixed = (worthwhile || n > LARGEST_DENSE)
            .then(|| Fixed::new(&pattern, Symbolic::analyse(&pattern, &ONE_LANE)));
        self.pattern = pattern;
    }

    /// Factorises; `false` where the matrix is singular or not finite.
    pub fn factorize(&mut self, shift: (T, T), jacobian: &[[T; 1]]) -> bool {
        if let Some(fixed) = &mut self.fixed {
            let growth = fixed.factorize(shift, jacobian);
            self.pivoted = growth.is_nan() || growth > T::of(LARGEST_MULTIPLIER);
            if !self.pivoted {
                return true;
            }
            if self.pattern.dim() > LARGEST_DENSE {
                self.pivoted = false;
                return growth.is_finite();
            }
        }
        self.pivoted = true;
        self.dense.factorize(&self.pattern, shift, jacobian)
    }

    /// Replaces b = (real, imaginary) by the solution.
    pub fn solve(&mut self, re: &mut [[T; 1]], im: &mut [[T; 1]]) {
        let (re, im) = (re.as_flattened_mut(), im.as_flattened_mut());
        match &mut self.fixed {
            Some(fixed) if !self.pivoted => fixed.solve(re, im),
            _ => self.dense.solve(re, im),
        }
    }
}

/// 1 / (a + ib).
#[inline(always)]
fn reciprocal<T: Scalar>((a, b): (T, T)) -> (T, T) {
    let size = a * a + b * b;
    (a / size, -b / size)
}

#[inline(always)]
fn product<T: Scalar>(a: (T, T), b: (T, T)) -> (T, T) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

/// x -= f · c, entry by entry.
#[inline(always)]
fn subtract<T: Scalar>(x: (&mut [T], &mut [T]), f: (T, T), c: (&[T], &[T])) {
    let n = x.0.len();
    let (re, im, c_re, c_im) = (&mut x.0[..n], &mut x.1[..n], &c.0[..n], &c.1[..n]);
    for i in 0..n {
        re[i] -= f.0 * c_re[i] - f.1 * c_im[i];
        im[i] -= f.0 * c_im[i] + f.1 * c_re[i];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The residual of a solve with a random pattern, and whether the fixed pattern was used.
    fn residual(
        n: usize,
        density: f64,
        shift: (f64, f64),
        diagonal: f64,
        seed: u64,
    ) -> (f64, bool) {
        let mut state = seed | 1;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let (mut offsets, mut rows, mut jacobian) = (vec![0], Vec::new(), Vec::new());
        for j in 0..n {
            for i in 0..n {
                if i == j || next() + 0.5 < density {
                    rows.push(i);
                    jacobian.push([if i == j { diagonal } else { next() }]);
                }
            }
            offsets.push(rows.len());
        }
        let x: Vec<(f64, f64)> = (0..n).map(|_| (next(), next())).collect();
        let mut re: Vec<[f64; 1]> = x.iter().map(|&x| [product(x, shift).0]).collect();
        let mut im: Vec<[f64; 1]> = x.iter().map(|&x| [product(x, shift).1]).collect();
        for j in 0..n {
            for k in offsets[j]..offsets[j + 1] {
                re[rows[k]][0] -= jacobian[k][0] * x[j].0;
                im[rows[k]][0] -= jacobian[k][0] * x[j].1;
            }
        }
        let mut solver = ComplexSolver::empty();
        solver.analyse(SparsityPattern::known(&offsets, &rows));
        assert!(solver.factorize(shift, &jacobian));
        solver.solve(&mut re, &mut im);
        let off = (0..n).map(|i| (re[i][0] - x[i].0).abs() + (im[i][0] - x[i].1).abs());
        (off.fold(0.0, f64::max), !solver.pivoted)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]
        #[test]
        fn solves_dominant_systems(n in 1usize..70, density in 0.0..1.0f64, angle in 0.0..1.5f64, seed in any::<u64>()) {
            let size = 2.0 * n as f64;
            let shift = (size * angle.cos(), size * angle.sin());
            prop_assert!(residual(n, density, shift, -0.3, seed).0 < 1e-13);
        }
    }

    #[test]
    fn a_good_diagonal_needs_no_pivoting() {
        let (error, fixed) = residual(40, 0.05, (3.0, 4.0), -9.0, 5);
        assert!(fixed && error < 1e-13, "{fixed} {error:e}");
    }

    #[test]
    fn pivots_where_the_diagonal_fails() {
        // A ring of ones beside a diagonal of 1e-9 i: no pivot on the diagonal is usable, the matrix is as regular as can be.
        let n = 30;
        let (mut offsets, mut rows, mut jacobian) = (vec![0], Vec::new(), Vec::new());
        for j in 0..n {
            let mut column = [(j, 3.0), ((j + 7) % n, -1.0)];
            column.sort_by_key(|entry| entry.0);
            for (i, value) in column {
                rows.push(i);
                jacobian.push([value]);
            }
            offsets.push(rows.len());
        }
        let mut solver = ComplexSolver::empty();
        solver.analyse(SparsityPattern::known(&offsets, &rows));
        assert!(solver.fixed.is_some());
        assert!(solver.factorize((3.0, 1e-9), &jacobian));
        assert!(solver.pivoted);
        // x = 1 in every component: row sums are 1 + 1e-9 i.
        let (mut re, mut im) = (vec![[1.0f64]; n], vec![[1e-9f64]; n]);
        solver.solve(&mut re, &mut im);
        for i in 0..n {
            assert!((re[i][0] - 1.0).abs() < 1e-14 && im[i][0].abs() < 1e-14);
        }
    }

    #[test]
    fn singular_and_infinite_matrices_are_told() {
        let mut solver = ComplexSolver::empty();
        solver.analyse(SparsityPattern::dense(2));
        let twice = [[1.0], [0.0], [0.0], [1.0]];
        assert!(!solver.factorize((1.0, 0.0), &twice));
        assert!(solver.factorize((1.0, 0.5), &twice));
        assert!(!solver.factorize((f64::NAN, 0.5), &twice));
        assert!(!solver.factorize((1.0, 0.5), &[[f64::INFINITY]; 4]));
    }
}
