//! The dense block of a factorisation over lanes, in tiles: every number is loaded once per tile, not once per pivot.
use crate::Scalar;
use crate::pack::Pack;

/// Rows and columns of a tile.
pub(super) const TILE: usize = 4;

/// Where a tile's entries above and below its diagonal are.
const ABOVE: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
const BELOW: [(usize, usize); 6] = [(1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2)];

// Arrays are filled by loops here: `array::from_fn` and `map` may be compiled as functions for the baseline, and a call to one of them puts every
// accumulator on the stack. The 224-reaction network, eight lanes: 0.226 ms a model
// instead of 0.243.

/// R rows of `length` items, from `start` on, every `stride` items.
#[inline(always)]
fn rows<V, const R: usize>(a: &[V], start: usize, stride: usize, length: usize) -> [&[V]; R] {
    let mut rows = [&a[..0]; R];
    for r in 0..R {
        rows[r] = &a[start + r * stride..][..length];
    }
    rows
}

/// The first R items.
#[inline(always)]
fn loaded<T: Scalar, P: Pack<T, W>, const W: usize, const R: usize>(from: &[[T; W]]) -> [P; R] {
    let from = &from[..R];
    let mut loaded = [P::zero(); R];
    for r in 0..R {
        loaded[r] = P::load(&from[r]);
    }
    loaded
}

/// The matrix to factorise.
pub(super) trait Begin<P> {
    /// R × C entries from row i, column j on, within one tile.
    fn tile<const R: usize, const C: usize>(&self, i: usize, j: usize) -> [[P; C]; R];
}

/// LU without pivoting of an m × m matrix of lanes, row by row, m a multiple of [`TILE`]; L below the diagonal, U on and above it.
///
/// `R` rows or columns of a tile are accumulated at a time: as many as the registers hold. `growth` rises to the largest multiplier.
#[inline(always)]
pub(super) fn factorize<T: Scalar, P: Pack<T, W>, B, const W: usize, const R: usize>(
    a: &mut [[T; W]],
    inverse_pivots: &mut [[T; W]],
    m: usize,
    growth: &mut P,
    matrix: &B,
) where
    B: Begin<P>,
{
    for p in (0..m).step_by(TILE) {
        for i in (p..p + TILE).step_by(R) {
            let rows = updated::<T, P, B, W, R, TILE>(a, m, i, p, p, matrix);
            for r in 0..R {
                for c in 0..TILE {
                    rows[r][c].store(&mut a[(i + r) * m + p + c]);
                }
            }
        }
        diagonal::<T, P, W>(a, inverse_pivots, m, p, growth);
        let at = |r: usize, c: usize| (p + r) * m + p + c;
        let inverse = loaded::<T, P, W, TILE>(&inverse_pivots[p..]);
        let mut u = [P::zero(); 6];
        for (u, (r, c)) in u.iter_mut().zip(ABOVE) {
            *u = P::load(&a[at(r, c)]);
        }
        for i in (p + TILE..m).step_by(R) {
            let rows = updated::<T, P, B, W, R, TILE>(a, m, i, p, p, matrix);
            for r in 0..R {
                let x = rows[r];
                let l0 = x[0].times(inverse[0]);
                let l1 = x[1].less(l0, u[0]).times(inverse[1]);
                let l2 = x[2].less(l0, u[1]).less(l1, u[3]).times(inverse[2]);
                let l3 = x[3]
                    .less(l0, u[2])
                    .less(l1, u[4])
                    .less(l2, u[5])
                    .times(inverse[3]);
                let to = &mut a[(i + r) * m + p..][..TILE];
                for (to, l) in to.iter_mut().zip([l0, l1, l2, l3]) {
                    *growth = l.size_or(*growth);
                    l.store(to);
                }
            }
        }
        let mut l = [P::zero(); 6];
        for (l, (r, c)) in l.iter_mut().zip(BELOW) {
            *l = P::load(&a[at(r, c)]);
        }
        for j in (p + TILE..m).step_by(R) {
            let rows = updated::<T, P, B, W, TILE, R>(a, m, p, j, p, matrix);
            for c in 0..R {
                let u0 = rows[0][c];
                let u1 = rows[1][c].less(l[0], u0);
                let u2 = rows[2][c].less(l[1], u0).less(l[2], u1);
                let u3 = rows[3][c].less(l[3], u0).less(l[4], u1).less(l[5], u2);
                for (r, u) in [u0, u1, u2, u3].into_iter().enumerate() {
                    u.store(&mut a[(p + r) * m + j + c]);
                }
            }
        }
    }
}

