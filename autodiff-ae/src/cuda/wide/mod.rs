//! Wide networks: cuBLAS products with fused element-wise kernels between them, a step captured once and replayed as a graph.

use crate::cuda::blas::Blas;
use crate::cuda::launch::{Arg, Kernels, address, address_at, zeros};
use crate::cuda::library::failed;
use crate::cuda::source::Problem;
use crate::cuda::state::{CudaTable, Members, Run, State};
use crate::cuda::{CudaDevice, Products};
use crate::{Error, Scalar};
use cudarc::driver::CudaSlice;
use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode};

mod passes;

const KERNEL: &str = include_str!("../../../kernels/wide.cu");
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
    /// Whether every product has been run once.
    warm: bool,
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
    masses: u64,
}

impl<T: Scalar> Wide<T> {
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
            warm: false,
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
            if !self.warm {
                // cuBLAS loads what it needs at the first call of a kind, which a capture may not admit.
                self.gradient(state, table, run, member)?;
                self.device.synchronize()?;
                self.warm = true;
            }
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
            .begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED)
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

    /// A member's addresses.
    fn member(&self, state: &State<T>, member: usize) -> Member {
        Member {
            params: address_at(&state.params, member * self.problem.param_len()),
            settings: address_at(&state.settings, member * crate::cuda::state::SETTINGS),
            masses: address(&state.masses),
        }
    }

    /// Losses and gradient of the mini-batch whose turn it is.
    fn gradient(
        &self,
        state: &State<T>,
        table: &CudaTable<T>,
        run: &Run<T>,
        member: usize,
    ) -> Result<(), Error> {
        let who = self.member(state, member);
        let order = address_at(&run.order, member * run.order_stride);
        self.gather(table, order, 0, self.batch)?;
        self.forward(who, self.batch, true)?;
        self.backward(who, self.batch)
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
        let who = self.member(state, member);
        self.gradient(state, table, run, member)?;
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
            at(&run.report, run.steps * crate::cuda::state::REPORT),
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
                Arg::Pointer(at(&run.schedule, run.steps * crate::cuda::state::SCHEDULE)),
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
        members: Members<'_, T>,
        table: &CudaTable<T>,
        report: &CudaSlice<T>,
    ) -> Result<(), Error> {
        for member in 0..members.count {
            let who = Member {
                params: address_at(members.params, member * self.problem.param_len()),
                settings: address_at(members.settings, member * crate::cuda::state::SETTINGS),
                masses: address(members.masses),
            };
            let mut first = 0;
            while first < table.samples {
                let n = (table.samples - first).min(self.capacity);
                self.gather(table, 0, first, n)?;
                self.forward(who, n, false)?;
                let to = address_at(report, member * crate::cuda::state::REPORT);
                self.finish(n, 0, who.settings, to, 0)?;
                first += n;
            }
        }
        Ok(())
    }
}
