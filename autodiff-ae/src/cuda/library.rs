//! Are the libraries there? cudarc loads driver, NVRTC and cuBLAS when first used, and panics where one is missing: asked first.

use crate::Error;
use std::sync::OnceLock;

/// What this crate calls, so that an older library is refused by name instead of in the middle of a training.
const DRIVER: [&str; 31] = [
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemAllocAsync",
    "cuMemFreeAsync",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemsetD8Async",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuFuncSetAttribute",
    "cuLaunchKernel",
    "cuStreamBeginCapture_v2",
    "cuStreamEndCapture",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
];
const NVRTC: [&str; 9] = [
    "nvrtcVersion",
    "nvrtcCreateProgram",
    "nvrtcDestroyProgram",
    "nvrtcCompileProgram",
    "nvrtcGetCUBINSize",
    "nvrtcGetCUBIN",
    "nvrtcGetPTX",
    "nvrtcGetProgramLog",
    "nvrtcGetSupportedArchs",
];
const CUBLAS: [&str; 5] = [
    "cublasCreate_v2",
    "cublasDestroy_v2",
    "cublasSetStream_v2",
    "cublasSetWorkspace_v2",
    "cublasGemmEx",
];

type Checked = Result<(), String>;

macro_rules! check {
    ($sys:path, $library:literal, $symbols:ident) => {{
        use $sys as sys;
        // SAFETY: both load a shared library by its system name and run its initialisers, as linking it would.
        unsafe {
            if !sys::is_culib_present() {
                Err(format!("the library {} is not found", $library))
            } else {
                let library = sys::culib();
                let missing = $symbols
                    .iter()
                    .find(|name| library.get::<unsafe extern "C" fn()>(name.as_bytes()).is_err());
                missing.map_or(Ok(()), |name| {
                    Err(format!("the library {} lacks {name}", $library))
                })
            }
        }
    }};
}

fn answer(checked: &Checked) -> Result<(), Error> {
    checked
        .clone()
        .map_err(|reason| Error::NoCudaDevice { reason })
}

/// The driver, which comes with the graphics card's driver package.
pub(crate) fn driver() -> Result<(), Error> {
    static CHECKED: OnceLock<Checked> = OnceLock::new();
    answer(CHECKED.get_or_init(|| check!(cudarc::driver::sys, "libcuda", DRIVER)))
}

/// The run-time compiler.
pub(crate) fn nvrtc() -> Result<(), Error> {
    static CHECKED: OnceLock<Checked> = OnceLock::new();
    answer(CHECKED.get_or_init(|| check!(cudarc::nvrtc::sys, "libnvrtc", NVRTC)))
}

/// The matrix products, needed by wide networks only.
pub(crate) fn cublas() -> Result<(), Error> {
    static CHECKED: OnceLock<Checked> = OnceLock::new();
    answer(CHECKED.get_or_init(|| check!(cudarc::cublas::sys, "libcublas", CUBLAS)))
}

/// A failed call of one of these libraries as the crate's error.
pub(crate) fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Error {
    move |e| Error::Cuda {
        what,
        reason: e.to_string(),
    }
}
