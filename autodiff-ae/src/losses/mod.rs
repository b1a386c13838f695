//! The losses of an autoencoder with a latent right-hand side (Grassi et al. 2021, L0–L3): their settings and values; the pass is in `fused.rs`.

mod fused;
mod place;
mod source;

pub use fused::LossWorkspace;
pub(crate) use source::Source;

use crate::batch::LANES;
use crate::{Batch, Scalar};
use serde::{Deserialize, Serialize};

/// Factors of the four losses; the paper's by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LossWeights {
    /// Of L0 = |x − ψ(φ(x))|².
    pub reconstruction: f64,
    /// λ1, of L1 = |g(z; p) − ẋ ∂φ/∂x|².
    pub latent_rate: f64,
    /// λ2, of L2 = |ẋ − g(z; p) ∂ψ/∂z|².
    pub decoded_rate: f64,
    /// λ3, of L3 = |Σ mᵢ (ẋ ∂φ/∂x)ᵢ| + |Σ mᵢ gᵢ|.
    pub mass: f64,
}

impl Default for LossWeights {
    fn default() -> Self {
        Self {
            reconstruction: 1.0,
            latent_rate: 1e-3,
            decoded_rate: 1e-2,
            mass: 1e-3,
        }
    }
}

impl LossWeights {
    /// The factors of L0, L1, L2, L3.
    pub fn as_array(&self) -> [f64; 4] {
        [
            self.reconstruction,
            self.latent_rate,
            self.decoded_rate,
            self.mass,
        ]
    }
}

/// What is done over the components of L0, L1, L2. All four losses are means over the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// Mean over components.
    #[default]
    Mean,
    /// Sum over components: the norms as the paper writes them.
    Sum,
}

/// What the losses need to know beside the networks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossConfig {
    /// Factors of the four.
    pub weights: LossWeights,
    /// Over components.
    pub reduction: Reduction,
    /// Masses mᵢ of the latent species in L3, one per latent variable.
    pub masses: Vec<f64>,
}

/// The four losses, before their factors, and their weighted sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossValues {
    /// L0, L1, L2, L3.
    pub losses: [f64; 4],
    /// L0 + λ1 L1 + λ2 L2 + λ3 L3 (L0 with its own factor, 1 by default).
    pub total: f64,
}

/// A batch of samples for the losses.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a, T> {
    /// x, features × samples.
    pub x: &'a Batch<T>,
    /// ẋ, features × samples.
    pub xdot: &'a Batch<T>,
    /// Conditions of the latent right-hand side, conditions × samples; `None` where it has none.
    pub conditions: Option<&'a Batch<T>>,
}

/// Writes `bar` = ∂/∂output of `scale` · Σ weight (output − target)² and returns that loss:
/// the body of a [`crate::Pass::forward_reverse`] under a squared error. Rows must be equally many.
pub fn square_error<T: Scalar>(
    output: &[[T; LANES]],
    target: &[[T; LANES]],
    weight: &[T; LANES],
    scale: T,
    bar: &mut [[T; LANES]],
) -> T {
    let (a, b) = (output.as_flattened(), target.as_flattened());
    scale * T::table().residual(a, b, weight, scale + scale, Some(bar.as_flattened_mut()))
}
