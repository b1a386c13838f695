//! Optimisers on flat vectors of parameters: they know nothing of layers.

mod adam;
mod memory;
mod schedule;
mod sgd;

pub use adam::{Adam, AdamState, AdamW};
pub use memory::{Memory, Optimiser};
pub use schedule::{Plateau, PlateauState, Schedule, Stage};
pub use sgd::Sgd;

use crate::Scalar;

/// Scales a gradient down to the Euclidean norm `max` where it is longer; returns its norm before. A norm that is not
/// finite leaves the gradient alone, and the caller to decide.
pub fn clip_global_norm<T: Scalar>(gradient: &mut [T], max: f64) -> f64 {
    // Sixteen running sums: a single one cannot be vectorised, since that would change its order.
    let mut sums = [T::zero(); 16];
    let (chunks, rest) = gradient.as_chunks::<16>();
    for c in chunks {
        for i in 0..16 {
            sums[i] += c[i] * c[i];
        }
    }
    let tail: T = rest.iter().map(|g| *g * *g).sum();
    let norm = (sums.into_iter().map(Scalar::f64).sum::<f64>() + tail.f64()).sqrt();
    if norm.is_finite() && norm > max {
        let factor = T::of(max / norm);
        for g in gradient {
            *g *= factor;
        }
    }
    norm
}

/// Whether every value is finite.
pub fn all_finite<T: Scalar>(values: &[T]) -> bool {
    // x · 0 is 0 for a finite x and NaN otherwise; without branches the compiler vectorises it.
    let (chunks, rest) = values.as_chunks::<16>();
    let mut sums = [T::zero(); 16];
    for c in chunks {
        for i in 0..16 {
            sums[i] += c[i] * T::zero();
        }
    }
    sums.iter().all(|s| *s == T::zero()) && rest.iter().all(|x| x.is_finite())
}
