//! LU of one matrix along a pattern analysed once: no search, no allocation. Sparse columns first, a dense block last, in squares that run in vectors.
use super::SparsityPattern;
use super::ragged::Ragged;
use super::squares::{Block, Register, SIDE};
use super::symbolic::Symbolic;
use crate::Scalar;
use crate::aligned::Aligned;
use crate::pack::less;

/// Factors of shift·I − J. Rows and columns are numbered as in memory: those of the dense block from 0 on, then those that fill its last square, then the
/// sparse ones, which are eliminated first.
#[derive(Clone, Debug)]
pub(super) struct FixedLu<T> {
    /// Original index of every row of the block, and of every sparse row in the order of elimination.
    dense: Vec<usize>,
    sparse: Vec<usize>,
    /// Per sparse column: entries of J, as (row, index into the values).
    sources: Ragged<(u32, u32)>,
    /// Per column of the block: the same in the sparse rows.
    above: Ragged<(u32, u32)>,
    /// Where each value of J is in the block; those that are not go where nothing is read.
    places: Vec<u32>,
    /// Per sparse pivot: rows of L, those of the block first, and how many these are.
    lower: Ragged<u32>,
    lower_in_block: Vec<usize>,
    lower_values: Vec<T>,
    /// Per column, the block's first, then the sparse ones: sparse pivots of U.
    upper: Ragged<u32>,
    upper_values: Vec<T>,
    inverse_pivots: Vec<T>,
    block: Block<T>,
    /// A column, or the right-hand side, in the order of rows.
    work: Aligned<T, SIDE>,
}

impl<T: Scalar> FixedLu<T> {
    pub fn new(pattern: &SparsityPattern, symbolic: Symbolic) -> Self {
        let n = pattern.dim();
        let sparse = symbolic.sparse_pivots();
        let block = Block::new(n - sparse);
        let first = block.rows();
        // The row of a position in the order of elimination.
        let row = |k: usize| if k < sparse { first + k } else { k - sparse };
        let mut rows = vec![0; n];
        for (k, &i) in symbolic.order.iter().enumerate() {
            rows[i] = row(k);
        }
        let entries = |k: usize| {
            let j = symbolic.order[k];
            let start = pattern.col_offsets()[j];
            let column = pattern.column(j).iter().enumerate();
            let rows = &rows;
            column.map(move |(k, &i)| (rows[i], (start + k) as u32))
        };
        let as_listed = |(row, slot): (usize, u32)| (row as u32, slot);
        let sources = Ragged::collect((0..sparse).map(|k| entries(k).map(as_listed)));
        let is_above = |entry: &(usize, u32)| entry.0 >= first;
        let above =
            Ragged::collect((sparse..n).map(|k| entries(k).filter(is_above).map(as_listed)));
        let mut places = vec![block.nowhere() as u32; pattern.nnz()];
        for k in sparse..n {
            let column = block.column(k - sparse);
            for (i, slot) in entries(k).filter(|entry| !is_above(entry)) {
                places[slot as usize] = (column + block.row(i)) as u32;
            }
        }
        let mut lower_in_block = Vec::with_capacity(sparse);
        let lower = Ragged::collect(symbolic.lower.iter().map(|list| {
            let (first, rest): (Vec<_>, Vec<_>) = list.iter().partition(|&&k| k >= sparse);
            lower_in_block.push(first.len());
            let rows = first.into_iter().chain(rest);
            rows.map(|&k| row(k) as u32).collect::<Vec<_>>()
        }));
        let in_memory = (sparse..n).chain(0..sparse);
        let upper = Ragged::collect(in_memory.map(|j| {
            symbolic.upper[j]
                .iter()
                .map(|&k| k as u32)
                .collect::<Vec<_>>()
        }));
        let zero = T::zero();
        Self {
            dense: symbolic.order[sparse..].to_vec(),
            sparse: symbolic.order[..sparse].to_vec(),
            sources,
            above,
            places,
            lower_values: vec![zero; lower.values.len()],
            lower_in_block,
            lower,
            upper_values: vec![zero; upper.values.len()],
            upper,
            inverse_pivots: vec![zero; sparse],
            work: Aligned::zeros((first + sparse).div_ceil(SIDE)),
            block,
        }
    }

    /// Factorises. Returns the largest multiplier, not-a-number where a pivot is 0 or not finite.
    #[inline]
    pub fn factorize(&mut self, shift: T, jacobian: &[T]) -> T {
        #[cfg(target_arch = "x86_64")]
        if let Some(growth) = x86::factorize(self, shift, jacobian) {
            return growth;
        }
        self.factorize_with::<[T; SIDE], 1, false>(shift, jacobian)
    }

    /// Replaces b by the solution.
    #[inline]
    pub fn solve(&mut self, b: &mut [T]) {
        #[cfg(target_arch = "x86_64")]
        if x86::solve(self, b) {
            return;
        }
        self.solve_with::<[T; SIDE], false>(b);
    }

