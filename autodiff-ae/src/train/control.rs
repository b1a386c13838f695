//! What a caller hears from a training, decides during it, and gets from it in the end.

use super::state::Record;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

/// What the caller wants to hear, and to decide, during training.
#[derive(Default)]
pub struct Control<'a> {
    /// Called after every step with (steps done, steps in all); keep it cheap.
    pub progress: Option<&'a mut dyn FnMut(u64, u64)>,
    /// Called with every record.
    pub report: Option<&'a mut dyn FnMut(&Record)>,
    /// Raised to end training early.
    pub cancel: Option<&'a AtomicBool>,
    /// Where the whole state is stored: at every `checkpoint_every`-th review, and when training ends before its time.
    pub checkpoint: Option<PathBuf>,
    /// Reviews between checkpoints; 0: only when training ends before its time.
    pub checkpoint_every: u64,
    /// Pause once so many steps are done, as if interrupted there.
    pub until: Option<u64>,
}

impl Control<'_> {
    /// Whether a checkpoint is due after the `reviews`-th review.
    pub(super) fn checkpoint_due(&self, reviews: u64) -> bool {
        self.checkpoint_every > 0 && reviews.is_multiple_of(self.checkpoint_every)
    }
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("checkpoint", &self.checkpoint)
            .field("checkpoint_every", &self.checkpoint_every)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stop {
    /// All steps are done.
    Finished,
    /// The score has not improved for as long as the options allow.
    Standstill,
    /// The time allowed is over.
    Time,
    /// The caller asked for it.
    Cancelled,
    /// The steps the caller wanted for now are done.
    Paused,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Why.
    pub stopped: Stop,
    /// Steps done.
    pub steps: u64,
    /// Step of the parameters that were kept.
    pub best_step: u64,
    /// Their score.
    pub best_score: Option<f64>,
    /// Seconds of training, this session.
    pub seconds: f64,
    /// Seconds per step of this session, reviews apart.
    pub seconds_per_step: f64,
}
