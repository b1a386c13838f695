//! The one error type of the crate: every message carries the values that disagree.

use std::path::PathBuf;

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A slice or batch does not have the length the operation needs.
    #[error("{what}: expected length {expected}, found {found}")]
    Length {
        /// Which argument.
        what: &'static str,
        /// Length needed.
        expected: usize,
        /// Length given.
        found: usize,
    },
    /// A network was asked for with an impossible shape.
    #[error("network shape: {0}")]
    Shape(String),
    /// A batch without samples was given where at least one is needed.
    #[error("the batch is empty")]
    EmptyBatch,
    /// A reverse pass was asked for without the forward pass it belongs to.
    #[error("{0}")]
    NoForward(&'static str),
    /// A parameter of an optimiser, schedule or loss lies outside its range.
    #[error("{what} = {value} is outside {range}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// The value given.
        value: f64,
        /// The admitted range, in words.
        range: &'static str,
    },
    /// A value is NaN or infinite.
    #[error("{what}: value {value} at position {index} is not finite")]
    NotFinite {
        /// Which array.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// The value found.
        value: f64,
    },
    /// An ensemble of no members.
    #[error("the ensemble has no members")]
    EmptyEnsemble,
    /// Training kept diverging however small the rate.
    #[error(
        "training diverged at step {step} (loss {loss}) after {retries} returns to an earlier state, each at half the rate"
    )]
    Diverged {
        /// Step at which it diverged last.
        step: u64,
        /// Returns before it gave up.
        retries: usize,
        /// The loss there.
        loss: f64,
    },
    /// An objective failed with an error of its own.
    #[error(transparent)]
    Objective(Box<dyn std::error::Error + Send + Sync>),
    /// The system refused to start threads.
    #[error("{threads} threads: {reason}")]
    Threads {
        /// How many were asked for; 0 for one per core.
        threads: usize,
        /// What the system said.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not a whole safetensors file.
    #[error("{path}: not a readable checkpoint: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A tensor asked for is not in the checkpoint.
    #[error("{path}: tensor `{name}` is missing")]
    MissingTensor {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
    },
    /// A tensor has another shape than asked for.
    #[error("{path}: tensor `{name}` has shape {found:?}, expected {expected:?}")]
    TensorShape {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Shape asked for.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// A tensor has another type of number than asked for.
    #[error("{path}: tensor `{name}` is {found}, expected {expected}")]
    TensorType {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Type asked for.
        expected: &'static str,
        /// Type in the file.
        found: String,
    },
    /// There is no CUDA device to work on.
    #[error("no CUDA device: {reason}")]
    NoCudaDevice {
        /// What is missing.
        reason: String,
    },
    /// Trainings that cannot run together on a CUDA device.
    #[error("members of an ensemble on a CUDA device need {0}")]
    Members(&'static str),
    /// The latent right-hand side cannot be run on a CUDA device.
    #[error(
        "the latent right-hand side has no CUDA source; train it on the CPU or implement `cuda_source`"
    )]
    NoCudaSource,
    /// A call of the CUDA driver or one of its libraries failed.
    #[error("CUDA: {what}: {reason}")]
    Cuda {
        /// What was tried.
        what: &'static str,
        /// What the library said.
        reason: String,
    },
    /// A kernel does not compile.
    #[error("kernel {name} does not compile: {log}")]
    Kernel {
        /// Which kernel.
        name: String,
        /// What the compiler said.
        log: String,
    },
    /// A model does not fit a block's shared memory.
    #[error(
        "a model of {needed} bytes of shared memory does not fit the {available} bytes of a block"
    )]
    SharedMemory {
        /// Bytes needed at least.
        needed: usize,
        /// Bytes that a block may take.
        available: usize,
    },
    /// An entry of the metadata is missing or cannot be read.
    #[error("{path}: metadata `{key}`: {reason}")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Key of the entry.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Refuses a slice of the wrong length.
pub(crate) fn check_length(what: &'static str, expected: usize, found: usize) -> Result<(), Error> {
    if expected == found {
        Ok(())
    } else {
        Err(Error::Length {
            what,
            expected,
            found,
        })
    }
}
