//! What a caller hears from the training of a ray surrogate and decides during it; every family's trainer is driven from here.

#[cfg(feature = "cuda")]
use super::config::RayConfig;
use crate::Error;
use autodiff_ae::train::{Control, Objective, Outcome, Record, Stop, Trainer};
use autodiff_ae::{Error as LayerError, Scalar};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// What the caller wants to hear, and to decide, during training.
#[derive(Default)]
pub struct RayControl<'a> {
    /// Called after every step with (steps done, steps in all); keep it cheap.
    pub progress: Option<&'a mut dyn FnMut(u64, u64)>,
    /// Called with every record.
    pub report: Option<&'a mut dyn FnMut(&Record)>,
    /// Raised to end training early; what was reached is in the checkpoint.
    pub cancel: Option<&'a AtomicBool>,
    /// Where the state of the training is kept.
    pub checkpoint: Option<PathBuf>,
    /// Reviews between checkpoints; 0: only when training ends before its time.
    pub checkpoint_every: u64,
    /// Go on from the checkpoint.
    pub resume: bool,
    /// A GPU that takes losses and gradients (and validations, but for the family `node`) of what [`crate::rays::RayConfig::check_gpu`] lets pass.
    #[cfg(feature = "cuda")]
    pub gpu: Option<autodiff_ae::cuda::CudaDevice>,
}

#[cfg(feature = "cuda")]
impl RayControl<'_> {
    /// Refuses a GPU for a training that it is not for.
    ///
    /// # Errors
    /// As [`RayConfig::check_gpu`].
    pub(super) fn check_gpu(&self, config: &RayConfig) -> Result<(), Error> {
        match self.gpu {
            Some(_) => config.check_gpu(),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for RayControl<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RayControl")
            .field("checkpoint", &self.checkpoint)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}

/// Runs a trainer under a control.
///
/// # Errors
/// [`Error::Cancelled`] once the flag was raised, the checkpoint written; [`Error::Layers`] from the trainer, or what the objective
/// met where it was an error of this crate.
pub(crate) fn drive<T: Scalar, O: Objective<T>>(
    trainer: &mut Trainer<T, O>,
    control: &mut RayControl<'_>,
) -> Result<Outcome, Error> {
    if let (true, Some(path)) = (control.resume, &control.checkpoint) {
        trainer.resume(path)?;
    }
    let outcome = trainer
        .run(&mut Control {
            progress: control.progress.as_mut().map(|f| &mut **f as _),
            report: control.report.as_mut().map(|f| &mut **f as _),
            cancel: control.cancel,
            checkpoint: control.checkpoint.clone(),
            checkpoint_every: control.checkpoint_every,
            until: None,
        })
        .map_err(unwrap)?;
    if outcome.stopped == Stop::Cancelled {
        return Err(Error::Cancelled);
    }
    Ok(outcome)
}

/// An error of this crate out of the trainer's.
fn unwrap(error: LayerError) -> Error {
    match error {
        LayerError::Objective(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(inner) => LayerError::Objective(inner).into(),
        },
        other => other.into(),
    }
}
