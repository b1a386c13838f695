//! What a user may choose about a solve: tolerances, output times, limits.
use crate::{Scalar, SolveError, SteadyState};

/// Settings of a solve, built by chained setters and checked when the solve starts.
///
/// Defaults: `rtol` 1e-3, `atol` 1e-14, the end of every accepted step as output, first step chosen automatically, at most 1,000,000 attempted steps.
///
/// ```
/// use stiff_ode_solvers::Options;
/// let options = Options::default().rtol(1e-6).atol(1e-12).outputs(vec![0.0, 1.0, 10.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Options<T = f64> {
    pub(crate) rtol: T,
    pub(crate) atol: Vec<T>,
    pub(crate) outputs: Outputs<T>,
    pub(crate) initial_step: Option<T>,
    pub(crate) min_step: T,
    pub(crate) max_step: Option<T>,
    pub(crate) max_steps: usize,
    pub(crate) newton_tolerance: Option<T>,
    pub(crate) invariants: Vec<Invariant<T>>,
    pub(crate) steady: Option<SteadyState<T>>,
    pub(crate) stops: Vec<T>,
}

/// A weighted sum that the exact solution keeps, and the component that makes up for rounding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invariant<T> {
    pub weights: Vec<T>,
    pub component: usize,
}

/// Which times a solution reports.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outputs<T> {
    /// The start and the end of every accepted step.
    Steps,
    /// These times, by dense output.
    Times(Vec<T>),
}

impl<T: Scalar> Default for Options<T> {
    fn default() -> Self {
        Self {
            rtol: T::of(1e-3),
            atol: vec![T::of(1e-14)],
            outputs: Outputs::Steps,
            initial_step: None,
            min_step: T::zero(),
            max_step: None,
            max_steps: 1_000_000,
            newton_tolerance: None,
            invariants: Vec::new(),
            steady: None,
            stops: Vec::new(),
        }
    }
}

impl<T: Scalar> Options<T> {
    /// Relative tolerance of every component, ≥ 0 (with `atol` > 0 where it is 0).
    pub fn rtol(mut self, rtol: T) -> Self {
        self.rtol = rtol;
        self
    }

    /// Absolute tolerance of all components, in units of y, ≥ 0.
    pub fn atol(mut self, atol: T) -> Self {
        self.atol = vec![atol];
        self
    }

    /// Absolute tolerance of each component (length dim).
    pub fn atol_per_component(mut self, atol: Vec<T>) -> Self {
        self.atol = atol;
        self
    }

    /// Times at which the solution is wanted, by dense output: within the span, in its direction, none twice; both ends may be among them.
    pub fn outputs(mut self, times: Vec<T>) -> Self {
        self.outputs = Outputs::Times(times);
        self
    }

    /// Times at which a step must end, in the direction of the solve, none twice: where f has a kink in t, such as the rows of a table that is
    /// interpolated. A step across one would see neither side of it right. Times outside the span are ignored.
    pub fn stops(mut self, times: Vec<T>) -> Self {
        self.stops = times;
        self
    }

    /// Length of the first step (> 0, whatever the direction), instead of an automatic one.
    pub fn initial_step(mut self, step: T) -> Self {
        self.initial_step = Some(step);
        self
    }

    /// Steps below this length (≥ 0) end the solve with an error. Whatever is set, a step that no longer changes t does.
    pub fn min_step(mut self, step: T) -> Self {
        self.min_step = step;
        self
    }

    /// Longest step allowed (> 0).
    pub fn max_step(mut self, step: T) -> Self {
        self.max_step = Some(step);
        self
    }

