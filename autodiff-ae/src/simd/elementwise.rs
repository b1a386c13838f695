//! Elementwise loops over [`Vector`]: activations forward and reverse, residuals, Adam, and the peak loop.

use super::math;
use super::vector::Vector;
use crate::Activation;
use crate::batch::LANES;
use num_traits::{Float, One, Zero};

/// Value, first and second derivative of an activation.
#[inline(always)]
unsafe fn activation<V: Vector>(kind: Activation, u: V) -> (V, V, V) {
    // SAFETY: the instruction set is detected by the caller's caller.
    unsafe {
        use math::constant as c;
        match kind {
            Activation::Relu => (
                c::<V>(0.0).max(u),
                u.select_positive(c::<V>(1.0), c::<V>(0.0)),
                c::<V>(0.0),
            ),
            Activation::Tanh => {
                let a = math::tanh(u);
                let d = c::<V>(1.0).sub(a.mul(a));
                (a, d, a.mul(d).mul(c::<V>(-2.0)))
            }
            Activation::Silu => {
                let (s, n) = math::sigmoid(u);
                let d = s.mul(u.fma(n, c::<V>(1.0)));
                (u.mul(s), d, s.mul(n).mul(u.fma(n.sub(s), c::<V>(2.0))))
            }
            Activation::Softplus => math::softplus(u),
            Activation::Identity => (u, c::<V>(1.0), c::<V>(0.0)),
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
