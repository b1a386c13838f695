//! A dense network on a whole batch on the device, forward and in reverse: the device's counterpart of [`crate::Pass`].

use super::{Room, Sizes, THREADS, head, source};
use crate::cuda::CudaDevice;
use crate::cuda::launch::{Arg, Kernels, address, download, int, upload, zeros};
use crate::error::check_length;
use crate::{Batch, Error, Mlp, Scalar};
use cudarc::driver::CudaSlice;
use std::marker::PhantomData;

const PASS: &str = include_str!("../../../kernels/dense_pass.cu");
const PRODUCT: &str = "pass_product";
pub(super) const REDUCE: &str = "dense_reduce";

/// One network on the device.
pub struct CudaDense<T> {
    device: CudaDevice,
    mlp: Mlp,
    kernels: Kernels,
    room: Room,
    number: PhantomData<T>,
}

impl<T> std::fmt::Debug for CudaDense<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CudaDense")
            .field("device", &self.device)
            .field("mlp", &self.mlp)
            .finish_non_exhaustive()
    }
}

/// What [`CudaDense::product`] leaves.
#[derive(Clone, Debug)]
pub struct DenseProduct<T> {
    /// The network's output.
    pub output: Batch<T>,
    /// The product of the output's cotangent with ∂output/∂input.
    pub input_bar: Batch<T>,
    /// Its product with ∂output/∂parameters, summed over the samples.
    pub gradient: Vec<T>,
}

impl<T: Scalar> CudaDense<T> {
    /// Compiles a network for a device.
    ///
    /// # Errors
    /// [`Error::Range`] for more parameters than a kernel counts, [`Error::Kernel`], [`Error::Cuda`].
    pub fn new(device: &CudaDevice, mlp: &Mlp) -> Result<Self, Error> {
        int("parameters of a network", mlp.param_len())?;
        let (room, source) = Self::plan(mlp, device.shared_memory_per_block());
        let kernels = Kernels::new(device, "dense_pass", &source, &[PRODUCT, REDUCE])?;
        kernels.allow_shared(PRODUCT, room.shared_bytes)?;
        Ok(Self {
            device: device.clone(),
            mlp: mlp.clone(),
            kernels,
            room,
            number: PhantomData,
        })
    }

    /// The source that [`CudaDense::new`] compiles for a device with `available` bytes of shared memory a block.
    pub fn source(mlp: &Mlp, available: usize) -> String {
        Self::plan(mlp, available).1
    }

    fn plan(mlp: &Mlp, available: usize) -> (Room, String) {
        let sizes = Sizes::new(mlp);
        let room = Room::new::<T>(
            available,
            &[
                ("SCRATCH", sizes.scratch),
                ("VALUES", sizes.values),
                ("SLOPES", sizes.slopes),
            ],
        );
        let text = [&head::<T>(THREADS), &source("net", mlp), &room.source, PASS].concat();
        (room, text)
    }

    /// The network's output on a batch.
    ///
    /// # Errors
    /// [`Error::Length`] when shapes do not fit, [`Error::EmptyBatch`], [`Error::Cuda`].
    pub fn predict(&self, params: &[T], input: &Batch<T>) -> Result<Batch<T>, Error> {
        self.check(params, input)?;
        let output = self.room_for(self.mlp.outputs(), input)?;
        let (params, x) = (self.up(params)?, self.up(input.as_blocked())?);
        self.launch(
            input.blocks(),
            [Some(&params), Some(&x), None, Some(&output), None, None],
        )?;
        self.down(&output, self.mlp.outputs(), input.samples())
    }

