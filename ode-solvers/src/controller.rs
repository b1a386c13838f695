//! Step control: the rules that turn errors into steps, error norms, the first step.
use crate::norms::SHARE;
use crate::powers::{exp2, log2};
use crate::{Scalar, SolveError};

/// How steps follow from error estimates, chosen by the user instead of the method's own rule: a proportional-integral-derivative controller in the terms
/// of diffrax and of Söderlind (2003, ACM Trans. Math. Softw. 29, 1).
///
/// After an accepted step with error e_n (1 is the tolerance) of a method whose estimate is of order h^k, the step grows by
/// safety · e_n^(−(p+i+d)/k) · e_(n−1)^((p+2d)/k) · e_(n−2)^(−d/k), held between two bounds; after a rejection by safety · e^(−1/k).
/// `Bdf` chooses order and step together and keeps its own rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Controller<T = f64> {
    gains: [T; 3],
    safety: T,
    min_factor: T,
    max_factor: T,
}

impl<T: Scalar> Controller<T> {
    /// Gains as diffrax names them: proportional `p`, integral `i`, derivative `d`. Safety 0.9, factors 0.2 (only after a rejection: an accepted step is
    /// never followed by a shorter one) to 10, as there.
    pub fn pid(p: T, i: T, d: T) -> Self {
        Self {
            gains: [p, i, d],
            safety: T::of(0.9),
            min_factor: T::of(0.2),
            max_factor: T::of(10.0),
        }
    }

    /// The purely integral controller: each step from the error of the last alone. It is diffrax's default.
    pub fn integral() -> Self {
        Self::pid(T::zero(), T::one(), T::zero())
    }

    /// A proportional-integral controller with gains p = 0.4, i = 0.3 (Gustafsson 1991; Hairer & Wanner, IV.2): smoother steps where stability limits
    /// them.
    pub fn proportional_integral() -> Self {
        Self::pid(T::of(0.4), T::of(0.3), T::zero())
    }

    /// Safety factor, in (0, 1).
    pub fn safety(mut self, safety: T) -> Self {
        self.safety = safety;
        self
    }

    /// Bounds of the change of a step: 0 < `min` < 1 after a rejection, `max` > 1 after an accepted one.
    pub fn factors(mut self, min: T, max: T) -> Self {
        (self.min_factor, self.max_factor) = (min, max);
        self
    }

    /// Refuses values out of range.
    pub(crate) fn check(&self) -> Result<(), SolveError> {
        let (zero, one) = (T::zero(), T::one());
        let checks = [
            (
                "gain of the controller",
                self.gains
                    .iter()
                    .copied()
                    .fold(zero, |sum, gain| sum + gain),
                // The sum acts on the newest error: without it steps would not follow errors at all.
                self.gains.iter().all(|g| g.is_finite())
                    && self.gains[0] + self.gains[1] + self.gains[2] > zero,
                "finite, and positive in sum",
            ),
            (
                "safety",
                self.safety,
                self.safety > zero && self.safety < one,
                "between 0 and 1",
            ),
            (
                "smallest factor",
                self.min_factor,
                self.min_factor > zero && self.min_factor < one,
                "between 0 and 1",
            ),
            (
                "largest factor",
                self.max_factor,
                self.max_factor > one && self.max_factor.is_finite(),
                "finite and above 1",
            ),
        ];
        for (name, value, right, expected) in checks {
            if !right {
                return Err(SolveError::InvalidOption {
                    name,
                    value: value.as_f64(),
                    expected,
                });
            }
        }
        Ok(())
    }

    /// What the loop computes steps from under this controller, for a method whose estimate is of order h^`order`, as numbers: for loops on other
    /// machines that are to take the same steps.
    pub fn numbers(&self, order: usize) -> ControlNumbers {
        let rule = self.for_order(order);
        ControlNumbers {
            gains: [rule.alpha, rule.beta, rule.gamma].map(Scalar::as_f64),
            safety: rule.safety.as_f64(),
            least_after_rejected: rule.min_factor.as_f64(),
            least_after_accepted: rule.min_after_accepted.as_f64(),
            most: rule.max_factor.as_f64(),
            worst_share: SHARE,
            most_not_finite: crate::engine::MOST_NOT_FINITE,
        }
    }

