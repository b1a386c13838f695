//! The one error type of this crate; every message carries the values a user needs to find the cause.

use std::path::PathBuf;

/// What can go wrong between a data set, a latent network and a trained surrogate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A latent network was asked for that cannot be generated.
    #[error("latent network of {atoms} atoms up to size {max_size}: {reason}")]
    LatentNetwork {
        /// Number of latent atoms asked for.
        atoms: usize,
        /// Largest number of atoms in a molecule asked for.
        max_size: usize,
        /// Why it was refused.
        reason: String,
    },
    /// The file could not be read or written by the operating system.
    #[error("{}: {source}", path.display())]
    Io {
        /// File concerned.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is not HDF5, is truncated, or damaged.
    #[error("{}: not a readable HDF5 file ({reason})", path.display())]
    Hdf5 {
        /// File concerned.
        path: PathBuf,
        /// What the reader met.
        reason: String,
    },
    /// A required dataset or attribute is absent from the file.
    #[error("{}: no {what} (expected the layout {layout})", path.display())]
    Missing {
        /// File concerned.
        path: PathBuf,
        /// The dataset or attribute looked for.
        what: String,
        /// The layout the reader expects.
        layout: &'static str,
    },
    /// An array has another shape than its companions ask for.
    #[error("{what} has shape {found:?}, expected {expected}")]
    Shape {
        /// The array concerned.
        what: String,
        /// Its shape.
        found: Vec<usize>,
        /// What was expected.
        expected: String,
    },
    /// An abundance is NaN, infinite or negative.
    #[error(
        "{dataset}: sample {sample}, time index {time}, species {species}: {value:e} is not an abundance"
    )]
    Value {
        /// `train`, `test`, `val` or `data`.
        dataset: String,
        /// Index of the sample (0-based).
        sample: usize,
        /// Index of the time (0-based).
        time: usize,
        /// Name of the species.
        species: String,
        /// The value found \[cm⁻³\].
        value: f64,
    },
    /// The times do not increase strictly, are not positive, or are too few.
    #[error("timesteps: {0}")]
    Times(String),
    /// A part of a data set that is needed has no samples.
    #[error("the data set has no samples in `{0}`")]
    Empty(&'static str),
    /// Species of model and data, or labels within one file, do not match.
    #[error("species: {0}")]
    Species(String),
    /// A line of sight is not one.
    #[error("series {name}: {reason}")]
    Series {
        /// Name of the series.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data lack a quantity that the model takes or learns.
    #[error("the data have no {wanted}, only {}", found.join(", "))]
    MissingQuantity {
        /// The quantity needed.
        wanted: &'static str,
        /// Those given.
        found: Vec<&'static str>,
    },
    /// A source of series failed with an error of its own.
    #[error(transparent)]
    Source(Box<dyn std::error::Error + Send + Sync>),
    /// An option or configuration value is out of range.
    #[error("{name} = {value}: {reason}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// Value given.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// A configuration text could not be read.
    #[error("configuration: {0}")]
    Config(String),
    /// Generating the trajectories failed for too many models.
    #[error("{failed} of {asked} models failed; the first: {reason}")]
    Generate {
        /// Number of failed models.
        failed: usize,
        /// Number of models asked for.
        asked: usize,
        /// Reason of the first failure.
        reason: String,
    },
    /// The caller's cancel flag was raised.
    #[error("cancelled")]
    Cancelled,
    /// The interpolation baseline cannot be built from these parameters.
    #[error("interpolation: {0}")]
    Interpolation(String),
    /// A rollout of the latent system failed.
    #[error("rollout of model {model}: {reason}")]
    Rollout {
        /// Index of the model in its batch.
        model: usize,
        /// What the solver reported.
        reason: String,
    },
    /// A model or checkpoint file does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Model {
        /// File concerned.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Training diverged and could not be brought back.
    #[error(
        "training diverged at step {step} after {retries} returns to an earlier state: loss {loss}"
    )]
    Diverged {
        /// Step at which the loss was not finite.
        step: usize,
        /// Number of earlier returns.
        retries: usize,
        /// The loss.
        loss: f64,
    },
    /// The chemical network refused the conditions or the distribution.
    #[error(transparent)]
    Chemistry(#[from] chem_network::Error),
    /// Layers, optimiser state or checkpoint tensors do not fit.
    #[error(transparent)]
    Layers(#[from] autodiff_ae::Error),
}
