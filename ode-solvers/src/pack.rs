//! W lanes as one value in registers, for the factorisation and the stage sums.
//!
//! Left to itself the compiler turns a tile of sixteen `[f64; 8]` into scalars: 6.5 µs a lane for the 28 × 28 block of the 224-reaction network,
//! against 0.31 µs with the registers named.

use std::any::TypeId;

/// W numbers that are computed with as one. Only the operations of an LU. [`Pack::less`] rounds once in registers, twice in what the compiler arranges:
/// every x86-64 processor with AVX2 and fused products (all since 2013) gives the same bits, others may differ in the last ones.
pub(crate) trait Pack<T, const W: usize>: Copy {
    fn load(from: &[T; W]) -> Self;
    fn store(self, to: &mut [T; W]);
    fn zero() -> Self;
    /// The same number in all lanes.
    fn splat(x: T) -> Self;
    fn plus(self, other: Self) -> Self;
    /// self − a b.
    fn less(self, a: Self, b: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn reciprocal(self) -> Self;
    fn negated(self) -> Self;
    /// The larger of |self| and `size` (which is not negative), `size` where self is not a number.
    fn size_or(self, size: Self) -> Self;
}

/// Whether this processor has AVX2 and fused products.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn has_avx2_fma() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// x − a b, rounded once where `FUSED`: to be asked for only in functions compiled for a processor that has it.
#[inline(always)]
pub(crate) fn less<T: crate::Scalar, const FUSED: bool>(x: T, a: T, b: T) -> T {
    if FUSED { (-a).mul_add(b, x) } else { x - a * b }
}

/// `from` as arrays of doubles, if that is what they are.
#[inline(always)]
pub(crate) fn doubles<T: 'static, const W: usize, const V: usize>(
    from: &[[T; W]],
) -> Option<&[[f64; V]]> {
    let same = TypeId::of::<[T; W]>() == TypeId::of::<[f64; V]>();
    // SAFETY: the two types are the same one.
    same.then(|| unsafe { std::slice::from_raw_parts(from.as_ptr().cast(), from.len()) })
}

/// As [`doubles`].
#[inline(always)]
pub(crate) fn doubles_mut<T: 'static, const W: usize, const V: usize>(
    from: &mut [[T; W]],
) -> Option<&mut [[f64; V]]> {
    let same = TypeId::of::<[T; W]>() == TypeId::of::<[f64; V]>();
    // SAFETY: the two types are the same one.
    same.then(|| unsafe { std::slice::from_raw_parts_mut(from.as_mut_ptr().cast(), from.len()) })
}

/// Lanes as the compiler arranges them.
impl<T: crate::Scalar, const W: usize> Pack<T, W> for [T; W] {
    #[inline(always)]
    fn load(from: &[T; W]) -> Self {
        *from
    }
    #[inline(always)]
    fn store(self, to: &mut [T; W]) {
        *to = self;
    }
    #[inline(always)]
    fn zero() -> Self {
        [T::zero(); W]
    }
    #[inline(always)]
    fn splat(x: T) -> Self {
        [x; W]
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        each_lane!(T::zero(), |l| self[l] + other[l])
    }
    #[inline(always)]
    fn less(self, a: Self, b: Self) -> Self {
        each_lane!(T::zero(), |l| self[l] - a[l] * b[l])
    }
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        each_lane!(T::zero(), |l| self[l] * other[l])
    }
    #[inline(always)]
    fn reciprocal(self) -> Self {
        self.map(|x| T::one() / x)
    }
    #[inline(always)]
    fn negated(self) -> Self {
        self.map(|x| -x)
    }
    #[inline(always)]
    fn size_or(self, size: Self) -> Self {
        each_lane!(T::zero(), |l| {
            let own = self[l].abs();
            if own > size[l] { own } else { size[l] }
        })
    }
}