    /// The rule for a method whose estimate is of order h^`order`.
    pub(crate) fn for_order(&self, order: usize) -> Control<T> {
        let [p, i, d] = self.gains.map(|gain| gain / T::of(order as f64));
        Control {
            order,
            alpha: p + i + d,
            beta: p + d + d,
            gamma: d,
            safety: self.safety,
            min_factor: self.min_factor,
            min_after_accepted: T::one(),
            max_factor: self.max_factor,
            grows_after_rejection: true,
            foresight: 0.0,
            starts_by_rate: false,
        }
    }
}

/// Step control in numbers, see [`Controller::numbers`].
///
/// After an accepted step of error e the step grows by `safety` · 2^(`gains[1]` p₁ − `gains[0]` log₂ e − `gains[2]` p₂), p₁ and p₂ the log₂ of the two
/// errors before (0 at first), e at least 1e-10, held between `least_after_accepted` and `most`; after a rejection by `safety` e^(−1/order) between
/// `least_after_rejected` and 0.9; after an attempt that is not finite by 0.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ControlNumbers {
    /// Exponents of the error of the step just accepted and of the two before, already divided by the order.
    pub gains: [f64; 3],
    /// Safety factor.
    pub safety: f64,
    /// Smallest factor after a rejection.
    pub least_after_rejected: f64,
    /// Smallest factor after an accepted step.
    pub least_after_accepted: f64,
    /// Largest factor.
    pub most: f64,
    /// In the error norm, the worst component weighs as one of at most so many.
    pub worst_share: f64,
    /// Attempts in a row that may end in not-a-number before a solve is given up.
    pub most_not_finite: u32,
}

/// The rule in force: a method's own (proportional-integral; Gustafsson; Hairer & Wanner, Solving ODEs II, IV.2), or the user's [`Controller`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control<T> {
    /// Power of h in the error estimate.
    pub(crate) order: usize,
    alpha: T,
    beta: T,
    gamma: T,
    safety: T,
    min_factor: T,
    min_after_accepted: T,
    max_factor: T,
    grows_after_rejection: bool,
    /// Largest gain of a step by looking ahead, as a power of two; 0: no look ahead.
    foresight: f64,
    /// The first step by the rate of change of the slope.
    starts_by_rate: bool,
}

/// The accepted steps before, as powers of two.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Past {
    /// Errors of the last and the one before it.
    errors: [f64; 2],
    /// Length of the last, where there was one.
    step: Option<f64>,
}

impl<T: Scalar> Control<T> {
    /// Rule for an estimate of order h^`order`: factor = `safety` · err^(-`alpha`/order) · err_before^(`beta`/order), within the two bounds.
    pub fn new(
        order: usize,
        alpha: f64,
        beta: f64,
        safety: f64,
        min_factor: f64,
        max_factor: f64,
    ) -> Self {
        let order_f = order as f64;
        Self {
            order,
            alpha: T::of(alpha / order_f),
            beta: T::of(beta / order_f),
            gamma: T::zero(),
            safety: T::of(safety),
            min_factor: T::of(min_factor),
            min_after_accepted: T::of(min_factor),
            max_factor: T::of(max_factor),
            grows_after_rejection: false,
            foresight: 0.0,
            starts_by_rate: false,
        }
    }

    /// Looks ahead (Gustafsson 1994, ACM Trans. Math. Softw. 20, 496): the C of the estimate C h^`order` is expected to change over the next step by the
    /// factor by which it changed over the last. A rule that expects it to stay keeps errors well below the tolerance where C falls from step to step, as
    /// it does while steps grow with t, and is late where C rises. A step becomes at most `most` times as long by it.
    pub fn with_foresight(mut self, most: f64) -> Self {
        self.foresight = most.log2();
        self
    }

    /// The first step as [`first_step_by_rate`] has it. It may be followed by errors of 1e-8 or so, which have few digits above rounding: factors above 4
    /// are rounded to quarter powers of two, so that rounding (in lanes, on other machines) makes no other steps.
    pub fn starting_by_rate(mut self) -> Self {
        self.starts_by_rate = true;
        self
    }

    /// The first step, from its guess, the size of the slope and of its change over the guess; unsigned.
    pub(crate) fn first_step(&self, guess: T, slope: T, curvature: T) -> T {
        if self.starts_by_rate {
            first_step_by_rate(guess, slope, curvature, self.order)
        } else {
            first_step(guess, slope, curvature, self.order)
        }
    }

