//! Training: any loss behind a small trait ([`Objective`]), one loop ([`Trainer`]), many trainings at once ([`train_ensemble`]).
//!
//! A training is reproducible: what it ends in follows from objective, options and starting parameters, whatever the number of
//! threads, and whether it was interrupted and resumed or not (on the CPU, bit for bit).

mod control;
mod derivatives;
mod ensemble;
mod objective;
mod options;
#[cfg(feature = "cuda")]
mod remote;
mod review;
mod shuffle;
mod state;
mod store;
mod trainer;

pub use control::{Control, Outcome, Stop};
pub use derivatives::{Derivatives, SampleTable};
pub use ensemble::{Ensemble, Spread, train_ensemble, train_ensemble_on};
pub use objective::{Draw, Objective};
pub use options::{Improvement, Keep, Method, Patience, TrainerOptions};
pub use shuffle::Shuffle;
pub use state::{Progress, Record};
pub use trainer::{Step, Trainer};
