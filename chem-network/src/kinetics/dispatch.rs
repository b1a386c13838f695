//! Chooses the widest vector instructions of this machine for the lane kernels, at run time.
//!
//! The crate is compiled for the baseline of its target; the functions below compile the same
//! kernels again for AVX2 and AVX-512.

use super::kernel::{Coefficients, Scratch, evaluate};
use super::plan::Sums;

/// What the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }
}

/// [`evaluate`] with the instructions of `level`, which must come from [`Level::detect`].
#[inline]
pub(crate) fn evaluate_at<const W: usize, C: Coefficients<W>>(
    level: Level,
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    terms: &mut Scratch<W>,
) {
    match level {
        Level::Baseline => evaluate(sums, coefficients, n, out, terms),
        // SAFETY: `Level::detect` found the instructions on this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { evaluate_avx2(sums, coefficients, n, out, terms) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { evaluate_avx512(sums, coefficients, n, out, terms) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn evaluate_avx2<const W: usize, C: Coefficients<W>>(
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    terms: &mut Scratch<W>,
) {
    evaluate(sums, coefficients, n, out, terms);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn evaluate_avx512<const W: usize, C: Coefficients<W>>(
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    terms: &mut Scratch<W>,
) {
    evaluate(sums, coefficients, n, out, terms);
}
