//! LU of W matrices side by side along a pattern analysed once: a few sparse pivots, then a dense block worked in tiles held in registers.
mod doubles;
mod matrix;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::SparsityPattern;
use super::ragged::Ragged;
use super::symbolic::Symbolic;
use super::tiles::{Block, TILE};
use crate::Scalar;
use crate::aligned::Aligned;
use crate::pack::Pack;
use matrix::Matrix;

/// A position of the block that J has no entry for.
const NONE: u32 = u32::MAX;

/// Factors of shift·I − J in elimination order, W at a time. The first `sparse` positions are eliminated through lists, the others form the block,
/// whose dimension is a multiple of [`TILE`]. What couples the two is stored in pieces of [`TILE`] values, padded with zeros.
#[derive(Clone, Debug)]
pub(super) struct LaneLu<T, const W: usize> {
    order: Vec<usize>,
    sparse: usize,
    /// Per column: entries of J in rows that are sparse positions (or, in sparse columns, all), as (position of the row, index into the values).
    sources: Ragged<(u32, u32)>,
    /// Rows of L among the sparse positions, and the values.
    lower: Ragged<u32>,
    lower_values: Aligned<T, W>,
    /// Per sparse pivot: the tiles of rows of the block that its column of L meets, and their values.
    lower_tiles: Ragged<u32>,
    lower_pieces: Aligned<T, W>,
    /// Per column: the sparse rows of U, and where in `upper_values` (sparse columns) or `upper_pieces` (block) the value is.
    upper: Ragged<(u32, u32)>,
    upper_values: Aligned<T, W>,
    /// Per sparse pivot: the tiles of columns of the block that its row of U meets, and their values.
    upper_tiles: Ragged<u32>,
    upper_pieces: Aligned<T, W>,
    /// Of the sparse pivots.
    inverse_pivots: Aligned<T, W>,
    /// The block, tile by tile and row by row: index into the values of J.
    slots: Vec<[u32; TILE * TILE]>,
    /// Per tile of the block: the pieces of L and of U whose products are taken from it.
    couplings: Ragged<(u32, u32)>,
    block: Block<T, W>,
    work: Aligned<T, W>,
}

impl<T: Scalar, const W: usize> LaneLu<T, W> {
    pub fn new(pattern: &SparsityPattern, symbolic: Symbolic) -> Self {
        let n = pattern.dim();
        let sparse = symbolic.sparse_pivots();
        let m = n - sparse;
        let tiles = m / TILE;
        let mut position = vec![0; n];
        for (k, &i) in symbolic.order.iter().enumerate() {
            position[i] = k;
        }
        let mut slots = vec![[NONE; TILE * TILE]; tiles * tiles];
        let mut sources = Vec::with_capacity(n);
        for (j, &original) in symbolic.order.iter().enumerate() {
            let start = pattern.col_offsets()[original];
            let mut list = Vec::new();
            for (k, &i) in pattern.column(original).iter().enumerate() {
                let (row, slot) = (position[i], (start + k) as u32);
                if j >= sparse && row >= sparse {
                    let (i, j) = (row - sparse, j - sparse);
                    slots[i / TILE * tiles + j / TILE][i % TILE * TILE + j % TILE] = slot;
                } else {
                    list.push((row as u32, slot));
                }
            }
            sources.push(list);
        }
        let tile_of = |i: usize| ((i - sparse) / TILE) as u32;
        let lower_tiles = Ragged::collect(symbolic.lower.iter().map(|rows| {
            let mut met: Vec<u32> = rows
                .iter()
                .filter(|&&i| i >= sparse)
                .map(|&i| tile_of(i))
                .collect();
            met.dedup();
            met
        }));
        let mut met = vec![Vec::new(); sparse];
        for j in sparse..n {
            for &k in &symbolic.upper[j] {
                if met[k].last() != Some(&tile_of(j)) {
                    met[k].push(tile_of(j));
                }
            }
        }
        let upper_tiles = Ragged::collect(met.into_iter());
        let mut sparse_entries = 0;
        let upper = Ragged::collect((0..n).map(|j| {
            let place = |&k: &usize| {
                let at = if j < sparse {
                    sparse_entries += 1;
                    sparse_entries - 1
                } else {
                    let at = upper_tiles.list(k).partition_point(|&t| t < tile_of(j));
                    (upper_tiles.range(k).start + at) * TILE + (j - sparse) % TILE
                };
                (k as u32, at as u32)
            };
            symbolic.upper[j].iter().map(place).collect::<Vec<_>>()
        }));
        let couplings = Ragged::collect((0..tiles * tiles).map(|t| {
            let (row, column) = ((t / tiles) as u32, (t % tiles) as u32);
            let piece = |tiles: &Ragged<u32>, k: usize, tile: u32| {
                let at = tiles.list(k).binary_search(&tile).ok()?;
                Some(((tiles.range(k).start + at) * TILE) as u32)
            };
            (0..sparse)
                .filter_map(|k| {
                    Some((
                        piece(&lower_tiles, k, row)?,
                        piece(&upper_tiles, k, column)?,
                    ))
                })
                .collect::<Vec<_>>()
        }));
        let lower = Ragged::collect(symbolic.lower.iter().map(|rows| {
            rows.iter()
                .filter(|&&i| i < sparse)
                .map(|&i| i as u32)
                .collect::<Vec<_>>()
        }));
        Self {
            order: symbolic.order,
            sparse,
            sources: Ragged::collect(sources.into_iter()),
            lower_values: Aligned::zeros(lower.values.len()),
            lower,
            lower_pieces: Aligned::zeros(lower_tiles.values.len() * TILE),
            lower_tiles,
            upper,
            upper_values: Aligned::zeros(sparse_entries),
            upper_pieces: Aligned::zeros(upper_tiles.values.len() * TILE),
            upper_tiles,
            inverse_pivots: Aligned::zeros(sparse),
            slots,
            couplings,
            block: Block::new(m),
            work: Aligned::zeros(n),
        }
    }

