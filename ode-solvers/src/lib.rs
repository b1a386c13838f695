#![doc = include_str!("../README.md")]

mod controller;
mod engine;
mod error;
mod lanes;
mod linalg;
pub mod methods;
mod options;
mod scalar;
mod solution;
mod solver;
mod system;

pub use error::SolveError;
pub use lanes::{Each, LaneJacobian, LaneSystem, LaneVectorJacobian};
pub use linalg::{PatternError, SparsityPattern};
pub use methods::{Rodas5p, Tsit5};
pub use nalgebra;
pub use nalgebra_sparse;
pub use num_traits;
pub use options::Options;
pub use scalar::Scalar;
pub use solution::{Solution, Statistics};
pub use solver::{Solver, solve};
pub use system::{Jacobian, System, VectorJacobian};
