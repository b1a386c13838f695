//! LU of one matrix along a pattern analysed once: no search, no allocation. Sparse columns first, a dense block last, whose columns run in vectors.
use super::SparsityPattern;
use super::ragged::Ragged;
use super::symbolic::Symbolic;
use crate::Scalar;
use crate::aligned::Aligned;
#[cfg(target_arch = "x86_64")]
use crate::pack::has_avx2_fma;
use crate::pack::less;

/// Pivots taken from a column of the block at a time, and rows per vector step: a column is read and written once for so many pivots.
pub(super) const CHUNK: usize = 4;

/// Factors of shift·I − J in elimination order, column by column. The block's dimension is a multiple of [`CHUNK`].
#[derive(Clone, Debug)]
pub(super) struct FixedLu<T> {
    order: Vec<usize>,
    /// Number of sparse pivots; positions from here on are the dense block.
    sparse: usize,
    /// Per column: entries of J, as (position of the row, index into the values).
    sources: Ragged<(u32, u32)>,
    lower: Ragged<u32>,
    lower_values: Vec<T>,
    upper: Ragged<u32>,
    upper_values: Vec<T>,
    inverse_pivots: Vec<T>,
    block: Block<T>,
    work: Aligned<T, 1>,
}

impl<T: Scalar> FixedLu<T> {
    pub fn new(pattern: &SparsityPattern, symbolic: Symbolic) -> Self {
        let n = pattern.dim();
        let sparse = symbolic.sparse_pivots();
        let mut position = vec![0u32; n];
        for (k, &i) in symbolic.order.iter().enumerate() {
            position[i] = k as u32;
        }
        let sources = Ragged::collect(symbolic.order.iter().map(|&j| {
            let start = pattern.col_offsets()[j];
            let position = &position;
            pattern
                .column(j)
                .iter()
                .enumerate()
                .map(move |(k, &i)| (position[i], (start + k) as u32))
        }));
        let positions = |list: &Vec<usize>| list.iter().map(|&i| i as u32).collect::<Vec<_>>();
        let lower = Ragged::collect(symbolic.lower.iter().map(positions));
        let upper = Ragged::collect(symbolic.upper.iter().map(positions));
        let zero = T::zero();
        Self {
            order: symbolic.order,
            sparse,
            lower_values: vec![zero; lower.values.len()],
            upper_values: vec![zero; upper.values.len()],
            inverse_pivots: vec![zero; sparse],
            work: Aligned::zeros(n),
            sources,
            lower,
            upper,
            block: Block::new(n - sparse),
        }
    }

    /// Factorises. Returns the largest multiplier, not-a-number where a pivot is 0 or not finite.
    #[inline]
    pub fn factorize(&mut self, shift: T, jacobian: &[T]) -> T {
        #[cfg(target_arch = "x86_64")]
        if has_avx2_fma() {
            // SAFETY: the processor has just been asked for the features that the function needs.
            return unsafe { factorize_avx2(self, shift, jacobian) };
        }
        self.factorize_here::<false>(shift, jacobian)
    }

    /// Replaces b by the solution.
    #[inline]
    pub fn solve(&mut self, b: &mut [T]) {
        #[cfg(target_arch = "x86_64")]
        if has_avx2_fma() {
            // SAFETY: the processor has just been asked for the features that the function needs.
            return unsafe { solve_avx2(self, b) };
        }
        self.solve_here::<false>(b);
    }

    #[inline(always)]
    fn factorize_here<const FUSED: bool>(&mut self, shift: T, jacobian: &[T]) -> T {
        let mut growth = T::zero();
        for j in 0..self.order.len() {
            self.eliminate_column::<FUSED>(j, shift, jacobian);
            if j < self.sparse {
                let work = self.work.as_flattened();
                let inverse = T::one() / work[j];
                self.inverse_pivots[j] = inverse;
                let range = self.lower.range(j);
                let rows = &self.lower.values[range.clone()];
                for (&i, value) in rows.iter().zip(&mut self.lower_values[range]) {
                    *value = work[i as usize] * inverse;
                    growth = larger(growth, *value);
                }
            } else {
                let column = &self.work.as_flattened()[self.sparse..];
                self.block
                    .column_mut(j - self.sparse)
                    .copy_from_slice(column);
            }
        }
        growth = larger(growth, self.block.factorize::<FUSED>());
        for &inverse in self.inverse_pivots.iter().chain(&self.block.inverse_pivots) {
            // Adds 0 where finite, spoils the growth otherwise.
            growth += inverse * T::zero();
        }
        growth
    }