    /// Factorises. Returns the largest multiplier of each lane, not-a-number where a pivot is 0 or not finite.
    #[inline(always)]
    pub fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [T; W] {
        if const { T::DOUBLE && (W == 8 || W == 4) } {
            return doubles::factorize(self, shift, jacobian);
        }
        self.factorize_plain(shift, jacobian)
    }

    /// As the compiler arranges lanes.
    #[inline(never)]
    fn factorize_plain(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [T; W] {
        self.factorize_with::<[T; W], 1>(shift, jacobian)
    }

    /// As the compiler arranges lanes.
    #[inline(never)]
    fn solve_plain(&mut self, b: &mut [[T; W]]) {
        self.solve_with::<[T; W], 2>(b);
    }

    /// The smallest reciprocal of a pivot, in size, of each lane.
    pub fn smallest_inverse(&self) -> [T; W] {
        let mut least = [T::infinity(); W];
        for inverse in self.inverse_pivots.iter() {
            for l in 0..W {
                least[l] = least[l].min(inverse[l].abs());
            }
        }
        least
    }

    /// Replaces b by the solution.
    #[inline(always)]
    pub fn solve(&mut self, b: &mut [[T; W]]) {
        if const { T::DOUBLE && (W == 8 || W == 4) } {
            return doubles::solve(self, b);
        }
        self.solve_plain(b);
    }

    /// `R` rows of accumulators are held at a time where a tile would not fit into the registers.
    #[inline(always)]
    fn factorize_with<P: Pack<T, W>, const R: usize>(
        &mut self,
        shift: &[T; W],
        jacobian: &[[T; W]],
    ) -> [T; W] {
        let (n, sparse) = (self.order.len(), self.sparse);
        let mut growth = P::zero();
        for j in 0..sparse {
            self.sparse_column::<P>(j, shift, jacobian, &mut growth);
        }
        if sparse > 0 {
            for j in sparse..n {
                self.upper_column::<P>(j, jacobian);
            }
        }
        let matrix = Matrix {
            slots: &self.slots,
            couplings: &self.couplings,
            lower: &self.lower_pieces,
            upper: &self.upper_pieces,
            jacobian,
            shift: P::load(shift),
            tiles: (n - sparse) / TILE,
        };
        self.block.factorize::<P, _, R>(&mut growth, &matrix);
        let mut result = [T::zero(); W];
        growth.store(&mut result);
        let pivots = self.inverse_pivots.iter();
        for inverse in pivots.chain(self.block.inverse_pivots()) {
            for l in 0..W {
                // Adds 0 where finite, spoils the growth otherwise.
                result[l] += inverse[l] * T::zero();
            }
        }
        result
    }

    /// Column j of the matrix, a sparse one, less what earlier pivots take from it: its parts of U and L.
    #[inline(always)]
    fn sparse_column<P: Pack<T, W>>(
        &mut self,
        j: usize,
        shift: &[T; W],
        jacobian: &[[T; W]],
        growth: &mut P,
    ) {
        let (zero, sparse) = ([T::zero(); W], self.sparse);
        let work = &mut self.work[..];
        for &(k, _) in self.upper.list(j) {
            work[k as usize] = zero;
        }
        for &i in self.lower.list(j) {
            work[i as usize] = zero;
        }
        for &tile in self.lower_tiles.list(j) {
            work[sparse + tile as usize * TILE..][..TILE].fill(zero);
        }
        work[j] = *shift;
        for &(i, slot) in self.sources.list(j) {
            let w = &mut work[i as usize];
            P::load(w)
                .plus(P::load(&jacobian[slot as usize]).negated())
                .store(w);
        }
        for &(k, at) in self.upper.list(j) {
            let k = k as usize;
            self.upper_values[at as usize] = work[k];
            let u = P::load(&work[k]);
            for at in self.lower.range(k) {
                let w = &mut work[self.lower.values[at] as usize];
                P::load(w).less(u, P::load(&self.lower_values[at])).store(w);
            }
            for at in self.lower_tiles.range(k) {
                let rows =
                    &mut work[sparse + self.lower_tiles.values[at] as usize * TILE..][..TILE];
                for (w, l) in rows.iter_mut().zip(&self.lower_pieces[at * TILE..][..TILE]) {
                    P::load(w).less(u, P::load(l)).store(w);
                }
            }
        }
        let inverse = P::load(&work[j]).reciprocal();
        inverse.store(&mut self.inverse_pivots[j]);
        for at in self.lower.range(j) {
            let l = P::load(&work[self.lower.values[at] as usize]).times(inverse);
            *growth = l.size_or(*growth);
            l.store(&mut self.lower_values[at]);
        }
        for at in self.lower_tiles.range(j) {
            let rows = &work[sparse + self.lower_tiles.values[at] as usize * TILE..][..TILE];
            for (w, piece) in rows.iter().zip(&mut self.lower_pieces[at * TILE..][..TILE]) {
                let l = P::load(w).times(inverse);
                *growth = l.size_or(*growth);
                l.store(piece);
            }
        }
    }

    /// The sparse rows of column j of U, a column of the block.
    #[inline(always)]
    fn upper_column<P: Pack<T, W>>(&mut self, j: usize, jacobian: &[[T; W]]) {
        let work = &mut self.work[..];
        for &(k, _) in self.upper.list(j) {
            work[k as usize] = [T::zero(); W];
        }
        for &(i, slot) in self.sources.list(j) {
            P::load(&jacobian[slot as usize])
                .negated()
                .store(&mut work[i as usize]);
        }
        for &(k, at) in self.upper.list(j) {
            let u = P::load(&work[k as usize]);
            u.store(&mut self.upper_pieces[at as usize]);
            for at in self.lower.range(k as usize) {
                let w = &mut work[self.lower.values[at] as usize];
                P::load(w).less(u, P::load(&self.lower_values[at])).store(w);
            }
        }
    }

    #[inline(always)]
    fn solve_with<P: Pack<T, W>, const R: usize>(&mut self, b: &mut [[T; W]]) {
        let sparse = self.sparse;
        let (head, block) = self.work.split_at_mut(sparse);
        for (w, &i) in head.iter_mut().zip(&self.order) {
            *w = b[i];
        }
        for (w, &i) in block.iter_mut().zip(&self.order[sparse..]) {
            *w = b[i];
        }
        for k in 0..sparse {
            let x = P::load(&head[k]);
            for at in self.lower.range(k) {
                let w = &mut head[self.lower.values[at] as usize];
                P::load(w).less(x, P::load(&self.lower_values[at])).store(w);
            }
            for at in self.lower_tiles.range(k) {
                let rows = &mut block[self.lower_tiles.values[at] as usize * TILE..][..TILE];
                for (w, l) in rows.iter_mut().zip(&self.lower_pieces[at * TILE..][..TILE]) {
                    P::load(w).less(x, P::load(l)).store(w);
                }
            }
        }
        self.block.solve::<P, R>(block);
        for k in 0..sparse {
            let mut sum = P::load(&head[k]);
            for at in self.upper_tiles.range(k) {
                let x = &block[self.upper_tiles.values[at] as usize * TILE..][..TILE];
                for (x, u) in x.iter().zip(&self.upper_pieces[at * TILE..][..TILE]) {
                    sum = sum.less(P::load(x), P::load(u));
                }
            }
            sum.store(&mut head[k]);
        }
        for j in (0..sparse).rev() {
            let x = P::load(&head[j]).times(P::load(&self.inverse_pivots[j]));
            x.store(&mut head[j]);
            for &(k, at) in self.upper.list(j) {
                let w = &mut head[k as usize];
                P::load(w)
                    .less(x, P::load(&self.upper_values[at as usize]))
                    .store(w);
            }
        }
        for (w, &i) in self.work.iter().zip(&self.order) {
            b[i] = *w;
        }
    }

    /// This factorisation as one of doubles in `V` lanes, if that is what it is.
    #[inline(always)]
    fn of_doubles<const V: usize>(&mut self) -> Option<&mut LaneLu<f64, V>> {
        use std::any::TypeId;
        let same = TypeId::of::<Self>() == TypeId::of::<LaneLu<f64, V>>();
        // SAFETY: the two types are the same one.
        same.then(|| unsafe { &mut *std::ptr::from_mut(self).cast() })
    }
}
