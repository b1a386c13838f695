//! Simplified Newton iteration over lanes, for every method with implicit stages: Jacobian and factorisation are kept while the iteration converges fast.
use super::convergence::{Convergence, Verdict};
use crate::adjoint::Note;
use crate::linalg::{Iteration, LinearSolver};
use crate::row::{Row, WIDTH, parts, pass, run};
use crate::{LaneJacobian, LaneSystem, Options, Scalar, SolveError, Statistics};

/// Iterations of one stage before it counts as not converging.
const MOST_ITERATIONS: usize = 10;
/// The same where a solve asks for a Newton tolerance of its own, most often a small one.
const MOST_ITERATIONS_ASKED: usize = 40;
/// Steps that would grow by less than this keep their length, and with it the factorisation.
const WORTH_GROWING: f64 = 1.2;

/// How an attempt went in one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Sound,
    Singular,
    Diverged,
    NotFinite,
}

/// Newton's iteration for stages Y = base + f(Y)/shift with the matrix shift·I − J, where J may be that of an earlier step.
///
/// A Jacobian serves until a step with it converged slower than θ = `rate_for_new_jacobian` (see [`Convergence`]); a failure with an old Jacobian is tried
/// again with a new one before the step shrinks.
#[derive(Clone, Debug)]
pub(super) struct Newton<T, const W: usize> {
    dim: usize,
    /// Fraction of the tolerance to which stages are solved: of the method, of this solve, and what rounding leaves of it.
    usual_fraction: T,
    fraction: T,
    tolerance: [T; W],
    most_iterations: usize,
    rate_for_new_jacobian: T,
    /// The Jacobian in use in each lane.
    jacobian: Vec<[T; W]>,
    evaluated: Vec<[T; W]>,
    linear: LinearSolver<T, W>,
    /// Shift of the factorisation in use; not-a-number where there is none.
    shift: [T; W],
    /// Steps may become so many times longer before a new Jacobian is taken in any case, and the shift it was taken at.
    longer: T,
    shift_of_jacobian: [T; W],
    /// The Jacobian is that of the present state.
    current: [bool; W],
    /// A new Jacobian is wanted at the next attempt.
    wanted: [bool; W],
    convergence: [Convergence<T>; W],
    /// That of the start of the attempt, and what the next one is told to start from.
    eta_at_start: [T; W],
    recalled: [Option<T>; W],
    /// Accepted steps after which a new Jacobian is taken in any case (0: never), and those of each lane so far.
    renewal: usize,
    age: [usize; W],
    course: [Course; W],
    rtol: Vec<T>,
    /// The smallest of them.
    least_rtol: T,
    atol: Vec<T>,
    /// Reciprocals of atol + rtol |y|.
    weights: Vec<[T; W]>,
    correction: Vec<[T; W]>,
    cost: [Statistics; W],
}

impl<T: Scalar, const W: usize> Newton<T, W> {
    pub fn new(fraction: f64, rate_for_new_jacobian: f64) -> Self {
        Self {
            dim: 0,
            fraction: T::of(fraction),
            usual_fraction: T::of(fraction),
            tolerance: [T::of(fraction); W],
            most_iterations: MOST_ITERATIONS,
            rate_for_new_jacobian: T::of(rate_for_new_jacobian),
            jacobian: Vec::new(),
            evaluated: Vec::new(),
            linear: LinearSolver::empty(),
            shift: [T::nan(); W],
            longer: T::infinity(),
            shift_of_jacobian: [T::zero(); W],
            current: [false; W],
            wanted: [true; W],
            convergence: [Convergence::new(); W],
            eta_at_start: [T::one(); W],
            recalled: [None; W],
            renewal: 0,
            age: [0; W],
            course: [Course::Sound; W],
            rtol: Vec::new(),
            least_rtol: T::zero(),
            atol: Vec::new(),
            weights: Vec::new(),
            correction: Vec::new(),
            cost: [Statistics::default(); W],
        }
    }

    /// Takes a new Jacobian in any case once steps are so many times longer than when the present one was taken. An iteration that ends with its first
    /// correction measures no rate: with a Jacobian from within a fast change, too large for what comes after, corrections are small without being right.
    pub fn renewing_after_growth(mut self, factor: f64) -> Self {
        self.longer = T::of(factor);
        self
    }

