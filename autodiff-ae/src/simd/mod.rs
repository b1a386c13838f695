//! Runtime choice of instruction set. Kernels are written once over `Vector` and compiled per set; safe wrappers check lengths.
//!
//! `unsafe` here is what a choice at run time needs. Measured (examples/step_time.rs): the AVX-512 table runs 128 × 128 layers
//! several times faster than what the x86-64 baseline allows.

mod elementwise;
mod kernels;
mod math;
mod safe;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

use crate::Activation;
pub(crate) use elementwise::AdamStep;
pub(crate) use kernels::Start;
pub(crate) use safe::Panels;
use std::sync::OnceLock;
use vector::{Array, Vector};

/// Instruction set a kernel table was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What every machine of the target has.
    Baseline,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512 F.
    Avx512,
}

impl Isa {
    /// The best set of this machine, the one all kernels use.
    pub fn detected() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Isa::Baseline))
    }

    /// Every set of this machine, worst first.
    pub fn available() -> Vec<Self> {
        #[allow(unused_mut)] // nothing is added on other architectures
        let mut sets = vec![Isa::Baseline];
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                sets.push(Isa::Avx2);
                if std::is_x86_feature_detected!("avx512f") {
                    sets.push(Isa::Avx512);
                }
            }
        }
        sets
    }
}

/// Runs a closure compiled for the best instruction set of this machine: write plain loops over lanes inside, mark
/// what it calls `#[inline(always)]`, and the compiler vectorises them as wide as the machine allows. Costs one branch.
/// A large closure may not be inlined and then stays at the baseline: use [`vectorised_kernel`] for those.
#[inline]
pub fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn avx512<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: the sets were detected.
        match Isa::detected() {
            Isa::Avx512 => return unsafe { avx512(f) },
            Isa::Avx2 => return unsafe { avx2(f) },
            Isa::Baseline => {}
        }
    }
    f()
}

/// Work too large to be inlined as a closure; see [`vectorised_kernel`].
pub trait Kernel {
    /// What it returns.
    type Output;
    /// Does the work. Mark it `#[inline(always)]`, and what it calls.
    fn run(self) -> Self::Output;
}

/// [`vectorised`] for a kernel whose `run` is marked `#[inline(always)]`: unlike a closure's, its body is then certain to be compiled for
/// the instruction set, however large it is. Measured on products of 64 × 64 matrices with `mul_add`: as a closure not inlined,
/// left at the baseline, and a hundred times slower.
#[inline]
pub fn vectorised_kernel<K: Kernel>(kernel: K) -> K::Output {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx2,fma")]
        fn avx512<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        #[target_feature(enable = "avx2,fma")]
        fn avx2<K: Kernel>(kernel: K) -> K::Output {
            kernel.run()
        }
        // SAFETY: the sets were detected.
        match Isa::detected() {
            Isa::Avx512 => return unsafe { avx512(kernel) },
            Isa::Avx2 => return unsafe { avx2(kernel) },
            Isa::Baseline => {}
        }
    }
    kernel.run()
}

type Product<T> = unsafe fn(*const T, usize, usize, usize, Start, *const T, *mut T, usize);
type WeightGradient<T> =
    unsafe fn([*const T; 2], [*const T; 2], usize, usize, usize, *mut T, *mut T);
type Activate<T> = unsafe fn(Activation, usize, *mut T, *mut T, *mut T, *mut T);
type ActivateReverse<T> = unsafe fn(usize, *mut T, *const T, *mut T, *const T);
type Residual<T> = unsafe fn(usize, *const T, *const T, *const T, T, *mut T) -> T;
type AdamKernel<T> = unsafe fn(&AdamStep<T>, usize, *mut T, *const T, *mut T, *mut T);

/// The kernels of one instruction set.
#[doc(hidden)]
#[derive(Debug)]
pub struct Table<T> {
    isa: Isa,
    registers: usize,
    tile: usize,
    product: Product<T>,
    weight_gradient: WeightGradient<T>,
    activate: Activate<T>,
    activate_reverse: ActivateReverse<T>,
    residual: Residual<T>,
    adam: AdamKernel<T>,
    peak: unsafe fn(usize, T) -> T,
}

