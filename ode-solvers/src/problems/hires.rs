//! HIRES: eight species of a plant's response to light, a mildly stiff network with a sparse Jacobian.
use crate::{Jacobian, SparsityPattern, System};

/// "High Irradiance RESponse" (Schäfer 1975), problem HIRES of Hairer & Wanner, Solving ODEs II, IV.10. Span 0 to 321.8122.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hires;

const COL_OFFSETS: [usize; 9] = [0, 2, 5, 8, 11, 14, 18, 22, 25];
const ROWS: [usize; 25] = [
    0, 1, 0, 1, 3, 0, 2, 3, 2, 3, 5, 2, 4, 5, 4, 5, 6, 7, 4, 5, 6, 7, 5, 6, 7,
];

impl Hires {
    /// Initial state.
    pub const START: [f64; 8] = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0057];
    /// End of the published span.
    pub const END: f64 = 321.8122;
    /// Solution at the end, from the IVP test set (Mazzia & Magherini, release 2.4, 2008, II-1).
    pub const AT_END: [f64; 8] = [
        0.737_131_257_332_566_8e-3,
        0.144_248_572_631_618_5e-3,
        0.588_872_974_096_757_5e-4,
        0.117_565_134_328_314_9e-2,
        0.238_635_619_883_133_1e-2,
        0.623_896_825_274_279_6e-2,
        0.284_999_839_518_576_9e-2,
        0.285_000_160_481_423_1e-2,
    ];
}

impl System for Hires {
    fn dim(&self) -> usize {
        8
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let fast = 280.0 * y[5] * y[7];
        d[0] = -1.71 * y[0] + 0.43 * y[1] + 8.32 * y[2] + 0.0007;
        d[1] = 1.71 * y[0] - 8.75 * y[1];
        d[2] = -10.03 * y[2] + 0.43 * y[3] + 0.035 * y[4];
        d[3] = 8.32 * y[1] + 1.71 * y[2] - 1.12 * y[3];
        d[4] = -1.745 * y[4] + 0.43 * y[5] + 0.43 * y[6];
        d[5] = -fast + 0.69 * y[3] + 1.71 * y[4] - 0.43 * y[5] + 0.69 * y[6];
        d[6] = fast - 1.81 * y[6];
        d[7] = -d[6];
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Hires {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::known(&COL_OFFSETS, &ROWS)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        let (a, b) = (280.0 * y[7], 280.0 * y[5]);
        values.copy_from_slice(&[
            -1.71,
            1.71,
            0.43,
            -8.75,
            8.32,
            8.32,
            -10.03,
            1.71,
            0.43,
            -1.12,
            0.69,
            0.035,
            -1.745,
            1.71,
            0.43,
            -a - 0.43,
            a,
            -a,
            0.43,
            0.69,
            -1.81,
            1.81,
            -b,
            b,
            -b,
        ]);
    }
}
