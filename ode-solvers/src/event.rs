//! Events: functions of time and state whose changes of sign a solve reports, or at which it ends.
use std::fmt;
use std::sync::Arc;

use crate::{Scalar, SolveError};

/// Which changes of sign count, in the direction of integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Direction {
    #[default]
    Both,
    Rising,
    Falling,
}

/// A function g(model, t, y).
type Function<T> = dyn Fn(usize, T, &[T]) -> T + Send + Sync;

/// An event: the solve reports every time at which g(t, y) changes its sign, see [`crate::Options::event`] and [`crate::Solution::events`].
///
/// g is looked at four times a step, on the dense output, and the crossing is then bracketed there to [`Event::tolerance`]; its accuracy is that of the
/// dense output. The time reported is the far end of the bracket: g has crossed. Two crossings within a quarter of a step cancel unseen (bound the
/// step where that matters); where g is not a number nothing is seen. A g that is 0 at the start is no event.
///
/// ```
/// use stiff_ode_solvers::{Event, Options, Stop, System, Tsit5, solve};
/// struct Fall; // height and speed of a thrown ball
/// impl System for Fall {
///     fn dim(&self) -> usize {
///         2
///     }
///     fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
///         (dydt[0], dydt[1]) = (y[1], -9.81);
///     }
/// }
/// let options = Options::default()
///     .rtol(1e-8)
///     .event(Event::new(|_t, y| y[1]).falling())
///     .event(Event::new(|_t, y| y[0]).falling().terminal());
/// let solution = solve(&Fall, &Tsit5, (0.0, 100.0), &[0.0, 9.81], &options)?;
/// assert_eq!(solution.stop, Stop::Event(1));
/// assert!((solution.events[0].t - 1.0).abs() < 1e-9); // the top
/// assert!((solution.t_end - 2.0).abs() < 1e-9); // the ground
/// # Ok::<(), stiff_ode_solvers::SolveError>(())
/// ```
#[derive(Clone)]
pub struct Event<T = f64> {
    function: Arc<Function<T>>,
    direction: Direction,
    terminal: bool,
    tolerance: T,
}

impl<T: Scalar> Event<T> {
    /// An event at every zero of g(t, y).
    pub fn new(g: impl Fn(T, &[T]) -> T + Send + Sync + 'static) -> Self {
        Self::of_model(move |_, t, y| g(t, y))
    }

    /// An event whose function also knows the model of the batch: g(model, t, y).
    pub fn of_model(g: impl Fn(usize, T, &[T]) -> T + Send + Sync + 'static) -> Self {
        Self {
            function: Arc::new(g),
            direction: Direction::Both,
            terminal: false,
            tolerance: T::zero(),
        }
    }

    /// Counts only where g rises through zero.
    pub fn rising(mut self) -> Self {
        self.direction = Direction::Rising;
        self
    }

    /// Counts only where g falls through zero.
    pub fn falling(mut self) -> Self {
        self.direction = Direction::Falling;
        self
    }

    /// Ends the solve, with [`crate::Stop::Event`].
    pub fn terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// Width in t (≥ 0) to which the crossing is bracketed. Never less than a few units in the last place of t, which is also the default.
    pub fn tolerance(mut self, width: T) -> Self {
        self.tolerance = width;
        self
    }

    /// Refuses values out of range.
    pub(crate) fn check(&self) -> Result<(), SolveError> {
        if self.tolerance >= T::zero() && self.tolerance.is_finite() {
            return Ok(());
        }
        Err(SolveError::InvalidOption {
            name: "tolerance of an event",
            value: self.tolerance.as_f64(),
            expected: "finite and not negative",
        })
    }

    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn value(&self, model: usize, t: T, y: &[T]) -> T {
        (self.function)(model, t, y)
    }

    /// Bracket width at times of this size.
    pub(crate) fn width(&self, t: T) -> T {
        self.tolerance.max(T::of(4.0) * T::epsilon() * t.abs())
    }

    /// Whether g from `a` to `b` is a crossing that counts.
    pub(crate) fn crosses(&self, a: T, b: T) -> bool {
        let rises = a < T::zero() && b >= T::zero();
        let falls = a > T::zero() && b <= T::zero();
        match self.direction {
            Direction::Both => rises || falls,
            Direction::Rising => rises,
            Direction::Falling => falls,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("direction", &self.direction)
            .field("terminal", &self.terminal)
            .field("tolerance", &self.tolerance)
            .finish_non_exhaustive()
    }
}

/// Equal where the very same function is watched in the same way.
impl<T: PartialEq> PartialEq for Event<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.function, &other.function)
            && self.direction == other.direction
            && self.terminal == other.terminal
            && self.tolerance == other.tolerance
    }
}

/// An event that has happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T = f64> {
    /// Number of the event, in the order of the calls of [`crate::Options::event`].
    pub event: usize,
    /// Time.
    pub t: T,
    /// State (length dim).
    pub y: Vec<T>,
}

/// Shrinks [a, b], over which `g` changes sign from `ga` to `gb`, to `width` and returns its far end: Chandrupatla's method (1997, Adv. Eng. Softw. 28,
/// 145), bisection and inverse quadratic interpolation by turns, never slower than bisection by more than a factor.
pub(crate) fn bracket<T: Scalar>(
    (mut a, mut ga): (T, T),
    (mut b, mut gb): (T, T),
    width: T,
    g: &mut dyn FnMut(T) -> T,
) -> T {
    // `b` is the newest point, `a` the end of the bracket across the zero from it, `c` the point before; fractions count from `b` to `a`.
    let half = T::of(0.5);
    let mut part = half;
    // Bisection alone needs 53 halvings of [0, 1] in double precision.
    for _ in 0..120 {
        if gb == T::zero() {
            return b;
        }
        if (b - a).abs() <= width {
            break;
        }
        let x = b + part * (a - b);
        let gx = g(x);
        if gx.is_nan() {
            break;
        }
        let (c, gc);
        if (gx > T::zero()) == (gb > T::zero()) {
            (c, gc) = (b, gb);
        } else {
            (c, gc, a, ga) = (a, ga, b, gb);
        }
        (b, gb) = (x, gx);
        let xi = (b - a) / (c - a);
        let phi = (gb - ga) / (gc - ga);
        let smooth = phi * phi < xi && (T::one() - phi) * (T::one() - phi) < T::one() - xi;
        part = if smooth {
            let alpha = (c - b) / (a - b);
            gb / (ga - gb) * (gc / (ga - gc)) + alpha * (gb / (gc - gb)) * (ga / (gc - ga))
        } else {
            half
        };
        let least = half * (width / (b - a).abs()).min(T::one());
        part = if part.is_nan() { half } else { part };
        part = part.max(least).min(T::one() - least);
    }
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::bracket;

    proptest! {
        /// The far end of the bracket lies at or just behind the zero, found in fewer calls than bisection would need.
        #[test]
        fn brackets_zeros(root in 0.001..0.999f64, power in 1..6i32, sign in prop::bool::ANY) {
            let s = if sign { 1.0 } else { -1.0 };
            let mut calls = 0;
            let mut g = |x: f64| {
                calls += 1;
                s * ((x - root) + 0.3 * (x - root).powi(3)) * (1.0 + 20.0 * x.powi(power))
            };
            let ends = [(0.0, g(0.0)), (1.0, g(1.0))];
            let x = bracket(ends[0], ends[1], 1e-14, &mut g);
            prop_assert!((0.0..=1.1e-14).contains(&(x - root)), "{x} {root}");
            prop_assert!(calls < 30, "{calls}");
        }
    }
}