    /// The smallest reciprocal of a pivot, in size.
    pub fn smallest_inverse(&self) -> T {
        let inverses = self.inverse_pivots.iter().chain(&self.block.inverse_pivots);
        inverses.fold(T::infinity(), |least, inverse| least.min(inverse.abs()))
    }

    /// Column j of the matrix less what earlier sparse pivots take from it, in `work`; its part of U is stored.
    #[inline(always)]
    fn eliminate_column<const FUSED: bool>(&mut self, j: usize, shift: T, jacobian: &[T]) {
        let work = self.work.as_flattened_mut();
        for &k in self.upper.list(j) {
            work[k as usize] = T::zero();
        }
        if j < self.sparse {
            for &i in self.lower.list(j) {
                work[i as usize] = T::zero();
            }
            work[j] = T::zero();
        } else {
            work[self.sparse..].fill(T::zero());
        }
        for &(i, slot) in self.sources.list(j) {
            work[i as usize] = -jacobian[slot as usize];
        }
        work[j] += shift;
        for at in self.upper.range(j) {
            let k = self.upper.values[at] as usize;
            let u = work[k];
            self.upper_values[at] = u;
            subtract_at::<T, FUSED>(work, u, &self.lower, &self.lower_values, k);
        }
    }

    #[inline(always)]
    fn solve_here<const FUSED: bool>(&mut self, b: &mut [T]) {
        let (n, sparse) = (self.order.len(), self.sparse);
        let work = self.work.as_flattened_mut();
        for (w, &i) in work.iter_mut().zip(&self.order) {
            *w = b[i];
        }
        for k in 0..sparse {
            subtract_at::<T, FUSED>(work, work[k], &self.lower, &self.lower_values, k);
        }
        self.block.solve::<FUSED>(&mut work[sparse..]);
        for j in sparse..n {
            subtract_at::<T, FUSED>(work, work[j], &self.upper, &self.upper_values, j);
        }
        for j in (0..sparse).rev() {
            let x = work[j] * self.inverse_pivots[j];
            work[j] = x;
            subtract_at::<T, FUSED>(work, x, &self.upper, &self.upper_values, j);
        }
        for (&w, &i) in work.iter().zip(&self.order) {
            b[i] = w;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn factorize_avx2<T: Scalar>(lu: &mut FixedLu<T>, shift: T, jacobian: &[T]) -> T {
    lu.factorize_here::<true>(shift, jacobian)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn solve_avx2<T: Scalar>(lu: &mut FixedLu<T>, b: &mut [T]) {
    lu.solve_here::<true>(b);
}

/// work[i] -= x · value for the entries of list k.
#[inline(always)]
fn subtract_at<T: Scalar, const FUSED: bool>(
    work: &mut [T],
    x: T,
    rows: &Ragged<u32>,
    values: &[T],
    k: usize,
) {
    let range = rows.range(k);
    for (&i, &value) in rows.values[range.clone()].iter().zip(&values[range]) {
        let work = &mut work[i as usize];
        *work = less::<T, FUSED>(*work, x, value);
    }
}

/// The larger of `size` and |x|, `size` where x is not a number.
#[inline(always)]
fn larger<T: Scalar>(size: T, x: T) -> T {
    let own = x.abs();
    if own > size { own } else { size }
}

/// Dense LU without pivoting, column by column, L below the diagonal, U above it, zeros on it.
#[derive(Clone, Debug)]
struct Block<T> {
    m: usize,
    columns: Aligned<T, 1>,
    inverse_pivots: Vec<T>,
}

impl<T: Scalar> Block<T> {
    fn new(m: usize) -> Self {
        Self {
            m,
            columns: Aligned::zeros(m * m),
            inverse_pivots: vec![T::zero(); m],
        }
    }

    /// Column j, to be set before the factorisation.
    #[inline(always)]
    fn column_mut(&mut self, j: usize) -> &mut [T] {
        &mut self.columns.as_flattened_mut()[j * self.m..][..self.m]
    }

    /// Factorises; returns the largest multiplier. [`CHUNK`] columns are finished, then what they take from all the others is taken: these do not wait for
    /// each other, as the pivots of one column do.
    #[inline(always)]
    fn factorize<const FUSED: bool>(&mut self) -> T {
        let m = self.m;
        let mut growth = T::zero();
        let mut rest = self.columns.as_flattened_mut();
        for k in (0..m).step_by(CHUNK) {
            let (four, later) = rest.split_at_mut(CHUNK * m);
            for q in 0..CHUNK {
                let (before, own) = four.split_at_mut(q * m);
                let x = &mut own[..m];
                for (p, c) in before.chunks_exact(m).enumerate() {
                    let u = x[k + p];
                    for i in k + p + 1..m {
                        x[i] = less::<T, FUSED>(x[i], u, c[i]);
                    }
                }
                let inverse = T::one() / x[k + q];
                self.inverse_pivots[k + q] = inverse;
                for x in &mut x[k + q + 1..] {
                    *x *= inverse;
                    growth = larger(growth, *x);
                }
            }
            for x in later.chunks_exact_mut(m) {
                forward::<T, FUSED>(x, four, k);
            }
            rest = later;
        }
        growth
    }

    #[inline(always)]
    fn solve<const FUSED: bool>(&self, x: &mut [T]) {
        let m = self.m;
        let x = &mut x[..m];
        let columns = self.columns.as_flattened();
        for (k, four) in columns.chunks_exact((CHUNK * m).max(1)).enumerate() {
            forward::<T, FUSED>(x, four, k * CHUNK);
        }
        for (k, four) in columns.chunks_exact((CHUNK * m).max(1)).enumerate().rev() {
            backward::<T, FUSED>(x, four, k * CHUNK, &self.inverse_pivots);
        }
    }
}

/// Takes pivots k … k + 3, whose columns are `four`, from the rows below.
#[inline(always)]
fn forward<T: Scalar, const FUSED: bool>(x: &mut [T], four: &[T], k: usize) {
    let m = x.len();
    let c: [&[T]; CHUNK] = std::array::from_fn(|q| &four[q * m..][..m]);
    let x0 = x[k];
    let x1 = less::<T, FUSED>(x[k + 1], x0, c[0][k + 1]);
    let x2 = less::<T, FUSED>(x[k + 2], x0, c[0][k + 2]);
    let x2 = less::<T, FUSED>(x2, x1, c[1][k + 2]);
    let x3 = less::<T, FUSED>(x[k + 3], x0, c[0][k + 3]);
    let x3 = less::<T, FUSED>(x3, x1, c[1][k + 3]);
    let x3 = less::<T, FUSED>(x3, x2, c[2][k + 3]);
    x[k + 1] = x1;
    x[k + 2] = x2;
    x[k + 3] = x3;
    subtract::<T, FUSED>(
        &mut x[k + CHUNK..],
        [x0, x1, x2, x3],
        c.map(|c| &c[k + CHUNK..]),
    );
}

/// Solves for x of rows k … k + 3 and takes them from the rows above.
#[inline(always)]
fn backward<T: Scalar, const FUSED: bool>(x: &mut [T], four: &[T], k: usize, inverse_pivots: &[T]) {
    let m = x.len();
    let c: [&[T]; CHUNK] = std::array::from_fn(|q| &four[q * m..][..m]);
    let inverse = &inverse_pivots[k..][..CHUNK];
    let x3 = x[k + 3] * inverse[3];
    let x2 = less::<T, FUSED>(x[k + 2], x3, c[3][k + 2]) * inverse[2];
    let x1 = less::<T, FUSED>(x[k + 1], x3, c[3][k + 1]);
    let x1 = less::<T, FUSED>(x1, x2, c[2][k + 1]) * inverse[1];
    let x0 = less::<T, FUSED>(x[k], x3, c[3][k]);
    let x0 = less::<T, FUSED>(x0, x2, c[2][k]);
    let x0 = less::<T, FUSED>(x0, x1, c[1][k]) * inverse[0];
    x[k] = x0;
    x[k + 1] = x1;
    x[k + 2] = x2;
    x[k + 3] = x3;
    let [c0, c1, c2, c3] = c.map(|c| &c[..k]);
    subtract::<T, FUSED>(&mut x[..k], [x3, x2, x1, x0], [c3, c2, c1, c0]);
}

/// x -= Σ f c, one after the other; all lengths are multiples of [`CHUNK`].
#[inline(always)]
fn subtract<T: Scalar, const FUSED: bool>(x: &mut [T], f: [T; CHUNK], c: [&[T]; CHUNK]) {
    let x = x.as_chunks_mut::<CHUNK>().0;
    let c = c.map(|c| &c.as_chunks::<CHUNK>().0[..x.len()]);
    for i in 0..x.len() {
        let mut sum = x[i];
        for j in 0..CHUNK {
            let c = c[j][i];
            for q in 0..CHUNK {
                sum[q] = less::<T, FUSED>(sum[q], f[j], c[q]);
            }
        }
        x[i] = sum;
    }
}
