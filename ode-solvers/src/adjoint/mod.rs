//! Gradients through a solve: the steps the loop took, and the discrete adjoint that carries cotangents back through them.
mod reverse;
mod rollout;
mod tape;

pub use rollout::{LaneTimes, Outcome, Rollout};

use crate::Scalar;
use crate::linalg::LinearSolver;
use crate::methods::Stepper;
use crate::{LaneJacobian, SparsityPattern};

/// Accepted steps after which a recorded solve of an implicit method takes a new Jacobian, so that steps can be repeated from there.
pub(crate) const RENEWAL: usize = 16;

/// What a stepper must know to repeat a step of one lane to the last bit, besides t, h and state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Note<T> {
    /// The Jacobian was that of the step's start.
    pub(crate) renewed: bool,
    /// What Newton's iteration hoped for from the step before.
    pub(crate) eta: T,
}

/// A stepper of seven slopes, the last of which is the first of the next step, that keeps the states of its stages: what a recorded solve needs.
pub trait Recorded<T: Scalar, const W: usize> {
    /// Weights of earlier slopes in the state of each stage; row 6 is the step itself.
    const A: [[f64; 6]; 7];
    /// Nodes.
    const C: [f64; 7];
    /// Weight of a stage's own slope in its state; 0 of an explicit method.
    const GAMMA: f64;
    /// State of stage s (1 to 5) of the last attempt; stage 0 is the step's start, stage 6 its end.
    fn stage_state(&self, s: usize) -> &[[T; W]];
    /// Slope at the start of the last attempt.
    fn first_slope(&self) -> &[[T; W]];
    /// Weights of the slopes, over h, in the state at t + θ h.
    fn interpolant(theta: &[T; W]) -> [[T; W]; 7];
    /// What it takes to repeat the step just accepted.
    fn note(&self, _lane: usize) -> Note<T> {
        Note::default()
    }
    /// Takes a new Jacobian after so many accepted steps.
    fn renew_every(&mut self, _steps: usize) {}
    /// Goes back to the start of a step with this slope.
    fn resume(&mut self, slope: &[[T; W]]);
    /// The next attempt repeats a step of this lane.
    fn recall(&mut self, _lane: usize, _note: Note<T>) {}
}

/// A recorded stepper that can be run backwards over a system.
pub trait Reversible<T: Scalar, S, const W: usize>: Stepper<T, S, W> + Recorded<T, W> {
    /// Fits the memory of transposed systems to a system.
    fn prepare_transposed(_transposed: &mut Transposed<T, W>, _system: &mut S) {}
    /// Replaces r by (I − hγ Jᵀ)⁻¹ r, J taken at (t, y); says which lanes are singular.
    fn solve_transposed(
        _transposed: &mut Transposed<T, W>,
        _system: &mut S,
        _t: &[T; W],
        _h: &[T; W],
        _y: &[[T; W]],
        _r: &mut [[T; W]],
    ) -> [bool; W] {
        [false; W]
    }
}

/// Memory of the transposed linear systems of implicit stages.
#[derive(Clone, Debug)]
pub struct Transposed<T, const W: usize> {
    linear: LinearSolver<T, W>,
    values: Vec<[T; W]>,
    transposed: Vec<[T; W]>,
    /// Where each entry of the transposed pattern is in the given one.
    from: Vec<usize>,
    pattern: SparsityPattern,
}

impl<T: Scalar, const W: usize> Transposed<T, W> {
    pub(crate) fn empty() -> Self {
        Self {
            linear: LinearSolver::empty(),
            values: Vec::new(),
            transposed: Vec::new(),
            from: Vec::new(),
            pattern: SparsityPattern::dense(0),
        }
    }

    pub(crate) fn prepare<S: LaneJacobian<T, W>>(&mut self, system: &mut S) {
        let pattern = system.sparsity();
        if pattern == self.pattern && pattern.dim() > 0 {
            return;
        }
        let (transposed, from) = pattern.transposed();
        self.from = from;
        self.values.resize(pattern.nnz(), [T::zero(); W]);
        self.transposed.resize(pattern.nnz(), [T::zero(); W]);
        self.linear.analyse(transposed);
        self.pattern = pattern;
    }

    /// Replaces r by (I − hγ Jᵀ)⁻¹ r. Lanes of no length keep their r.
    pub(crate) fn solve<S: LaneJacobian<T, W>>(
        &mut self,
        system: &mut S,
        t: &[T; W],
        h_gamma: &[T; W],
        y: &[[T; W]],
        r: &mut [[T; W]],
    ) -> [bool; W] {
        system.jacobian(t, y, &mut self.values);
        for (to, &from) in self.transposed.iter_mut().zip(&self.from) {
            *to = self.values[from];
        }
        // Lanes that are over solve some other system, with a right-hand side of 0.
        let over: [bool; W] = each_lane!(false, |l| h_gamma[l] == T::zero());
        let shift: [T; W] = each_lane!(T::zero(), |l| T::one()
            / if over[l] { T::one() } else { h_gamma[l] });
        for r in r.iter_mut() {
            for l in 0..W {
                r[l] *= if over[l] { T::zero() } else { shift[l] };
            }
        }
        let singular = self.linear.factorize(&shift, &self.transposed);
        self.linear.solve(&self.transposed, r);
        for r in r.iter_mut() {
            for l in 0..W {
                r[l] = if over[l] { T::zero() } else { r[l] };
            }
        }
        each_lane!(false, |l| singular[l] && !over[l])
    }
}