/// RR × CC entries from row i, column j on, less what the first `depth` pivots take from them.
#[inline(always)]
fn updated<T: Scalar, P: Pack<T, W>, B, const W: usize, const RR: usize, const CC: usize>(
    a: &[[T; W]],
    m: usize,
    i: usize,
    j: usize,
    depth: usize,
    matrix: &B,
) -> [[P; CC]; RR]
where
    B: Begin<P>,
{
    let mut sums = matrix.tile::<RR, CC>(i, j);
    // Equal lengths, so that one check serves all rows.
    let rows = rows::<_, RR>(a, i * m, m, depth);
    let mut upper = &a[j.min(a.len())..];
    for k in 0..depth {
        let u = loaded::<T, P, W, CC>(upper);
        for r in 0..RR {
            let l = P::load(&rows[r][k]);
            for c in 0..CC {
                sums[r][c] = sums[r][c].less(l, u[c]);
            }
        }
        upper = &upper[m..];
    }
    sums
}

/// LU of the tile on the diagonal, in place.
#[inline(always)]
fn diagonal<T: Scalar, P: Pack<T, W>, const W: usize>(
    a: &mut [[T; W]],
    inverse_pivots: &mut [[T; W]],
    m: usize,
    p: usize,
    growth: &mut P,
) {
    for k in 0..TILE {
        let inverse = P::load(&a[(p + k) * m + p + k]).reciprocal();
        inverse.store(&mut inverse_pivots[p + k]);
        for r in k + 1..TILE {
            let at = (p + r) * m + p;
            let l = P::load(&a[at + k]).times(inverse);
            *growth = l.size_or(*growth);
            l.store(&mut a[at + k]);
            for c in k + 1..TILE {
                let u = P::load(&a[(p + k) * m + p + c]);
                P::load(&a[at + c]).less(l, u).store(&mut a[at + c]);
            }
        }
    }
}

/// Replaces x by the solution of L U x = b, R rows at a time (a divisor of [`TILE`]).
#[inline(always)]
pub(super) fn solve<T: Scalar, P: Pack<T, W>, const W: usize, const R: usize>(
    a: &[[T; W]],
    inverse_pivots: &[[T; W]],
    m: usize,
    x: &mut [[T; W]],
) {
    for i in (0..m).step_by(R) {
        let (known, rest) = x.split_at_mut(i);
        let mut sums = loaded::<T, P, W, R>(rest);
        let rows = rows::<_, R>(a, i * m, m, i);
        for k in 0..i {
            let x = P::load(&known[k]);
            for r in 0..R {
                sums[r] = sums[r].less(P::load(&rows[r][k]), x);
            }
        }
        for k in 0..R {
            for r in k + 1..R {
                sums[r] = sums[r].less(P::load(&a[(i + r) * m + i + k]), sums[k]);
            }
            sums[k].store(&mut rest[k]);
        }
    }
    for i in (0..m).step_by(R).rev() {
        let (head, known) = x.split_at_mut(i + R);
        let mut sums = loaded::<T, P, W, R>(&head[i..]);
        let rows = rows::<_, R>(a, i * m + i + R, m, m - i - R);
        let known = &known[..m - i - R];
        // From the last on, as the substitution by columns of one lane does: the same bits.
        for k in (0..known.len()).rev() {
            let x = P::load(&known[k]);
            for r in 0..R {
                sums[r] = sums[r].less(P::load(&rows[r][k]), x);
            }
        }
        for k in (0..R).rev() {
            sums[k] = sums[k].times(P::load(&inverse_pivots[i + k]));
            for r in 0..k {
                sums[r] = sums[r].less(P::load(&a[(i + r) * m + i + k]), sums[k]);
            }
            sums[k].store(&mut head[i + k]);
        }
    }
}
