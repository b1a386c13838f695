//! Activation functions with the first and second derivative that the reverse pass of a tangent needs.

use crate::Scalar;
use serde::{Deserialize, Serialize};

/// Elementwise function at the end of a dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(0, u); its derivative at 0 is taken as 0.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
    /// u · sigmoid(u), also called swish.
    Silu,
    /// ln(1 + eᵘ): positive everywhere.
    Softplus,
    /// u.
    Identity,
}

impl Activation {
    /// All of them, for tests and listings.
    pub const ALL: [Activation; 5] = [
        Activation::Relu,
        Activation::Tanh,
        Activation::Silu,
        Activation::Softplus,
        Activation::Identity,
    ];

    /// Value, first and second derivative at `u`. One number at a time, by the standard library's functions:
    /// the reference for the vectorised kernels, and fine wherever speed does not matter.
    pub fn evaluate<T: Scalar>(self, u: T) -> [T; 3] {
        let (one, two, zero) = (T::one(), T::of(2.0), T::zero());
        let sigmoid = |u: T| {
            let e = (-u.abs()).exp();
            if u >= zero {
                one / (one + e)
            } else {
                e / (one + e)
            }
        };
        match self {
            Activation::Relu => {
                if u > zero {
                    [u, one, zero]
                } else if u.is_nan() {
                    [u, u, u]
                } else {
                    [zero; 3]
                }
            }
            Activation::Tanh => {
                let a = u.tanh();
                let d = one - a * a;
                [a, d, -two * a * d]
            }
            Activation::Silu => {
                let (s, c) = (sigmoid(u), sigmoid(-u));
                [u * s, s * (one + u * c), s * c * (two + u * (c - s))]
            }
            Activation::Softplus => {
                let (s, c) = (sigmoid(u), sigmoid(-u));
                [u.max(zero) + (-u.abs()).exp().ln_1p(), s, s * c]
            }
            Activation::Identity => [u, one, zero],
        }
    }
}
