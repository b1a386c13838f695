//! Robertson's chemical reaction: three species, rate coefficients over nine decades, the first test of any stiff solver.
use crate::{Jacobian, SparsityPattern, System};

/// Robertson's autocatalytic reaction (1966), as problem ROBER of Hairer & Wanner, Solving ODEs II, IV.10.
///
/// Published with: span to 1e11, atol 1e-6 of rtol (component 2 is of order 1e-8 at late times).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Robertson;

impl Robertson {
    /// Initial state.
    pub const START: [f64; 3] = [1.0, 0.0, 0.0];

    /// Solution at t = 1e11, from the IVP test set (Mazzia & Magherini, Test Set for Initial Value Problem Solvers, release 2.4, 2008, II-12).
    pub const AT_1E11: [f64; 3] = [
        0.208_334_014_970_125_6e-7,
        0.833_336_077_033_471_3e-13,
        0.999_999_979_166_505,
    ];
}

impl System for Robertson {
    fn dim(&self) -> usize {
        3
    }
    fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
        let (slow, fast, fastest) = (0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] * y[1]);
        dydt[0] = -slow + fast;
        dydt[1] = slow - fast - fastest;
        dydt[2] = fastest;
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Robertson {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(3)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        let (a, b, c) = (1e4 * y[2], 1e4 * y[1], 6e7 * y[1]);
        values.copy_from_slice(&[-0.04, 0.04, 0.0, a, -a - c, c, b, -b, 0.0]);
    }
}
