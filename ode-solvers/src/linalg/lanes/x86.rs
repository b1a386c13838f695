//! The factorisation over lanes, compiled for AVX and AVX-512.
use super::LaneLu;
use crate::Scalar;
use crate::pack::x86::{Avx, Avx512, TwoAvx};
use crate::pack::{doubles, doubles_mut, has_avx2_fma};

fn back<T: Scalar, const W: usize, const V: usize>(from: [f64; V]) -> [T; W] {
    std::array::from_fn(|l| T::of(from[l]))
}

#[inline(always)]
pub fn factorize<T: Scalar, const W: usize>(
    lu: &mut LaneLu<T, W>,
    shift: &[T; W],
    jacobian: &[[T; W]],
) -> Option<[T; W]> {
    let avx512 = is_x86_feature_detected!("avx512f");
    let avx2 = has_avx2_fma();
    if let (Some(lu), Some([shift]), Some(jacobian)) = (
        lu.of_doubles::<8>(),
        doubles(std::slice::from_ref(shift)),
        doubles(jacobian),
    ) && (avx512 || avx2)
    {
        // SAFETY: the processor has just been asked for the features that the functions need.
        return Some(back(unsafe {
            if avx512 {
                factorize_avx512(lu, shift, jacobian)
            } else {
                factorize_two_avx(lu, shift, jacobian)
            }
        }));
    }
    if let (Some(lu), Some([shift]), Some(jacobian)) = (
        lu.of_doubles::<4>(),
        doubles(std::slice::from_ref(shift)),
        doubles(jacobian),
    ) && avx2
    {
        // SAFETY: as above.
        return Some(back(unsafe { factorize_avx(lu, shift, jacobian) }));
    }
    None
}

#[inline(always)]
pub fn solve<T: Scalar, const W: usize>(lu: &mut LaneLu<T, W>, b: &mut [[T; W]]) -> bool {
    let avx512 = is_x86_feature_detected!("avx512f");
    let avx2 = has_avx2_fma();
    if let (Some(lu), Some(b)) = (lu.of_doubles::<8>(), doubles_mut(b))
        && (avx512 || avx2)
    {
        // SAFETY: the processor has just been asked for the features that the functions need.
        unsafe {
            if avx512 {
                solve_avx512(lu, b);
            } else {
                solve_two_avx(lu, b);
            }
        }
        return true;
    }
    if let (Some(lu), Some(b)) = (lu.of_doubles::<4>(), doubles_mut(b))
        && avx2
    {
        // SAFETY: as above.
        unsafe { solve_avx(lu, b) };
        return true;
    }
    false
}

#[target_feature(enable = "avx512f")]
fn factorize_avx512(lu: &mut LaneLu<f64, 8>, shift: &[f64; 8], jacobian: &[[f64; 8]]) -> [f64; 8] {
    lu.factorize_with::<Avx512, 4>(shift, jacobian)
}
#[target_feature(enable = "avx2,fma")]
pub(super) fn factorize_two_avx(
    lu: &mut LaneLu<f64, 8>,
    shift: &[f64; 8],
    jacobian: &[[f64; 8]],
) -> [f64; 8] {
    lu.factorize_with::<TwoAvx, 1>(shift, jacobian)
}
#[target_feature(enable = "avx2,fma")]
fn factorize_avx(lu: &mut LaneLu<f64, 4>, shift: &[f64; 4], jacobian: &[[f64; 4]]) -> [f64; 4] {
    lu.factorize_with::<Avx, 2>(shift, jacobian)
}
#[target_feature(enable = "avx512f")]
fn solve_avx512(lu: &mut LaneLu<f64, 8>, b: &mut [[f64; 8]]) {
    lu.solve_with::<Avx512, 4>(b);
}
#[target_feature(enable = "avx2,fma")]
pub(super) fn solve_two_avx(lu: &mut LaneLu<f64, 8>, b: &mut [[f64; 8]]) {
    lu.solve_with::<TwoAvx, 2>(b);
}
#[target_feature(enable = "avx2,fma")]
fn solve_avx(lu: &mut LaneLu<f64, 4>, b: &mut [[f64; 4]]) {
    lu.solve_with::<Avx, 4>(b);
}
