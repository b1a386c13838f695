//! Linear algebra of the stiff methods: M = D − J with a fixed pattern, factorised at every step, without allocation.
mod blocks;
mod complex;
mod dense;
mod fixed;
mod lanes;
mod pattern;
mod ragged;
mod symbolic;
mod tiles;

pub(crate) use complex::ComplexSolver;
pub use pattern::{PatternError, SparsityPattern};

use crate::Scalar;
use blocks::Blocks;
use dense::DenseLu;
use fixed::{CHUNK, FixedLu};
use lanes::LaneLu;
use symbolic::{Costs, Symbolic};
use tiles::TILE;

/// Below this many components, a pivoted dense factorisation is as fast as one with a fixed pattern, and safer.
const SMALL: usize = 8;
/// Dense pivoted factorisation is not tried above this dimension (8 bytes × 4000² = 128 MB).
const LARGEST_DENSE: usize = 4000;
/// A multiplier above this in the factorisation without pivoting sends its lane to the pivoted one.
const LARGEST_MULTIPLIER: f64 = 1e5;

/// A pattern filled more than this gains nothing from being known.
const FULL: f64 = 0.95;
/// Costs in several lanes: measured on the 224-reaction network.
const LANES: Costs = Costs {
    sparse: 3.0,
    sparse_solve: 3.0,
    solve: 1.5,
    multiple: TILE,
};
/// Costs in one lane, where only the block runs in vectors.
const ONE_LANE: Costs = Costs {
    sparse: 4.0,
    sparse_solve: 3.0,
    solve: 2.0,
    multiple: CHUNK,
};

/// A factorisation along a fixed pattern, made for one lane or for several.
// One per solver: the room that the smaller variant wastes is nothing, an indirection in the solves is not.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
enum Fixed<T, const W: usize> {
    One(FixedLu<T>),
    Lanes(LaneLu<T, W>),
}

impl<T: Scalar, const W: usize> Fixed<T, W> {
    fn new(pattern: &SparsityPattern) -> Self {
        if W == 1 {
            Self::One(FixedLu::new(pattern, Symbolic::analyse(pattern, &ONE_LANE)))
        } else {
            Self::Lanes(LaneLu::new(pattern, Symbolic::analyse(pattern, &LANES)))
        }
    }

    /// Factorises. Returns the largest multiplier of each lane, not-a-number where a pivot is 0 or not finite.
    #[inline(always)]
    fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [T; W] {
        match self {
            Self::One(lu) => [lu.factorize(shift[0], jacobian.as_flattened()); W],
            Self::Lanes(lu) => lu.factorize(shift, jacobian),
        }
    }

    /// Replaces b by the solution.
    #[inline(always)]
    fn solve(&mut self, b: &mut [[T; W]]) {
        match self {
            Self::One(lu) => lu.solve(b.as_flattened_mut()),
            Self::Lanes(lu) => lu.solve(b),
        }
    }
}