    /// Fits the memory to a system.
    pub fn prepare<S: LaneJacobian<T, W>>(&mut self, system: &mut S) -> Result<(), SolveError> {
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
            (&mut self.weights, n),
            (&mut self.correction, n),
            (&mut self.jacobian, pattern.nnz()),
            (&mut self.evaluated, pattern.nnz()),
        ] {
            array.clear();
            array.resize(length, [T::zero(); W]);
        }
        self.linear.analyse(pattern);
        (0..W).for_each(|l| self.forget(l));
        Ok(())
    }

    pub fn set_tolerances(&mut self, options: &Options<T>, atol: &[T]) {
        self.rtol.clear();
        self.rtol.extend(options.rtol_of_each(atol.len()));
        let least = |least: T, rtol: &T| if *rtol < least { *rtol } else { least };
        self.least_rtol = self.rtol.iter().fold(T::infinity(), least);
        (self.fraction, self.most_iterations) = match options.newton_tolerance {
            Some(fraction) => (fraction, MOST_ITERATIONS_ASKED),
            None => (self.usual_fraction, MOST_ITERATIONS),
        };
        self.atol.clear();
        self.atol.extend_from_slice(atol);
    }

    /// A new model in a lane: nothing of the old one serves.
    pub fn forget(&mut self, lane: usize) {
        self.shift[lane] = T::nan();
        self.current[lane] = false;
        self.wanted[lane] = true;
        self.convergence[lane] = Convergence::new();
        self.age[lane] = 0;
    }

    /// Begins an attempt from (t, y): a Jacobian where one is wanted, a factorisation where Jacobian or shift changed.
    #[inline(always)]
    pub fn start<S: LaneJacobian<T, W>>(
        &mut self,
        system: &mut S,
        t: &[T; W],
        y: &[[T; W]],
        shift: &[T; W],
    ) {
        self.course = [Course::Sound; W];
        for convergence in &mut self.convergence {
            convergence.begin_attempt();
        }
        self.cost = [Statistics::default(); W];
        let n = self.dim;
        let (y, atol, rtol) = (&y[..n], &self.atol[..n], &self.rtol[..n]);
        if W == 1 && n >= WIDTH {
            run(Weights {
                y: y.as_flattened(),
                atol,
                rtol,
                weights: &mut self.weights.as_flattened_mut()[..n],
            });
        } else {
            for (i, weight) in self.weights[..n].iter_mut().enumerate() {
                let y = y[i];
                *weight = each_lane!(T::zero(), |l| {
                    let scale = atol[i] + rtol[i] * y[l].abs();
                    // Component 0 with atol 0: only an exact zero is right, which then counts by its rounding.
                    T::one() / scale.max(T::min_positive_value())
                });
            }
        }
        // Corrections of the size of rounding cannot be asked to shrink. The state's size in units of the tolerances is at most 1/rtol.
        let rounding = T::of(16.0) * T::epsilon();
        self.tolerance = [self.fraction; W];
        if rounding > self.fraction * self.least_rtol {
            let sizes = weighted_norm(y, &self.weights);
            self.tolerance = sizes.map(|size| self.fraction.max(rounding * size));
        }
        let mut factorize = false;
        for l in 0..W {
            self.wanted[l] |= shift[l].abs() * self.longer < self.shift_of_jacobian[l].abs();
        }
        let wanted = self.wanted;
        if wanted.contains(&true) {
            system.jacobian(t, y, &mut self.evaluated);
            for (old, new) in self.jacobian.iter_mut().zip(&self.evaluated) {
                for l in 0..W {
                    if wanted[l] {
                        old[l] = new[l];
                    }
                }
            }
        }
        for l in 0..W {
            if wanted[l] {
                self.cost[l].jacobian_evaluations = 1;
                self.current[l] = true;
                self.wanted[l] = false;
                self.shift_of_jacobian[l] = shift[l];
                self.convergence[l] = Convergence::new();
            }
            if let Some(eta) = self.recalled[l].take() {
                self.convergence[l].eta = eta;
            }
            self.eta_at_start[l] = self.convergence[l].eta;
            if wanted[l] || self.shift[l] != shift[l] {
                self.cost[l].factorizations = 1;
                self.shift[l] = shift[l];
                factorize = true;
            }
        }
        if factorize {
            // Lanes that need none get the same factors again.
            let singular = self.linear.factorize(&self.shift, &self.jacobian);
            for l in 0..W {
                if singular[l] {
                    self.course[l] = Course::Singular;
                    self.shift[l] = T::nan();
                    // An old Jacobian may be at fault.
                    self.wanted[l] = !self.current[l];
                }
            }
        }
    }

    /// Solves Y = base + f(at, Y)/shift in every lane, from the guess in `state`, whose slope f ends up in `slope`, if asked for, as
    /// shift·(Y − base).
    #[inline(always)]
    pub fn solve<S: LaneSystem<T, W>>(
        &mut self,
        system: &mut S,
        at: &[T; W],
        base: &[[T; W]],
        state: &mut [[T; W]],
        slope: Option<&mut [[T; W]]>,
    ) {
        let n = self.dim;
        let shift = self.shift;
        let mut open: [bool; W] = each_lane!(false, |l| self.course[l] == Course::Sound);
        for convergence in &mut self.convergence {
            convergence.begin_stage();
        }
        for iteration in 0..self.most_iterations {
            if !open.contains(&true) {
                break;
            }
            system.rhs(at, state, &mut self.correction);
            if W == 1
                && let Some(norm) = self.iterate_alone(base, state)
            {
                self.count(&open);
                self.judge(iteration, &[norm; W], &mut open);
                continue;
            }
            let (correction, base) = (&mut self.correction[..n], &base[..n]);
            for i in 0..n {
                let (f, y, b) = (correction[i], state[i], base[i]);
                correction[i] = each_lane!(T::zero(), |l| f[l] - (y[l] - b[l]) * shift[l]);
            }
            self.linear.solve(&self.jacobian, correction);
            let norms = weighted_norm(correction, &self.weights);
            self.count(&open);
            let solved = self.judge(iteration, &norms, &mut open);
            let moved: [bool; W] = each_lane!(false, |l| solved[l] || open[l]);
            for (y, d) in state[..n].iter_mut().zip(&self.correction) {
                for l in 0..W {
                    y[l] = if moved[l] { y[l] + d[l] } else { y[l] };
                }
            }
        }
        let Some(slope) = slope else { return };
        let (state, base) = (&state[..n], &base[..n]);
        for (i, slope) in slope[..n].iter_mut().enumerate() {
            let (y, b) = (state[i], base[i]);
            *slope = each_lane!(T::zero(), |l| (y[l] - b[l]) * shift[l]);
        }
    }

    /// Counts an iteration.
    #[inline(always)]
    fn count(&mut self, open: &[bool; W]) {
        for l in 0..W {
            if open[l] {
                self.cost[l].rhs_evaluations += 1;
                self.cost[l].newton_iterations += 1;
            }
        }
    }

    /// An iteration in one lane, its right-hand side in `correction`: the size of the correction, which is added to the state. `None` where it is to be
    /// done step by step.
    #[inline(always)]
    fn iterate_alone(&mut self, base: &[[T; W]], state: &mut [[T; W]]) -> Option<T> {
        let n = self.dim;
        self.linear.iterate(Iteration {
            base: &base.as_flattened()[..n],
            shift: self.shift[0],
            weights: &self.weights.as_flattened()[..n],
            correction: &mut self.correction.as_flattened_mut()[..n],
            state: &mut state.as_flattened_mut()[..n],
        })
    }

    /// Closes lanes that are solved (returned) or lost.
    #[inline(always)]
    fn judge(&mut self, iteration: usize, norms: &[T; W], open: &mut [bool; W]) -> [bool; W] {
        let mut solved = [false; W];
        for l in 0..W {
            if !open[l] {
                continue;
            }
            let most = self.most_iterations;
            let verdict = self.convergence[l].judge(iteration, most, norms[l], self.tolerance[l]);
            open[l] = verdict == Verdict::Open;
            solved[l] = verdict == Verdict::Solved;
            self.course[l] = match verdict {
                Verdict::Solved | Verdict::Open => continue,
                Verdict::Lost => Course::Diverged,
                Verdict::NotFinite => Course::NotFinite,
            };
            // An old Jacobian may be at fault.
            self.wanted[l] = !self.current[l];
        }
        solved
    }

    /// Absolute and relative tolerance of every component.
    pub fn tolerances(&self) -> (&[T], &[T]) {
        (&self.atol, &self.rtol)
    }

    /// Whether the right-hand side or an iterate was not finite in a lane.
    pub fn not_finite(&self, lane: usize) -> bool {
        self.course[lane] == Course::NotFinite
    }

    /// Lanes whose matrix was singular.
    pub fn singular(&self) -> [bool; W] {
        each_lane!(false, |l| self.course[l] == Course::Singular)
    }

    /// Work of the attempt in a lane.
    pub fn cost(&self, lane: usize) -> Statistics {
        self.cost[lane]
    }

    /// The step was accepted in a lane: the Jacobian is now an old one, and kept if it served well.
    pub fn accepted(&mut self, lane: usize) {
        self.current[lane] = false;
        self.wanted[lane] |= self.convergence[lane].slowest() > self.rate_for_new_jacobian;
        self.age[lane] += 1;
        self.wanted[lane] |= self.renewal > 0 && self.age[lane].is_multiple_of(self.renewal);
    }

    /// Takes a new Jacobian after so many accepted steps in any case.
    pub fn renew_every(&mut self, steps: usize) {
        self.renewal = steps;
    }

    /// What it takes to repeat the attempt just accepted, see [`crate::adjoint::Recorded`].
    pub fn note(&self, lane: usize) -> Note<T> {
        Note {
            renewed: self.current[lane],
            eta: self.eta_at_start[lane],
        }
    }

    /// The next attempt repeats that one.
    pub fn recall(&mut self, lane: usize, note: Note<T>) {
        self.wanted[lane] = note.renewed;
        self.recalled[lane] = Some(note.eta);
    }

    /// A step that would grow a little keeps its length, and with it the factorisation, where the Jacobian is kept too.
    pub fn step_factor(&self, lane: usize, accepted: bool, proposed: T) -> T {
        let little = proposed >= T::one() && proposed <= T::of(WORTH_GROWING);
        if accepted && little && !self.wanted[lane] {
            T::one()
        } else {
            proposed
        }
    }

    /// See [`super::Stepper::retry_factor`].
    pub fn retry_factor(&self, lane: usize) -> Option<T> {
        (self.course[lane] == Course::Diverged).then(|| {
            // With a new Jacobian the same step may do.
            if self.wanted[lane] {
                T::one()
            } else {
                T::of(0.5)
            }
        })
    }
}

