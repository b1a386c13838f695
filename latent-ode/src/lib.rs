//! Surrogates of chemical networks that evolve in a latent space; for whoever needs a chemical network's answer often.
#![doc = include_str!("../README.md")]

mod atomic;
mod cuda_source;
mod dataset;
mod error;
mod evaluation;
mod interpolation;
mod mass_action;
mod model;
pub mod network2tensor;
mod normalisation;
pub mod rays;
mod series;
pub mod train;

pub use atomic::write_atomically;
#[cfg(feature = "hdf5")]
pub use dataset::Solutions;
pub use dataset::{
    Attribute, Control, Dataset, FLOOR, FailedModel, GenerateOptions, Generated, OnFailure, Part,
    Trajectories, describe_failure, generate, log_spaced,
};
pub use error::Error;
pub use evaluation::{Evaluation, TABLE_F1};
pub use interpolation::Interpolation;
pub use mass_action::{Coefficients, MassAction, MassActionSystem, Number};
pub use model::{LatentRates, Predictions, Rollout, Start, Summary, Surrogate};
pub use network2tensor::{ExportFormat, LatentNetwork};
pub use normalisation::{Normalisation, Scaling};
pub use series::{derivatives, normalised_times};
pub use train::{Record, Stop, TrainConfig, TrainControl, Trained, train};
