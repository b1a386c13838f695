//! The hot loops, written once over [`Vector`]: products with blocks of samples and weight gradients.

use super::vector::Vector;
use crate::batch::LANES;
use num_traits::Zero;

/// Runs `$body` with the constant `R` equal to `$rows`; what is beyond the register set's own limit is cut away.
macro_rules! with_rows {
    ($limit:expr, $rows:expr, [$($r:literal)*], $body:expr) => {
        match $rows {
            $($r if $r <= $limit => {
                const R: usize = $r;
                $body
            })*
            _ => {}
        }
    };
}

/// What a product is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing.
    Zero,
    /// The bias packed with the weights.
    Bias,
    /// What the output holds already.
    Output,
}

/// Bytes of x that the weight gradient works on at a time: half of a 48 KiB first-level cache, which y shares.
const COLUMN_BYTES: usize = 24 << 10;

/// y = W x + (nothing, b or y, by `start`) on `blocks` blocks. `panels` holds W in tiles of `tile` rows: `[tile][1 + depth][row]`, the first line being b.
///
/// # Safety
/// Instruction set detected; `panels` of ⌈rows / tile⌉ (1 + depth) tile numbers, `x` of blocks × depth × LANES,
/// `y` of blocks × rows × LANES; 1 ≤ tile ≤ V::TILE.
#[inline(always)]
pub(super) unsafe fn product<V: Vector>(
    panels: *const V::T,
    tile: usize,
    rows: usize,
    depth: usize,
    start: Start,
    x: *const V::T,
    y: *mut V::T,
    blocks: usize,
) {
    let mut first = 0;
    let mut panel = panels;
    while first < rows {
        let valid = tile.min(rows - first);
        for b in 0..blocks {
            // SAFETY: within the lengths that the caller guarantees.
            unsafe {
                let x = x.add(b * depth * LANES);
                let y = y.add((b * rows + first) * LANES);
                with_rows!(
                    V::TILE,
                    tile,
                    [1 2 3 4 5 6 7 8 9 10 11 12],
                    product_tile::<V, R>(panel, depth, start, x, y, valid)
                );
            }
        }
        // SAFETY: at most one past the last panel.
        panel = unsafe { panel.add((1 + depth) * tile) };
        first += tile;
    }
}

/// R rows of outputs, two registers of lanes at a time, all in registers over the whole depth.
#[inline(always)]
unsafe fn product_tile<V: Vector, const R: usize>(
    panel: *const V::T,
    depth: usize,
    start: Start,
    x: *const V::T,
    y: *mut V::T,
    valid: usize,
) {
    // SAFETY: the caller guarantees the lengths; see `product`.
    unsafe {
        let mut lane = 0;
        while lane < LANES {
            let mut acc = [[V::splat(V::T::zero()); 2]; R];
            for r in 0..R {
                match start {
                    Start::Zero => {}
                    Start::Bias => acc[r] = [V::splat(*panel.add(r)); 2],
                    Start::Output => {
                        if r < valid {
                            let out = y.add(r * LANES + lane);
                            acc[r] = [V::load(out), V::load(out.add(V::N))];
                        }
                    }
                }
            }
            let mut w = panel.add(R);
            let mut xi = x.add(lane);
            for _ in 0..depth {
                let (x0, x1) = (V::load(xi), V::load(xi.add(V::N)));
                for r in 0..R {
                    let wr = V::splat(*w.add(r));
                    acc[r] = [wr.fma(x0, acc[r][0]), wr.fma(x1, acc[r][1])];
                }
                w = w.add(R);
                xi = xi.add(LANES);
            }
            for r in 0..R {
                if r < valid {
                    let out = y.add(r * LANES + lane);
                    acc[r][0].store(out);
                    acc[r][1].store(out.add(V::N));
                }
            }
            lane += 2 * V::N;
        }
    }
}

