//! The dense output of a Rosenbrock method: a polynomial between two states, evaluated over lanes.
use crate::Scalar;
use crate::pack::Pack;

/// out = (1 − θ) y + θ (z + (1 − θ) (K₁ + θ (K₂ + θ K₃))) in every lane, all arrays as long as `out`.
#[inline(always)]
pub(crate) fn evaluate<T: Scalar, const W: usize>(
    theta: &[T; W],
    y: &[[T; W]],
    z: &[[T; W]],
    k: [&[[T; W]]; 3],
    out: &mut [[T; W]],
) {
    #[cfg(target_arch = "x86_64")]
    if x86::evaluate(theta, y, z, k, out) {
        return;
    }
    evaluate_with::<T, [T; W], W>(theta, y, z, k, out);
}

#[inline(always)]
fn evaluate_with<T: Scalar, P: Pack<T, W>, const W: usize>(
    theta: &[T; W],
    y: &[[T; W]],
    z: &[[T; W]],
    [k1, k2, k3]: [&[[T; W]]; 3],
    out: &mut [[T; W]],
) {
    let n = out.len();
    let (y, z, k1, k2, k3) = (&y[..n], &z[..n], &k1[..n], &k2[..n], &k3[..n]);
    let theta = P::load(theta);
    let rest = P::splat(T::one()).less(P::splat(T::one()), theta);
    for i in 0..n {
        let bend = P::load(&k2[i]).plus(theta.times(P::load(&k3[i])));
        let bend = P::load(&k1[i]).plus(theta.times(bend));
        let end = P::load(&z[i]).plus(rest.times(bend));
        let state = rest.times(P::load(&y[i])).plus(theta.times(end));
        state.store(&mut out[i]);
    }
}

/// The same, compiled for AVX-512.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::evaluate_with;
    use crate::Scalar;
    use crate::pack::x86::Avx512;
    use crate::pack::{doubles, doubles_mut};

    /// Whether it was done here.
    #[inline(always)]
    pub fn evaluate<T: Scalar, const W: usize>(
        theta: &[T; W],
        y: &[[T; W]],
        z: &[[T; W]],
        [k1, k2, k3]: [&[[T; W]]; 3],
        out: &mut [[T; W]],
    ) -> bool {
        let theta = std::slice::from_ref(theta);
        if let (Some([theta]), Some(y), Some(z), Some(k1), Some(k2), Some(k3), Some(out)) = (
            doubles(theta),
            doubles(y),
            doubles(z),
            doubles(k1),
            doubles(k2),
            doubles(k3),
            doubles_mut(out),
        ) && std::arch::is_x86_feature_detected!("avx512f")
        {
            // SAFETY: the processor has just been asked for the one feature that the function needs.
            unsafe { evaluate_avx512(theta, y, z, [k1, k2, k3], out) };
            return true;
        }
        false
    }

    #[target_feature(enable = "avx512f")]
    fn evaluate_avx512(
        theta: &[f64; 8],
        y: &[[f64; 8]],
        z: &[[f64; 8]],
        k: [&[[f64; 8]]; 3],
        out: &mut [[f64; 8]],
    ) {
        evaluate_with::<f64, Avx512, 8>(theta, y, z, k, out);
    }
}

#[cfg(test)]
mod tests {
    use super::{evaluate, evaluate_with};

    #[test]
    fn every_instruction_set_gives_the_same_bits_and_the_ends_are_the_states() {
        let number = |k: usize| [0, 1, 2, 3, 4, 5, 6, 7].map(|l| ((k * 8 + l) as f64).sin());
        let array = |a: usize| (0..29).map(|i| number(a * 29 + i)).collect::<Vec<_>>();
        let [y, z, k1, k2, k3] = [0, 1, 2, 3, 4].map(array);
        let k = [&k1[..], &k2[..], &k3[..]];
        let at = |theta: &[f64; 8]| {
            let (mut fast, mut slow) = (array(5), array(6));
            evaluate(theta, &y, &z, k, &mut fast);
            evaluate_with::<f64, [f64; 8], 8>(theta, &y, &z, k, &mut slow);
            for (fast, slow) in fast.iter().zip(&slow) {
                assert_eq!(fast.map(f64::to_bits), slow.map(f64::to_bits));
            }
            fast
        };
        assert_eq!(at(&[0.0; 8]), y);
        assert_eq!(at(&[1.0; 8]), z);
        at(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
    }
}
