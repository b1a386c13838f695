//! Training: configurations, the loop around either objective, validation on true rollouts, checkpoints.

mod config;
mod data;
mod derivative;
mod ensemble;
#[cfg(feature = "cuda")]
mod gpu;
mod muon;
mod optimiser;
mod report;
mod rollout;
mod session;
mod solve;
mod state;
mod store;
mod trainer;

pub use config::{
    DerivativeObjective, Keep, Method, ModelConfig, Objective, OptimiserConfig, Penalty,
    RateSchedule, RolloutObjective, TrainConfig,
};
pub use ensemble::{EnsembleControl, Member, SeedEnsemble, train_ensemble};
pub use report::{Record, Stop, TrainControl, Trained};
pub use session::train;
