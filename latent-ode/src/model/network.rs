//! Encoder, decoder and latent dynamics with their places in one flat parameter vector: what training moves and a surrogate uses.

use std::ops::Range;

use autodiff_ae::{Batch, Initialiser, LANES, Mlp, ParamView};
use rand::{Rng, RngExt};

use crate::{Error, LatentNetwork, MassAction, train::ModelConfig};

/// The parts of a surrogate that have parameters, laid out `[encoder | decoder | dynamics]`.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub encoder: Mlp,
    pub decoder: Mlp,
    pub dynamics: MassAction,
    pub input_clip: f64,
    pub log_latents: f64,
}

impl Network {
    /// The architecture of a configuration for so many species.
    pub fn new(config: &ModelConfig, quantities: usize) -> Result<Self, Error> {
        let dynamics = MassAction::new(
            LatentNetwork::generate(config.atoms, config.max_size)?,
            config.coefficients,
        );
        let latent = dynamics.molecules();
        let chain =
            |first: usize, hidden: &[usize], last: usize| [&[first], hidden, &[last]].concat();
        let decoded = if config.log_latents > 0.0 {
            2 * latent
        } else {
            latent
        };
        let encoder = Mlp::new(
            &chain(quantities, &config.encoder, latent),
            config.activation,
            config.latent_activation,
        )?;
        let decoder = Mlp::new(
            &chain(decoded, &config.decoder, quantities),
            config.activation,
            config.output_activation,
        )?;
        let decoder = if config.residual {
            decoder.with_residual_layers()
        } else {
            decoder
        };
        Ok(Self {
            encoder,
            decoder,
            dynamics,
            input_clip: config.input_clip,
            log_latents: config.log_latents,
        })
    }

    pub fn latent_dim(&self) -> usize {
        self.dynamics.molecules()
    }

    pub fn encoder_range(&self) -> Range<usize> {
        0..self.encoder.param_len()
    }

    pub fn decoder_range(&self) -> Range<usize> {
        let start = self.encoder.param_len();
        start..start + self.decoder.param_len()
    }

    pub fn dynamics_range(&self) -> Range<usize> {
        let start = self.decoder_range().end;
        start..start + self.dynamics.reactions()
    }

    pub fn param_len(&self) -> usize {
        self.dynamics_range().end
    }

    /// Every named tensor of the flat vector.
    pub fn views(&self) -> Vec<ParamView> {
        let mut views = self.encoder.views("encoder", 0);
        views.extend(self.decoder.views("decoder", self.encoder.param_len()));
        let range = self.dynamics_range();
        if !range.is_empty() {
            views.push(ParamView {
                name: "dynamics".into(),
                shape: vec![range.len()],
                range,
            });
        }
        views
    }

    /// Random parameters: Glorot weights, zero biases, dynamics uniform in `start`.
    pub fn initialise(
        &self,
        start: [f64; 2],
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Vec<f32>, Error> {
        let mut params = vec![0f32; self.param_len()];
        self.encoder
            .initialise(Initialiser::Glorot, rng, &mut params[self.encoder_range()])?;
        self.decoder
            .initialise(Initialiser::Glorot, rng, &mut params[self.decoder_range()])?;
        for p in &mut params[self.dynamics_range()] {
            *p = (start[0] + (start[1] - start[0]) * rng.random::<f64>()) as f32;
        }
        Ok(params)
    }

    /// Scaled abundances as the encoder takes them.
    pub fn clip(&self, x: f64) -> f64 {
        if self.input_clip > 0.0 {
            x.clamp(-self.input_clip, self.input_clip)
        } else {
            x
        }
    }

    /// What the decoder takes from a block of latent rows: the rows and, where configured, ln(z + ε), z below 0 counting as 0.
    pub fn lift(&self, z: &[[f32; LANES]], out: &mut [[f32; LANES]]) {
        let n = self.latent_dim();
        out[..n].copy_from_slice(&z[..n]);
        if self.log_latents > 0.0 {
            let epsilon = self.log_latents as f32;
            for (out, z) in out[n..2 * n].iter_mut().zip(z) {
                for l in 0..LANES {
                    out[l] = (z[l].max(0.0) + epsilon).ln();
                }
            }
        }
    }

    /// The reverse of [`Network::lift`]: writes the cotangent of z.
    pub fn lift_reverse(
        &self,
        z: &[[f32; LANES]],
        lifted_bar: &[[f32; LANES]],
        z_bar: &mut [[f32; LANES]],
    ) {
        let n = self.latent_dim();
        z_bar[..n].copy_from_slice(&lifted_bar[..n]);
        if self.log_latents > 0.0 {
            let epsilon = self.log_latents as f32;
            for ((bar, z), lifted) in z_bar.iter_mut().zip(z).zip(&lifted_bar[n..]) {
                for l in 0..LANES {
                    bar[l] += if z[l] > 0.0 {
                        lifted[l] / (z[l] + epsilon)
                    } else {
                        0.0
                    };
                }
            }
        }
    }

    /// [`Network::lift`] of a whole batch; `out` is reshaped.
    pub fn lift_batch(&self, z: &Batch<f32>, out: &mut Batch<f32>) {
        out.reshape(self.decoder.inputs(), z.samples());
        for b in 0..z.blocks() {
            self.lift(z.block(b), out.block_mut(b));
        }
    }
}
