//! Activations that dfdx does not have as modules, and the derivative of each, in dfdx's operations.

use dfdx::nn::modules::{Module, NonMutableModule, ReLU, Tanh, ZeroSizedModule};
use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

/// u · sigmoid(u).
#[derive(Clone, Copy, Debug, Default)]
pub struct Silu;

/// ln(1 + eᵘ), as max(u, 0) + ln(1 + e^−|u|).
#[derive(Clone, Copy, Debug, Default)]
pub struct Softplus;

/// u.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity;

macro_rules! module {
    ($name:ident, |$u:ident| $body:expr) => {
        impl ZeroSizedModule for $name {}
        impl NonMutableModule for $name {}
        impl<S: Shape, E: Dtype, D: Device<E>, T: Tape<E, D>> Module<Tensor<S, E, D, T>> for $name {
            type Output = Tensor<S, E, D, T>;
            type Error = D::Err;
            fn try_forward(&self, $u: Tensor<S, E, D, T>) -> Result<Self::Output, D::Err> {
                $body
            }
        }
    };
}

module!(Silu, |u| u.with_empty_tape().try_sigmoid()?.try_mul(u));
module!(Softplus, |u| {
    let tail = u.with_empty_tape().try_abs()?.try_negate()?.try_exp()?;
    tail.try_add(E::ONE)?.try_ln()?.try_add(u.try_relu()?)
});
module!(Identity, |u| Ok(u));

/// An activation with its derivative, both on the tape.
pub trait Derivative<S: Shape, E: Dtype, D: Device<E>>:
    Module<Tensor<S, E, D, OwnedTape<E, D>>, Output = Tensor<S, E, D, OwnedTape<E, D>>, Error = D::Err>
{
    /// σ'(u), from u.
    ///
    /// # Errors
    /// dfdx's, when memory runs out.
    fn slope(
        u: Tensor<S, E, D, OwnedTape<E, D>>,
    ) -> Result<Tensor<S, E, D, OwnedTape<E, D>>, D::Err>;
}

macro_rules! derivative {
    ($name:ident, |$u:ident| $body:expr) => {
        impl<S: Shape, E: Dtype, D: Device<E>> Derivative<S, E, D> for $name {
            fn slope(
                $u: Tensor<S, E, D, OwnedTape<E, D>>,
            ) -> Result<Tensor<S, E, D, OwnedTape<E, D>>, D::Err> {
                $body
            }
        }
    };
}

// The step function has no derivative of its own: a constant of zeros and ones.
derivative!(ReLU, |u| {
    let on = |x| {
        if x > E::default() {
            E::ONE
        } else {
            E::default()
        }
    };
    let mask = u.as_vec().into_iter().map(on).collect();
    let mask = u.device().try_tensor_from_vec(mask, *u.shape())?;
    Ok(mask.retaped())
});
derivative!(Tanh, |u| u
    .try_tanh()?
    .try_square()?
    .try_negate()?
    .try_add(E::ONE));
derivative!(Softplus, |u| u.try_sigmoid());
derivative!(Silu, |u| {
    // s (1 + u (1 − s)).
    let s = u.with_empty_tape().try_sigmoid()?;
    let rest = s.with_empty_tape().try_negate()?.try_add(E::ONE)?;
    s.try_mul(rest.try_mul(u)?.try_add(E::ONE)?)
});
derivative!(Identity, |u| {
    let ones = vec![E::ONE; u.shape().num_elements()];
    let ones = u.device().try_tensor_from_vec(ones, *u.shape())?;
    Ok(ones.retaped())
});
