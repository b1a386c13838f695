//! Backward differentiation in backward differences, orders 1 to 5: for large stiff systems, where every evaluation and factorisation counts.
mod passes;

use super::newton::Newton;
use super::{Method, Stepper};
use crate::aligned::Aligned;
use crate::controller::Control;
use crate::powers::{exp2, log2, power};
use crate::row::{WIDTH, run};
use crate::{LaneJacobian, Options, Scalar, SolveError, Statistics};
use passes::Differences;

/// Numerical differentiation formulae of variable order 1 to 5 and quasi-constant step (modified BDF); orders 1 and 2 L-stable, 3 to 5 A(α)-stable with
/// α = 80°, 66°, 51°; dense output of the order in use.
///
/// Choose it where a factorisation is dear and tolerances are loose: one implicit stage a step, Jacobian and factorisation kept over many steps. It takes
/// more and shorter steps than [`super::Rodas5p`] or [`super::RadauIia5`], and is the wrong method for oscillations and for frequent restarts. One lane.
///
/// Source: L. F. Shampine & M. W. Reichelt, The MATLAB ODE suite, SIAM J. Sci. Comput. 18 (1997) 1, doi:10.1137/S1064827594276424 (NDF coefficients, the
/// error estimate, differences rescaled when the step changes); C. W. Gear (1971) for the formulae they modify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bdf {
    lowest: usize,
    highest: usize,
}

/// Highest order.
const MOST: usize = 5;
/// Shampine & Reichelt's κ: what is added to the formula of each order for a smaller error constant.
const KAPPA: [f64; MOST + 1] = [0.0, -0.185, -1.0 / 9.0, -0.0823, -0.0415, 0.0];
/// Σ_{j ≤ k} 1/j.
const HARMONIC: [f64; MOST + 1] = [0.0, 1.0, 1.5, 11.0 / 6.0, 25.0 / 12.0, 137.0 / 60.0];
/// Fraction of the tolerance to which a stage is solved.
const NEWTON_TOLERANCE: f64 = 0.03;
/// Convergence slower than this asks for a new Jacobian.
const SLOW: f64 = 0.2;
/// Growth of the step after which the Jacobian is taken anew in any case.
const LONGER: f64 = 10.0;
/// Errors count this much more when the next step is chosen, at the order in use or below, and at the order above (as in CVODE).
const BIAS: (f64, f64) = (6.0, 10.0);
/// A step grows by no less (this is log₂ of 1.4) and no more.
const LEAST_GROWTH: f64 = 0.485_426_827_170_241_7;
const MOST_GROWTH: f64 = 10.0;
/// Rejections in a row after which a lower order is tried.
const REJECTIONS: usize = 2;

impl Default for Bdf {
    fn default() -> Self {
        Self {
            lowest: 1,
            highest: MOST,
        }
    }
}

impl Bdf {
    /// Order 1 up to `highest` (1 to 5, others are taken as the nearest of these). 2 keeps the method L-stable.
    pub fn up_to_order(highest: usize) -> Self {
        Self {
            lowest: 1,
            highest: highest.clamp(1, MOST),
        }
    }

    /// One order (1 to 5, others are taken as the nearest of these), after as many first steps of rising order.
    pub fn of_order(order: usize) -> Self {
        let order = order.clamp(1, MOST);
        Self {
            lowest: order,
            highest: order,
        }
    }
}

impl<T: Scalar> Method<T> for Bdf {
    type Stepper = BdfStepper<T>;
    fn stepper(&self) -> Self::Stepper {
        BdfStepper {
            dim: 0,
            method: *self,
            order: 1,
            equal_steps: 0,
            rejections: 0,
            started: false,
            h: T::zero(),
            differences: Aligned::new(),
            at_end: Aligned::new(),
            predicted: Aligned::new(),
            base: Aligned::new(),
            slope: Aligned::new(),
            slope_new: Aligned::new(),
            correction: Aligned::new(),
            newton: Newton::new(NEWTON_TOLERANCE, SLOW).renewing_after_growth(LONGER),
        }
    }
}

