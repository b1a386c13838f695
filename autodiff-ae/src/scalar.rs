//! The two kinds of number the crate computes in, `f32` and `f64`, with their kernels.

use crate::simd::Kernels;
use num_traits::{Float, FromPrimitive, NumAssign};
use std::fmt::{Debug, Display};
use std::iter::Sum;

/// A floating point number with kernels for it: `f32` or `f64`. Sealed.
pub trait Scalar:
    Float
    + FromPrimitive
    + NumAssign
    + Sum
    + Default
    + Debug
    + Display
    + Send
    + Sync
    + Kernels
    + crate::device::DeviceNumber
    + 'static
{
    /// Name in a safetensors header, `F32` or `F64`.
    const DTYPE: &'static str;
    /// The nearest value of this type.
    fn of(x: f64) -> Self;
    /// This value in double precision.
    fn f64(self) -> f64;
    /// 2ⁿ for an integral n within the range of normal numbers.
    #[doc(hidden)]
    fn exp2_integral(n: Self) -> Self;
    /// a·b + c, fused where the target's baseline has the instruction (a library call otherwise is far slower).
    #[doc(hidden)]
    #[inline(always)]
    fn multiply_add(a: Self, b: Self, c: Self) -> Self {
        if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
            a.mul_add(b, c)
        } else {
            a * b + c
        }
    }
    /// The bytes in little-endian order, appended to `out`.
    #[doc(hidden)]
    fn append_le(values: &[Self], out: &mut Vec<u8>);
    /// The values of little-endian `bytes`; a trailing remainder is ignored.
    #[doc(hidden)]
    fn from_le(bytes: &[u8]) -> Vec<Self>;
}

macro_rules! scalar {
    ($t:ident, $name:literal, $bits:ident, $int:ident, $bias:literal, $mantissa:literal) => {
        impl Scalar for $t {
            const DTYPE: &'static str = $name;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn exp2_integral(n: Self) -> Self {
                $t::from_bits((((n as $int) + $bias) as $bits) << $mantissa)
            }
            fn append_le(values: &[Self], out: &mut Vec<u8>) {
                out.reserve(std::mem::size_of_val(values));
                for v in values {
                    out.extend_from_slice(&v.to_le_bytes());
                }
            }
            fn from_le(bytes: &[u8]) -> Vec<Self> {
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| $t::from_le_bytes(*b))
                    .collect()
            }
        }
    };
}
scalar!(f32, "F32", u32, i32, 127, 23);
scalar!(f64, "F64", u64, i64, 1023, 52);
