//! Outputs that fall into accepted steps, by dense output.
use super::{Client, Engine};
use crate::invariant::restore_invariants;
use crate::methods::Stepper;
use crate::options::Outputs;
use crate::{LaneSystem, Options, Scalar};

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Outputs that fall into the accepted steps.
    #[inline(always)]
    pub(super) fn emit<S, Q>(&mut self, accepted: &[bool; W], options: &Options<T>, client: &mut Q)
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
}
