//! What a user may choose about a solve: tolerances, step control, outputs, events, limits.
mod check;

use crate::{Controller, Event, Scalar, SteadyState};

/// Settings of a solve, built by chained setters and checked when the solve starts.
///
/// Defaults: `rtol` 1e-3, `atol` 1e-14, the end of every accepted step as output, first step chosen automatically, at most 1,000,000 attempted steps.
///
/// ```
/// use stiff_ode_solvers::Options;
/// let options = Options::default().rtol(1e-6).atol(1e-12).outputs(vec![0.0, 1.0, 10.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Options<T = f64> {
    pub(crate) rtol: T,
    pub(crate) atol: Vec<T>,
    pub(crate) outputs: Outputs<T>,
    pub(crate) initial_step: Option<T>,
    pub(crate) min_step: T,
    pub(crate) max_step: Option<T>,
    pub(crate) max_steps: usize,
    pub(crate) newton_tolerance: Option<T>,
    pub(crate) invariants: Vec<Invariant<T>>,
    pub(crate) steady: Option<SteadyState<T>>,
    pub(crate) stops: Vec<T>,
    /// Relative tolerance per component, empty where `rtol` serves all.
    pub(crate) rtol_each: Vec<T>,
    pub(crate) controller: Option<Controller<T>>,
    pub(crate) events: Vec<Event<T>>,
    pub(crate) dense: bool,
    /// Weights of the sums kept by the projection onto non-negative states.
    pub(crate) nonnegative: Option<Vec<Vec<T>>>,
    /// Weights of the sums kept, instead of those the system names.
    pub(crate) conserved: Option<Vec<Vec<T>>>,
}

/// A weighted sum that the exact solution keeps, and the component that makes up for rounding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invariant<T> {
    pub weights: Vec<T>,
    pub component: usize,
}

/// Which times a solution reports.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outputs<T> {
    /// The start and the end of every accepted step.
    Steps,
    /// These times, by dense output.
    Times(Vec<T>),
}

impl<T: Scalar> Default for Options<T> {
    fn default() -> Self {
        Self {
            rtol: T::of(1e-3),
            atol: vec![T::of(1e-14)],
            outputs: Outputs::Steps,
            initial_step: None,
            min_step: T::zero(),
            max_step: None,
            max_steps: 1_000_000,
            newton_tolerance: None,
            invariants: Vec::new(),
            steady: None,
            stops: Vec::new(),
            rtol_each: Vec::new(),
            controller: None,
            events: Vec::new(),
            dense: false,
            nonnegative: None,
            conserved: None,
        }
    }
}

impl<T: Scalar> Options<T> {
    /// Relative tolerance of every component, ≥ 0 (with `atol` > 0 where it is 0).
    pub fn rtol(mut self, rtol: T) -> Self {
        self.rtol = rtol;
        self.rtol_each.clear();
        self
    }

    /// Relative tolerance of each component (length dim). Methods that iterate solve their equations to the smallest of them.
    pub fn rtol_per_component(mut self, rtol: Vec<T>) -> Self {
        self.rtol = rtol.iter().copied().fold(T::infinity(), T::min);
        self.rtol_each = rtol;
        self
    }

    /// Absolute tolerance of all components, in units of y, ≥ 0.
    pub fn atol(mut self, atol: T) -> Self {
        self.atol = vec![atol];
        self
    }

    /// Absolute tolerance of each component (length dim).
    pub fn atol_per_component(mut self, atol: Vec<T>) -> Self {
        self.atol = atol;
        self
    }

    /// Times at which the solution is wanted, by dense output: within the span, in its direction, none twice; both ends may be among them. `Rodas5p` refines
    /// these states one by one where rtol is below 3e-4, at the cost of a right-hand side each.
    pub fn outputs(mut self, times: Vec<T>) -> Self {
        self.outputs = Outputs::Times(times);
        self
    }

    /// Times at which a step must end, in the direction of the solve, none twice: where f has a kink in t, such as the rows of a table that is
    /// interpolated. A step across one would see neither side of it right. Times outside the span are ignored.
    pub fn stops(mut self, times: Vec<T>) -> Self {
        self.stops = times;
        self
    }

    /// Length of the first step (> 0, whatever the direction), instead of an automatic one.
    pub fn initial_step(mut self, step: T) -> Self {
        self.initial_step = Some(step);
        self
    }

    /// Steps below this length (≥ 0) end the solve with an error. Whatever is set, a step that no longer changes t does.
    pub fn min_step(mut self, step: T) -> Self {
        self.min_step = step;
        self
    }

    /// Longest step allowed (> 0).
    pub fn max_step(mut self, step: T) -> Self {
        self.max_step = Some(step);
        self
    }