/// Solver of (shift·I − J) x = b in every lane: factorisation along a fixed pattern with pivots on the diagonal, a pivoted dense one where
/// the matrix is small or full, or where (in that lane, at that step) a diagonal pivot turns out too small.
#[derive(Clone, Debug)]
pub(crate) struct LinearSolver<T, const W: usize> {
    pattern: SparsityPattern,
    /// Equal blocks on the diagonal instead of one matrix.
    blocks: Option<Box<Blocks<T, W>>>,
    fixed: Option<Fixed<T, W>>,
    dense: Vec<DenseLu<T>>,
    /// Lanes solved by `dense` since the last factorisation.
    pivoted: [bool; W],
    column: Vec<T>,
    /// A right-hand side kept for the lanes solved the other way.
    kept: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> LinearSolver<T, W> {
    pub fn empty() -> Self {
        Self {
            pattern: SparsityPattern::dense(0),
            blocks: None,
            fixed: None,
            dense: Vec::new(),
            pivoted: [false; W],
            column: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Analyses a pattern, unless it is the one already analysed.
    pub fn analyse(&mut self, pattern: SparsityPattern) {
        if pattern == self.pattern && pattern.dim() > 0 {
            return;
        }
        if pattern.copies() > 1 {
            self.blocks = Some(Box::new(Blocks::new(&pattern)));
            self.fixed = None;
            self.pattern = pattern;
            return;
        }
        self.blocks = None;
        let n = pattern.dim();
        let worthwhile = n > SMALL && (pattern.nnz() as f64) < FULL * (n * n) as f64;
        self.fixed = (worthwhile || n > LARGEST_DENSE).then(|| Fixed::new(&pattern));
        self.dense = (0..W).map(|_| DenseLu::new()).collect();
        self.column = vec![T::zero(); n];
        self.kept = vec![[T::zero(); W]; n];
        self.pattern = pattern;
    }

    /// Factorises; says which lanes are singular.
    #[inline(always)]
    pub fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        if let Some(blocks) = &mut self.blocks {
            return blocks.factorize(shift, jacobian);
        }
        self.pivoted = [true; W];
        if let Some(fixed) = &mut self.fixed {
            let growth = fixed.factorize(shift, jacobian);
            for l in 0..W {
                self.pivoted[l] = growth[l].is_nan() || growth[l] > T::of(LARGEST_MULTIPLIER);
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
        if let Some(blocks) = &mut self.blocks {
            return blocks.solve(b);
        }
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
        self.kept.copy_from_slice(b);
        fixed.solve(b);
        for l in 0..W {
            if self.pivoted[l] {
                for (b, kept) in b.iter_mut().zip(&self.kept) {
                    b[l] = kept[l];
                }
                self.dense[l].solve_lane(b, l, &mut self.column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A random pattern with values, diagonal dominant or not, and the solution expected.
    fn residual<const W: usize>(n: usize, density: f64, dominance: f64, seed: u64) -> (f64, bool) {
        let mut state = seed;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..n {
            rows.extend((0..n).filter(|&i| i == j || next() + 0.5 < density));
            offsets.push(rows.len());
        }
        let pattern = SparsityPattern::known(&offsets, &rows);
        let jacobian: Vec<[f64; W]> = rows
            .iter()
            .map(|_| std::array::from_fn(|_| next()))
            .collect();
        let x: Vec<[f64; W]> = (0..n).map(|_| std::array::from_fn(|_| next())).collect();
        let shift = [dominance; W];
        let mut b = x.clone();
        for i in 0..n {
            for l in 0..W {
                b[i][l] *= shift[l];
            }
        }
        for j in 0..n {
            for (k, &i) in pattern.column(j).iter().enumerate() {
                for l in 0..W {
                    b[i][l] -= jacobian[offsets[j] + k][l] * x[j][l];
                }
            }
        }
        let mut solver = LinearSolver::<f64, W>::empty();
        solver.analyse(pattern);
        let singular = solver.factorize(&shift, &jacobian);
        assert_eq!(singular, [false; W]);
        solver.solve(&mut b);
        let error = b
            .iter()
            .flatten()
            .zip(x.iter().flatten())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        (error, solver.fixed.is_some())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(80))]
        #[test]
        fn solves_dominant_systems(n in 1usize..70, density in 0.0..1.0f64, seed in any::<u64>()) {
            let dominance = n as f64;
            prop_assert!(residual::<1>(n, density, dominance, seed).0 < 1e-13);
            prop_assert!(residual::<4>(n, density, dominance, seed).0 < 1e-13);
        }
    }

    #[test]
    fn pivots_where_the_diagonal_fails() {
        // A permutation less a zero diagonal: no pivot on the diagonal is usable, the matrix is as regular as can be.
        let n = 30;
        let (mut offsets, mut rows, mut jacobian) = (vec![0], Vec::new(), Vec::new());
        for j in 0..n {
            let mut column = [(j, [0.0, -2.0]), ((j + 7) % n, [-1.0, -1.0])];
            column.sort_by_key(|entry| entry.0);
            for (i, value) in column {
                rows.push(i);
                jacobian.push(value);
            }
            offsets.push(rows.len());
        }
        let mut solver = LinearSolver::<f64, 2>::empty();
        solver.analyse(SparsityPattern::known(&offsets, &rows));
        assert!(solver.fixed.is_some());
        assert_eq!(solver.factorize(&[0.0, 0.0], &jacobian), [false, false]);
        assert_eq!(solver.pivoted, [true, false]);
        let mut b: Vec<[f64; 2]> = (0..n).map(|i| [i as f64, 3.0]).collect();
        solver.solve(&mut b);
        for i in 0..n {
            assert_eq!(b[i][0], ((i + 7) % n) as f64);
            assert!((b[i][1] - 1.0).abs() < 1e-14);
        }
    }

    #[test]
    fn names_singular_lanes() {
        let pattern = SparsityPattern::dense(3);
        let mut solver = LinearSolver::<f64, 2>::empty();
        solver.analyse(pattern);
        let jacobian: Vec<[f64; 2]> = (0..9)
            .map(|k| [0.0, if k % 4 == 0 { 1.0 } else { 0.0 }])
            .collect();
        assert_eq!(solver.factorize(&[1.0, 1.0], &jacobian), [false, true]);
        assert_eq!(solver.factorize(&[f64::NAN, 2.0], &jacobian), [true, false]);
    }

    #[test]
    fn an_arrow_has_no_fill_and_a_full_matrix_is_dense() {
        // Full first row, column and diagonal: eliminating the tip first would fill everything.
        let n = 40;
        let columns = (0..n).map(|j| if j == 0 { (0..n).collect() } else { vec![0, j] });
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for column in columns {
            rows.extend(column);
            offsets.push(rows.len());
        }
        let pattern = SparsityPattern::known(&offsets, &rows);
        // The last few rows count as a full block.
        let fill = Symbolic::analyse(&pattern, &ONE_LANE).entries() - pattern.nnz();
        assert!(fill < 10, "{fill}");
        let mut solver = LinearSolver::<f64, 1>::empty();
        solver.analyse(SparsityPattern::dense(n));
        assert!(solver.fixed.is_none());
    }
}
