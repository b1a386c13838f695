//! Surrogates of chemical networks that evolve in a latent space: latent chemical networks, data sets, training through the rollout, evaluation.

mod atomic;
mod dataset;
mod error;
mod evaluation;
mod interpolation;
pub mod network2tensor;
mod normalisation;
mod series;

pub use atomic::write_atomically;
#[cfg(feature = "hdf5")]
pub use dataset::Solutions;
pub use dataset::{Attribute, Dataset, FLOOR, Part, Trajectories, log_spaced};
pub use error::Error;
pub use evaluation::{Evaluation, TABLE_F1};
pub use interpolation::Interpolation;
pub use network2tensor::{ExportFormat, LatentNetwork};
pub use normalisation::{Normalisation, Scaling};
pub use series::{derivatives, normalised_times};
