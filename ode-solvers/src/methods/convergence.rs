//! Whether an iteration has converged, will, or will not: the rule by the rate of convergence that all implicit methods share.
use crate::Scalar;
use crate::powers::power;

/// What one stage may hope for from the convergence of the stage before, at best: the first correction alone must then be this much larger than
/// what is left.
const LEAST_ETA: f64 = 1e-3;

/// What the sizes of successive corrections say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// With this correction the stage is solved.
    Solved,
    /// Another iteration is worth its cost.
    Open,
    /// It does not converge, or not soon enough.
    Lost,
    NotFinite,
}

/// How fast an iteration converges, over its stages and attempts.
///
/// The rules are those of Hairer & Wanner, Solving ODEs II, IV.8: with θ the ratio of two corrections' norms, the iteration ends once
/// θ/(1−θ)·‖Δ‖ is below a fraction of the tolerance, and fails where θ ≥ 1 or where the corrections allowed would not suffice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Convergence<T> {
    /// θ/(1−θ); at the start of a stage from the stage before, so that one correction may be enough.
    pub eta: T,
    /// Largest θ of the attempt.
    slowest: T,
    /// Norm of the correction before.
    before: T,
}

impl<T: Scalar> Convergence<T> {
    pub fn new() -> Self {
        Self {
            eta: T::one(),
            slowest: T::zero(),
            before: T::zero(),
        }
    }

    pub fn begin_attempt(&mut self) {
        self.slowest = T::zero();
    }

    #[inline(always)]
    pub fn begin_stage(&mut self) {
        // What is below would be raised to the least in any case.
        let eta = self.eta.as_f64().max(1e-4);
        self.eta = T::of(power(eta, 0.8).max(LEAST_ETA));
    }

    /// Largest θ of the attempt.
    pub fn slowest(&self) -> T {
        self.slowest
    }

    /// After correction number `iteration` (from 0) of at most `most`, of size `norm`; `tolerance` is what may be left.
    #[inline(always)]
    pub fn judge(&mut self, iteration: usize, most: usize, norm: T, tolerance: T) -> Verdict {
        if !norm.is_finite() {
            return Verdict::NotFinite;
        }
        let mut theta = T::zero();
        if iteration > 0 {
            theta = norm / self.before;
            self.slowest = self.slowest.max(theta);
            self.eta = theta / (T::one() - theta);
        }
        self.before = norm;
        let error = self.eta * norm;
        if norm == T::zero() || theta < T::one() && error <= tolerance {
            return Verdict::Solved;
        }
        let left = most.saturating_sub(1 + iteration);
        let hopeless =
            theta >= T::one() || iteration > 0 && error * theta.powi(left as i32) > tolerance;
        if hopeless || left == 0 {
            self.eta = T::one();
            return Verdict::Lost;
        }
        Verdict::Open
    }
}
