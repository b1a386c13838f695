//! What a solve returns: times, states, and how much work it took.
use std::ops::AddAssign;

use nalgebra::DMatrix;

use crate::{DenseOutput, Located, Scalar};

/// A solution at its output times, and the state at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Solution<T = f64> {
    /// Number of components.
    pub dim: usize,
    /// Output times, in the order of integration.
    pub t: Vec<T>,
    /// States, dim × times, column-major: component i at time k is `y[k * dim + i]`.
    pub y: Vec<T>,
    /// Time reached: the end of the span, or where [`Solution::stop`] says.
    pub t_end: T,
    /// State at `t_end` (length dim).
    pub y_end: Vec<T>,
    /// Why it ended there, when the solve succeeded.
    pub stop: Stop,
    /// Events that happened, in the order of integration.
    pub events: Vec<Located<T>>,
    /// The whole trajectory, where [`crate::Options::dense_output`] asked for it.
    pub dense: Option<DenseOutput<T>>,
    /// Work done.
    pub stats: Statistics,
}

/// How a successful solve came to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stop {
    /// The end of the span.
    #[default]
    End,
    /// The criterion of [`crate::Options::stop_at_steady_state`] was met.
    SteadyState,
    /// This terminal event happened (number in the order of the calls of [`crate::Options::event`]).
    Event(usize),
}

impl<T: Scalar> Solution<T> {
    /// State at output `k` (length dim).
    ///
    /// # Panics
    /// If there are not more than `k` outputs, as indexing does.
    pub fn state(&self, k: usize) -> &[T] {
        &self.y[k * self.dim..(k + 1) * self.dim]
    }

    /// Values of component `i` over the output times.
    pub fn component(&self, i: usize) -> impl Iterator<Item = T> + '_ {
        self.y.iter().skip(i).step_by(self.dim.max(1)).copied()
    }

    /// The states as a dim × times matrix.
    pub fn to_matrix(&self) -> DMatrix<T> {
        DMatrix::from_column_slice(self.dim, self.t.len(), &self.y)
    }

    /// Forgets the content, keeps the memory.
    pub(crate) fn reset(&mut self, dim: usize, dense: bool) {
        if dense {
            self.dense.get_or_insert_default().reset(dim);
        } else {
            self.dense = None;
        }
        self.dim = dim;
        self.t.clear();
        self.y.clear();
        self.y_end.clear();
        self.t_end = T::zero();
        self.stop = Stop::End;
        self.events.clear();
        self.stats = Statistics::default();
    }

    /// The same in double precision, for an error that carries it.
    pub(crate) fn to_f64(&self) -> Solution<f64> {
        let convert = |x: &[T]| x.iter().map(|x| x.as_f64()).collect();
        Solution {
            dim: self.dim,
            t: convert(&self.t),
            y: convert(&self.y),
            t_end: self.t_end.as_f64(),
            y_end: convert(&self.y_end),
            stop: self.stop,
            events: (self.events.iter())
                .map(|e| Located {
                    event: e.event,
                    t: e.t.as_f64(),
                    y: convert(&e.y),
                })
                .collect(),
            dense: self.dense.as_ref().map(DenseOutput::to_f64),
            stats: self.stats,
        }
    }
}

/// Work of a solve. In lanes each model counts what it needed itself, whatever its neighbours made the machine repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Accepted steps.
    pub steps: usize,
    /// Rejected steps.
    pub rejected: usize,
    /// Evaluations of the right-hand side.
    pub rhs_evaluations: usize,
    /// Evaluations of the Jacobian.
    pub jacobian_evaluations: usize,
    /// Factorisations of the iteration matrix.
    pub factorizations: usize,
    /// Iterations of Newton's method, one solve with the iteration matrix each (0 for methods that do not iterate).
    pub newton_iterations: usize,
    /// An explicit method's steps were held down by stability, not accuracy: a stiff method ([`crate::Rodas5p`]) needs far fewer.
    pub stiff: bool,
}

impl AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.rejected += other.rejected;
        self.rhs_evaluations += other.rhs_evaluations;
        self.jacobian_evaluations += other.jacobian_evaluations;
        self.factorizations += other.factorizations;
        self.newton_iterations += other.newton_iterations;
        self.stiff |= other.stiff;
    }
}
