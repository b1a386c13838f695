//! Solves that are recorded and differentiated in reverse: the inner loop of training through a solve.
use super::reverse::Reverse;
use super::tape::Tape;
use super::{RENEWAL, Recorded, Reversible, Transposed};
use crate::engine::{Client, Engine, Failure, Start};
use crate::methods::{Method, Stepper, Tsit5};
use crate::solver::failure_to_error;
use crate::{
    LaneSystem, LaneVectorJacobian, Options, Scalar, Solution, SolveError, Statistics, Stop,
};

/// Solves with [`Tsit5`] or [`crate::Kvaerno5`] over W lanes, keeps every accepted step, and carries cotangents back to initial states and parameters.
///
/// The gradient is that of the numbers computed (the discrete adjoint): exact up to rounding for the sequence of steps taken, dense outputs
/// included. Step lengths count as constants. All memory is reused from call to call; nothing is allocated once sizes repeat.
///
/// With `Kvaerno5` ([`Rollout::with`]) the system also needs its Jacobian. Its stages are differentiated as solutions of their equations (one Jacobian, one
/// factorisation and one transposed solve per stage): exact as far as Newton's iteration has converged, to rounding with
/// [`Options::newton_tolerance`] small enough.
///
/// A tape holds six states a step. [`Rollout::checkpointed`] keeps a number of them that grows as the root of the steps, and computes the rest again,
/// to the last bit, during the reverse pass.
///
/// Arrays are lane-interleaved: `[T; W]` holds component i of W models. With W = 1 any [`crate::VectorJacobian`] serves through [`crate::Each`]:
///
/// ```
/// use stiff_ode_solvers::{Each, Options, Rollout, System, VectorJacobian};
/// struct Decay(f64);
/// impl System for Decay {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
///         dydt[0] = -self.0 * y[0];
///     }
/// }
/// impl VectorJacobian for Decay {
///     fn parameter_len(&self) -> usize {
///         1
///     }
///     fn vjp(&self, _t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
///         y_bar[0] -= self.0 * v[0];
///         p_bar[0] -= y[0] * v[0];
///     }
/// }
/// let systems = [Decay(2.0)];
/// let mut lanes = Each::<f64, Decay, 1>::new(&systems);
/// let options = Options::default().rtol(1e-9).outputs(vec![1.0]);
/// let mut rollout = Rollout::<f64, 1>::new();
/// let mut y = [[0.0]];
/// rollout.forward(&mut lanes, (0.0, 1.0), &[[3.0]], &options, &mut y)?;
/// let (mut y0_bar, mut p_bar) = ([[0.0]], [[0.0]]);
/// rollout.backward(&mut lanes, &[[1.0]], None, &mut y0_bar, &mut p_bar)?;
/// assert!((y0_bar[0][0] - (-2.0_f64).exp()).abs() < 1e-7);
/// assert!((p_bar[0][0] + 3.0 * (-2.0_f64).exp()).abs() < 1e-7);
/// # Ok::<(), stiff_ode_solvers::SolveError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rollout<T: Scalar, const W: usize = 1, M: Method<T, W> = Tsit5> {
    engine: Engine<T, M::Stepper, W>,
    tape: Tape<T, W>,
    reverse: Reverse<T, W>,
    transposed: Transposed<T, W>,
    checkpointed: bool,
}

/// Where one lane of [`Rollout::forward_each`] begins and ends, what it reports and where its steps must end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneTimes<'a, T> {
    /// From and to; an empty span is over at once.
    pub span: (T, T),
    /// Output times, as in [`Options::outputs`].
    pub outputs: &'a [T],
    /// Times at which a step must end, as in [`Options::stops`].
    pub stops: &'a [T],
}

/// What became of the lanes of a [`Rollout::forward`].
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<const W: usize> {
    /// Work of each lane.
    pub stats: [Statistics; W],
    /// Why a lane ended early; its outputs from there on are not-a-number.
    pub failures: [Option<SolveError>; W],
}

impl<const W: usize> Outcome<W> {
    /// Whether every lane reached the end.
    pub fn all_finished(&self) -> bool {
        self.failures.iter().all(Option::is_none)
    }
}

impl<T: Scalar, const W: usize> Default for Rollout<T, W> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Scalar, const W: usize> Rollout<T, W> {
    /// Empty memory for [`Tsit5`].
    pub fn new() -> Self {
        Self::with(&Tsit5)
    }
}

