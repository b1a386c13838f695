//! E5: pyrolysis with rate coefficients over sixteen decades and concentrations that fall below 1e-22.
use crate::{Jacobian, SparsityPattern, System};

/// Chemical pyrolysis (Enright, Hull & Lindberg 1975), problem E5 of Hairer & Wanner, Solving ODEs II, IV.10. Span 0 to 1e13, published with
/// atol 1.7e-24 at every rtol: far below all components until t ~ 1e11, where a slower decay sets in.
///
/// y₂ = y₃ + y₄ holds exactly; as in the IVP test set y₃' is computed as y₂' − y₄', since the sum of the single terms would cancel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct E5;

const A: f64 = 7.89e-10;
const B: f64 = 1.1e7;
const C: f64 = 1.13e3;
const MC: f64 = 1.13e9;

impl E5 {
    /// Initial state.
    pub const START: [f64; 4] = [1.76e-3, 0.0, 0.0, 0.0];
    /// End of the published span.
    pub const END: f64 = 1e13;
    /// Absolute tolerance, as published.
    pub const ATOL: f64 = 1.7e-24;
    /// Solution at the end, by `tests/fixtures/references.py`. The IVP test set (Mazzia & Magherini, release 2.4, 2008, II-11) gives
    /// 0.8867655517642120e-22 and 0.8854814626268838e-22 for y₂ and y₃, which differ by rounding that accumulated: y₂ − y₃ = y₄ is 0 by then.
    pub const AT_END: [f64; 4] = [
        0.115_290_327_871_182_9e-290,
        8.861_233_521_291_084e-23,
        8.861_233_521_291_084e-23,
        0.0,
    ];
    /// Solution at times when it is still far above atol, by `tests/fixtures/references.py`.
    pub const ON_THE_WAY: [(f64, [f64; 4]); 3] = [
        (
            1e9,
            [
                3.131_714_832_935_699_7e-14,
                1.484_095_795_287_005_5e-16,
                1.484_095_794_834_568e-16,
                4.524_372_827_978_259e-26,
            ],
        ),
        (
            1e10,
            [
                2.814_137_173_186_363e-18,
                1.571_263_288_896_901_3e-18,
                1.571_263_288_896_858e-18,
                4.304_358_825_811_959e-32,
            ],
        ),
        (
            1e11,
            [
                3.769_308_523_555_635e-49,
                1.019_258_256_814_270_6e-20,
                1.019_258_256_814_270_6e-20,
                3.739_901_520_910_58e-65,
            ],
        ),
    ];
}

impl System for E5 {
    fn dim(&self) -> usize {
        4
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let (first, second) = (A * y[0], B * y[0] * y[2]);
        d[0] = -first - second;
        d[1] = first - MC * y[1] * y[2];
        d[3] = second - C * y[3];
        d[2] = d[1] - d[3];
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for E5 {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(4)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        let (b1, b3, c2, c3) = (B * y[0], B * y[2], MC * y[1], MC * y[2]);
        values.copy_from_slice(&[
            -A - b3,
            A,
            A - b3,
            b3,
            0.0,
            -c3,
            -c3,
            0.0,
            -b1,
            -c2,
            -c2 - b1,
            b1,
            0.0,
            0.0,
            C,
            -C,
        ]);
    }
}
