//! What lies on the device between launches: the members' parameters and moments, tables of samples, one run's inputs.

use super::CudaDevice;
use super::launch::{download, upload, zeros};
use super::library::failed;
use super::source::Problem;
use crate::error::check_length;
use crate::optim::AdamState;
use crate::{Error, LossWeights, Scalar};
use cudarc::driver::CudaSlice;

/// Numbers per member, step and report, as the kernels lay them out.
pub(crate) const SETTINGS: usize = 16;
pub(crate) const SCHEDULE: usize = 4;
pub(crate) const REPORT: usize = 5;

/// One model of an ensemble: parameters `[encoder | decoder | dynamics]`, optimiser, and its factors of the losses.
#[derive(Clone, Debug, PartialEq)]
pub struct CudaMember<T> {
    /// The flat parameter vector.
    pub params: Vec<T>,
    /// Moments and steps done.
    pub adam: AdamState<T>,
    /// Exponential moving average of the parameters; empty where none is kept.
    pub average: Vec<T>,
    /// Factors of the four losses.
    pub weights: LossWeights,
}

impl<T: Scalar> CudaMember<T> {
    /// A member at the beginning of its training.
    pub fn new(params: Vec<T>, weights: LossWeights) -> Self {
        let zeros = vec![T::zero(); params.len()];
        Self {
            adam: AdamState {
                steps: 0,
                first: zeros.clone(),
                second: zeros,
            },
            average: Vec::new(),
            params,
            weights,
        }
    }
}

/// Samples on the device, features × samples each, column-major.
pub struct CudaTable<T> {
    pub(crate) x: CudaSlice<T>,
    pub(crate) xdot: CudaSlice<T>,
    pub(crate) conditions: CudaSlice<T>,
    pub(crate) samples: usize,
}

impl<T> std::fmt::Debug for CudaTable<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CudaTable({} samples)", self.samples)
    }
}

impl<T: Scalar> CudaTable<T> {
    pub(crate) fn new(
        device: &CudaDevice,
        problem: &Problem,
        x: &[T],
        xdot: &[T],
        conditions: &[T],
    ) -> Result<Self, Error> {
        let features = problem.model.features();
        let samples = x.len() / features;
        if samples == 0 {
            return Err(Error::EmptyBatch);
        }
        check_length("x", samples * features, x.len())?;
        check_length("ẋ", x.len(), xdot.len())?;
        check_length("conditions", samples * problem.conditions, conditions.len())?;
        // Kernels count samples and their features in `int`.
        super::launch::int("samples", x.len())?;
        Ok(Self {
            x: upload(device, x)?,
            xdot: upload(device, xdot)?,
            conditions: upload(device, conditions)?,
            samples,
        })
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }
}

/// The members on the device.
pub(crate) struct State<T> {
    pub members: usize,
    pub params: CudaSlice<T>,
    pub first: CudaSlice<T>,
    pub second: CudaSlice<T>,
    pub average: Option<CudaSlice<T>>,
    pub settings: CudaSlice<T>,
    pub masses: CudaSlice<T>,
    pub status: CudaSlice<i32>,
}

/// What evaluating losses needs of the members.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a, T> {
    pub count: usize,
    pub params: &'a CudaSlice<T>,
    pub settings: &'a CudaSlice<T>,
    pub masses: &'a CudaSlice<T>,
}

/// What one launch of many steps reads, and the report it writes.
pub(crate) struct Run<T> {
    pub order: CudaSlice<u32>,
    pub order_stride: usize,
    pub schedule: CudaSlice<T>,
    pub report: CudaSlice<T>,
    pub steps: usize,
    pub batch: usize,
}

impl<T: Scalar> State<T> {
    pub fn new(
        device: &CudaDevice,
        members: usize,
        params: usize,
        average: bool,
        masses: &[T],
    ) -> Result<Self, Error> {
        let each = || zeros::<T>(device, members * params);
        Ok(Self {
            members,
            params: each()?,
            first: each()?,
            second: each()?,
            average: average.then(each).transpose()?,
            settings: zeros(device, members * SETTINGS)?,
            masses: upload(device, masses)?,
            status: zeros(device, members)?,
        })
    }

    /// Overwrites a member's part of every array.
    pub fn put(
        &mut self,
        device: &CudaDevice,
        index: usize,
        member: &CudaMember<T>,
    ) -> Result<(), Error> {
        let len = member.params.len();
        let range = index * len..(index + 1) * len;
        let copy = |from: &[T], to: &mut CudaSlice<T>| {
            device
                .stream
                .memcpy_htod(from, &mut to.slice_mut(range.clone()))
                .map_err(failed("copying to the device"))
        };
        copy(&member.params, &mut self.params)?;
        copy(&member.adam.first, &mut self.first)?;
        copy(&member.adam.second, &mut self.second)?;
        if let Some(average) = &mut self.average {
            let from = if member.average.is_empty() {
                &member.params
            } else {
                &member.average
            };
            copy(from, average)?;
        }
        // Waits for the copies too: their sources are the caller's, who may change them.
        self.set_status(device, index, -1)
    }

    /// Sets a member's status: -1 in training, else stopped.
    pub fn set_status(
        &mut self,
        device: &CudaDevice,
        index: usize,
        status: i32,
    ) -> Result<(), Error> {
        device
            .stream
            .memcpy_htod(&[status], &mut self.status.slice_mut(index..index + 1))
            .map_err(failed("copying to the device"))?;
        device.synchronize()
    }

    /// A member's part of an array.
    pub fn part(
        device: &CudaDevice,
        array: &CudaSlice<T>,
        index: usize,
        len: usize,
    ) -> Result<Vec<T>, Error> {
        let data = device
            .stream
            .clone_dtoh(&array.slice(index * len..(index + 1) * len))
            .map_err(failed("copying from the device"))?;
        device.synchronize()?;
        Ok(data)
    }

    /// Every member's status: -1, or the step of the last launch before which it was stopped.
    pub fn statuses(&self, device: &CudaDevice) -> Result<Vec<i32>, Error> {
        download(device, &self.status)
    }
}
