//! Training: configurations, the loop around either objective, validation on true rollouts, checkpoints.

mod config;
mod data;
mod derivative;
mod muon;
mod optimiser;
mod rollout;
mod session;
mod solve;
mod store;

pub use config::{
    DerivativeObjective, Method, ModelConfig, Objective, OptimiserConfig, Penalty, RateSchedule,
    RolloutObjective, TrainConfig,
};
pub use session::{Record, Stop, TrainControl, Trained, train};
