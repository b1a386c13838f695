//! LU of one matrix along a pattern analysed once: no search, no allocation. Sparse columns first, a dense block last, in squares that run in vectors.
use super::SparsityPattern;
use super::ragged::Ragged;
use super::squares::{Block, Register, SIDE};
use super::symbolic::Symbolic;
use crate::Scalar;
use crate::aligned::Aligned;
use crate::pack::less;
use crate::row::{Row, parts};
use std::ptr;

/// Lists are worked in pairs: fewer branches, of which the last is hard to foretell. (Fours are faster still from 500 components on, and slower below 200.)
const GROUP: usize = 2;

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
    /// Per sparse pivot: rows of L in groups, those of the block first, and how many groups these are. What fills the last group is a row of zeros after all others.
    lower: Ragged<[u32; GROUP]>,
    lower_in_block: Vec<usize>,
    /// Where the rows of the block are in it, from where a column begins.
    lower_places: Vec<[u32; GROUP]>,
    lower_values: Vec<[T; GROUP]>,
    /// Per column, the block's first, then the sparse ones: sparse pivots of U, filled up in the same way, and how many they are without that.
    upper: Ragged<[u32; GROUP]>,
    upper_counts: Vec<usize>,
    upper_values: Vec<[T; GROUP]>,
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
        let order = &symbolic.order;
        // Within the block any order does: that of the components, so that a block of all of them is the vector itself.
        let mut positions: Vec<usize> = (sparse..n).collect();
        positions.sort_unstable_by_key(|&k| order[k]);
        let mut rows = vec![0; n];
        for (row, &k) in positions.iter().enumerate() {
            rows[order[k]] = row;
        }
        for (k, &i) in order[..sparse].iter().enumerate() {
            rows[i] = first + k;
        }
        let entries = |k: usize| {
            let j = order[k];
            let start = pattern.col_offsets()[j];
            let column = pattern.column(j).iter().enumerate();
            let rows = &rows;
            column.map(move |(k, &i)| (rows[i], (start + k) as u32))
        };
        let as_listed = |(row, slot): (usize, u32)| (row as u32, slot);
        let sources = Ragged::collect((0..sparse).map(|k| entries(k).map(as_listed)));
        let is_above = |entry: &(usize, u32)| entry.0 >= first;
        let above = positions.iter();
        let above = Ragged::collect(above.map(|&k| entries(k).filter(is_above).map(as_listed)));
        let mut places = vec![block.nowhere() as u32; pattern.nnz()];
        for (j, &k) in positions.iter().enumerate() {
            let column = block.column(j);
            for (i, slot) in entries(k).filter(|entry| !is_above(entry)) {
                places[slot as usize] = (column + block.row(i)) as u32;
            }
        }
        let nothing = (first + sparse) as u32;
        let mut lower_in_block = Vec::with_capacity(sparse);
        let lower = Ragged::collect(symbolic.lower.iter().map(|list| {
            let (inside, rest): (Vec<_>, Vec<_>) = list.iter().partition(|&&k| k >= sparse);
            let row = |&k: &usize| rows[order[k]] as u32;
            let mut groups = in_groups(inside.iter().map(row), nothing);
            lower_in_block.push(groups.len());
            groups.extend(in_groups(rest.iter().map(row), nothing));
            groups
        }));
        // What only fills a group has a multiplier of 0, wherever it goes.
        let place = |i: u32| {
            if (i as usize) < first {
                block.row(i as usize) as u32
            } else {
                0
            }
        };
        let lower_places = lower.values.iter().map(|group| group.map(place)).collect();
        let in_memory = || {
            positions
                .iter()
                .copied()
                .chain(0..sparse)
                .map(|j| &symbolic.upper[j])
        };
        let upper =
            in_memory().map(|list| in_groups(list.iter().map(|&k| k as u32), sparse as u32));
        let upper = Ragged::collect(upper);
        let upper_counts = in_memory().map(Vec::len).collect();
        let zero = T::zero();
        Self {
            dense: positions.iter().map(|&k| order[k]).collect(),
            sparse: symbolic.order[..sparse].to_vec(),
            sources,
            above,
            places,
            lower_values: vec![[zero; GROUP]; lower.values.len()],
            lower_in_block,
            lower_places,
            lower,
            upper_values: vec![[zero; GROUP]; upper.values.len()],
            upper,
            upper_counts,
            inverse_pivots: vec![zero; sparse],
            work: Aligned::zeros((first + sparse + 1).div_ceil(SIDE)),
            block,
        }
    }

    /// Factorises. Returns the largest multiplier, not-a-number where a pivot is 0 or not finite.
    #[inline(always)]
    pub fn factorize(&mut self, shift: T, jacobian: &[T]) -> T {
        if T::DOUBLE {
            // SAFETY: the numbers are doubles.
            let (lu, jacobian) = unsafe { of_doubles(self, jacobian) };
            return T::of(doubles::factorize(lu, shift.as_f64(), jacobian));
        }
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            // SAFETY: the processor has just been asked for the features that the function needs.
            return unsafe { x86::factorize_avx2(self, shift, jacobian) };
        }
        self.factorize_with::<[T; SIDE], 1, false>(shift, jacobian)
    }

    /// Replaces b by the solution.
    #[inline(always)]
    pub fn solve(&mut self, b: &mut [T]) {
        if T::DOUBLE {
            // SAFETY: as above.
            let (lu, b) = unsafe { of_doubles_mut(self, b) };
            return doubles::solve(lu, b);
        }
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            // SAFETY: as above.
            return unsafe { x86::solve_avx2(self, b) };
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
        let (fours, rest) = self.places.as_chunks::<4>();
        let (values, last) = jacobian[..self.places.len()].as_chunks::<4>();
        for (at, values) in fours.iter().zip(values) {
            for p in 0..4 {
                entries[at[p] as usize] = -values[p];
            }
        }
        for (&at, &value) in rest.iter().zip(last) {
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
        for &k in self.upper.list(column).as_flattened() {
            work[first + k as usize] = T::zero();
        }
        for &i in self.lower.list(j).as_flattened() {
            work[i as usize] = T::zero();
        }
        work[first + j] = T::zero();
        for &(i, slot) in self.sources.list(j) {
            work[i as usize] = -jacobian[slot as usize];
        }
        work[first + j] += shift;
        let range = self.upper.range(column);
        let pivots = &self.upper.values.as_flattened()[GROUP * range.start..];
        let upper = &mut self.upper_values.as_flattened_mut()[GROUP * range.start..];
        let count = self.upper_counts[column];
        for (&k, value) in pivots[..count].iter().zip(upper) {
            let u = work[first + k as usize];
            *value = u;
            subtract_at::<T, FUSED>(work, u, &self.lower, &self.lower_values, k as usize);
        }
        let inverse = T::one() / work[first + j];
        self.inverse_pivots[j] = inverse;
        let range = self.lower.range(j);
        let rows = self.lower.values[range.clone()].as_flattened();
        let values = self.lower_values[range].as_flattened_mut();
        for (&i, value) in rows.iter().zip(values) {
            *value = work[i as usize] * inverse;
            growth = larger(growth, *value);
        }
        growth
    }

    /// Column j of the block: its part of U, and what the sparse pivots take from the rest.
    #[inline(always)]
    fn block_column<const FUSED: bool>(&mut self, j: usize, jacobian: &[T]) {
        let (first, work) = (self.block.rows(), self.work.as_flattened_mut());
        let column = self.block.column(j);
        let column = &mut self.block.entries_mut()[column..];
        for &k in self.upper.list(j).as_flattened() {
            work[first + k as usize] = T::zero();
        }
        for &(i, slot) in self.above.list(j) {
            work[i as usize] = -jacobian[slot as usize];
        }
        let range = self.upper.range(j);
        let pivots = &self.upper.values.as_flattened()[GROUP * range.start..];
        let upper = &mut self.upper_values.as_flattened_mut()[GROUP * range.start..];
        for (&k, value) in pivots[..self.upper_counts[j]].iter().zip(upper) {
            let u = work[first + k as usize];
            *value = u;
            let range = self.lower.range(k as usize);
            let in_block = self.lower_in_block[k as usize];
            let (values, sparse_values) = self.lower_values[range.clone()].split_at(in_block);
            let places = &self.lower_places[range.clone()][..in_block];
            subtract_groups::<T, FUSED>(column, u, places, values);
            let rows = &self.lower.values[range][in_block..];
            subtract_groups::<T, FUSED>(work, u, rows, sparse_values);
        }
    }

    /// [`Self::solve_with`] where all rows are in the block, in their own order.
    #[inline(always)]
    fn solve_block<P: Row<T>>(&mut self, b: &mut [T]) {
        let (b, x) = (&mut b[..self.dense.len()], &mut self.work);
        parts!(b.len(), |at, len| {
            P::take(b, at, len).store(&mut x[at / SIDE]);
        });
        self.block.solve::<P>(x);
        parts!(b.len(), |at, len| {
            P::load(&x[at / SIDE]).put(b, at, len);
        });
    }

    #[inline(always)]
    pub(super) fn solve_with<P: Row<T>, const FUSED: bool>(&mut self, b: &mut [T]) {
        let (first, sparse) = (self.block.rows(), self.sparse.len());
        if sparse == 0 {
            return self.solve_block::<P>(b);
        }
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
        for (&w, &i) in work.iter().zip(&self.dense) {
            b[i] = w;
        }
        for (&w, &i) in work[first..].iter().zip(&self.sparse) {
            b[i] = w;
        }
    }
}

