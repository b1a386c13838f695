//! Complex LU along a pattern analysed once: the fixed part of [`super::ComplexSolver`].
use super::super::SparsityPattern;
use super::super::symbolic::Symbolic;
use super::{product, reciprocal, subtract};
use crate::Scalar;

/// Factors with pivots on the diagonal, in elimination order, column by column: sparse pivots through lists, the rest as a dense block.
#[derive(Clone, Debug)]
pub(super) struct Fixed<T> {
    order: Vec<usize>,
    sparse: usize,
    /// Per column: entries of J, as (position of the row, index into the values).
    sources: Vec<Vec<(usize, usize)>>,
    /// Rows of L and U, and where their values begin.
    lower: Vec<Vec<usize>>,
    upper: Vec<Vec<usize>>,
    lower_start: Vec<usize>,
    upper_start: Vec<usize>,
    lower_values: (Vec<T>, Vec<T>),
    upper_values: (Vec<T>, Vec<T>),
    /// Column-major dense block.
    block: (Vec<T>, Vec<T>),
    inverse_pivots: Vec<(T, T)>,
    work: (Vec<T>, Vec<T>),
}

impl<T: Scalar> Fixed<T> {
    pub fn new(pattern: &SparsityPattern, symbolic: Symbolic) -> Self {
        let n = pattern.dim();
        let sparse = symbolic.sparse_pivots();
        let m = n - sparse;
        let mut position = vec![0; n];
        for (k, &i) in symbolic.order.iter().enumerate() {
            position[i] = k;
        }
        let column = |&j: &usize| {
            let start = pattern.col_offsets()[j];
            let rows = pattern.column(j).iter().enumerate();
            rows.map(|(k, &i)| (position[i], start + k)).collect()
        };
        let sources = symbolic.order.iter().map(column).collect();
        let starts = |lists: &[Vec<usize>]| {
            let mut total = 0;
            let mut next = |list: &Vec<usize>| {
                total += list.len();
                total - list.len()
            };
            let starts: Vec<usize> = lists.iter().map(&mut next).collect();
            (starts, total)
        };
        let (lower_start, lower_len) = starts(&symbolic.lower);
        let (upper_start, upper_len) = starts(&symbolic.upper);
        let zeros = |len: usize| (vec![T::zero(); len], vec![T::zero(); len]);
        Self {
            order: symbolic.order,
            sparse,
            sources,
            lower: symbolic.lower,
            upper: symbolic.upper,
            lower_start,
            upper_start,
            lower_values: zeros(lower_len),
            upper_values: zeros(upper_len),
            block: zeros(m * m),
            inverse_pivots: vec![(T::zero(), T::zero()); n],
            work: zeros(n),
        }
    }

    /// Returns the largest multiplier, not-a-number where a pivot is 0 or not finite.
    pub fn factorize(&mut self, shift: (T, T), jacobian: &[[T; 1]]) -> T {
        let (n, sparse) = (self.order.len(), self.sparse);
        let m = n - sparse;
        let mut growth = T::zero();
        for j in 0..n {
            self.eliminate_column(j, shift, jacobian);
            let (re, im) = &mut self.work;
            if j < sparse {
                let inverse = reciprocal((re[j], im[j]));
                self.inverse_pivots[j] = inverse;
                for (at, &i) in self.lower[j].iter().enumerate() {
                    let multiplier = product((re[i], im[i]), inverse);
                    note(&mut growth, multiplier);
                    self.lower_values.0[self.lower_start[j] + at] = multiplier.0;
                    self.lower_values.1[self.lower_start[j] + at] = multiplier.1;
                }
            } else {
                let at = (j - sparse) * m;
                self.block.0[at..at + m].copy_from_slice(&re[sparse..]);
                self.block.1[at..at + m].copy_from_slice(&im[sparse..]);
            }
        }
        for k in 0..m {
            let (left_re, right_re) = self.block.0.split_at_mut((k + 1) * m);
            let (left_im, right_im) = self.block.1.split_at_mut((k + 1) * m);
            let (pivot_re, pivot_im) = (&mut left_re[k * m..], &mut left_im[k * m..]);
            let inverse = reciprocal((pivot_re[k], pivot_im[k]));
            self.inverse_pivots[sparse + k] = inverse;
            for i in k + 1..m {
                let multiplier = product((pivot_re[i], pivot_im[i]), inverse);
                note(&mut growth, multiplier);
                (pivot_re[i], pivot_im[i]) = multiplier;
            }
            let columns = right_re
                .chunks_exact_mut(m)
                .zip(right_im.chunks_exact_mut(m));
            for (re, im) in columns {
                let u = (re[k], im[k]);
                subtract(
                    (&mut re[k + 1..], &mut im[k + 1..]),
                    u,
                    (&pivot_re[k + 1..], &pivot_im[k + 1..]),
                );
            }
        }
        for inverse in &self.inverse_pivots {
            // Adds 0 where finite, spoils the growth otherwise.
            growth += (inverse.0 + inverse.1) * T::zero();
        }
        growth
    }

