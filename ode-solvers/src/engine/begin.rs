//! Before an attempt: slopes of new states, first steps of new models, steps held within their limits.
use super::{Client, Engine};
use crate::controller::{Control, first_guess};
use crate::methods::Stepper;
use crate::{LaneSystem, Options, Scalar};

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Slopes (and Jacobians) of new states; first steps of new models.
    #[inline(always)]
    pub(super) fn begin<S>(&mut self, system: &mut S, options: &Options<T>, control: &Control<T>)
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
    pub(super) fn choose_first_steps<S>(
        &mut self,
        system: &mut S,
        options: &Options<T>,
        control: &Control<T>,
    ) where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let n = self.y.len();
        let slope = self.stepper.slope();
        let sizes = self.norm(&self.y, &self.y, &self.y, options);
        let slopes = self.norm(slope, &self.y, &self.y, options);
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
        let curvatures = self.norm(&self.error, &self.y, &self.y, options);
        for l in 0..W {
            if !self.fresh[l] {
                continue;
            }
            let step = match options.initial_step {
                Some(step) => step,
                None => {
                    self.lanes[l].stats.rhs_evaluations += 1;
                    control.first_step(guess[l], slopes[l], curvatures[l])
                }
            };
            self.h[l] =
                step.max(self.t[l].abs() * T::epsilon() * T::of(16.0)) * self.lanes[l].direction;
        }
    }

    /// No step beyond the end of the span or the longest step allowed.
    #[inline(always)]
    pub(super) fn clamp_steps<Q: Client<T, P, W>>(&mut self, options: &Options<T>, client: &Q) {
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
            let stops = client.stops(l, &options.stops);
            if !stops.is_empty() {
                self.look_ahead(l, stops);
            }
            let left = self.lanes[l].ahead - self.t[l];
            // A hair's breadth left over would cost a step of its own.
            if left.abs() <= self.h[l].abs() * T::of(1.0 + 1e-6) {
                self.h[l] = left;
            }
        }
    }

    /// Finds the next time at which a step of this lane must end.
    #[cold]
    fn look_ahead(&mut self, l: usize, stops: &[T]) {
        let (t, lane) = (self.t[l], &mut self.lanes[l]);
        let passed = |stop: T| (stop - t) * lane.direction <= T::zero();
        while stops.get(lane.next_stop).is_some_and(|&stop| passed(stop)) {
            lane.next_stop += 1;
        }
        let end = lane.t1;
        lane.ahead = match stops.get(lane.next_stop) {
            Some(&stop) if (end - stop) * lane.direction > T::zero() => stop,
            _ => end,
        };
    }
}
