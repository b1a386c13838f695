//! Dense LU with partial pivoting of one lane: for small or full matrices, and where a pivot on the diagonal is too small.
use super::SparsityPattern;
use crate::Scalar;

/// Factors of one matrix, column-major. Memory is taken at the first use.
#[derive(Clone, Debug)]
pub(super) struct DenseLu<T> {
    n: usize,
    a: Vec<T>,
    inverse_pivots: Vec<T>,
    /// Row of the matrix that stands in each row of the factors.
    rows: Vec<usize>,
}

impl<T: Scalar> DenseLu<T> {
    pub fn new() -> Self {
        Self {
            n: 0,
            a: Vec::new(),
            inverse_pivots: Vec::new(),
            rows: Vec::new(),
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
        self.rows.clear();
        self.rows.extend(0..n);
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
        self.rows.swap(k, pivot);
        for column in left.chunks_exact_mut(n) {
            column.swap(k, pivot);
        }
        let column = &mut left[k * n..];
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
        if const { W == 1 } && self.solve_few(b.as_flattened_mut()) {
            return;
        }
        for (x, b) in x.iter_mut().zip(&*b) {
            *x = b[lane];
        }
        if !self.solve_few(x) {
            for (x, &row) in x.iter_mut().zip(&self.rows) {
                *x = b[row][lane];
            }
            self.solve(x);
        }
        for (x, b) in x.iter().zip(b) {
            b[lane] = *x;
        }
    }

    /// Replaces b by the solution, if there are at most eight components.
    fn solve_few(&self, b: &mut [T]) -> bool {
        match self.n {
            2 => self.solve_small::<2>(b),
            3 => self.solve_small::<3>(b),
            4 => self.solve_small::<4>(b),
            5 => self.solve_small::<5>(b),
            6 => self.solve_small::<6>(b),
            7 => self.solve_small::<7>(b),
            8 => self.solve_small::<8>(b),
            _ => return false,
        }
        true
    }

    /// The same for N components, a number that the compiler knows: the same operations in the same order, in registers. (Robertson's problem: 0.29 µs an
    /// attempted step of `Rodas5p`; 0.46 with loops and with exchanges of rows as they come, which send every number through memory.)
    #[inline(always)]
    fn solve_small<const N: usize>(&self, b: &mut [T]) {
        let (columns, _) = self.a.as_chunks::<N>();
        let (Some(a), Some(inverses), Some(rows), Some(b)) = (
            columns.first_chunk::<N>(),
            self.inverse_pivots.first_chunk::<N>(),
            self.rows.first_chunk::<N>(),
            b.first_chunk_mut::<N>(),
        ) else {
            return;
        };
        let mut x = [T::zero(); N];
        for i in 0..N {
            x[i] = b[rows[i]];
        }
        for k in 0..N {
            for i in k + 1..N {
                x[i] -= x[k] * a[k][i];
            }
        }
        for k in (0..N).rev() {
            x[k] *= inverses[k];
            for i in 0..k {
                x[i] -= x[k] * a[k][i];
            }
        }
        *b = x;
    }

    fn solve(&self, x: &mut [T]) {
        let n = self.n;
        if self.a.len() != n * n || x.len() != n {
            return;
        }
        for k in 0..n {
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
