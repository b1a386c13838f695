//! What the inversion of a square asks of a register beside the sums of [`Pack`]: to take single numbers out of it and to put them in.
use super::{SIDE, Square};
use crate::Scalar;
use crate::pack::Pack;

/// Eight numbers in a register, or in two.
pub(crate) trait Register<T>: Pack<T, SIDE> {
    /// Number p in all places.
    fn lane(self, p: usize) -> Self;
    /// The reciprocal of number p in all places.
    fn inverse_of_lane(self, p: usize) -> Self;
    /// Number p taken from `other`.
    fn with_lane(self, p: usize, other: Self) -> Self;
    /// Zeros instead of the numbers up to p.
    fn below(self, p: usize) -> Self;
}

/// Replaces a square by the negative of its inverse, by the steps of Gauß and Jordan. `growth` rises to the largest multiplier of a row below its pivot.
#[inline(always)]
pub(super) fn invert<T: Scalar, P: Register<T>>(
    square: &mut Square<T>,
    inverse_pivots: &mut [T; SIDE],
    growth: &mut P,
) {
    let mut columns = [P::zero(); SIDE];
    for q in 0..SIDE {
        columns[q] = P::load(&square[q]);
    }
    let mut inverses = P::zero();
    for p in 0..SIDE {
        let inverse = columns[p].inverse_of_lane(p);
        inverses = inverses.with_lane(p, inverse);
        let scaled = columns[p].times(inverse);
        *growth = scaled.below(p).size_or(*growth);
        let others = scaled.with_lane(p, P::zero());
        for q in 0..SIDE {
            if q != p {
                let own = columns[q].lane(p);
                columns[q] = columns[q]
                    .less(others, own)
                    .with_lane(p, own.times(inverse));
            }
        }
        columns[p] = others.negated().with_lane(p, inverse);
    }
    for q in 0..SIDE {
        columns[q].negated().store(&mut square[q]);
    }
    inverses.store(inverse_pivots);
}

impl<T: Scalar> Register<T> for [T; SIDE] {
    #[inline(always)]
    fn lane(self, p: usize) -> Self {
        [self[p]; SIDE]
    }
    #[inline(always)]
    fn inverse_of_lane(self, p: usize) -> Self {
        [T::one() / self[p]; SIDE]
    }
    #[inline(always)]
    fn with_lane(mut self, p: usize, other: Self) -> Self {
        self[p] = other[p];
        self
    }
    #[inline(always)]
    fn below(mut self, p: usize) -> Self {
        self[..=p].fill(T::zero());
        self
    }
}

/// As in [`crate::pack::x86`]: only in functions compiled for the feature needed.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Pack, Register};
    use crate::pack::x86::{Avx512, TwoAvx};
    use std::arch::x86_64::*;

    // SAFETY of this impl: the caller's instruction set.
    impl Register<f64> for Avx512 {
        #[inline(always)]
        fn lane(self, p: usize) -> Self {
            Self(unsafe { _mm512_permutexvar_pd(_mm512_set1_epi64(p as i64), self.0) })
        }
        #[inline(always)]
        fn inverse_of_lane(self, p: usize) -> Self {
            let pivot = self.lane(p);
            // One division, not eight.
            Self(unsafe {
                let inverse = _mm_div_sd(_mm_set_sd(1.0), _mm512_castpd512_pd128(pivot.0));
                _mm512_broadcastsd_pd(inverse)
            })
        }
        #[inline(always)]
        fn with_lane(self, p: usize, other: Self) -> Self {
            Self(unsafe { _mm512_mask_blend_pd(1 << p, self.0, other.0) })
        }
        #[inline(always)]
        fn below(self, p: usize) -> Self {
            Self(unsafe { _mm512_maskz_mov_pd(0xfe << p, self.0) })
        }
    }

    impl Register<f64> for TwoAvx {
        #[inline(always)]
        fn lane(self, p: usize) -> Self {
            let mut all = [0.0; 8];
            self.store(&mut all);
            Self::splat(all[p])
        }
        #[inline(always)]
        fn inverse_of_lane(self, p: usize) -> Self {
            let mut all = [0.0; 8];
            self.store(&mut all);
            Self::splat(1.0 / all[p])
        }
        #[inline(always)]
        fn with_lane(self, p: usize, other: Self) -> Self {
            let (mut own, mut from) = ([0.0; 8], [0.0; 8]);
            self.store(&mut own);
            other.store(&mut from);
            own[p] = from[p];
            Self::load(&own)
        }
        #[inline(always)]
        fn below(self, p: usize) -> Self {
            let mut all = [0.0; 8];
            self.store(&mut all);
            all[..=p].fill(0.0);
            Self::load(&all)
        }
    }
}
