//! The factorisation of doubles in eight and in four lanes: compiled once, here, and not wherever a solver is made.
use super::LaneLu;
use crate::Scalar;
use crate::pack::{doubles, doubles_mut};

#[cfg(target_arch = "x86_64")]
use super::x86;
#[cfg(target_arch = "x86_64")]
use crate::pack::has_avx2_fma;

/// Of doubles in four or eight lanes (of others nothing but not-a-number).
#[inline(always)]
pub fn factorize<T: Scalar, const W: usize>(
    lu: &mut LaneLu<T, W>,
    shift: &[T; W],
    jacobian: &[[T; W]],
) -> [T; W] {
    let shift = std::slice::from_ref(shift);
    if let (Some(lu), Some([shift]), Some(jacobian)) =
        (lu.of_doubles::<8>(), doubles(shift), doubles(jacobian))
    {
        let growth = factorize_eight(lu, shift, jacobian);
        return each_lane!(T::zero(), |l| T::of(growth[l]));
    }
    if let (Some(lu), Some([shift]), Some(jacobian)) =
        (lu.of_doubles::<4>(), doubles(shift), doubles(jacobian))
    {
        let growth = factorize_four(lu, shift, jacobian);
        return each_lane!(T::zero(), |l| T::of(growth[l]));
    }
    [T::nan(); W]
}

/// As [`factorize`].
#[inline(always)]
pub fn solve<T: Scalar, const W: usize>(lu: &mut LaneLu<T, W>, b: &mut [[T; W]]) {
    if let (Some(lu), Some(b)) = (lu.of_doubles::<8>(), doubles_mut(b)) {
        solve_eight(lu, b);
    }
    if let (Some(lu), Some(b)) = (lu.of_doubles::<4>(), doubles_mut(b)) {
        solve_four(lu, b);
    }
}

fn factorize_eight(lu: &mut LaneLu<f64, 8>, shift: &[f64; 8], jacobian: &[[f64; 8]]) -> [f64; 8] {
    // SAFETY, here and below: the processor has just been asked for the features that the functions need.
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return unsafe { x86::factorize_avx512(lu, shift, jacobian) };
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx2_fma() {
        return unsafe { x86::factorize_two_avx(lu, shift, jacobian) };
    }
    lu.factorize_with::<[f64; 8], 1>(shift, jacobian)
}

fn factorize_four(lu: &mut LaneLu<f64, 4>, shift: &[f64; 4], jacobian: &[[f64; 4]]) -> [f64; 4] {
    #[cfg(target_arch = "x86_64")]
    if has_avx2_fma() {
        return unsafe { x86::factorize_avx(lu, shift, jacobian) };
    }
    lu.factorize_with::<[f64; 4], 1>(shift, jacobian)
}

fn solve_eight(lu: &mut LaneLu<f64, 8>, b: &mut [[f64; 8]]) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        return unsafe { x86::solve_avx512(lu, b) };
    }
    #[cfg(target_arch = "x86_64")]
    if has_avx2_fma() {
        return unsafe { x86::solve_two_avx(lu, b) };
    }
    lu.solve_with::<[f64; 8], 2>(b);
}

fn solve_four(lu: &mut LaneLu<f64, 4>, b: &mut [[f64; 4]]) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2_fma() {
        return unsafe { x86::solve_avx(lu, b) };
    }
    lu.solve_with::<[f64; 4], 2>(b);
}
