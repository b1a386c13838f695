//! LU of one matrix along a pattern analysed once: no search, no allocation. Sparse columns first, a dense block last, whose columns run in vectors.
use super::SparsityPattern;
use super::ragged::Ragged;
use super::symbolic::Symbolic;
use crate::Scalar;

/// Rows per vector step of the dense block in one lane.
const CHUNK: usize = 4;

/// Factors of shift·I − J in elimination order, column by column.
#[derive(Clone, Debug)]
pub(super) struct FixedLu<T, const W: usize> {
    order: Vec<usize>,
    /// Number of sparse pivots; positions from here on are the dense block.
    sparse: usize,
    /// Per column: entries of J, as (position of the row, index into the values).
    sources: Ragged<(u32, u32)>,
    lower: Ragged<u32>,
    lower_values: Vec<[T; W]>,
    upper: Ragged<u32>,
    upper_values: Vec<[T; W]>,
    inverse_pivots: Vec<[T; W]>,
    block: Block<T, W>,
    work: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> FixedLu<T, W> {
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
        let lower = Ragged::collect(
            symbolic
                .lower
                .iter()
                .map(|list| list.iter().map(|&i| i as u32)),
        );
        let upper = Ragged::collect(
            symbolic
                .upper
                .iter()
                .map(|list| list.iter().map(|&i| i as u32)),
        );
        let zero = [T::zero(); W];
        let block = Block::new(n - sparse);
        Self {
            order: symbolic.order,
            sparse,
            lower_values: vec![zero; lower.values.len()],
            upper_values: vec![zero; upper.values.len()],
            inverse_pivots: vec![zero; sparse],
            work: vec![zero; sparse + block.stride],
            sources,
            lower,
            upper,
            block,
        }
    }

