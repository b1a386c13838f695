//! The passes of a wide network's step: gathering, forward, reverse, and what adds up their sums.

use super::{Member, Wide, blocks};
use crate::cuda::blas::Matrix;
use crate::cuda::launch::{Arg, address, address_at, int};
use crate::cuda::source::activation_number;
use crate::cuda::state::CudaTable;
use crate::{Error, Layer, Scalar};

impl<T: Scalar> Wide<T> {
    pub(super) fn gather(
        &self,
        table: &CudaTable<T>,
        order: u64,
        first: usize,
        n: usize,
    ) -> Result<(), Error> {
        let rows = 2 * self.problem.model.features() + self.problem.conditions;
        self.launch(
            "w_gather",
            blocks(rows * n),
            &[
                Arg::Pointer(address(&table.x)),
                Arg::Pointer(address(&table.xdot)),
                Arg::Pointer(address(&table.conditions)),
                Arg::Pointer(order),
                Arg::Pointer(address(&self.step)),
                Arg::Pointer(address(&self.input2)),
                Arg::Pointer(address(&self.conditions)),
                Arg::Int(int("samples of a batch", n)?),
                Arg::Int(int("samples", first)?),
            ],
        )
    }

    /// Where the parameters of layer `l`, counted through encoder and decoder, begin.
    fn weights(&self, who: Member, l: usize) -> (Layer, u64, u64) {
        let model = &self.problem.model;
        let (encoder, decoder) = (model.encoder().layers(), model.decoder().layers());
        let (layer, shift) = match encoder.get(l) {
            Some(layer) => (*layer, 0),
            None => (decoder[l - encoder.len()], model.encoder().param_len()),
        };
        let at = |index: usize| who.params + ((shift + index) * size_of::<T>()) as u64;
        (
            layer,
            at(layer.weight_range().start),
            at(layer.bias_range().start),
        )
    }

    /// Value and tangent that layer `l` takes.
    fn input_of(&self, l: usize) -> u64 {
        if l == 0 {
            address(&self.input2)
        } else if l == self.problem.model.encoder().layers().len() {
            address(&self.decoder2)
        } else {
            address(&self.layers[l - 1].output2)
        }
    }

    /// Encoder, right-hand side, decoder and the four losses on the batch in the input buffers.
    pub(super) fn forward(&self, who: Member, n: usize, reverse: bool) -> Result<(), Error> {
        let (samples, twice) = (
            int("samples of a batch", n)?,
            int("samples of a batch", 2 * n)?,
        );
        let encoder = self.problem.model.encoder().layers().len();
        for l in 0..self.layers.len() {
            if l == encoder {
                self.launch(
                    "w_rates",
                    blocks(n),
                    &[
                        Arg::Pointer(who.params),
                        Arg::Pointer(address(&self.layers[l - 1].output2)),
                        Arg::Pointer(address(&self.conditions)),
                        Arg::Pointer(address(&self.decoder2)),
                        Arg::Int(samples),
                    ],
                )?;
            }
            let (layer, weight, bias) = self.weights(who, l);
            let buffers = &self.layers[l];
            let (rows, inputs) = (int("width", layer.outputs)?, int("width", layer.inputs)?);
            let (input, output) = (self.input_of(l), address(&buffers.output2));
            // W, row-major outputs × inputs, is column-major inputs × outputs.
            self.blas.product(
                [rows, twice, inputs],
                Matrix {
                    address: weight,
                    leading: inputs,
                    transposed: true,
                },
                Matrix {
                    address: input,
                    leading: inputs,
                    transposed: false,
                },
                0.0,
                (output, rows),
            )?;
            let kept = |slice| if reverse { address::<T>(slice) } else { 0 };
            self.launch(
                "w_activate",
                blocks(layer.outputs * n),
                &[
                    Arg::Pointer(output),
                    Arg::Pointer(bias),
                    Arg::Pointer(if layer.residual { input } else { 0 }),
                    Arg::Pointer(kept(&buffers.slope)),
                    Arg::Pointer(kept(&buffers.curve)),
                    Arg::Int(rows),
                    Arg::Int(samples),
                    Arg::Int(int("activation", activation_number(layer.activation))?),
                ],
            )?;
        }
        let last = address(&self.layers[self.layers.len() - 1].output2);
        self.launch(
            "w_decoded",
            blocks(self.problem.model.features() * n),
            &[
                Arg::Pointer(last),
                Arg::Pointer(address(&self.input2)),
                Arg::Pointer(if reverse { address(&self.bar2) } else { 0 }),
                Arg::Pointer(who.settings),
                Arg::Pointer(address(&self.decoded)),
                Arg::Int(samples),
            ],
        )?;
        if reverse {
            self.reverse_layers(who, encoder, self.layers.len(), true, n)?;
        }
        self.launch(
            "w_latent",
            blocks(n),
            &[
                Arg::Pointer(who.params),
                Arg::Pointer(address(&self.layers[encoder - 1].output2)),
                Arg::Pointer(address(&self.decoder2)),
                Arg::Pointer(address(&self.conditions)),
                Arg::Pointer(who.masses),
                Arg::Pointer(who.settings),
                Arg::Pointer(if reverse { address(&self.bar2) } else { 0 }),
                Arg::Pointer(address(&self.p_bars)),
                Arg::Pointer(address(&self.latent)),
                Arg::Int(samples),
            ],
        )
    }

