//! The methods, one file each, and the trait by which the one stepping loop drives them.
//!
//! | method | for | order | dense output |
//! |---|---|---|---|
//! | [`Rodas5p`] | stiff systems: chemical kinetics and almost anything else with a Jacobian at hand | 5(4), L-stable | 4 |
//! | [`Kvaerno5`] | stiff systems whose solves are differentiated, or with an approximate Jacobian | 5(4), A- and L-stable | 4 |
//! | [`RadauIia5`] | very stiff systems at tight tolerances; one lane | 5, L- and B-stable | 3 |
//! | [`Bdf`] | large stiff systems at loose tolerances; one lane | 1 to 5, A(α)-stable | the order in use |
//! | [`Tsit5`] | systems that are not stiff, and solves that are differentiated in reverse | 5(4), explicit | 4 |
mod bdf;
mod convergence;
mod kvaerno5;
mod newton;
mod radau;
mod rodas5p;
mod tsit5;

pub use bdf::{Bdf, BdfStepper};
pub use kvaerno5::{Kvaerno5, Kvaerno5Stepper};
pub use radau::{RadauIia5, RadauIia5Stepper};
pub use rodas5p::{Rodas5p, Rodas5pStepper};

pub use tsit5::{Tsit5, Tsit5Stepper};

use crate::controller::Control;
pub(crate) use crate::sums::{add_weighted, combine, scaled};
use crate::{Options, Scalar, SolveError, Statistics};

/// The last attempt: a step of length h from (t, y) to y_new.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a, T, const W: usize> {
    /// Where it starts.
    pub t: &'a [T; W],
    /// Its length.
    pub h: &'a [T; W],
    /// The state at its start.
    pub y: &'a [[T; W]],
    /// The state at its end.
    pub y_new: &'a [[T; W]],
}

/// A method as a value: what a user hands to [`crate::solve`].
pub trait Method<T: Scalar, const W: usize = 1>: Clone {
    /// Its working memory and its arithmetic over W lanes.
    type Stepper;
    /// An empty working memory; it takes its size from the first system it sees.
    fn stepper(&self) -> Self::Stepper;
}

/// One step of a method over W lanes; the loop decides what becomes of it. `S` is a [`crate::LaneSystem`] (or [`crate::LaneJacobian`]).
///
/// All arrays have length `dim`. Lanes are independent: nothing in one lane may depend on another.
pub trait Stepper<T: Scalar, S, const W: usize> {
    /// How steps are chosen from errors of this method.
    fn control(&self) -> Control<T>;

    /// Fits the memory to a system; called once per solve or batch.
    fn prepare(&mut self, system: &mut S) -> Result<(), SolveError>;

    /// The options of the solve and `atol` of every component, for methods that iterate or choose their order; called after [`Stepper::prepare`].
    fn set_tolerances(&mut self, _options: &Options<T>, _atol: &[T]) {}

    /// Evaluates what depends on the state alone (slope, Jacobian). `fresh` lanes hold a new model, `changed` lanes a new state (fresh ones included).
    fn begin(
        &mut self,
        system: &mut S,
        fresh: &[bool; W],
        changed: &[bool; W],
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
    );

    /// f(t, y) as last evaluated by `begin`.
    fn slope(&self) -> &[[T; W]];

    /// Tries a step: the new state, the estimated error, and which lanes met a singular matrix.
    fn attempt(
        &mut self,
        system: &mut S,
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        y_new: &mut [[T; W]],
        error: &mut [[T; W]],
    ) -> [bool; W];

    /// Where the last attempt of a lane found no solution of its implicit equations: by which factor its step changes for the next one. A factor of
    /// 1 is a retry with something better than before (a new Jacobian); it must not be returned twice in a row, or the loop never ends.
    fn retry_factor(&self, _lane: usize) -> Option<T> {
        None
    }

    /// Where a lane cannot go on: a derivative that the Jacobian's sparsity leaves out, see [`crate::Jacobian::undeclared_dependence`].
    fn undeclared_dependence(
        &self,
        _system: &mut S,
        _lane: usize,
        _t: &[T; W],
        _y: &[[T; W]],
    ) -> Option<(usize, usize)> {
        None
    }

    /// Whether [`Stepper::step_factor`] leaves aside what the controller proposes, so that it need not be computed.
    const CHOOSES_STEPS: bool = false;

    /// The factor by which the step of a lane changes after an attempt of this error, `proposed` being the controller's. For methods that keep a
    /// factorisation over small changes, or that choose their order themselves. Called after [`Stepper::accept`] where the attempt was accepted.
    fn step_factor(&mut self, _lane: usize, _error: T, _accepted: bool, proposed: T) -> T {
        proposed
    }

    /// Degree in θ of the polynomial that [`Stepper::interpolate`] evaluates, or more.
    fn interpolant_degree(&self) -> usize {
        5
    }

    /// Explicit methods: whether the accepted step of length h to `y_new` was about as long as stability allows, per lane.
    fn at_edge_of_stability(&self, _h: &[T; W], _y_new: &[[T; W]]) -> Option<[bool; W]> {
        None
    }

    /// Whether the loop may move new states a little ([`Options::keep_nonnegative`]): not where a step leans on the states before.
    fn can_be_moved(&self) -> bool {
        false
    }

    /// The new state of these lanes was moved a little after the attempt: what was evaluated there must be evaluated anew.
    fn moved(&mut self, _lanes: &[bool; W]) {}

    /// The last attempt was accepted in these lanes.
    fn accept(&mut self, _accepted: &[bool; W]) {}

    /// Called once before the [`Stepper::interpolate`] calls of an attempt.
    fn prepare_interpolation(&mut self) {}

    /// The state at t + θ h within the last attempt.
    fn interpolate(
        &self,
        theta: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        y_new: &[[T; W]],
        out: &mut [[T; W]],
    );

    /// Whether [`Stepper::refine`] improves on [`Stepper::interpolate`].
    fn refines_outputs(&self) -> bool {
        false
    }

    /// Improves `out`, the interpolated state at t + θ h within the last attempt, in these lanes. One right-hand side.
    fn refine(
        &mut self,
        _system: &mut S,
        _lanes: &[bool; W],
        _theta: &[T; W],
        _within: Attempt<'_, T, W>,
        _out: &mut [[T; W]],
    ) {
    }

    /// Work of the last `begin` for a lane that is fresh, or only changed.
    fn begin_cost(&self, lane: usize, fresh: bool) -> Statistics;

    /// Work of the last attempt for a lane.
    fn attempt_cost(&self, lane: usize) -> Statistics;
}
