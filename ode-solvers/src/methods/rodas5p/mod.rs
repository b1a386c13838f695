//! Steinebach's linearly implicit method of order 5(4): the default for stiff systems with a Jacobian, chemistry above all.
mod coefficients;
mod defect;
mod refine;

use super::{Attempt, Method, Stepper, add_weighted};
use crate::aligned::Aligned;
use crate::controller::Control;
use crate::interpolant;
use crate::linalg::LinearSolver;
use crate::{LaneJacobian, Options, Scalar, SolveError, Statistics};
use coefficients::{A, C, D, DEFECT, GAMMA, H, R};
use defect::Ends;

/// Rosenbrock method of order 5(4) with eight stages, stiffly accurate and L-stable, for stiff systems with an exact Jacobian; dense output of order 4.
///
/// Choose it for stiff systems of up to some hundred components at tolerances from 1e-2 to 1e-9: one Jacobian and one factorisation a step, no
/// iteration that could fail to converge. Two estimates bound the error of a step, the embedded one and the slope of the dense output at its end. It keeps
/// linear invariants (elements, charge) up to rounding. The Jacobian must be exact: an approximate one costs the order.
///
/// Source: G. Steinebach, Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia Differential Equations
/// package, BIT Numerical Mathematics 63 (2023) 27, doi:10.1007/s10543-023-00967-x; coefficients in the transformed form of Hairer & Wanner
/// (Solving ODEs II, IV.7) as in OrdinaryDiffEq.jl (SciML).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rodas5p;

/// A step is at most so many times as long as the one before. Two estimates watch its error: with the embedded one alone, growth beyond 6 had cost
/// accuracy; with both, 50 saves one step in twenty at no error more (47 models of the 224-reaction network and some thousand random ones).
const LARGEST_GROWTH: f64 = 50.0;
/// How much longer a step may become by looking ahead, at tolerances up to the first and from the second on. At 1e-3 the 47 models take 67.7 attempted steps instead of
/// 70.4 with 1.3, at the same errors (second estimate at 2.5); at 1e-5 errors with 2 are five times those with 1.3.
const FORESIGHT: [(f64, f64); 2] = [(1e-4, LEAST_FORESIGHT), (1e-3, 2.0)];
const LEAST_FORESIGHT: f64 = 1.3;

/// [`FORESIGHT`] at this tolerance.
fn foresight(rtol: f64) -> f64 {
    let [(tight, least), (loose, most)] = FORESIGHT;
    least + (most - least) * ((rtol - tight) / (loose - tight)).clamp(0.0, 1.0)
}

impl<T: Scalar, const W: usize> Method<T, W> for Rodas5p {
    type Stepper = Rodas5pStepper<T, W>;
    fn stepper(&self) -> Self::Stepper {
        Rodas5pStepper {
            dim: 0,
            autonomous: true,
            foresight: LEAST_FORESIGHT,
            refines: false,
            differenced: false,
            slope: Aligned::new(),
            end_slope: Aligned::new(),
            stale: [false; W],
            evaluated: [false; W],
            time_slope: Aligned::new(),
            stages: Aligned::new(),
            state: Aligned::new(),
            smooth: Aligned::new(),
            dense: Aligned::new(),
            jacobian: Aligned::new(),
            linear: LinearSolver::empty(),
        }
    }
}

/// Working memory of [`Rodas5p`] over W lanes.
#[derive(Clone, Debug)]
pub struct Rodas5pStepper<T, const W: usize> {
    dim: usize,
    autonomous: bool,
    /// By how much a step may grow through looking ahead.
    foresight: f64,
    /// Whether outputs are refined.
    refines: bool,
    /// Whether ∂f/∂t was differenced, at the cost of one more right-hand side.
    differenced: bool,
    slope: Aligned<T, W>,
    /// The slope at the end of the last attempt.
    end_slope: Aligned<T, W>,
    /// Lanes whose slope belongs to a state that was moved since.
    stale: [bool; W],
    /// Lanes whose slope the last `begin` had to evaluate.
    evaluated: [bool; W],
    time_slope: Aligned<T, W>,
    /// The eight stages U_j, one after the other.
    stages: Aligned<T, W>,
    state: Aligned<T, W>,
    /// The part of an output's correction that is not stiff.
    smooth: Aligned<T, W>,
    /// K₁, K₂, K₃ of the dense output, one after the other.
    dense: Aligned<T, W>,
    jacobian: Aligned<T, W>,
    linear: LinearSolver<T, W>,
}

/// Right-hand side of stage `$s` at the current state, and its solution: M U_s = f + Σ_j R_sj/h U_j + h D_s ∂f/∂t.
macro_rules! stage {
    ($self:ident, $system:ident, $t:ident, $h:ident, $inverse_h:ident, $s:literal, [$($j:literal),*]) => {{
        let n = $self.dim;
        let (before, rest) = $self.stages.split_at_mut($s * n);
        let stage = &mut rest[..n];
        let at = each_lane!(T::zero(), |l| $t[l] + $h[l] * T::of(C[$s]));
        $system.rhs(&at, &$self.state, stage);
        add_weighted(stage, None, Some(&$inverse_h), &R[$s], [$(&before[$j * n..($j + 1) * n]),*]);
        if !$self.autonomous && D[$s] != 0.0 {
            add_weighted(stage, None, Some($h), &[D[$s]], [&$self.time_slope]);
        }
        $self.linear.solve(&$self.jacobian, stage);
    }};
}

