//! The whole trajectory of a solve, to be evaluated at any time afterwards.
use crate::{Scalar, SolveError};

/// The dense output of every accepted step: a piecewise polynomial of the method's own interpolant, see [`crate::Options::dense_output`].
///
/// Each step's polynomial is kept by its values at Chebyshev points and evaluated by the barycentric formula (Berrut & Trefethen 2004, SIAM Rev. 46,
/// 501), which gives back the method's interpolant up to rounding, whatever its degree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DenseOutput<T = f64> {
    dim: usize,
    /// Values kept per step.
    nodes: usize,
    /// Start of each step, and the end of the last.
    t: Vec<T>,
    h: Vec<T>,
    /// steps × nodes × dim.
    values: Vec<T>,
}

/// Node k of an interpolant of this degree, as a fraction of the step: rises from 0 to 1.
pub(crate) fn node<T: Scalar>(k: usize, degree: usize) -> T {
    if k == 0 || degree == 0 {
        T::zero()
    } else if k == degree {
        T::one()
    } else {
        T::of(0.5 - 0.5 * (std::f64::consts::PI * k as f64 / degree as f64).cos())
    }
}

impl<T: Scalar> DenseOutput<T> {
    /// Forgets the content, keeps the memory.
    pub(crate) fn reset(&mut self, dim: usize) {
        (self.dim, self.nodes) = (dim, 0);
        self.t.clear();
        self.h.clear();
        self.values.clear();
    }

    /// A step from t of length h is about to be described by its nodes.
    pub(crate) fn begin_step(&mut self, t: T, h: T, nodes: usize) {
        self.nodes = nodes;
        self.t.pop();
        self.t.extend([t, t + h]);
        self.h.push(h);
    }

    pub(crate) fn push_node(&mut self, state: impl Iterator<Item = T>) {
        self.values.extend(state);
    }

    /// The solve is over at t, maybe within its last step.
    pub(crate) fn finish(&mut self, t: T) {
        if let Some(end) = self.t.last_mut() {
            *end = t;
        }
    }

    /// The same in double precision, for an error that carries it.
    pub(crate) fn to_f64(&self) -> DenseOutput<f64> {
        let convert = |x: &[T]| x.iter().map(|x| x.as_f64()).collect();
        DenseOutput {
            dim: self.dim,
            nodes: self.nodes,
            t: convert(&self.t),
            h: convert(&self.h),
            values: convert(&self.values),
        }
    }

    /// Times between which the solution is known, in the order of integration; `None` where no step was taken.
    pub fn span(&self) -> Option<(T, T)> {
        Some((*self.t.first()?, *self.t.last()?))
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.h.len()
    }

    /// Writes the state at time t (length dim) into `y`.
    ///
    /// # Errors
    /// t lies outside [`DenseOutput::span`], or `y` has the wrong length.
    pub fn at(&self, t: T, y: &mut [T]) -> Result<(), SolveError> {
        if y.len() != self.dim {
            return Err(SolveError::Dimension {
                what: "the state to fill",
                expected: self.dim,
                found: y.len(),
            });
        }
        let (t0, t1) = self.span().unwrap_or((T::nan(), T::nan()));
        let forward = t1 >= t0;
        let inside = if forward {
            t0 <= t && t <= t1
        } else {
            t1 <= t && t <= t0
        };
        if !inside {
            return Err(SolveError::OutsideSolution {
                t: t.as_f64(),
                t0: t0.as_f64(),
                t1: t1.as_f64(),
            });
        }
        let starts = &self.t[..self.h.len()];
        let step = starts
            .partition_point(|&s| if forward { s <= t } else { s >= t })
            .saturating_sub(1);
        self.within(step, (t - self.t[step]) / self.h[step], y);
        Ok(())
    }

    fn within(&self, step: usize, theta: T, y: &mut [T]) {
        let degree = self.nodes - 1;
        let values = &self.values[step * self.nodes * self.dim..][..self.nodes * self.dim];
        let state = |k: usize| &values[k * self.dim..(k + 1) * self.dim];
        let exact = (0..self.nodes).find(|&k| theta == node(k, degree));
        if let Some(k) = exact {
            y.copy_from_slice(state(k));
            return;
        }
        y.fill(T::zero());
        let mut sum = T::zero();
        for k in 0..self.nodes {
            // Weights of Chebyshev points of the second kind: alternating, half at the ends.
            let end = if k == 0 || k == degree { 0.5 } else { 1.0 };
            let sign = if k % 2 == 0 { end } else { -end };
            let weight = T::of(sign) / (theta - node(k, degree));
            sum += weight;
            for (y, &value) in y.iter_mut().zip(state(k)) {
                *y += weight * value;
            }
        }
        for y in y {
            *y /= sum;
        }
    }
}
