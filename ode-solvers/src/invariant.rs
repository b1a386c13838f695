//! Linear invariants kept to the last bits: rounding of a step is put right in one component, for the stepping loop.
use crate::Scalar;
use crate::options::Invariant;

/// Sets each invariant's component from the others.
#[inline(always)]
pub(crate) fn restore_invariants<T: Scalar, const W: usize>(
    invariants: &[Invariant<T>],
    totals: &[Total<T, W>],
    y: &mut [[T; W]],
) {
    for (Invariant { weights, component }, total) in invariants.iter().zip(totals) {
        let missing = shortfall(weights, y, total);
        for l in 0..W {
            y[*component][l] += missing[l] / weights[*component];
        }
    }
}

/// total − Σ w y, summed with compensation (Neumaier): the state at the start may be 1e6 times larger than the sum later.
#[inline(always)]
fn shortfall<T: Scalar, const W: usize>(
    weights: &[T],
    y: &[[T; W]],
    total: &Total<T, W>,
) -> [T; W] {
    let mut sum = *total;
    for (&weight, y) in weights.iter().zip(y) {
        for l in 0..W {
            sum.add(l, -weight * y[l]);
        }
    }
    each_lane!(T::zero(), |l| sum.value[l] + sum.lost[l])
}

/// An unevaluated sum: a value, and what rounding took from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total<T, const W: usize> {
    pub value: [T; W],
    pub lost: [T; W],
}

impl<T: Scalar, const W: usize> Total<T, W> {
    pub fn zero() -> Self {
        Self {
            value: [T::zero(); W],
            lost: [T::zero(); W],
        }
    }

    #[inline(always)]
    pub fn add(&mut self, l: usize, x: T) {
        let sum = self.value[l] + x;
        let (large, small) = if self.value[l].abs() >= x.abs() {
            (self.value[l], x)
        } else {
            (x, self.value[l])
        };
        self.lost[l] += (large - sum) + small;
        self.value[l] = sum;
    }
}
