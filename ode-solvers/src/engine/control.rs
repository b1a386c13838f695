//! What is watched from step to step besides the error: rest, stiffness, signs.
use super::Engine;
use crate::methods::Stepper;
use crate::{LaneSystem, Options, Scalar, SteadyState};

/// Accepted steps between two looks at stiffness while nothing points to it.
const STIFFNESS_PERIOD: usize = 16;
/// Looks in a row that must find the step at the edge of stability (Hairer & Wanner, IV.2: 15 of DOPRI5's), and that clear the suspicion.
const STIFF_AFTER: u32 = 15;
const CLEAR_AFTER: u32 = 6;

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Counts steps at which nothing changes any more.
    #[cold]
    pub(super) fn note_rest(&mut self, accepted: &[bool; W], steady: &SteadyState<T>) {
        for l in 0..W {
            let lane = &mut self.lanes[l];
            if accepted[l] {
                let span = (lane.t1 - lane.t0).abs();
                let rests = steady.holds(l, self.h[l], span, &self.atol, &self.y, &self.y_new);
                lane.steady = if rests { lane.steady + 1 } else { 0 };
            }
        }
    }

    /// Looks now and then at whether an explicit method's steps are held down by stability; says so in the statistics.
    #[inline(always)]
    pub(super) fn note_stiffness<S>(&mut self, accepted: &[bool; W])
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let due = |lane: &super::Lane<T>| {
            lane.stiff > 0 || lane.stats.steps % STIFFNESS_PERIOD == STIFFNESS_PERIOD - 1
        };
        if !(0..W).any(|l| accepted[l] && due(&self.lanes[l])) {
            return;
        }
        let Some(at_edge) = self.stepper.at_edge_of_stability(&self.h, &self.y_new) else {
            return;
        };
        for l in 0..W {
            let lane = &mut self.lanes[l];
            if !accepted[l] || !due(lane) {
                continue;
            }
            if at_edge[l] {
                (lane.stiff, lane.not_stiff) = (lane.stiff + 1, 0);
                lane.stats.stiff |= lane.stiff >= STIFF_AFTER;
            } else {
                lane.not_stiff += 1;
                if lane.not_stiff >= CLEAR_AFTER {
                    lane.stiff = 0;
                }
            }
        }
    }

    /// Moves new states with negative components onto {y ≥ 0}; the correction counts as error. Says which lanes were moved.
    #[cold]
    pub(super) fn keep_nonnegative(
        &mut self,
        finite: &[bool; W],
        errors: &mut [T; W],
        laws: &[Vec<T>],
        options: &Options<T>,
    ) -> [bool; W] {
        let mut moved = [false; W];
        for l in 0..W {
            if !(self.lanes[l].active && finite[l] && errors[l] <= T::one()) {
                continue;
            }
            let rtol = &self.rtol;
            let rtol_of = |i: usize| rtol.get(i).copied().unwrap_or(options.rtol);
            let correction =
                (self.projection).project(l, laws, &self.atol, &rtol_of, false, &mut self.y_new);
            // No state near enough: an error well above the tolerance, so that the step is repeated smaller.
            let correction = correction.unwrap_or(T::of(1e3));
            moved[l] = correction > T::zero() && correction <= T::one();
            errors[l] = errors[l].max(correction);
        }
        moved
    }

    /// Gives new states of these lanes the sums they have lost; the correction counts as error. Says which lanes were moved.
    #[cold]
    pub(super) fn restore_sums(
        &mut self,
        lost: &[bool; W],
        finite: &[bool; W],
        errors: &mut [T; W],
        options: &Options<T>,
    ) -> [bool; W] {
        let mut moved = [false; W];
        for l in 0..W {
            if !(lost[l] && self.lanes[l].active && finite[l] && errors[l] <= T::one()) {
                continue;
            }
            let rtol = &self.rtol;
            let rtol_of = |i: usize| rtol.get(i).copied().unwrap_or(options.rtol);
            let laws = &self.conserved.laws;
            // No state with these sums nearby (laws that contradict each other): it stays as it is.
            let correction =
                (self.projection).project(l, laws, &self.atol, &rtol_of, true, &mut self.y_new);
            if let Some(correction) = correction {
                moved[l] = correction > T::zero() && correction <= T::one();
                errors[l] = errors[l].max(correction);
            }
        }
        moved
    }

    /// Gives `out`, a state within a step, the sums it has lost, in these lanes.
    #[inline(always)]
    pub(super) fn restore_sums_within(&mut self, wanted: &[bool; W], options: &Options<T>) {
        if self.conserved.is_empty() {
            return;
        }
        let lost = self.conserved.lost(&self.projection, &self.out);
        let lost = each_lane!(false, |l| lost[l] && wanted[l]);
        if lost.contains(&true) {
            self.restore_lost_within(&lost, options);
        }
    }

    #[cold]
    fn restore_lost_within(&mut self, lost: &[bool; W], options: &Options<T>) {
        for l in (0..W).filter(|&l| lost[l]) {
            let rtol = &self.rtol;
            let rtol_of = |i: usize| rtol.get(i).copied().unwrap_or(options.rtol);
            let laws = &self.conserved.laws;
            // Without a state with these sums nearby it stays as interpolated.
            let _ = (self.projection).project(l, laws, &self.atol, &rtol_of, true, &mut self.out);
        }
    }

    /// Lanes ended by an event take the state at that event.
    #[inline(always)]
    pub(super) fn end_at_events(&mut self) {
        for l in 0..W {
            if self.lanes[l].stop.is_some() {
                for (y, end) in self.y_new.iter_mut().zip(&self.events.end) {
                    y[l] = end[l];
                }
            }
        }
    }
}
