//! One network on one chunk of samples: what the forward pass leaves behind and the reverse pass through it.

mod layer;

pub(crate) use layer::Keep;
use layer::{LayerTape, reserve};

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

    /// W of every layer.
    pub fn forward(&self) -> &[Panels<T>] {
        &self.forward
    }

    /// Wᵀ of every layer.
    pub fn reverse(&self) -> &[Panels<T>] {
        &self.reverse
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

/// a += b, at the machine's full width.
pub(crate) fn add<T: Scalar>(a: &mut [T], b: &[T]) {
    vectorised(|| a.iter_mut().zip(b).for_each(|(x, y)| *x += *y));
}

/// a += b, b = 0, at the machine's full width.
pub(crate) fn take<T: Scalar>(a: &mut [T], b: &mut [T]) {
    vectorised(|| {
        a.iter_mut()
            .zip(b)
            .for_each(|(x, y)| *x += std::mem::replace(y, T::zero()))
    });
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
    input_tangents: Vec<Buffer<T>>,
    layers: Vec<LayerTape<T>>,
    bar: [Buffer<T>; 2],
    /// Cotangents of the tangents, two arrays each.
    tangent_bars: [Vec<Buffer<T>>; 2],
    /// Ones that become σ' beside the slope, where σ'' is wanted alone; a bias that is thrown away.
    scratch: Buffer<T>,
    tangents: usize,
}

impl<T: Scalar> Tape<T> {
    pub fn new(mlp: &Mlp) -> Self {
        Self {
            blocks: 0,
            input: Buffer::new(),
            input_tangents: Vec::new(),
            layers: mlp.layers().iter().map(|_| LayerTape::new()).collect(),
            bar: [Buffer::new(), Buffer::new()],
            tangent_bars: [Vec::new(), Vec::new()],
            scratch: Buffer::new(),
            tangents: 0,
        }
    }

    /// Makes room for a chunk; allocates only where the chunk is larger than any before.
    fn prepare(&mut self, mlp: &Mlp, blocks: usize, tangents: usize, keep: Keep) {
        self.blocks = blocks;
        self.tangents = tangents;
        let n = blocks * LANES;
        self.input.resize(mlp.inputs() * n);
        reserve(&mut self.input_tangents, tangents, mlp.inputs() * n);
        for (layer, tape) in mlp.layers().iter().zip(&mut self.layers) {
            let len = layer.outputs * n;
            tape.value.resize(len);
            if keep == Keep::Reverse || tangents > 0 {
                tape.slope.resize(len);
            }
            if tangents > 1 {
                tape.bend.resize(len);
            }
            reserve(&mut tape.tangents, tangents, len);
            reserve(&mut tape.curves, tangents, len);
        }
        let widest = mlp
            .layers()
            .iter()
            .map(|l| l.inputs.max(l.outputs))
            .max()
            .unwrap_or(0)
            * n;
        if tangents > 1 {
            self.scratch.resize(widest);
        }
        if keep == Keep::Reverse {
            self.bar.iter_mut().for_each(|b| b.resize(widest));
            for bars in &mut self.tangent_bars {
                reserve(bars, tangents, widest);
            }
        }
    }

    /// Runs the network on a chunk `[block][input][lane]`, and on as many tangents of it as asked for.
    pub fn forward<'a>(
        &mut self,
        mlp: &Mlp,
        weights: &Weights<T>,
        x: &[T],
        tangents: usize,
        tangent: impl Fn(usize) -> &'a [T],
        keep: Keep,
    ) {
        let blocks = x.len() / (mlp.inputs() * LANES);
        self.prepare(mlp, blocks, tangents, keep);
        self.input.copy_from_slice(x);
        for (k, array) in self.input_tangents[..tangents].iter_mut().enumerate() {
            array.copy_from_slice(tangent(k));
        }
        self.run(mlp, weights, keep);
    }

    /// [`Tape::forward`] with one tangent, `fill` writing input and tangent where they are needed.
    pub fn forward_filled(
        &mut self,
        mlp: &Mlp,
        weights: &Weights<T>,
        blocks: usize,
        fill: impl FnOnce(&mut [T], &mut [T]),
        keep: Keep,
    ) {
        self.prepare(mlp, blocks, 1, keep);
        fill(&mut self.input, &mut self.input_tangents[0]);
        self.run(mlp, weights, keep);
    }

    fn run(&mut self, mlp: &Mlp, weights: &Weights<T>, keep: Keep) {
        let (blocks, tangents, table) = (self.blocks, self.tangents, T::table());
        for (l, layer) in mlp.layers().iter().enumerate() {
            let (done, rest) = self.layers.split_at_mut(l);
            let tape = &mut rest[0];
            let (x, tx) = match done.last() {
                Some(previous) => (&previous.value, &previous.tangents),
                None => (&self.input, &self.input_tangents),
            };
            for (i, o) in groups::<T>(blocks, layer.inputs, layer.outputs, layer.inputs) {
                table.product(
                    &weights.forward[l],
                    Start::Bias,
                    &x[i.clone()],
                    &mut tape.value[o.clone()],
                );
                for (tx, t) in tx.iter().zip(&mut tape.tangents).take(tangents) {
                    table.product(
                        &weights.forward[l],
                        Start::Zero,
                        &tx[i.clone()],
                        &mut t[o.clone()],
                    );
                }
                tape.activate(layer.activation, &o, tangents, keep, &mut self.scratch);
                if layer.residual {
                    for (tx, t) in tx.iter().zip(&mut tape.tangents).take(tangents) {
                        add(&mut t[o.clone()], &tx[i.clone()]);
                    }
                    add(&mut tape.value[o], &x[i]);
                }
            }
        }
    }

    /// Input of the last forward pass, `[block][input][lane]`.
    pub fn input(&self) -> &[T] {
        &self.input
    }

    /// Tangent `k` of the input of the last forward pass.
    pub fn input_tangent(&self, k: usize) -> &[T] {
        &self.input_tangents[k]
    }

    /// Output of the last forward pass, `[block][output][lane]`.
    pub fn output(&self) -> &[T] {
        self.layers.last().map_or(&[], |l| &l.value)
    }

    /// Tangent `k` of the output of the last forward pass.
    pub fn output_tangent(&self, k: usize) -> &[T] {
        self.layers.last().map_or(&[], |l| &l.tangents[k])
    }

    /// Output, its first tangent (empty without one) and the cotangents of both to be filled in before [`Tape::reverse`].
    pub fn output_and_bars(&mut self) -> (&[T], &[T], &mut [T], &mut [T]) {
        let Some(last) = self.layers.last() else {
            return (&[], &[], &mut [], &mut []);
        };
        let n = last.value.len();
        let (t, tangent_bar) = if self.tangents > 0 {
            (&last.tangents[0][..], &mut self.tangent_bars[0][0][..n])
        } else {
            (&[][..], &mut [][..])
        };
        (&last.value, t, &mut self.bar[0][..n], tangent_bar)
    }

    /// Cotangent of tangent `k` of the output, to be filled in before [`Tape::reverse`].
    pub fn output_tangent_bar(&mut self, k: usize) -> &mut [T] {
        let n = self.output().len();
        &mut self.tangent_bars[0][k][..n]
    }

    /// Reverse pass from the cotangents of the output. Adds to `gradient` (the network's own parameters); the
    /// cotangents of the input follow from [`Tape::input_bar`] where `want_input`.
    pub fn reverse(
        &mut self,
        mlp: &Mlp,
        weights: &Weights<T>,
        want_input: bool,
        gradient: &mut [T],
    ) {
        let (table, tangents) = (T::table(), self.tangents);
        for (l, layer) in mlp.layers().iter().enumerate().rev() {
            let (done, rest) = self.layers.split_at(l);
            let tape = &rest[0];
            let go_on = l > 0 || want_input;
            let [bar, next] = &mut self.bar;
            let [tangent_bars, tangents_next] = &mut self.tangent_bars;
            for (i, o) in groups::<T>(self.blocks, layer.inputs, layer.outputs, layer.outputs) {
                // A residual layer hands its cotangent through beside the product.
                let skip = go_on && layer.residual;
                let start = if skip { Start::Output } else { Start::Zero };
                if skip {
                    next[i.clone()].copy_from_slice(&bar[o.clone()]);
                    for (next, bar) in tangents_next.iter_mut().zip(&*tangent_bars).take(tangents) {
                        next[i.clone()].copy_from_slice(&bar[o.clone()]);
                    }
                }
                tape.activate_reverse(&o, bar, &mut tangent_bars[..tangents]);
                if go_on {
                    let panels = &weights.reverse[l];
                    table.product(panels, start, &bar[o.clone()], &mut next[i.clone()]);
                    for (next, bar) in tangents_next.iter_mut().zip(&*tangent_bars).take(tangents) {
                        table.product(panels, start, &bar[o.clone()], &mut next[i.clone()]);
                    }
                }
            }
            let (x, tx) = match done.last() {
                Some(previous) => (&previous.value, &previous.tangents),
                None => (&self.input, &self.input_tangents),
            };
            let n = layer.outputs * self.blocks * LANES;
            let pair = |k: usize| (k < tangents).then(|| (&tangent_bars[k][..n], &tx[k][..]));
            let (head, bias) = gradient.split_at_mut(layer.bias_range().start);
            let weight = &mut head[layer.weight_range().start..];
            table.weight_gradient(&bar[..n], x, pair(0), weight, &mut bias[..layer.outputs]);
            // Further tangents two at a time; they have no part in the bias.
            for k in (1..tangents).step_by(2) {
                let unused = &mut self.scratch[..layer.outputs];
                if let Some((y, x)) = pair(k) {
                    table.weight_gradient(y, x, pair(k + 1), weight, unused);
                }
            }
            if go_on {
                self.bar.swap(0, 1);
                self.tangent_bars.swap(0, 1);
            }
        }
    }

    /// Cotangent of the input after [`Tape::reverse`] with `want_input`.
    pub fn input_bar(&self) -> &[T] {
        &self.bar[0][..self.input.len()]
    }

    /// Cotangent of tangent `k` of the input.
    pub fn input_tangent_bar(&self, k: usize) -> &[T] {
        &self.tangent_bars[0][k][..self.input.len()]
    }

    /// Cotangents of input and its first input tangent (empty without one), for one more sum into them.
    pub fn input_bars(&mut self) -> (&mut [T], &mut [T]) {
        let n = self.input.len();
        let t = if self.tangents > 0 {
            &mut self.tangent_bars[0][0][..n]
        } else {
            &mut [][..]
        };
        (&mut self.bar[0][..n], t)
    }
}