    /// The smallest reciprocal of a pivot, in size.
    pub fn smallest_inverse(&self) -> T {
        let inverses = self.inverse_pivots.iter().chain(&self.block.inverse_pivots);
        let smaller = |least: T, inverse: &T| {
            let size = inverse.abs();
            if size < least { size } else { least }
        };
        inverses.fold(T::infinity(), smaller)
    }

    #[inline(always)]
    pub(super) fn factorize_with<P: Register<T>, const C: usize, const FUSED: bool>(
        &mut self,
        shift: T,
        jacobian: &[T],
    ) -> T {
        let mut growth = T::zero();
        for j in 0..self.sparse.len() {
            growth = self.sparse_column::<FUSED>(j, shift, jacobian, growth);
        }
        self.block.begin();
        let entries = self.block.entries_mut();
        for (&at, &value) in self.places.iter().zip(jacobian) {
            entries[at as usize] = -value;
        }
        self.block.shift(shift);
        if !self.sparse.is_empty() {
            for j in 0..self.dense.len() {
                self.block_column::<FUSED>(j, jacobian);
            }
        }
        let mut largest = P::splat(growth);
        self.block.factorize::<P, C>(&mut largest);
        let mut each = [T::zero(); SIDE];
        largest.store(&mut each);
        for x in each {
            growth = larger(growth, x);
        }
        for &inverse in self.inverse_pivots.iter().chain(&self.block.inverse_pivots) {
            // Adds 0 where finite, spoils the growth otherwise.
            growth += inverse * T::zero();
        }
        growth
    }

    /// Column j of the sparse ones: less what earlier pivots take from it, and divided by its pivot.
    #[inline(always)]
    fn sparse_column<const FUSED: bool>(
        &mut self,
        j: usize,
        shift: T,
        jacobian: &[T],
        mut growth: T,
    ) -> T {
        let (first, work) = (self.block.rows(), self.work.as_flattened_mut());
        let column = self.dense.len() + j;
        for &k in self.upper.list(column) {
            work[first + k as usize] = T::zero();
        }
        for &i in self.lower.list(j) {
            work[i as usize] = T::zero();
        }
        work[first + j] = T::zero();
        for &(i, slot) in self.sources.list(j) {
            work[i as usize] = -jacobian[slot as usize];
        }
        work[first + j] += shift;
        for at in self.upper.range(column) {
            let k = self.upper.values[at] as usize;
            let u = work[first + k];
            self.upper_values[at] = u;
            subtract_at::<T, FUSED>(work, u, &self.lower, &self.lower_values, k);
        }
        let inverse = T::one() / work[first + j];
        self.inverse_pivots[j] = inverse;
        let range = self.lower.range(j);
        let rows = &self.lower.values[range.clone()];
        for (&i, value) in rows.iter().zip(&mut self.lower_values[range]) {
            *value = work[i as usize] * inverse;
            growth = larger(growth, *value);
        }
        growth
    }

    /// Column j of the block: its part of U, and what the sparse pivots take from the rest.
    #[inline(always)]
    fn block_column<const FUSED: bool>(&mut self, j: usize, jacobian: &[T]) {
        let (first, work) = (self.block.rows(), self.work.as_flattened_mut());
        for &k in self.upper.list(j) {
            work[first + k as usize] = T::zero();
        }
        for &(i, slot) in self.above.list(j) {
            work[i as usize] = -jacobian[slot as usize];
        }
        for at in self.upper.range(j) {
            let k = self.upper.values[at] as usize;
            let u = work[first + k];
            self.upper_values[at] = u;
            let (range, in_block) = (self.lower.range(k), self.lower_in_block[k]);
            let rows = &self.lower.values[range.clone()];
            let values = &self.lower_values[range];
            let (rows, sparse_rows) = rows.split_at(in_block);
            let (values, sparse_values) = values.split_at(in_block);
            let column = self.block.column(j);
            for (&i, &value) in rows.iter().zip(values) {
                let at = column + self.block.row(i as usize);
                let entry = &mut self.block.entries_mut()[at];
                *entry = less::<T, FUSED>(*entry, u, value);
            }
            for (&i, &value) in sparse_rows.iter().zip(sparse_values) {
                let work = &mut work[i as usize];
                *work = less::<T, FUSED>(*work, u, value);
            }
        }
    }

