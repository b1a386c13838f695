//! The factorisation over lanes, compiled for AVX and AVX-512.
use super::LaneLu;
use crate::pack::x86::{Avx, Avx512, TwoAvx};

#[target_feature(enable = "avx512f")]
pub(super) fn factorize_avx512(
    lu: &mut LaneLu<f64, 8>,
    shift: &[f64; 8],
    jacobian: &[[f64; 8]],
) -> [f64; 8] {
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
pub(super) fn factorize_avx(
    lu: &mut LaneLu<f64, 4>,
    shift: &[f64; 4],
    jacobian: &[[f64; 4]],
) -> [f64; 4] {
    lu.factorize_with::<Avx, 2>(shift, jacobian)
}
#[target_feature(enable = "avx512f")]
pub(super) fn solve_avx512(lu: &mut LaneLu<f64, 8>, b: &mut [[f64; 8]]) {
    lu.solve_with::<Avx512, 4>(b);
}
#[target_feature(enable = "avx2,fma")]
pub(super) fn solve_two_avx(lu: &mut LaneLu<f64, 8>, b: &mut [[f64; 8]]) {
    lu.solve_with::<TwoAvx, 2>(b);
}
#[target_feature(enable = "avx2,fma")]
pub(super) fn solve_avx(lu: &mut LaneLu<f64, 4>, b: &mut [[f64; 4]]) {
    lu.solve_with::<Avx, 4>(b);
}
