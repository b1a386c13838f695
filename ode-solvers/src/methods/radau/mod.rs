//! Radau IIA of order 5: for stiff systems at tight tolerances, and for those on which every other method loses its order.
mod stages;

use super::convergence::Convergence;
use super::{Method, Stepper};
use crate::controller::Control;
use crate::linalg::{ComplexSolver, LinearSolver};
use crate::{LaneJacobian, Options, Scalar, SolveError, Statistics};
use stages::collocation;

/// Fully implicit Runge-Kutta method of three stages, order 5, stage order 3, L-stable and B-stable (the method of RADAU5); dense output of order 3 by the
/// collocation polynomial.
///
/// Choose it at tight tolerances, for very stiff non-linear problems, and as the judge of other solves: it loses less of its order to stiffness than any
/// other method here. The three stages are solved by simplified Newton iterations with one real and one complex factorisation, both kept while the iteration
/// converges fast (counted as one factorisation, and a solve with both as one Newton iteration of three right-hand sides). The error estimate is of order
/// 3, that of the method is 5: as in RADAU5 it is therefore held to 0.1·rtol^(2/3), with atol in proportion. One lane.
///
/// Source: E. Hairer & G. Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), IV.5 (method), IV.8 (iteration, error estimate, predictive
/// step control of Gustafsson, J. Comput. Phys. 1994). The table is derived in the tests from the collocation conditions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RadauIia5;

/// Nodes (4 ∓ √6)/10 and 1.
const C: [f64; 3] = [0.155_051_025_721_682_2, 0.644_948_974_278_317_8, 1.0];
/// The inverse of the method's matrix is T Λ T⁻¹ with Λ of one real eigenvalue and a complex pair ALPHA ± i BETA.
const GAMMA: f64 = 3.637_834_252_744_496;
const ALPHA: f64 = 2.681_082_873_627_752;
const BETA: f64 = 3.050_430_199_247_411;
/// Columns: the real eigenvector, real and imaginary part of the complex one.
const T: [[f64; 3]; 3] = [
    [
        0.091_232_394_870_892_95,
        -0.141_255_295_020_954_2,
        -0.030_029_194_105_147_424,
    ],
    [
        0.241_717_932_707_107,
        0.204_129_352_293_799_94,
        0.382_942_112_757_261_9,
    ],
    [0.966_048_182_615_093, 1.0, 0.0],
];
const T_INVERSE: [[f64; 3]; 3] = [
    [
        4.325_579_890_063_155,
        0.339_199_251_815_809_84,
        0.541_770_539_935_874_9,
    ],
    [
        -4.178_718_591_551_905,
        -0.327_682_820_761_062_4,
        0.476_623_554_500_550_44,
    ],
    [
        -0.502_872_634_945_786_9,
        2.571_926_949_855_605,
        -0.596_039_204_828_224_9,
    ],
];
/// Error estimate: (γ/h I − J)⁻¹ (f(y) + Σ E_i Z_i / h), from −(13 ± 7√6)/3 and −1/3.
const ERROR: [f64; 3] = [-10.048_809_399_827_416, 1.382_142_733_160_749, -1.0 / 3.0];
/// Iterations of the three stages together before they count as not converging.
const MOST_ITERATIONS: usize = 8;
const MOST_ITERATIONS_ASKED: usize = 40;
/// Convergence slower than this asks for a new Jacobian.
const SLOW: f64 = 0.01;
/// Steps that would grow by less than this keep their length, and with it the factorisation.
const WORTH_GROWING: f64 = 1.2;
const SAFETY: f64 = 0.9;

