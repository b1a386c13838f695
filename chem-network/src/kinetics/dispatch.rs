//! Chooses the widest vector instructions of this machine for the lane kernels, at run time.
//!
//! The crate is compiled for the baseline of its target; the functions below compile the same
//! kernels again for AVX2 and AVX-512.

use super::kernel::{Coefficients, Scratch, evaluate};
#[cfg(target_arch = "x86_64")]
use super::pack::x86::{Avx, Avx512, TwoAvx};
use super::sums::Sums;

/// What the machine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best level of this machine.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// Whether registers hold eight doubles.
    pub fn is_wide(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return self == Self::Avx512;
        #[cfg(not(target_arch = "x86_64"))]
        false
    }
}

/// [`evaluate`] with the instructions of `level`, which must come from [`Level::detect`].
#[inline]
pub(crate) fn evaluate_at<const W: usize, C: Coefficients<W>>(
    level: Level,
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    terms: &mut Scratch<W>,
) {
    match level {
        Level::Baseline => evaluate::<[f64; W], W, C>(sums, coefficients, n, out, terms),
        // SAFETY: `Level::detect` found the instructions on this machine.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(sums, coefficients, n, out, terms) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(sums, coefficients, n, out, terms) },
    }
}

/// Four and eight lanes in registers by name, other numbers as the compiler arranges them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<const W: usize, C: Coefficients<W>>(
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    terms: &mut Scratch<W>,
) {
    match W {
        4 => evaluate::<Avx, W, C>(sums, coefficients, n, out, terms),
        8 => evaluate::<TwoAvx, W, C>(sums, coefficients, n, out, terms),
        _ => evaluate::<[f64; W], W, C>(sums, coefficients, n, out, terms),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn avx512<const W: usize, C: Coefficients<W>>(
    sums: &Sums,
    coefficients: &[C],
    n: &[[f64; W]],
    out: &mut [[f64; W]],
    terms: &mut Scratch<W>,
) {
    match W {
        4 => evaluate::<Avx, W, C>(sums, coefficients, n, out, terms),
        8 => evaluate::<Avx512, W, C>(sums, coefficients, n, out, terms),
        _ => evaluate::<[f64; W], W, C>(sums, coefficients, n, out, terms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinetics::{Kinetics, Scratch};
    use crate::{Environment, embedded};

    /// Bits of right-hand side and Jacobian in W lanes.
    fn bits<const W: usize>(kinetics: &Kinetics, level: Level) -> Vec<u64> {
        let plan = &kinetics.plan;
        let n: Vec<[f64; W]> = (0..plan.species)
            .map(|i| std::array::from_fn(|l| (((i * W + l) as f64) * 0.7).sin().abs() * 1e3))
            .collect();
        let mut dndt = vec![[0.0; W]; plan.rhs.length];
        let mut values = vec![[0.0; W]; plan.jacobian.length];
        let mut terms = Scratch::new();
        evaluate_at(level, &plan.rhs, &kinetics.rhs, &n, &mut dndt, &mut terms);
        let jacobian = &kinetics.jacobian[..];
        evaluate_at(level, &plan.jacobian, jacobian, &n, &mut values, &mut terms);
        let all = dndt.as_flattened().iter().chain(values.as_flattened());
        all.map(|x| x.to_bits()).collect()
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let network = embedded("osu224").unwrap();
        let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16)).unwrap();
        let mut levels = vec![Level::detect()];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            levels.push(Level::Avx2);
        }
        for level in levels {
            let baseline = Level::Baseline;
            assert_eq!(bits::<8>(&kinetics, level), bits::<8>(&kinetics, baseline));
            assert_eq!(bits::<4>(&kinetics, level), bits::<4>(&kinetics, baseline));
            assert_eq!(bits::<3>(&kinetics, level), bits::<3>(&kinetics, baseline));
        }
    }
}