    /// Attempted steps, accepted or not, after which a solve gives up (≥ 1).
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps;
        self
    }

    /// Fraction (> 0) of the tolerances to which methods that iterate solve their stages, instead of their own (1e-2 or so). A small one makes the
    /// result that of the method itself down to rounding, as a gradient through the solve wants; iterations stop at rounding whatever is set.
    pub fn newton_tolerance(mut self, fraction: T) -> Self {
        self.newton_tolerance = Some(fraction);
        self
    }

    /// Keeps Σ `weights`_i y_i (weights: length dim) at its initial value to the last bits, by setting `component` from the others at every step and
    /// output.
    ///
    /// All methods keep linear invariants of f up to rounding; over the long steps of chemistry near equilibrium that rounding is amplified
    /// (charge of the 224 network over 1e8 yr: 6e-10 of Σ|q|n). Choose a component that is among the largest of the sum, such as e⁻ for the
    /// charge: it is moved by that rounding only. May be called for several invariants with different components; f must keep the sum.
    pub fn invariant(mut self, weights: Vec<T>, component: usize) -> Self {
        self.invariants.push(Invariant { weights, component });
        self
    }

    /// Ends the solve where it has come to rest, see [`SteadyState`]. Without effect on steps before.
    pub fn stop_at_steady_state(mut self, criterion: SteadyState<T>) -> Self {
        self.steady = Some(criterion);
        self
    }

    /// The requested output times, empty where every step is reported.
    pub fn output_times(&self) -> &[T] {
        match &self.outputs {
            Outputs::Steps => &[],
            Outputs::Times(times) => times,
        }
    }

    /// Refuses values out of range, for a system of `dim` components over `span`.
    pub(crate) fn check(&self, dim: usize, span: (T, T)) -> Result<(), SolveError> {
        let invalid = |name, value: T, expected| {
            Err(SolveError::InvalidOption {
                name,
                value: value.as_f64(),
                expected,
            })
        };
        let (t0, t1) = span;
        if !(t0.is_finite() && t1.is_finite()) {
            return Err(SolveError::InvalidSpan {
                t0: t0.as_f64(),
                t1: t1.as_f64(),
            });
        }
        if !(self.rtol >= T::zero() && self.rtol.is_finite()) {
            return invalid("rtol", self.rtol, "finite and not negative");
        }
        if self.atol.len() != 1 && self.atol.len() != dim {
            return Err(SolveError::Dimension {
                what: "atol",
                expected: dim,
                found: self.atol.len(),
            });
        }
        for &atol in &self.atol {
            if !(atol >= T::zero() && atol.is_finite())
                || (atol == T::zero() && self.rtol == T::zero())
            {
                return invalid(
                    "atol",
                    atol,
                    "finite, not negative, and positive where rtol is 0",
                );
            }
        }
        for (name, step) in [
            ("initial_step", self.initial_step),
            ("max_step", self.max_step),
            ("newton_tolerance", self.newton_tolerance),
        ] {
            if let Some(step) = step
                && (step.is_nan() || step <= T::zero())
            {
                return invalid(name, step, "positive");
            }
        }
        if !(self.min_step >= T::zero() && self.min_step.is_finite()) {
            return invalid("min_step", self.min_step, "finite and not negative");
        }
        if self.max_steps == 0 {
            return invalid("max_steps", T::zero(), "at least 1");
        }
        if let Some(steady) = &self.steady {
            steady.check()?;
        }
        for Invariant { weights, component } in &self.invariants {
            if weights.len() != dim {
                return Err(SolveError::Dimension {
                    what: "an invariant",
                    expected: dim,
                    found: weights.len(),
                });
            }
            match weights.get(*component) {
                Some(w) if w.is_normal() => {}
                Some(&w) => {
                    return invalid(
                        "weight of an invariant's component",
                        w,
                        "finite and not zero",
                    );
                }
                None => {
                    return Err(SolveError::Dimension {
                        what: "the component of an invariant",
                        expected: dim,
                        found: *component,
                    });
                }
            }
        }
        self.check_stops(span)?;
        self.check_outputs(span)
    }

    fn check_stops(&self, (t0, t1): (T, T)) -> Result<(), SolveError> {
        let direction = if t1 < t0 { -T::one() } else { T::one() };
        let rising = |pair: &[T]| (pair[1] - pair[0]) * direction > T::zero();
        let finite = |t: &T| t.is_finite();
        let bad = self.stops.iter().position(|t| !finite(t)).or_else(|| {
            self.stops
                .windows(2)
                .position(|pair| !rising(pair))
                .map(|i| i + 1)
        });
        match bad {
            Some(index) => Err(SolveError::InvalidStop {
                index,
                t: self.stops[index].as_f64(),
            }),
            None => Ok(()),
        }
    }

    fn check_outputs(&self, (t0, t1): (T, T)) -> Result<(), SolveError> {
        let direction = if t1 < t0 { -T::one() } else { T::one() };
        let mut previous = None;
        for (index, &t) in self.output_times().iter().enumerate() {
            let inside = (t - t0) * direction >= T::zero() && (t1 - t) * direction >= T::zero();
            let rising = previous.is_none_or(|p| (t - p) * direction > T::zero());
            if !(inside && rising) {
                return Err(SolveError::InvalidOutput {
                    index,
                    t: t.as_f64(),
                    t0: t0.as_f64(),
                    t1: t1.as_f64(),
                });
            }
            previous = Some(t);
        }
        Ok(())
    }
}
