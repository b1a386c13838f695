//! Brusselator with diffusion: a stiff reaction-diffusion equation by the method of lines, with a banded Jacobian of any size.
use crate::{Jacobian, SparsityPattern, System};

/// Brusselator with diffusion in one dimension (A = 1, B = 3, α = 1/50), problem BRUSS of Hairer & Wanner, Solving ODEs II, IV.10:
/// u' = 1 + u²v − 4u + α u_xx, v' = 3u − u²v + α v_xx on 0 < x < 1 with u = 1, v = 3 at both ends, central differences on `cells` inner points;
/// (u, v) of a point side by side. Span 0 to 10, published with 500 points and atol equal to rtol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brusselator {
    /// Inner points; the state has twice as many components.
    pub cells: usize,
}

impl Default for Brusselator {
    fn default() -> Self {
        Self { cells: 500 }
    }
}

impl Brusselator {
    /// End of the published span.
    pub const END: f64 = 10.0;
    /// atol over rtol, as published.
    pub const ATOL_OVER_RTOL: f64 = 1.0;
    /// Points of [`Brusselator::AT_END`] are this many apart, the first being point number 50 (counted from 1).
    pub const EVERY: usize = 50;
    /// (u, v) at the end for 500 points, at points 50, 100, … 500, by `tests/fixtures/references.py`.
    pub const AT_END: [[f64; 2]; 10] = [
        [0.757_183_088_811_689_2, 3.305_461_886_955_885],
        [0.584_385_509_797_915_1, 3.517_867_645_959_481_3],
        [0.487_615_449_189_320_5, 3.628_443_869_427_023_6],
        [0.442_698_641_485_255_8, 3.674_124_692_546_653_3],
        [0.429_855_508_094_627_4, 3.688_102_589_088_727_3],
        [0.442_384_614_234_227_65, 3.681_543_827_582_09],
        [0.486_826_889_961_674_4, 3.640_939_083_766_101_5],
        [0.582_708_839_409_307_1, 3.531_718_507_270_005_7],
        [0.753_907_219_500_627_9, 3.317_074_169_468_649_6],
        [0.994_852_008_532_028_5, 3.006_650_365_804_111],
    ];

    /// Initial state: u = 1 + sin 2πx, v = 3.
    pub fn start(&self) -> Vec<f64> {
        (1..=self.cells)
            .flat_map(|i| {
                let x = i as f64 / (self.cells + 1) as f64;
                [1.0 + (2.0 * std::f64::consts::PI * x).sin(), 3.0]
            })
            .collect()
    }

    fn diffusion(&self) -> f64 {
        let inverse = (self.cells + 1) as f64;
        inverse * inverse / 50.0
    }
}

impl System for Brusselator {
    fn dim(&self) -> usize {
        2 * self.cells
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let (n, c) = (self.cells, self.diffusion());
        for i in 0..n {
            let (u, v) = (y[2 * i], y[2 * i + 1]);
            let (left_u, left_v) = if i == 0 {
                (1.0, 3.0)
            } else {
                (y[2 * i - 2], y[2 * i - 1])
            };
            let (right_u, right_v) = if i + 1 == n {
                (1.0, 3.0)
            } else {
                (y[2 * i + 2], y[2 * i + 3])
            };
            let reaction = u * u * v;
            d[2 * i] = 1.0 + reaction - 4.0 * u + c * (left_u - 2.0 * u + right_u);
            d[2 * i + 1] = 3.0 * u - reaction + c * (left_v - 2.0 * v + right_v);
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Brusselator {
    fn sparsity(&self) -> SparsityPattern {
        let n = self.dim();
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..n {
            // The same species one point to the left, both of this point, the same species to the right.
            rows.extend((j >= 2).then(|| j - 2));
            rows.extend([j - j % 2, j - j % 2 + 1]);
            rows.extend((j + 2 < n).then_some(j + 2));
            offsets.push(rows.len());
        }
        SparsityPattern::known(&offsets, &rows)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        let (n, c) = (self.dim(), self.diffusion());
        let mut values = values.iter_mut();
        let mut put = |value: f64| {
            if let Some(slot) = values.next() {
                *slot = value;
            }
        };
        for j in 0..n {
            let (u, v) = (y[j - j % 2], y[j - j % 2 + 1]);
            if j >= 2 {
                put(c);
            }
            if j % 2 == 0 {
                put(2.0 * u * v - 4.0 - 2.0 * c);
                put(3.0 - 2.0 * u * v);
            } else {
                put(u * u);
                put(-u * u - 2.0 * c);
            }
            if j + 2 < n {
                put(c);
            }
        }
    }
}
