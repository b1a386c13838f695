//! Why a solve was refused or ended early, with the values that say what happened where.
use thiserror::Error;

use crate::{PatternError, Solution};

/// Error of a solve. Those that strike on the way carry what was computed until then.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SolveError {
    /// The error test asks for steps that no longer advance t: a singularity, a discontinuity, or tolerances below rounding.
    #[error("step too small at t = {t:e}: {step:e} after {} steps{}", partial.stats.steps, hint(partial))]
    StepTooSmall {
        /// Time reached.
        t: f64,
        /// Step that was asked for.
        step: f64,
        /// Outputs before t, state at t.
        partial: Box<Solution<f64>>,
    },
    /// The right-hand side stays not-a-number or infinite however small the step.
    #[error("component {component} is not finite after t = {t:e}, however small the step")]
    NotFinite {
        /// First component that is not finite.
        component: usize,
        /// Time reached.
        t: f64,
        /// Outputs before t, state at t.
        partial: Box<Solution<f64>>,
    },
    /// The matrix of a stiff method stays singular however small the step.
    #[error("iteration matrix is singular at t = {t:e}, down to a step of {step:e}")]
    SingularMatrix {
        /// Time reached.
        t: f64,
        /// Last step tried.
        step: f64,
        /// Outputs before t, state at t.
        partial: Box<Solution<f64>>,
    },
    /// The iteration for the implicit stages does not converge, however small the step: f is not smooth there, or the Jacobian is not its derivative.
    #[error("Newton's iteration does not converge at t = {t:e}, down to a step of {step:e}")]
    NotConverged {
        /// Time reached.
        t: f64,
        /// Last step tried.
        step: f64,
        /// Outputs before t, state at t.
        partial: Box<Solution<f64>>,
    },
    /// f depends on a component that the Jacobian's sparsity leaves out ([`crate::ColouredDifferences`] finds out).
    #[error("f[{row}] depends on y[{column}] at t = {t:e}, which the sparsity pattern leaves out")]
    UndeclaredDependence {
        /// Component of f, the row that is missing an entry.
        row: usize,
        /// Component of y, the column of that entry.
        column: usize,
        /// Time reached.
        t: f64,
        /// Outputs before t, state at t.
        partial: Box<Solution<f64>>,
    },
    /// The limit of attempted steps is used up.
    #[error("more than {limit} steps at t = {t:e}{}", hint(partial))]
    TooManySteps {
        /// Time reached.
        t: f64,
        /// The limit, [`crate::Options::max_steps`].
        limit: usize,
        /// Outputs before t, state at t.
        partial: Box<Solution<f64>>,
    },
    /// An option is out of range.
    #[error("{name} = {value:e} must be {expected}")]
    InvalidOption {
        /// Name of the setter.
        name: &'static str,
        /// Value given.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// The span is not finite.
    #[error("span from {t0:e} to {t1:e} must be finite")]
    InvalidSpan {
        /// Start.
        t0: f64,
        /// End.
        t1: f64,
    },
    /// An output time lies outside the span, or does not follow the one before.
    #[error(
        "output time {index}, {t:e}, must lie between {t0:e} and {t1:e} and after the output before it"
    )]
    InvalidOutput {
        /// Index of the output.
        index: usize,
        /// Its time.
        t: f64,
        /// Start of the span.
        t0: f64,
        /// End of the span.
        t1: f64,
    },
    /// A time at which a step must end is not finite, or does not follow the one before.
    #[error(
        "stop {index}, {t:e}, must be finite and after the stop before it, in the direction of the solve"
    )]
    InvalidStop {
        /// Index of the stop.
        index: usize,
        /// Its time.
        t: f64,
    },
    /// A time outside the solution was asked for.
    #[error("time {t:e} lies outside the solution, from {t0:e} to {t1:e}")]
    OutsideSolution {
        /// Time asked for.
        t: f64,
        /// Start of the solution.
        t0: f64,
        /// Its end.
        t1: f64,
    },
    /// An array has the wrong length.
    #[error("{what} has length {found}, expected {expected}")]
    Dimension {
        /// Which array.
        what: &'static str,
        /// Length expected.
        expected: usize,
        /// Length found.
        found: usize,
    },
    /// The initial state is not finite.
    #[error("component {component} of the initial state is {value}")]
    InitialState {
        /// First component that is not finite.
        component: usize,
        /// Its value.
        value: f64,
    },
    /// The Jacobian's pattern is malformed.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// The batch was cancelled before this model finished.
    #[error("cancelled")]
    Cancelled,
}

impl SolveError {
    /// What was computed before the solve ended early, where it had begun.
    pub fn partial(&self) -> Option<&Solution<f64>> {
        match self {
            Self::StepTooSmall { partial, .. }
            | Self::NotFinite { partial, .. }
            | Self::SingularMatrix { partial, .. }
            | Self::NotConverged { partial, .. }
            | Self::UndeclaredDependence { partial, .. }
            | Self::TooManySteps { partial, .. } => Some(partial),
            _ => None,
        }
    }
}

/// What the statistics suggest.
fn hint(partial: &Solution<f64>) -> &'static str {
    if partial.stats.stiff {
        "; the system is stiff, a stiff method such as Rodas5p needs far fewer"
    } else {
        ""
    }
}
