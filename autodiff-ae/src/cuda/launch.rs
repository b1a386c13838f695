//! Kernels by name, launched with arguments given as values: one place for the unsafe call.

use super::CudaDevice;
use super::compile::{cache_folder, compile};
use super::library::failed;
use crate::{Error, Scalar};
use cudarc::driver::sys::CUfunction_attribute_enum as Attribute;
use cudarc::driver::{CudaFunction, CudaModule, CudaSlice, DevicePtr, LaunchConfig, PushKernelArg};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::sync::Arc;

/// An argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg {
    /// A device address, 0 for null.
    Pointer(u64),
    /// An `int`.
    Int(i32),
    /// An `unsigned long long`.
    Long(u64),
}

/// An `int` from a size.
///
/// # Errors
/// [`Error::Range`] beyond what the kernels count to.
pub(crate) fn int(what: &'static str, value: usize) -> Result<i32, Error> {
    i32::try_from(value).map_err(|_| Error::Range {
        what,
        value: value as f64,
        range: "[0, 2³¹)",
    })
}

/// The kernels of one source, compiled and loaded.
pub(crate) struct Kernels {
    device: CudaDevice,
    functions: HashMap<&'static str, CudaFunction>,
}

impl Kernels {
    pub fn new(
        device: &CudaDevice,
        name: &str,
        source: &str,
        functions: &[&'static str],
    ) -> Result<Self, Error> {
        let cache = cache_folder();
        let build = |cache| compile(name, source, device.compute_capability(), cache);
        let compiled = build(cache.as_deref())?;
        let module = match load(device, compiled.image) {
            // What lies in the cache may be damaged: compiled anew.
            Err(_) if compiled.cached => {
                if let Some(file) = &compiled.file {
                    let _ = std::fs::remove_file(file);
                }
                load(device, build(cache.as_deref())?.image)?
            }
            module => module?,
        };
        let functions = functions
            .iter()
            .map(|&f| {
                Ok((
                    f,
                    module
                        .load_function(f)
                        .map_err(failed("finding a kernel"))?,
                ))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            device: device.clone(),
            functions,
        })
    }

    /// Admits more dynamic shared memory than the 48 KiB that every kernel may take.
    pub fn allow_shared(&self, function: &str, bytes: usize) -> Result<(), Error> {
        self.get(function)?
            .set_attribute(
                Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                int("shared memory", bytes)?,
            )
            .map_err(failed("asking for shared memory"))
    }

    fn get(&self, function: &str) -> Result<&CudaFunction, Error> {
        self.functions.get(function).ok_or(Error::Cuda {
            what: "finding a kernel",
            reason: function.into(),
        })
    }

    /// Hands a launch of `blocks` blocks to the device's stream.
    pub fn launch(
        &self,
        function: &str,
        blocks: usize,
        threads: usize,
        shared_bytes: usize,
        args: &[Arg],
    ) -> Result<(), Error> {
        let function = self.get(function)?;
        let mut builder = self.device.stream.launch_builder(function);
        for arg in args {
            match arg {
                Arg::Pointer(x) | Arg::Long(x) => builder.arg(x),
                Arg::Int(x) => builder.arg(x),
            };
        }
        let config = LaunchConfig {
            grid_dim: (int("blocks", blocks)?.unsigned_abs(), 1, 1),
            block_dim: (int("threads", threads)?.unsigned_abs(), 1, 1),
            shared_mem_bytes: int("shared memory", shared_bytes)?.unsigned_abs(),
        };
        // SAFETY: the callers in this module's siblings give each kernel the arguments its source names, in their order, and
        // buffers of the lengths its comment states; all work is ordered by the one stream.
        unsafe { builder.launch(config) }
            .map(|_| ())
            .map_err(failed("launching a kernel"))
    }
}

fn load(device: &CudaDevice, image: Vec<u8>) -> Result<Arc<CudaModule>, Error> {
    device
        .context
        .load_module(Ptx::from_binary(image))
        .map_err(failed("loading kernels"))
}

/// The device address of a buffer.
pub(crate) fn address<T>(slice: &CudaSlice<T>) -> u64 {
    let stream = slice.stream().clone();
    slice.device_ptr(&stream).0
}

/// [`address`] of the part that begins at `offset`.
pub(crate) fn address_at<T>(slice: &CudaSlice<T>, offset: usize) -> u64 {
    address(slice) + (offset * size_of::<T>()) as u64
}

/// A copy of `data` on the device; an empty one becomes a buffer of one number, since no allocation is empty.
pub(crate) fn upload<T: Scalar>(device: &CudaDevice, data: &[T]) -> Result<CudaSlice<T>, Error> {
    if data.is_empty() {
        return zeros(device, 1);
    }
    device
        .stream
        .clone_htod(data)
        .map_err(failed("copying to the device"))
}

/// A buffer of zeros, of at least one number.
pub(crate) fn zeros<T: cudarc::driver::DeviceRepr + cudarc::driver::ValidAsZeroBits>(
    device: &CudaDevice,
    len: usize,
) -> Result<CudaSlice<T>, Error> {
    device
        .stream
        .alloc_zeros(len.max(1))
        .map_err(failed("allocating on the device"))
}

/// A buffer's contents, all work before them done.
pub(crate) fn download<T: cudarc::driver::DeviceRepr>(
    device: &CudaDevice,
    slice: &CudaSlice<T>,
) -> Result<Vec<T>, Error> {
    let data = device
        .stream
        .clone_dtoh(slice)
        .map_err(failed("copying from the device"))?;
    device.synchronize()?;
    Ok(data)
}
