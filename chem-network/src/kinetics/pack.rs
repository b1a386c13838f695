//! W lanes as one value in registers, for the inner loops; what the compiler makes of `[f64; W]` on its own varies with every change around it.

/// W numbers that are computed with as one. No fused operations, so that every machine gives the same bits.
pub(crate) trait Pack<const W: usize>: Copy {
    fn splat(x: f64) -> Self;
    fn load(from: &[f64; W]) -> Self;
    fn store(self, to: &mut [f64; W]);
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn negated(self) -> Self;
}

impl<const W: usize> Pack<W> for [f64; W] {
    #[inline(always)]
    fn splat(x: f64) -> Self {
        [x; W]
    }
    #[inline(always)]
    fn load(from: &[f64; W]) -> Self {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut [f64; W]) {
        *to = self;
    }
    #[inline(always)]
    fn plus(mut self, other: Self) -> Self {
        for l in 0..W {
            self[l] += other[l];
        }
        self
    }
    #[inline(always)]
    fn minus(mut self, other: Self) -> Self {
        for l in 0..W {
            self[l] -= other[l];
        }
        self
    }
    #[inline(always)]
    fn times(mut self, other: Self) -> Self {
        for l in 0..W {
            self[l] *= other[l];
        }
        self
    }
    #[inline(always)]
    fn negated(mut self) -> Self {
        for l in 0..W {
            self[l] = -self[l];
        }
        self
    }
}

/// Four and eight doubles in AVX registers: [`Pack`] of that number of lanes only, which is checked (at compile time, in effect), so that
/// generic code can name them. To be used only in functions compiled for, or inlined into ones compiled for, the feature they
/// need: [`super::dispatch`] sees to that.
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use super::Pack;
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub struct Avx(__m256d);

    // SAFETY of this impl: the caller's instruction set; loads and stores go through references of the right size.
    impl<const W: usize> Pack<W> for Avx {
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Self(unsafe { _mm256_set1_pd(x) })
        }
        #[inline(always)]
        fn load(from: &[f64; W]) -> Self {
            assert!(W == 4);
            Self(unsafe { _mm256_loadu_pd(from.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; W]) {
            assert!(W == 4);
            unsafe { _mm256_storeu_pd(to.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            Self(unsafe { _mm256_sub_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(unsafe { _mm256_mul_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn negated(self) -> Self {
            Self(unsafe { _mm256_xor_pd(self.0, _mm256_set1_pd(-0.0)) })
        }
    }

    #[derive(Clone, Copy)]
    pub struct Avx512(__m512d);

    // SAFETY of this impl: as above.
    impl<const W: usize> Pack<W> for Avx512 {
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Self(unsafe { _mm512_set1_pd(x) })
        }
        #[inline(always)]
        fn load(from: &[f64; W]) -> Self {
            assert!(W == 8);
            Self(unsafe { _mm512_loadu_pd(from.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; W]) {
            assert!(W == 8);
            unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            Self(unsafe { _mm512_sub_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(unsafe { _mm512_mul_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn negated(self) -> Self {
            Self(unsafe {
                let sign = _mm512_set1_epi64(i64::MIN);
                _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(self.0), sign))
            })
        }
    }

    /// Eight doubles in two AVX registers, where there is no AVX-512.
    #[derive(Clone, Copy)]
    pub struct TwoAvx(Avx, Avx);

    impl<const W: usize> Pack<W> for TwoAvx {
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Self(
                Avx(unsafe { _mm256_set1_pd(x) }),
                Avx(unsafe { _mm256_set1_pd(x) }),
            )
        }
        #[inline(always)]
        fn load(from: &[f64; W]) -> Self {
            assert!(W == 8);
            // SAFETY: each half lies within the array.
            unsafe {
                Self(
                    Avx(_mm256_loadu_pd(from.as_ptr())),
                    Avx(_mm256_loadu_pd(from.as_ptr().add(4))),
                )
            }
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; W]) {
            assert!(W == 8);
            // SAFETY: each half lies within the array.
            unsafe {
                _mm256_storeu_pd(to.as_mut_ptr(), self.0.0);
                _mm256_storeu_pd(to.as_mut_ptr().add(4), self.1.0);
            }
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(
                <Avx as Pack<4>>::plus(self.0, other.0),
                <Avx as Pack<4>>::plus(self.1, other.1),
            )
        }
        #[inline(always)]
        fn minus(self, other: Self) -> Self {
            Self(
                <Avx as Pack<4>>::minus(self.0, other.0),
                <Avx as Pack<4>>::minus(self.1, other.1),
            )
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(
                <Avx as Pack<4>>::times(self.0, other.0),
                <Avx as Pack<4>>::times(self.1, other.1),
            )
        }
        #[inline(always)]
        fn negated(self) -> Self {
            Self(
                <Avx as Pack<4>>::negated(self.0),
                <Avx as Pack<4>>::negated(self.1),
            )
        }
    }
}
