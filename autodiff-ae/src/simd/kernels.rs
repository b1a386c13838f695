//! The hot loops, written once over [`Vector`]: products with a block of samples, weight gradients, activations.

use super::math;
use super::vector::Vector;
use crate::batch::LANES;
use crate::{Activation, Scalar};
use num_traits::{Float, One, Zero};

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

/// Bytes of x that the weight gradient works on at a time: half of a 48 KiB first-level cache, which y shares.
const COLUMN_BYTES: usize = 24 << 10;

/// y = W x (+ b) on `blocks` blocks. `panels` holds W in tiles of `tile` rows: `[tile][1 + depth][row]`, the first line being b.
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
    bias: bool,
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
                    product_tile::<V, R>(panel, depth, bias, x, y, valid)
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
    bias: bool,
    x: *const V::T,
    y: *mut V::T,
    valid: usize,
) {
    // SAFETY: the caller guarantees the lengths; see `product`.
    unsafe {
        let mut lane = 0;
        while lane < LANES {
            let mut acc = [[V::splat(V::T::zero()); 2]; R];
            if bias {
                for r in 0..R {
                    acc[r] = [V::splat(*panel.add(r)); 2];
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
                    let xv = offset.map(|o| V::load(xb.add(o + lane)));
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
            let sums = V::sum4(acc[r]);
            let out = gradient.add((row + r) * depth + column);
            for c in 0..4 {
                if column + c < depth {
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

/// Value, first and second derivative of an activation.
#[inline(always)]
unsafe fn activation<V: Vector>(kind: Activation, u: V) -> (V, V, V) {
    // SAFETY: the instruction set is detected by the caller's caller.
    unsafe {
        let c = |x: f64| V::splat(V::T::of(x));
        match kind {
            Activation::Relu => (c(0.0).max(u), u.select_positive(c(1.0), c(0.0)), c(0.0)),
            Activation::Tanh => {
                let a = math::tanh(u);
                let d = c(1.0).sub(a.mul(a));
                (a, d, a.mul(d).mul(c(-2.0)))
            }
            Activation::Silu => {
                let (s, n) = math::sigmoid(u);
                let d = s.mul(u.fma(n, c(1.0)));
                (u.mul(s), d, s.mul(n).mul(u.fma(n.sub(s), c(2.0))))
            }
            Activation::Softplus => math::softplus(u),
            Activation::Identity => (u, c(1.0), c(0.0)),
        }
    }
}

/// Applies an activation in place: u → σ(u), the derivative σ'(u) to `slope` unless that is null.
/// With a tangent u̇ → σ'(u) u̇ in place and `curve` = σ''(u) u̇, all the reverse pass needs.
///
/// # Safety
/// Instruction set detected; every pointer that is not null has `len` numbers, a multiple of LANES; `tangent` and
/// `curve` are null together.
#[inline(always)]
pub(super) unsafe fn activate<V: Vector>(
    kind: Activation,
    len: usize,
    value: *mut V::T,
    slope: *mut V::T,
    tangent: *mut V::T,
    curve: *mut V::T,
) {
    macro_rules! each {
        ($($kind:ident)*) => {
            match kind { $(Activation::$kind => {
                let mut i = 0;
                while i < len {
                    let (a, d, dd) = activation::<V>(Activation::$kind, V::load(value.add(i)));
                    a.store(value.add(i));
                    if !slope.is_null() {
                        d.store(slope.add(i));
                    }
                    if !tangent.is_null() {
                        let t = V::load(tangent.add(i));
                        t.mul(d).store(tangent.add(i));
                        t.mul(dd).store(curve.add(i));
                    }
                    i += V::N;
                }
            })* }
        };
    }
    // SAFETY: within the length that the caller guarantees.
    unsafe { each!(Relu Tanh Silu Softplus Identity) }
}

/// The reverse of [`activate`], in place: ā → ū = ā σ' + ǡ σ'' u̇, and ǡ → ǡ σ'.
///
/// # Safety
/// As for [`activate`].
#[inline(always)]
pub(super) unsafe fn activate_reverse<V: Vector>(
    len: usize,
    value_bar: *mut V::T,
    slope: *const V::T,
    tangent_bar: *mut V::T,
    curve: *const V::T,
) {
    // SAFETY: within the length that the caller guarantees.
    unsafe {
        let mut i = 0;
        while i < len {
            let d = V::load(slope.add(i));
            let mut bar = V::load(value_bar.add(i)).mul(d);
            if !tangent_bar.is_null() {
                let t = V::load(tangent_bar.add(i));
                bar = t.fma(V::load(curve.add(i)), bar);
                t.mul(d).store(tangent_bar.add(i));
            }
            bar.store(value_bar.add(i));
            i += V::N;
        }
    }
}

/// `out` = scale · weight · (a − b) per element and returns Σ weight (a − b)², `weight` being one number per lane.
/// `out` may be null.
///
/// # Safety
/// Instruction set detected; a, b, out of rows × LANES numbers, weight of LANES.
#[inline(always)]
pub(super) unsafe fn residual<V: Vector>(
    rows: usize,
    a: *const V::T,
    b: *const V::T,
    weight: *const V::T,
    scale: V::T,
    out: *mut V::T,
) -> V::T {
    // SAFETY: within the lengths that the caller guarantees.
    unsafe {
        let scale = V::splat(scale);
        let mut acc = [V::splat(V::T::zero()); 4];
        for v in 0..LANES / V::N {
            let lane = v * V::N;
            let w = V::load(weight.add(lane));
            for r in 0..rows {
                let i = r * LANES + lane;
                let d = V::load(a.add(i)).sub(V::load(b.add(i)));
                let wd = w.mul(d);
                acc[r % 4] = wd.fma(d, acc[r % 4]);
                if !out.is_null() {
                    wd.mul(scale).store(out.add(i));
                }
            }
        }
        let s = V::sum4(acc);
        (s[0] + s[1]) + (s[2] + s[3])
    }
}

/// Constants of one Adam step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep<T> {
    pub beta1: T,
    pub beta2: T,
    /// Rate over the first moment's bias correction.
    pub rate: T,
    /// 1 / √(second moment's bias correction).
    pub second: T,
    pub epsilon: T,
    /// Factor on the parameters before the step: 1 − rate · weight decay.
    pub keep: T,
}

/// p ← keep p − rate m / (second √v + ε) after m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g².
///
/// # Safety
/// Instruction set detected; four slices of `len` numbers.
#[inline(always)]
pub(super) unsafe fn adam<V: Vector>(
    s: &AdamStep<V::T>,
    len: usize,
    p: *mut V::T,
    g: *const V::T,
    m: *mut V::T,
    v: *mut V::T,
) {
    let one = V::T::one();
    // SAFETY: within the length that the caller guarantees.
    unsafe {
        let (b1, c1) = (V::splat(s.beta1), V::splat(one - s.beta1));
        let (b2, c2) = (V::splat(s.beta2), V::splat(one - s.beta2));
        let (rate, second, epsilon, keep) = (
            V::splat(-s.rate),
            V::splat(s.second),
            V::splat(s.epsilon),
            V::splat(s.keep),
        );
        let mut i = 0;
        while i + V::N <= len {
            let gi = V::load(g.add(i));
            let mi = V::load(m.add(i)).mul(b1).add(gi.mul(c1));
            let vi = V::load(v.add(i)).mul(b2).add(gi.mul(gi).mul(c2));
            mi.store(m.add(i));
            vi.store(v.add(i));
            let step = mi.mul(rate).div(vi.sqrt().fma(second, epsilon));
            V::load(p.add(i)).fma(keep, step).store(p.add(i));
            i += V::N;
        }
        while i < len {
            let gi = *g.add(i);
            let mi = *m.add(i) * s.beta1 + gi * (one - s.beta1);
            let vi = *v.add(i) * s.beta2 + gi * gi * (one - s.beta2);
            *m.add(i) = mi;
            *v.add(i) = vi;
            *p.add(i) = *p.add(i) * s.keep - mi * s.rate / (vi.sqrt() * s.second + s.epsilon);
            i += 1;
        }
    }
}

/// `rounds` × 24 dependent-free multiply-adds per register: what the core can do at best. Returns a value that depends on all.
///
/// # Safety
/// Instruction set detected.
#[inline(always)]
pub(super) unsafe fn peak<V: Vector>(rounds: usize, seed: V::T) -> V::T {
    // SAFETY: passed on to the caller.
    unsafe {
        let a = V::splat(seed);
        let mut acc = [V::splat(V::T::one()); 12];
        for _ in 0..rounds {
            for _ in 0..2 {
                for x in &mut acc {
                    *x = x.fma(a, a);
                }
            }
        }
        let mut total = V::T::zero();
        for x in acc.chunks_exact(4) {
            total += V::sum4([x[0], x[1], x[2], x[3]]).into_iter().sum();
        }
        total
    }
}