/// State of stage `$s` from the stages before.
macro_rules! state {
    ($self:ident, $y:ident, $s:literal, [$($j:literal),*]) => {{
        let n = $self.dim;
        add_weighted(&mut $self.state, Some($y), None, &A[$s], [$(&$self.stages[$j * n..($j + 1) * n]),*]);
    }};
}

impl<T: Scalar, S: LaneJacobian<T, W>, const W: usize> Stepper<T, S, W> for Rodas5pStepper<T, W> {
    fn control(&self) -> Control<T> {
        Control::new(5, 1.0, 0.0, 0.9, 0.2, LARGEST_GROWTH)
            .with_foresight(self.foresight)
            .starting_by_rate()
    }

    fn set_tolerances(&mut self, options: &Options<T>, _atol: &[T]) {
        let each = options.rtol_each.iter().copied().map(Scalar::as_f64);
        let rtol = each.reduce(f64::min).unwrap_or(options.rtol.as_f64());
        self.foresight = foresight(rtol);
        self.refines = rtol < refine::BELOW;
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
        self.autonomous = system.is_autonomous();
        self.stale = [false; W];
        for (array, length) in [
            (&mut self.slope, n),
            (&mut self.end_slope, n),
            (&mut self.time_slope, n),
            (&mut self.stages, 8 * n),
            (&mut self.state, n),
            (&mut self.smooth, n),
            (&mut self.dense, 3 * n),
            (&mut self.jacobian, pattern.nnz()),
        ] {
            array.reset(length);
        }
        self.linear.analyse(pattern);
        Ok(())
    }

    #[inline(always)]
    fn begin(
        &mut self,
        system: &mut S,
        fresh: &[bool; W],
        _changed: &[bool; W],
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
    ) {
        self.evaluated = each_lane!(false, |l| fresh[l] || self.stale[l]);
        self.stale = [false; W];
        if self.evaluated.contains(&true) {
            system.rhs(t, y, &mut self.end_slope);
            let evaluated = self.evaluated;
            defect::take(&mut self.slope, &self.end_slope, &evaluated);
        }
        // Lanes that did not change get the same values again.
        system.jacobian(t, y, &mut self.jacobian);
        if !self.autonomous {
            self.differenced = !system.time_derivative(t, y, &mut self.time_slope);
            if self.differenced {
                self.difference_in_time(system, t, h, y);
            }
        }
    }

    #[inline(always)]
    fn slope(&self) -> &[[T; W]] {
        &self.slope
    }

    #[inline(always)]
    fn attempt(
        &mut self,
        system: &mut S,
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        y_new: &mut [[T; W]],
        error: &mut [[T; W]],
    ) -> [bool; W] {
        let n = self.dim;
        let inverse_h: [T; W] = each_lane!(T::zero(), |l| T::one() / h[l]);
        let shift = each_lane!(T::zero(), |l| inverse_h[l] / T::of(GAMMA));
        let singular = self.linear.factorize(&shift, &self.jacobian);
        if singular.iter().all(|&s| s) {
            return singular;
        }
        let first = &mut self.stages[..n];
        first.copy_from_slice(&self.slope);
        if !self.autonomous {
            add_weighted(first, None, Some(h), &[D[0]], [&self.time_slope]);
        }
        self.linear.solve(&self.jacobian, first);
        state!(self, y, 1, [0]);
        stage!(self, system, t, h, inverse_h, 1, [0]);
        state!(self, y, 2, [0, 1]);
        stage!(self, system, t, h, inverse_h, 2, [0, 1]);
        state!(self, y, 3, [0, 1, 2]);
        stage!(self, system, t, h, inverse_h, 3, [0, 1, 2]);
        state!(self, y, 4, [0, 1, 2, 3]);
        stage!(self, system, t, h, inverse_h, 4, [0, 1, 2, 3]);
        state!(self, y, 5, [0, 1, 2, 3, 4]);
        stage!(self, system, t, h, inverse_h, 5, [0, 1, 2, 3, 4]);
        add_weighted(
            &mut self.state,
            None,
            None,
            &[1.0],
            [&self.stages[5 * n..6 * n]],
        );
        stage!(self, system, t, h, inverse_h, 6, [0, 1, 2, 3, 4, 5]);
        add_weighted(
            &mut self.state,
            None,
            None,
            &[1.0],
            [&self.stages[6 * n..7 * n]],
        );
        stage!(self, system, t, h, inverse_h, 7, [0, 1, 2, 3, 4, 5, 6]);
        let last = &self.stages[7 * n..];
        error.copy_from_slice(last);
        add_weighted(y_new, Some(&self.state), None, &[1.0], [last]);
        // The slope at the end is the first of the next step; the last state is no longer needed.
        let end = each_lane!(T::zero(), |l| t[l] + h[l]);
        system.rhs(&end, y_new, &mut self.end_slope);
        self.state.copy_from_slice(&self.end_slope);
        let mut stages: [&[[T; W]]; 8] = [&[]; 8];
        for (stage, of) in stages.iter_mut().zip(self.stages.chunks_exact(n.max(1))) {
            *stage = of;
        }
        add_weighted(&mut self.state, None, Some(&inverse_h), &DEFECT, stages);
        self.linear.solve(&self.jacobian, &mut self.state);
        defect::larger(error, &self.state, Ends { y, y_new });
        singular
    }

