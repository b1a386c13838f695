//! One iteration of Newton's method in one lane, in one pass: residual, solve, size of the correction, new state.
use super::fixed::FixedLu;
use crate::Scalar;
use crate::row::{Row, parts, pass};

/// What an iteration for y = base + f(y)/shift reads and writes.
pub(crate) struct Iteration<'a, T> {
    pub base: &'a [T],
    pub shift: T,
    /// Reciprocals of the tolerances.
    pub weights: &'a [T],
    /// f(y), and then the correction.
    pub correction: &'a mut [T],
    /// y, to which the correction is added where it is finite.
    pub state: &'a mut [T],
}

/// Gives the root mean square of the correction in units of the tolerances.
pub(super) struct WithFactors<'a, T> {
    pub lu: &'a mut FixedLu<T>,
    pub iteration: Iteration<'a, T>,
}

pass!(WithFactors);

impl<T: Scalar> WithFactors<'_, T> {
    #[inline(always)]
    fn of<P: Row<T>>(self) -> T {
        let Iteration {
            base,
            shift,
            weights,
            correction,
            state,
        } = self.iteration;
        let shift = P::splat(shift);
        parts!(correction.len(), |at, len| {
            let off = P::take(state, at, len).minus(P::take(base, at, len));
            let f = P::take(correction, at, len);
            f.minus(off.times(shift)).put(correction, at, len);
        });
        if P::FUSED {
            self.lu.solve_with::<P, true>(correction);
        } else {
            self.lu.solve_with::<P, false>(correction);
        }
        let mut sum = P::zero();
        parts!(correction.len(), |at, len| {
            let q = P::take(correction, at, len).times(P::take(weights, at, len));
            sum = sum.plus(q.times(q));
        });
        let norm = (sum.total() / T::of(correction.len() as f64)).sqrt();
        if norm.is_finite() {
            parts!(correction.len(), |at, len| {
                let moved = P::take(state, at, len).plus(P::take(correction, at, len));
                moved.put(state, at, len);
            });
        }
        norm
    }
}
