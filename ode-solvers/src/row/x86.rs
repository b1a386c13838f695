//! Rows in AVX registers. As in [`crate::pack::x86`]: only in functions compiled for the feature needed.
use super::{Row, WIDTH};
use crate::pack::Pack;
use crate::pack::x86::{Avx, Avx512, TwoAvx};
use std::arch::x86_64::*;

/// The lanes of the first `count` numbers.
#[inline(always)]
fn first(count: usize) -> __mmask8 {
    ((1u32 << count.min(WIDTH)) - 1) as __mmask8
}

impl Row<f64> for Avx512 {
    const FUSED: bool = true;
    #[inline(always)]
    fn load_part(from: &[f64]) -> Self {
        // SAFETY: lanes outside `from` are not read.
        Self(unsafe { _mm512_maskz_loadu_pd(first(from.len()), from.as_ptr()) })
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f64]) {
        // SAFETY: lanes outside `to` are not written.
        unsafe { _mm512_mask_storeu_pd(to.as_mut_ptr(), first(to.len()), self.0) }
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        Self(unsafe { _mm512_sub_pd(self.0, other.0) })
    }
    #[inline(always)]
    fn over(self, other: Self) -> Self {
        Self(unsafe {
            let zero = _mm512_setzero_pd();
            let something = _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(self.0, zero)
                | _mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(other.0, zero);
            _mm512_maskz_div_pd(something, self.0, other.0)
        })
    }
    #[inline(always)]
    fn size(self) -> Self {
        Self(unsafe { _mm512_abs_pd(self.0) })
    }
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        Self(unsafe { _mm512_max_pd(self.0, other.0) })
    }
    #[inline(always)]
    fn total(self) -> f64 {
        // SAFETY: of the instruction set, see above.
        unsafe {
            let low = _mm512_castpd512_pd256(self.0);
            let high = _mm512_extractf64x4_pd::<1>(self.0);
            total(_mm256_add_pd(low, high))
        }
    }
    #[inline(always)]
    fn largest(self) -> f64 {
        unsafe { _mm512_reduce_max_pd(self.0) }
    }
}

/// (x₀ + x₂) + (x₁ + x₃).
///
/// # Safety
///
/// The processor has AVX.
#[inline(always)]
unsafe fn total(x: __m256d) -> f64 {
    unsafe {
        let pair = _mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x));
        _mm_cvtsd_f64(_mm_add_sd(pair, _mm_unpackhi_pd(pair, pair)))
    }
}

/// a / b, 0 where both are 0.
///
/// # Safety
///
/// The processor has AVX.
#[inline(always)]
unsafe fn over(a: __m256d, b: __m256d) -> __m256d {
    unsafe {
        let zero = _mm256_setzero_pd();
        let something = _mm256_or_pd(
            _mm256_cmp_pd::<_CMP_NEQ_UQ>(a, zero),
            _mm256_cmp_pd::<_CMP_NEQ_UQ>(b, zero),
        );
        _mm256_and_pd(something, _mm256_div_pd(a, b))
    }
}

/// Which of four lanes hold the first `count` numbers.
#[inline(always)]
fn mask(count: usize) -> __m256i {
    const ON: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    let from = 4 - count.min(4);
    // SAFETY: four of the eight from the first to the fifth on.
    unsafe { _mm256_loadu_si256(ON[from..from + 4].as_ptr().cast()) }
}

impl Row<f64> for TwoAvx {
    const FUSED: bool = true;
    #[inline(always)]
    fn load_part(from: &[f64]) -> Self {
        let (low, high) = (mask(from.len()), mask(from.len().saturating_sub(4)));
        // SAFETY: lanes outside `from` are not read.
        unsafe {
            Self(
                Avx(_mm256_maskload_pd(from.as_ptr(), low)),
                Avx(_mm256_maskload_pd(from.as_ptr().wrapping_add(4), high)),
            )
        }
    }
    #[inline(always)]
    fn store_part(self, to: &mut [f64]) {
        let (low, high) = (mask(to.len()), mask(to.len().saturating_sub(4)));
        // SAFETY: lanes outside `to` are not written.
        unsafe {
            _mm256_maskstore_pd(to.as_mut_ptr(), low, self.0.0);
            _mm256_maskstore_pd(to.as_mut_ptr().wrapping_add(4), high, self.1.0);
        }
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        // SAFETY: of the instruction set, see above.
        unsafe {
            Self(
                Avx(_mm256_sub_pd(self.0.0, other.0.0)),
                Avx(_mm256_sub_pd(self.1.0, other.1.0)),
            )
        }
    }
    #[inline(always)]
    fn over(self, other: Self) -> Self {
        // SAFETY: of the instruction set, see above.
        unsafe {
            Self(
                Avx(over(self.0.0, other.0.0)),
                Avx(over(self.1.0, other.1.0)),
            )
        }
    }
    #[inline(always)]
    fn size(self) -> Self {
        let sign = Avx::splat(-0.0).0;
        // SAFETY: of the instruction set, see above.
        unsafe {
            Self(
                Avx(_mm256_andnot_pd(sign, self.0.0)),
                Avx(_mm256_andnot_pd(sign, self.1.0)),
            )
        }
    }
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        // SAFETY: of the instruction set, see above.
        unsafe {
            Self(
                Avx(_mm256_max_pd(self.0.0, other.0.0)),
                Avx(_mm256_max_pd(self.1.0, other.1.0)),
            )
        }
    }
    #[inline(always)]
    fn total(self) -> f64 {
        // SAFETY: of the instruction set, see above.
        unsafe { total(_mm256_add_pd(self.0.0, self.1.0)) }
    }
}