/// Working memory of [`Bdf`].
#[derive(Clone, Debug)]
pub struct BdfStepper<T> {
    dim: usize,
    method: Bdf,
    order: usize,
    /// Accepted steps since order or length changed.
    equal_steps: usize,
    rejections: usize,
    /// The differences belong to the present model.
    started: bool,
    /// Step length of the differences.
    h: T,
    /// ∇⁰y to ∇^(order+2)y; these and all below fill whole registers, with zeros behind their last components.
    differences: Aligned<T, WIDTH>,
    /// Differences at the end of the step tried, for dense output.
    at_end: Aligned<T, WIDTH>,
    predicted: Aligned<T, WIDTH>,
    base: Aligned<T, WIDTH>,
    slope: Aligned<T, WIDTH>,
    slope_new: Aligned<T, WIDTH>,
    /// y_new − predicted.
    correction: Aligned<T, WIDTH>,
    newton: Newton<T, 1>,
}

/// (1 − κ_k) Σ 1/j, by which f(y_new) h is multiplied in the formula of order k.
const fn alpha(order: usize) -> f64 {
    (1.0 - KAPPA[order]) * HARMONIC[order]
}

/// The local error of order k in units of ∇^(k+1)y.
const fn error_constant(order: usize) -> f64 {
    KAPPA[order] * HARMONIC[order] + 1.0 / (order as f64 + 1.0)
}

/// What goes with ∇^j y into the base of order k: 1 − Σ_{i ≤ j} 1/i / α_k.
const BASE: [[f64; MOST + 1]; MOST + 1] = {
    let mut weights = [[0.0; MOST + 1]; MOST + 1];
    let mut order = 1;
    while order <= MOST {
        let mut j = 0;
        while j <= MOST {
            weights[order][j] = 1.0 - HARMONIC[j] / alpha(order);
            j += 1;
        }
        order += 1;
    }
    weights
};

/// Entry (i, j): how much of ∇^j goes into ∇^i when the step is multiplied by `factor`, for i, j from 1 to `order`.
///
/// The polynomial Σ_j ∇^j y binom(s + j − 1, j), taken at s = 0, −factor, −2 factor, …, is differenced anew.
fn rescaling(order: usize, factor: f64) -> [[f64; MOST + 1]; MOST + 1] {
    let mut matrix = [[0.0; MOST + 1]; MOST + 1];
    let mut values = [1.0; MOST + 1];
    for j in 1..=order {
        let q = (j - 1) as f64;
        for m in 0..=order {
            values[m] *= (q - factor * m as f64) * (1.0 / (q + 1.0));
        }
        let mut differences = values;
        for i in 1..=order {
            for m in 0..=order - i {
                differences[m] -= differences[m + 1];
            }
            matrix[i][j] = differences[0];
        }
    }
    matrix
}

/// The components of a row of registers, as a state in one lane.
fn state<T>(row: &[[T; WIDTH]], dim: usize) -> &[[T; 1]] {
    &row.as_flattened().as_chunks().0[..dim]
}

/// As [`state`].
fn state_mut<T>(row: &mut [[T; WIDTH]], dim: usize) -> &mut [[T; 1]] {
    &mut row.as_flattened_mut().as_chunks_mut().0[..dim]
}

/// The differences of every eight components.
fn of_each<T>(differences: &[[T; WIDTH]]) -> &[Differences<T>] {
    differences.as_chunks().0
}

/// As [`of_each`].
fn of_each_mut<T>(differences: &mut [[T; WIDTH]]) -> &mut [Differences<T>] {
    differences.as_chunks_mut().0
}

impl<T: Scalar> BdfStepper<T> {
    /// The differences for a step of length h.
    fn rescale(&mut self, h: T) {
        let factor = (h / self.h).as_f64();
        run(passes::Rescale {
            order: self.order,
            matrix: &rescaling(self.order, factor).map(|row| row.map(T::of)),
            differences: of_each_mut(&mut self.differences),
        });
        self.h = h;
        self.equal_steps = 0;
    }

