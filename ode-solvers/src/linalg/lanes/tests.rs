//! Every instruction set gives the same bits.
use proptest::prelude::*;

use super::super::fused::Fused;
use super::super::{LANES, SparsityPattern};
use super::{LaneLu, Symbolic};
use crate::pack::Pack;

/// A random pattern with its diagonal, shift and values of W matrices with a strong diagonal, and right-hand sides.
fn problem<const W: usize>(n: usize, density: f64, seed: u64) -> Problem<W> {
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
    let mut lanes = || std::array::from_fn(|_| next());
    let jacobian = rows.iter().map(|_| lanes()).collect();
    let right = (0..n).map(|_| lanes()).collect();
    Problem {
        pattern: SparsityPattern::known(&offsets, &rows),
        shift: lanes().map(|x| n as f64 + x),
        jacobian,
        right,
    }
}

struct Problem<const W: usize> {
    pattern: SparsityPattern,
    shift: [f64; W],
    jacobian: Vec<[f64; W]>,
    right: Vec<[f64; W]>,
}

impl<const W: usize> Problem<W> {
    fn lu(&self) -> LaneLu<f64, W> {
        LaneLu::new(&self.pattern, Symbolic::analyse(&self.pattern, &LANES))
    }

    /// Growth and solution, as the compiler arranges lanes for the baseline; products fused where this processor's registers fuse them.
    fn portable(&self) -> (Vec<u64>, Vec<u64>) {
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            return self.arranged_as::<Fused<W>>();
        }
        self.arranged_as::<[f64; W]>()
    }

    fn arranged_as<P: Pack<f64, W>>(&self) -> (Vec<u64>, Vec<u64>) {
        let (mut lu, mut x) = (self.lu(), self.right.clone());
        let growth = lu.factorize_with::<P, 1>(&self.shift, &self.jacobian);
        lu.solve_with::<P, 2>(&mut x);
        (bits(&growth), bits(x.as_flattened()))
    }

    /// The same as this machine does it.
    fn dispatched(&self) -> (Vec<u64>, Vec<u64>) {
        let (mut lu, mut x) = (self.lu(), self.right.clone());
        let growth = lu.factorize(&self.shift, &self.jacobian);
        lu.solve(&mut x);
        (bits(&growth), bits(x.as_flattened()))
    }
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn every_instruction_set_gives_the_same_bits(n in 1usize..50, density in 0.0..1.0f64, seed in any::<u64>()) {
        let eight = problem::<8>(n, density, seed);
        prop_assert_eq!(eight.portable(), eight.dispatched());
        let four = problem::<4>(n, density, seed);
        prop_assert_eq!(four.portable(), four.dispatched());
        // A machine with AVX-512 looks at what those without it do, too.
        #[cfg(target_arch = "x86_64")]
        if crate::pack::has_avx2_fma() {
            let (mut lu, mut x) = (eight.lu(), eight.right.clone());
            // SAFETY: the processor has just been asked for the features that the functions need.
            let growth = unsafe {
                let growth = super::x86::factorize_two_avx(&mut lu, &eight.shift, &eight.jacobian);
                super::x86::solve_two_avx(&mut lu, &mut x);
                growth
            };
            prop_assert_eq!(eight.portable(), (bits(&growth), bits(x.as_flattened())));
        }
    }
}
