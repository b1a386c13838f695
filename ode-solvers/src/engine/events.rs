//! Events within accepted steps: found where they change sign, located on the dense output, reported in the order of time.
use super::{Client, Engine};
use crate::event::bracket;
use crate::invariant::restore_invariants;
use crate::methods::Stepper;
use crate::{LaneSystem, Options, Scalar};

/// Parts of a step at whose ends event functions are looked at.
const PARTS: usize = 4;

/// What the loop remembers of event functions.
#[derive(Clone, Debug)]
pub(super) struct Events<T, const W: usize> {
    /// Value of every event function at the start of the step.
    values: Vec<[T; W]>,
    /// Those at the end of a part of it.
    next: Vec<[T; W]>,
    /// One lane's state, as event functions want it.
    state: Vec<T>,
    /// Crossings of one step: lane, fraction of the step, event.
    found: Vec<(usize, T, usize)>,
    /// States at which terminal events end their lanes.
    pub end: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> Events<T, W> {
    pub fn new() -> Self {
        Self {
            values: Vec::new(),
            next: Vec::new(),
            state: Vec::new(),
            found: Vec::new(),
            end: Vec::new(),
        }
    }

    /// Fits the memory to `count` events of states of `dim` components.
    pub fn prepare(&mut self, count: usize, dim: usize) {
        for (array, length) in [
            (&mut self.values, count),
            (&mut self.next, count),
            (&mut self.end, if count > 0 { dim } else { 0 }),
        ] {
            array.clear();
            array.resize(length, [T::zero(); W]);
        }
        self.state.clear();
        self.state.resize(dim, T::zero());
        self.found.clear();
    }
}

fn gather<T: Scalar, const W: usize>(lane: usize, from: &[[T; W]], to: &mut [T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from[lane];
    }
}

/// In the order of time within each lane; at the same time in the order of their numbers. (Once for all methods and systems: a sort is much to compile.)
fn sort_by_time<T: Scalar>(found: &mut [(usize, T, usize)]) {
    found.sort_by(|a, b| {
        (a.0.cmp(&b.0))
            .then(a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal))
            .then(a.2.cmp(&b.2))
    });
}

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    /// Values of the event functions at the start of a model.
    pub(super) fn begin_events(&mut self, lane: usize, options: &Options<T>) {
        gather(lane, &self.y, &mut self.events.state);
        let model = self.lanes[lane].model;
        for (value, event) in self.events.values.iter_mut().zip(&options.events) {
            value[lane] = event.value(model, self.t[lane], &self.events.state);
        }
    }

    /// Finds, locates and reports the events of the accepted steps; the first terminal one sets where its lane ends.
    #[cold]
    pub(super) fn locate_events<S, Q>(
        &mut self,
        accepted: &[bool; W],
        options: &Options<T>,
        client: &mut Q,
    ) where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
        Q: Client<T, P, W>,
    {
        self.find_crossings::<S>(accepted, options);
        let mut found = std::mem::take(&mut self.events.found);
        sort_by_time(&mut found);
        for &(l, theta, e) in &found {
            if self.lanes[l].stop.is_some() {
                continue;
            }
            let t = if theta == T::one() {
                self.end_of_step(l)
            } else {
                self.t[l] + theta * self.h[l]
            };
            self.state_within::<S>(theta, options);
            client.event(l, e, t, &self.out);
            if options.events[e].is_terminal() {
                for (end, out) in self.events.end.iter_mut().zip(&self.out) {
                    end[l] = out[l];
                }
                self.lanes[l].stop = Some((t, e));
            }
        }
        found.clear();
        self.events.found = found;
    }

    /// The state of every lane at this fraction of its step, in `out`.
    fn state_within<S>(&mut self, theta: T, options: &Options<T>)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        if theta == T::one() {
            self.out.copy_from_slice(&self.y_new);
            return;
        }
        self.ready_interpolant::<S>();
        self.stepper
            .interpolate(&[theta; W], &self.h, &self.y, &self.y_new, &mut self.out);
        restore_invariants(&options.invariants, &self.totals, &mut self.out);
        self.restore_sums_within(&[true; W], options);
    }

    fn find_crossings<S>(&mut self, accepted: &[bool; W], options: &Options<T>)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let mut from = T::zero();
        for part in 1..=PARTS {
            let to = T::of(part as f64 / PARTS as f64);
            self.state_within::<S>(to, options);
            for l in (0..W).filter(|&l| accepted[l]) {
                gather(l, &self.out, &mut self.events.state);
                let t = self.t[l] + to * self.h[l];
                for (e, event) in options.events.iter().enumerate() {
                    self.events.next[e][l] =
                        event.value(self.lanes[l].model, t, &self.events.state);
                }
            }
            for l in (0..W).filter(|&l| accepted[l]) {
                for (e, event) in options.events.iter().enumerate() {
                    let (a, b) = (self.events.values[e][l], self.events.next[e][l]);
                    if event.crosses(a, b) {
                        let theta = self.crossing::<S>(l, e, (from, a), (to, b), options);
                        self.events.found.push((l, theta, e));
                    }
                    self.events.values[e][l] = b;
                }
            }
            from = to;
        }
    }

    /// The fraction of lane l's step at which event e has crossed zero.
    fn crossing<S>(&mut self, l: usize, e: usize, a: (T, T), b: (T, T), options: &Options<T>) -> T
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        let event = &options.events[e];
        let (t, h) = (self.t[l], self.h[l]);
        let latest = if t.abs() > (t + h).abs() { t } else { t + h };
        bracket(a, b, event.width(latest) / h.abs(), &mut |theta| {
            self.state_within::<S>(theta, options);
            gather(l, &self.out, &mut self.events.state);
            event.value(self.lanes[l].model, t + theta * h, &self.events.state)
        })
    }
}