    /// Differences for a first step of length h.
    fn start(&mut self, h: T) {
        self.order = 1;
        self.equal_steps = 0;
        self.rejections = 0;
        self.started = true;
        self.h = h;
        let differences = of_each_mut(&mut self.differences);
        for (differences, slope) in differences.iter_mut().zip(&*self.slope) {
            *differences = [[T::zero(); WIDTH]; MOST + 3];
            differences[1] = slope.map(|slope| h * slope);
        }
    }

    /// The order whose error allows the longest next step, and log₂ of the factor of that step.
    fn best_order(&self, error: T) -> (usize, f64) {
        let k = self.order;
        let factor = |order: usize, error: f64| {
            let bias = if order > k { BIAS.1 } else { BIAS.0 };
            -log2((bias * error).max(1e-10)) / (order as f64 + 1.0)
        };
        let (atol, rtol) = self.newton.tolerances();
        let mut sizes = [T::zero(); 2];
        run(passes::Sizes {
            order: k,
            atol,
            rtol,
            differences: of_each(&self.differences),
            sizes: &mut sizes,
        });
        let [below, above] = sizes;
        let mut best = (k, factor(k, error.as_f64()));
        let mut consider = |order: usize, size: T| {
            let candidate = factor(order, error_constant(order).abs() * size.as_f64());
            if candidate > best.1 {
                best = (order, candidate);
            }
        };
        if k > self.method.lowest {
            consider(k - 1, below);
        }
        if k < self.method.highest {
            consider(k + 1, above);
        }
        best
    }
}

impl<T: Scalar, S: LaneJacobian<T, 1>> Stepper<T, S, 1> for BdfStepper<T> {
    const CHOOSES_STEPS: bool = true;

    fn control(&self) -> Control<T> {
        // For the first step alone, which is of order 1; later factors are the method's own.
        Control::new(2, 1.0, 0.0, 0.9, 0.2, MOST_GROWTH)
    }

    fn prepare(&mut self, system: &mut S) -> Result<(), SolveError> {
        let n = system.dim();
        self.dim = n;
        self.started = false;
        let registers = n.div_ceil(WIDTH);
        for (array, rows) in [
            (&mut self.differences, MOST + 3),
            (&mut self.at_end, MOST + 3),
            (&mut self.predicted, 1),
            (&mut self.base, 1),
            (&mut self.slope, 1),
            (&mut self.slope_new, 1),
            (&mut self.correction, 1),
        ] {
            array.reset(rows * registers);
        }
        self.newton.prepare(system)
    }

    fn set_tolerances(&mut self, options: &Options<T>, atol: &[T]) {
        self.newton.set_tolerances(options, atol);
    }

    fn begin(
        &mut self,
        system: &mut S,
        fresh: &[bool; 1],
        _changed: &[bool; 1],
        t: &[T; 1],
        _h: &[T; 1],
        y: &[[T; 1]],
    ) {
        if fresh[0] {
            system.rhs(t, y, state_mut(&mut self.slope, self.dim));
            self.newton.forget(0);
            self.started = false;
        }
    }

    fn slope(&self) -> &[[T; 1]] {
        state(&self.slope, self.dim)
    }

    #[inline(always)]
    fn attempt(
        &mut self,
        system: &mut S,
        t: &[T; 1],
        h: &[T; 1],
        y: &[[T; 1]],
        y_new: &mut [[T; 1]],
        error: &mut [[T; 1]],
    ) -> [bool; 1] {
        if !self.started {
            self.start(h[0]);
        } else if h[0] != self.h {
            self.rescale(h[0]);
        }
        let (n, k) = (self.dim, self.order);
        let alpha = alpha(k);
        run(passes::Predict {
            order: k,
            weights: &BASE[k].map(T::of),
            y: y.as_flattened(),
            differences: of_each_mut(&mut self.differences),
            predicted: &mut self.predicted,
            base: &mut self.base,
            y_new: y_new.as_flattened_mut(),
        });
        let end = [t[0] + h[0]];
        let shift = [T::of(alpha) / h[0]];
        // The Jacobian is that of the state the step starts from: the predicted one may lie where f is not defined.
        self.newton.start(system, t, y, &shift);
        self.newton
            .solve(system, &end, state(&self.base, n), y_new, None);
        run(passes::Finish {
            shift: shift[0],
            constant: T::of(error_constant(k)),
            y_new: y_new.as_flattened(),
            predicted: &self.predicted,
            base: &self.base,
            correction: &mut self.correction,
            slope: &mut self.slope_new,
            error: error.as_flattened_mut(),
        });
        if self.newton.not_finite(0) {
            y_new.fill([T::nan()]);
        }
        self.newton.singular()
    }

