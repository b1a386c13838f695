//! The dense block of a factorisation over lanes, in tiles: every number is loaded once per tile, not once per pivot, and tiles lie in memory in the
//! order in which they are read.
use crate::Scalar;
use crate::aligned::Aligned;
use crate::pack::Pack;

/// Rows and columns of a tile.
pub(super) const TILE: usize = 4;
const ENTRIES: usize = TILE * TILE;

/// A tile's entries: of L column by column, of U and on the diagonal row by row.
type Tile<T, const W: usize> = [[T; W]; ENTRIES];

// Arrays are filled by loops here: `array::from_fn` and `map` may be compiled as functions for the baseline, and a call to one of them puts every
// accumulator on the stack. The 224-reaction network, eight lanes: 0.226 ms a model
// instead of 0.243.

/// The matrix to factorise.
pub(super) trait Begin<P> {
    /// R × C entries of the tile in this row and column of tiles, from row r, column c of the tile on.
    fn tile<const R: usize, const C: usize>(
        &self,
        row: usize,
        column: usize,
        r: usize,
        c: usize,
    ) -> [[P; C]; R];
}

/// Factors of a square matrix of lanes whose dimension is a multiple of [`TILE`].
///
/// A solve reads `lower`, then `upper`, each from its beginning to its end. Together with what else a step touches they are more than a first-level
/// cache holds: 50 KB for the 28 × 28 block of the 224-reaction network in eight lanes.
#[derive(Clone, Debug)]
pub(super) struct Block<T, const W: usize> {
    /// Rows and columns of tiles.
    tiles: usize,
    /// Tiles below the diagonal, row by row.
    lower: Aligned<T, W>,
    /// Tiles above the diagonal from the last on, row by row, backwards in a row too.
    upper: Aligned<T, W>,
    /// Tiles on the diagonal: L below it, U above it, on it the inverse pivots.
    diagonal: Aligned<T, W>,
}

/// Number of tiles in the first `rows` rows of a triangle without its diagonal.
fn triangle(rows: usize) -> usize {
    rows * rows.saturating_sub(1) / 2
}

fn tiles_of<T, const W: usize>(array: &[[T; W]]) -> &[Tile<T, W>] {
    array.as_chunks().0
}

fn tiles_mut<T, const W: usize>(array: &mut [[T; W]]) -> &mut [Tile<T, W>] {
    array.as_chunks_mut().0
}

impl<T: Scalar, const W: usize> Block<T, W> {
    pub fn new(dim: usize) -> Self {
        let tiles = dim / TILE;
        Self {
            tiles,
            lower: Aligned::zeros(triangle(tiles) * ENTRIES),
            upper: Aligned::zeros(triangle(tiles) * ENTRIES),
            diagonal: Aligned::zeros(tiles * ENTRIES),
        }
    }

    /// Inverse pivots, in the order of elimination.
    pub fn inverse_pivots(&self) -> impl Iterator<Item = &[T; W]> {
        self.diagonal
            .iter()
            .enumerate()
            .filter_map(|(k, x)| (k % ENTRIES).is_multiple_of(TILE + 1).then_some(x))
    }

    /// LU without pivoting, a row of tiles after the other: the part of U that is read again and again (25 KB) then stays in the first-level cache.
    ///
    /// `R` rows or columns of a tile are accumulated at a time: as many as the registers hold. `growth` rises to the largest multiplier.
    #[inline(always)]
    pub fn factorize<P: Pack<T, W>, B: Begin<P>, const R: usize>(
        &mut self,
        growth: &mut P,
        matrix: &B,
    ) {
        let n = self.tiles;
        let lower = tiles_mut(&mut self.lower);
        let upper = tiles_mut(&mut self.upper);
        let diagonal = tiles_mut(&mut self.diagonal);
        for i in 0..n {
            let (own, above) = upper.split_at_mut(triangle(n - i));
            let own = &mut own[triangle(n - i - 1)..];
            let left = &mut lower[triangle(i)..][..i];
            for j in 0..i {
                let (done, rest) = left.split_at_mut(j);
                let column = Column::new(above, n, i, j);
                lower_tile::<T, P, B, W, R>(
                    &mut rest[0],
                    done,
                    column,
                    &diagonal[j],
                    (i, j),
                    growth,
                    matrix,
                );
            }
            for r in (0..TILE).step_by(R) {
                let column = Column::new(above, n, i, i);
                let rows = updated::<T, P, B, W, R, TILE>(left, column, (i, i), r, 0, matrix);
                for p in 0..R {
                    for c in 0..TILE {
                        rows[p][c].store(&mut diagonal[i][(r + p) * TILE + c]);
                    }
                }
            }
            factorize_tile::<T, P, W>(&mut diagonal[i], growth);
            for (to, j) in own.iter_mut().zip((i + 1..n).rev()) {
                let column = Column::new(above, n, i, j);
                upper_tile::<T, P, B, W, R>(to, left, column, &diagonal[i], (i, j), matrix);
            }
        }
    }

