//! Outputs that fall into accepted steps, by dense output.
use super::{Client, Engine};
use crate::dense::node;
use crate::invariant::restore_invariants;
use crate::methods::{Attempt, Stepper};
use crate::options::Outputs;
use crate::{LaneSystem, Options, Scalar};

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Outputs that fall into the accepted steps.
    #[inline(always)]
    pub(super) fn emit<S, Q>(
        &mut self,
        accepted: &[bool; W],
        system: &mut S,
        options: &Options<T>,
        client: &mut Q,
    ) where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        let times = match &options.outputs {
            Outputs::Steps if !client.takes_steps() => &[],
            Outputs::Steps => {
                for l in 0..W {
                    if accepted[l] {
                        client.output(
                            l,
                            self.lanes[l].next_output,
                            self.end_of_step(l),
                            self.end_state(l),
                        );
                        self.lanes[l].next_output += 1;
                    }
                }
                return;
            }
            Outputs::Times(times) => &times[..],
        };
        let mut ends = [T::zero(); W];
        // Not-a-number where no output is left: it compares as "not yet".
        let mut due = [T::nan(); W];
        for l in 0..W {
            ends[l] = self.end_of_step(l);
            let next = self.lanes[l].next_output;
            due[l] = client.output_time(l, next, times).unwrap_or(T::nan());
        }
        loop {
            // No branches here: which lanes have an output to come is not to be guessed.
            let mut theta = [T::one(); W];
            let mut pending = [false; W];
            for l in 0..W {
                let passed = (ends[l] - due[l]) * self.lanes[l].direction >= T::zero();
                pending[l] = accepted[l] & passed;
                let within = (due[l] - self.t[l]) / self.h[l];
                theta[l] = if pending[l] { within } else { T::one() };
            }
            if !pending.contains(&true) {
                return;
            }
            self.ready_interpolant::<S>();
            self.stepper
                .interpolate(&theta, &self.h, &self.y, &self.y_new, &mut self.out);
            if self.stepper.refines_outputs() {
                let inside = each_lane!(false, |l| pending[l] && due[l] != ends[l]);
                self.refine_outputs(&inside, &theta, system);
            }
            restore_invariants(&options.invariants, &self.totals, &mut self.out);
            if let Some(laws) = &options.nonnegative {
                self.project_outputs(&pending, laws, options);
            }
            self.restore_sums_within(&pending, options);
            for l in 0..W {
                if pending[l] {
                    let state = if due[l] == ends[l] {
                        self.end_state(l)
                    } else {
                        &self.out
                    };
                    let lane = &self.lanes[l];
                    client.output(l, lane.next_output, due[l], state);
                    let lane = &mut self.lanes[l];
                    lane.next_output += 1;
                    due[l] = client
                        .output_time(l, lane.next_output, times)
                        .unwrap_or(T::nan());
                }
            }
        }
    }

    /// What the method makes better of the states interpolated at t + θ h.
    #[inline(always)]
    fn refine_outputs<S>(&mut self, lanes: &[bool; W], theta: &[T; W], system: &mut S)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        if !lanes.contains(&true) {
            return;
        }
        let attempt = Attempt {
            t: &self.t,
            h: &self.h,
            y: &self.y,
            y_new: &self.y_new,
        };
        self.stepper
            .refine(system, lanes, theta, attempt, &mut self.out);
        for l in 0..W {
            self.lanes[l].stats.rhs_evaluations += usize::from(lanes[l]);
        }
    }

    /// The state in which a lane leaves the step: within it where a terminal event ends the model.
    #[inline(always)]
    fn end_state(&self, l: usize) -> &[[T; W]] {
        if self.lanes[l].stop.is_some() {
            &self.events.end
        } else {
            &self.y_new
        }
    }

    /// Keeps outputs within a step from dipping below zero.
    #[cold]
    fn project_outputs(&mut self, pending: &[bool; W], laws: &[Vec<T>], options: &Options<T>) {
        for l in (0..W).filter(|&l| pending[l]) {
            let rtol = &self.rtol;
            let rtol_of = |i: usize| rtol.get(i).copied().unwrap_or(options.rtol);
            // Without a state with these sums nearby (never seen) the output stays as interpolated.
            let _ = (self.projection).project(l, laws, &self.atol, &rtol_of, false, &mut self.out);
        }
    }

    /// Hands out the interpolants of the accepted steps, node by node.
    #[cold]
    pub(super) fn emit_dense<S, Q>(
        &mut self,
        accepted: &[bool; W],
        system: &mut S,
        options: &Options<T>,
        client: &mut Q,
    ) where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        let degree = self.stepper.interpolant_degree();
        self.ready_interpolant::<S>();
        for l in (0..W).filter(|&l| accepted[l]) {
            client.dense_step(l, self.t[l], self.h[l], degree + 1);
        }
        for k in 0..=degree {
            if k == 0 {
                self.out.copy_from_slice(&self.y);
            } else if k == degree {
                self.out.copy_from_slice(&self.y_new);
            } else {
                let theta = [node(k, degree); W];
                self.stepper
                    .interpolate(&theta, &self.h, &self.y, &self.y_new, &mut self.out);
                if self.stepper.refines_outputs() {
                    self.refine_outputs(accepted, &theta, system);
                }
                restore_invariants(&options.invariants, &self.totals, &mut self.out);
                self.restore_sums_within(accepted, options);
            }
            for l in (0..W).filter(|&l| accepted[l]) {
                client.dense_node(l, &self.out);
            }
        }
    }
}