impl<T: Scalar, const W: usize, M: Method<T, W>> Rollout<T, W, M>
where
    M::Stepper: Recorded<T, W>,
{
    /// Empty memory for a method.
    pub fn with(method: &M) -> Self {
        let mut stepper = method.stepper();
        stepper.renew_every(RENEWAL);
        Self {
            engine: Engine::new(stepper),
            tape: Tape::new(),
            reverse: Reverse::new(),
            transposed: Transposed::empty(),
            checkpointed: false,
        }
    }

    /// Keeps checkpoints instead of all stages: memory grows as the root of the number of steps, and the reverse pass takes every step once more.
    pub fn checkpointed(mut self) -> Self {
        self.checkpointed = true;
        self
    }

    /// Solves from `y0` (length dim) over `span`, writing the states at `options`' output times into `outputs` (dim × times: component i at
    /// time k is `outputs[k * dim + i]`), and records the steps. Lane l computes model l. Fill lanes that are not needed with copies.
    ///
    /// # Errors
    /// Wrong lengths, options out of range, invariants (the reverse pass does not know them); failures of single lanes are in the [`Outcome`].
    pub fn forward<S: LaneSystem<T, W>>(
        &mut self,
        system: &mut S,
        span: (T, T),
        y0: &[[T; W]],
        options: &Options<T>,
        outputs: &mut [[T; W]],
    ) -> Result<Outcome<W>, SolveError>
    where
        M::Stepper: Stepper<T, S, W>,
    {
        let dim = system.dim();
        options.check(dim, span)?;
        self.run(system, [span; W], None, y0, options, outputs)
    }

    /// [`Rollout::forward`] with a span, output times and stops of its own for every lane; those of `options` are not looked at. `outputs` holds dim × the
    /// largest number of output times; what lies beyond a lane's own is not written, and in [`Rollout::backward`] not read.
    ///
    /// # Errors
    /// As [`Rollout::forward`].
    pub fn forward_each<S: LaneSystem<T, W>>(
        &mut self,
        system: &mut S,
        lanes: &[LaneTimes<'_, T>; W],
        y0: &[[T; W]],
        options: &Options<T>,
        outputs: &mut [[T; W]],
    ) -> Result<Outcome<W>, SolveError>
    where
        M::Stepper: Stepper<T, S, W>,
    {
        let dim = system.dim();
        for lane in lanes {
            options.check_with(dim, lane.span, lane.outputs, lane.stops)?;
        }
        let spans = std::array::from_fn(|l| lanes[l].span);
        self.run(system, spans, Some(lanes), y0, options, outputs)
    }

    fn run<S: LaneSystem<T, W>>(
        &mut self,
        system: &mut S,
        spans: [(T, T); W],
        own: Option<&[LaneTimes<'_, T>; W]>,
        y0: &[[T; W]],
        options: &Options<T>,
        outputs: &mut [[T; W]],
    ) -> Result<Outcome<W>, SolveError>
    where
        M::Stepper: Stepper<T, S, W>,
    {
        let dim = system.dim();
        for (name, count) in [
            (
                "number of invariants of a rollout",
                options.invariants.len(),
            ),
            (
                "number of steady states of a rollout",
                usize::from(options.steady.is_some()),
            ),
            ("number of events of a rollout", options.events.len()),
            (
                "number of non-negative projections of a rollout",
                usize::from(options.nonnegative.is_some()),
            ),
            (
                "number of conservation laws of a rollout",
                options.conserved.iter().flatten().count(),
            ),
        ] {
            if count > 0 {
                return Err(SolveError::InvalidOption {
                    name,
                    value: count as f64,
                    expected: "0",
                });
            }
        }
        let (shared, lists) = match own {
            None => (options.output_times(), &[][..]),
            Some(lanes) => (&[][..], &lanes[..]),
        };
        self.tape.start(
            dim,
            spans.map(|span| span.0),
            shared,
            lists.iter().map(|lane| lane.outputs),
            self.checkpointed,
        );
        let lengths = [
            ("the initial state", dim, y0.len()),
            ("the outputs", dim * self.tape.output_count(), outputs.len()),
        ];
        for (what, expected, found) in lengths {
            if expected != found {
                return Err(SolveError::Dimension {
                    what,
                    expected,
                    found,
                });
            }
        }
        if let Some((component, lanes)) = y0
            .iter()
            .enumerate()
            .find(|(_, y)| y.iter().any(|y| !y.is_finite()))
        {
            let value = lanes
                .iter()
                .find(|y| !y.is_finite())
                .map_or(f64::NAN, |y| y.as_f64());
            return Err(SolveError::InitialState { component, value });
        }
        let mut client = Recorder {
            tape: &mut self.tape,
            spans,
            own,
            y0,
            started: [false; W],
            outputs,
            limit: options.max_steps,
            outcome: Outcome {
                stats: [Statistics::default(); W],
                failures: [const { None }; W],
            },
        };
        self.engine.run(system, options, &mut client)?;
        let outcome = client.outcome;
        self.tape.pad();
        Ok(outcome)
    }

    /// States at the end of the span (length dim), or where a failed lane stopped.
    pub fn end(&self) -> &[[T; W]] {
        self.tape.end()
    }

    /// Accepted steps of every lane in the last [`Rollout::forward`].
    pub fn steps(&self) -> [usize; W] {
        self.tape.steps()
    }

    /// Step r of lane l in the last [`Rollout::forward`]: (t, h).
    pub fn step(&self, lane: usize, r: usize) -> Option<(T, T)> {
        self.tape.step(lane, r)
    }

    /// States of the lanes that the memory of the tape holds.
    pub fn kept_states(&self) -> usize {
        self.tape.kept() / self.tape.dim().max(1)
    }

    /// Carries cotangents back through the last [`Rollout::forward`]. `output_bar` (dim × times) are those of its outputs, `end_bar` (dim) of
    /// its final states; `y0_bar` (dim) and `p_bar` (`parameter_len`) are added to. `system` must be as it was.
    ///
    /// Cotangents of outputs that a failed lane did not reach are not read.
    ///
    /// # Errors
    /// Wrong lengths; a singular matrix of an implicit stage.
    pub fn backward<S: LaneVectorJacobian<T, W>>(
        &mut self,
        system: &mut S,
        output_bar: &[[T; W]],
        end_bar: Option<&[[T; W]]>,
        y0_bar: &mut [[T; W]],
        p_bar: &mut [[T; W]],
    ) -> Result<(), SolveError>
    where
        M::Stepper: Reversible<T, S, W>,
    {
        let dim = self.tape.dim();
        let lengths = [
            ("the system", dim, system.dim()),
            (
                "the outputs' cotangents",
                dim * self.tape.output_count(),
                output_bar.len(),
            ),
            ("the end's cotangent", dim, end_bar.map_or(dim, <[_]>::len)),
            ("the initial state's cotangent", dim, y0_bar.len()),
            (
                "the parameters' cotangent",
                system.parameter_len(),
                p_bar.len(),
            ),
        ];
        for (what, expected, found) in lengths {
            if expected != found {
                return Err(SolveError::Dimension {
                    what,
                    expected,
                    found,
                });
            }
        }
        self.reverse
            .run(
                &mut self.tape,
                &mut self.engine.stepper,
                &mut self.transposed,
                system,
                output_bar,
                end_bar,
                y0_bar,
                p_bar,
            )
            .map_err(|(t, h)| SolveError::SingularMatrix {
                t: t.as_f64(),
                step: h.as_f64(),
                partial: Box::default(),
            })
    }
}

/// The loop's client: writes outputs, keeps steps.
struct Recorder<'r, T, const W: usize> {
    tape: &'r mut Tape<T, W>,
    spans: [(T, T); W],
    own: Option<&'r [LaneTimes<'r, T>; W]>,
    y0: &'r [[T; W]],
    started: [bool; W],
    outputs: &'r mut [[T; W]],
    limit: usize,
    outcome: Outcome<W>,
}

