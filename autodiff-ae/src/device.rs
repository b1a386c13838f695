//! Where a training runs: this machine's cores, or with feature `cuda` a GPU. Everything else takes a [`Device`] and asks no further.

use crate::{Error, Isa};
use std::sync::Arc;

/// What a GPU asks of a number, kept out of public signatures: nothing without the feature `cuda`.
#[cfg(feature = "cuda")]
pub trait DeviceNumber: cudarc::driver::DeviceRepr + cudarc::driver::ValidAsZeroBits {}
/// What a GPU asks of a number, kept out of public signatures: nothing without the feature `cuda`.
#[cfg(not(feature = "cuda"))]
pub trait DeviceNumber {}
impl DeviceNumber for f32 {}
impl DeviceNumber for i32 {}
impl DeviceNumber for f64 {}

/// What computes. Choose one explicitly, or let [`Device::auto`] take the best there is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Device {
    /// Cores of this machine.
    Cpu(CpuDevice),
    /// A GPU of this machine.
    #[cfg(feature = "cuda")]
    Cuda(crate::cuda::CudaDevice),
}

/// A number of this machine's cores, with threads of their own. Cloning shares the threads.
#[derive(Clone, Debug)]
pub struct CpuDevice {
    pool: Arc<rayon::ThreadPool>,
}

impl CpuDevice {
    /// `threads` threads; 0 for one per core.
    ///
    /// # Errors
    /// [`Error::Threads`] when the system refuses to start them.
    pub fn new(threads: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|e| Error::Threads {
                threads,
                reason: e.to_string(),
            })?;
        Ok(Self {
            pool: Arc::new(pool),
        })
    }

    /// How many threads.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Runs `work` with these threads as rayon's current pool: every pass of this crate inside it uses them. Results do not
    /// depend on their number.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.install(work)
    }
}

impl Device {
    /// `threads` cores of this machine; 0 for all.
    ///
    /// # Errors
    /// [`Error::Threads`] when the system refuses to start the threads.
    pub fn cpu(threads: usize) -> Result<Self, Error> {
        CpuDevice::new(threads).map(Self::Cpu)
    }

    /// The GPU number `ordinal` of this machine, counted from 0.
    ///
    /// # Errors
    /// [`Error::NoCudaDevice`], whose reason says what is missing: the feature `cuda`, the driver, NVRTC, or such a device;
    /// [`Error::Cuda`] when the driver fails.
    pub fn cuda(ordinal: usize) -> Result<Self, Error> {
        #[cfg(feature = "cuda")]
        return crate::cuda::CudaDevice::open(ordinal).map(Self::Cuda);
        #[cfg(not(feature = "cuda"))]
        Err(Error::NoCudaDevice {
            reason: format!(
                "device {ordinal} was asked for, but this was built without the feature `cuda`"
            ),
        })
    }

    /// The best device of this machine.
    ///
    /// # Errors
    /// [`Error::Threads`] when the system refuses to start threads. That there is no GPU is no error; see
    /// [`Device::auto_explained`] for why the choice was made.
    pub fn auto() -> Result<Self, Error> {
        Self::auto_explained().map(|(device, _)| device)
    }

    /// The best device of this machine, and in words why it is not a better one.
    ///
    /// # Errors
    /// [`Error::Threads`] when the system refuses to start threads.
    pub fn auto_explained() -> Result<(Self, Option<String>), Error> {
        match Self::cuda(0) {
            Ok(device) => Ok((device, None)),
            Err(e) => Ok((Self::cpu(0)?, Some(e.to_string()))),
        }
    }

    /// The device in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Cpu(cpu) => format!("{} CPU thread(s), {:?}", cpu.threads(), Isa::detected()),
            #[cfg(feature = "cuda")]
            Self::Cuda(gpu) => {
                let (major, minor) = gpu.compute_capability();
                format!(
                    "{} (CUDA device {}, compute capability {major}.{minor})",
                    gpu.name(),
                    gpu.ordinal()
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_device_runs_work_on_its_own_threads() {
        let device = CpuDevice::new(2).unwrap();
        assert_eq!(device.threads(), 2);
        assert_eq!(device.run(rayon::current_num_threads), 2);
    }

    #[test]
    fn auto_takes_the_gpu_or_says_why_not() {
        let (auto, why) = Device::auto_explained().unwrap();
        match Device::cuda(0) {
            Ok(gpu) => assert_eq!((auto.describe(), why), (gpu.describe(), None)),
            Err(e @ Error::NoCudaDevice { .. }) => {
                assert!(matches!(auto, Device::Cpu(_)) && auto.describe().contains("thread"));
                assert_eq!(why, Some(e.to_string()));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
