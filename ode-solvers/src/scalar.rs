//! The number type of a solve: `f32` or `f64`, for every module of the crate.
use std::fmt::{Debug, Display, LowerExp};

use num_traits::{Float, NumAssign};

/// A floating-point number the solvers compute in (`f32` or `f64`).
///
/// Stiff methods are tested in `f64`; `f32` serves explicit solves inside the training of surrogates.
pub trait Scalar:
    Float + NumAssign + Debug + Display + LowerExp + Default + Send + Sync + kind::Kind + 'static
{
    /// The nearest value to a literal.
    fn of(x: f64) -> Self;
    /// The value in double precision, for messages and tables.
    fn as_f64(self) -> f64;
}

/// Which of the two a number is: known where code is generated, so that what is for the other is not.
pub(crate) mod kind {
    /// Sealed: implemented for `f32` and `f64`.
    pub trait Kind {
        /// Whether this is `f64`.
        const DOUBLE: bool;
    }
    impl Kind for f32 {
        const DOUBLE: bool = false;
    }
    impl Kind for f64 {
        const DOUBLE: bool = true;
    }
}

impl Scalar for f64 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        self
    }
}

impl Scalar for f32 {
    #[inline(always)]
    fn of(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}
