//! Dense LU with partial pivoting of one lane: for small or full matrices, and where a pivot on the diagonal is too small.
use super::SparsityPattern;
use crate::Scalar;

/// Factors of one matrix, column-major. Memory is taken at the first use.
#[derive(Clone, Debug)]
pub(super) struct DenseLu<T> {
    n: usize,
    a: Vec<T>,
    inverse_pivots: Vec<T>,
    swaps: Vec<usize>,
}

impl<T: Scalar> DenseLu<T> {
    pub fn new() -> Self {
        Self {
            n: 0,
            a: Vec::new(),
            inverse_pivots: Vec::new(),
            swaps: Vec::new(),
        }
    }

    /// Factorises shift·I − J; `false` where it is singular or not finite.
    pub fn factorize(
        &mut self,
        pattern: &SparsityPattern,
        shift: T,
        jacobian: impl Iterator<Item = T>,
    ) -> bool {
        let n = pattern.dim();
        self.n = n;
        self.inverse_pivots.resize(n, T::zero());
        self.swaps.resize(n, 0);
        self.a.resize(n * n, T::zero());
        self.a.fill(T::zero());
        let mut values = jacobian;
        for j in 0..n {
            for (&i, value) in pattern.column(j).iter().zip(&mut values) {
                self.a[j * n + i] = -value;
            }
            self.a[j * n + j] += shift;
        }
        (0..n).all(|k| self.eliminate(k))
    }

    fn eliminate(&mut self, k: usize) -> bool {
        let n = self.n;
        let (left, right) = self.a.split_at_mut((k + 1) * n);
        let column = &mut left[k * n..];
        let mut pivot = k;
        for i in k + 1..n {
            if column[i].abs() > column[pivot].abs() {
                pivot = i;
            }
        }
        let value = column[pivot];
        if value == T::zero() || !value.is_finite() {
            return false;
        }
        self.swaps[k] = pivot;
        column.swap(k, pivot);
        let inverse = T::one() / value;
        self.inverse_pivots[k] = inverse;
        let multipliers = &mut column[k + 1..n];
        for l in multipliers.iter_mut() {
            *l *= inverse;
        }
        for other in right.chunks_exact_mut(n) {
            other.swap(k, pivot);
            let u = other[k];
            if u != T::zero() {
                for (x, &l) in other[k + 1..].iter_mut().zip(multipliers.iter()) {
                    *x -= u * l;
                }
            }
        }
        true
    }

    /// Replaces lane `lane` of b by the solution.
    pub fn solve_lane<const W: usize>(&self, b: &mut [[T; W]], lane: usize, x: &mut [T]) {
        for (x, b) in x.iter_mut().zip(b.iter()) {
            *x = b[lane];
        }
        self.solve(x);
        for (x, b) in x.iter().zip(b) {
            b[lane] = *x;
        }
    }

    fn solve(&self, x: &mut [T]) {
        let n = self.n;
        if self.a.len() != n * n || x.len() != n {
            return;
        }
        for k in 0..n {
            // As in LINPACK: rows of earlier multipliers were not exchanged, so exchanges are applied as they come.
            x.swap(k, self.swaps[k]);
            let value = x[k];
            for (x, &l) in x[k + 1..]
                .iter_mut()
                .zip(&self.a[k * n + k + 1..(k + 1) * n])
            {
                *x -= value * l;
            }
        }
        for k in (0..n).rev() {
            let value = x[k] * self.inverse_pivots[k];
            x[k] = value;
            for (x, &u) in x[..k].iter_mut().zip(&self.a[k * n..k * n + k]) {
                *x -= value * u;
            }
        }
    }
}
