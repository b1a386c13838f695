//! When a solve counts as having come to rest, for [`crate::Options::stop_at_steady_state`].
use crate::{Scalar, SolveError};

/// Criterion of a steady state: at several accepted steps in a row, every component changes so slowly that, were it to go on like that, it would move
/// by no more than a small part of itself over a time scale τ:
///
/// |y_i(t + h) − y_i(t)| · τ / |h| ≤ `change` · |y_i(t + h)| + `absolute`_i.
///
/// The rate is that over the step, not f at its end: in a stiff system f magnifies the error of fast components by their rates, and never comes to rest.
/// A constant slope is not a steady state, an oscillation neither (unless slower than τ). A solve that meets the criterion ends there with
/// [`crate::Stop::SteadyState`], at [`crate::Solution::t_end`]; output times beyond are left out. Steps, not the rest of the span, are what it saves: a
/// stiff method crosses the rest in a few long steps anyway.
///
/// ```
/// use stiff_ode_solvers::{Options, Stop, SteadyState, System, Tsit5, solve};
/// struct Approach; // y' = 1 - y
/// impl System for Approach {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
///         dydt[0] = 1.0 - y[0];
///     }
/// }
/// let options = Options::default().rtol(1e-8).stop_at_steady_state(SteadyState::default().over(1.0));
/// let solution = solve(&Approach, &Tsit5, (0.0, 1e6), &[0.0], &options)?;
/// assert_eq!(solution.stop, Stop::SteadyState);
/// assert!(solution.t_end < 30.0 && (solution.y_end[0] - 1.0).abs() < 1e-3);
/// # Ok::<(), stiff_ode_solvers::SolveError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SteadyState<T = f64> {
    change: T,
    absolute: Option<T>,
    time_scale: Option<T>,
    steps: u32,
}

impl<T: Scalar> Default for SteadyState<T> {
    /// A relative change of 1e-3 over the length of the span, at three steps in a row.
    fn default() -> Self {
        Self {
            change: T::of(1e-3),
            absolute: None,
            time_scale: None,
            steps: 3,
        }
    }
}

impl<T: Scalar> SteadyState<T> {
    /// Relative change over the time scale that still counts as none (> 0; 1e-3 unless set).
    pub fn relative_change(mut self, change: T) -> Self {
        self.change = change;
        self
    }

    /// Absolute change over the time scale that still counts as none, in units of y, ≥ 0; each component's absolute tolerance unless set.
    pub fn absolute_change(mut self, change: T) -> Self {
        self.absolute = Some(change);
        self
    }

    /// The time scale τ, in units of t (> 0): the time over which the user would call the state unchanged. The length of the span unless set.
    pub fn over(mut self, time: T) -> Self {
        self.time_scale = Some(time);
        self
    }

    /// Accepted steps in a row at which the criterion must hold (≥ 1; 3 unless set). Once it has held at one, steps do not grow while it does.
    pub fn for_steps(mut self, steps: u32) -> Self {
        self.steps = steps;
        self
    }

    /// Refuses values out of range.
    pub(crate) fn check(&self) -> Result<(), SolveError> {
        let invalid = |name, value: T, expected| {
            Err(SolveError::InvalidOption {
                name,
                value: value.as_f64(),
                expected,
            })
        };
        let positive = |x: T| x > T::zero() && x.is_finite();
        if !positive(self.change) {
            return invalid("relative_change", self.change, "finite and positive");
        }
        if let Some(change) = self.absolute
            && !(change >= T::zero() && change.is_finite())
        {
            return invalid("absolute_change", change, "finite and not negative");
        }
        if let Some(time) = self.time_scale
            && !positive(time)
        {
            return invalid(
                "time scale of the steady state",
                time,
                "finite and positive",
            );
        }
        if self.steps == 0 {
            return invalid("for_steps", T::zero(), "at least 1");
        }
        Ok(())
    }

    /// Steps in a row that the criterion asks for.
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// Whether lane `l` rests over a step of length `h` from `y` to `y_new`, within a solve over a span of length `span`.
    pub(crate) fn holds<const W: usize>(
        &self,
        l: usize,
        h: T,
        span: T,
        atol: &[T],
        y: &[[T; W]],
        y_new: &[[T; W]],
    ) -> bool {
        let stretch = self.time_scale.unwrap_or(span) / h.abs();
        y.iter().zip(y_new).zip(atol).all(|((y, y_new), &atol)| {
            (y_new[l] - y[l]).abs() * stretch
                <= self.change * y_new[l].abs() + self.absolute.unwrap_or(atol)
        })
    }
}
