//! Van der Pol's oscillator: slow arcs and sudden jumps, for step control.
use crate::{Jacobian, SparsityPattern, System};

/// Van der Pol's oscillator in scaled time, ε z'' = (1 − z²) z' − z (problem VDPOL of Hairer & Wanner, Solving ODEs II, IV.10).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VanDerPol {
    /// Stiffness: small is stiff; the published problem has 1e-6.
    pub epsilon: f64,
}

impl VanDerPol {
    /// Initial state of the published problem.
    pub const START: [f64; 2] = [2.0, 0.0];
    /// Solution at t = 2 for ε = 1e-6, from the IVP test set (Mazzia & Magherini, release 2.4, 2008, II-9).
    pub const AT_2: [f64; 2] = [0.170_616_773_217_048_3e1, -0.892_809_701_024_797_5];
}

impl System for VanDerPol {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
        dydt[0] = y[1];
        dydt[1] = ((1.0 - y[0] * y[0]) * y[1] - y[0]) / self.epsilon;
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for VanDerPol {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(2)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        values[0] = 0.0;
        values[1] = (-2.0 * y[0] * y[1] - 1.0) / self.epsilon;
        values[2] = 1.0;
        values[3] = (1.0 - y[0] * y[0]) / self.epsilon;
    }
}