    /// Replaces x by the solution, R rows at a time (a divisor of [`TILE`]).
    #[inline(always)]
    pub fn solve<P: Pack<T, W>, const R: usize>(&self, x: &mut [[T; W]]) {
        let n = self.tiles;
        let x: &mut [[[T; W]; TILE]] = x.as_chunks_mut().0;
        let diagonal = &tiles_of(&self.diagonal)[..n];
        let x = &mut x[..n];
        let mut lower = tiles_of(&self.lower);
        for i in 0..n {
            let (left, rest) = lower.split_at(i);
            lower = rest;
            let (known, rest) = x.split_at_mut(i);
            let own = &mut rest[0];
            for r in (0..TILE).step_by(R) {
                let mut sums = [P::zero(); R];
                for q in 0..R {
                    sums[q] = P::load(&own[r + q]);
                }
                for (tile, x) in left.iter().zip(&*known) {
                    for k in 0..TILE {
                        let x = P::load(&x[k]);
                        for q in 0..R {
                            sums[q] = sums[q].less(P::load(&tile[k * TILE + r + q]), x);
                        }
                    }
                }
                for k in 0..r {
                    let x = P::load(&own[k]);
                    for q in 0..R {
                        sums[q] = sums[q].less(P::load(&diagonal[i][(r + q) * TILE + k]), x);
                    }
                }
                for k in 0..R {
                    for q in k + 1..R {
                        let l = P::load(&diagonal[i][(r + q) * TILE + r + k]);
                        sums[q] = sums[q].less(l, sums[k]);
                    }
                    sums[k].store(&mut own[r + k]);
                }
            }
        }
        let mut upper = tiles_of(&self.upper);
        for i in (0..n).rev() {
            let (right, rest) = upper.split_at(n - 1 - i);
            upper = rest;
            let (head, known) = x.split_at_mut(i + 1);
            let own = &mut head[i];
            for r in (0..TILE).step_by(R).rev() {
                let mut sums = [P::zero(); R];
                for q in 0..R {
                    sums[q] = P::load(&own[r + q]);
                }
                // From the last on: what was found last is in the cache.
                for (tile, x) in right.iter().zip(known.iter().rev()) {
                    for k in (0..TILE).rev() {
                        let x = P::load(&x[k]);
                        for q in 0..R {
                            sums[q] = sums[q].less(P::load(&tile[(r + q) * TILE + k]), x);
                        }
                    }
                }
                for k in (r + R..TILE).rev() {
                    let x = P::load(&own[k]);
                    for q in 0..R {
                        sums[q] = sums[q].less(P::load(&diagonal[i][(r + q) * TILE + k]), x);
                    }
                }
                for k in (0..R).rev() {
                    let inverse = P::load(&diagonal[i][(r + k) * (TILE + 1)]);
                    sums[k] = sums[k].times(inverse);
                    for q in 0..k {
                        let u = P::load(&diagonal[i][(r + q) * TILE + r + k]);
                        sums[q] = sums[q].less(u, sums[k]);
                    }
                    sums[k].store(&mut own[r + k]);
                }
            }
        }
    }
}

/// The tiles of U in one column of tiles, from the first row on.
struct Column<'a, T, const W: usize> {
    /// The last tiles of `upper`, those of the rows above `i`.
    above: &'a [Tile<T, W>],
    /// How far from the end of its row the column is, and the rows of tiles below row 0.
    back: usize,
    below: usize,
    /// Number of tiles before those in `above`.
    skipped: usize,
}

impl<'a, T, const W: usize> Column<'a, T, W> {
    #[inline(always)]
    fn new(above: &'a [Tile<T, W>], n: usize, i: usize, j: usize) -> Self {
        Self {
            above,
            back: n - 1 - j,
            below: n - 1,
            skipped: triangle(n - i),
        }
    }

    /// The tile of row k, less than i and j.
    #[inline(always)]
    fn tile(&self, k: usize) -> &'a Tile<T, W> {
        &self.above[triangle(self.below - k) + self.back - self.skipped]
    }
}

/// R × C entries of tile (i, j), from row r, column c of the tile on, less what the pivots of the tiles in `left` take from them.
#[inline(always)]
fn updated<T: Scalar, P: Pack<T, W>, B, const W: usize, const R: usize, const C: usize>(
    left: &[Tile<T, W>],
    column: Column<'_, T, W>,
    (i, j): (usize, usize),
    r: usize,
    c: usize,
    matrix: &B,
) -> [[P; C]; R]
where
    B: Begin<P>,
{
    let mut sums = matrix.tile::<R, C>(i, j, r, c);
    for (k, l) in left.iter().enumerate() {
        let u = column.tile(k);
        for k in 0..TILE {
            let mut row = [P::zero(); C];
            for q in 0..C {
                row[q] = P::load(&u[k * TILE + c + q]);
            }
            for p in 0..R {
                let l = P::load(&l[k * TILE + r + p]);
                for q in 0..C {
                    sums[p][q] = sums[p][q].less(l, row[q]);
                }
            }
        }
    }
    sums
}

