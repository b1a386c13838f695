//! The three networks of a latent neural ODE and where their parameters lie in one vector.

use super::super::config::Inputs;
use super::super::point::features;
use super::config::{FeatureSet, NodeConfig};
use crate::Error;
use autodiff_ae::{Activation, Initialiser, Mlp, MlpShape, ParamView, Scalar};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// Encoder, right-hand side, decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeShape {
    pub encoder: Mlp,
    pub field: Mlp,
    pub decoder: Mlp,
    pub latent: usize,
    /// Numbers given at a point.
    pub aux: usize,
    pub decoder_sees_point: bool,
}

/// Numbers given at a point.
pub fn aux_width(features_of: FeatureSet, inputs: Inputs) -> usize {
    match features_of {
        FeatureSet::Logarithms => 1 + inputs.quantities().len(),
        FeatureSet::Extended => features::width(inputs),
    }
}

/// Which of the numbers given at the first point the standalone encoder starts from: n_H, ζ, χ₀.
pub fn constants(features_of: FeatureSet) -> Range<usize> {
    match features_of {
        FeatureSet::Logarithms => 1..4,
        FeatureSet::Extended => 4..7,
    }
}

impl NodeShape {
    pub fn new(config: &NodeConfig, inputs: Inputs, species: usize) -> Result<Self, Error> {
        let aux = aux_width(config.features, inputs);
        let (start, outputs) = if inputs.predicts_temperature() {
            (constants(config.features).len(), species + 1)
        } else {
            (species, species)
        };
        let network = |input: usize,
                       width: usize,
                       output: usize,
                       hidden: Activation,
                       last: Activation|
         -> Result<Mlp, Error> {
            let mut widths = vec![input];
            widths.extend(std::iter::repeat_n(width, config.depth));
            widths.push(output);
            let mut activations = vec![hidden; config.depth];
            activations.push(last);
            Ok(Mlp::from_shape(&MlpShape {
                widths,
                activations,
                residual: config.residual,
            })?)
        };
        let (latent, hidden, linear) = (config.latent, config.activation, Activation::Identity);
        let seen = if config.decoder_sees_point { aux } else { 0 };
        Ok(Self {
            encoder: network(start, config.width, latent, hidden, linear)?,
            field: network(
                latent + aux,
                config.latent_width,
                latent,
                config.latent_activation,
                Activation::Tanh,
            )?,
            decoder: network(latent + seen, config.width, outputs, hidden, linear)?,
            latent,
            aux,
            decoder_sees_point: config.decoder_sees_point,
        })
    }

    pub fn param_len(&self) -> usize {
        self.decoder_range().end
    }

    pub fn encoder_range(&self) -> Range<usize> {
        0..self.encoder.param_len()
    }

    pub fn field_range(&self) -> Range<usize> {
        let start = self.encoder.param_len();
        start..start + self.field.param_len()
    }

    pub fn decoder_range(&self) -> Range<usize> {
        let start = self.field_range().end;
        start..start + self.decoder.param_len()
    }

    pub fn views(&self) -> Vec<ParamView> {
        let mut views = self.encoder.views("encoder", 0);
        views.extend(self.field.views("field", self.field_range().start));
        views.extend(self.decoder.views("decoder", self.decoder_range().start));
        views
    }

    /// Random weights: the right-hand side's as the paper's code draws them, a network of its own stream each.
    pub fn initialise<T: Scalar>(&self, seed: u64) -> Result<Vec<T>, Error> {
        let mut params = vec![T::zero(); self.param_len()];
        let drawn = [
            (&self.encoder, self.encoder_range(), Initialiser::Glorot),
            (&self.field, self.field_range(), Initialiser::NEURAL_PDR),
            (&self.decoder, self.decoder_range(), Initialiser::Glorot),
        ];
        for (stream, (mlp, range, initialiser)) in drawn.into_iter().enumerate() {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(1 + stream as u64);
            mlp.initialise(initialiser, &mut rng, &mut params[range])?;
        }
        Ok(params)
    }
}