    #[inline(always)]
    pub(super) fn solve_with<P: Register<T>, const FUSED: bool>(&mut self, b: &mut [T]) {
        let (first, sparse) = (self.block.rows(), self.sparse.len());
        let work = self.work.as_flattened_mut();
        for (w, &i) in work.iter_mut().zip(&self.dense) {
            *w = b[i];
        }
        for (w, &i) in work[first..].iter_mut().zip(&self.sparse) {
            *w = b[i];
        }
        for k in 0..sparse {
            subtract_at::<T, FUSED>(work, work[first + k], &self.lower, &self.lower_values, k);
        }
        self.block.solve::<P>(&mut self.work);
        let work = self.work.as_flattened_mut();
        if sparse > 0 {
            let (block, rest) = work.split_at_mut(first);
            for (j, &x) in block[..self.dense.len()].iter().enumerate() {
                subtract_at::<T, FUSED>(rest, x, &self.upper, &self.upper_values, j);
            }
            for j in (0..sparse).rev() {
                let x = rest[j] * self.inverse_pivots[j];
                rest[j] = x;
                let column = self.dense.len() + j;
                subtract_at::<T, FUSED>(rest, x, &self.upper, &self.upper_values, column);
            }
        }
        for (&w, &i) in work.iter().zip(&self.dense) {
            b[i] = w;
        }
        for (&w, &i) in work[first..].iter().zip(&self.sparse) {
            b[i] = w;
        }
    }
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

/// The factorisation, compiled for AVX-512 and AVX2.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{FixedLu, SIDE};
    use crate::Scalar;
    use crate::pack::has_avx2_fma;
    use crate::pack::x86::{Avx512, TwoAvx};
    use std::any::TypeId;

    /// The factors as what they are, if that is doubles.
    #[inline(always)]
    fn of_doubles<T: Scalar>(lu: &mut FixedLu<T>) -> Option<&mut FixedLu<f64>> {
        let same = TypeId::of::<T>() == TypeId::of::<f64>();
        // SAFETY: the two types are the same one.
        same.then(|| unsafe { &mut *std::ptr::from_mut(lu).cast() })
    }

    #[inline(always)]
    fn doubles<T: Scalar>(x: &[T]) -> Option<&[f64]> {
        crate::pack::doubles::<T, 1, 1>(x.as_chunks().0).map(<[_]>::as_flattened)
    }

    #[inline(always)]
    pub fn factorize<T: Scalar>(lu: &mut FixedLu<T>, shift: T, jacobian: &[T]) -> Option<T> {
        let avx2 = has_avx2_fma();
        // SAFETY: the processor is asked for the features that the functions need.
        unsafe {
            if let (Some(lu), Some(jacobian)) = (of_doubles(lu), doubles(jacobian)) {
                let shift = shift.as_f64();
                if avx2 && is_x86_feature_detected!("avx512f") {
                    return Some(T::of(factorize_avx512(lu, shift, jacobian)));
                }
                return avx2.then(|| T::of(factorize_two_avx(lu, shift, jacobian)));
            }
            avx2.then(|| factorize_avx2(lu, shift, jacobian))
        }
    }

    /// Whether it was done here.
    #[inline(always)]
    pub fn solve<T: Scalar>(lu: &mut FixedLu<T>, b: &mut [T]) -> bool {
        let avx2 = has_avx2_fma();
        let chunks = crate::pack::doubles_mut::<T, 1, 1>(b.as_chunks_mut().0);
        // SAFETY: as above.
        unsafe {
            if let (Some(lu), Some(b)) = (of_doubles(lu), chunks) {
                let b = b.as_flattened_mut();
                if avx2 && is_x86_feature_detected!("avx512f") {
                    solve_avx512(lu, b);
                    return true;
                }
                if avx2 {
                    solve_two_avx(lu, b);
                }
                return avx2;
            }
            if avx2 {
                solve_avx2(lu, b);
            }
            avx2
        }
    }

    #[target_feature(enable = "avx512f,avx2,fma")]
    fn factorize_avx512(lu: &mut FixedLu<f64>, shift: f64, jacobian: &[f64]) -> f64 {
        lu.factorize_with::<Avx512, SIDE, true>(shift, jacobian)
    }
    #[target_feature(enable = "avx2,fma")]
    pub fn factorize_two_avx(lu: &mut FixedLu<f64>, shift: f64, jacobian: &[f64]) -> f64 {
        lu.factorize_with::<TwoAvx, 4, true>(shift, jacobian)
    }
    /// Other numbers than doubles, as the compiler arranges them.
    #[target_feature(enable = "avx2,fma")]
    fn factorize_avx2<T: Scalar>(lu: &mut FixedLu<T>, shift: T, jacobian: &[T]) -> T {
        lu.factorize_with::<[T; SIDE], 1, true>(shift, jacobian)
    }
    #[target_feature(enable = "avx512f,avx2,fma")]
    fn solve_avx512(lu: &mut FixedLu<f64>, b: &mut [f64]) {
        lu.solve_with::<Avx512, true>(b);
    }
    #[target_feature(enable = "avx2,fma")]
    pub fn solve_two_avx(lu: &mut FixedLu<f64>, b: &mut [f64]) {
        lu.solve_with::<TwoAvx, true>(b);
    }
    #[target_feature(enable = "avx2,fma")]
    fn solve_avx2<T: Scalar>(lu: &mut FixedLu<T>, b: &mut [T]) {
        lu.solve_with::<[T; SIDE], true>(b);
    }
}