/// Four and eight doubles in AVX registers.
///
/// These types must be used only in functions compiled for (or inlined into ones compiled for) the feature they need; their callers see to that.
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use super::Pack;
    use std::arch::x86_64::*;

    #[derive(Clone, Copy)]
    pub struct Avx(pub(crate) __m256d);

    // SAFETY of this impl: the caller's instruction set, see the module; loads and stores go through references of the right size.
    impl Pack<f64, 4> for Avx {
        #[inline(always)]
        fn load(from: &[f64; 4]) -> Self {
            Self(unsafe { _mm256_loadu_pd(from.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; 4]) {
            unsafe { _mm256_storeu_pd(to.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn zero() -> Self {
            Self(unsafe { _mm256_setzero_pd() })
        }
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Self(unsafe { _mm256_set1_pd(x) })
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm256_add_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn less(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm256_fnmadd_pd(a.0, b.0, self.0) })
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(unsafe { _mm256_mul_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn reciprocal(self) -> Self {
            Self(unsafe { _mm256_div_pd(_mm256_set1_pd(1.0), self.0) })
        }
        #[inline(always)]
        fn negated(self) -> Self {
            Self(unsafe { _mm256_xor_pd(self.0, _mm256_set1_pd(-0.0)) })
        }
        #[inline(always)]
        fn size_or(self, size: Self) -> Self {
            Self(unsafe { _mm256_max_pd(_mm256_andnot_pd(_mm256_set1_pd(-0.0), self.0), size.0) })
        }
    }

    #[derive(Clone, Copy)]
    pub struct Avx512(pub(crate) __m512d);

    // SAFETY of this impl: as above.
    impl Pack<f64, 8> for Avx512 {
        #[inline(always)]
        fn load(from: &[f64; 8]) -> Self {
            Self(unsafe { _mm512_loadu_pd(from.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; 8]) {
            unsafe { _mm512_storeu_pd(to.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn zero() -> Self {
            Self(unsafe { _mm512_setzero_pd() })
        }
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Self(unsafe { _mm512_set1_pd(x) })
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(unsafe { _mm512_add_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn less(self, a: Self, b: Self) -> Self {
            Self(unsafe { _mm512_fnmadd_pd(a.0, b.0, self.0) })
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(unsafe { _mm512_mul_pd(self.0, other.0) })
        }
        #[inline(always)]
        fn reciprocal(self) -> Self {
            Self(unsafe { _mm512_div_pd(_mm512_set1_pd(1.0), self.0) })
        }
        #[inline(always)]
        fn negated(self) -> Self {
            Self(unsafe {
                let sign = _mm512_set1_epi64(i64::MIN);
                _mm512_castsi512_pd(_mm512_xor_si512(_mm512_castpd_si512(self.0), sign))
            })
        }
        #[inline(always)]
        fn size_or(self, size: Self) -> Self {
            Self(unsafe { _mm512_max_pd(_mm512_abs_pd(self.0), size.0) })
        }
    }

    /// Eight doubles in two AVX registers, where there is no AVX-512.
    #[derive(Clone, Copy)]
    pub struct TwoAvx(pub(crate) Avx, pub(crate) Avx);

    impl Pack<f64, 8> for TwoAvx {
        #[inline(always)]
        fn load(from: &[f64; 8]) -> Self {
            // SAFETY: each half lies within the array.
            unsafe {
                Self(
                    Avx(_mm256_loadu_pd(from.as_ptr())),
                    Avx(_mm256_loadu_pd(from.as_ptr().add(4))),
                )
            }
        }
        #[inline(always)]
        fn store(self, to: &mut [f64; 8]) {
            // SAFETY: each half lies within the array.
            unsafe {
                _mm256_storeu_pd(to.as_mut_ptr(), self.0.0);
                _mm256_storeu_pd(to.as_mut_ptr().add(4), self.1.0);
            }
        }
        #[inline(always)]
        fn zero() -> Self {
            Self(Avx::zero(), Avx::zero())
        }
        #[inline(always)]
        fn splat(x: f64) -> Self {
            Self(Avx::splat(x), Avx::splat(x))
        }
        #[inline(always)]
        fn plus(self, other: Self) -> Self {
            Self(self.0.plus(other.0), self.1.plus(other.1))
        }
        #[inline(always)]
        fn less(self, a: Self, b: Self) -> Self {
            Self(self.0.less(a.0, b.0), self.1.less(a.1, b.1))
        }
        #[inline(always)]
        fn times(self, other: Self) -> Self {
            Self(self.0.times(other.0), self.1.times(other.1))
        }
        #[inline(always)]
        fn reciprocal(self) -> Self {
            Self(self.0.reciprocal(), self.1.reciprocal())
        }
        #[inline(always)]
        fn negated(self) -> Self {
            Self(self.0.negated(), self.1.negated())
        }
        #[inline(always)]
        fn size_or(self, size: Self) -> Self {
            Self(self.0.size_or(size.0), self.1.size_or(size.1))
        }
    }
}