    fn retry_factor(&self, lane: usize) -> Option<T> {
        self.newton.retry_factor(lane)
    }

    #[inline(always)]
    fn accept(&mut self, accepted: &[bool; 1]) {
        if !accepted[0] {
            return;
        }
        run(passes::Advance {
            order: self.order,
            correction: &self.correction,
            differences: of_each_mut(&mut self.differences),
        });
        std::mem::swap(&mut self.slope, &mut self.slope_new);
        self.newton.accepted(0);
        self.equal_steps += 1;
        self.rejections = 0;
    }

    #[inline(always)]
    fn step_factor(&mut self, _lane: usize, error: T, accepted: bool, _proposed: T) -> T {
        let k = self.order;
        if !accepted {
            self.rejections += 1;
            let factor = power(BIAS.0 * error.as_f64(), -1.0 / (k as f64 + 1.0));
            if self.rejections >= REJECTIONS && k > self.method.lowest {
                self.order -= 1;
            }
            self.equal_steps = 0;
            return T::of(factor.clamp(0.2, 0.9));
        }
        if k < self.method.lowest {
            self.order += 1;
            return T::one();
        }
        // Differences of higher order mean something only after as many equal steps.
        if self.equal_steps < k + 1 {
            return T::one();
        }
        let (order, factor) = self.best_order(error);
        let grows = factor >= LEAST_GROWTH;
        if order >= k && !grows {
            return T::one();
        }
        self.order = order;
        self.equal_steps = 0;
        // A lower order is taken at once: where it is as good, the higher one is about to become unstable.
        if !grows {
            return T::one();
        }
        T::of(exp2(factor).min(MOST_GROWTH))
    }

    fn prepare_interpolation(&mut self) {
        self.at_end.copy_from_slice(&self.differences);
        run(passes::Advance {
            order: self.order,
            correction: &self.correction,
            differences: of_each_mut(&mut self.at_end),
        });
    }

    #[inline(always)]
    fn interpolate(
        &self,
        theta: &[T; 1],
        _h: &[T; 1],
        _y: &[[T; 1]],
        y_new: &[[T; 1]],
        out: &mut [[T; 1]],
    ) {
        let s = theta[0] - T::one();
        let mut weights = [T::one(); MOST + 1];
        for j in 1..=MOST {
            let q = j as f64;
            weights[j] = weights[j - 1] * (s + T::of(q - 1.0)) * T::of(1.0 / q);
        }
        run(passes::Combine {
            order: self.order,
            weights: &weights,
            y: y_new.as_flattened(),
            differences: of_each(&self.at_end),
            out: out.as_flattened_mut(),
        });
    }

    #[cold]
    fn undeclared_dependence(
        &self,
        system: &mut S,
        lane: usize,
        t: &[T; 1],
        y: &[[T; 1]],
    ) -> Option<(usize, usize)> {
        system.undeclared_dependence(lane, t, y)
    }

    fn begin_cost(&self, _lane: usize, fresh: bool) -> Statistics {
        Statistics {
            rhs_evaluations: usize::from(fresh),
            ..Statistics::default()
        }
    }

    fn attempt_cost(&self, lane: usize) -> Statistics {
        self.newton.cost(lane)
    }
}

#[cfg(test)]
mod tests;
