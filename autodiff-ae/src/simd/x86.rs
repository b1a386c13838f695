//! AVX-512 and AVX2 registers behind [`Vector`]: thin names for intrinsics.

use super::vector::Vector;
use std::arch::x86_64::*;

macro_rules! common {
    ($t:ty, $n:literal, $tile:literal, $rows:literal, $set:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident,
     $mul:ident, $div:ident, $sqrt:ident, $max:ident, $min:ident) => {
        type T = $t;
        const N: usize = $n;
        const TILE: usize = $tile;
        const WEIGHT_ROWS: usize = $rows;
        #[inline(always)]
        unsafe fn splat(x: $t) -> Self {
            // SAFETY: the caller has detected the instruction set.
            Self(unsafe { $set(x) })
        }
        #[inline(always)]
        unsafe fn load(p: *const $t) -> Self {
            // SAFETY: the caller has detected the instruction set and guarantees N readable numbers.
            Self(unsafe { $load(p) })
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut $t) {
            // SAFETY: the caller guarantees N writable numbers.
            unsafe { $store(p, self.0) }
        }
        #[inline(always)]
        fn fma(self, b: Self, c: Self) -> Self {
            // SAFETY: a value of this type exists only after detection; so below.
            Self(unsafe { $fma(self.0, b.0, c.0) })
        }
        #[inline(always)]
        fn add(self, b: Self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $add(self.0, b.0) })
        }
        #[inline(always)]
        fn sub(self, b: Self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $sub(self.0, b.0) })
        }
        #[inline(always)]
        fn mul(self, b: Self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $mul(self.0, b.0) })
        }
        #[inline(always)]
        fn div(self, b: Self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $div(self.0, b.0) })
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $sqrt(self.0) })
        }
        #[inline(always)]
        fn max(self, b: Self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $max(self.0, b.0) })
        }
        #[inline(always)]
        fn min(self, b: Self) -> Self {
            // SAFETY: as in `fma`.
            Self(unsafe { $min(self.0, b.0) })
        }
    };
}

/// Sixteen `f32` in an AVX-512 register.
#[derive(Clone, Copy)]
pub(crate) struct F32x16(__m512);

impl Vector for F32x16 {
    common!(
        f32,
        16,
        12,
        6,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_sqrt_ps,
        _mm512_max_ps,
        _mm512_min_ps
    );
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm512_abs_ps(self.0) })
    }
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        // SAFETY: as in `fma`. 0xCA selects bits of b under the mask, else of self.
        Self(unsafe {
            let sign = _mm512_set1_epi32(i32::MIN);
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(b.0));
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xCA>(sign, b, a))
        })
    }
    #[inline(always)]
    fn select_positive(self, yes: Self, no: Self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps());
            _mm512_mask_blend_ps(mask, no.0, yes.0)
        })
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm512_roundscale_ps::<8>(self.0) })
    }
    #[inline(always)]
    fn exp2_integral(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), self.0) })
    }
    #[inline(always)]
    fn sum4(v: [Self; 4]) -> [f32; 4] {
        let mut out = [0.0; 4];
        // SAFETY: an array of four.
        unsafe { Self::add_sum4(v, out.as_mut_ptr()) };
        out
    }
    #[inline(always)]
    unsafe fn add_sum4(v: [Self; 4], p: *mut f32) {
        // SAFETY: as in `fma`; the caller guarantees four numbers at p.
        unsafe {
            let ab = _mm512_add_ps(
                _mm512_unpacklo_ps(v[0].0, v[1].0),
                _mm512_unpackhi_ps(v[0].0, v[1].0),
            );
            let cd = _mm512_add_ps(
                _mm512_unpacklo_ps(v[2].0, v[3].0),
                _mm512_unpackhi_ps(v[2].0, v[3].0),
            );
            let s = _mm512_add_ps(
                _mm512_shuffle_ps::<0x44>(ab, cd),
                _mm512_shuffle_ps::<0xEE>(ab, cd),
            );
            let hi = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(s)));
            let s = _mm256_add_ps(_mm512_castps512_ps256(s), hi);
            let s = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s));
            _mm_storeu_ps(p, _mm_add_ps(_mm_loadu_ps(p), s));
        }
    }
}

/// Eight `f64` in an AVX-512 register.
#[derive(Clone, Copy)]
pub(crate) struct F64x8(__m512d);

impl Vector for F64x8 {
    common!(
        f64,
        8,
        12,
        6,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd,
        _mm512_sub_pd,
        _mm512_mul_pd,
        _mm512_div_pd,
        _mm512_sqrt_pd,
        _mm512_max_pd,
        _mm512_min_pd
    );
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm512_abs_pd(self.0) })
    }
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        // SAFETY: as in `fma`. 0xCA selects bits of b under the mask, else of self.
        Self(unsafe {
            let sign = _mm512_set1_epi64(i64::MIN);
            let (a, b) = (_mm512_castpd_si512(self.0), _mm512_castpd_si512(b.0));
            _mm512_castsi512_pd(_mm512_ternarylogic_epi64::<0xCA>(sign, b, a))
        })
    }
    #[inline(always)]
    fn select_positive(self, yes: Self, no: Self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let mask = _mm512_cmp_pd_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_pd());
            _mm512_mask_blend_pd(mask, no.0, yes.0)
        })
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm512_roundscale_pd::<8>(self.0) })
    }
    #[inline(always)]
    fn exp2_integral(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm512_scalef_pd(_mm512_set1_pd(1.0), self.0) })
    }
    #[inline(always)]
    fn sum4(v: [Self; 4]) -> [f64; 4] {
        let mut out = [0.0; 4];
        // SAFETY: an array of four.
        unsafe { Self::add_sum4(v, out.as_mut_ptr()) };
        out
    }
    #[inline(always)]
    unsafe fn add_sum4(v: [Self; 4], p: *mut f64) {
        // SAFETY: as in `fma`; the caller guarantees four numbers at p.
        unsafe {
            // Spelled out: a closure would be a function of its own without the instruction set.
            let s = transposed_sum([
                folded(v[0].0),
                folded(v[1].0),
                folded(v[2].0),
                folded(v[3].0),
            ]);
            _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), s));
        }
    }
}

