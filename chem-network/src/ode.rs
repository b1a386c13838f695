//! The system traits of stiff-ode-solvers for [`Kinetics`], and batches of models in lanes.

use stiff_ode_solvers::{Jacobian, LaneJacobian, LaneSystem, SparsityPattern, System};
