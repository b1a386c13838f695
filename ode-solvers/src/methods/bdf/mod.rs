//! Backward differentiation in backward differences, orders 1 to 5: for large stiff systems, where every evaluation and factorisation counts.
use super::newton::Newton;
use super::{Method, Stepper};
use crate::controller::Control;
use crate::{LaneJacobian, Options, Scalar, SolveError, Statistics};

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
const SLOW: f64 = 0.3;
/// Errors count this much more when the next step is chosen, at the order in use or below, and at the order above (as in CVODE).
const BIAS: (f64, f64) = (6.0, 10.0);
/// A step grows by no less than the first factor and no more than the second.
const GROWTH: (f64, f64) = (1.3, 10.0);
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
            differences: Vec::new(),
            scratch: Vec::new(),
            predicted: Vec::new(),
            base: Vec::new(),
            slope: Vec::new(),
            slope_new: Vec::new(),
            correction: Vec::new(),
            newton: Newton::new(NEWTON_TOLERANCE, SLOW),
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
    /// ∇⁰y to ∇^(order+2)y, one after the other.
    differences: Vec<[T; 1]>,
    /// Differences at the end of the step tried, for dense output; memory for rescaling.
    scratch: Vec<[T; 1]>,
    predicted: Vec<[T; 1]>,
    base: Vec<[T; 1]>,
    slope: Vec<[T; 1]>,
    slope_new: Vec<[T; 1]>,
    /// y_new − predicted.
    correction: Vec<[T; 1]>,
    newton: Newton<T, 1>,
}

/// (1 − κ_k) Σ 1/j, by which f(y_new) h is multiplied in the formula of order k.
fn alpha(order: usize) -> f64 {
    (1.0 - KAPPA[order]) * HARMONIC[order]
}

/// The local error of order k in units of ∇^(k+1)y.
fn error_constant(order: usize) -> f64 {
    KAPPA[order] * HARMONIC[order] + 1.0 / (order as f64 + 1.0)
}

/// Entry (i, j): how much of ∇^j goes into ∇^i when the step is multiplied by `factor`, for i, j from 1 to `order`.
///
/// The polynomial Σ_j ∇^j y binom(s + j − 1, j), taken at s = 0, −factor, −2 factor, …, is differenced anew.
fn rescaling(order: usize, factor: f64) -> [[f64; MOST + 1]; MOST + 1] {
    let mut matrix = [[0.0; MOST + 1]; MOST + 1];
    for j in 1..=order {
        let mut values: [f64; MOST + 1] = std::array::from_fn(|m| {
            let s = -factor * m as f64;
            (0..j).fold(1.0, |product, q| {
                product * (s + q as f64) / (q as f64 + 1.0)
            })
        });
        for i in 1..=order {
            for m in 0..=order - i {
                values[m] -= values[m + 1];
            }
            matrix[i][j] = values[0];
        }
    }
    matrix
}

impl<T: Scalar> BdfStepper<T> {
    fn row(&self, j: usize) -> &[[T; 1]] {
        &self.differences[j * self.dim..(j + 1) * self.dim]
    }

    /// The differences for a step of length h.
    fn rescale(&mut self, h: T) {
        let factor = (h / self.h).as_f64();
        let (n, order) = (self.dim, self.order);
        let matrix = rescaling(order, factor);
        for i in 1..=order {
            let row = &mut self.scratch[i * n..(i + 1) * n];
            row.fill([T::zero()]);
            for j in 1..=order {
                let weight = T::of(matrix[i][j]);
                let from = &self.differences[j * n..(j + 1) * n];
                for (to, from) in row.iter_mut().zip(from) {
                    to[0] += weight * from[0];
                }
            }
        }
        self.differences[n..(order + 1) * n].copy_from_slice(&self.scratch[n..(order + 1) * n]);
        self.h = h;
        self.equal_steps = 0;
    }

    /// Predicted: Σ_j ∇^j; base: that less Σ_j (Σ_{i ≤ j} 1/i) ∇^j / α. For order K, in one pass.
    #[inline(always)]
    fn predict<const K: usize>(&mut self, y: &[[T; 1]], alpha: f64) {
        let n = self.dim;
        let mut weights = [T::zero(); K];
        let mut rows: [&[[T; 1]]; K] = [&[]; K];
        let differences = self.differences[n..(K + 1) * n].chunks_exact(n.max(1));
        for (j, row) in differences.enumerate() {
            rows[j] = &row[..n];
            weights[j] = T::of(1.0 - HARMONIC[j + 1] / alpha);
        }
        let (predicted, base) = (&mut self.predicted[..n], &mut self.base[..n]);
        let y = &y[..n];
        for i in 0..n {
            let (mut sum, mut weighted) = (y[i][0], y[i][0]);
            for j in 0..K {
                let difference = rows[j][i][0];
                sum += difference;
                weighted += weights[j] * difference;
            }
            predicted[i][0] = sum;
            base[i][0] = weighted;
        }
    }

    /// Differences for a first step of length h.
    fn start(&mut self, h: T) {
        let n = self.dim;
        self.order = 1;
        self.equal_steps = 0;
        self.rejections = 0;
        self.started = true;
        self.h = h;
        self.differences[n..].fill([T::zero()]);
        for i in 0..n {
            self.differences[n + i][0] = h * self.slope[i][0];
        }
    }

