//! OREGO: the Belousov-Zhabotinskii reaction, a stiff limit cycle with sudden jumps over five decades.
use crate::{Jacobian, SparsityPattern, System};

/// The Oregonator (Field & Noyes 1974), problem OREGO of Hairer & Wanner, Solving ODEs II, IV.10. Span 0 to 360, published with atol 1e-6 of rtol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oregonator;

impl Oregonator {
    /// Initial state.
    pub const START: [f64; 3] = [1.0, 2.0, 3.0];
    /// End of the published span.
    pub const END: f64 = 360.0;
    /// atol over rtol, as published.
    pub const ATOL_OVER_RTOL: f64 = 1e-6;
    /// Solution at the end, from the IVP test set (Mazzia & Magherini, release 2.4, 2008, II-10); checked by `tests/fixtures/references.py`.
    pub const AT_END: [f64; 3] = [
        0.100_081_487_031_852_3e1,
        0.122_817_852_154_991_7e4,
        0.132_055_494_284_670_6e3,
    ];
}

impl System for Oregonator {
    fn dim(&self) -> usize {
        3
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d[0] = 77.27 * (y[1] + y[0] * (1.0 - 8.375e-6 * y[0] - y[1]));
        d[1] = (y[2] - (1.0 + y[0]) * y[1]) / 77.27;
        d[2] = 0.161 * (y[0] - y[2]);
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Oregonator {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(3)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        values.copy_from_slice(&[
            77.27 * (1.0 - 2.0 * 8.375e-6 * y[0] - y[1]),
            -y[1] / 77.27,
            0.161,
            77.27 * (1.0 - y[0]),
            -(1.0 + y[0]) / 77.27,
            0.0,
            0.0,
            1.0 / 77.27,
            -0.161,
        ]);
    }
}
