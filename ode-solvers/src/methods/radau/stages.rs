//! The three stages of Radau IIA: Jacobian and factorisations, first guess, Newton's iteration in transformed variables, error estimate.
use super::super::convergence::{Convergence, Verdict};
use super::{
    ALPHA, BETA, C, Course, ERROR, GAMMA, MOST_ITERATIONS, MOST_ITERATIONS_ASKED, RadauIia5Stepper,
    T, T_INVERSE,
};
use crate::norms::rms_each;
use crate::{LaneJacobian, Scalar};

/// Weights of Z₁, Z₂, Z₃ in the collocation polynomial at θ, which vanishes at 0.
pub(super) fn collocation<F: Scalar>(theta: F) -> [F; 3] {
    std::array::from_fn(|j| {
        let c = |i: usize| F::of(C[i]);
        let others = (0..3).filter(|&m| m != j);
        let product = others.fold(F::one(), |p, m| p * (theta - c(m)) / (c(j) - c(m)));
        product * theta / c(j)
    })
}

impl<F: Scalar> RadauIia5Stepper<F> {
    pub(super) fn forget(&mut self) {
        self.step_factorized = F::nan();
        self.jacobian_current = false;
        self.jacobian_wanted = true;
        self.convergence = Convergence::new();
        self.last_step = None;
        self.accepted = None;
        self.first = true;
        self.rejected = false;
    }

    /// Jacobian where one is wanted, factorisations where Jacobian or step changed; `false` where one is singular.
    pub(super) fn refresh<S: LaneJacobian<F, 1>>(
        &mut self,
        system: &mut S,
        t: &[F; 1],
        h: F,
        y: &[[F; 1]],
    ) -> bool {
        if self.jacobian_wanted {
            system.jacobian(t, y, &mut self.jacobian);
            self.cost.jacobian_evaluations += 1;
            self.jacobian_current = true;
            self.jacobian_wanted = false;
            self.step_factorized = F::nan();
            self.convergence = Convergence::new();
        }
        if self.step_factorized == h {
            return true;
        }
        self.cost.factorizations += 1;
        self.step_factorized = h;
        let shift = (F::of(ALPHA) / h, F::of(BETA) / h);
        let singular = self.real.factorize(&[F::of(GAMMA) / h], &self.jacobian)[0]
            || !self.complex.factorize(shift, &self.jacobian);
        if singular {
            self.step_factorized = F::nan();
            self.jacobian_wanted = !self.jacobian_current;
        }
        !singular
    }

    /// First guess of the stages: the collocation polynomial of the last step, carried on.
    pub(super) fn guess(&mut self, h: F) {
        let n = self.dim;
        match self.last_step {
            None => self.stages.fill([F::zero()]),
            Some(before) => {
                for (stage, c) in C.iter().enumerate() {
                    let weights = collocation(F::one() + F::of(*c) * h / before);
                    for i in 0..n {
                        let z = [0, 1, 2].map(|j| self.last[j * n + i][0]);
                        let there = weights[0] * z[0] + weights[1] * z[1] + weights[2] * z[2];
                        self.stages[stage * n + i][0] = there - z[2];
                    }
                }
            }
        }
        for i in 0..n {
            let z = [0, 1, 2].map(|j| self.stages[j * n + i][0]);
            for (r, row) in T_INVERSE.iter().enumerate() {
                self.transformed[r * n + i][0] =
                    F::of(row[0]) * z[0] + F::of(row[1]) * z[1] + F::of(row[2]) * z[2];
            }
        }
    }

