//! LU of (α + iβ)·I − J with real J, for Radau IIA: along the pattern analysed once, pivoted and dense where that is small, full, or fails.
use super::symbolic::Symbolic;
use super::{FULL, LARGEST_DENSE, LARGEST_MULTIPLIER, ONE_LANE, SMALL, SparsityPattern};
use crate::Scalar;

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

/// Factors with pivots on the diagonal, in elimination order, column by column: sparse pivots through lists, the rest as a dense block.
#[derive(Clone, Debug)]
struct Fixed<T> {
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
    fn new(pattern: &SparsityPattern, symbolic: Symbolic) -> Self {
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
    fn factorize(&mut self, shift: (T, T), jacobian: &[[T; 1]]) -> T {
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

    fn solve(&mut self, b_re: &mut [T], b_im: &mut [T]) {
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

/// Dense factors with partial pivoting, column-major.
#[derive(Clone, Debug, Default)]
struct Dense<T> {
    n: usize,
    re: Vec<T>,
    im: Vec<T>,
    inverse_pivots: Vec<(T, T)>,
    swaps: Vec<usize>,
}

impl<T: Scalar> Dense<T> {
    fn factorize(&mut self, pattern: &SparsityPattern, shift: (T, T), jacobian: &[[T; 1]]) -> bool {
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

    fn solve(&self, re: &mut [T], im: &mut [T]) {
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
