//! Training of dense networks on points by a loss of their outputs: loss, gradient and score on the device, everything else on the host.

use super::pass::{REDUCE, reduce};
use super::{Room, Sizes, THREADS, head, source};
use crate::cuda::CudaDevice;
use crate::cuda::launch::{Arg, Kernels, address, int, upload, zeros};
use crate::cuda::library::failed;
use crate::error::check_length;
use crate::{Error, LANES, Mlp, Scalar};
use cudarc::driver::{CudaSlice, DeviceRepr};

const REGRESSION: &str = include_str!("../../../kernels/regression.cu");
const GRADIENT: &str = "regression_gradient";
const SCORE: &str = "regression_score";

/// Loss of one output with the residual r.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DensePenalty {
    /// |r|.
    Absolute,
    /// r².
    Square,
    /// r²/2δ up to δ, |r| − δ/2 beyond (Huber 1964); δ is positive.
    Huber(f64),
}

impl DensePenalty {
    fn source(self) -> String {
        let (number, delta) = match self {
            Self::Absolute => (0, 1.0),
            Self::Square => (1, 1.0),
            Self::Huber(delta) => (2, delta),
        };
        format!("#define PENALTY {number}\n#define DELTA {delta:e}\n")
    }
}

/// What is trained: networks of one shape, each on the same points.
#[derive(Clone, Debug, PartialEq)]
pub struct DenseRegression<T> {
    /// Their shape.
    pub mlp: Mlp,
    /// How many.
    pub networks: usize,
    /// Loss of an output.
    pub penalty: DensePenalty,
    /// Factor of each output in the loss.
    pub weights: Vec<T>,
    /// Most points of a mini-batch.
    pub batch: usize,
}

impl<T: Scalar> DenseRegression<T> {
    fn check(&self) -> Result<(), Error> {
        check_length(
            "weights of the outputs",
            self.mlp.outputs(),
            self.weights.len(),
        )?;
        if self.networks == 0 {
            return Err(Error::EmptyEnsemble);
        }
        if self.batch == 0 {
            return Err(Error::EmptyBatch);
        }
        if let DensePenalty::Huber(delta) = self.penalty
            && !(delta > 0.0 && delta.is_finite())
        {
            return Err(Error::Range {
                what: "delta",
                value: delta,
                range: "(0, ∞)",
            });
        }
        int("parameters of a network", self.mlp.param_len())?;
        int("points of a mini-batch", self.batch).map(|_| ())
    }

    /// The source of its kernels for a device with `available` bytes of shared memory a block.
    pub fn source(&self, available: usize) -> String {
        self.plan(available).1
    }

    fn plan(&self, available: usize) -> (Room, String) {
        let sizes = Sizes::new(&self.mlp);
        // In the order of how often a number of each is read.
        let room = Room::new::<T>(
            available,
            &[
                ("SUMS", THREADS),
                ("INPUT", self.mlp.inputs() * LANES),
                ("OUTPUT", self.mlp.outputs() * LANES),
                ("SCRATCH", sizes.scratch),
                ("VALUES", sizes.values),
                ("TARGET", self.mlp.outputs() * LANES),
                ("SLOPES", sizes.slopes),
            ],
        );
        let text = [
            &head::<T>(THREADS),
            &source("net", &self.mlp),
            &room.source,
            &self.penalty.source(),
            REGRESSION,
        ]
        .concat();
        (room, text)
    }
}

/// Points on a device.
pub struct CudaPoints<T> {
    features: CudaSlice<T>,
    targets: CudaSlice<T>,
    points: usize,
}

impl<T> std::fmt::Debug for CudaPoints<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CudaPoints({})", self.points)
    }
}