    /// The order whose error allows the longest next step, and the factor of that step.
    fn best_order(&self, error: T) -> (usize, f64) {
        let k = self.order;
        let factor = |order: usize, error: f64| {
            let bias = if order > k { BIAS.1 } else { BIAS.0 };
            (bias * error).max(1e-10).powf(-1.0 / (order as f64 + 1.0))
        };
        let estimate = |order: usize| {
            let [size] = self.newton.norm(self.row(order + 1), self.row(0));
            error_constant(order).abs() * size.as_f64()
        };
        let mut best = (k, factor(k, error.as_f64()));
        let mut consider = |order: usize| {
            let candidate = factor(order, estimate(order));
            if candidate > best.1 {
                best = (order, candidate);
            }
        };
        if k > self.method.lowest {
            consider(k - 1);
        }
        if k < self.method.highest {
            consider(k + 1);
        }
        best
    }
}

impl<T: Scalar, S: LaneJacobian<T, 1>> Stepper<T, S, 1> for BdfStepper<T> {
    fn control(&self) -> Control<T> {
        // For the first step alone, which is of order 1; later factors are the method's own.
        Control::new(2, 1.0, 0.0, 0.9, 0.2, GROWTH.1)
    }

    fn prepare(&mut self, system: &mut S) -> Result<(), SolveError> {
        let n = system.dim();
        self.dim = n;
        self.started = false;
        for (array, length) in [
            (&mut self.differences, (MOST + 3) * n),
            (&mut self.scratch, (MOST + 3) * n),
            (&mut self.predicted, n),
            (&mut self.base, n),
            (&mut self.slope, n),
            (&mut self.slope_new, n),
            (&mut self.correction, n),
        ] {
            array.clear();
            array.resize(length, [T::zero()]);
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
            system.rhs(t, y, &mut self.slope);
            self.newton.forget(0);
            self.started = false;
        }
    }

    fn slope(&self) -> &[[T; 1]] {
        &self.slope
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
        let n = self.dim;
        // The loop may have moved the state (invariants).
        self.differences[..n].copy_from_slice(y);
        if !self.started {
            self.start(h[0]);
        } else if h[0] != self.h {
            self.rescale(h[0]);
        }
        let k = self.order;
        let alpha = alpha(k);
        match k {
            1 => self.predict::<1>(y, alpha),
            2 => self.predict::<2>(y, alpha),
            3 => self.predict::<3>(y, alpha),
            4 => self.predict::<4>(y, alpha),
            _ => self.predict::<MOST>(y, alpha),
        }
        let end = [t[0] + h[0]];
        let shift = [T::of(alpha) / h[0]];
        // The Jacobian is that of the state the step starts from: the predicted one may lie where f is not defined.
        self.newton.start(system, t, y, &shift);
        y_new.copy_from_slice(&self.predicted);
        self.newton
            .solve(system, &end, &self.base, y_new, &mut self.slope_new);
        let constant = T::of(error_constant(k));
        let (correction, predicted) = (&mut self.correction[..n], &self.predicted[..n]);
        let (new, error) = (&y_new[..n], &mut error[..n]);
        for i in 0..n {
            correction[i][0] = new[i][0] - predicted[i][0];
            error[i][0] = constant * correction[i][0];
        }
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
        let (n, k) = (self.dim, self.order);
        let correction = &self.correction[..n];
        let (lower, above) = self.differences.split_at_mut((k + 2) * n);
        let (above, old) = (&mut above[..n], &mut lower[(k + 1) * n..]);
        for i in 0..n {
            above[i][0] = correction[i][0] - old[i][0];
            old[i][0] = correction[i][0];
        }
        for j in (0..=k).rev() {
            let (row, above) = self.differences[j * n..(j + 2) * n].split_at_mut(n);
            for (x, above) in row.iter_mut().zip(above) {
                x[0] += above[0];
            }
        }
        self.slope.copy_from_slice(&self.slope_new);
        self.newton.accepted(0);
        self.equal_steps += 1;
        self.rejections = 0;
    }

    #[inline(always)]
    fn step_factor(&mut self, _lane: usize, error: T, accepted: bool, _proposed: T) -> T {
        let k = self.order;
        if !accepted {
            self.rejections += 1;
            let factor = (BIAS.0 * error.as_f64()).powf(-1.0 / (k as f64 + 1.0));
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
        let factor = factor.min(GROWTH.1);
        if order >= k && factor < GROWTH.0 {
            return T::one();
        }
        self.order = order;
        self.equal_steps = 0;
        // A lower order is taken at once: where it is as good, the higher one is about to become unstable.
        T::of(if factor < GROWTH.0 { 1.0 } else { factor })
    }

    fn prepare_interpolation(&mut self) {
        let (n, k) = (self.dim, self.order);
        self.scratch[(k + 1) * n..(k + 2) * n].copy_from_slice(&self.correction);
        for j in (0..=k).rev() {
            let (row, above) = self.scratch[j * n..(j + 2) * n].split_at_mut(n);
            let differences = &self.differences[j * n..(j + 1) * n];
            for ((x, above), difference) in row.iter_mut().zip(above).zip(differences) {
                x[0] = above[0] + difference[0];
            }
        }
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
        let n = self.dim;
        let s = theta[0] - T::one();
        out.copy_from_slice(y_new);
        let mut weight = T::one();
        for j in 1..=self.order {
            let q = T::of(j as f64);
            weight *= (s + q - T::one()) / q;
            let difference = &self.scratch[j * n..(j + 1) * n];
            for (out, difference) in out.iter_mut().zip(difference) {
                out[0] += weight * difference[0];
            }
        }
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
