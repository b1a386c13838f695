//! Runtime choice of instruction set. Kernels are written once over `Vector` and compiled per set; safe wrappers check lengths.
//!
//! `unsafe` here is what a choice at run time needs. Measured (examples/step_time.rs): the AVX-512 table runs 128 × 128 layers
//! several times faster than what the x86-64 baseline allows.

mod kernels;
mod math;
mod vector;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(test)]
mod tests;

use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::{Activation, Scalar};
pub(crate) use kernels::AdamStep;
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

type Product<T> = unsafe fn(*const T, usize, usize, usize, bool, *const T, *mut T, usize);
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
            unsafe fn product(p: *const $t, tile: usize, rows: usize, depth: usize, bias: bool, x: *const $t, y: *mut $t, blocks: usize) {
                // SAFETY: passed on to the caller; so in all of these.
                unsafe { kernels::product::<$v>(p, tile, rows, depth, bias, x, y, blocks) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn weight_gradient(y: [*const $t; 2], x: [*const $t; 2], rows: usize, depth: usize, blocks: usize, g: *mut $t, b: *mut $t) {
                // SAFETY: as above.
                unsafe { kernels::weight_gradient::<$v>(y, x, rows, depth, blocks, g, b) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn activate(kind: Activation, len: usize, a: *mut $t, d: *mut $t, t: *mut $t, c: *mut $t) {
                // SAFETY: as above.
                unsafe { kernels::activate::<$v>(kind, len, a, d, t, c) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn activate_reverse(len: usize, a: *mut $t, d: *const $t, t: *mut $t, c: *const $t) {
                // SAFETY: as above.
                unsafe { kernels::activate_reverse::<$v>(len, a, d, t, c) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn residual(rows: usize, a: *const $t, b: *const $t, w: *const $t, scale: $t, out: *mut $t) -> $t {
                // SAFETY: as above.
                unsafe { kernels::residual::<$v>(rows, a, b, w, scale, out) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn adam(s: &AdamStep<$t>, len: usize, p: *mut $t, g: *const $t, m: *mut $t, v: *mut $t) {
                // SAFETY: as above.
                unsafe { kernels::adam::<$v>(s, len, p, g, m, v) }
            }
            $(#[target_feature(enable = $feature)])?
            unsafe fn peak(rounds: usize, seed: $t) -> $t {
                // SAFETY: as above.
                unsafe { kernels::peak::<$v>(rounds, seed) }
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

/// A weight matrix repacked into tiles of rows, the order in which the product kernel reads it.
#[derive(Debug)]
pub(crate) struct Panels<T> {
    tile: usize,
    rows: usize,
    depth: usize,
    data: Buffer<T>,
}

impl<T: Scalar> Panels<T> {
    pub fn new(table: &Table<T>, rows: usize, depth: usize) -> Self {
        let tiles = rows.div_ceil(table.tile);
        let tile = rows.div_ceil(tiles);
        Self {
            tile,
            rows,
            depth,
            data: Buffer::zeros(tiles * tile * (1 + depth)),
        }
    }

    /// Packs W (row-major rows × depth) and b.
    pub fn pack(&mut self, weight: &[T], bias: &[T]) {
        let (tile, depth) = (self.tile, self.depth);
        for (t, panel) in self.data.chunks_exact_mut(tile * (1 + depth)).enumerate() {
            for r in 0..tile.min(self.rows - t * tile) {
                let row = t * tile + r;
                panel[r] = bias[row];
                for (i, w) in weight[row * depth..(row + 1) * depth].iter().enumerate() {
                    panel[(1 + i) * tile + r] = *w;
                }
            }
        }
    }

    /// Packs Wᵀ of a row-major depth × rows matrix W, no bias.
    pub fn pack_transposed(&mut self, weight: &[T]) {
        let tile = self.tile;
        for (t, panel) in self
            .data
            .chunks_exact_mut(tile * (1 + self.depth))
            .enumerate()
        {
            let first = t * tile;
            let valid = tile.min(self.rows - first);
            for (line, w) in panel[tile..]
                .chunks_exact_mut(tile)
                .zip(weight.chunks_exact(self.rows))
            {
                line[..valid].copy_from_slice(&w[first..first + valid]);
            }
        }
    }
}

impl<T: Scalar> Table<T> {
    /// The instruction set.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// y = W x (+ b) on every block of x.
    #[inline]
    pub(crate) fn product(&self, panels: &Panels<T>, bias: bool, x: &[T], y: &mut [T]) {
        let blocks = x.len() / (panels.depth * LANES);
        assert_eq!(x.len(), blocks * panels.depth * LANES);
        assert_eq!(y.len(), blocks * panels.rows * LANES);
        assert!(panels.tile <= self.tile);
        // SAFETY: the lengths are checked, the panels' own follow from their construction, the set was detected.
        unsafe {
            (self.product)(
                panels.data.as_ptr(),
                panels.tile,
                panels.rows,
                panels.depth,
                bias,
                x.as_ptr(),
                y.as_mut_ptr(),
                blocks,
            );
        }
    }

    /// `weight` += Σ y xᵀ + ẏ ẋᵀ, `bias` += Σ y; slices of blocks.
    #[inline]
    pub(crate) fn weight_gradient(
        &self,
        y: &[T],
        x: &[T],
        tangents: Option<(&[T], &[T])>,
        weight: &mut [T],
        bias: &mut [T],
    ) {
        let rows = bias.len();
        let depth = weight.len() / rows;
        let blocks = y.len() / (rows * LANES);
        assert_eq!(weight.len(), rows * depth);
        assert_eq!(y.len(), blocks * rows * LANES);
        assert_eq!(x.len(), blocks * depth * LANES);
        let (ty, tx) = match tangents {
            Some((ty, tx)) => {
                assert_eq!((ty.len(), tx.len()), (y.len(), x.len()));
                (ty.as_ptr(), tx.as_ptr())
            }
            None => (std::ptr::null(), std::ptr::null()),
        };
        // SAFETY: the lengths are checked, the set was detected.
        unsafe {
            (self.weight_gradient)(
                [y.as_ptr(), ty],
                [x.as_ptr(), tx],
                rows,
                depth,
                blocks,
                weight.as_mut_ptr(),
                bias.as_mut_ptr(),
            );
        }
    }

    /// σ in place; `slope` receives σ'.
    #[inline]
    pub(crate) fn activate(&self, kind: Activation, value: &mut [T], slope: Option<&mut [T]>) {
        assert_eq!(value.len() % LANES, 0);
        let slope = slope.map_or(std::ptr::null_mut(), |s| {
            assert_eq!(s.len(), value.len());
            s.as_mut_ptr()
        });
        let null = std::ptr::null_mut();
        // SAFETY: the lengths are checked, the set was detected.
        unsafe { (self.activate)(kind, value.len(), value.as_mut_ptr(), slope, null, null) }
    }

    /// σ in place on value and tangent; `slope` receives σ', `curve` σ'' times the tangent.
    #[inline]
    pub(crate) fn activate_tangent(
        &self,
        kind: Activation,
        value: &mut [T],
        slope: &mut [T],
        tangent: &mut [T],
        curve: &mut [T],
    ) {
        let n = value.len();
        assert_eq!(n % LANES, 0);
        assert_eq!((slope.len(), tangent.len(), curve.len()), (n, n, n));
        // SAFETY: the lengths are checked, the set was detected.
        unsafe {
            (self.activate)(
                kind,
                n,
                value.as_mut_ptr(),
                slope.as_mut_ptr(),
                tangent.as_mut_ptr(),
                curve.as_mut_ptr(),
            );
        }
    }

    /// The reverse of the two above, in place on the cotangents.
    #[inline]
    pub(crate) fn activate_reverse(
        &self,
        value_bar: &mut [T],
        slope: &[T],
        tangents: Option<(&mut [T], &[T])>,
    ) {
        let n = value_bar.len();
        assert_eq!(n % LANES, 0);
        assert_eq!(slope.len(), n);
        let (bar, curve) = match tangents {
            Some((bar, curve)) => {
                assert_eq!((bar.len(), curve.len()), (n, n));
                (bar.as_mut_ptr(), curve.as_ptr())
            }
            None => (std::ptr::null_mut(), std::ptr::null()),
        };
        // SAFETY: the lengths are checked, the set was detected.
        unsafe { (self.activate_reverse)(n, value_bar.as_mut_ptr(), slope.as_ptr(), bar, curve) }
    }

    /// `out` = scale · weight · (a − b), returns Σ weight (a − b)².
    #[inline]
    pub(crate) fn residual(
        &self,
        a: &[T],
        b: &[T],
        weight: &[T; LANES],
        scale: T,
        out: Option<&mut [T]>,
    ) -> T {
        let rows = a.len() / LANES;
        assert_eq!((a.len(), b.len()), (rows * LANES, rows * LANES));
        let out = out.map_or(std::ptr::null_mut(), |o| {
            assert_eq!(o.len(), a.len());
            o.as_mut_ptr()
        });
        // SAFETY: the lengths are checked, the set was detected.
        unsafe { (self.residual)(rows, a.as_ptr(), b.as_ptr(), weight.as_ptr(), scale, out) }
    }

    /// One step of Adam.
    pub(crate) fn adam(&self, step: &AdamStep<T>, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T]) {
        let n = p.len();
        assert_eq!((g.len(), m.len(), v.len()), (n, n, n));
        // SAFETY: the lengths are checked, the set was detected.
        unsafe {
            (self.adam)(
                step,
                n,
                p.as_mut_ptr(),
                g.as_ptr(),
                m.as_mut_ptr(),
                v.as_mut_ptr(),
            )
        }
    }

    /// Runs `rounds` of the peak loop; returns floating point operations done and a value to keep.
    pub(crate) fn peak(&self, rounds: usize, seed: T) -> (f64, T) {
        // SAFETY: the set was detected.
        let value = unsafe { (self.peak)(rounds, seed) };
        (2.0 * 24.0 * self.registers as f64 * rounds as f64, value)
    }
}
