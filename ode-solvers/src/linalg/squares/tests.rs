//! Every instruction set gives the same bits, and the squares what a pivoted factorisation gives.
use proptest::prelude::*;

use super::super::fixed::FixedLu;
use super::super::fused::Fused;
use super::super::symbolic::Symbolic;
use super::super::{ONE_LANE, SparsityPattern};
use super::{Register, SIDE};
use crate::pack::Pack;
use crate::row::Row;

impl Register<f64> for Fused<SIDE> {
    fn lane(self, p: usize) -> Self {
        Self([self.0[p]; SIDE])
    }
    fn inverse_of_lane(self, p: usize) -> Self {
        self.lane(p).reciprocal()
    }
    fn with_lane(mut self, p: usize, other: Self) -> Self {
        self.0[p] = other.0[p];
        self
    }
    fn below(mut self, p: usize) -> Self {
        self.0[..=p].fill(0.0);
        self
    }
}

impl Row<f64> for Fused<SIDE> {
    const FUSED: bool = true;
    fn load_part(from: &[f64]) -> Self {
        Self(Row::load_part(from))
    }
    fn store_part(self, to: &mut [f64]) {
        self.0.store_part(to);
    }
    fn minus(self, other: Self) -> Self {
        Self(self.0.minus(other.0))
    }
    fn over(self, other: Self) -> Self {
        Self(self.0.over(other.0))
    }
    fn size(self) -> Self {
        Self(self.0.size())
    }
    fn larger(self, other: Self) -> Self {
        Self(self.0.larger(other.0))
    }
}

/// A random pattern with its diagonal, values, and a right-hand side.
struct Problem {
    pattern: SparsityPattern,
    shift: f64,
    jacobian: Vec<f64>,
    right: Vec<f64>,
}

impl Problem {
    fn random(n: usize, density: f64, seed: u64) -> Self {
        let mut state = seed;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
        };
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..n {
            rows.extend((0..n).filter(|&i| i == j || next() + 0.5 < density));
            offsets.push(rows.len());
        }
        Self {
            pattern: SparsityPattern::known(&offsets, &rows),
            shift: n as f64 + next(),
            jacobian: rows.iter().map(|_| next()).collect(),
            right: (0..n).map(|_| next()).collect(),
        }
    }

    fn lu(&self) -> FixedLu<f64> {
        FixedLu::new(&self.pattern, Symbolic::analyse(&self.pattern, &ONE_LANE))
    }

    /// Bits of growth and solution.
    fn solved(
        &self,
        factorize: impl Fn(&mut FixedLu<f64>) -> f64,
        solve: impl Fn(&mut FixedLu<f64>, &mut [f64]),
    ) -> Vec<u64> {
        let (mut lu, mut x) = (self.lu(), self.right.clone());
        let growth = factorize(&mut lu);
        solve(&mut lu, &mut x);
        x.push(growth);
        x.iter().map(|x| x.to_bits()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_instruction_set_gives_the_same_bits(n in 1usize..60, density in 0.0..1.0f64, seed in any::<u64>()) {
        let problem = Problem::random(n, density, seed);
        let (shift, jacobian) = (problem.shift, &problem.jacobian[..]);
        let here = problem.solved(|lu| lu.factorize(shift, jacobian), FixedLu::solve);
        let plain = problem.solved(
            |lu| lu.factorize_with::<[f64; SIDE], 1, false>(shift, jacobian),
            |lu, b| lu.solve_with::<[f64; SIDE], false>(b),
        );
        let close = |(a, b): (&u64, &u64)| (f64::from_bits(*a) - f64::from_bits(*b)).abs() < 1e-12;
        prop_assert!(here.iter().zip(&plain).all(close));
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            use super::super::fixed::x86;
            let fused = problem.solved(
                |lu| lu.factorize_with::<Fused<SIDE>, 2, true>(shift, jacobian),
                |lu, b| lu.solve_with::<Fused<SIDE>, true>(b),
            );
            prop_assert_eq!(&here, &fused);
            // A machine with AVX-512 looks at what those without it do, too.
            // SAFETY: the processor has just been asked for the features that the functions need.
            let two = problem.solved(
                |lu| unsafe { x86::factorize_two_avx(lu, shift, jacobian) },
                |lu, b| unsafe { x86::solve_two_avx(lu, b) },
            );
            prop_assert_eq!(&here, &two);
        }
    }
}
