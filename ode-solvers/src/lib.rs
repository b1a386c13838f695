#![doc = include_str!("../README.md")]

mod batch;
mod controller;
mod engine;
mod error;
mod invariant;
mod lanes;
mod linalg;
mod log_space;
pub mod methods;
mod options;
pub mod problems;
mod rollout;
mod scalar;
mod solution;
mod solver;
mod steady;
mod system;
mod tape;

pub use batch::{BatchResults, Watch, solve_batch, solve_lanes};
pub use error::SolveError;
pub use lanes::{Each, LaneJacobian, LaneSystem, LaneVectorJacobian};
pub use linalg::{PatternError, SparsityPattern};
pub use log_space::LogSpace;
pub use methods::{Kvaerno5, Rodas5p, Tsit5};
pub use nalgebra;
pub use nalgebra_sparse;
pub use num_traits;
pub use options::Options;
pub use rollout::{Outcome, Rollout};
pub use scalar::Scalar;
pub use solution::{Solution, Statistics, Stop};
pub use solver::{Solver, solve};
pub use steady::SteadyState;
pub use system::{Jacobian, System, VectorJacobian};