impl<T: Scalar, P: Recorded<T, W>, const W: usize> Client<T, P, W> for Recorder<'_, T, W> {
    fn records(&self) -> bool {
        true
    }

    fn next(&mut self, lane: usize, y: &mut [[T; W]]) -> Option<Start<T>> {
        if std::mem::replace(&mut self.started[lane], true) {
            return None;
        }
        for (y, y0) in y.iter_mut().zip(self.y0) {
            y[lane] = y0[lane];
        }
        Some(Start {
            model: lane,
            t0: self.spans[lane].0,
            t1: self.spans[lane].1,
        })
    }

    #[inline(always)]
    fn output_time(&self, lane: usize, index: usize, _shared: &[T]) -> Option<T> {
        self.tape.output_times(lane).get(index).copied()
    }

    fn takes_steps(&self) -> bool {
        false
    }

    #[inline(always)]
    fn stops<'a>(&'a self, lane: usize, shared: &'a [T]) -> &'a [T] {
        self.own.map_or(shared, |lanes| lanes[lane].stops)
    }

    #[inline(always)]
    fn output(&mut self, lane: usize, index: usize, _t: T, y: &[[T; W]]) {
        self.tape.note_output(lane);
        let n = y.len();
        for (out, y) in self.outputs[index * n..(index + 1) * n].iter_mut().zip(y) {
            out[lane] = y[lane];
        }
    }

    #[inline(always)]
    fn accepted(
        &mut self,
        accepted: &[bool; W],
        t: &[T; W],
        h: &[T; W],
        y: &[[T; W]],
        stepper: &P,
    ) {
        self.tape.record(accepted, t, h, y, stepper);
    }

    fn finished(
        &mut self,
        lane: usize,
        _model: usize,
        t: T,
        y: &[[T; W]],
        stats: Statistics,
        end: Result<Stop, Failure<T>>,
    ) {
        self.outcome.stats[lane] = stats;
        let done = self.tape.finish_lane(lane, t, y);
        if let Err(failure) = end {
            let reached = &self.outputs[..done * y.len()];
            let solution = Solution {
                dim: y.len(),
                t: self.tape.output_times(lane)[..done].to_vec(),
                y: reached.iter().map(|y| y[lane]).collect(),
                t_end: t,
                y_end: y.iter().map(|y| y[lane]).collect(),
                stats,
                ..Solution::default()
            };
            self.outcome.failures[lane] = Some(failure_to_error(failure, &solution, self.limit));
            let asked = self.tape.output_times(lane).len();
            for out in &mut self.outputs[done * y.len()..asked * y.len()] {
                out[lane] = T::nan();
            }
        }
    }
}