    /// Output, cotangent of the input and gradient of the parameters on a batch, from the cotangent of the output.
    ///
    /// # Errors
    /// As [`CudaDense::predict`].
    pub fn product(
        &self,
        params: &[T],
        input: &Batch<T>,
        output_bar: &Batch<T>,
    ) -> Result<DenseProduct<T>, Error> {
        self.check(params, input)?;
        let (inputs, outputs) = (self.mlp.inputs(), self.mlp.outputs());
        check_length(
            "features of the output's cotangent",
            outputs,
            output_bar.features(),
        )?;
        check_length(
            "samples of the output's cotangent",
            input.samples(),
            output_bar.samples(),
        )?;
        let mut bar = output_bar.clone();
        crate::pass::clear_padding(bar.as_blocked_mut(), outputs, input.samples());
        let (params, x, bar) = (
            self.up(params)?,
            self.up(input.as_blocked())?,
            self.up(bar.as_blocked())?,
        );
        let (output, input_bar) = (
            self.room_for(outputs, input)?,
            self.room_for(inputs, input)?,
        );
        let blocks = self.blocks(input.blocks());
        let len = self.mlp.param_len();
        let (partial, gradient) = (
            zeros(&self.device, blocks * len)?,
            zeros(&self.device, len)?,
        );
        self.launch(
            input.blocks(),
            [
                Some(&params),
                Some(&x),
                Some(&bar),
                Some(&output),
                Some(&input_bar),
                Some(&partial),
            ],
        )?;
        reduce(&self.kernels, &partial, &gradient, 1, blocks, len)?;
        Ok(DenseProduct {
            output: self.down(&output, outputs, input.samples())?,
            input_bar: self.down(&input_bar, inputs, input.samples())?,
            gradient: download(&self.device, &gradient)?,
        })
    }

    fn check(&self, params: &[T], input: &Batch<T>) -> Result<(), Error> {
        check_length(
            "parameters of a network",
            self.mlp.param_len(),
            params.len(),
        )?;
        check_length("features of the input", self.mlp.inputs(), input.features())?;
        if input.samples() == 0 {
            return Err(Error::EmptyBatch);
        }
        Ok(())
    }

    /// As many blocks as run at once, or as there are tiles.
    fn blocks(&self, tiles: usize) -> usize {
        tiles.min(self.device.multiprocessors().max(1))
    }

    fn up(&self, data: &[T]) -> Result<CudaSlice<T>, Error> {
        upload(&self.device, data)
    }

    fn room_for(&self, features: usize, like: &Batch<T>) -> Result<CudaSlice<T>, Error> {
        zeros(&self.device, features * like.blocks() * crate::LANES)
    }

    fn down(
        &self,
        from: &CudaSlice<T>,
        features: usize,
        samples: usize,
    ) -> Result<Batch<T>, Error> {
        let mut batch = Batch::zeros(features, samples);
        let data = download(&self.device, from)?;
        batch.as_blocked_mut().copy_from_slice(&data);
        Ok(batch)
    }

    /// The arrays in the order of the kernel's arguments; `None` is null.
    fn launch(&self, tiles: usize, arrays: [Option<&CudaSlice<T>>; 6]) -> Result<(), Error> {
        let blocks = self.blocks(tiles);
        let workspace = zeros::<T>(&self.device, blocks * self.room.workspace)?;
        let mut args: Vec<Arg> = arrays
            .iter()
            .map(|a| Arg::Pointer(a.map_or(0, address)))
            .collect();
        args.push(Arg::Pointer(address(&workspace)));
        args.push(Arg::Int(int("tiles", tiles)?));
        self.kernels
            .launch(PRODUCT, blocks, THREADS, self.room.shared_bytes, &args)?;
        // The workspace lives until it is no longer used.
        self.device.synchronize()
    }
}

/// Adds what `parts` blocks each left of the gradients of `networks` networks of `len` parameters.
pub(super) fn reduce<T>(
    kernels: &Kernels,
    partial: &CudaSlice<T>,
    sums: &CudaSlice<T>,
    networks: usize,
    parts: usize,
    len: usize,
) -> Result<(), Error> {
    let count = networks * len;
    kernels.launch(
        REDUCE,
        count.div_ceil(THREADS).clamp(1, 1 << 12),
        THREADS,
        0,
        &[
            Arg::Pointer(address(partial)),
            Arg::Pointer(address(sums)),
            Arg::Long(count as u64),
            Arg::Long(len as u64),
            Arg::Int(int("blocks of a network", parts)?),
        ],
    )
}