    /// Attempted steps, accepted or not, after which a solve gives up (≥ 1).
    pub fn max_steps(mut self, steps: usize) -> Self {
        self.max_steps = steps;
        self
    }

    /// Fraction (> 0) of the tolerances to which methods that iterate solve their stages, instead of their own (1e-2 or so). A small one makes the
    /// result that of the method itself down to rounding, as a gradient through the solve wants; iterations stop at rounding whatever is set.
    pub fn newton_tolerance(mut self, fraction: T) -> Self {
        self.newton_tolerance = Some(fraction);
        self
    }

    /// Keeps Σ `weights`_i y_i (weights: length dim) at its initial value to the last bits, by setting `component` from the others at every step and
    /// output.
    ///
    /// All methods keep linear invariants of f up to rounding; over the long steps of chemistry near equilibrium that rounding is amplified
    /// (charge of the 224 network over 1e8 yr: 6e-10 of Σ|q|n). Choose a component that is among the largest of the sum, such as e⁻ for the
    /// charge: it is moved by that rounding only. May be called for several invariants with different components; f must keep the sum.
    pub fn invariant(mut self, weights: Vec<T>, component: usize) -> Self {
        self.invariants.push(Invariant { weights, component });
        self
    }

    /// How steps follow from errors, instead of the method's own rule.
    pub fn controller(mut self, controller: Controller<T>) -> Self {
        self.controller = Some(controller);
        self
    }

    /// Watches for an event; may be called for several, which are numbered from 0 in the order of the calls.
    pub fn event(mut self, event: Event<T>) -> Self {
        self.events.push(event);
        self
    }

    /// Keeps the whole trajectory, for evaluation at any time afterwards, as [`crate::Solution::dense`]. Costs five to seven states of memory a step, and where `Rodas5p` refines
    /// outputs (see [`Options::outputs`]) five right-hand sides.
    pub fn dense_output(mut self) -> Self {
        self.dense = true;
        self
    }

    /// Keeps every component at or above zero, at ends of steps and at outputs, and with them the sums Σ w_i y_i of the given `laws` (each of length dim:
    /// elements, charge) at their initial values, to rounding.
    ///
    /// A new state with negative components is replaced by a near one on the set {y ≥ 0, sums kept}: negative components become 0, the others share
    /// what this takes from the sums in proportion to the squares of their tolerances, so that large ones carry it (after Sandu 2001, J. Comput. Phys.
    /// 170, 589). Where that correction is larger than the tolerance (in the norm of the error test), the step counts as failed and is repeated smaller:
    /// the correction is never more than what the solve may be wrong by. What rounding takes from the sums of a state without negative components is put
    /// back in the same way. Without laws nothing but the components themselves is kept.
    ///
    /// For systems whose exact solution does not become negative; others are bent, without a word, to stay at 0. Not with `Bdf`, whose steps lean on the
    /// states before, nor with recorded solves.
    pub fn keep_nonnegative(mut self, laws: Vec<Vec<T>>) -> Self {
        self.nonnegative = Some(laws);
        self
    }

    /// Keeps the sums Σ w_i y_i of the given `laws` (each of length dim: elements, charge) at their initial values, to 1e-12 of
    /// Σ |w_i| (|y_i| + atol_i), at ends of steps and at outputs; instead of the laws that the system itself names
    /// ([`crate::System::conserved`]), which are kept without asking. No laws: nothing is done.
    ///
    /// All methods keep linear invariants of f but for rounding; over the long steps of chemistry near equilibrium that rounding is amplified. A state
    /// that has lost more is moved by as little as possible in units of the tolerances, so that the largest components carry it; the correction
    /// counts as error. f must keep the sums. Recorded solves ([`crate::Rollout`]) refuse it, and leave the sums that a system names to the method.
    pub fn conserve(mut self, laws: Vec<Vec<T>>) -> Self {
        self.conserved = Some(laws);
        self
    }

    /// Ends the solve where it has come to rest, see [`SteadyState`]. Without effect on steps before.
    pub fn stop_at_steady_state(mut self, criterion: SteadyState<T>) -> Self {
        self.steady = Some(criterion);
        self
    }

    /// The relative tolerance of each of `dim` components.
    pub(crate) fn rtol_of_each(&self, dim: usize) -> impl Iterator<Item = T> + '_ {
        (0..dim).map(|i| self.rtol_each.get(i).copied().unwrap_or(self.rtol))
    }

    /// The requested output times, empty where every step is reported.
    pub fn output_times(&self) -> &[T] {
        match &self.outputs {
            Outputs::Steps => &[],
            Outputs::Times(times) => times,
        }
    }
}
