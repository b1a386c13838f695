//! What passes between the stepping loop and those who feed it with models and take what comes out.
use crate::{Statistics, Stop};

/// Where a model begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<T> {
    pub model: usize,
    pub t0: T,
    pub t1: T,
}

/// Why a lane stopped early.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure<T> {
    StepTooSmall { step: T },
    NotFinite { component: usize },
    Singular { step: T },
    NotConverged { step: T },
    Undeclared { row: usize, column: usize },
    TooManySteps,
    Cancelled,
}

/// Who feeds the loop with models and takes what comes out.
pub(crate) trait Client<T: Copy, P, const W: usize> {
    /// The next model, its initial state written into `y` at `lane`; `None` when the queue is empty.
    fn next(&mut self, lane: usize, y: &mut [[T; W]]) -> Option<Start<T>>;
    /// The time of output `index` of a lane; `shared` are those of the options.
    #[inline(always)]
    fn output_time(&self, _lane: usize, index: usize, shared: &[T]) -> Option<T> {
        shared.get(index).copied()
    }
    /// Whether the ends of all steps are outputs where the options name no times.
    fn takes_steps(&self) -> bool {
        true
    }
    /// Times at which a step of this lane must end; `shared` are those of the options.
    #[inline(always)]
    fn stops<'a>(&'a self, _lane: usize, shared: &'a [T]) -> &'a [T] {
        shared
    }
    /// Output `index` of a lane, at time t.
    fn output(&mut self, lane: usize, index: usize, t: T, y: &[[T; W]]);
    /// Event `event` happened in a lane, at time t.
    fn event(&mut self, _lane: usize, _event: usize, _t: T, _y: &[[T; W]]) {}
    /// The interpolant of a lane's accepted step is about to come, as so many nodes.
    fn dense_step(&mut self, _lane: usize, _t: T, _h: T, _nodes: usize) {}
    /// The next of its nodes.
    fn dense_node(&mut self, _lane: usize, _y: &[[T; W]]) {}
    /// The step from (t, y) of length h was accepted in these lanes.
    fn accepted(
        &mut self,
        _accepted: &[bool; W],
        _t: &[T; W],
        _h: &[T; W],
        _y: &[[T; W]],
        _stepper: &P,
    ) {
    }
    /// A model is over, at t with state y (of that lane).
    fn finished(
        &mut self,
        lane: usize,
        model: usize,
        t: T,
        y: &[[T; W]],
        stats: Statistics,
        end: Result<Stop, Failure<T>>,
    );
    /// Whether steps are recorded, to be differentiated: states are then left as the method gave them.
    fn records(&self) -> bool {
        false
    }
    /// Whether to stop all work now.
    fn cancelled(&self) -> bool {
        false
    }
}
