//! One GPU: its context, the stream all work goes through, and the few properties that decide how kernels are laid out.

use super::library::{self, failed};
use crate::Error;
use cudarc::driver::sys::CUdevice_attribute_enum as Attribute;
use cudarc::driver::{CudaContext, CudaStream};
use std::sync::Arc;

/// A CUDA device, opened. Cloning shares it.
#[derive(Clone)]
pub struct CudaDevice {
    pub(crate) context: Arc<CudaContext>,
    pub(crate) stream: Arc<CudaStream>,
    name: String,
    capability: (i32, i32),
    shared: usize,
    multiprocessors: usize,
}

impl std::fmt::Debug for CudaDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CudaDevice({}: {})", self.context.ordinal(), self.name)
    }
}

impl CudaDevice {
    /// Opens the device number `ordinal`, counted from 0 as CUDA does.
    ///
    /// # Errors
    /// [`Error::NoCudaDevice`] without a driver, NVRTC or such a device; the reason says which. [`Error::Cuda`] when the
    /// driver fails.
    pub fn open(ordinal: usize) -> Result<Self, Error> {
        let count = Self::count()?;
        if ordinal >= count {
            return Err(Error::NoCudaDevice {
                reason: format!("device {ordinal} was asked for, {count} are there"),
            });
        }
        library::nvrtc()?;
        let context = CudaContext::new(ordinal).map_err(failed("opening the device"))?;
        // SAFETY: all memory of this crate is used on one stream, in order; the events that would be recorded with every
        // use order several streams, and cannot be waited for in a captured graph.
        unsafe { context.disable_event_tracking() };
        let attribute = |a| {
            context
                .attribute(a)
                .map_err(failed("reading the device's properties"))
        };
        let stream = context.new_stream().map_err(failed("making a stream"))?;
        Ok(Self {
            name: context
                .name()
                .map_err(failed("reading the device's name"))?,
            capability: (
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
            ),
            shared: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?
                .unsigned_abs() as usize,
            multiprocessors: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?
                .unsigned_abs() as usize,
            stream,
            context,
        })
    }

    /// How many devices the driver shows.
    ///
    /// # Errors
    /// [`Error::NoCudaDevice`] without a driver or a device.
    pub fn count() -> Result<usize, Error> {
        library::driver()?;
        let none = |reason| Error::NoCudaDevice { reason };
        match CudaContext::device_count() {
            Ok(0) => Err(none("the driver shows no device".into())),
            Ok(n) => Ok(n.unsigned_abs() as usize),
            Err(e) => Err(none(format!("the driver says {e}"))),
        }
    }

    /// Number of the device, from 0.
    pub fn ordinal(&self) -> usize {
        self.context.ordinal()
    }

    /// Its name, as the driver gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Compute capability, major and minor.
    pub fn compute_capability(&self) -> (i32, i32) {
        self.capability
    }

    /// Shared memory that one block may take (bytes).
    pub fn shared_memory_per_block(&self) -> usize {
        self.shared
    }

    /// Multiprocessors: so many persistent blocks run at once, at least.
    pub fn multiprocessors(&self) -> usize {
        self.multiprocessors
    }

    /// Waits for everything handed to the device.
    ///
    /// # Errors
    /// [`Error::Cuda`] with the failure of anything before.
    pub fn synchronize(&self) -> Result<(), Error> {
        self.stream.synchronize().map_err(failed("running kernels"))
    }
}
