//! What a step of [`super::Bdf`] does with its differences, each in one pass over the components.
use super::MOST;
use crate::Scalar;
use crate::norms::Norm;
use crate::row::{Row, WIDTH, parts, pass};

/// ∇⁰y to ∇^(MOST+2)y of eight components.
pub(super) type Differences<T> = [[T; WIDTH]; MOST + 3];

/// Declares the pass with a method `of_order` for every order, so that loops over it are laid out.
macro_rules! pass_of_order {
    ($name:ident) => {
        pass!($name);

        impl<T: Scalar> $name<'_, T> {
            #[inline(always)]
            fn of<P: Row<T>>(self) -> T {
                match self.order {
                    1 => self.of_order::<P, 1>(),
                    2 => self.of_order::<P, 2>(),
                    3 => self.of_order::<P, 3>(),
                    4 => self.of_order::<P, 4>(),
                    _ => self.of_order::<P, MOST>(),
                }
                T::zero()
            }
        }
    };
}

/// Predicted: Σ_j ∇^j, to y_new too; base: Σ_j `weights[j]` ∇^j. ∇⁰ becomes y, for the loop may have moved the state (invariants).
pub(super) struct Predict<'a, T> {
    pub order: usize,
    pub weights: &'a [T; MOST + 1],
    pub y: &'a [T],
    pub differences: &'a mut [Differences<T>],
    pub predicted: &'a mut [[T; WIDTH]],
    pub base: &'a mut [[T; WIDTH]],
    pub y_new: &'a mut [T],
}
pass_of_order!(Predict);

impl<T: Scalar> Predict<'_, T> {
    #[inline(always)]
    fn of_order<P: Row<T>, const K: usize>(self) {
        parts!(self.y.len(), |at, len| {
            let v = at / WIDTH;
            let differences = &mut self.differences[v];
            let y = P::take(self.y, at, len);
            y.store(&mut differences[0]);
            let (mut sum, mut weighted) = (y, y);
            for j in 1..=K {
                let difference = P::load(&differences[j]);
                sum = sum.plus(difference);
                weighted = weighted.plus(P::splat(self.weights[j]).times(difference));
            }
            sum.store(&mut self.predicted[v]);
            sum.put(self.y_new, at, len);
            weighted.store(&mut self.base[v]);
        });
    }
}

/// Correction, error and slope of a step whose equation is solved.
pub(super) struct Finish<'a, T> {
    pub shift: T,
    pub constant: T,
    pub y_new: &'a [T],
    pub predicted: &'a [[T; WIDTH]],
    pub base: &'a [[T; WIDTH]],
    pub correction: &'a mut [[T; WIDTH]],
    pub slope: &'a mut [[T; WIDTH]],
    pub error: &'a mut [T],
}

pass!(Finish);

impl<T: Scalar> Finish<'_, T> {
    #[inline(always)]
    fn of<P: Row<T>>(self) -> T {
        let (constant, shift) = (P::splat(self.constant), P::splat(self.shift));
        parts!(self.y_new.len(), |at, len| {
            let v = at / WIDTH;
            let y = P::take(self.y_new, at, len);
            let off = y.minus(P::load(&self.predicted[v]));
            off.store(&mut self.correction[v]);
            off.times(constant).put(self.error, at, len);
            let slope = y.minus(P::load(&self.base[v])).times(shift);
            slope.store(&mut self.slope[v]);
        });
        T::zero()
    }
}

/// Differences at the end of the step, from those at its start and the correction: ∇^(order+1) is the correction, ∇^j what it was and ∇^(j+1) as it is
/// now.
pub(super) struct Advance<'a, T> {
    pub order: usize,
    pub correction: &'a [[T; WIDTH]],
    pub differences: &'a mut [Differences<T>],
}
pass_of_order!(Advance);

impl<T: Scalar> Advance<'_, T> {
    #[inline(always)]
    fn of_order<P: Row<T>, const K: usize>(self) {
        for (correction, differences) in self.correction.iter().zip(self.differences) {
            let mut above = P::load(correction);
            let before = P::load(&differences[K + 1]);
            above.minus(before).store(&mut differences[K + 2]);
            above.store(&mut differences[K + 1]);
            for j in (0..=K).rev() {
                above = above.plus(P::load(&differences[j]));
                above.store(&mut differences[j]);
            }
        }
    }
}

/// Every ∇^i becomes Σ_j `matrix[i][j]` ∇^j, for i and j from 1 to the order.
pub(super) struct Rescale<'a, T> {
    pub order: usize,
    pub matrix: &'a [[T; MOST + 1]; MOST + 1],
    pub differences: &'a mut [Differences<T>],
}
pass_of_order!(Rescale);

impl<T: Scalar> Rescale<'_, T> {
    #[inline(always)]
    fn of_order<P: Row<T>, const K: usize>(self) {
        for differences in self.differences {
            let mut old = [P::zero(); MOST + 1];
            for j in 1..=K {
                old[j] = P::load(&differences[j]);
            }
            for i in 1..=K {
                let mut sum = P::zero();
                for j in 1..=K {
                    sum = sum.plus(P::splat(self.matrix[i][j]).times(old[j]));
                }
                sum.store(&mut differences[i]);
            }
        }
    }
}

/// Norms of ∇^order and ∇^(order+2) in units of the tolerances at ∇⁰, to `sizes`.
pub(super) struct Sizes<'a, T> {
    pub order: usize,
    pub atol: &'a [T],
    pub rtol: &'a [T],
    pub differences: &'a [Differences<T>],
    pub sizes: &'a mut [T; 2],
}
pass!(Sizes);

impl<T: Scalar> Sizes<'_, T> {
    #[inline(always)]
    fn of<P: Row<T>>(self) -> T {
        let order = self.order.min(MOST);
        let (mut below, mut above) = (Norm::<P>::new(), Norm::<P>::new());
        let least = P::splat(T::min_positive_value());
        parts!(self.atol.len(), |at, len| {
            let differences = &self.differences[at / WIDTH];
            let size = P::load(&differences[0]).size();
            let scale = P::take(self.rtol, at, len).times(size);
            let scale = P::take(self.atol, at, len).plus(scale);
            // A zero scale (component 0, atol 0) judges an exact zero as right.
            let inverse = scale.larger(least).reciprocal();
            below.add(P::load(&differences[order]).times(inverse));
            above.add(P::load(&differences[order + 2]).times(inverse));
        });
        let n = self.atol.len();
        *self.sizes = [below.of(n), above.of(n)];
        T::zero()
    }
}

/// The state Σ_j `weights[j]` ∇^j, j from 0 to the order, ∇⁰ being `y`.
pub(super) struct Combine<'a, T> {
    pub order: usize,
    pub weights: &'a [T; MOST + 1],
    pub y: &'a [T],
    pub differences: &'a [Differences<T>],
    pub out: &'a mut [T],
}
pass_of_order!(Combine);

impl<T: Scalar> Combine<'_, T> {
    #[inline(always)]
    fn of_order<P: Row<T>, const K: usize>(self) {
        parts!(self.y.len(), |at, len| {
            let differences = &self.differences[at / WIDTH];
            let mut sum = P::take(self.y, at, len);
            for j in 1..=K {
                sum = sum.plus(P::splat(self.weights[j]).times(P::load(&differences[j])));
            }
            sum.put(self.out, at, len);
        });
    }
}
