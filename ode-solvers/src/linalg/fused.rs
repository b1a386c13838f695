//! What the registers of a processor with fused products do, as the compiler arranges it: for tests, to hold them to.
use crate::pack::Pack;

/// Lanes as the compiler arranges them, products fused.
#[derive(Clone, Copy)]
pub(super) struct Fused<const W: usize>(pub [f64; W]);

impl<const W: usize> Pack<f64, W> for Fused<W> {
    fn load(from: &[f64; W]) -> Self {
        Self(*from)
    }
    fn store(self, to: &mut [f64; W]) {
        *to = self.0;
    }
    fn zero() -> Self {
        Self([0.0; W])
    }
    fn splat(x: f64) -> Self {
        Self([x; W])
    }
    fn plus(self, other: Self) -> Self {
        Self(self.0.plus(other.0))
    }
    fn less(self, a: Self, b: Self) -> Self {
        Self(std::array::from_fn(|l| {
            (-a.0[l]).mul_add(b.0[l], self.0[l])
        }))
    }
    fn times(self, other: Self) -> Self {
        Self(self.0.times(other.0))
    }
    fn reciprocal(self) -> Self {
        Self(self.0.reciprocal())
    }
    fn negated(self) -> Self {
        Self(self.0.negated())
    }
    fn size_or(self, size: Self) -> Self {
        Self(self.0.size_or(size.0))
    }
}