    fn eliminate_column(&mut self, j: usize, shift: (T, T), jacobian: &[[T; 1]]) {
        let (re, im) = &mut self.work;
        if j < self.sparse {
            for &i in self.upper[j].iter().chain(&self.lower[j]).chain([&j]) {
                (re[i], im[i]) = (T::zero(), T::zero());
            }
        } else {
            for &i in &self.upper[j] {
                (re[i], im[i]) = (T::zero(), T::zero());
            }
            re[self.sparse..].fill(T::zero());
            im[self.sparse..].fill(T::zero());
        }
        for &(i, slot) in &self.sources[j] {
            re[i] = -jacobian[slot][0];
        }
        re[j] += shift.0;
        im[j] += shift.1;
        for (at, &k) in self.upper[j].iter().enumerate() {
            let u = (re[k], im[k]);
            self.upper_values.0[self.upper_start[j] + at] = u.0;
            self.upper_values.1[self.upper_start[j] + at] = u.1;
            let start = self.lower_start[k];
            for (q, &i) in self.lower[k].iter().enumerate() {
                let l = (
                    self.lower_values.0[start + q],
                    self.lower_values.1[start + q],
                );
                let less = product(u, l);
                re[i] -= less.0;
                im[i] -= less.1;
            }
        }
    }

    pub fn solve(&mut self, b_re: &mut [T], b_im: &mut [T]) {
        let (n, sparse) = (self.order.len(), self.sparse);
        let m = n - sparse;
        let (re, im) = &mut self.work;
        for (k, &i) in self.order.iter().enumerate() {
            (re[k], im[k]) = (b_re[i], b_im[i]);
        }
        let scatter =
            |re: &mut [T], im: &mut [T], x: (T, T), rows: &[usize], values: (&[T], &[T])| {
                for ((&i, &a), &b) in rows.iter().zip(values.0).zip(values.1) {
                    let less = product(x, (a, b));
                    re[i] -= less.0;
                    im[i] -= less.1;
                }
            };
        for k in 0..sparse {
            let range = self.lower_start[k]..self.lower_start[k] + self.lower[k].len();
            let values = (
                &self.lower_values.0[range.clone()],
                &self.lower_values.1[range],
            );
            let x = (re[k], im[k]);
            scatter(re, im, x, &self.lower[k], values);
        }
        for k in 0..m {
            let x = (re[sparse + k], im[sparse + k]);
            let range = k * m + k + 1..(k + 1) * m;
            subtract(
                (&mut re[sparse + k + 1..], &mut im[sparse + k + 1..]),
                x,
                (&self.block.0[range.clone()], &self.block.1[range]),
            );
        }
        for j in (0..n).rev() {
            let x = product((re[j], im[j]), self.inverse_pivots[j]);
            (re[j], im[j]) = x;
            if j >= sparse {
                let at = (j - sparse) * m;
                subtract(
                    (&mut re[sparse..j], &mut im[sparse..j]),
                    x,
                    (
                        &self.block.0[at..at + j - sparse],
                        &self.block.1[at..at + j - sparse],
                    ),
                );
            }
            let range = self.upper_start[j]..self.upper_start[j] + self.upper[j].len();
            let values = (
                &self.upper_values.0[range.clone()],
                &self.upper_values.1[range],
            );
            scatter(re, im, x, &self.upper[j], values);
        }
        for (k, &i) in self.order.iter().enumerate() {
            (b_re[i], b_im[i]) = (re[k], im[k]);
        }
    }
}

#[inline(always)]
fn note<T: Scalar>(growth: &mut T, multiplier: (T, T)) {
    let size = multiplier.0.abs() + multiplier.1.abs();
    *growth = if size > *growth { size } else { *growth };
}
