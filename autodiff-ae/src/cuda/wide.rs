//! Wide networks: cuBLAS products with fused element-wise kernels between them, a step captured once and replayed as a graph.

use super::blas::{Blas, Matrix};
use super::launch::{Arg, Kernels, address, address_at, int, zeros};
use super::library::failed;
use super::source::{Problem, activation_number};
use super::state::{CudaTable, Run, State};
use super::{CudaDevice, CudaScalar, Products};
use crate::{Error, Layer};
use cudarc::driver::CudaSlice;
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};

const KERNEL: &str = include_str!("../../kernels/wide.cu");
const THREADS: usize = 256;
/// Most blocks of an element-wise kernel: enough to fill any device, few enough to add up their partial sums in one block.
const MOST_BLOCKS: usize = 1024;
/// Samples evaluated together when only losses are wanted.
const LOSS_BATCH: usize = 1024;
const FUNCTIONS: [&str; 11] = [
    "w_gather",
    "w_activate",
    "w_rates",
    "w_decoded",
    "w_reverse",
    "w_row_sums",
    "w_latent",
    "w_squares",
    "w_finish",
    "w_adam",
    "w_advance",
];

/// Buffers of one layer.
struct LayerBuffers<T> {
    /// Value and tangent of the output.
    output2: CudaSlice<T>,
    slope: CudaSlice<T>,
    curve: CudaSlice<T>,
}

/// Everything a step needs beside the members' own state; members go through it one after another.
pub(crate) struct Wide<T> {
    device: CudaDevice,
    kernels: Kernels,
    blas: Blas,
    problem: Problem,
    /// Samples that the buffers hold.
    capacity: usize,
    batch: usize,
    input2: CudaSlice<T>,
    conditions: CudaSlice<T>,
    decoder2: CudaSlice<T>,
    layers: Vec<LayerBuffers<T>>,
    bar2: CudaSlice<T>,
    pre_bar2: CudaSlice<T>,
    p_bars: CudaSlice<T>,
    gradient: CudaSlice<T>,
    decoded: CudaSlice<T>,
    latent: CudaSlice<T>,
    squares: CudaSlice<T>,
    scale: CudaSlice<T>,
    step: CudaSlice<i32>,
}

/// The whole source of this path's kernels.
pub(crate) fn source(problem: &Problem) -> String {
    problem.head(&[("THREADS", THREADS)]) + KERNEL
}

/// Blocks for `items` independent items.
fn blocks(items: usize) -> usize {
    items.div_ceil(THREADS).clamp(1, MOST_BLOCKS)
}

/// Addresses of one member's state.
#[derive(Clone, Copy)]
struct Member {
    params: u64,
    settings: u64,
}

impl<T: CudaScalar> Wide<T> {
    pub fn new(
        device: &CudaDevice,
        problem: &Problem,
        batch: usize,
        products: Products,
    ) -> Result<Self, Error> {
        let kernels = Kernels::new(device, "wide", &source(problem), &FUNCTIONS)?;
        let model = &problem.model;
        let capacity = batch.max(LOSS_BATCH);
        let all = || {
            model
                .encoder()
                .layers()
                .iter()
                .chain(model.decoder().layers())
        };
        let layers = all()
            .map(|l| {
                Ok(LayerBuffers {
                    output2: zeros(device, 2 * l.outputs * capacity)?,
                    slope: zeros(device, l.outputs * batch)?,
                    curve: zeros(device, l.outputs * batch)?,
                })
            })
            .collect::<Result<_, Error>>()?;
        let widest = all().map(|l| l.inputs.max(l.outputs)).max().unwrap_or(0);
        Ok(Self {
            blas: Blas::new(device, products, T::DTYPE == "F64")?,
            kernels,
            capacity,
            batch,
            input2: zeros(device, 2 * model.features() * capacity)?,
            conditions: zeros(device, problem.conditions * capacity)?,
            decoder2: zeros(device, 2 * model.latent_dim() * capacity)?,
            layers,
            bar2: zeros(device, 2 * widest * batch)?,
            pre_bar2: zeros(device, 2 * widest * batch)?,
            p_bars: zeros(device, problem.dynamics_len * batch)?,
            gradient: zeros(device, problem.param_len())?,
            decoded: zeros(device, 2 * MOST_BLOCKS)?,
            latent: zeros(device, 2 * MOST_BLOCKS)?,
            squares: zeros(device, MOST_BLOCKS)?,
            scale: zeros(device, 1)?,
            step: zeros(device, 2)?,
            device: device.clone(),
            problem: problem.clone(),
        })
    }