/// Row numbers in groups, the last filled up with `nothing`.
fn in_groups(rows: impl Iterator<Item = u32>, nothing: u32) -> Vec<[u32; GROUP]> {
    let mut rows: Vec<u32> = rows.collect();
    rows.resize(rows.len().next_multiple_of(GROUP), nothing);
    rows.as_chunks().0.to_vec()
}

/// work[i] -= x · value for the entries of list k.
#[inline(always)]
fn subtract_at<T: Scalar, const FUSED: bool>(
    work: &mut [T],
    x: T,
    rows: &Ragged<[u32; GROUP]>,
    values: &[[T; GROUP]],
    k: usize,
) {
    let range = rows.range(k);
    subtract_groups::<T, FUSED>(work, x, &rows.values[range.clone()], &values[range]);
}

/// work[i] -= x · value.
#[inline(always)]
fn subtract_groups<T: Scalar, const FUSED: bool>(
    work: &mut [T],
    x: T,
    rows: &[[u32; GROUP]],
    values: &[[T; GROUP]],
) {
    for (rows, values) in rows.iter().zip(values) {
        for p in 0..GROUP {
            let work = &mut work[rows[p] as usize];
            *work = less::<T, FUSED>(*work, x, values[p]);
        }
    }
}

/// The larger of `size` and |x|, `size` where x is not a number.
#[inline(always)]
fn larger<T: Scalar>(size: T, x: T) -> T {
    let own = x.abs();
    if own > size { own } else { size }
}