/// Types of numbers that have kernels.
#[doc(hidden)]
pub trait Kernels: Sized {
    /// The kernels of one set; the caller asks for available ones only.
    fn table_of(isa: Isa) -> &'static Table<Self>;
    /// The kernels of the best set.
    #[inline]
    fn table() -> &'static Table<Self> {
        Self::table_of(Isa::detected())
    }
}

macro_rules! table {
    ($name:ident, $t:ty, $v:ty, $isa:expr $(, $feature:literal)?) => {
        mod $name {
            use super::*;
            $(#[target_feature(enable = $feature)])?
            unsafe fn product(p: *const $t, tile: usize, rows: usize, depth: usize, start: Start, x: *const $t, y: *mut $t, blocks: usize) {
                // SAFETY: passed on to the caller; so in all of these.
                unsafe { kernels::product::<$v>(p, tile, rows, depth, start, x, y, blocks) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn weight_gradient(y: [*const $t; 2], x: [*const $t; 2], rows: usize, depth: usize, blocks: usize, g: *mut $t, b: *mut $t) {
                // SAFETY: as above.
                unsafe { kernels::weight_gradient::<$v>(y, x, rows, depth, blocks, g, b) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn activate(kind: Activation, len: usize, a: *mut $t, d: *mut $t, t: *mut $t, c: *mut $t) {
                // SAFETY: as above.
                unsafe { elementwise::activate::<$v>(kind, len, a, d, t, c) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn activate_reverse(len: usize, a: *mut $t, d: *const $t, t: *mut $t, c: *const $t) {
                // SAFETY: as above.
                unsafe { elementwise::activate_reverse::<$v>(len, a, d, t, c) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn residual(rows: usize, a: *const $t, b: *const $t, w: *const $t, scale: $t, out: *mut $t) -> $t {
                // SAFETY: as above.
                unsafe { elementwise::residual::<$v>(rows, a, b, w, scale, out) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn adam(s: &AdamStep<$t>, len: usize, p: *mut $t, g: *const $t, m: *mut $t, v: *mut $t) {
                // SAFETY: as above.
                unsafe { elementwise::adam::<$v>(s, len, p, g, m, v) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn peak(rounds: usize, seed: $t) -> $t {
                // SAFETY: as above.
                unsafe { elementwise::peak::<$v>(rounds, seed) }
            }
            pub(super) static TABLE: Table<$t> = Table {
                isa: $isa,
                registers: <$v>::N,
                tile: <$v>::TILE,
                product,
                weight_gradient,
                activate,
                activate_reverse,
                residual,
                adam,
                peak,
            };
        }
    };
}

table!(baseline_f32, f32, Array<f32, 4>, Isa::Baseline);
table!(baseline_f64, f64, Array<f64, 2>, Isa::Baseline);
#[cfg(target_arch = "x86_64")]
table!(avx2_f32, f32, x86::F32x8, Isa::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
table!(avx2_f64, f64, x86::F64x4, Isa::Avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
table!(
    avx512_f32,
    f32,
    x86::F32x16,
    Isa::Avx512,
    "avx512f,avx2,fma"
);
#[cfg(target_arch = "x86_64")]
table!(avx512_f64, f64, x86::F64x8, Isa::Avx512, "avx512f,avx2,fma");

macro_rules! kernels {
    ($t:ty, $baseline:ident, $avx2:ident, $avx512:ident) => {
        impl Kernels for $t {
            #[inline]
            fn table_of(isa: Isa) -> &'static Table<$t> {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => &$avx512::TABLE,
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => &$avx2::TABLE,
                    _ => &$baseline::TABLE,
                }
            }
        }
    };
}
kernels!(f32, baseline_f32, avx2_f32, avx512_f32);
kernels!(f64, baseline_f64, avx2_f64, avx512_f64);
