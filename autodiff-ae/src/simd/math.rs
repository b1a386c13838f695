//! exp, expm1, tanh, sigmoid and softplus on vector registers: the standard library's functions go one number at a
//! time, and then cost as much as the products of a 128-wide layer. Accuracy is tested in `tests` of the parent module.

use super::vector::Vector;
use crate::Scalar;

/// Constants and lengths of the series for one type of number.
struct Series {
    /// Arguments are clamped to ±limit, where the result is 0, or infinite for all purposes, in the type.
    limit: f64,
    /// Leading part of ln 2 with trailing zeros, so that n · hi is exact.
    ln2_hi: f64,
    /// ln 2 − hi.
    ln2_lo: f64,
    /// Terms of expm1 on ±ln 2 / 2: the first omitted one is below half a unit in the last place.
    exp_terms: usize,
    /// Terms of artanh(s)/s in s² on s ≤ 1/3, likewise.
    artanh_terms: usize,
}

const F32: Series = Series {
    limit: 87.0,
    ln2_hi: 0.693_359_375,
    ln2_lo: -2.121_944_400_546_905_8e-4,
    exp_terms: 7,
    artanh_terms: 8,
};
const F64: Series = Series {
    limit: 708.0,
    ln2_hi: 0.693_147_180_369_123_8,
    ln2_lo: 1.908_214_929_270_587_7e-10,
    exp_terms: 13,
    artanh_terms: 16,
};

#[inline(always)]
fn series<V: Vector>() -> &'static Series {
    if size_of::<V::T>() == 4 { &F32 } else { &F64 }
}

/// A register full of one number.
#[inline(always)]
pub(super) unsafe fn constant<V: Vector>(x: f64) -> V {
    // SAFETY: passed on to the caller.
    unsafe { V::splat(V::T::of(x)) }
}

/// 1/k! for k = 0…13.
const INVERSE_FACTORIAL: [f64; 14] = {
    let mut f = [1.0; 14];
    let mut k = 1;
    while k < 14 {
        f[k] = f[k - 1] / k as f64;
        k += 1;
    }
    f
};

/// (2ⁿ, eʳ − 1) with x = n ln 2 + r, |r| ≤ ln 2 / 2; x is clamped to the range of normal results, NaN passes.
#[inline(always)]
unsafe fn split_exp<V: Vector>(x: V) -> (V, V) {
    // SAFETY: passed on to the caller: the instruction set is detected.
    unsafe {
        let s = series::<V>();
        let x = constant::<V>(s.limit).min(constant::<V>(-s.limit).max(x));
        let n = x.mul(constant(std::f64::consts::LOG2_E)).round();
        let r = n
            .mul(constant(-s.ln2_lo))
            .add(n.fma(constant(-s.ln2_hi), x));
        let mut p = constant::<V>(INVERSE_FACTORIAL[s.exp_terms]);
        for k in (2..s.exp_terms).rev() {
            p = p.fma(r, constant(INVERSE_FACTORIAL[k]));
        }
        // r + r² p keeps the leading term exact.
        (n.exp2_integral(), r.mul(r).fma(p, r))
    }
}

/// eˣ, x clamped to ±87 (`f32`) or ±708 (`f64`).
#[inline(always)]
pub(super) unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: passed on to the caller.
    let (scale, p) = unsafe { split_exp(x) };
    p.fma(scale, scale)
}

/// tanh x = sign(x) (−e / (2 + e)) with e = expm1(−2|x|): no cancellation at small x.
#[inline(always)]
pub(super) unsafe fn tanh<V: Vector>(x: V) -> V {
    // SAFETY: passed on to the caller.
    unsafe {
        let (scale, p) = split_exp(x.abs().mul(constant(-2.0)));
        let e = p.fma(scale, scale.sub(constant(1.0)));
        e.div(e.add(constant(2.0))).copysign(x)
    }
}

/// 1 / (1 + e⁻ˣ) and its complement 1 / (1 + eˣ), the latter without the cancellation of 1 − s.
#[inline(always)]
pub(super) unsafe fn sigmoid<V: Vector>(x: V) -> (V, V) {
    // SAFETY: passed on to the caller.
    unsafe {
        let one = constant::<V>(1.0);
        let e = exp(constant::<V>(0.0).sub(x));
        let s = one.div(one.add(e));
        (s, e.mul(s))
    }
}

/// ln(1 + eˣ) with its first and second derivative: max(x, 0) + 2 artanh(e / (2 + e)), e = exp(−|x|) ≤ 1.
#[inline(always)]
pub(super) unsafe fn softplus<V: Vector>(x: V) -> (V, V, V) {
    // SAFETY: passed on to the caller.
    unsafe {
        let (zero, one) = (constant::<V>(0.0), constant::<V>(1.0));
        let e = exp(zero.sub(x.abs()));
        let s = e.div(e.add(constant(2.0)));
        let s2 = s.mul(s);
        let terms = series::<V>().artanh_terms;
        let mut p = constant::<V>(2.0 / (2 * terms + 1) as f64);
        for k in (0..terms).rev() {
            p = p.fma(s2, constant(2.0 / (2 * k + 1) as f64));
        }
        let large = one.div(one.add(e));
        let small = e.mul(large);
        (
            p.fma(s, zero.max(x)),
            x.select_positive(large, small),
            large.mul(small),
        )
    }
}