/// Row r, column c of a tile on the diagonal. (A function, for a closure may be compiled for the baseline.)
#[inline(always)]
fn entry<T: Scalar, P: Pack<T, W>, const W: usize>(tile: &Tile<T, W>, r: usize, c: usize) -> P {
    P::load(&tile[r * TILE + c])
}

/// A tile of L: what is left of the matrix there, times the inverse of the tile of U on the diagonal.
#[inline(always)]
fn lower_tile<T: Scalar, P: Pack<T, W>, B, const W: usize, const R: usize>(
    to: &mut Tile<T, W>,
    left: &[Tile<T, W>],
    column: Column<'_, T, W>,
    diagonal: &Tile<T, W>,
    (i, j): (usize, usize),
    growth: &mut P,
    matrix: &B,
) where
    B: Begin<P>,
{
    for r in (0..TILE).step_by(R) {
        let column = Column { ..column };
        let rows = updated::<T, P, B, W, R, TILE>(left, column, (i, j), r, 0, matrix);
        for p in 0..R {
            let x = rows[p];
            let l0 = x[0].times(entry::<T, P, W>(diagonal, 0, 0));
            let l1 = x[1]
                .less(l0, entry::<T, P, W>(diagonal, 0, 1))
                .times(entry::<T, P, W>(diagonal, 1, 1));
            let l2 = x[2]
                .less(l0, entry::<T, P, W>(diagonal, 0, 2))
                .less(l1, entry::<T, P, W>(diagonal, 1, 2))
                .times(entry::<T, P, W>(diagonal, 2, 2));
            let l3 = x[3]
                .less(l0, entry::<T, P, W>(diagonal, 0, 3))
                .less(l1, entry::<T, P, W>(diagonal, 1, 3))
                .less(l2, entry::<T, P, W>(diagonal, 2, 3));
            let l3 = l3.times(entry::<T, P, W>(diagonal, 3, 3));
            *growth = l3.size_or(l2.size_or(l1.size_or(l0.size_or(*growth))));
            l0.store(&mut to[r + p]);
            l1.store(&mut to[TILE + r + p]);
            l2.store(&mut to[2 * TILE + r + p]);
            l3.store(&mut to[3 * TILE + r + p]);
        }
    }
}

/// A tile of U: what is left of the matrix there, times the inverse of the tile of L on the diagonal.
#[inline(always)]
fn upper_tile<T: Scalar, P: Pack<T, W>, B, const W: usize, const R: usize>(
    to: &mut Tile<T, W>,
    left: &[Tile<T, W>],
    column: Column<'_, T, W>,
    diagonal: &Tile<T, W>,
    (i, j): (usize, usize),
    matrix: &B,
) where
    B: Begin<P>,
{
    for c in (0..TILE).step_by(R) {
        let column = Column { ..column };
        let x = updated::<T, P, B, W, TILE, R>(left, column, (i, j), 0, c, matrix);
        for q in 0..R {
            let u0 = x[0][q];
            let u1 = x[1][q].less(entry::<T, P, W>(diagonal, 1, 0), u0);
            let u2 = x[2][q]
                .less(entry::<T, P, W>(diagonal, 2, 0), u0)
                .less(entry::<T, P, W>(diagonal, 2, 1), u1);
            let u3 = x[3][q]
                .less(entry::<T, P, W>(diagonal, 3, 0), u0)
                .less(entry::<T, P, W>(diagonal, 3, 1), u1);
            let u3 = u3.less(entry::<T, P, W>(diagonal, 3, 2), u2);
            u0.store(&mut to[c + q]);
            u1.store(&mut to[TILE + c + q]);
            u2.store(&mut to[2 * TILE + c + q]);
            u3.store(&mut to[3 * TILE + c + q]);
        }
    }
}

/// LU of the tile on the diagonal, in place, with inverse pivots.
#[inline(always)]
fn factorize_tile<T: Scalar, P: Pack<T, W>, const W: usize>(tile: &mut Tile<T, W>, growth: &mut P) {
    for k in 0..TILE {
        let inverse = P::load(&tile[k * TILE + k]).reciprocal();
        inverse.store(&mut tile[k * TILE + k]);
        for r in k + 1..TILE {
            let l = P::load(&tile[r * TILE + k]).times(inverse);
            *growth = l.size_or(*growth);
            l.store(&mut tile[r * TILE + k]);
            for c in k + 1..TILE {
                let u = P::load(&tile[k * TILE + c]);
                P::load(&tile[r * TILE + c])
                    .less(l, u)
                    .store(&mut tile[r * TILE + c]);
            }
        }
    }
}
