//! After an attempt: accepted or not, lane by lane, and the step that follows.
use super::{Client, Engine, Failure};
use crate::controller::Control;
use crate::invariant::restore_invariants;
use crate::methods::Stepper;
use crate::norms::rms_and_finite;
use crate::{LaneSystem, Options, Scalar, Stop};

/// Attempts in a row that may end in not-a-number before a solve gives up; each shrinks the step tenfold.
pub(crate) const MOST_NOT_FINITE: u32 = 40;

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Accepts or rejects in every lane; outputs, new states, new steps, refills.
    #[inline(always)]
    pub(super) fn judge<S, Q>(
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
        self.interpolant_ready = false;
        let rtol = match &self.rtol[..] {
            [] => std::slice::from_ref(&options.rtol),
            each => each,
        };
        let (mut errors, finite) =
            rms_and_finite(&self.error, &self.y, &self.y_new, &self.atol, rtol);
        let mut moved = [false; W];
        if let Some(laws) = &options.nonnegative {
            moved = self.keep_nonnegative(&finite, &mut errors, laws, options);
        } else if !self.conserved.is_empty() {
            let lost = self.conserved.lost(&self.projection, &self.y_new);
            if lost.contains(&true) {
                moved = self.restore_sums(&lost, &finite, &mut errors, options);
            }
        }
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
            if !options.events.is_empty() {
                self.locate_events::<S, Q>(&accepted, options, client);
            }
            self.emit::<S, Q>(&accepted, system, options, client);
            if options.dense {
                self.emit_dense::<S, Q>(&accepted, system, options, client);
            }
            if let Some(steady) = &options.steady {
                self.note_rest(&accepted, steady);
            }
            self.note_stiffness::<S>(&accepted);
            if moved.contains(&true) {
                self.stepper.moved(&moved);
            }
            self.advance::<S>(&accepted, &errors, control);
        }
        for l in 0..W {
            let lane = &self.lanes[l];
            if !lane.active {
                continue;
            }
            let end = if let Some(failure) = failure[l] {
                Err(failure)
            } else if let Some((_, event)) = lane.stop {
                Ok(Stop::Event(event))
            } else if options.steady.is_some_and(|s| lane.steady >= s.steps()) {
                Ok(Stop::SteadyState)
            } else if accepted[l] && self.t[l] == lane.t1 {
                Ok(Stop::End)
            } else if lane.attempts >= options.max_steps {
                Err(Failure::TooManySteps)
            } else {
                continue;
            };
            self.finish(l, end, client);
            self.refill(l, system, options, client);
        }
    }

    /// Time at the end of the last attempt of a lane.
    #[inline(always)]
    pub(super) fn end_of_step(&self, l: usize) -> T {
        let ahead = self.lanes[l].ahead;
        if let Some((t, _)) = self.lanes[l].stop {
            t
        } else if self.h[l] == ahead - self.t[l] {
            ahead
        } else {
            self.t[l] + self.h[l]
        }
    }

    /// A smaller step, or the reason why there is none.
    #[cold]
    pub(super) fn reject<S>(
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
        let hopeless = too_small || self.lanes[l].not_finite > MOST_NOT_FINITE;
        if !sound && (singular || hopeless) {
            // A pattern that lies is no matter of the step.
            let (t, y) = (&self.t, &self.y);
            if let Some((row, column)) = self.stepper.undeclared_dependence(system, l, t, y) {
                return Some(Failure::Undeclared { row, column });
            }
        }
        if retry.is_some() {
            too_small.then_some(Failure::NotConverged { step })
        } else if singular {
            too_small.then_some(Failure::Singular { step })
        } else if sound {
            too_small.then_some(Failure::StepTooSmall { step })
        } else if hopeless {
            Some(Failure::NotFinite {
                component: self.culprit(l, step / factor, system),
            })
        } else {
            None
        }
    }

    /// A step below this does not advance t in a meaningful way.
    pub(super) fn smallest_step(t: T, options: &Options<T>) -> T {
        (t.abs() * T::epsilon() * T::of(4.0)).max(options.min_step)
    }

    /// The first component that is not finite: of the slope, of the slope a step ahead, of the new state.
    pub(super) fn culprit<S>(&mut self, l: usize, step: T, system: &mut S) -> usize
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

    /// New state, time and step in the accepted lanes.
    #[inline(always)]
    pub(super) fn advance<S>(&mut self, accepted: &[bool; W], errors: &[T; W], control: &Control<T>)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        self.stepper.accept(accepted);
        self.end_at_events();
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
            let mut proposed = if P::CHOOSES_STEPS {
                T::one()
            } else {
                control.after_accepted(errors[l], self.h[l], &mut lane.past, lane.rejected)
            };
            if lane.steady > 0 {
                // Rest is to be confirmed by the next steps, not by ones many times as long, of which there may be none before the end.
                proposed = proposed.min(T::one());
            }
            self.h[l] *= self.stepper.step_factor(l, errors[l], true, proposed);
            self.t[l] = end;
            lane.rejected = false;
            lane.not_finite = 0;
            self.changed[l] = true;
        }
    }
}
