//! Kernels of other crates on this crate's device: a source compiled and loaded, numbers on the device, launches.

use super::CudaDevice;
use super::launch::{self, Arg, Kernels};
use super::library::failed;
use crate::Error;
use crate::device::DeviceNumber;
use cudarc::driver::CudaSlice;

/// Numbers on a device.
pub struct Buffer<T> {
    device: CudaDevice,
    slice: CudaSlice<T>,
    len: usize,
}

impl<T> std::fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({} numbers)", self.len)
    }
}

impl<T: DeviceNumber> Buffer<T> {
    /// `len` zeros.
    ///
    /// # Errors
    /// [`Error::Cuda`] when there is no such room.
    pub fn zeros(device: &CudaDevice, len: usize) -> Result<Self, Error> {
        Ok(Self {
            slice: launch::zeros(device, len)?,
            device: device.clone(),
            len,
        })
    }

    /// A copy of `data`.
    ///
    /// # Errors
    /// [`Error::Cuda`] when there is no room for it, or copying fails.
    pub fn from_slice(device: &CudaDevice, data: &[T]) -> Result<Self, Error> {
        let mut buffer = Self::zeros(device, data.len())?;
        buffer.write(data)?;
        Ok(buffer)
    }

    /// Numbers it has room for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has room for none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes room for `len` numbers, where there is not; the contents are then lost.
    ///
    /// # Errors
    /// As [`Buffer::zeros`].
    pub fn reserve(&mut self, len: usize) -> Result<(), Error> {
        if len > self.len {
            *self = Self::zeros(&self.device, len)?;
        }
        Ok(())
    }

    /// Copies `data` over the first numbers, with more room where it is too little.
    ///
    /// # Errors
    /// As [`Buffer::from_slice`].
    pub fn write(&mut self, data: &[T]) -> Result<(), Error> {
        self.reserve(data.len())?;
        if !data.is_empty() {
            self.device
                .stream
                .memcpy_htod(data, &mut self.slice.slice_mut(..data.len()))
                .map_err(failed("copying to the device"))?;
            // The source is the caller's, who may change it.
            self.device.synchronize()?;
        }
        Ok(())
    }

    /// The first `len` numbers, all work before them done.
    ///
    /// # Errors
    /// [`Error::Length`] beyond the buffer's, [`Error::Cuda`] with the failure of anything before.
    pub fn read(&self, len: usize) -> Result<Vec<T>, Error> {
        if len > self.len {
            return Err(Error::Length {
                what: "numbers read from a device",
                expected: self.len,
                found: len,
            });
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        let data = self
            .device
            .stream
            .clone_dtoh(&self.slice.slice(..len))
            .map_err(failed("copying from the device"))?;
        self.device.synchronize()?;
        Ok(data)
    }

    /// Its address as a kernel's argument.
    pub fn argument(&self) -> Argument {
        Argument(Arg::Pointer(launch::address(&self.slice)))
    }

    /// [`Buffer::argument`] of the part that begins at `offset`.
    ///
    /// # Errors
    /// [`Error::Length`] beyond the buffer.
    pub fn argument_at(&self, offset: usize) -> Result<Argument, Error> {
        if offset > self.len {
            return Err(Error::Length {
                what: "offset into a buffer on a device",
                expected: self.len,
                found: offset,
            });
        }
        Ok(Argument(Arg::Pointer(launch::address_at(
            &self.slice,
            offset,
        ))))
    }
}

/// An argument of a kernel: a [`Buffer`], the null pointer, or a whole number.
#[derive(Clone, Copy, Debug)]
pub struct Argument(Arg);

impl Argument {
    /// A pointer to nothing.
    pub fn null() -> Self {
        Self(Arg::Pointer(0))
    }

    /// An `unsigned long long`.
    pub fn long(value: usize) -> Self {
        Self(Arg::Long(value as u64))
    }

    /// An `int`.
    ///
    /// # Errors
    /// [`Error::Range`] beyond what it holds.
    pub fn int(what: &'static str, value: usize) -> Result<Self, Error> {
        Ok(Self(Arg::Int(launch::int(what, value)?)))
    }
}

/// A source compiled for a device, its kernels by name.
pub struct Program {
    kernels: Kernels,
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Program")
    }
}

impl Program {
    /// Compiles `source` (or takes it from the cache, see [`super::compile`]) and loads the kernels `functions` of it, each with the dynamic shared
    /// memory \[bytes\] that its launches will ask for.
    ///
    /// # Errors
    /// [`Error::Kernel`] with the compiler's words, [`Error::Cuda`].
    pub fn new(
        device: &CudaDevice,
        name: &str,
        source: &str,
        functions: &[(&'static str, usize)],
    ) -> Result<Self, Error> {
        let names: Vec<_> = functions.iter().map(|f| f.0).collect();
        let kernels = Kernels::new(device, name, source, &names)?;
        for &(function, bytes) in functions {
            if bytes > 0 {
                kernels.allow_shared(function, bytes)?;
            }
        }
        Ok(Self { kernels })
    }

    /// Hands a launch of `blocks` blocks of `threads` threads, each block with `shared` bytes of dynamic shared memory, to the device's stream.
    ///
    /// # Safety
    /// The arguments must be those the kernel's source names, in its order, and every buffer as long as the kernel reads or writes it.
    ///
    /// # Errors
    /// [`Error::Range`] for sizes beyond an `int`, [`Error::Cuda`].
    pub unsafe fn launch(
        &self,
        function: &str,
        (blocks, threads, shared): (usize, usize, usize),
        arguments: &[Argument],
    ) -> Result<(), Error> {
        let arguments: Vec<Arg> = arguments.iter().map(|a| a.0).collect();
        self.kernels
            .launch(function, blocks, threads, shared, &arguments)
    }
}
