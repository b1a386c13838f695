//! The CUDA device: ensembles of autoencoders trained on L0–L3 by NVRTC-compiled kernels (feature `cuda`).
//!
//! Two paths, chosen by size. Where the parameters fit a block's shared memory, one persistent kernel trains every member
//! of an ensemble, one a block, many steps a launch. Wider networks go through cuBLAS with fused element-wise kernels, a step
//! captured as a graph. Libraries are loaded when first used; without a driver, NVRTC or a device [`CudaDevice::open`] says so.

mod blas;
mod compile;
pub mod dense;
mod device;
mod ensemble;
mod launch;
mod layout;
mod library;
mod measure;
mod options;
mod persistent;
mod program;
mod source;
mod state;
mod trainer;
mod wide;

pub use compile::{CACHE_VARIABLE, Compiled, cache_folder, compile, nvrtc_version};
pub use device::CudaDevice;
pub use ensemble::train_ensemble;
pub use measure::product_gflops;
pub use options::{CudaOptions, CudaPath, MemberReport, Order, Products, StepRate};
pub use program::{Argument, Buffer, Program};
pub use state::{CudaMember, CudaTable};
pub use trainer::CudaTrainer;

use crate::{Autoencoder, Error, LatentDynamics, Scalar};

/// The sources of both paths for a model, as they would be compiled for a device with `shared_memory` bytes a block: named
/// `persistent` (missing where the parameters do not fit) and `wide`. For inspection, and for compiling where no device is.
///
/// # Errors
/// [`Error::NoCudaSource`] when the right-hand side has none, [`Error::Length`] when it does not fit the model.
pub fn kernel_sources<T: Scalar>(
    model: &Autoencoder,
    dynamics: &dyn LatentDynamics<T>,
    shared_memory: usize,
) -> Result<Vec<(&'static str, String)>, Error> {
    let problem = source::Problem::new(model, dynamics)?;
    let persistent = layout::Layout::choose(&problem, shared_memory)
        .map(|layout| ("persistent", layout.source(&problem)));
    let wide = ("wide", wide::source(&problem));
    Ok(persistent.into_iter().chain([wide]).collect())
}
