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
    if const { T::DOUBLE && W == 8 } && x86::combine(out, Some(base), &coefficients, &terms) {
        return;
    }
    for i in 0..n {
        out[i] = sum(base[i], i, &coefficients, &terms);
    }
}

/// out = base (or out itself) + Σ_j `weights[j]` · `scale`[lane] · `terms[j]`, with weights that are the same in all lanes; without a scale it is 1.
///
/// Handed over as numbers, weights become vectors in registers. As arrays over lanes they are written by half vectors and read as whole ones, which
/// the processor cannot do before the write has reached the cache.
#[inline(always)]
pub(crate) fn add_weighted<T: Scalar, const W: usize, const J: usize>(
    out: &mut [[T; W]],
    base: Option<&[[T; W]]>,
    scale: Option<&[T; W]>,
    weights: &[f64],
    terms: [&[[T; W]]; J],
) {
    let n = out.len();
    let base = base.map(|base| &base[..n]);
    let weights = &weights[..J];
    let mut terms = terms;
    for term in &mut terms {
        *term = &term[..n];
    }
    #[cfg(target_arch = "x86_64")]
    if const { T::DOUBLE && W == 8 } && x86::add_weighted(out, base, scale, weights, &terms) {
        return;
    }
    let mut coefficients = [[T::one(); W]; J];
    for (coefficient, &weight) in coefficients.iter_mut().zip(weights) {
        for l in 0..W {
            coefficient[l] = scale.map_or(T::of(weight), |scale| scale[l] * T::of(weight));
        }
    }
    for i in 0..n {
        out[i] = sum(
            base.map_or(out[i], |base| base[i]),
            i,
            &coefficients,
            &terms,
        );
    }
}

/// The step in every lane, times each weight of a row: coefficients for [`combine`].
#[inline(always)]
pub(crate) fn scaled<T: Scalar, const W: usize, const J: usize>(
    h: &[T; W],
    row: &[f64],
) -> [[T; W]; J] {
    let mut scaled = [[T::zero(); W]; J];
    for j in 0..J {
        for l in 0..W {
            scaled[j][l] = h[l] * T::of(row[j]);
        }
    }
    scaled
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

    /// As [`combine`].
    #[inline(always)]
    pub fn add_weighted<T: Scalar, const W: usize, const J: usize>(
        out: &mut [[T; W]],
        base: Option<&[[T; W]]>,
        scale: Option<&[T; W]>,
        weights: &[f64],
        terms: &[&[[T; W]]; J],
    ) -> bool {
        let scale = match scale.map(|scale| doubles(std::slice::from_ref(scale))) {
            None => None,
            Some(Some([scale])) => Some(scale),
            Some(_) => return false,
        };
        if !std::arch::is_x86_feature_detected!("avx512f") {
            return false;
        }
        let (Some(out), Some(weights)) = (doubles_mut(out), weights.first_chunk()) else {
            return false;
        };
        let mut these: [&[[f64; 8]]; J] = [&[]; J];
        for j in 0..J {
            these[j] = doubles(terms[j]).unwrap_or_default();
        }
        // SAFETY: the processor has just been asked for the one feature that the function needs.
        unsafe { weighted_avx512(out, base.and_then(doubles), scale, weights, &these) };
        true
    }

    #[target_feature(enable = "avx512f")]
    fn weighted_avx512<const J: usize>(
        out: &mut [[f64; 8]],
        base: Option<&[[f64; 8]]>,
        scale: Option<&[f64; 8]>,
        weights: &[f64; J],
        terms: &[&[[f64; 8]]; J],
    ) {
        let mut c = [Avx512::zero(); J];
        for j in 0..J {
            c[j] = Avx512::splat(weights[j]);
        }
        if let Some(scale) = scale {
            let scale = Avx512::load(scale);
            for c in &mut c {
                *c = scale.times(*c);
            }
        }
        add_up(out, base, &c, terms);
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
        add_up(out, base, &c, terms);
    }

    /// `base` is read before `out` is written, item by item.
    #[inline(always)]
    fn add_up<const J: usize>(
        out: &mut [[f64; 8]],
        base: Option<&[[f64; 8]]>,
        c: &[Avx512; J],
        terms: &[&[[f64; 8]]; J],
    ) {
        let n = out.len();
        // Equal lengths, so that one check serves all arrays.
        let mut these: [&[[f64; 8]]; J] = [&[]; J];
        for j in 0..J {
            these[j] = &terms[j][..n];
        }
        match base {
            Some(base) => {
                let base = &base[..n];
                for i in 0..n {
                    let sum = Avx512::load(&base[i]);
                    sum_at(sum, i, c, &these).store(&mut out[i]);
                }
            }
            None => {
                for i in 0..n {
                    let sum = Avx512::load(&out[i]);
                    sum_at(sum, i, c, &these).store(&mut out[i]);
                }
            }
        }
    }

    /// No closure: that may be compiled as a function for the baseline, with a call for every operation.
    #[inline(always)]
    fn sum_at<const J: usize>(
        mut sum: Avx512,
        i: usize,
        c: &[Avx512; J],
        terms: &[&[[f64; 8]]; J],
    ) -> Avx512 {
        for j in 0..J {
            sum = sum.plus(c[j].times(Avx512::load(&terms[j][i])));
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::{add_weighted, sum};

    #[test]
    fn weighted_sums_have_the_bits_of_the_loop_over_lanes() {
        // 29 components in eight lanes: wide registers where the machine has them.
        let number = |k: usize| [0, 1, 2, 3, 4, 5, 6, 7].map(|l| ((k * 8 + l) as f64).sin());
        let arrays: Vec<Vec<[f64; 8]>> = (0..5)
            .map(|a| (0..29).map(|i| number(a * 29 + i)).collect())
            .collect();
        let weights = [-6.954028509809101, 2.489845061869568, 0.1];
        let terms = [&arrays[0][..], &arrays[1][..], &arrays[2][..]];
        for scale in [None, Some(&arrays[3][7])] {
            let coefficients = weights.map(|w| {
                [0, 1, 2, 3, 4, 5, 6, 7].map(|l| w * scale.map_or(1.0, |s: &[f64; 8]| s[l]))
            });
            for base in [None, Some(&arrays[4][..])] {
                let mut found = arrays[3].clone();
                let wanted: Vec<[f64; 8]> = (0..29)
                    .map(|i| sum(base.map_or(found[i], |b| b[i]), i, &coefficients, &terms))
                    .collect();
                add_weighted(&mut found, base, scale, &weights, terms);
                let bits = |x: &[[f64; 8]]| {
                    x.as_flattened()
                        .iter()
                        .map(|x| x.to_bits())
                        .collect::<Vec<_>>()
                };
                assert_eq!(bits(&found), bits(&wanted));
            }
        }
    }
}
