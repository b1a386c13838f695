//! Block triangular matrices of a system with its sensitivities: one diagonal block, factorised once, substituted block by block.
use super::{LinearSolver, SparsityPattern};
use crate::Scalar;

/// Solver of shift·I − J where J has the same block A in every diagonal position and blocks B_k below the first (see
/// [`SparsityPattern::with_copies`]).
#[derive(Clone, Debug)]
pub(super) struct Blocks<T, const W: usize> {
    base: SparsityPattern,
    copies: usize,
    diagonal: LinearSolver<T, W>,
    /// Values of A, and of B_1, B_2, … one after the other.
    a: Vec<[T; W]>,
    b: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> Blocks<T, W> {
    pub fn new(pattern: &SparsityPattern) -> Self {
        let copies = pattern.copies();
        let base = pattern.first_block();
        let mut diagonal = LinearSolver::empty();
        diagonal.analyse(base.clone());
        Self {
            a: vec![[T::zero(); W]; base.nnz()],
            b: vec![[T::zero(); W]; base.nnz() * (copies - 1)],
            base,
            copies,
            diagonal,
        }
    }

    #[inline(never)]
    pub fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        let offsets = self.base.col_offsets();
        let nnz = self.base.nnz();
        for j in 0..self.base.dim() {
            let (from, length) = (offsets[j], offsets[j + 1] - offsets[j]);
            let column = &jacobian[self.copies * from..][..self.copies * length];
            self.a[from..from + length].copy_from_slice(&column[..length]);
            for k in 1..self.copies {
                self.b[(k - 1) * nnz + from..][..length]
                    .copy_from_slice(&column[k * length..(k + 1) * length]);
            }
        }
        self.diagonal.factorize(shift, &self.a)
    }

    #[inline(never)]
    pub fn solve(&mut self, x: &mut [[T; W]]) {
        let n = self.base.dim();
        let nnz = self.base.nnz();
        let (first, rest) = x.split_at_mut(n);
        self.diagonal.solve(&self.a, first);
        for (k, x) in rest.chunks_exact_mut(n.max(1)).enumerate() {
            let b = &self.b[k * nnz..(k + 1) * nnz];
            for (j, y) in first.iter().enumerate() {
                let entries = self.base.col_offsets()[j]..self.base.col_offsets()[j + 1];
                for (value, &i) in b[entries].iter().zip(self.base.column(j)) {
                    for l in 0..W {
                        x[i][l] += value[l] * y[l];
                    }
                }
            }
            self.diagonal.solve(&self.a, x);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Block by block gives what the whole matrix gives.
        #[test]
        fn blocks_solve_as_the_whole(n in 1usize..14, copies in 2usize..5, values in prop::collection::vec(-1.0..1.0f64, 14 * 14 * 5), keep in prop::collection::vec(any::<bool>(), 14 * 14)) {
            let columns = (0..n).map(|j| (0..n).filter(|&i| i == j || keep[j * 14 + i]).collect::<Vec<_>>());
            let (mut offsets, mut rows) = (vec![0], Vec::new());
            for column in columns {
                rows.extend(column);
                offsets.push(rows.len());
            }
            let base = SparsityPattern::known(&offsets, &rows);
            let pattern = base.with_copies(copies);
            prop_assert_eq!(pattern.first_block(), base.clone());
            // Values of A, then of every B, spread as the pattern wants them.
            let nnz = base.nnz();
            let mut jacobian = Vec::new();
            for j in 0..n {
                for k in 0..copies {
                    jacobian.extend((offsets[j]..offsets[j + 1]).map(|e| [values[k * nnz + e]]));
                }
            }
            for _ in 1..copies {
                jacobian.extend((0..nnz).map(|e| [values[e]]));
            }
            let whole = SparsityPattern::known(pattern.col_offsets(), pattern.row_indices());
            let right: Vec<[f64; 1]> = (0..n * copies).map(|i| [(i as f64 * 0.7).sin()]).collect();
            let (mut by_blocks, mut at_once) = (right.clone(), right);
            for (pattern, x) in [(pattern, &mut by_blocks), (whole, &mut at_once)] {
                let mut solver = LinearSolver::<f64, 1>::empty();
                solver.analyse(pattern);
                prop_assert_eq!(solver.factorize(&[20.0], &jacobian), [false]);
                solver.solve(&jacobian, x);
            }
            for (a, b) in by_blocks.iter().zip(&at_once) {
                prop_assert!((a[0] - b[0]).abs() < 1e-13);
            }
        }
    }
}
