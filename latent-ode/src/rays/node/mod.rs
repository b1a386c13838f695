//! The latent augmented neural ODE of Vermariën et al. (2025): an encoder, a right-hand side in the latent space driven by what is
//! given along the ray, a decoder; trained through the solve, by the discrete adjoint of its accepted steps.

mod config;
#[cfg(feature = "cuda")]
mod cuda;
mod draw;
mod field;
mod net;
mod objective;
mod rays;
mod schedule;
mod shape;
mod solve;
mod step;
mod train;

pub use config::{
    DrivenBy, FeatureSet, LossWeight, NodeConfig, NodeSolver, NodeStage, SolverMethod,
};
pub(super) use net::NodeNet;
pub(super) use train::train_node;

#[cfg(test)]
mod tests;