    /// Factorises. Returns the largest multiplier of each lane, not-a-number where a pivot is 0 or not finite.
    #[inline]
    pub fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [T; W] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked for the one feature that the function needs.
            return unsafe { factorize_avx2(self, shift, jacobian) };
        }
        self.factorize_here(shift, jacobian)
    }

    #[inline(always)]
    fn factorize_here(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [T; W] {
        let mut growth = [T::zero(); W];
        for j in 0..self.order.len() {
            self.eliminate_column(j, shift, jacobian);
            if j < self.sparse {
                let inverse: [T; W] = std::array::from_fn(|l| T::one() / self.work[j][l]);
                self.inverse_pivots[j] = inverse;
                for at in self.lower.range(j) {
                    let entry = self.work[self.lower.values[at] as usize];
                    let multiplier = std::array::from_fn(|l| entry[l] * inverse[l]);
                    note(&mut growth, &multiplier);
                    self.lower_values[at] = multiplier;
                }
            } else {
                self.block
                    .set_column(j - self.sparse, &self.work[self.sparse..]);
            }
        }
        self.block.factorize(&mut growth);
        for inverse in self.inverse_pivots.iter().chain(&self.block.inverse_pivots) {
            for l in 0..W {
                // Adds 0 where finite, spoils the growth otherwise.
                growth[l] += inverse[l] * T::zero();
            }
        }
        growth
    }

    /// Column j of the matrix less what earlier sparse pivots take from it, in `work`; its part of U is stored.
    #[inline(always)]
    fn eliminate_column(&mut self, j: usize, shift: &[T; W], jacobian: &[[T; W]]) {
        let zero = [T::zero(); W];
        let work = &mut self.work[..];
        for &k in &self.upper.values[self.upper.range(j)] {
            work[k as usize] = zero;
        }
        if j < self.sparse {
            for &i in &self.lower.values[self.lower.range(j)] {
                work[i as usize] = zero;
            }
            work[j] = zero;
        } else {
            work[self.sparse..].fill(zero);
        }
        for &(i, slot) in &self.sources.values[self.sources.range(j)] {
            let value = jacobian[slot as usize];
            work[i as usize] = std::array::from_fn(|l| -value[l]);
        }
        for l in 0..W {
            work[j][l] += shift[l];
        }
        for at in self.upper.range(j) {
            let k = self.upper.values[at] as usize;
            let u = work[k];
            self.upper_values[at] = u;
            let range = self.lower.range(k);
            let values = &self.lower_values[range.clone()];
            for (&i, &value) in self.lower.values[range].iter().zip(values) {
                work[i as usize] = less(work[i as usize], u, value);
            }
        }
    }

    /// Replaces b by the solution.
    #[inline]
    pub fn solve(&mut self, b: &mut [[T; W]]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked for the one feature that the function needs.
            return unsafe { solve_avx2(self, b) };
        }
        self.solve_here(b);
    }

    #[inline(always)]
    fn solve_here(&mut self, b: &mut [[T; W]]) {
        for (k, &i) in self.order.iter().enumerate() {
            self.work[k] = b[i];
        }
        self.substitute();
        for (k, &i) in self.order.iter().enumerate() {
            b[i] = self.work[k];
        }
    }

    #[inline(always)]
    fn substitute(&mut self) {
        let (n, sparse) = (self.order.len(), self.sparse);
        let work = &mut self.work[..];
        for k in 0..sparse {
            let x = work[k];
            subtract_at(work, &x, &self.lower, &self.lower_values, k);
        }
        self.block.solve(&mut work[sparse..]);
        for j in sparse..n {
            let x = work[j];
            subtract_at(work, &x, &self.upper, &self.upper_values, j);
        }
        for j in (0..sparse).rev() {
            let x: [T; W] = std::array::from_fn(|l| work[j][l] * self.inverse_pivots[j][l]);
            work[j] = x;
            subtract_at(work, &x, &self.upper, &self.upper_values, j);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn factorize_avx2<T: Scalar, const W: usize>(
    lu: &mut FixedLu<T, W>,
    shift: &[T; W],
    jacobian: &[[T; W]],
) -> [T; W] {
    lu.factorize_here(shift, jacobian)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn solve_avx2<T: Scalar, const W: usize>(lu: &mut FixedLu<T, W>, b: &mut [[T; W]]) {
    lu.solve_here(b);
}

/// work[i] -= x · value for the entries of list k.
#[inline(always)]
fn subtract_at<T: Scalar, const W: usize>(
    work: &mut [[T; W]],
    x: &[T; W],
    rows: &Ragged<u32>,
    values: &[[T; W]],
    k: usize,
) {
    let range = rows.range(k);
    for (&i, &value) in rows.values[range.clone()].iter().zip(&values[range]) {
        work[i as usize] = less(work[i as usize], *x, value);
    }
}

/// a − x b in every lane. By value: only then may loads pass stores and lanes become one vector.
#[inline(always)]
fn less<T: Scalar, const W: usize>(a: [T; W], x: [T; W], b: [T; W]) -> [T; W] {
    std::array::from_fn(|l| a[l] - x[l] * b[l])
}

#[inline(always)]
fn note<T: Scalar, const W: usize>(growth: &mut [T; W], multiplier: &[T; W]) {
    for l in 0..W {
        let size = multiplier[l].abs();
        growth[l] = if size > growth[l] { size } else { growth[l] };
    }
}

/// Dense LU without pivoting, L and U apart and padded with zeros, so that vectors may start and end at whole chunks.
#[derive(Clone, Debug)]
struct Block<T, const W: usize> {
    m: usize,
    stride: usize,
    lower: Vec<[T; W]>,
    upper: Vec<[T; W]>,
    inverse_pivots: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> Block<T, W> {
    fn new(m: usize) -> Self {
        let stride = m.next_multiple_of(CHUNK);
        let zero = [T::zero(); W];
        Self {
            m,
            stride,
            lower: vec![zero; m * stride],
            upper: vec![zero; m * stride],
            inverse_pivots: vec![zero; m],
        }
    }

    #[inline(always)]
    fn set_column(&mut self, j: usize, column: &[[T; W]]) {
        self.upper[j * self.stride..(j + 1) * self.stride].copy_from_slice(&column[..self.stride]);
    }

    #[inline(always)]
    fn factorize(&mut self, growth: &mut [T; W]) {
        let (m, stride) = (self.m, self.stride);
        for k in 0..m {
            let (left, right) = self.upper.split_at_mut((k + 1) * stride);
            let pivot_column = &mut left[k * stride..];
            let lower = &mut self.lower[k * stride..(k + 1) * stride];
            let inverse: [T; W] = std::array::from_fn(|l| T::one() / pivot_column[k][l]);
            self.inverse_pivots[k] = inverse;
            pivot_column[k] = [T::zero(); W];
            for i in k + 1..m {
                let multiplier = std::array::from_fn(|l| pivot_column[i][l] * inverse[l]);
                note(growth, &multiplier);
                lower[i] = multiplier;
                pivot_column[i] = [T::zero(); W];
            }
            for column in right.chunks_exact_mut(stride) {
                let u = column[k];
                subtract_from(column, &u, lower, k + 1);
            }
        }
    }

    #[inline(always)]
    fn solve(&self, x: &mut [[T; W]]) {
        let stride = self.stride;
        for k in 0..self.m {
            let value = x[k];
            subtract_from(x, &value, &self.lower[k * stride..(k + 1) * stride], k + 1);
        }
        for k in (0..self.m).rev() {
            let value: [T; W] = std::array::from_fn(|l| x[k][l] * self.inverse_pivots[k][l]);
            subtract_until(x, &value, &self.upper[k * stride..(k + 1) * stride], k);
            x[k] = value;
        }
    }
}

/// x[i] -= f · c[i] for i ≥ from; c is zero on the rest of the first chunk.
#[inline(always)]
fn subtract_from<T: Scalar, const W: usize>(
    x: &mut [[T; W]],
    f: &[T; W],
    c: &[[T; W]],
    from: usize,
) {
    if W == 1 {
        let from = from / CHUNK * CHUNK;
        subtract_chunks(
            &mut x.as_flattened_mut()[from..],
            f[0],
            &c.as_flattened()[from..],
        );
    } else {
        subtract(&mut x[from..], f, &c[from..]);
    }
}

/// x[i] -= f · c[i] for i < until; c is zero on the rest of the last chunk.
#[inline(always)]
fn subtract_until<T: Scalar, const W: usize>(
    x: &mut [[T; W]],
    f: &[T; W],
    c: &[[T; W]],
    until: usize,
) {
    if W == 1 {
        let until = until.next_multiple_of(CHUNK);
        subtract_chunks(
            &mut x.as_flattened_mut()[..until],
            f[0],
            &c.as_flattened()[..until],
        );
    } else {
        subtract(&mut x[..until], f, &c[..until]);
    }
}

#[inline(always)]
fn subtract_chunks<T: Scalar>(x: &mut [T], f: T, c: &[T]) {
    for (x, c) in x
        .as_chunks_mut::<CHUNK>()
        .0
        .iter_mut()
        .zip(c.as_chunks::<CHUNK>().0)
    {
        for q in 0..CHUNK {
            x[q] -= f * c[q];
        }
    }
}

#[inline(always)]
fn subtract<T: Scalar, const W: usize>(x: &mut [[T; W]], f: &[T; W], c: &[[T; W]]) {
    for (x, c) in x.iter_mut().zip(c) {
        *x = less(*x, *f, *c);
    }
}
