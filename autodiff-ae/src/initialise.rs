//! Random starting weights of dense layers; biases start at zero.

use serde::{Deserialize, Serialize};

/// Distribution of a layer's initial weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Initialiser {
    /// Uniform in ±√(6 / (inputs + outputs)); Glorot & Bengio 2010, the default of Keras and of this crate.
    #[default]
    Glorot,
    /// Uniform in ±√(6 / inputs); He et al. 2015, for relu.
    He,
}

impl Initialiser {
    /// Half-width of the uniform distribution for a layer.
    pub fn limit(self, inputs: usize, outputs: usize) -> f64 {
        match self {
            Initialiser::Glorot => (6.0 / (inputs + outputs) as f64).sqrt(),
            Initialiser::He => (6.0 / inputs as f64).sqrt(),
        }
    }
}