    /// Factor for the next step after an accepted one; its error becomes part of the past.
    #[inline(always)]
    pub(crate) fn after_accepted(
        &self,
        error: T,
        step: T,
        past: &mut Past,
        rejected_just_now: bool,
    ) -> T {
        // Errors below 1e-10 are not told apart: steps then grow by the largest factor.
        let log = log2(error.as_f64().max(1e-10));
        let [before, earlier] = past.errors;
        let mut exponent =
            self.beta.as_f64() * before - self.alpha.as_f64() * log - self.gamma.as_f64() * earlier;
        past.errors = [log, before];
        if self.foresight > 0.0 {
            let step = log2(step.as_f64().abs().max(f64::MIN_POSITIVE));
            if let Some(last) = past.step {
                let errors = (before.max(LEAST) - log.max(LEAST)) / self.order as f64;
                exponent += (errors + step - last).min(self.foresight);
            }
            past.step = Some(step);
        }
        if self.starts_by_rate && exponent > 2.0 {
            exponent = quarters(exponent);
        }
        let factor = self.safety * T::of(exp2(exponent));
        let most = if rejected_just_now && !self.grows_after_rejection {
            T::one()
        } else {
            self.max_factor
        };
        factor.max(self.min_after_accepted).min(most)
    }

    /// Factor for another try after a rejection by the error test.
    #[inline]
    pub(crate) fn after_rejected(&self, error: T) -> T {
        let factor = self.safety * error.powf(-T::one() / T::of(self.order as f64));
        factor.max(self.min_factor).min(T::of(0.9))
    }
}

/// Errors below 1e-4 (here as a power of two) tell nothing of how the next will differ.
const LEAST: f64 = -13.3;

/// A first guess of the first step from the size of state and slope alone (Hairer, Nørsett & Wanner 1993, II.4), unsigned.
pub(crate) fn first_guess<T: Scalar>(state: T, slope: T, span: T) -> T {
    let small = T::of(1e-5);
    if state < small || slope < small {
        span * T::of(1e-6)
    } else {
        T::of(0.01) * state / slope
    }
}

/// A power of two to the quarter below.
fn quarters(exponent: f64) -> f64 {
    (exponent * 4.0).floor() / 4.0
}

/// The first step, refined by the change of slope over the guess.
fn first_step<T: Scalar>(guess: T, slope: T, curvature: T, order: usize) -> T {
    let largest = if curvature > slope { curvature } else { slope };
    let step = if largest <= T::of(1e-15) {
        guess * T::of(1e-3)
    } else {
        (T::of(0.01) / largest).powf(T::one() / T::of(order as f64))
    };
    // Not-a-number anywhere leaves the guess.
    let step = if step.is_finite() { step } else { guess };
    step.min(guess * T::of(100.0))
}

/// The step over which a slope of this size, changing at this rate (curvature / slope), makes a hundredth of an error of order h^`order`: as many seconds
/// as it is years. The rule above compares slope and curvature as if times were of order one, and starts chemistry in seconds from atoms, where all
/// but a few species are at 0 and the slope is many times their tolerance, with steps a thousand times too short.
fn first_step_by_rate<T: Scalar>(guess: T, slope: T, curvature: T, order: usize) -> T {
    let change = curvature * guess;
    let size = if change > slope { change } else { slope };
    let order = T::of(order as f64);
    let step = (T::of(0.01) / size).powf(T::one() / order)
        * (curvature / size).powf(T::one() / order - T::one());
    // Not-a-number anywhere leaves the guess.
    let step = if step.is_nan() { guess } else { step };
    // The change of the slope has few digits, too.
    let step = T::of(quarters(step.as_f64().log2()).exp2());
    step.min(guess * T::of(1e5))
}

#[cfg(test)]
mod tests {
    use super::{Control, Past, first_step_by_rate};