/// A regression on a device. Equal calls give equal bits.
pub struct CudaRegression<T> {
    device: CudaDevice,
    regression: DenseRegression<T>,
    kernels: Kernels,
    room: Room,
    /// Blocks that share a network's mini-batch.
    parts: usize,
    params: CudaSlice<T>,
    weights: CudaSlice<T>,
    order: CudaSlice<u32>,
    workspace: CudaSlice<T>,
    partial: CudaSlice<T>,
    gradient: CudaSlice<T>,
    losses: CudaSlice<T>,
    /// What comes back, on the host.
    found: Vec<T>,
}

impl<T> std::fmt::Debug for CudaRegression<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CudaRegression")
            .field("device", &self.device)
            .field("networks", &self.regression.networks)
            .finish_non_exhaustive()
    }
}

impl<T: Scalar> CudaRegression<T> {
    /// Compiles the kernels of a regression and makes room for it on the device.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Range`] for a regression that does not fit together or is beyond what the kernels count,
    /// [`Error::EmptyEnsemble`], [`Error::EmptyBatch`], [`Error::Kernel`], [`Error::Cuda`].
    pub fn new(device: &CudaDevice, regression: DenseRegression<T>) -> Result<Self, Error> {
        regression.check()?;
        let (room, text) = regression.plan(device.shared_memory_per_block());
        let kernels = Kernels::new(device, "regression", &text, &[GRADIENT, SCORE, REDUCE])?;
        for function in [GRADIENT, SCORE] {
            kernels.allow_shared(function, room.shared_bytes)?;
        }
        // No more blocks than run at once: each has a gradient of its own.
        let (networks, at_once) = (regression.networks, device.multiprocessors().max(1));
        let parts = (at_once / networks).clamp(1, regression.batch.div_ceil(LANES));
        let (blocks, len) = (networks * parts, regression.mlp.param_len());
        let workspace = blocks.max(at_once) * room.workspace;
        Ok(Self {
            params: zeros(device, networks * len)?,
            weights: upload(device, &regression.weights)?,
            order: zeros(device, regression.batch)?,
            workspace: zeros(device, workspace)?,
            partial: zeros(device, blocks * len)?,
            gradient: zeros(device, networks * len)?,
            losses: zeros(device, blocks)?,
            found: Vec::new(),
            device: device.clone(),
            regression,
            kernels,
            room,
            parts,
        })
    }

    /// Copies points to the device: features and targets of one after the other.
    ///
    /// # Errors
    /// [`Error::Length`] when the two are not of as many points, [`Error::Cuda`].
    pub fn points(&self, features: &[T], targets: &[T]) -> Result<CudaPoints<T>, Error> {
        let mlp = &self.regression.mlp;
        let points = features.len() / mlp.inputs();
        check_length("features of points", points * mlp.inputs(), features.len())?;
        check_length("targets of points", points * mlp.outputs(), targets.len())?;
        let points = CudaPoints {
            features: upload(&self.device, features)?,
            targets: upload(&self.device, targets)?,
            points,
        };
        self.device.synchronize()?;
        Ok(points)
    }