/// As what they are.
///
/// # Safety
///
/// T is `f64`.
#[inline(always)]
unsafe fn of_doubles<'a, T: Scalar>(
    lu: &'a mut FixedLu<T>,
    x: &'a [T],
) -> (&'a mut FixedLu<f64>, &'a [f64]) {
    unsafe {
        (
            &mut *ptr::from_mut(lu).cast(),
            &*(ptr::from_ref(x) as *const _),
        )
    }
}

/// As what they are.
///
/// # Safety
///
/// T is `f64`.
#[inline(always)]
unsafe fn of_doubles_mut<'a, T: Scalar>(
    lu: &'a mut FixedLu<T>,
    x: &'a mut [T],
) -> (&'a mut FixedLu<f64>, &'a mut [f64]) {
    unsafe {
        (
            &mut *ptr::from_mut(lu).cast(),
            &mut *(ptr::from_mut(x) as *mut _),
        )
    }
}

/// Of doubles: compiled once, here, and not wherever a solver is made.
pub(super) mod doubles {
    use super::{FixedLu, SIDE};

    pub fn factorize(lu: &mut FixedLu<f64>, shift: f64, jacobian: &[f64]) -> f64 {
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            // SAFETY: the processor has been asked for the features that the functions need.
            return unsafe {
                if is_x86_feature_detected!("avx512f") {
                    super::x86::factorize_avx512(lu, shift, jacobian)
                } else {
                    super::x86::factorize_two_avx(lu, shift, jacobian)
                }
            };
        }
        lu.factorize_with::<[f64; SIDE], 1, false>(shift, jacobian)
    }

    pub fn solve(lu: &mut FixedLu<f64>, b: &mut [f64]) {
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            // SAFETY: as above.
            return unsafe {
                if is_x86_feature_detected!("avx512f") {
                    super::x86::solve_avx512(lu, b);
                } else {
                    super::x86::solve_two_avx(lu, b);
                }
            };
        }
        lu.solve_with::<[f64; SIDE], false>(b);
    }
}

/// The factorisation, compiled for AVX-512 and AVX2.
#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{FixedLu, SIDE};
    use crate::Scalar;
    use crate::pack::x86::{Avx512, TwoAvx};

    #[target_feature(enable = "avx512f,avx2,fma")]
    pub fn factorize_avx512(lu: &mut FixedLu<f64>, shift: f64, jacobian: &[f64]) -> f64 {
        lu.factorize_with::<Avx512, SIDE, true>(shift, jacobian)
    }
    #[target_feature(enable = "avx2,fma")]
    pub fn factorize_two_avx(lu: &mut FixedLu<f64>, shift: f64, jacobian: &[f64]) -> f64 {
        lu.factorize_with::<TwoAvx, 4, true>(shift, jacobian)
    }
    /// Other numbers than doubles, as the compiler arranges them.
    #[target_feature(enable = "avx2,fma")]
    pub fn factorize_avx2<T: Scalar>(lu: &mut FixedLu<T>, shift: T, jacobian: &[T]) -> T {
        lu.factorize_with::<[T; SIDE], 1, true>(shift, jacobian)
    }
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub fn solve_avx512(lu: &mut FixedLu<f64>, b: &mut [f64]) {
        lu.solve_with::<Avx512, true>(b);
    }
    #[target_feature(enable = "avx2,fma")]
    pub fn solve_two_avx(lu: &mut FixedLu<f64>, b: &mut [f64]) {
        lu.solve_with::<TwoAvx, true>(b);
    }
    #[target_feature(enable = "avx2,fma")]
    pub fn solve_avx2<T: Scalar>(lu: &mut FixedLu<T>, b: &mut [T]) {
        lu.solve_with::<[T; SIDE], true>(b);
    }
}
