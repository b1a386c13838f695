//! Sparse LU with partial pivoting by the faer crate: supernodes and column ordering (COLAMD) for large systems with much fill. Feature `faer`.
use ::faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use ::faer::sparse::linalg::lu::{
    LuRef, LuSymbolicParams, NumericLu, SymbolicLu, factorize_symbolic_lu,
};
use ::faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use ::faer::{Conj, MatMut, Par};

use super::SparsityPattern;
use crate::Scalar;

/// Where a linear solver keeps faer's factors, if it has any. A copy analyses the pattern anew and has no factors yet.
#[derive(Debug, Default)]
pub(super) struct Slot<const W: usize>(Option<Box<FaerLu<W>>>);

impl<const W: usize> Slot<W> {
    /// Analyses a pattern; empty where faer refuses it (out of memory).
    pub fn new(pattern: &SparsityPattern) -> Self {
        Self(FaerLu::new(pattern).map(Box::new))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    #[inline(always)]
    pub fn get(&mut self) -> Option<&mut FaerLu<W>> {
        self.0.as_deref_mut()
    }
}

impl<const W: usize> Clone for Slot<W> {
    fn clone(&self) -> Self {
        match &self.0 {
            Some(lu) => Self::new(&lu.given),
            None => Self(None),
        }
    }
}

/// Factors of shift·I − J, lane by lane, in double precision.
pub(super) struct FaerLu<const W: usize> {
    /// The pattern of J, and the one analysed, with its diagonal.
    given: SparsityPattern,
    pattern: SparsityPattern,
    /// Index of each entry of J in it, and of each diagonal entry.
    from: Vec<usize>,
    diagonal: Vec<usize>,
    symbolic: SymbolicLu<usize>,
    numeric: [NumericLu<usize, f64>; W],
    factorized: [bool; W],
    values: Vec<f64>,
    column: Vec<f64>,
    memory: MemBuffer,
}

impl<const W: usize> FaerLu<W> {
    fn new(pattern: &SparsityPattern) -> Option<Self> {
        let full = pattern.with_diagonal();
        let n = full.dim();
        let position = |i: usize, j: usize| full.position(i, j);
        let entries = (0..n).flat_map(|j| pattern.column(j).iter().map(move |&i| (i, j)));
        let from = entries
            .map(|(i, j)| position(i, j))
            .collect::<Option<Vec<usize>>>()?;
        let diagonal = (0..n)
            .map(|j| position(j, j))
            .collect::<Option<Vec<usize>>>()?;
        let structure = SymbolicSparseColMatRef::new_checked(
            n,
            n,
            full.col_offsets(),
            None,
            full.row_indices(),
        );
        let symbolic = factorize_symbolic_lu(structure, LuSymbolicParams::default()).ok()?;
        let needed = StackReq::or(
            symbolic.factorize_numeric_lu_scratch::<f64>(Par::Seq, Default::default()),
            symbolic.solve_in_place_scratch::<f64>(1, Par::Seq),
        );
        Some(Self {
            from,
            diagonal,
            numeric: std::array::from_fn(|_| NumericLu::new()),
            factorized: [false; W],
            values: vec![0.0; full.nnz()],
            column: vec![0.0; n],
            memory: MemBuffer::try_new(needed).ok()?,
            symbolic,
            given: pattern.clone(),
            pattern: full,
        })
    }

    /// Factorises every lane; says which are singular or not finite.
    #[inline(never)]
    pub fn factorize<T: Scalar>(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        let n = self.pattern.dim();
        for l in 0..W {
            self.values.fill(0.0);
            for (&at, value) in self.from.iter().zip(jacobian) {
                self.values[at] = -value[l].as_f64();
            }
            for &at in &self.diagonal {
                self.values[at] += shift[l].as_f64();
            }
            // A search for pivots among what is not a number has no answer.
            self.factorized[l] = self.values.iter().all(|v| v.is_finite()) && {
                let structure = SymbolicSparseColMatRef::new_checked(
                    n,
                    n,
                    self.pattern.col_offsets(),
                    None,
                    self.pattern.row_indices(),
                );
                let matrix = SparseColMatRef::new(structure, &self.values[..]);
                (self.symbolic)
                    .factorize_numeric_lu(
                        &mut self.numeric[l],
                        matrix,
                        Par::Seq,
                        MemStack::new(&mut self.memory),
                        Default::default(),
                    )
                    .is_ok()
            };
        }
        self.factorized.map(|done| !done)
    }

