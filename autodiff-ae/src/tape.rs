//! One network on one chunk of samples: what the forward pass leaves behind and the reverse pass through it.

use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::simd::{Panels, Start, vectorised};
use crate::{Mlp, Scalar};
use std::ops::Range;

/// The weights of a network in the kernels' order, packed once per step and shared by all chunks.
#[derive(Debug)]
pub(crate) struct Weights<T> {
    forward: Vec<Panels<T>>,
    reverse: Vec<Panels<T>>,
}

impl<T: Scalar> Weights<T> {
    pub fn new(mlp: &Mlp) -> Self {
        let table = T::table();
        Self {
            forward: mlp
                .layers()
                .iter()
                .map(|l| Panels::new(table, l.outputs, l.inputs))
                .collect(),
            reverse: mlp
                .layers()
                .iter()
                .map(|l| Panels::new(table, l.inputs, l.outputs))
                .collect(),
        }
    }

    /// Takes over the current parameters; `reverse` where a reverse pass follows.
    pub fn pack(&mut self, mlp: &Mlp, params: &[T], reverse: bool) {
        for (layer, panels) in mlp.layers().iter().zip(&mut self.forward) {
            panels.pack(&params[layer.weight_range()], &params[layer.bias_range()]);
        }
        if reverse {
            for (layer, panels) in mlp.layers().iter().zip(&mut self.reverse) {
                panels.pack_transposed(&params[layer.weight_range()]);
            }
        }
    }
}

/// Arrays of one layer, each `[block][output][lane]`.
#[derive(Debug)]
struct LayerTape<T> {
    /// a = σ(u).
    value: Buffer<T>,
    /// σ'(u).
    slope: Buffer<T>,
    /// ȧ = σ'(u) u̇.
    tangent: Buffer<T>,
    /// σ''(u) u̇.
    curve: Buffer<T>,
}

impl<T> LayerTape<T> {
    fn new() -> Self {
        Self {
            value: Buffer::new(),
            slope: Buffer::new(),
            tangent: Buffer::new(),
            curve: Buffer::new(),
        }
    }
}

/// What a forward pass keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The output only.
    Output,
    /// What the reverse pass needs.
    Reverse,
}

/// a += b, at the machine's full width.
fn add<T: Scalar>(a: &mut [T], b: &[T]) {
    vectorised(|| a.iter_mut().zip(b).for_each(|(x, y)| *x += *y));
}

/// A block of the product's operand larger than this leaves the first-level cache before its next use.
const OPERAND_BYTES: usize = 32 << 10;

/// Ranges of a layer's inputs and outputs to work on together, for products over `depth` features: one block while
/// that stays in the first-level cache (the activation follows while it is there), else the whole chunk, so that
/// each panel of weights is fetched once per chunk.
fn groups<T>(
    blocks: usize,
    inputs: usize,
    outputs: usize,
    depth: usize,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let group = if depth * LANES * size_of::<T>() > OPERAND_BYTES {
        blocks
    } else {
        1
    };
    (0..blocks).step_by(group.max(1)).map(move |b| {
        let range = |width: usize| b * width * LANES..(b + group).min(blocks) * width * LANES;
        (range(inputs), range(outputs))
    })
}

/// Workspace of one network on one chunk.
#[derive(Debug)]
pub(crate) struct Tape<T> {
    blocks: usize,
    input: Buffer<T>,
    input_tangent: Buffer<T>,
    layers: Vec<LayerTape<T>>,
    bar: [Buffer<T>; 2],
    tangent_bar: [Buffer<T>; 2],
    with_tangent: bool,
}

impl<T: Scalar> Tape<T> {
    pub fn new(mlp: &Mlp) -> Self {
        Self {
            blocks: 0,
            input: Buffer::new(),
            input_tangent: Buffer::new(),
            layers: mlp.layers().iter().map(|_| LayerTape::new()).collect(),
            bar: [Buffer::new(), Buffer::new()],
            tangent_bar: [Buffer::new(), Buffer::new()],
            with_tangent: false,
        }
    }

    /// Makes room for a chunk; allocates only where the chunk is larger than any before.
    fn prepare(&mut self, mlp: &Mlp, blocks: usize, tangent: bool, keep: Keep) {
        self.blocks = blocks;
        self.with_tangent = tangent;
        let n = blocks * LANES;
        self.input.resize(mlp.inputs() * n);
        if tangent {
            self.input_tangent.resize(mlp.inputs() * n);
        }
        for (layer, tape) in mlp.layers().iter().zip(&mut self.layers) {
            tape.value.resize(layer.outputs * n);
            if keep == Keep::Reverse {
                tape.slope.resize(layer.outputs * n);
            }
            if tangent {
                tape.slope.resize(layer.outputs * n);
                tape.tangent.resize(layer.outputs * n);
                tape.curve.resize(layer.outputs * n);
            }
        }
        if keep == Keep::Reverse {
            let widest = mlp
                .layers()
                .iter()
                .map(|l| l.inputs.max(l.outputs))
                .max()
                .unwrap_or(0)
                * n;
            self.bar.iter_mut().for_each(|b| b.resize(widest));
            if tangent {
                self.tangent_bar.iter_mut().for_each(|b| b.resize(widest));
            }
        }
    }

