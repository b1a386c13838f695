//! Vector registers as values: one small trait, AVX-512 and AVX2 registers on x86-64, plain arrays elsewhere.

use crate::Scalar;

/// A register of `N` numbers.
///
/// Soundness: the constructors (`splat`, `load`) are unsafe and may be called only inside a function entered after
/// its instruction set was detected. The other methods are safe, since a value to call them on proves the detection.
pub(crate) trait Vector: Copy {
    type T: Scalar;
    /// Numbers per register.
    const N: usize;
    /// Rows of outputs held in registers by the product kernel, two registers each.
    const TILE: usize;
    /// Rows of cotangents held by the weight gradient kernel, four registers each.
    const WEIGHT_ROWS: usize;
    unsafe fn splat(x: Self::T) -> Self;
    unsafe fn load(p: *const Self::T) -> Self;
    unsafe fn store(self, p: *mut Self::T);
    /// self · b + c.
    fn fma(self, b: Self, c: Self) -> Self;
    fn add(self, b: Self) -> Self;
    fn sub(self, b: Self) -> Self;
    fn mul(self, b: Self) -> Self;
    fn div(self, b: Self) -> Self;
    fn sqrt(self) -> Self;
    /// The greater; `b` where either is NaN.
    fn max(self, b: Self) -> Self;
    /// The lesser; `b` where either is NaN.
    fn min(self, b: Self) -> Self;
    fn abs(self) -> Self;
    /// Magnitude of self with the sign of `b`.
    fn copysign(self, b: Self) -> Self;
    /// `yes` where self > 0, else `no`.
    fn select_positive(self, yes: Self, no: Self) -> Self;
    /// Nearest integer.
    fn round(self) -> Self;
    /// 2ⁿ for integral n within the normal range.
    fn exp2_integral(self) -> Self;
    /// The sums over the lanes of four registers.
    fn sum4(v: [Self; 4]) -> [Self::T; 4];
    /// Adds the sums over the lanes of four registers to four numbers at p.
    #[inline(always)]
    unsafe fn add_sum4(v: [Self; 4], p: *mut Self::T) {
        for (i, s) in Self::sum4(v).into_iter().enumerate() {
            // SAFETY: the caller guarantees four numbers at p.
            unsafe { *p.add(i) += s };
        }
    }
}

/// A register where no better instruction set is known: an array that the compiler maps to what the baseline has.
#[derive(Clone, Copy)]
pub(crate) struct Array<T, const N: usize>([T; N]);

impl<T: Scalar, const N: usize> Array<T, N> {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(T, T) -> T) -> Self {
        Array(std::array::from_fn(|i| f(self.0[i], b.0[i])))
    }
}

impl<T: Scalar, const N: usize> Vector for Array<T, N> {
    type T = T;
    const N: usize = N;
    const TILE: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };
    const WEIGHT_ROWS: usize = if cfg!(target_arch = "aarch64") { 4 } else { 2 };
    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Array([x; N])
    }
    #[inline(always)]
    unsafe fn load(p: *const T) -> Self {
        // SAFETY: the caller guarantees N readable numbers at p.
        Array(unsafe { p.cast::<[T; N]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut T) {
        // SAFETY: the caller guarantees N writable numbers at p.
        unsafe { p.cast::<[T; N]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        Array(std::array::from_fn(|i| {
            T::multiply_add(self.0[i], b.0[i], c.0[i])
        }))
    }
    #[inline(always)]
    fn add(self, b: Self) -> Self {
        self.zip(b, |x, y| x + y)
    }
    #[inline(always)]
    fn sub(self, b: Self) -> Self {
        self.zip(b, |x, y| x - y)
    }
    #[inline(always)]
    fn mul(self, b: Self) -> Self {
        self.zip(b, |x, y| x * y)
    }
    #[inline(always)]
    fn div(self, b: Self) -> Self {
        self.zip(b, |x, y| x / y)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Array(self.0.map(|x| x.sqrt()))
    }
    #[inline(always)]
    fn max(self, b: Self) -> Self {
        self.zip(b, |x, y| if x > y { x } else { y })
    }
    #[inline(always)]
    fn min(self, b: Self) -> Self {
        self.zip(b, |x, y| if x < y { x } else { y })
    }
    #[inline(always)]
    fn abs(self) -> Self {
        Array(self.0.map(|x| x.abs()))
    }
    #[inline(always)]
    fn copysign(self, b: Self) -> Self {
        self.zip(b, |x, y| x.copysign(y))
    }
    #[inline(always)]
    fn select_positive(self, yes: Self, no: Self) -> Self {
        Array(std::array::from_fn(|i| {
            if self.0[i] > T::zero() {
                yes.0[i]
            } else {
                no.0[i]
            }
        }))
    }
    #[inline(always)]
    fn round(self) -> Self {
        // Adding and subtracting 1.5·2^(mantissa bits) rounds to nearest without a library call.
        let magic = T::of(1.5) / T::epsilon();
        Array(self.0.map(|x| (x + magic) - magic))
    }
    #[inline(always)]
    fn exp2_integral(self) -> Self {
        Array(self.0.map(T::exp2_integral))
    }
    #[inline(always)]
    fn sum4(v: [Self; 4]) -> [T; 4] {
        v.map(|a| {
            let mut s = a.0;
            let mut half = N / 2;
            while half > 0 {
                for i in 0..half {
                    s[i] += s[i + half];
                }
                half /= 2;
            }
            s[0]
        })
    }
}
