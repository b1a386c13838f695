//! A network on one block of samples at a time, for right-hand sides: evaluated thousands of times a step with the same parameters.

use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::error::check_length;
use crate::simd::{Start, vectorised};
use crate::tape::Weights;
use crate::{Error, Mlp, Scalar};

/// Blocks whose weight gradients are taken together: sums over lanes are dear for a single one.
const TOGETHER: usize = 8;

/// A network on single blocks of [`LANES`] samples, `[feature][lane]`: values, products with a cotangent, Jacobians. Unlike
/// [`crate::Pass`] it packs the weights once for many calls and runs on the calling thread alone; gradients of the parameters are
/// gathered inside until [`BlockPass::collect`]. Nothing is allocated after the first call of each kind.
#[derive(Debug)]
pub struct BlockPass<T> {
    mlp: Mlp,
    weights: Weights<T>,
    /// Input of every layer, and behind the last the output: `TOGETHER` blocks each.
    values: Vec<Buffer<T>>,
    /// σ' of every layer, one block.
    slopes: Vec<Buffer<T>>,
    /// Cotangents of every layer's argument, `TOGETHER` blocks each.
    bars: Vec<Buffer<T>>,
    /// Blocks in `values` and `bars` whose weight gradients are not yet taken.
    waiting: usize,
    gradient: Vec<T>,
}

impl<T: Scalar> BlockPass<T> {
    /// A workspace for a network, its parameters all zero until [`BlockPass::load`].
    pub fn new(mlp: &Mlp) -> Self {
        let layers = mlp.layers();
        let width = |features: usize, blocks: usize| Buffer::zeros(features * LANES * blocks);
        let mut values = vec![width(mlp.inputs(), TOGETHER)];
        values.extend(layers.iter().map(|l| width(l.outputs, TOGETHER)));
        Self {
            weights: Weights::new(mlp),
            values,
            slopes: layers.iter().map(|l| width(l.outputs, 1)).collect(),
            bars: layers.iter().map(|l| width(l.outputs, TOGETHER)).collect(),
            waiting: 0,
            gradient: vec![T::zero(); mlp.param_len()],
            mlp: mlp.clone(),
        }
    }

    /// The network.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// Takes over parameters, and forgets gradients that were not collected.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of parameters.
    pub fn load(&mut self, params: &[T]) -> Result<(), Error> {
        check_length(
            "parameters of a network",
            self.mlp.param_len(),
            params.len(),
        )?;
        self.weights.pack(&self.mlp, params, true);
        self.waiting = 0;
        self.gradient.fill(T::zero());
        Ok(())
    }

    /// `output` = network(`input`).
    ///
    /// # Panics
    /// When lengths are not those of the network, as indexing does.
    pub fn evaluate(&mut self, input: &[[T; LANES]], output: &mut [[T; LANES]]) {
        self.forward(input, false);
        let n = self.mlp.outputs() * LANES;
        let at = self.waiting * n;
        output
            .as_flattened_mut()
            .copy_from_slice(&self.values[self.mlp.layers().len()][at..at + n]);
    }

    /// The product of `output_bar` with ∂output/∂input at `input`, to `input_bar`; the product with ∂output/∂parameters, summed
    /// over lanes, is gathered for [`BlockPass::collect`].
    ///
    /// # Panics
    /// As [`BlockPass::evaluate`].
    pub fn product(
        &mut self,
        input: &[[T; LANES]],
        output_bar: &[[T; LANES]],
        input_bar: &mut [[T; LANES]],
    ) {
        self.forward(input, true);
        self.reverse(output_bar, input_bar);
        self.waiting += 1;
        if self.waiting == TOGETHER {
            self.flush();
        }
    }

