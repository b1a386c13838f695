//! Refuses options out of range before a solve starts.
use super::{Invariant, Options};
use crate::{Scalar, SolveError};

impl<T: Scalar> Options<T> {
    /// Refuses values out of range, for a system of `dim` components over `span`.
    pub(crate) fn check(&self, dim: usize, span: (T, T)) -> Result<(), SolveError> {
        self.check_with(dim, span, self.output_times(), &self.stops)
    }

    /// [`Options::check`] with other output times and stops than its own.
    pub(crate) fn check_with(
        &self,
        dim: usize,
        span: (T, T),
        outputs: &[T],
        stops: &[T],
    ) -> Result<(), SolveError> {
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
        self.check_tolerances(dim)?;
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
        self.check_sums(dim)?;
        if let Some(controller) = &self.controller {
            controller.check()?;
        }
        self.events.iter().try_for_each(crate::Event::check)?;
        check_stops(stops, span)?;
        check_outputs(outputs, span)
    }

    fn check_tolerances(&self, dim: usize) -> Result<(), SolveError> {
        let invalid = |name, value: T, expected| {
            Err(SolveError::InvalidOption {
                name,
                value: value.as_f64(),
                expected,
            })
        };
        let each = [
            ("atol", &self.atol, self.atol.len() == 1),
            ("rtol", &self.rtol_each, self.rtol_each.is_empty()),
        ];
        for (what, values, one_for_all) in each {
            if !one_for_all && values.len() != dim {
                return Err(SolveError::Dimension {
                    what,
                    expected: dim,
                    found: values.len(),
                });
            }
        }
        for &rtol in self.rtol_each.iter().chain([&self.rtol]) {
            // The smallest of no relative tolerances at all (dim 0) is infinite.
            if !(rtol >= T::zero() && (rtol.is_finite() || dim == 0)) {
                return invalid("rtol", rtol, "finite and not negative");
            }
        }
        for (i, &atol) in self.atol.iter().enumerate() {
            let rtol = self.rtol_each.get(i).copied().unwrap_or(self.rtol);
            if !(atol >= T::zero() && atol.is_finite()) || (atol == T::zero() && rtol == T::zero())
            {
                return invalid(
                    "atol",
                    atol,
                    "finite, not negative, and positive where rtol is 0",
                );
            }
        }
        Ok(())
    }

    fn check_sums(&self, dim: usize) -> Result<(), SolveError> {
        let invalid = |name, value: T, expected| {
            Err(SolveError::InvalidOption {
                name,
                value: value.as_f64(),
                expected,
            })
        };
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
        for weights in self.nonnegative.iter().chain(&self.conserved).flatten() {
            if weights.len() != dim {
                return Err(SolveError::Dimension {
                    what: "a conservation law",
                    expected: dim,
                    found: weights.len(),
                });
            }
            if let Some(&w) = weights.iter().find(|w| !w.is_finite()) {
                return invalid("weight of a conservation law", w, "finite");
            }
        }
        Ok(())
    }
}

fn check_stops<T: Scalar>(stops: &[T], (t0, t1): (T, T)) -> Result<(), SolveError> {
    let direction = if t1 < t0 { -T::one() } else { T::one() };
    let rising = |pair: &[T]| (pair[1] - pair[0]) * direction > T::zero();
    let finite = |t: &T| t.is_finite();
    let bad = stops.iter().position(|t| !finite(t)).or_else(|| {
        stops
            .windows(2)
            .position(|pair| !rising(pair))
            .map(|i| i + 1)
    });
    match bad {
        Some(index) => Err(SolveError::InvalidStop {
            index,
            t: stops[index].as_f64(),
        }),
        None => Ok(()),
    }
}

fn check_outputs<T: Scalar>(times: &[T], (t0, t1): (T, T)) -> Result<(), SolveError> {
    let direction = if t1 < t0 { -T::one() } else { T::one() };
    let mut previous = None;
    for (index, &t) in times.iter().enumerate() {
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
