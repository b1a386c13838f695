//! The penalty of decoded residuals on a block of samples, and its slope.

use autodiff_ae::{Kernel, LANES};

use crate::train::Penalty;

/// Sum over species of weight × penalty per lane, and `factor` × its derivative in `bar`.
pub(super) struct Residuals<'a> {
    pub penalty: Penalty,
    pub output: &'a [[f32; LANES]],
    pub target: &'a [[f32; LANES]],
    pub weights: &'a [f32],
    pub factor: &'a [f32; LANES],
    pub bar: &'a mut [[f32; LANES]],
}

impl Kernel for Residuals<'_> {
    type Output = [f32; LANES];
    #[inline(always)]
    fn run(self) -> [f32; LANES] {
        match self.penalty {
            Penalty::Square => self.each(|d| (d * d, 2.0 * d)),
            Penalty::Absolute { epsilon } => {
                let e = (epsilon * epsilon) as f32;
                self.each(|d| {
                    let root = (d * d + e).sqrt();
                    (root, d / root)
                })
            }
            Penalty::LogCosh => self.each(|d| {
                let a = d.abs();
                (
                    a + (-2.0 * a).exp().ln_1p() - std::f32::consts::LN_2,
                    d.tanh(),
                )
            }),
            Penalty::LogSquare { epsilon } => {
                let e = (1.0 / (epsilon * epsilon)) as f32;
                self.each(|d| (0.5 * (d * d * e).ln_1p(), d * e / (1.0 + d * d * e)))
            }
        }
    }
}

impl Residuals<'_> {
    /// `penalty` gives value and slope.
    #[inline(always)]
    fn each(self, penalty: impl Fn(f32) -> (f32, f32)) -> [f32; LANES] {
        let mut sum = [0.0; LANES];
        for (((output, target), &weight), bar) in self
            .output
            .iter()
            .zip(self.target)
            .zip(self.weights)
            .zip(self.bar)
        {
            for l in 0..LANES {
                let (value, slope) = penalty(output[l] - target[l]);
                sum[l] += weight * value;
                bar[l] = weight * self.factor[l] * slope;
            }
        }
        sum
    }
}
