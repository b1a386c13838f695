//! The shape of a dense network and where its parameters lie in a flat vector; the passes are in `pass.rs`.

use crate::error::check_length;
use crate::{Activation, Error, Initialiser, Scalar};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One dense layer y = σ(W x + b), or y = x + σ(W x + b).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Length of x.
    pub inputs: usize,
    /// Length of y.
    pub outputs: usize,
    /// σ.
    pub activation: Activation,
    /// Whether x is added to the output (He et al. 2016); inputs and outputs are then equally many.
    pub residual: bool,
    /// Where W begins in the parameters of the network: `outputs` rows of `inputs` numbers.
    pub(crate) weight: usize,
}

impl Layer {
    /// Range of W in the network's parameters, row-major outputs × inputs.
    pub fn weight_range(&self) -> Range<usize> {
        self.weight..self.weight + self.inputs * self.outputs
    }

    /// Range of b in the network's parameters.
    pub fn bias_range(&self) -> Range<usize> {
        let start = self.weight + self.inputs * self.outputs;
        start..start + self.outputs
    }
}

/// What a configuration file says of a network: `widths` from input to output, one activation per layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlpShape {
    /// Widths from the input to the output, at least two.
    pub widths: Vec<usize>,
    /// One per layer: `widths.len() - 1`.
    pub activations: Vec<Activation>,
    /// Whether hidden layers (all but the last) with as many outputs as inputs add their input to their output.
    #[serde(default)]
    pub residual: bool,
}

/// A named tensor inside the flat parameter vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamView {
    /// `encoder.0.weight`, `encoder.0.bias`, …
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Where it lies in the flat vector.
    pub range: Range<usize>,
}

/// A chain of dense layers. Holds the shape alone; parameters are a slice `[W₀ b₀ W₁ b₁ …]`, W row-major outputs × inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    layers: Vec<Layer>,
    param_len: usize,
    residual: bool,
}

impl Mlp {
    /// A network through `widths` with activation `hidden` after every layer but the last, which has `output`.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than two widths or a width of zero.
    pub fn new(widths: &[usize], hidden: Activation, output: Activation) -> Result<Self, Error> {
        let mut activations = vec![hidden; widths.len().saturating_sub(1)];
        if let Some(last) = activations.last_mut() {
            *last = output;
        }
        Self::from_shape(&MlpShape {
            widths: widths.to_vec(),
            activations,
            residual: false,
        })
    }

    /// The network of a shape.
    ///
    /// # Errors
    /// [`Error::Shape`] for fewer than two widths, a width of zero, or a number of activations that does not fit.
    pub fn from_shape(shape: &MlpShape) -> Result<Self, Error> {
        let MlpShape {
            widths,
            activations,
            residual,
        } = shape;
        if widths.len() < 2 || widths.contains(&0) {
            return Err(Error::Shape(format!(
                "widths {widths:?}: at least two are needed, none of them zero"
            )));
        }
        if activations.len() != widths.len() - 1 {
            return Err(Error::Shape(format!(
                "{} activations for {} layers",
                activations.len(),
                widths.len() - 1
            )));
        }
        let mut param_len = 0;
        let layers = widths
            .windows(2)
            .zip(activations)
            .enumerate()
            .map(|(l, (w, &activation))| {
                let layer = Layer {
                    inputs: w[0],
                    outputs: w[1],
                    activation,
                    residual: *residual && w[0] == w[1] && l + 1 < activations.len(),
                    weight: param_len,
                };
                param_len += w[0] * w[1] + w[1];
                layer
            })
            .collect();
        Ok(Self {
            layers,
            param_len,
            residual: *residual,
        })
    }

    /// The shape, as a configuration file holds it.
    pub fn shape(&self) -> MlpShape {
        let mut widths = vec![self.inputs()];
        widths.extend(self.layers.iter().map(|l| l.outputs));
        MlpShape {
            widths,
            activations: self.layers.iter().map(|l| l.activation).collect(),
            residual: self.residual,
        }
    }

    /// The same network with residual hidden layers: those with as many outputs as inputs compute x + σ(W x + b).
    /// Parameters and views stay as they are.
    #[must_use]
    pub fn with_residual_layers(mut self) -> Self {
        self.residual = true;
        let hidden = self.layers.len() - 1;
        for layer in &mut self.layers[..hidden] {
            layer.residual = layer.inputs == layer.outputs;
        }
        self
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Features of the input.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs
    }

    /// Features of the output.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs
    }

    /// Number of parameters.
    pub fn param_len(&self) -> usize {
        self.param_len
    }

    /// Multiply-adds of one forward pass of one sample on values: the sum of inputs × outputs.
    pub fn multiply_adds(&self) -> usize {
        self.layers.iter().map(|l| l.inputs * l.outputs).sum()
    }

    /// The named tensors `{prefix}.{layer}.weight` and `.bias`, their ranges shifted by `offset`.
    pub fn views(&self, prefix: &str, offset: usize) -> Vec<ParamView> {
        let shifted = |r: Range<usize>| r.start + offset..r.end + offset;
        self.layers
            .iter()
            .enumerate()
            .flat_map(|(i, l)| {
                [
                    ParamView {
                        name: format!("{prefix}.{i}.weight"),
                        shape: vec![l.outputs, l.inputs],
                        range: shifted(l.weight_range()),
                    },
                    ParamView {
                        name: format!("{prefix}.{i}.bias"),
                        shape: vec![l.outputs],
                        range: shifted(l.bias_range()),
                    },
                ]
            })
            .collect()
    }

    /// Random weights, zero biases. The numbers are drawn in double precision, so that `f32` and `f64` networks of one seed start alike.
    ///
    /// # Errors
    /// [`Error::Length`] unless `params.len() == param_len()`, [`Error::Range`] from [`Initialiser::validate`].
    pub fn initialise<T: Scalar, R: Rng + ?Sized>(
        &self,
        initialiser: Initialiser,
        rng: &mut R,
        params: &mut [T],
    ) -> Result<(), Error> {
        check_length("parameters", self.param_len, params.len())?;
        initialiser.validate()?;
        for layer in &self.layers {
            for w in &mut params[layer.weight_range()] {
                *w = T::of(initialiser.draw(layer.inputs, layer.outputs, rng));
            }
            params[layer.bias_range()].fill(T::zero());
        }
        Ok(())
    }
}