    /// Runs the network on a chunk `[block][input][lane]`, and on its tangent where one is given.
    pub fn forward(
        &mut self,
        mlp: &Mlp,
        weights: &Weights<T>,
        x: &[T],
        tangent: Option<&[T]>,
        keep: Keep,
    ) {
        let blocks = x.len() / (mlp.inputs() * LANES);
        self.prepare(mlp, blocks, tangent.is_some(), keep);
        self.input.copy_from_slice(x);
        if let Some(t) = tangent {
            self.input_tangent.copy_from_slice(t);
        }
        let table = T::table();
        for (l, layer) in mlp.layers().iter().enumerate() {
            let (done, rest) = self.layers.split_at_mut(l);
            let tape = &mut rest[0];
            let (x, tx) = match done.last() {
                Some(previous) => (&previous.value, &previous.tangent),
                None => (&self.input, &self.input_tangent),
            };
            for (i, o) in groups::<T>(blocks, layer.inputs, layer.outputs, layer.inputs) {
                table.product(
                    &weights.forward[l],
                    Start::Bias,
                    &x[i.clone()],
                    &mut tape.value[o.clone()],
                );
                if tangent.is_some() {
                    table.product(
                        &weights.forward[l],
                        Start::Zero,
                        &tx[i.clone()],
                        &mut tape.tangent[o.clone()],
                    );
                    table.activate_tangent(
                        layer.activation,
                        &mut tape.value[o.clone()],
                        &mut tape.slope[o.clone()],
                        &mut tape.tangent[o.clone()],
                        &mut tape.curve[o.clone()],
                    );
                    if layer.residual {
                        add(&mut tape.tangent[o.clone()], &tx[i.clone()]);
                    }
                } else {
                    let slope = (keep == Keep::Reverse).then(|| &mut tape.slope[o.clone()]);
                    table.activate(layer.activation, &mut tape.value[o.clone()], slope);
                }
                if layer.residual {
                    add(&mut tape.value[o], &x[i]);
                }
            }
        }
    }

    /// Output of the last forward pass, `[block][output][lane]`.
    pub fn output(&self) -> &[T] {
        self.layers.last().map_or(&[], |l| &l.value)
    }

    /// Tangent of the output of the last forward pass.
    pub fn output_tangent(&self) -> &[T] {
        self.layers.last().map_or(&[], |l| &l.tangent)
    }

    /// Output, its tangent (empty without one) and the cotangents of both to be filled in before [`Tape::reverse`].
    pub fn output_and_bars(&mut self) -> (&[T], &[T], &mut [T], &mut [T]) {
        let Some(last) = self.layers.last() else {
            return (&[], &[], &mut [], &mut []);
        };
        let n = last.value.len();
        let (t, tangent_bar) = if self.with_tangent {
            (&last.tangent[..], &mut self.tangent_bar[0][..n])
        } else {
            (&[][..], &mut [][..])
        };
        (&last.value, t, &mut self.bar[0][..n], tangent_bar)
    }

    /// Reverse pass from the cotangents of the output. Adds to `gradient` (the network's own parameters); the
    /// cotangents of the input follow from [`Tape::input_bars`] where `want_input`.
    pub fn reverse(
        &mut self,
        mlp: &Mlp,
        weights: &Weights<T>,
        want_input: bool,
        gradient: &mut [T],
    ) {
        let table = T::table();
        for (l, layer) in mlp.layers().iter().enumerate().rev() {
            let n = layer.outputs * self.blocks * LANES;
            let (done, rest) = self.layers.split_at(l);
            let tape = &rest[0];
            let (x, tx) = match done.last() {
                Some(previous) => (&previous.value, &previous.tangent),
                None => (&self.input, &self.input_tangent),
            };
            let go_on = l > 0 || want_input;
            let [bar, next] = &mut self.bar;
            let [tangent_bar, tangent_next] = &mut self.tangent_bar;
            for (i, o) in groups::<T>(self.blocks, layer.inputs, layer.outputs, layer.outputs) {
                // A residual layer hands its cotangent through beside the product.
                let skip = go_on && layer.residual;
                let start = if skip { Start::Output } else { Start::Zero };
                if skip {
                    next[i.clone()].copy_from_slice(&bar[o.clone()]);
                    if self.with_tangent {
                        tangent_next[i.clone()].copy_from_slice(&tangent_bar[o.clone()]);
                    }
                }
                let tangents = self
                    .with_tangent
                    .then(|| (&mut tangent_bar[o.clone()], &tape.curve[o.clone()]));
                table.activate_reverse(&mut bar[o.clone()], &tape.slope[o.clone()], tangents);
                if go_on {
                    let panels = &weights.reverse[l];
                    table.product(panels, start, &bar[o.clone()], &mut next[i.clone()]);
                    if self.with_tangent {
                        table.product(panels, start, &tangent_bar[o], &mut tangent_next[i]);
                    }
                }
            }
            let tangents = self.with_tangent.then(|| (&tangent_bar[..n], &tx[..]));
            let (head, bias) = gradient.split_at_mut(layer.bias_range().start);
            table.weight_gradient(
                &bar[..n],
                x,
                tangents,
                &mut head[layer.weight_range().start..],
                &mut bias[..layer.outputs],
            );
            if go_on {
                self.bar.swap(0, 1);
                self.tangent_bar.swap(0, 1);
            }
        }
    }

    /// Cotangents of input and input tangent (empty without one) after [`Tape::reverse`] with `want_input`.
    pub fn input_bars(&mut self) -> (&mut [T], &mut [T]) {
        let n = self.input.len();
        let t = if self.with_tangent {
            &mut self.tangent_bar[0][..n]
        } else {
            &mut [][..]
        };
        (&mut self.bar[0][..n], t)
    }
}
