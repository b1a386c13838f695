//! The stage sums of all methods: linear combinations of arrays over lanes, each array read once.
use crate::Scalar;

/// out = base + Σ_j `coefficients[j]`[lane] · `terms[j]`, with the number of terms known to the compiler.
#[inline(always)]
pub(crate) fn combine<T: Scalar, const W: usize, const J: usize>(
    out: &mut [[T; W]],
    base: &[[T; W]],
    coefficients: [[T; W]; J],
    terms: [&[[T; W]]; J],
) {
    let n = out.len();
    let base = &base[..n];
    let mut terms = terms;
    for term in &mut terms {
        *term = &term[..n];
    }
    #[cfg(target_arch = "x86_64")]
    if x86::combine(out, Some(base), &coefficients, &terms) {
        return;
    }
    for i in 0..n {
        out[i] = sum(base[i], i, &coefficients, &terms);
    }
}

/// out += Σ_j `coefficients[j]`[lane] · `terms[j]`.
#[inline(always)]
pub(crate) fn add<T: Scalar, const W: usize, const J: usize>(
    out: &mut [[T; W]],
    coefficients: [[T; W]; J],
    terms: [&[[T; W]]; J],
) {
    let n = out.len();
    let mut terms = terms;
    for term in &mut terms {
        *term = &term[..n];
    }
    #[cfg(target_arch = "x86_64")]
    if x86::combine(out, None, &coefficients, &terms) {
        return;
    }
    for i in 0..n {
        out[i] = sum(out[i], i, &coefficients, &terms);
    }
}

/// By value: only then may loads pass stores and lanes become one vector.
#[inline(always)]
fn sum<T: Scalar, const W: usize, const J: usize>(
    mut sum: [T; W],
    i: usize,
    coefficients: &[[T; W]; J],
    terms: &[&[[T; W]]; J],
) -> [T; W] {
    for j in 0..J {
        let term = terms[j][i];
        for l in 0..W {
            sum[l] += coefficients[j][l] * term[l];
        }
    }
    sum
}

/// Eight doubles: all coefficients stay in registers. Left to the compiler, they are read again for every component, and the sums take four
/// times as long (12 % of a solve of the 224-reaction network).
#[cfg(target_arch = "x86_64")]
mod x86 {
    use crate::Scalar;
    use crate::pack::x86::Avx512;
    use crate::pack::{Pack, doubles, doubles_mut};

    /// Whether it was done here. `terms` and `base` are as long as `out`.
    #[inline(always)]
    pub fn combine<T: Scalar, const W: usize, const J: usize>(
        out: &mut [[T; W]],
        base: Option<&[[T; W]]>,
        coefficients: &[[T; W]; J],
        terms: &[&[[T; W]]; J],
    ) -> bool {
        let Some(coefficients) = doubles::<T, W, 8>(coefficients) else {
            return false;
        };
        if !std::arch::is_x86_feature_detected!("avx512f") {
            return false;
        }
        let (Some(out), Some(coefficients)) = (doubles_mut(out), coefficients.first_chunk()) else {
            return false;
        };
        let mut these: [&[[f64; 8]]; J] = [&[]; J];
        for j in 0..J {
            these[j] = doubles(terms[j]).unwrap_or_default();
        }
        // SAFETY: the processor has just been asked for the one feature that the function needs.
        unsafe { combine_avx512(out, base.and_then(doubles), coefficients, &these) };
        true
    }

    #[target_feature(enable = "avx512f")]
    fn combine_avx512<const J: usize>(
        out: &mut [[f64; 8]],
        base: Option<&[[f64; 8]]>,
        coefficients: &[[f64; 8]; J],
        terms: &[&[[f64; 8]]; J],
    ) {
        let mut c = [Avx512::zero(); J];
        for j in 0..J {
            c[j] = Avx512::load(&coefficients[j]);
        }
        for i in 0..out.len() {
            let mut sum = Avx512::load(base.map_or(&out[i], |base| &base[i]));
            for j in 0..J {
                sum = sum.plus(c[j].times(Avx512::load(&terms[j][i])));
            }
            sum.store(&mut out[i]);
        }
    }
}