/// 1/(atol + rtol |y|), in one lane.
struct Weights<'a, T> {
    y: &'a [T],
    atol: &'a [T],
    rtol: &'a [T],
    weights: &'a mut [T],
}

pass!(Weights);

impl<T: Scalar> Weights<'_, T> {
    #[inline(always)]
    fn of<P: Row<T>>(self) -> T {
        let least = P::splat(T::min_positive_value());
        parts!(self.y.len(), |at, len| {
            let size = P::take(self.y, at, len).size();
            let scale = P::take(self.rtol, at, len).times(size);
            let scale = P::take(self.atol, at, len).plus(scale);
            (scale.larger(least).reciprocal()).put(self.weights, at, len);
        });
        T::zero()
    }
}

/// Root mean square of x weighted, per lane.
#[inline(always)]
fn weighted_norm<T: Scalar, const W: usize>(x: &[[T; W]], weights: &[[T; W]]) -> [T; W] {
    // Four partial sums: a single one would chain all additions, one after the other.
    let mut sums = [[T::zero(); W]; 4];
    let (fours, rest) = x.as_chunks::<4>();
    let (weights_of_fours, weights_of_rest) = weights[..x.len()].as_chunks::<4>();
    for (x, w) in fours.iter().zip(weights_of_fours) {
        for p in 0..4 {
            for l in 0..W {
                let q = x[p][l] * w[p][l];
                sums[p][l] += q * q;
            }
        }
    }
    for (x, w) in rest.iter().zip(weights_of_rest) {
        for l in 0..W {
            let q = x[l] * w[l];
            sums[0][l] += q * q;
        }
    }
    let count = T::of(x.len().max(1) as f64);
    let mut norm = [T::zero(); W];
    for l in 0..W {
        let sum = (sums[0][l] + sums[1][l]) + (sums[2][l] + sums[3][l]);
        norm[l] = (sum / count).sqrt();
    }
    norm
}