    /// Steps whose error is `constant(t)` h^5, from the first accepted one to t = 1e6: how many, and the mean error of the later half.
    fn walk(control: &Control<f64>, constant: impl Fn(f64) -> f64) -> (usize, f64) {
        let (mut t, mut h, mut past) = (1.0, 1e-3, Past::default());
        let (mut errors, mut rejected) = (Vec::new(), false);
        while t < 1e6 {
            let error: f64 = constant(t) * f64::powi(h, 5);
            if error <= 1.0 {
                errors.push(error);
                t += h;
                h *= control.after_accepted(error, h, &mut past, rejected);
                rejected = false;
            } else {
                h *= control.after_rejected(error);
                rejected = true;
            }
        }
        let late = &errors[errors.len() / 2..];
        (errors.len(), late.iter().sum::<f64>() / late.len() as f64)
    }

    /// Where C falls as t^-5, steps grow with t: looking ahead uses the tolerance, not looking ahead leaves most of it unused.
    #[test]
    fn looking_ahead_uses_the_tolerance_while_steps_grow() {
        let plain = Control::new(5, 1.0, 0.0, 0.9, 0.2, 6.0);
        let ahead = plain.with_foresight(1.3);
        let falling = |t: f64| 1e3 * t.powi(-5);
        let (steps, error) = walk(&plain, falling);
        let (fewer, larger) = walk(&ahead, falling);
        assert!(fewer * 10 < steps * 9, "{fewer} and {steps}");
        assert!(
            error < 0.35 && larger > 0.5 && larger < 0.7,
            "{error} and {larger}"
        );
        // Where C stays, the two settle at the same step.
        let (steps, error) = walk(&plain, |_| 1e-20);
        let (same, level) = walk(&ahead, |_| 1e-20);
        assert!(
            steps.abs_diff(same) <= 4 && (error / level - 1.0).abs() < 0.05,
            "{steps} {same} {error} {level}"
        );
    }

    /// What an accepted step before says is no reason for a longer step than the bounds allow, nor for one that is not finite.
    #[test]
    fn looking_ahead_stays_within_the_bounds() {
        let control = Control::<f64>::new(5, 1.0, 0.0, 0.9, 0.2, 6.0).with_foresight(1.3);
        for first in [0.0, 1e-300, 1e-5, 1.0] {
            for second in [0.0, 1e-300, 1e-5, 1.0] {
                for step in [1e-300, 1.0, -1e10] {
                    let mut past = Past::default();
                    control.after_accepted(first, 1.0, &mut past, false);
                    let factor = control.after_accepted(second, step, &mut past, false);
                    assert!(
                        (0.2..=6.0).contains(&factor),
                        "{first} {second} {step}: {factor}"
                    );
                    let most = control.after_accepted(second, step, &mut past, true);
                    assert!(most <= 1.0);
                }
            }
        }
    }

    #[test]
    fn a_first_step_by_rate_does_not_depend_on_the_unit_of_time() {
        for (slope, curvature) in [(500.0, 2e-2), (1e-3, 7.0), (0.0, 1.0), (3.0, 0.0)] {
            let seconds: f64 = first_step_by_rate(1e-3, slope, curvature, 5);
            // Slopes are per unit of time. (Steps are quarter powers of two.)
            for unit in [2f64.powi(25), 2f64.powi(-30)] {
                let other =
                    first_step_by_rate(1e-3 / unit, slope * unit, curvature * unit * unit, 5);
                assert!(
                    (other * unit / seconds - 1.0).abs() < 1e-12,
                    "{slope} {curvature}"
                );
            }
            assert!(
                seconds > 0.0 && seconds <= 1e-3 * 1e5 * (1.0 + 1e-12),
                "{seconds}"
            );
        }
        // A hundredth of an error, slope · (rate · h)^4 · h, or less by the rounding; that of the slope's change makes no other step.
        let h: f64 = first_step_by_rate(1e-2, 500.0, 0.2, 5);
        let error = 500.0 * (0.2 / 500.0 * h).powi(4) * h;
        assert!((0.0042..=0.01).contains(&error), "{h}");
        assert_eq!(h, first_step_by_rate(1e-2, 500.0, 0.2 + 1e-9, 5));
        for (slope, curvature) in [(f64::NAN, 1.0), (0.0, 0.0), (f64::INFINITY, 1.0)] {
            assert!(first_step_by_rate(2.0, slope, curvature, 5) >= 2.0);
        }
        assert!(first_step_by_rate(1e-3_f32, 1e6, 1e-20, 5) <= 101.0);
    }
}
