//! The one stepping loop, over W lanes: each lane with its own time, step, acceptance and outputs, refilled with the next model when done.
use crate::controller::{Control, first_guess, first_step, rms};
use crate::invariant::{Total, restore_invariants};
use crate::methods::Stepper;
use crate::options::Outputs;
use crate::{LaneSystem, Options, Scalar, SolveError, Statistics};

/// Attempts in a row that may end in not-a-number before a solve gives up; each shrinks the step tenfold.
const MOST_NOT_FINITE: u32 = 40;

/// Where a model begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<T> {
    pub model: usize,
    pub t0: T,
    pub t1: T,
}

/// Why a lane stopped early.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure<T> {
    StepTooSmall { step: T },
    NotFinite { component: usize },
    Singular { step: T },
    NotConverged { step: T },
    TooManySteps,
    Cancelled,
}

/// Who feeds the loop with models and takes what comes out.
pub(crate) trait Client<T, P, const W: usize> {
    /// The next model, its initial state written into `y` at `lane`; `None` when the queue is empty.
    fn next(&mut self, lane: usize, y: &mut [[T; W]]) -> Option<Start<T>>;
    /// Output `index` of a lane, at time t.
    fn output(&mut self, lane: usize, index: usize, t: T, y: &[[T; W]]);
    /// The step from (t, y) of length h was accepted in these lanes.
    fn accepted(
        &mut self,
        _accepted: &[bool; W],
        _t: &[T; W],
        _h: &[T; W],
        _y: &[[T; W]],
        _stepper: &P,
    ) {
    }
    /// A model is over, at t with state y (of that lane).
    fn finished(
        &mut self,
        lane: usize,
        model: usize,
        t: T,
        y: &[[T; W]],
        stats: Statistics,
        failure: Option<Failure<T>>,
    );
    /// Whether to stop all work now.
    fn cancelled(&self) -> bool {
        false
    }
}

/// What the loop knows of one lane.
#[derive(Clone, Copy, Debug)]
struct Lane<T> {
    active: bool,
    model: usize,
    t1: T,
    /// +1 or -1, the sign of the step.
    direction: T,
    error_before: T,
    /// The last attempt failed; the next accepted step must not be followed by a longer one.
    rejected: bool,
    not_finite: u32,
    next_output: usize,
    attempts: usize,
    stats: Statistics,
}

