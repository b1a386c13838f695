//! The one stepping loop, over W lanes: each lane with its own time, step, acceptance and outputs, refilled with the next model when done.
mod begin;
mod client;
mod control;
mod events;
mod judge;
mod lane;
mod output;

use crate::aligned::Aligned;
use crate::conserved::Conserved;
use crate::invariant::Total;
use crate::methods::Stepper;
use crate::nonnegative::Projection;
use crate::norms::{rms, rms_each};
use crate::{LaneSystem, Options, Scalar, SolveError};

pub(crate) use client::{Client, Failure, Start};
use events::Events;
pub(crate) use judge::MOST_NOT_FINITE;
use lane::Lane;

/// The loop's memory, reused from solve to solve.
#[derive(Clone, Debug)]
pub(crate) struct Engine<T, P, const W: usize> {
    pub stepper: P,
    y: Aligned<T, W>,
    y_new: Aligned<T, W>,
    error: Aligned<T, W>,
    out: Aligned<T, W>,
    atol: Vec<T>,
    /// Relative tolerance per component, empty where one serves all.
    rtol: Vec<T>,
    /// Initial values of the invariants.
    totals: Vec<Total<T, W>>,
    projection: Projection<T, W>,
    /// Sums kept without sign constraints; empty where states are projected to be non-negative, with laws of their own.
    conserved: Conserved<T>,
    events: Events<T, W>,
    /// Whether the stepper has prepared the interpolant of the last attempt.
    interpolant_ready: bool,
    lanes: [Lane<T>; W],
    t: [T; W],
    h: [T; W],
    fresh: [bool; W],
    changed: [bool; W],
}

impl<T: Scalar, P, const W: usize> Engine<T, P, W> {
    pub fn new(stepper: P) -> Self {
        Self {
            stepper,
            y: Aligned::new(),
            y_new: Aligned::new(),
            error: Aligned::new(),
            out: Aligned::new(),
            atol: Vec::new(),
            rtol: Vec::new(),
            totals: Vec::new(),
            projection: Projection::new(),
            conserved: Conserved::default(),
            events: Events::new(),
            interpolant_ready: false,
            lanes: [Lane::idle(); W],
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
            array.reset(n);
        }
        self.totals.clear();
        self.totals.resize(options.invariants.len(), Total::zero());
        self.atol.clear();
        match options.atol[..] {
            [atol] => self.atol.resize(n, atol),
            _ => self.atol.extend_from_slice(&options.atol),
        }
        self.rtol.clear();
        self.rtol.extend_from_slice(&options.rtol_each);
        let laws = match (&options.nonnegative, &options.conserved) {
            (Some(_), _) => Vec::new(),
            (None, Some(laws)) => laws.clone(),
            (None, None) => system.conserved(),
        };
        self.conserved = Conserved::new(laws, W, &self.atol);
        if let Some(law) = self.conserved.laws.iter().find(|law| law.len() != n) {
            return Err(SolveError::Dimension {
                what: "a conservation law",
                expected: n,
                found: law.len(),
            });
        }
        let laws = options
            .nonnegative
            .as_ref()
            .map_or(self.conserved.laws.len(), Vec::len);
        self.projection.prepare(laws, n);
        self.events.prepare(options.events.len(), n);
        if options.nonnegative.is_some() && !self.stepper.can_be_moved() {
            return Err(SolveError::InvalidOption {
                name: "non-negative projections of a method with memory",
                value: 1.0,
                expected: "0",
            });
        }
        self.stepper.prepare(system)?;
        self.stepper.set_tolerances(options, &self.atol);
        Ok(())
    }

    /// Root mean square of x in units of the tolerances at the larger of y and z, per lane.
    #[inline(always)]
    fn norm(&self, x: &[[T; W]], y: &[[T; W]], z: &[[T; W]], options: &Options<T>) -> [T; W] {
        if self.rtol.is_empty() {
            rms(x, y, z, &self.atol, options.rtol)
        } else {
            rms_each(x, y, z, &self.atol, &self.rtol)
        }
    }

    /// The interpolant of the last attempt, prepared once.
    #[inline(always)]
    fn ready_interpolant<S>(&mut self)
    where
        S: LaneSystem<T, W>,
        P: Stepper<T, S, W>,
    {
        if !self.interpolant_ready {
            self.stepper.prepare_interpolation();
            self.interpolant_ready = true;
        }
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
        if client.records() {
            self.conserved = Conserved::default();
        }
        let own = self.stepper.control();
        let control = options.controller.map_or(own, |c| c.for_order(own.order));
        for lane in 0..W {
            self.refill(lane, system, options, client);
        }
        self.settle_idle_lanes();
        while self.lanes.iter().any(|lane| lane.active) {
            if client.cancelled() {
                for lane in 0..W {
                    if self.lanes[lane].active {
                        self.finish(lane, Err(Failure::Cancelled), client);
                    }
                }
                return Ok(());
            }
            self.begin(system, options, &control);
            self.clamp_steps(options, client);
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
