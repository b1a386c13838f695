//! Complex dense LU with partial pivoting: small and full matrices, and those whose diagonal fails.
use super::super::SparsityPattern;
use super::{product, reciprocal, subtract};
use crate::Scalar;

/// Dense factors with partial pivoting, column-major.
#[derive(Clone, Debug, Default)]
pub(super) struct Dense<T> {
    n: usize,
    re: Vec<T>,
    im: Vec<T>,
    inverse_pivots: Vec<(T, T)>,
    swaps: Vec<usize>,
}

impl<T: Scalar> Dense<T> {
    pub fn factorize(
        &mut self,
        pattern: &SparsityPattern,
        shift: (T, T),
        jacobian: &[[T; 1]],
    ) -> bool {
        let n = pattern.dim();
        self.n = n;
        for array in [&mut self.re, &mut self.im] {
            array.clear();
            array.resize(n * n, T::zero());
        }
        self.inverse_pivots.resize(n, (T::zero(), T::zero()));
        self.swaps.resize(n, 0);
        let mut values = jacobian.iter();
        for j in 0..n {
            for (&i, value) in pattern.column(j).iter().zip(&mut values) {
                self.re[j * n + i] = -value[0];
            }
            self.re[j * n + j] += shift.0;
            self.im[j * n + j] += shift.1;
        }
        (0..n).all(|k| self.eliminate(k))
    }

    fn eliminate(&mut self, k: usize) -> bool {
        let n = self.n;
        let (left_re, right_re) = self.re.split_at_mut((k + 1) * n);
        let (left_im, right_im) = self.im.split_at_mut((k + 1) * n);
        let (re, im) = (&mut left_re[k * n..], &mut left_im[k * n..]);
        let size = |i: usize| re[i].abs() + im[i].abs();
        let mut pivot = k;
        for i in k + 1..n {
            if size(i) > size(pivot) {
                pivot = i;
            }
        }
        if size(pivot) == T::zero() || !size(pivot).is_finite() {
            return false;
        }
        self.swaps[k] = pivot;
        re.swap(k, pivot);
        im.swap(k, pivot);
        let inverse = reciprocal((re[k], im[k]));
        self.inverse_pivots[k] = inverse;
        for i in k + 1..n {
            (re[i], im[i]) = product((re[i], im[i]), inverse);
        }
        let columns = right_re
            .chunks_exact_mut(n)
            .zip(right_im.chunks_exact_mut(n));
        for (other_re, other_im) in columns {
            other_re.swap(k, pivot);
            other_im.swap(k, pivot);
            let u = (other_re[k], other_im[k]);
            subtract(
                (&mut other_re[k + 1..], &mut other_im[k + 1..]),
                u,
                (&re[k + 1..], &im[k + 1..]),
            );
        }
        true
    }

    pub fn solve(&self, re: &mut [T], im: &mut [T]) {
        let n = self.n;
        if re.len() != n || self.re.len() != n * n {
            return;
        }
        for k in 0..n {
            re.swap(k, self.swaps[k]);
            im.swap(k, self.swaps[k]);
            let range = k * n + k + 1..(k + 1) * n;
            let x = (re[k], im[k]);
            subtract(
                (&mut re[k + 1..], &mut im[k + 1..]),
                x,
                (&self.re[range.clone()], &self.im[range]),
            );
        }
        for k in (0..n).rev() {
            let x = product((re[k], im[k]), self.inverse_pivots[k]);
            (re[k], im[k]) = x;
            let range = k * n..k * n + k;
            subtract(
                (&mut re[..k], &mut im[..k]),
                x,
                (&self.re[range.clone()], &self.im[range]),
            );
        }
    }
}
