//! Every kind of register gives the same bits.
use proptest::prelude::*;

use super::{Pass, Registers, Row, parts, pass};
use crate::Scalar;

/// Everything that can be done with two rows: one after the other to `out`, and the sums.
struct Everything<'a, T> {
    x: &'a [T],
    y: &'a [T],
    out: [&'a mut [T]; 7],
    sums: &'a mut [T; 2],
}
pass!(Everything);

impl<T: Scalar> Everything<'_, T> {
    fn of<P: Row<T>>(self) -> T {
        let (mut sum, mut largest) = (P::zero(), P::zero());
        parts!(self.x.len(), |at, len| {
            let (x, y) = (P::take(self.x, at, len), P::take(self.y, at, len));
            let all = [
                x.plus(y),
                x.minus(y),
                x.times(y),
                x.over(y),
                x.larger(y),
                x.size(),
                x.reciprocal(),
            ];
            for k in 0..all.len() {
                all[k].put(self.out[k], at, len);
            }
            sum = sum.plus(x);
            largest = x.size().larger(largest);
        });
        *self.sums = [sum.total(), largest.largest()];
        T::zero()
    }
}

/// Those of this machine.
fn kinds() -> Vec<Registers> {
    let mut kinds = vec![Registers::Plain];
    #[cfg(target_arch = "x86_64")]
    if crate::pack::has_avx2_fma() {
        kinds.push(Registers::TwoAvx);
        if std::arch::is_x86_feature_detected!("avx512f") {
            kinds.push(Registers::Avx512);
        }
    }
    kinds
}

/// All results, as bits; not-a-number is one of its kind.
fn everything(x: &[f64], y: &[f64], registers: Registers) -> Vec<u64> {
    let (mut out, mut sums) = (vec![vec![7.0; x.len()]; 7], [0.0; 2]);
    let mut each = out.iter_mut().map(|out| &mut out[..]);
    let pass = Everything {
        x,
        y,
        out: std::array::from_fn(|_| each.next().unwrap()),
        sums: &mut sums,
    };
    // SAFETY: the processor has been asked for the registers.
    unsafe { <Everything<'_, f64> as Pass<f64>>::in_registers(pass, registers) };
    let numbers = out.concat().into_iter().chain(sums);
    let bits = numbers.map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() });
    bits.collect()
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3f64,
        1 => Just(0.0),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NAN),
        1 => Just(1e-310),
    ]
}

proptest! {
    #[test]
    fn registers_agree_to_the_bit(
        pairs in prop::collection::vec((number(), number()), 0..40),
    ) {
        let (x, y): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let plain = everything(&x, &y, Registers::Plain);
        for kind in kinds() {
            prop_assert_eq!(&everything(&x, &y, kind), &plain, "{:?}", kind);
        }
        // And what they do is what it is called.
        let n = x.len();
        for i in 0..n {
            let ratio = if x[i] == 0.0 && y[i] == 0.0 { 0.0 } else { x[i] / y[i] };
            let larger = if x[i] > y[i] { x[i] } else { y[i] };
            let right = [x[i] + y[i], x[i] - y[i], x[i] * y[i], ratio, larger, x[i].abs(), 1.0 / x[i]];
            for (k, right) in right.into_iter().enumerate() {
                let found = f64::from_bits(plain[k * n + i]);
                prop_assert!(found == right || found.is_nan() && right.is_nan(), "{} of {} and {}: {}", k, x[i], y[i], found);
            }
        }
        let sum: f64 = x.iter().sum();
        let found = f64::from_bits(plain[7 * n]);
        let gross: f64 = x.iter().map(|x| x.abs()).sum();
        prop_assert!((found - sum).abs() <= 1e-14 * gross || found.is_nan() && sum.is_nan() || found == sum);
        let largest = x.iter().fold(0.0, |largest, x| if x.abs() > largest { x.abs() } else { largest });
        prop_assert_eq!(f64::from_bits(plain[7 * n + 1]), largest);
    }
}