    /// The loss on the points `members`, their mean, summed over the networks; its gradient is added to `gradient`.
    ///
    /// # Errors
    /// [`Error::Length`] when shapes do not fit, for more members than a mini-batch has, and for one beyond the points;
    /// [`Error::EmptyBatch`], [`Error::Cuda`].
    pub fn evaluate(
        &mut self,
        params: &[T],
        points: &CudaPoints<T>,
        members: &[usize],
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        let (networks, len) = (self.regression.networks, self.regression.mlp.param_len());
        check_length("gradient", networks * len, gradient.len())?;
        let too_long = |what, expected, found| Error::Length {
            what,
            expected,
            found,
        };
        if members.is_empty() {
            return Err(Error::EmptyBatch);
        }
        if members.len() > self.regression.batch {
            return Err(too_long(
                "points of a mini-batch",
                self.regression.batch,
                members.len(),
            ));
        }
        if let Some(&i) = members.iter().find(|&&i| i >= points.points) {
            return Err(too_long("table of points", i + 1, points.points));
        }
        // A table on a device holds fewer points than 2³².
        let order: Vec<u32> = members.iter().map(|&i| i as u32).collect();
        self.load(params)?;
        copy(&self.device, &order, &mut self.order)?;
        let blocks = networks * self.parts;
        self.kernels.launch(
            GRADIENT,
            blocks,
            THREADS,
            self.room.shared_bytes,
            &[
                Arg::Pointer(address(&self.params)),
                Arg::Pointer(address(&points.features)),
                Arg::Pointer(address(&points.targets)),
                Arg::Pointer(address(&self.order)),
                Arg::Pointer(address(&self.weights)),
                Arg::Pointer(address(&self.workspace)),
                Arg::Pointer(address(&self.partial)),
                Arg::Pointer(address(&self.losses)),
                Arg::Int(int("points of a mini-batch", members.len())?),
                Arg::Int(int("blocks of a network", self.parts)?),
            ],
        )?;
        reduce(
            &self.kernels,
            &self.partial,
            &self.gradient,
            networks,
            self.parts,
            len,
        )?;
        fetch(
            &self.device,
            &self.gradient,
            networks * len,
            &mut self.found,
        )?;
        gradient
            .iter_mut()
            .zip(&self.found)
            .for_each(|(g, x)| *g += *x);
        fetch(&self.device, &self.losses, blocks, &mut self.found)?;
        Ok(self.found.iter().map(|x| x.f64()).sum())
    }

    /// The sum over all points and outputs of |mean of the networks − target| × `weights`, one per output.
    ///
    /// # Errors
    /// [`Error::Length`] when shapes do not fit, [`Error::Cuda`].
    pub fn score(
        &mut self,
        params: &[T],
        points: &CudaPoints<T>,
        weights: &[T],
    ) -> Result<f64, Error> {
        check_length(
            "weights of the outputs",
            self.regression.mlp.outputs(),
            weights.len(),
        )?;
        let tiles = points.points.div_ceil(LANES);
        if tiles == 0 {
            return Ok(0.0);
        }
        self.load(params)?;
        let weights = upload(&self.device, weights)?;
        let scores = zeros::<T>(&self.device, tiles)?;
        self.kernels.launch(
            SCORE,
            tiles.min(self.device.multiprocessors().max(1)),
            THREADS,
            self.room.shared_bytes,
            &[
                Arg::Pointer(address(&self.params)),
                Arg::Pointer(address(&points.features)),
                Arg::Pointer(address(&points.targets)),
                Arg::Pointer(address(&weights)),
                Arg::Pointer(address(&self.workspace)),
                Arg::Pointer(address(&scores)),
                Arg::Long(points.points as u64),
                Arg::Int(int("networks", self.regression.networks)?),
            ],
        )?;
        fetch(&self.device, &scores, tiles, &mut self.found)?;
        Ok(self.found.iter().map(|x| x.f64()).sum())
    }

    fn load(&mut self, params: &[T]) -> Result<(), Error> {
        let expected = self.regression.networks * self.regression.mlp.param_len();
        check_length("parameters", expected, params.len())?;
        copy(&self.device, params, &mut self.params)
    }
}

/// Copies to the beginning of a buffer; the source may change once the device was waited for.
fn copy<T: DeviceRepr>(
    device: &CudaDevice,
    from: &[T],
    to: &mut CudaSlice<T>,
) -> Result<(), Error> {
    device
        .stream
        .memcpy_htod(from, &mut to.slice_mut(..from.len()))
        .map_err(failed("copying to the device"))
}

/// The first `len` numbers of a buffer, all work before them done.
fn fetch<T: Scalar>(
    device: &CudaDevice,
    from: &CudaSlice<T>,
    len: usize,
    to: &mut Vec<T>,
) -> Result<(), Error> {
    to.resize(len, T::zero());
    device
        .stream
        .memcpy_dtoh(&from.slice(..len), to)
        .map_err(failed("copying from the device"))?;
    device.synchronize()
}
