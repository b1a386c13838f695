//! The kernel builder: sizes, tables and the latent right-hand side of one model, written in front of the kernels' text.

use crate::{Activation, Autoencoder, Error, LatentDynamics, Scalar};
use std::fmt::Write;

pub(super) const PRELUDE: &str = include_str!("../../kernels/prelude.cuh");

/// What a kernel is specialised for.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub model: Autoencoder,
    /// CUDA source of the latent right-hand side.
    pub dynamics: String,
    pub dynamics_len: usize,
    pub conditions: usize,
    /// `float` or `double`.
    pub real: &'static str,
    pub real_bytes: usize,
}

impl Problem {
    /// # Errors
    /// [`Error::NoCudaSource`] when the right-hand side has none, [`Error::Length`] when it does not fit the model.
    pub fn new<T: Scalar>(
        model: &Autoencoder,
        dynamics: &dyn LatentDynamics<T>,
    ) -> Result<Self, Error> {
        crate::error::check_length(
            "latent variables of the right-hand side",
            model.latent_dim(),
            dynamics.latent_dim(),
        )?;
        Ok(Self {
            model: model.clone(),
            dynamics: dynamics.cuda_source().ok_or(Error::NoCudaSource)?,
            dynamics_len: dynamics.param_len(),
            conditions: dynamics.condition_dim(),
            real: real_name::<T>(),
            real_bytes: size_of::<T>(),
        })
    }

    /// Parameters of encoder, decoder and dynamics.
    pub fn param_len(&self) -> usize {
        self.model.param_len() + self.dynamics_len
    }

    /// Definitions, prelude, right-hand side: everything that both paths share.
    pub fn head(&self, definitions: &[(&str, usize)]) -> String {
        let mut text = String::new();
        let own = [
            ("FEATURES", self.model.features()),
            ("LATENT", self.model.latent_dim()),
            ("CONDITIONS", self.conditions),
            ("DYNAMICS", self.dynamics_len),
            ("PARAMS", self.param_len()),
            ("AT_DYNAMICS", self.model.param_len()),
        ];
        let _ = writeln!(text, "#define REAL {}", self.real);
        for (name, value) in own.iter().chain(definitions) {
            let _ = writeln!(text, "#define {name} {value}");
        }
        text.push_str(PRELUDE);
        text.push_str(&self.dynamics);
        text
    }
}

/// A number's type in the kernels.
pub(crate) fn real_name<T: Scalar>() -> &'static str {
    if T::DTYPE == "F64" { "double" } else { "float" }
}

/// The number of an activation in the kernels.
pub(crate) fn activation_number(activation: Activation) -> usize {
    match activation {
        Activation::Relu => 0,
        Activation::Tanh => 1,
        Activation::Silu => 2,
        Activation::Softplus => 3,
        Activation::Identity => 4,
    }
}