    /// Newton's iteration for the three stages.
    pub(super) fn iterate<S: LaneJacobian<F, 1>>(
        &mut self,
        system: &mut S,
        t: F,
        h: F,
        y: &[[F; 1]],
        state: &mut [[F; 1]],
    ) {
        let n = self.dim;
        let (gamma, alpha, beta) = (F::of(GAMMA) / h, F::of(ALPHA) / h, F::of(BETA) / h);
        let most = match self.asked {
            Some(_) => MOST_ITERATIONS_ASKED,
            None => MOST_ITERATIONS,
        };
        self.convergence.begin_stage();
        for iteration in 0..most {
            self.iterations = iteration + 1;
            for stage in 0..3 {
                for i in 0..n {
                    state[i][0] = y[i][0] + self.stages[stage * n + i][0];
                }
                let slope = &mut self.work[stage * n..(stage + 1) * n];
                system.rhs(&[t + F::of(C[stage]) * h], state, slope);
            }
            self.cost.rhs_evaluations += 3;
            self.cost.newton_iterations += 1;
            for i in 0..n {
                let f = [0, 1, 2].map(|j| self.work[j * n + i][0]);
                let g =
                    T_INVERSE.map(|r| F::of(r[0]) * f[0] + F::of(r[1]) * f[1] + F::of(r[2]) * f[2]);
                let w = [0, 1, 2].map(|j| self.transformed[j * n + i][0]);
                self.work[i][0] = g[0] - gamma * w[0];
                self.work[n + i][0] = g[1] - (alpha * w[1] - beta * w[2]);
                self.work[2 * n + i][0] = g[2] - (alpha * w[2] + beta * w[1]);
            }
            let (first, pair) = self.work.split_at_mut(n);
            let (second, third) = pair.split_at_mut(n);
            self.real.solve(&self.jacobian, first);
            self.complex.solve(second, third);
            let norm = self.correction_norm(y);
            let verdict = self
                .convergence
                .judge(iteration, most, norm, self.tolerance);
            match verdict {
                Verdict::NotFinite => {
                    self.course = Course::NotFinite;
                    self.jacobian_wanted = !self.jacobian_current;
                    return;
                }
                Verdict::Lost => {
                    self.course = Course::Diverged;
                    self.jacobian_wanted = !self.jacobian_current;
                    return;
                }
                Verdict::Solved | Verdict::Open => {}
            }
            for i in 0..n {
                let w = [0, 1, 2].map(|j| {
                    let sum = self.transformed[j * n + i][0] + self.work[j * n + i][0];
                    self.transformed[j * n + i][0] = sum;
                    sum
                });
                for (stage, row) in T.iter().enumerate() {
                    self.stages[stage * n + i][0] =
                        F::of(row[0]) * w[0] + F::of(row[1]) * w[1] + F::of(row[2]) * w[2];
                }
            }
            if verdict == Verdict::Solved {
                return;
            }
        }
    }

    /// Size of the correction of all three (transformed) stages, in the tolerance that suits the error estimate.
    fn correction_norm(&self, y: &[[F; 1]]) -> F {
        let squares = self.work.chunks_exact(self.dim.max(1)).map(|part| {
            let [norm] = rms_each(part, y, y, &self.atol, &self.rtol);
            norm * norm
        });
        let sum = squares.fold(F::zero(), |sum, square| sum + square);
        (sum / F::of(3.0)).sqrt()
    }

    /// The error estimate, sharpened by a second solve where it would reject a first step or one after a rejection.
    pub(super) fn estimate<S: LaneJacobian<F, 1>>(
        &mut self,
        system: &mut S,
        t: F,
        h: F,
        y: &[[F; 1]],
        error: &mut [[F; 1]],
    ) {
        let n = self.dim;
        let (rest, correction) = self.work.split_at_mut(n);
        let correction = &mut correction[..n];
        for i in 0..n {
            let z = [0, 1, 2].map(|j| self.stages[j * n + i][0]);
            let sum = F::of(ERROR[0]) * z[0] + F::of(ERROR[1]) * z[1] + F::of(ERROR[2]) * z[2];
            rest[i][0] = sum / h;
            error[i][0] = rest[i][0] + self.slope[i][0];
        }
        self.real.solve(&self.jacobian, error);
        let [size] = rms_each(error, y, y, &self.atol, &self.rtol);
        if (self.first || self.rejected) && size >= F::one() {
            for i in 0..n {
                error[i][0] += y[i][0];
            }
            system.rhs(&[t], error, correction);
            self.cost.rhs_evaluations += 1;
            for i in 0..n {
                error[i][0] = correction[i][0] + rest[i][0];
            }
            self.real.solve(&self.jacobian, error);
        }
        // The loop judges by the tolerances asked for.
        for (error, relief) in error.iter_mut().zip(&self.relief) {
            error[0] /= *relief;
        }
    }
}