/// Adds Σ_samples y xᵀ (+ ẏ ẋᵀ) to the row-major `gradient` (rows × depth), and Σ_samples y to `bias_gradient`.
///
/// # Safety
/// Instruction set detected; y, ẏ of blocks × rows × LANES, x, ẋ of blocks × depth × LANES (the tangents null together).
#[inline(always)]
pub(super) unsafe fn weight_gradient<V: Vector>(
    y: [*const V::T; 2],
    x: [*const V::T; 2],
    rows: usize,
    depth: usize,
    blocks: usize,
    gradient: *mut V::T,
    bias_gradient: *mut V::T,
) {
    let tiles = rows.div_ceil(V::WEIGHT_ROWS);
    let streams = if x[1].is_null() { 1 } else { 2 };
    // Columns of x that together stay in the first-level cache while all rows of y pass by.
    let group =
        (COLUMN_BYTES / (streams * blocks.max(1) * LANES * size_of::<V::T>()) / 4).max(1) * 4;
    for left in (0..depth).step_by(group) {
        for t in 0..tiles {
            let first = t * rows / tiles;
            let tile = (t + 1) * rows / tiles - first;
            for column in (left..(left + group).min(depth)).step_by(4) {
                // SAFETY: within the lengths that the caller guarantees.
                unsafe {
                    with_rows!(
                        V::WEIGHT_ROWS,
                        tile,
                        [1 2 3 4 5 6],
                        weight_tile::<V, R>(y, x, rows, depth, blocks, first, column, gradient)
                    );
                }
            }
        }
    }
    for r in 0..rows {
        // SAFETY: within the lengths that the caller guarantees.
        unsafe { *bias_gradient.add(r) += row_sum::<V>(y[0].add(r * LANES), rows, blocks) };
    }
}

/// R × 4 entries of the gradient, one register of lanes each. Columns beyond the edge repeat the last and are dropped.
#[inline(always)]
unsafe fn weight_tile<V: Vector, const R: usize>(
    y: [*const V::T; 2],
    x: [*const V::T; 2],
    rows: usize,
    depth: usize,
    blocks: usize,
    row: usize,
    column: usize,
    gradient: *mut V::T,
) {
    // SAFETY: the caller guarantees the lengths; see `weight_gradient`.
    unsafe {
        let mut acc = [[V::splat(V::T::zero()); 4]; R];
        let offset: [usize; 4] = [0, 1, 2, 3].map(|i| (column + i).min(depth - 1) * LANES);
        for stream in 0..2 {
            if x[stream].is_null() {
                continue;
            }
            let mut yb = y[stream].add(row * LANES);
            let mut xb = x[stream];
            for _ in 0..blocks {
                let mut lane = 0;
                while lane < LANES {
                    let xv = [
                        V::load(xb.add(offset[0] + lane)),
                        V::load(xb.add(offset[1] + lane)),
                        V::load(xb.add(offset[2] + lane)),
                        V::load(xb.add(offset[3] + lane)),
                    ];
                    for r in 0..R {
                        let yv = V::load(yb.add(r * LANES + lane));
                        for c in 0..4 {
                            acc[r][c] = yv.fma(xv[c], acc[r][c]);
                        }
                    }
                    lane += V::N;
                }
                yb = yb.add(rows * LANES);
                xb = xb.add(depth * LANES);
            }
        }
        for r in 0..R {
            let out = gradient.add((row + r) * depth + column);
            if column + 4 <= depth {
                V::add_sum4(acc[r], out);
            } else {
                let sums = V::sum4(acc[r]);
                for c in 0..depth - column {
                    *out.add(c) += sums[c];
                }
            }
        }
    }
}

/// Sum of one row over all lanes of all blocks.
#[inline(always)]
unsafe fn row_sum<V: Vector>(row: *const V::T, rows: usize, blocks: usize) -> V::T {
    // SAFETY: the caller guarantees blocks × rows × LANES numbers.
    unsafe {
        let zero = V::splat(V::T::zero());
        let mut acc = [zero; 4];
        for b in 0..blocks {
            for v in 0..LANES / V::N {
                acc[v % 4] = acc[v % 4].add(V::load(row.add(b * rows * LANES + v * V::N)));
            }
        }
        let s = V::sum4(acc);
        (s[0] + s[1]) + (s[2] + s[3])
    }
}