    /// ∂output i/∂input j of every lane for the first `columns` inputs, at `values[j * outputs + i]`. One product per output.
    ///
    /// # Panics
    /// As [`BlockPass::evaluate`]; `values` holds columns × outputs, `scratch` outputs + inputs.
    pub fn jacobian(
        &mut self,
        input: &[[T; LANES]],
        columns: usize,
        values: &mut [[T; LANES]],
        scratch: &mut [[T; LANES]],
    ) {
        let outputs = self.mlp.outputs();
        let (unit, row) = scratch.split_at_mut(outputs);
        self.forward(input, true);
        for i in 0..outputs {
            unit.fill([T::zero(); LANES]);
            unit[i] = [T::one(); LANES];
            self.reverse(unit, row);
            for j in 0..columns {
                values[j * outputs + i] = row[j];
            }
        }
    }

    /// Adds the gradients gathered since [`BlockPass::load`], or since the last call, to `gradient`.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of parameters.
    pub fn collect(&mut self, gradient: &mut [T]) -> Result<(), Error> {
        check_length(
            "gradient of a network",
            self.mlp.param_len(),
            gradient.len(),
        )?;
        self.flush();
        for (to, from) in gradient.iter_mut().zip(&mut self.gradient) {
            *to += *from;
            *from = T::zero();
        }
        Ok(())
    }

    /// Values of all layers in the next free block; σ' where asked for.
    fn forward(&mut self, input: &[[T; LANES]], slopes: bool) {
        let (table, slot) = (T::table(), self.waiting);
        let block = |width: usize| slot * width * LANES..(slot + 1) * width * LANES;
        self.values[0][block(self.mlp.inputs())].copy_from_slice(input.as_flattened());
        for (l, layer) in self.mlp.layers().iter().enumerate() {
            let (done, rest) = self.values.split_at_mut(l + 1);
            let x = &done[l][block(layer.inputs)];
            let y = &mut rest[0][block(layer.outputs)];
            table.product(&self.weights.forward()[l], Start::Bias, x, y);
            let slope = slopes.then(|| &mut self.slopes[l][..]);
            table.activate(layer.activation, y, slope);
            if layer.residual {
                vectorised(|| y.iter_mut().zip(x).for_each(|(y, x)| *y += *x));
            }
        }
    }

    /// Cotangents of all layers in the same block, from that of the output to that of the input.
    fn reverse(&mut self, output_bar: &[[T; LANES]], input_bar: &mut [[T; LANES]]) {
        let (table, slot) = (T::table(), self.waiting);
        let block = |width: usize| slot * width * LANES..(slot + 1) * width * LANES;
        let layers = self.mlp.layers();
        if let Some(last) = self.bars.last_mut() {
            last[block(self.mlp.outputs())].copy_from_slice(output_bar.as_flattened());
        }
        for (l, layer) in layers.iter().enumerate().rev() {
            let (before, rest) = self.bars.split_at_mut(l);
            let bar = &mut rest[0][block(layer.outputs)];
            let next = match before.last_mut() {
                Some(next) => &mut next[block(layer.inputs)],
                None => input_bar.as_flattened_mut(),
            };
            let start = if layer.residual {
                next.copy_from_slice(bar);
                Start::Output
            } else {
                Start::Zero
            };
            table.activate_reverse(bar, &self.slopes[l], None);
            table.product(&self.weights.reverse()[l], start, bar, next);
        }
    }

    /// Takes the weight gradients of the blocks that wait.
    fn flush(&mut self) {
        let blocks = std::mem::take(&mut self.waiting);
        if blocks == 0 {
            return;
        }
        let table = T::table();
        for (l, layer) in self.mlp.layers().iter().enumerate() {
            let y = &self.bars[l][..blocks * layer.outputs * LANES];
            let x = &self.values[l][..blocks * layer.inputs * LANES];
            let (head, bias) = self.gradient.split_at_mut(layer.bias_range().start);
            let weight = &mut head[layer.weight_range().start..];
            table.weight_gradient(y, x, None, weight, &mut bias[..layer.outputs]);
        }
    }
}