impl<F: Scalar> Method<F> for RadauIia5 {
    type Stepper = RadauIia5Stepper<F>;
    fn stepper(&self) -> Self::Stepper {
        RadauIia5Stepper {
            dim: 0,
            rtol: Vec::new(),
            atol: Vec::new(),
            relief: Vec::new(),
            tolerance: F::zero(),
            asked: None,
            jacobian: Vec::new(),
            real: LinearSolver::empty(),
            complex: ComplexSolver::empty(),
            step_factorized: F::nan(),
            jacobian_current: false,
            jacobian_wanted: true,
            convergence: Convergence::new(),
            course: Course::Sound,
            slope: Vec::new(),
            stages: Vec::new(),
            transformed: Vec::new(),
            work: Vec::new(),
            last: Vec::new(),
            last_step: None,
            accepted: None,
            first: true,
            rejected: false,
            iterations: 0,
            cost: Statistics::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Sound,
    Singular,
    Diverged,
    NotFinite,
}

/// Working memory of [`RadauIia5`].
#[derive(Clone, Debug)]
pub struct RadauIia5Stepper<F> {
    dim: usize,
    /// Tolerances that suit the estimate's order, and by how much errors shrink against them.
    rtol: Vec<F>,
    atol: Vec<F>,
    relief: Vec<F>,
    /// Fraction of these tolerances to which stages are solved.
    tolerance: F,
    asked: Option<F>,
    jacobian: Vec<[F; 1]>,
    real: LinearSolver<F, 1>,
    complex: ComplexSolver<F>,
    /// Step of the factorisation in use; not-a-number where there is none.
    step_factorized: F,
    jacobian_current: bool,
    jacobian_wanted: bool,
    convergence: Convergence<F>,
    course: Course,
    slope: Vec<[F; 1]>,
    /// Z_i = Y_i − y of the three stages, one after the other.
    stages: Vec<[F; 1]>,
    /// T⁻¹ Z.
    transformed: Vec<[F; 1]>,
    /// Slopes of the stages, then corrections.
    work: Vec<[F; 1]>,
    /// Z of the last accepted step and its length: what the first guess of the next stages is taken from.
    last: Vec<[F; 1]>,
    last_step: Option<F>,
    /// Length and error of the last accepted step, for the step predictor.
    accepted: Option<(F, F)>,
    /// No step was accepted yet.
    first: bool,
    rejected: bool,
    iterations: usize,
    cost: Statistics,
}

impl<F: Scalar, S: LaneJacobian<F, 1>> Stepper<F, S, 1> for RadauIia5Stepper<F> {
    fn control(&self) -> Control<F> {
        Control::new(4, 1.0, 0.0, SAFETY, 0.2, 8.0)
    }

    fn prepare(&mut self, system: &mut S) -> Result<(), SolveError> {
        let n = system.dim();
        let pattern = system.sparsity();
        if pattern.dim() != n {
            return Err(SolveError::Dimension {
                what: "the Jacobian's pattern",
                expected: n,
                found: pattern.dim(),
            });
        }
        self.dim = n;
        for (array, length) in [
            (&mut self.slope, n),
            (&mut self.stages, 3 * n),
            (&mut self.transformed, 3 * n),
            (&mut self.work, 3 * n),
            (&mut self.last, 3 * n),
            (&mut self.jacobian, pattern.nnz()),
        ] {
            array.clear();
            array.resize(length, [F::zero()]);
        }
        self.real.analyse(pattern.clone());
        self.complex.analyse(pattern);
        self.forget();
        Ok(())
    }

    fn set_tolerances(&mut self, options: &Options<F>, atol: &[F]) {
        for array in [&mut self.rtol, &mut self.atol, &mut self.relief] {
            array.clear();
        }
        let mut smallest = F::one();
        for (rtol, &atol) in options.rtol_of_each(atol.len()).zip(atol) {
            let relief = if rtol > F::zero() {
                F::of(0.1) * rtol.powf(F::of(-1.0 / 3.0))
            } else {
                F::one()
            };
            self.relief.push(relief);
            self.rtol.push(rtol * relief);
            self.atol.push(atol * relief);
            smallest = smallest.min(rtol * relief);
        }
        let smallest = smallest.max(F::epsilon());
        self.asked = options.newton_tolerance;
        let usual = smallest.sqrt().min(F::of(0.03));
        let rounding = F::of(16.0) * F::epsilon() / smallest;
        self.tolerance = match self.asked {
            Some(fraction) => fraction.max(rounding),
            None => usual.max(rounding.min(F::of(0.03))),
        };
    }

    fn begin(
        &mut self,
        system: &mut S,
        fresh: &[bool; 1],
        _changed: &[bool; 1],
        t: &[F; 1],
        _h: &[F; 1],
        y: &[[F; 1]],
    ) {
        system.rhs(t, y, &mut self.slope);
        if fresh[0] {
            self.forget();
        }
    }

    fn slope(&self) -> &[[F; 1]] {
        &self.slope
    }

    fn attempt(
        &mut self,
        system: &mut S,
        t: &[F; 1],
        h: &[F; 1],
        y: &[[F; 1]],
        y_new: &mut [[F; 1]],
        error: &mut [[F; 1]],
    ) -> [bool; 1] {
        let n = self.dim;
        self.cost = Statistics::default();
        self.course = Course::Sound;
        self.convergence.begin_attempt();
        if !self.refresh(system, t, h[0], y) {
            self.course = Course::Singular;
            return [true];
        }
        self.guess(h[0]);
        self.iterate(system, t[0], h[0], y, y_new);
        match self.course {
            Course::NotFinite => y_new.fill([F::nan()]),
            Course::Sound => {
                self.estimate(system, t[0], h[0], y, error);
                for i in 0..n {
                    y_new[i][0] = y[i][0] + self.stages[2 * n + i][0];
                }
            }
            Course::Diverged | Course::Singular => {
                y_new.copy_from_slice(y);
                error.fill([F::zero()]);
            }
        }
        [false]
    }

    fn retry_factor(&self, _lane: usize) -> Option<F> {
        (self.course == Course::Diverged).then(|| {
            // With a new Jacobian the same step may do.
            if self.jacobian_wanted {
                F::one()
            } else {
                F::of(0.5)
            }
        })
    }

    fn accept(&mut self, accepted: &[bool; 1]) {
        if accepted[0] {
            self.last.copy_from_slice(&self.stages);
            self.last_step = Some(self.step_factorized);
            self.jacobian_current = false;
            self.jacobian_wanted |= self.convergence.slowest() > F::of(SLOW);
        }
    }

    fn step_factor(&mut self, _lane: usize, error: F, accepted: bool, _proposed: F) -> F {
        let error = error.max(F::of(1e-10));
        // Many iterations ask for a smaller step.
        let most = MOST_ITERATIONS as f64;
        let safety =
            SAFETY.min(SAFETY * (1.0 + 2.0 * most) / (self.iterations as f64 + 2.0 * most));
        let fourth = |x: F| x.powf(F::of(0.25));
        let mut factor = (F::of(safety) / fourth(error))
            .max(F::of(0.2))
            .min(F::of(8.0));
        if !accepted {
            self.rejected = true;
            return factor.min(F::of(0.9));
        }
        let h = self.step_factorized;
        if let Some((before, error_before)) = self.accepted {
            // Gustafsson's predictor: the trend of the error over the last two steps.
            let trend = (h / before).abs() * fourth(error_before / (error * error)) * F::of(SAFETY);
            factor = factor.min(trend.max(F::of(0.2)));
        }
        if self.rejected {
            factor = factor.min(F::one());
        }
        (self.first, self.rejected) = (false, false);
        self.accepted = Some((h, error.max(F::of(1e-2))));
        let little = factor >= F::one() && factor <= F::of(WORTH_GROWING);
        if little && !self.jacobian_wanted {
            F::one()
        } else {
            factor
        }
    }

    fn interpolate(
        &self,
        theta: &[F; 1],
        _h: &[F; 1],
        y: &[[F; 1]],
        _y_new: &[[F; 1]],
        out: &mut [[F; 1]],
    ) {
        let n = self.dim;
        let weights = collocation(theta[0]);
        for i in 0..n {
            let z = [0, 1, 2].map(|j| self.stages[j * n + i][0]);
            out[i][0] = y[i][0] + weights[0] * z[0] + weights[1] * z[1] + weights[2] * z[2];
        }
    }

    #[cold]
    fn undeclared_dependence(
        &self,
        system: &mut S,
        lane: usize,
        t: &[F; 1],
        y: &[[F; 1]],
    ) -> Option<(usize, usize)> {
        system.undeclared_dependence(lane, t, y)
    }

    fn begin_cost(&self, _lane: usize, _fresh: bool) -> Statistics {
        Statistics {
            rhs_evaluations: 1,
            ..Statistics::default()
        }
    }

    fn attempt_cost(&self, _lane: usize) -> Statistics {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
        std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
    }

    /// The method's matrix: a_ij is the integral of the j-th Lagrange polynomial of the nodes from 0 to c_i, exact for quadratics by Simpson's rule.
    fn matrix() -> [[f64; 3]; 3] {
        let lagrange = |j: usize, x: f64| {
            let others = (0..3).filter(|&m| m != j);
            others.fold(1.0, |p, m| p * (x - C[m]) / (C[j] - C[m]))
        };
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let middle = 4.0 * lagrange(j, C[i] / 2.0);
                C[i] / 6.0 * (lagrange(j, 0.0) + middle + lagrange(j, C[i]))
            })
        })
    }

    #[test]
    fn the_transformation_turns_the_inverse_matrix_into_its_eigenvalues() {
        let eigenvalues = [[GAMMA, 0.0, 0.0], [0.0, ALPHA, -BETA], [0.0, BETA, ALPHA]];
        let inverse = times(times(T, eigenvalues), T_INVERSE);
        let (one, other) = (times(inverse, matrix()), times(T, T_INVERSE));
        for i in 0..3 {
            for j in 0..3 {
                let identity = f64::from(u8::from(i == j));
                assert!(
                    (one[i][j] - identity).abs() < 1e-13,
                    "{i} {j}: {}",
                    one[i][j]
                );
                assert!((other[i][j] - identity).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn nodes_and_error_weights_are_the_published_ones() {
        let root = 6f64.sqrt();
        assert!((C[0] - (4.0 - root) / 10.0).abs() < 1e-16);
        assert!((C[1] - (4.0 + root) / 10.0).abs() < 1e-16);
        assert!((ERROR[0] + (13.0 + 7.0 * root) / 3.0).abs() < 1e-14);
        assert!((ERROR[1] - (-13.0 + 7.0 * root) / 3.0).abs() < 1e-14);
        // The estimate vanishes for solutions up to t³, for which Z_i = c_i^p and h f(y) = 1 for p = 1, 0 above.
        for p in 1..=3 {
            let sum: f64 = (0..3).map(|i| ERROR[i] * C[i].powi(p)).sum();
            let slope = f64::from(u8::from(p == 1));
            assert!((sum + slope).abs() < 1e-13, "{p}: {sum}");
        }
    }

    #[test]
    fn the_collocation_polynomial_passes_through_the_stages() {
        for theta in [0.0, 0.3, 1.0, 1.7] {
            for p in 1..=3 {
                let weights = collocation::<f64>(theta);
                let sum: f64 = (0..3).map(|j| weights[j] * C[j].powi(p)).sum();
                assert!((sum - theta.powi(p)).abs() < 1e-13);
            }
        }
    }
}