    #[inline(always)]
    fn accept(&mut self, accepted: &[bool; W]) {
        defect::take(&mut self.slope, &self.end_slope, accepted);
    }

    fn moved(&mut self, lanes: &[bool; W]) {
        for l in 0..W {
            self.stale[l] |= lanes[l];
        }
    }

    fn can_be_moved(&self) -> bool {
        true
    }

    fn interpolant_degree(&self) -> usize {
        if self.refines { refine::DEGREE } else { 4 }
    }

    #[inline(always)]
    fn prepare_interpolation(&mut self) {
        let n = self.dim;
        for (r, row) in H.iter().enumerate() {
            let dense = &mut self.dense[r * n..(r + 1) * n];
            dense.fill([T::zero(); W]);
            let stages = &self.stages;
            let mut terms: [&[[T; W]]; 8] = [&[]; 8];
            for (term, stage) in terms.iter_mut().zip(stages.chunks_exact(n.max(1))) {
                *term = stage;
            }
            add_weighted(dense, None, None, row, terms);
        }
    }

    #[inline(always)]
    fn interpolate(
        &self,
        theta: &[T; W],
        _h: &[T; W],
        y: &[[T; W]],
        y_new: &[[T; W]],
        out: &mut [[T; W]],
    ) {
        let n = self.dim;
        let k = &self.dense;
        let k = [&k[..n], &k[n..2 * n], &k[2 * n..]];
        interpolant::evaluate(theta, y, y_new, k, out);
    }

    fn refines_outputs(&self) -> bool {
        self.refines
    }

    #[inline(always)]
    fn refine(
        &mut self,
        system: &mut S,
        lanes: &[bool; W],
        theta: &[T; W],
        within: Attempt<'_, T, W>,
        out: &mut [[T; W]],
    ) {
        let at = each_lane!(T::zero(), |l| within.t[l] + theta[l] * within.h[l]);
        system.rhs(&at, out, &mut self.state);
        refine::subtract_slope(&mut self.state, &self.dense, theta, within);
        self.linear.solve(&self.jacobian, &mut self.state);
        let shift = each_lane!(T::zero(), |l| T::one() / (T::of(GAMMA) * within.h[l]));
        self.smooth.fill([T::zero(); W]);
        add_weighted(&mut self.smooth, None, Some(&shift), &[1.0], [&self.state]);
        self.linear.solve(&self.jacobian, &mut self.smooth);
        refine::add_difference(out, &self.state, &self.smooth, lanes);
    }

    #[cold]
    fn undeclared_dependence(
        &self,
        system: &mut S,
        lane: usize,
        t: &[T; W],
        y: &[[T; W]],
    ) -> Option<(usize, usize)> {
        system.undeclared_dependence(lane, t, y)
    }

    fn begin_cost(&self, lane: usize, _fresh: bool) -> Statistics {
        let rhs_evaluations =
            usize::from(self.evaluated[lane]) + usize::from(!self.autonomous && self.differenced);
        Statistics {
            rhs_evaluations,
            jacobian_evaluations: 1,
            ..Statistics::default()
        }
    }

    fn attempt_cost(&self, _lane: usize) -> Statistics {
        Statistics {
            rhs_evaluations: 8,
            factorizations: 1,
            ..Statistics::default()
        }
    }
}

impl<T: Scalar, const W: usize> Rodas5pStepper<T, W> {
    /// ∂f/∂t by a one-sided difference over √ε of the larger of |t| and |h|.
    fn difference_in_time<S: LaneJacobian<T, W>>(
        &mut self,
        system: &mut S,
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
    ) {
        let trial: [T; W] = each_lane!(T::zero(), |l| {
            let scale = t[l].abs().max(h[l].abs());
            t[l] + T::epsilon().sqrt() * scale * h[l].signum()
        });
        system.rhs(&trial, y, &mut self.time_slope);
        for i in 0..self.dim {
            for l in 0..W {
                let quotient = (self.time_slope[i][l] - self.slope[i][l]) / (trial[l] - t[l]);
                // Beyond the edge of where f is defined: without it the order suffers, not the solve.
                self.time_slope[i][l] = if quotient.is_finite() {
                    quotient
                } else {
                    T::zero()
                };
            }
        }
    }
}