    /// The rest of the gradient, after [`Wide::forward`] with `reverse`: the right-hand side's parameters and the encoder.
    pub(super) fn backward(&self, who: Member, n: usize) -> Result<(), Error> {
        let at = address_at(&self.gradient, self.problem.model.param_len());
        self.row_sums(address(&self.p_bars), at, self.problem.dynamics_len, n)?;
        let encoder = self.problem.model.encoder().layers().len();
        self.reverse_layers(who, 0, encoder, false, n)
    }

    fn row_sums(&self, from: u64, to: u64, rows: usize, n: usize) -> Result<(), Error> {
        if rows == 0 {
            return Ok(());
        }
        self.launch(
            "w_row_sums",
            rows.div_ceil(32),
            &[
                Arg::Pointer(from),
                Arg::Pointer(to),
                Arg::Int(int("width", rows)?),
                Arg::Int(int("samples of a batch", n)?),
            ],
        )
    }

    /// Layers `to - 1` down to `from`: cotangents in `bar2`, gradients of weights and biases; the cotangents of the first
    /// layer's input where they are wanted.
    fn reverse_layers(
        &self,
        who: Member,
        from: usize,
        to: usize,
        want_input: bool,
        n: usize,
    ) -> Result<(), Error> {
        let (samples, twice) = (
            int("samples of a batch", n)?,
            int("samples of a batch", 2 * n)?,
        );
        let (bar, pre) = (address(&self.bar2), address(&self.pre_bar2));
        for l in (from..to).rev() {
            let (layer, weight, bias) = self.weights(who, l);
            let (rows, inputs) = (int("width", layer.outputs)?, int("width", layer.inputs)?);
            let gradient = |parameter: u64| address(&self.gradient) + (parameter - who.params);
            self.launch(
                "w_reverse",
                blocks(layer.outputs * n),
                &[
                    Arg::Pointer(bar),
                    Arg::Pointer(address(&self.layers[l].slope)),
                    Arg::Pointer(address(&self.layers[l].curve)),
                    Arg::Pointer(pre),
                    Arg::Int(rows),
                    Arg::Int(samples),
                ],
            )?;
            // (inputs × outputs) = input2 pre_bar2ᵀ, the layout of W again.
            self.blas.product(
                [inputs, rows, twice],
                Matrix {
                    address: self.input_of(l),
                    leading: inputs,
                    transposed: false,
                },
                Matrix {
                    address: pre,
                    leading: rows,
                    transposed: true,
                },
                0.0,
                (gradient(weight), inputs),
            )?;
            self.row_sums(pre, gradient(bias), layer.outputs, n)?;
            if l > from || want_input {
                // A residual layer hands the cotangents of its output, still in bar2, through.
                let beta = if layer.residual { 1.0 } else { 0.0 };
                self.blas.product(
                    [inputs, twice, rows],
                    Matrix {
                        address: weight,
                        leading: inputs,
                        transposed: false,
                    },
                    Matrix {
                        address: pre,
                        leading: rows,
                        transposed: false,
                    },
                    beta,
                    (bar, inputs),
                )?;
            }
        }
        Ok(())
    }

    /// Adds up, reports and decides; with `squares` 0 losses only.
    pub(super) fn finish(
        &self,
        n: usize,
        squares: usize,
        settings: u64,
        report: u64,
        status: u64,
    ) -> Result<(), Error> {
        let decoded = blocks(self.problem.model.features() * n);
        let partial = |slice, count: usize| {
            Ok([
                Arg::Pointer(address::<T>(slice)),
                Arg::Int(int("blocks", count)?),
            ])
        };
        let mut args = Vec::with_capacity(11);
        args.extend(partial(&self.decoded, decoded)?);
        args.extend(partial(&self.latent, blocks(n))?);
        args.push(Arg::Pointer(if squares > 0 {
            address(&self.squares)
        } else {
            0
        }));
        args.push(Arg::Int(int("blocks", squares)?));
        args.extend([
            Arg::Pointer(settings),
            Arg::Pointer(address(&self.step)),
            Arg::Pointer(address(&self.scale)),
            Arg::Pointer(report),
            Arg::Pointer(status),
        ]);
        self.launch("w_finish", 1, &args)
    }
}