/// The loop's memory, reused from solve to solve.
#[derive(Clone, Debug)]
pub(crate) struct Engine<T, P, const W: usize> {
    pub stepper: P,
    y: Vec<[T; W]>,
    y_new: Vec<[T; W]>,
    error: Vec<[T; W]>,
    out: Vec<[T; W]>,
    atol: Vec<T>,
    /// Initial values of the invariants.
    totals: Vec<Total<T, W>>,
    lanes: [Lane<T>; W],
    t: [T; W],
    h: [T; W],
    fresh: [bool; W],
    changed: [bool; W],
}

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    pub fn new(stepper: P) -> Self {
        let idle = Lane {
            active: false,
            model: 0,
            t1: T::zero(),
            direction: T::one(),
            error_before: T::one(),
            rejected: false,
            not_finite: 0,
            next_output: 0,
            attempts: 0,
            stats: Statistics::default(),
        };
        Self {
            stepper,
            y: Vec::new(),
            y_new: Vec::new(),
            error: Vec::new(),
            out: Vec::new(),
            atol: Vec::new(),
            totals: Vec::new(),
            lanes: [idle; W],
            t: [T::zero(); W],
            h: [T::one(); W],
            fresh: [false; W],
            changed: [false; W],
        }
    }

    fn prepare<S>(&mut self, system: &mut S, options: &Options<T>) -> Result<(), SolveError>
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let n = system.dim();
        for array in [&mut self.y, &mut self.y_new, &mut self.error, &mut self.out] {
            array.clear();
            array.resize(n, [T::zero(); W]);
        }
        self.totals.clear();
        self.totals.resize(options.invariants.len(), Total::zero());
        self.atol.clear();
        match options.atol[..] {
            [atol] => self.atol.resize(n, atol),
            _ => self.atol.extend_from_slice(&options.atol),
        }
        self.stepper.prepare(system)?;
        self.stepper.set_tolerances(options.rtol, &self.atol);
        Ok(())
    }

    /// Solves every model the client has. `options` must have passed [`Options::check`].
    pub fn run<S, Q>(
        &mut self,
        system: &mut S,
        options: &Options<T>,
        client: &mut Q,
    ) -> Result<(), SolveError>
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        // One lane gains nothing from wide vectors (its time goes into chains of dependent operations), several do.
        #[cfg(target_arch = "x86_64")]
        if W > 1 && std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just been asked for the one feature that the function needs.
            return unsafe { run_avx2(self, system, options, client) };
        }
        self.run_here(system, options, client)
    }

    #[inline(always)]
    fn run_here<S, Q>(
        &mut self,
        system: &mut S,
        options: &Options<T>,
        client: &mut Q,
    ) -> Result<(), SolveError>
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        self.prepare(system, options)?;
        let control = self.stepper.control();
        for lane in 0..W {
            self.refill(lane, system, options, client);
        }
        self.settle_idle_lanes();
        while self.lanes.iter().any(|lane| lane.active) {
            if client.cancelled() {
                for lane in 0..W {
                    if self.lanes[lane].active {
                        self.finish(lane, Some(Failure::Cancelled), client);
                    }
                }
                return Ok(());
            }
            self.begin(system, options, &control);
            self.clamp_steps(options);
            let singular = self.stepper.attempt(
                system,
                &self.t,
                &self.h,
                &self.y,
                &mut self.y_new,
                &mut self.error,
            );
            self.judge(singular, system, options, &control, client);
        }
        Ok(())
    }

    /// Lanes that never had a model repeat the first one's, so that they compute something harmless.
    fn settle_idle_lanes(&mut self) {
        for lane in 1..W {
            if !self.lanes[lane].active {
                self.t[lane] = self.t[0];
                for y in &mut self.y {
                    y[lane] = y[0];
                }
            }
        }
    }

    /// Puts the next model into a lane, as often as models are over at once (empty spans).
    fn refill<S, Q>(&mut self, lane: usize, system: &mut S, options: &Options<T>, client: &mut Q)
    where
        S: LaneSystem<T, W>,
        Q: Client<T, P, W>,
    {
        while let Some(Start { model, t0, t1 }) = client.next(lane, &mut self.y) {
            system.load(lane, model);
            self.t[lane] = t0;
            for (total, invariant) in self.totals.iter_mut().zip(&options.invariants) {
                (total.value[lane], total.lost[lane]) = (T::zero(), T::zero());
                for (&weight, y) in invariant.weights.iter().zip(&self.y) {
                    total.add(lane, weight * y[lane]);
                }
            }
            // A scale for differences in time until the first step is chosen.
            self.h[lane] = (t1 - t0) * T::of(1e-6);
            self.fresh[lane] = true;
            self.changed[lane] = true;
            self.lanes[lane] = Lane {
                active: true,
                model,
                t1,
                direction: if t1 < t0 { -T::one() } else { T::one() },
                error_before: T::one(),
                rejected: false,
                not_finite: 0,
                next_output: 0,
                attempts: 0,
                stats: Statistics::default(),
            };
            let first = match &options.outputs {
                Outputs::Steps => Some(t0),
                Outputs::Times(times) => times.first().copied().filter(|&t| t == t0),
            };
            if let Some(t) = first {
                client.output(lane, 0, t, &self.y);
                self.lanes[lane].next_output = 1;
            }
            if t0 != t1 {
                return;
            }
            self.finish(lane, None, client);
        }
    }

    fn finish<Q: Client<T, P, W>>(
        &mut self,
        lane: usize,
        failure: Option<Failure<T>>,
        client: &mut Q,
    ) {
        let state = &mut self.lanes[lane];
        state.active = false;
        client.finished(
            lane,
            state.model,
            self.t[lane],
            &self.y,
            state.stats,
            failure,
        );
    }

    /// Slopes (and Jacobians) of new states; first steps of new models.
    #[inline(always)]
    fn begin<S>(&mut self, system: &mut S, options: &Options<T>, control: &Control<T>)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        if !self.changed.contains(&true) {
            return;
        }
        self.stepper.begin(
            system,
            &self.fresh,
            &self.changed,
            &self.t,
            &self.h,
            &self.y,
        );
        for l in 0..W {
            if self.changed[l] {
                self.lanes[l].stats += self.stepper.begin_cost(l, self.fresh[l]);
            }
        }
        if self.fresh.contains(&true) {
            self.choose_first_steps(system, options, control);
        }
        self.fresh = [false; W];
        self.changed = [false; W];
    }

    /// Hairer, Nørsett & Wanner's automatic first step, in the lanes with a new model.
    #[cold]
    fn choose_first_steps<S>(&mut self, system: &mut S, options: &Options<T>, control: &Control<T>)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let n = self.y.len();
        let slope = self.stepper.slope();
        let sizes = rms(&self.y, &self.y, &self.y, &self.atol, options.rtol);
        let slopes = rms(slope, &self.y, &self.y, &self.atol, options.rtol);
        let mut trial = self.t;
        let mut guess = [T::one(); W];
        for l in 0..W {
            let span = (self.lanes[l].t1 - self.t[l]).abs();
            guess[l] = first_guess(sizes[l], slopes[l], span).min(span);
            trial[l] += guess[l] * self.lanes[l].direction;
        }
        for i in 0..n {
            for l in 0..W {
                self.y_new[i][l] = self.y[i][l] + guess[l] * self.lanes[l].direction * slope[i][l];
            }
        }
        if options.initial_step.is_none() {
            system.rhs(&trial, &self.y_new, &mut self.error);
        }
        let slope = self.stepper.slope();
        for i in 0..n {
            for l in 0..W {
                self.error[i][l] = (self.error[i][l] - slope[i][l]) / guess[l];
            }
        }
        let curvatures = rms(&self.error, &self.y, &self.y, &self.atol, options.rtol);
        for l in 0..W {
            if !self.fresh[l] {
                continue;
            }
            let step = match options.initial_step {
                Some(step) => step,
                None => {
                    self.lanes[l].stats.rhs_evaluations += 1;
                    first_step(guess[l], slopes[l], curvatures[l], control.order)
                }
            };
            self.h[l] =
                step.max(self.t[l].abs() * T::epsilon() * T::of(16.0)) * self.lanes[l].direction;
        }
    }

    /// No step beyond the end of the span or the longest step allowed.
    #[inline(always)]
    fn clamp_steps(&mut self, options: &Options<T>) {
        for l in 0..W {
            let lane = &self.lanes[l];
            if !lane.active {
                continue;
            }
            if let Some(most) = options.max_step
                && self.h[l].abs() > most
            {
                self.h[l] = most * lane.direction;
            }
            let left = lane.t1 - self.t[l];
            // A hair's breadth left over would cost a step of its own.
            if left.abs() <= self.h[l].abs() * T::of(1.0 + 1e-6) {
                self.h[l] = left;
            }
        }
    }

    /// Accepts or rejects in every lane; outputs, new states, new steps, refills.
    #[inline(always)]
    fn judge<S, Q>(
        &mut self,
        singular: [bool; W],
        system: &mut S,
        options: &Options<T>,
        control: &Control<T>,
        client: &mut Q,
    ) where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        let errors = rms(&self.error, &self.y, &self.y_new, &self.atol, options.rtol);
        let finite = self.finite_states();
        let mut accepted = [false; W];
        let mut sound = [false; W];
        for l in 0..W {
            let lane = &mut self.lanes[l];
            if lane.active {
                lane.attempts += 1;
                lane.stats += self.stepper.attempt_cost(l);
                sound[l] = finite[l]
                    && errors[l].is_finite()
                    && !singular[l]
                    && self.stepper.retry_factor(l).is_none();
                accepted[l] = sound[l] && errors[l] <= T::one();
            }
        }
        let mut failure = [None; W];
        for l in 0..W {
            if self.lanes[l].active && !accepted[l] {
                failure[l] = self.reject(
                    l,
                    errors[l],
                    sound[l],
                    singular[l],
                    system,
                    options,
                    control,
                );
            }
        }
        if accepted.contains(&true) {
            restore_invariants(&options.invariants, &self.totals, &mut self.y_new);
            client.accepted(&accepted, &self.t, &self.h, &self.y, &self.stepper);
            self.emit::<S, Q>(&accepted, options, client);
            self.advance::<S>(&accepted, &errors, control);
        }
        for l in 0..W {
            let lane = &self.lanes[l];
            if !lane.active {
                continue;
            }
            let done = accepted[l] && self.t[l] == lane.t1;
            if !done && failure[l].is_none() && lane.attempts >= options.max_steps {
                failure[l] = Some(Failure::TooManySteps);
            }
            if done || failure[l].is_some() {
                self.finish(l, failure[l], client);
                self.refill(l, system, options, client);
            }
        }
    }

    /// Whether the new state is finite, per lane.
    #[inline(always)]
    fn finite_states(&self) -> [bool; W] {
        let mut probe = [T::zero(); W];
        for y in &self.y_new {
            for l in 0..W {
                // 0 where y is finite, not-a-number otherwise.
                probe[l] += y[l] * T::zero();
            }
        }
        std::array::from_fn(|l| probe[l] == T::zero())
    }

    /// Time at the end of the last attempt of a lane.
    #[inline(always)]
    fn end_of_step(&self, l: usize) -> T {
        let t1 = self.lanes[l].t1;
        if self.h[l] == t1 - self.t[l] {
            t1
        } else {
            self.t[l] + self.h[l]
        }
    }

    /// A smaller step, or the reason why there is none.
    #[cold]
    fn reject<S>(
        &mut self,
        l: usize,
        error: T,
        sound: bool,
        singular: bool,
        system: &mut S,
        options: &Options<T>,
        control: &Control<T>,
    ) -> Option<Failure<T>>
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let lane = &mut self.lanes[l];
        lane.stats.rejected += 1;
        let retry = self.stepper.retry_factor(l);
        let factor = if sound {
            lane.not_finite = 0;
            let proposed = control.after_rejected(error);
            self.stepper.step_factor(l, error, false, proposed)
        } else if let Some(factor) = retry {
            factor
        } else if singular {
            T::of(0.5)
        } else {
            lane.not_finite += 1;
            T::of(0.1)
        };
        // A retry at the same step, with a new Jacobian, says nothing about the next step.
        lane.rejected |= factor < T::one();
        self.h[l] *= factor;
        let step = self.h[l];
        let too_small = step.abs() < Self::smallest_step(self.t[l], options) || step == T::zero();
        if retry.is_some() {
            too_small.then_some(Failure::NotConverged { step })
        } else if singular {
            too_small.then_some(Failure::Singular { step })
        } else if sound {
            too_small.then_some(Failure::StepTooSmall { step })
        } else if too_small || lane.not_finite > MOST_NOT_FINITE {
            Some(Failure::NotFinite {
                component: self.culprit(l, step / factor, system),
            })
        } else {
            None
        }
    }

    /// A step below this does not advance t in a meaningful way.
    fn smallest_step(t: T, options: &Options<T>) -> T {
        (t.abs() * T::epsilon() * T::of(4.0)).max(options.min_step)
    }

    /// The first component that is not finite: of the slope, of the slope a step ahead, of the new state.
    fn culprit<S>(&mut self, l: usize, step: T, system: &mut S) -> usize
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let bad = |x: &[[T; W]]| x.iter().position(|x| !x[l].is_finite());
        if let Some(component) = bad(self.stepper.slope()) {
            return component;
        }
        let at_fault = bad(&self.y_new);
        let slope = self.stepper.slope();
        for (i, out) in self.out.iter_mut().enumerate() {
            *out = self.y[i];
            out[l] += step * slope[i][l];
        }
        let mut t = self.t;
        t[l] += step;
        system.rhs(&t, &self.out, &mut self.error);
        bad(&self.error).or(at_fault).unwrap_or(0)
    }

    /// Outputs that fall into the accepted steps.
    #[inline(always)]
    fn emit<S, Q>(&mut self, accepted: &[bool; W], options: &Options<T>, client: &mut Q)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        let times = match &options.outputs {
            Outputs::Steps => {
                for l in 0..W {
                    if accepted[l] {
                        client.output(
                            l,
                            self.lanes[l].next_output,
                            self.end_of_step(l),
                            &self.y_new,
                        );
                        self.lanes[l].next_output += 1;
                    }
                }
                return;
            }
            Outputs::Times(times) => times,
        };
        let ends: [T; W] = std::array::from_fn(|l| self.end_of_step(l));
        let mut prepared = false;
        loop {
            let mut theta = [T::one(); W];
            let mut pending = [None; W];
            for l in 0..W {
                let lane = &self.lanes[l];
                if accepted[l]
                    && let Some(&t) = times.get(lane.next_output)
                    && (ends[l] - t) * lane.direction >= T::zero()
                {
                    theta[l] = (t - self.t[l]) / self.h[l];
                    pending[l] = Some(t);
                }
            }
            if pending.iter().all(Option::is_none) {
                return;
            }
            if !prepared {
                self.stepper.prepare_interpolation();
                prepared = true;
            }
            self.stepper
                .interpolate(&theta, &self.h, &self.y, &self.y_new, &mut self.out);
            restore_invariants(&options.invariants, &self.totals, &mut self.out);
            for l in 0..W {
                if let Some(t) = pending[l] {
                    let state = if t == ends[l] { &self.y_new } else { &self.out };
                    client.output(l, self.lanes[l].next_output, t, state);
                    self.lanes[l].next_output += 1;
                }
            }
        }
    }

    /// New state, time and step in the accepted lanes.
    #[inline(always)]
    fn advance<S>(&mut self, accepted: &[bool; W], errors: &[T; W], control: &Control<T>)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        self.stepper.accept(accepted);
        if accepted.iter().all(|&a| a) {
            std::mem::swap(&mut self.y, &mut self.y_new);
        } else {
            for (y, y_new) in self.y.iter_mut().zip(&self.y_new) {
                for l in 0..W {
                    if accepted[l] {
                        y[l] = y_new[l];
                    }
                }
            }
        }
        for l in 0..W {
            if !accepted[l] {
                continue;
            }
            let end = self.end_of_step(l);
            let lane = &mut self.lanes[l];
            lane.stats.steps += 1;
            let proposed = control.after_accepted(errors[l], lane.error_before, lane.rejected);
            self.h[l] *= self.stepper.step_factor(l, errors[l], true, proposed);
            self.t[l] = end;
            lane.error_before = errors[l];
            lane.rejected = false;
            lane.not_finite = 0;
            self.changed[l] = true;
        }
    }
}

/// [`Engine::run`] compiled for 256-bit vectors; no fused operations, so that results are those of every other machine.
///
/// Measured (`--example rollout`, forward, µs per model, SSE2 → AVX2 → AVX-512 in one session): f64 × 4: 13.1 → 8.5 → 9.5, f64 × 8: 12.5 → 10.0 → 12.0,
/// f32 × 8: 11.0 → 5.9 → 7.1, f64 × 1: 21.2 → 21.8 → 22.7. Hence no AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<T: Scalar, P, S, Q, const W: usize>(
    engine: &mut Engine<T, P, W>,
    system: &mut S,
    options: &Options<T>,
    client: &mut Q,
) -> Result<(), SolveError>
where
    S: LaneSystem<T, W>,
    P: Stepper<T, S, W>,
    Q: Client<T, P, W>,
{
    engine.run_here(system, options, client)
}