/// Upper half added to lower half.
#[inline(always)]
unsafe fn folded(x: __m512d) -> __m256d {
    // SAFETY: the caller has detected AVX-512.
    unsafe { _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd::<1>(x)) }
}

/// The sums of four registers, in order.
#[inline(always)]
unsafe fn transposed_sum(v: [__m256d; 4]) -> __m256d {
    // SAFETY: the caller has detected AVX.
    unsafe {
        let ab = _mm256_hadd_pd(v[0], v[1]);
        let cd = _mm256_hadd_pd(v[2], v[3]);
        _mm256_add_pd(
            _mm256_permute2f128_pd::<0x20>(ab, cd),
            _mm256_permute2f128_pd::<0x31>(ab, cd),
        )
    }
}

/// Eight `f32` in an AVX2 register.
#[derive(Clone, Copy)]
pub(crate) struct F32x8(__m256);

impl Vector for F32x8 {
    common!(
        f32,
        8,
        6,
        2,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_sqrt_ps,
        _mm256_max_ps,
        _mm256_min_ps
    );
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign, self.0), _mm256_and_ps(sign, b.0))
        })
    }
    #[inline(always)]
    fn select_positive(self, yes: Self, no: Self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let mask = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, _mm256_setzero_ps());
            _mm256_blendv_ps(no.0, yes.0, mask)
        })
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm256_round_ps::<8>(self.0) })
    }
    #[inline(always)]
    fn exp2_integral(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let n = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(n))
        })
    }
    #[inline(always)]
    fn sum4(v: [Self; 4]) -> [f32; 4] {
        let mut out = [0.0; 4];
        // SAFETY: an array of four.
        unsafe { Self::add_sum4(v, out.as_mut_ptr()) };
        out
    }
    #[inline(always)]
    unsafe fn add_sum4(v: [Self; 4], p: *mut f32) {
        // SAFETY: as in `fma`; the caller guarantees four numbers at p.
        unsafe {
            let s = _mm256_hadd_ps(
                _mm256_hadd_ps(v[0].0, v[1].0),
                _mm256_hadd_ps(v[2].0, v[3].0),
            );
            let s = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps::<1>(s));
            _mm_storeu_ps(p, _mm_add_ps(_mm_loadu_ps(p), s));
        }
    }
}

/// Four `f64` in an AVX2 register.
#[derive(Clone, Copy)]
pub(crate) struct F64x4(__m256d);

impl Vector for F64x4 {
    common!(
        f64,
        4,
        6,
        2,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_mul_pd,
        _mm256_div_pd,
        _mm256_sqrt_pd,
        _mm256_max_pd,
        _mm256_min_pd
    );
    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm256_andnot_pd(_mm256_set1_pd(-0.0), self.0) })
    }
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let sign = _mm256_set1_pd(-0.0);
            _mm256_or_pd(_mm256_andnot_pd(sign, self.0), _mm256_and_pd(sign, b.0))
        })
    }
    #[inline(always)]
    fn select_positive(self, yes: Self, no: Self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let mask = _mm256_cmp_pd::<_CMP_GT_OQ>(self.0, _mm256_setzero_pd());
            _mm256_blendv_pd(no.0, yes.0, mask)
        })
    }
    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe { _mm256_round_pd::<8>(self.0) })
    }
    #[inline(always)]
    fn exp2_integral(self) -> Self {
        // SAFETY: as in `fma`.
        Self(unsafe {
            let n = _mm256_cvtepi32_epi64(_mm_add_epi32(
                _mm256_cvtpd_epi32(self.0),
                _mm_set1_epi32(1023),
            ));
            _mm256_castsi256_pd(_mm256_slli_epi64::<52>(n))
        })
    }
    #[inline(always)]
    fn sum4(v: [Self; 4]) -> [f64; 4] {
        let mut out = [0.0; 4];
        // SAFETY: an array of four.
        unsafe { Self::add_sum4(v, out.as_mut_ptr()) };
        out
    }
    #[inline(always)]
    unsafe fn add_sum4(v: [Self; 4], p: *mut f64) {
        // SAFETY: as in `fma`; the caller guarantees four numbers at p.
        unsafe {
            let s = transposed_sum([v[0].0, v[1].0, v[2].0, v[3].0]);
            _mm256_storeu_pd(p, _mm256_add_pd(_mm256_loadu_pd(p), s));
        }
    }
}
