//! Encoder and decoder together, and the layout of the one flat parameter vector `[encoder | decoder | dynamics]`.

use crate::error::check_length;
use crate::{Error, Initialiser, Mlp, ParamView, Scalar};
use rand::Rng;
use std::ops::Range;

/// An encoder φ and a decoder ψ that fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoencoder {
    encoder: Mlp,
    decoder: Mlp,
}

impl Autoencoder {
    /// Joins an encoder (features → latent) and a decoder (latent → features).
    ///
    /// # Errors
    /// [`Error::Shape`] unless the decoder maps the encoder's output to as many features as the encoder takes.
    pub fn new(encoder: Mlp, decoder: Mlp) -> Result<Self, Error> {
        if encoder.outputs() != decoder.inputs() || encoder.inputs() != decoder.outputs() {
            return Err(Error::Shape(format!(
                "encoder {} → {} and decoder {} → {} do not fit",
                encoder.inputs(),
                encoder.outputs(),
                decoder.inputs(),
                decoder.outputs()
            )));
        }
        Ok(Self { encoder, decoder })
    }

    /// φ.
    pub fn encoder(&self) -> &Mlp {
        &self.encoder
    }

    /// ψ.
    pub fn decoder(&self) -> &Mlp {
        &self.decoder
    }

    /// Features of a sample.
    pub fn features(&self) -> usize {
        self.encoder.inputs()
    }

    /// Latent variables.
    pub fn latent_dim(&self) -> usize {
        self.encoder.outputs()
    }

    /// Parameters of encoder and decoder together.
    pub fn param_len(&self) -> usize {
        self.encoder.param_len() + self.decoder.param_len()
    }

    /// Where the encoder's parameters lie in the flat vector.
    pub fn encoder_range(&self) -> Range<usize> {
        0..self.encoder.param_len()
    }

    /// Where the decoder's parameters lie in the flat vector.
    pub fn decoder_range(&self) -> Range<usize> {
        self.encoder.param_len()..self.param_len()
    }

    /// Where `len` parameters of a latent right-hand side lie in the flat vector.
    pub fn dynamics_range(&self, len: usize) -> Range<usize> {
        self.param_len()..self.param_len() + len
    }

    /// Every named tensor of encoder and decoder: `encoder.0.weight`, `encoder.0.bias`, …, `decoder.0.weight`, …
    pub fn views(&self) -> Vec<ParamView> {
        let mut views = self.encoder.views("encoder", 0);
        views.extend(self.decoder.views("decoder", self.encoder.param_len()));
        views
    }

    /// The views of [`Autoencoder::views`] and, when `dynamics_len > 0`, a vector `dynamics` of that length.
    pub fn views_with_dynamics(&self, dynamics_len: usize) -> Vec<ParamView> {
        let mut views = self.views();
        if dynamics_len > 0 {
            views.push(ParamView {
                name: "dynamics".into(),
                shape: vec![dynamics_len],
                range: self.dynamics_range(dynamics_len),
            });
        }
        views
    }

    /// Random weights and zero biases for encoder, then decoder.
    ///
    /// # Errors
    /// [`Error::Length`] unless `params.len() == param_len()`.
    pub fn initialise<T: Scalar, R: Rng + ?Sized>(
        &self,
        initialiser: Initialiser,
        rng: &mut R,
        params: &mut [T],
    ) -> Result<(), Error> {
        check_length("parameters", self.param_len(), params.len())?;
        let (encoder, decoder) = params.split_at_mut(self.encoder.param_len());
        self.encoder.initialise(initialiser, rng, encoder)?;
        self.decoder.initialise(initialiser, rng, decoder)
    }
}
