//! One state as a row of registers of eight numbers: the passes over it that a step in one lane consists of, beside right-hand side and factorisation.
//!
//! A state of some tens of numbers is too short for the compiler's own vectors (its loops take sixteen at a time, and the rest one by one), and vectors of
//! different length in turn wait for each other's stores. Sums are kept in the same order on every machine.
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::Scalar;
use crate::linalg::Register;
use std::mem::ManuallyDrop;

/// Numbers of a register.
pub(crate) const WIDTH: usize = 8;

/// What passes ask of a register beside the sums of [`crate::pack::Pack`].
pub(crate) trait Row<T: Scalar>: Register<T> {
    /// Whether [`crate::pack::Pack::less`] rounds once.
    const FUSED: bool;
    /// Fewer than eight numbers, and zeros.
    fn load_part(from: &[T]) -> Self;
    /// The first numbers.
    fn store_part(self, to: &mut [T]);
    fn minus(self, other: Self) -> Self;
    /// self / other, 0 where both are 0.
    fn over(self, other: Self) -> Self;
    fn size(self) -> Self;
    /// The larger of two, `other` where either is not a number.
    fn larger(self, other: Self) -> Self;
    /// All in one array.
    #[inline(always)]
    fn each(self) -> [T; WIDTH] {
        let mut each = [T::zero(); WIDTH];
        self.store(&mut each);
        each
    }
    /// `len` numbers from `at` on, and zeros.
    #[inline(always)]
    fn take(from: &[T], at: usize, len: usize) -> Self {
        match from[at..at + len].first_chunk() {
            Some(whole) => Self::load(whole),
            None => Self::load_part(&from[at..at + len]),
        }
    }
    /// The first `len` numbers to `at`.
    #[inline(always)]
    fn put(self, to: &mut [T], at: usize, len: usize) {
        let to = &mut to[at..at + len];
        match to.first_chunk_mut() {
            Some(whole) => self.store(whole),
            None => self.store_part(to),
        }
    }
    /// Σ over the eight, in one order.
    #[inline(always)]
    fn total(self) -> T {
        let [a, b, c, d, e, f, g, h] = self.each();
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
    /// The largest of the eight, none of which is negative.
    #[inline(always)]
    fn largest(self) -> T {
        let mut largest = T::zero();
        for x in self.each() {
            largest = if x > largest { x } else { largest };
        }
        largest
    }
}

/// Runs the body for every eight of `n` components, with where they begin and how many there are: first where all eight are there.
macro_rules! parts {
    ($n:expr, |$at:ident, $len:ident| $body:block) => {
        let n = $n;
        let whole = n - n % $crate::row::WIDTH;
        for $at in (0..whole).step_by($crate::row::WIDTH) {
            let $len = $crate::row::WIDTH;
            $body
        }
        if whole < n {
            let $at = whole;
            let $len = n - whole;
            $body
        }
    };
}
pub(crate) use parts;

/// A pass over a row. Declared by [`pass`].
///
/// # Safety
///
/// `As<T>` is `Self`.
pub(crate) unsafe trait Pass<T: Scalar>: Sized {
    /// The same for other numbers.
    type As<U: Scalar>;
    /// In these registers; to be inlined into functions compiled for them.
    fn run<P: Row<T>>(self) -> T;
    /// The same of doubles.
    ///
    /// # Safety
    ///
    /// The processor has these registers.
    unsafe fn in_registers(pass: Self::As<f64>, registers: Registers) -> f64;
}

/// Which registers a pass runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Registers {
    /// As the compiler arranges it.
    Plain,
    /// AVX2 and fused products.
    #[cfg(target_arch = "x86_64")]
    TwoAvx,
    /// And AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Registers {
    /// The widest there are.
    #[inline(always)]
    fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            return match std::arch::is_x86_feature_detected!("avx512f") {
                true => Self::Avx512,
                false => Self::TwoAvx,
            };
        }
        Self::Plain
    }
}

/// Declares that a struct is a [`Pass`], which its method `of` runs. For doubles it is compiled once, here, and not wherever a solver is made.
macro_rules! pass {
    ($name:ident) => {
        // SAFETY: the same type with U for T.
        unsafe impl<'a, T: $crate::Scalar> $crate::row::Pass<T> for $name<'a, T> {
            type As<U: $crate::Scalar> = $name<'a, U>;
            #[inline(always)]
            fn run<P: $crate::row::Row<T>>(self) -> T {
                self.of::<P>()
            }
            #[inline(always)]
            unsafe fn in_registers(pass: $name<'a, f64>, registers: $crate::row::Registers) -> f64 {
                #[inline(never)]
                fn plain(pass: $name<'_, f64>) -> f64 {
                    pass.of::<[f64; $crate::row::WIDTH]>()
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx512f,avx2,fma")]
                fn in_avx512(pass: $name<'_, f64>) -> f64 {
                    pass.of::<$crate::pack::x86::Avx512>()
                }
                #[cfg(target_arch = "x86_64")]
                #[target_feature(enable = "avx2,fma")]
                fn in_two_avx(pass: $name<'_, f64>) -> f64 {
                    pass.of::<$crate::pack::x86::TwoAvx>()
                }
                match registers {
                    $crate::row::Registers::Plain => plain(pass),
                    // SAFETY: the caller has asked the processor for the features.
                    #[cfg(target_arch = "x86_64")]
                    $crate::row::Registers::TwoAvx => unsafe { in_two_avx(pass) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    $crate::row::Registers::Avx512 => unsafe { in_avx512(pass) },
                }
            }
        }
    };
}
pub(crate) use pass;

/// Runs a pass in the widest registers there are.
#[inline(always)]
pub(crate) fn run<T: Scalar, K: Pass<T>>(pass: K) -> T {
    if !T::DOUBLE {
        return pass.run::<[T; WIDTH]>();
    }
    let pass = ManuallyDrop::new(pass);
    // SAFETY: the numbers are doubles, hence the two passes the same type; the processor has been asked.
    T::of(unsafe { K::in_registers(std::mem::transmute_copy(&pass), Registers::widest()) })
}

impl<T: Scalar> Row<T> for [T; WIDTH] {
    const FUSED: bool = false;
    #[inline(always)]
    fn load_part(from: &[T]) -> Self {
        let mut row = [T::zero(); WIDTH];
        for (x, &from) in row.iter_mut().zip(from) {
            *x = from;
        }
        row
    }
    #[inline(always)]
    fn store_part(self, to: &mut [T]) {
        for (to, x) in to.iter_mut().zip(self) {
            *to = x;
        }
    }
    #[inline(always)]
    fn minus(mut self, other: Self) -> Self {
        for p in 0..WIDTH {
            self[p] -= other[p];
        }
        self
    }
    #[inline(always)]
    fn over(mut self, other: Self) -> Self {
        for p in 0..WIDTH {
            let nothing = (self[p] == T::zero()) & (other[p] == T::zero());
            let ratio = self[p] / other[p];
            self[p] = if nothing { T::zero() } else { ratio };
        }
        self
    }
    #[inline(always)]
    fn size(self) -> Self {
        self.map(|x| x.abs())
    }
    #[inline(always)]
    fn larger(mut self, other: Self) -> Self {
        for p in 0..WIDTH {
            self[p] = if self[p] > other[p] {
                self[p]
            } else {
                other[p]
            };
        }
        self
    }
}
