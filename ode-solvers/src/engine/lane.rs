//! What the loop knows of one lane; putting models into lanes and taking them out.
use super::{Client, Engine, Failure, Start};
use crate::controller::Past;
use crate::options::Outputs;
use crate::{LaneSystem, Options, Scalar, Statistics, Stop};

/// What the loop knows of one lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane<T> {
    pub active: bool,
    pub model: usize,
    pub t0: T,
    pub t1: T,
    /// Where a step must end at the latest: the next stop, else `t1`.
    pub ahead: T,
    pub next_stop: usize,
    /// +1 or -1, the sign of the step.
    pub direction: T,
    /// Errors of the accepted steps before.
    pub past: Past,
    /// The last attempt failed; the next accepted step must not be followed by a longer one.
    pub rejected: bool,
    pub not_finite: u32,
    /// Accepted steps in a row that met the criterion of a steady state.
    pub steady: u32,
    /// Checks in a row that found the step held down by stability, and that did not.
    pub stiff: u32,
    pub not_stiff: u32,
    /// Time and number of the terminal event within the last step.
    pub stop: Option<(T, usize)>,
    pub next_output: usize,
    pub attempts: usize,
    pub stats: Statistics,
}

impl<T: Scalar> Lane<T> {
    /// A lane without a model.
    pub fn idle() -> Self {
        Self {
            active: false,
            model: 0,
            t0: T::zero(),
            t1: T::zero(),
            ahead: T::zero(),
            next_stop: 0,
            direction: T::one(),
            past: Past::default(),
            rejected: false,
            not_finite: 0,
            steady: 0,
            stiff: 0,
            not_stiff: 0,
            stop: None,
            next_output: 0,
            attempts: 0,
            stats: Statistics::default(),
        }
    }
}

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Lanes that never had a model repeat the first one's, so that they compute something harmless.
    pub(super) fn settle_idle_lanes(&mut self) {
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
    pub(super) fn refill<S, Q>(
        &mut self,
        lane: usize,
        system: &mut S,
        options: &Options<T>,
        client: &mut Q,
    ) where
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
                t0,
                t1,
                ahead: t1,
                direction: if t1 < t0 { -T::one() } else { T::one() },
                ..Lane::idle()
            };
            let first = match &options.outputs {
                Outputs::Steps if client.takes_steps() => Some(t0),
                _ => client
                    .output_time(lane, 0, options.output_times())
                    .filter(|&t| t == t0),
            };
            if let Some(t) = first {
                client.output(lane, 0, t, &self.y);
                self.lanes[lane].next_output = 1;
            }
            let laws = options.nonnegative.as_ref().unwrap_or(&self.conserved.laws);
            if !laws.is_empty() {
                self.projection.start(lane, laws, &self.y);
            }
            if !options.events.is_empty() {
                self.begin_events(lane, options);
            }
            if t0 != t1 {
                return;
            }
            self.finish(lane, Ok(Stop::End), client);
        }
    }

    pub(super) fn finish<Q: Client<T, P, W>>(
        &mut self,
        lane: usize,
        end: Result<Stop, Failure<T>>,
        client: &mut Q,
    ) {
        let state = &mut self.lanes[lane];
        state.active = false;
        client.finished(lane, state.model, self.t[lane], &self.y, state.stats, end);
    }
}