    /// All steps of `run`, one member after another.
    pub fn train(
        &mut self,
        state: &State<T>,
        table: &CudaTable<T>,
        run: &Run<T>,
    ) -> Result<(), Error> {
        for member in 0..state.members {
            self.device
                .stream
                .memset_zeros(&mut self.step)
                .map_err(failed("clearing a counter"))?;
            self.capture_and_replay(state, table, run, member)?;
        }
        Ok(())
    }

    /// Captures one step as a graph and launches it for every step: some sixty small launches become one.
    fn capture_and_replay(
        &self,
        state: &State<T>,
        table: &CudaTable<T>,
        run: &Run<T>,
        member: usize,
    ) -> Result<(), Error> {
        let stream = &self.device.stream;
        stream
            .begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .map_err(failed("beginning a capture"))?;
        let step = self.step(state, table, run, member);
        // The capture is ended even where the step failed, so that the stream can be used again.
        let graph = stream.end_capture(CUgraphInstantiate_flags(0));
        step?;
        let graph = graph
            .map_err(failed("ending a capture"))?
            .ok_or(Error::Cuda {
                what: "ending a capture",
                reason: "the graph is empty".into(),
            })?;
        for _ in 0..run.steps {
            graph.launch().map_err(failed("launching a graph"))?;
        }
        // The graph must not be destroyed while it runs.
        self.device.synchronize()
    }

    fn launch(&self, function: &str, blocks: usize, args: &[Arg]) -> Result<(), Error> {
        self.kernels.launch(function, blocks, THREADS, 0, args)
    }

    /// One training step.
    fn step(
        &self,
        state: &State<T>,
        table: &CudaTable<T>,
        run: &Run<T>,
        member: usize,
    ) -> Result<(), Error> {
        let p = self.problem.param_len();
        let at = |slice, each: usize| address_at::<T>(slice, member * each);
        let who = Member {
            params: at(&state.params, p),
            settings: at(&state.settings, super::state::SETTINGS),
        };
        let order = address_at(&run.order, member * run.order_stride);
        self.gather(table, order, 0, self.batch)?;
        self.forward(state, who, self.batch, true)?;
        self.backward(who, self.batch)?;
        let squares = blocks(p);
        self.launch(
            "w_squares",
            squares,
            &[
                Arg::Pointer(address(&self.gradient)),
                Arg::Pointer(address(&self.squares)),
            ],
        )?;
        self.finish(
            self.batch,
            squares,
            who.settings,
            at(&run.report, run.steps * super::state::REPORT),
            address_at(&state.status, member),
        )?;
        self.launch(
            "w_adam",
            blocks(p),
            &[
                Arg::Pointer(who.params),
                Arg::Pointer(at(&state.first, p)),
                Arg::Pointer(at(&state.second, p)),
                Arg::Pointer(state.average.as_ref().map_or(0, |a| at(a, p))),
                Arg::Pointer(address(&self.gradient)),
                Arg::Pointer(who.settings),
                Arg::Pointer(at(&run.schedule, run.steps * super::state::SCHEDULE)),
                Arg::Pointer(address(&self.step)),
                Arg::Pointer(address(&self.scale)),
            ],
        )?;
        self.kernels
            .launch("w_advance", 1, 1, 0, &[Arg::Pointer(address(&self.step))])
    }

    /// The losses of every member on a table, added to `report`.
    pub fn losses(
        &self,
        state: &State<T>,
        table: &CudaTable<T>,
        settings: &CudaSlice<T>,
        report: &CudaSlice<T>,
    ) -> Result<(), Error> {
        for member in 0..state.members {
            let who = Member {
                params: address_at(&state.params, member * self.problem.param_len()),
                settings: address_at(settings, member * super::state::SETTINGS),
            };
            let mut first = 0;
            while first < table.samples {
                let n = (table.samples - first).min(self.capacity);
                self.gather(table, 0, first, n)?;
                self.forward(state, who, n, false)?;
                let to = address_at(report, member * super::state::REPORT);
                self.finish(n, 0, who.settings, to, 0)?;
                first += n;
            }
        }
        Ok(())
    }

    fn gather(
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
    fn forward(&self, state: &State<T>, who: Member, n: usize, reverse: bool) -> Result<(), Error> {
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
                Arg::Pointer(address(&state.masses)),
                Arg::Pointer(who.settings),
                Arg::Pointer(if reverse { address(&self.bar2) } else { 0 }),
                Arg::Pointer(address(&self.p_bars)),
                Arg::Pointer(address(&self.latent)),
                Arg::Int(samples),
            ],
        )
    }

    /// The rest of the gradient, after [`Wide::forward`] with `reverse`: the right-hand side's parameters and the encoder.
    fn backward(&self, who: Member, n: usize) -> Result<(), Error> {
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
    fn finish(
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
