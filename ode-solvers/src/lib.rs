#![doc = include_str!("../README.md")]

#[macro_use]
mod each_lane;

mod adjoint;
mod aligned;
mod batch;
mod conserved;
mod controller;
mod dense;
mod differences;
mod engine;
mod error;
mod event;
mod interpolant;
mod invariant;
mod lanes;
mod linalg;
mod log_space;
pub mod methods;
mod nonnegative;
mod norms;
mod options;
mod pack;
mod powers;
pub mod problems;
mod row;
mod scalar;
mod scaled;
mod sensitivity;
mod solution;
mod solver;
mod space;
mod steady;
mod sums;
mod system;
mod undeclared;

pub use adjoint::{LaneTimes, Outcome, Rollout};
pub use batch::{BatchResults, Watch, solve_batch, solve_lanes, solve_lanes_into};
pub use controller::{ControlNumbers, Controller};
pub use dense::DenseOutput;
pub use differences::ColouredDifferences;
pub use error::SolveError;
pub use event::{Event, Located};
pub use lanes::{Each, LaneJacobian, LaneSystem, LaneVectorJacobian};
pub use linalg::{Factorization, PatternError, SparsityPattern};
pub use log_space::LogSpace;
pub use methods::{Bdf, Kvaerno5, RadauIia5, Rodas5p, Tsit5};
pub use nalgebra;
pub use nalgebra_sparse;
pub use num_traits;
pub use options::Options;
pub use scalar::Scalar;
pub use scaled::Scaled;
pub use sensitivity::{Of, ParameterDerivative, Sensitivities};
pub use solution::{Solution, Statistics, Stop};
pub use solver::{Solver, solve};
pub use space::{InSpace, Space, fewest_steps};
pub use steady::SteadyState;
pub use system::{Jacobian, System, VectorJacobian};

/// Whatever a user holds may be sent to, and shared with, another thread: checked when the crate is compiled.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Options>();
    shared::<Event>();
    shared::<Solution>();
    shared::<SolveError>();
    shared::<SparsityPattern>();
    shared::<Solver<f64, Tsit5>>();
    shared::<Solver<f64, Rodas5p>>();
    shared::<Solver<f64, Kvaerno5>>();
    shared::<Solver<f64, Bdf>>();
    shared::<Rollout<f32, 8>>();
    shared::<Rollout<f64, 1, Kvaerno5>>();
    shared::<LogSpace<(), f64>>();
    shared::<Scaled<(), f64>>();
    shared::<InSpace<(), f64>>();
    shared::<Sensitivities<(), f64>>();
    shared::<ColouredDifferences<(), f64>>();
};
