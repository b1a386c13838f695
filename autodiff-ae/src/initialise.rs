//! Random starting weights of dense layers; biases start at zero.

use crate::Error;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Distribution of a layer's initial weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initialiser {
    /// Uniform in ±√(6 / (inputs + outputs)); Glorot & Bengio 2010, the default of Keras and of this crate.
    #[default]
    Glorot,
    /// Uniform in ±√(6 / inputs); He et al. 2015, for relu.
    He,
    /// Uniform in ±√(3 / inputs): variance 1 / inputs; LeCun et al. 1998.
    #[serde(rename = "lecun")]
    LeCun,
    /// √(scale / inputs) times a standard normal number between ± `truncation`.
    TruncatedNormal {
        /// Variance times inputs, before truncation.
        scale: f64,
        /// Bound of the standard normal number.
        truncation: f64,
    },
}

impl Initialiser {
    /// How the latent right-hand side of Vermariën et al. 2025 starts: √(1 / inputs) times a standard normal number, cut at ± 10
    /// (`weight_scale` and `weight_truncation` of their published configurations).
    pub const NEURAL_PDR: Self = Self::TruncatedNormal {
        scale: 1.0,
        truncation: 10.0,
    };

    /// Bound on the absolute value of a weight of a layer.
    pub fn limit(self, inputs: usize, outputs: usize) -> f64 {
        let inputs = inputs as f64;
        match self {
            Self::Glorot => (6.0 / (inputs + outputs as f64)).sqrt(),
            Self::He => (6.0 / inputs).sqrt(),
            Self::LeCun => (3.0 / inputs).sqrt(),
            Self::TruncatedNormal { scale, truncation } => (scale / inputs).sqrt() * truncation,
        }
    }

    /// Refuses a scale or truncation that is not a positive finite number.
    ///
    /// # Errors
    /// [`Error::Range`] with the value.
    pub fn validate(self) -> Result<(), Error> {
        let Self::TruncatedNormal { scale, truncation } = self else {
            return Ok(());
        };
        for (what, value) in [
            ("scale of the truncated normal", scale),
            ("truncation of the truncated normal", truncation),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Range {
                    what,
                    value,
                    range: "(0, ∞)",
                });
            }
        }
        Ok(())
    }

    /// One weight of a layer.
    pub(crate) fn draw<R: Rng + ?Sized>(self, inputs: usize, outputs: usize, rng: &mut R) -> f64 {
        let limit = self.limit(inputs, outputs);
        match self {
            Self::TruncatedNormal { truncation, .. } => {
                limit * truncated_normal(truncation, rng) / truncation
            }
            _ => limit * (2.0 * rng.random::<f64>() - 1.0),
        }
    }
}

/// A standard normal number between ± `bound`. Rejection from the normal where most of it lies inside (Marsaglia's polar
/// method), else from the uniform under the density: either takes few tries whatever the bound.
fn truncated_normal<R: Rng + ?Sized>(bound: f64, rng: &mut R) -> f64 {
    loop {
        if bound < 1.0 {
            let x = bound * (2.0 * rng.random::<f64>() - 1.0);
            if rng.random::<f64>() < (-0.5 * x * x).exp() {
                return x;
            }
            continue;
        }
        let (u, v) = (
            2.0 * rng.random::<f64>() - 1.0,
            2.0 * rng.random::<f64>() - 1.0,
        );
        let s = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            let x = u * (-2.0 * s.ln() / s).sqrt();
            if x.abs() <= bound {
                return x;
            }
        }
    }
}
