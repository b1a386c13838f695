#![doc = include_str!("../README.md")]

mod activation;
mod autoencoder;
mod batch;
mod block_pass;
#[cfg(feature = "dfdx")]
pub mod bridge;
mod buffer;
pub mod checkpoint;
#[cfg(feature = "cuda")]
pub mod cuda;
mod device;
mod dynamics;
mod error;
mod initialise;
pub mod losses;
mod mlp;
pub mod optim;
mod parallel;
mod pass;
mod scalar;
mod simd;
mod tape;
pub mod train;

pub use activation::Activation;
pub use autoencoder::Autoencoder;
pub use batch::{Batch, LANES, lane_sum};
pub use block_pass::BlockPass;
pub use checkpoint::Checkpoint;
pub use device::{CpuDevice, Device};
pub use dynamics::LatentDynamics;
pub use error::Error;
pub use initialise::Initialiser;
pub use losses::{LossConfig, LossValues, LossWeights, LossWorkspace, Reduction, Samples};
pub use mlp::{Layer, Mlp, MlpShape, ParamView};
pub use optim::{Adam, AdamW, Optimiser, Plateau, Schedule, Sgd, all_finite, clip_global_norm};
pub use parallel::Wakeful;
pub use pass::Pass;
pub use scalar::Scalar;
pub use simd::{Isa, Kernel, vectorised, vectorised_kernel};
pub use train::{Objective, Trainer, TrainerOptions};

pub use nalgebra;
pub use num_traits;

pub mod measure;
