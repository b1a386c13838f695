//! Linear algebra of the stiff methods: M = D − J with a fixed pattern, factorised at every step, without allocation.
mod dense;
mod fixed;
mod pattern;
mod symbolic;

pub use pattern::{PatternError, SparsityPattern};

use crate::Scalar;
use dense::DenseLu;
use fixed::FixedLu;
use symbolic::Symbolic;

/// Below this many components, a pivoted dense factorisation is as fast as one with a fixed pattern, and safer.
const SMALL: usize = 8;
/// Dense pivoted factorisation is not tried above this dimension (8 bytes × 4000² = 128 MB).
const LARGEST_DENSE: usize = 4000;
/// A multiplier above this in the factorisation without pivoting sends its lane to the pivoted one.
const LARGEST_MULTIPLIER: f64 = 1e5;

/// Solver of (shift·I − J) x = b in every lane: factorisation along a fixed pattern with pivots on the diagonal, a pivoted dense one where
/// the matrix is small or full, or where (in that lane, at that step) a diagonal pivot turns out too small.
#[derive(Clone, Debug)]
pub(crate) struct LinearSolver<T, const W: usize> {
    pattern: SparsityPattern,
    fixed: Option<FixedLu<T, W>>,
    dense: Vec<DenseLu<T>>,
    /// Lanes solved by `dense` since the last factorisation.
    pivoted: [bool; W],
    column: Vec<T>,
}

impl<T: Scalar, const W: usize> LinearSolver<T, W> {
    pub fn empty() -> Self {
        Self {
            pattern: SparsityPattern::dense(0),
            fixed: None,
            dense: Vec::new(),
            pivoted: [false; W],
            column: Vec::new(),
        }
    }

    /// Analyses a pattern, unless it is the one already analysed.
    pub fn analyse(&mut self, pattern: SparsityPattern) {
        if pattern == self.pattern && pattern.dim() > 0 {
            return;
        }
        let n = pattern.dim();
        let symbolic = Symbolic::analyse(&pattern);
        let full = (n * n * n) as f64 / 3.0;
        let worthwhile = n > SMALL && (symbolic.multiplications() as f64) < 0.9 * full;
        self.fixed = (worthwhile || n > LARGEST_DENSE).then(|| FixedLu::new(&pattern, symbolic));
        self.dense = (0..W).map(|_| DenseLu::new()).collect();
        self.column = vec![T::zero(); n];
        self.pattern = pattern;
    }

    /// Factorises; says which lanes are singular.
    #[inline(always)]
    pub fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        self.pivoted = [true; W];
        if let Some(fixed) = &mut self.fixed {
            let growth = fixed.factorize(shift, jacobian);
            for l in 0..W {
                self.pivoted[l] = !(growth[l] <= T::of(LARGEST_MULTIPLIER));
            }
            if !self.pivoted.contains(&true) {
                return [false; W];
            }
            if self.pattern.dim() > LARGEST_DENSE {
                self.pivoted = [false; W];
                return std::array::from_fn(|l| !growth[l].is_finite());
            }
        }
        self.factorize_pivoted(shift, jacobian)
    }

    fn factorize_pivoted(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        let mut singular = [false; W];
        for l in 0..W {
            if self.pivoted[l] {
                singular[l] = !self.dense[l].factorize(
                    &self.pattern,
                    shift[l],
                    jacobian.iter().map(|j| j[l]),
                );
            }
        }
        singular
    }

    /// Replaces b by the solution, in every lane.
    #[inline(always)]
    pub fn solve(&mut self, b: &mut [[T; W]]) {
        let Some(fixed) = &mut self.fixed else {
            for l in 0..W {
                self.dense[l].solve_lane(b, l, &mut self.column);
            }
            return;
        };
        if !self.pivoted.contains(&true) {
            fixed.solve(b);
            return;
        }
        fixed.load(b);
        for l in 0..W {
            if self.pivoted[l] {
                self.dense[l].solve_lane(b, l, &mut self.column);
            }
        }
        fixed.solve_loaded(b, &self.pivoted);
    }
}