    /// Replaces b by the solution, in every lane that is factorised.
    #[inline(never)]
    pub fn solve<T: Scalar>(&mut self, b: &mut [[T; W]]) {
        let n = self.pattern.dim();
        for l in (0..W).filter(|&l| self.factorized[l]) {
            for (x, b) in self.column.iter_mut().zip(b.iter()) {
                *x = b[l].as_f64();
            }
            LuRef::new_unchecked(&self.symbolic, &self.numeric[l]).solve_in_place_with_conj(
                Conj::No,
                MatMut::from_column_major_slice_mut(&mut self.column, n, 1),
                Par::Seq,
                MemStack::new(&mut self.memory),
            );
            for (x, b) in self.column.iter().zip(b.iter_mut()) {
                b[l] = T::of(*x);
            }
        }
    }
}

impl<const W: usize> std::fmt::Debug for FaerLu<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaerLu")
            .field("dim", &self.pattern.dim())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Factorization, LinearSolver, SparsityPattern};

    /// Solutions of a random diagonally dominant system in W lanes, by one factorisation.
    fn solution<const W: usize>(
        pattern: &SparsityPattern,
        values: &[f64],
        right: &[f64],
        by: Factorization,
    ) -> Vec<[f64; W]> {
        let n = pattern.dim();
        let lanes = |x: &f64, l: usize| x * (1.0 + 0.1 * l as f64);
        let jacobian: Vec<[f64; W]> = values
            .iter()
            .map(|v| std::array::from_fn(|l| lanes(v, l)))
            .collect();
        let mut x: Vec<[f64; W]> = right.iter().map(|&b| [b; W]).collect();
        let mut solver = LinearSolver::<f64, W>::empty();
        solver.analyse(pattern.clone().factorized_by(by));
        let shift = std::array::from_fn(|l| n as f64 + l as f64);
        // Twice: memory is reused.
        for _ in 0..2 {
            assert_eq!(solver.factorize(&shift, &jacobian), [false; W]);
        }
        solver.solve(&jacobian, &mut x);
        x
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// Random patterns, with and without diagonal entries, banded and scattered, in one lane and several.
        #[test]
        fn agrees_with_the_factorisation_along_the_pattern(n in 1usize..120, density in 0.0..0.3f64, band in 1usize..8, seed in any::<u64>()) {
            let mut state = seed;
            let mut next = move || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1u64 << 53) as f64
            };
            let (mut offsets, mut rows) = (vec![0], Vec::new());
            for j in 0..n {
                rows.extend((0..n).filter(|&i: &usize| i.abs_diff(j) < band && next() < 0.7 || next() < density));
                offsets.push(rows.len());
            }
            let pattern = SparsityPattern::new(offsets, rows).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let values: Vec<f64> = (0..pattern.nnz()).map(|_| next() - 0.5).collect();
            let right: Vec<f64> = (0..n).map(|_| next() - 0.5).collect();
            let ours = solution::<1>(&pattern, &values, &right, Factorization::Sparse);
            let theirs = solution::<1>(&pattern, &values, &right, Factorization::Faer);
            let lanes = solution::<3>(&pattern, &values, &right, Factorization::Faer);
            for i in 0..n {
                prop_assert!((ours[i][0] - theirs[i][0]).abs() < 1e-14);
                prop_assert_eq!(theirs[i][0], lanes[i][0]);
            }
            let ours = solution::<3>(&pattern, &values, &right, Factorization::Sparse);
            for i in 0..n {
                for l in 0..3 {
                    prop_assert!((ours[i][l] - lanes[i][l]).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_is_singular_in_its_lane() {
        let pattern = SparsityPattern::dense(3).factorized_by(Factorization::Faer);
        let mut solver = LinearSolver::<f64, 2>::empty();
        solver.analyse(pattern);
        let mut jacobian = [[0.5, 0.25]; 9];
        jacobian[4][1] = f64::NAN;
        assert_eq!(solver.factorize(&[3.0, 3.0], &jacobian), [false, true]);
        // A copy is as good.
        let mut copy = solver.clone();
        assert_eq!(copy.factorize(&[3.0, 3.0], &jacobian), [false, true]);
        let (mut x, mut y) = ([[1.0, 1.0]; 3], [[1.0, 1.0]; 3]);
        solver.solve(&jacobian, &mut x);
        copy.solve(&jacobian, &mut y);
        for i in 0..3 {
            assert!((x[i][0] - 1.0 / 1.5).abs() < 1e-15);
            assert_eq!(x[i][0], y[i][0]);
        }
    }
}
