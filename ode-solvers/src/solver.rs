//! One solve, and the working memory that many solves in a row share.
use crate::engine::{Client, Engine, Failure, Start};
use crate::lanes::Each;
use crate::methods::{Method, Stepper};
use crate::{Located, Options, Scalar, Solution, SolveError, Statistics, Stop, System};

/// Solves dy/dt = f(t, y) from `span.0` to `span.1` (which may lie before it).
///
/// `y0` has length `dim` and is the state at `span.0`. A stiff method needs a system with a [`crate::Jacobian`].
///
/// # Errors
/// [`SolveError`] says which input is refused, or what happened at which t; it then carries what was computed so far.
///
/// ```
/// use stiff_ode_solvers::{Options, System, Tsit5, solve};
/// struct Decay;
/// impl System for Decay {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
///         dydt[0] = -y[0];
///     }
/// }
/// let options = Options::default().rtol(1e-8).outputs(vec![0.5, 1.0]);
/// let solution = solve(&Decay, &Tsit5, (0.0, 1.0), &[1.0], &options)?;
/// assert!((solution.state(1)[0] - (-1.0_f64).exp()).abs() < 1e-7);
/// # Ok::<(), stiff_ode_solvers::SolveError>(())
/// ```
pub fn solve<'a, T, S, M>(
    system: &'a S,
    method: &M,
    span: (T, T),
    y0: &[T],
    options: &Options<T>,
) -> Result<Solution<T>, SolveError>
where
    T: Scalar,
    S: System<T>,
    M: Method<T>,
    M::Stepper: Stepper<T, Each<'a, T, S, 1>, 1>,
{
    let mut solution = Solution::default();
    Solver::new(method).solve_into(system, span, y0, options, &mut solution)?;
    Ok(solution)
}

/// Working memory of a method, reused from solve to solve: no allocation where sizes repeat.
///
/// The pattern of a Jacobian is analysed at the first solve and again only where it changes.
#[derive(Clone, Debug)]
pub struct Solver<T: Scalar, M: Method<T>> {
    engine: Engine<T, M::Stepper, 1>,
}

impl<T: Scalar, M: Method<T>> Solver<T, M> {
    /// Empty memory for a method.
    pub fn new(method: &M) -> Self {
        Self {
            engine: Engine::new(method.stepper()),
        }
    }

    /// [`solve`], with this memory.
    ///
    /// # Errors
    /// As [`solve`].
    pub fn solve<'a, S>(
        &mut self,
        system: &'a S,
        span: (T, T),
        y0: &[T],
        options: &Options<T>,
    ) -> Result<Solution<T>, SolveError>
    where
        S: System<T>,
        M::Stepper: Stepper<T, Each<'a, T, S, 1>, 1>,
    {
        let mut solution = Solution::default();
        self.solve_into(system, span, y0, options, &mut solution)?;
        Ok(solution)
    }

    /// [`solve`] into a solution whose memory is reused. On an error that strikes on the way it holds what was computed until then.
    ///
    /// # Errors
    /// As [`solve`].
    pub fn solve_into<'a, S>(
        &mut self,
        system: &'a S,
        span: (T, T),
        y0: &[T],
        options: &Options<T>,
        solution: &mut Solution<T>,
    ) -> Result<(), SolveError>
    where
        S: System<T>,
        M::Stepper: Stepper<T, Each<'a, T, S, 1>, 1>,
    {
        let dim = system.dim();
        check_start(dim, y0)?;
        options.check(dim, span)?;
        solution.reset(dim, options.dense);
        let mut client = One {
            start: Some((span, y0)),
            solution,
            result: Ok(()),
            limit: options.max_steps,
        };
        let mut lanes = Each::new(std::slice::from_ref(system));
        self.engine.run(&mut lanes, options, &mut client)?;
        client.result
    }
}

/// Refuses an initial state of wrong length or with values that are not finite.
pub(crate) fn check_start<T: Scalar>(dim: usize, y0: &[T]) -> Result<(), SolveError> {
    if y0.len() != dim {
        return Err(SolveError::Dimension {
            what: "the initial state",
            expected: dim,
            found: y0.len(),
        });
    }
    match y0.iter().position(|y| !y.is_finite()) {
        Some(component) => Err(SolveError::InitialState {
            component,
            value: y0[component].as_f64(),
        }),
        None => Ok(()),
    }
}

/// The error a user sees, from what the loop reports and the solution so far.
pub(crate) fn failure_to_error<T: Scalar>(
    failure: Failure<T>,
    solution: &Solution<T>,
    limit: usize,
) -> SolveError {
    let t = solution.t_end.as_f64();
    let partial = Box::new(solution.to_f64());
    match failure {
        Failure::StepTooSmall { step } => SolveError::StepTooSmall {
            t,
            step: step.as_f64(),
            partial,
        },
        Failure::NotFinite { component } => SolveError::NotFinite {
            component,
            t,
            partial,
        },
        Failure::Singular { step } => SolveError::SingularMatrix {
            t,
            step: step.as_f64(),
            partial,
        },
        Failure::NotConverged { step } => SolveError::NotConverged {
            t,
            step: step.as_f64(),
            partial,
        },
        Failure::Undeclared { row, column } => SolveError::UndeclaredDependence {
            row,
            column,
            t,
            partial,
        },
        Failure::TooManySteps => SolveError::TooManySteps { t, limit, partial },
        Failure::Cancelled => SolveError::Cancelled,
    }
}

/// The client of a single solve.
struct One<'s, T> {
    start: Option<((T, T), &'s [T])>,
    solution: &'s mut Solution<T>,
    result: Result<(), SolveError>,
    limit: usize,
}

impl<T: Scalar, P> Client<T, P, 1> for One<'_, T> {
    fn next(&mut self, _lane: usize, y: &mut [[T; 1]]) -> Option<Start<T>> {
        let ((t0, t1), y0) = self.start.take()?;
        y.as_flattened_mut().copy_from_slice(y0);
        Some(Start { model: 0, t0, t1 })
    }

    #[inline]
    fn output(&mut self, _lane: usize, _index: usize, t: T, y: &[[T; 1]]) {
        self.solution.t.push(t);
        self.solution.y.extend_from_slice(y.as_flattened());
    }

    fn event(&mut self, _lane: usize, event: usize, t: T, y: &[[T; 1]]) {
        self.solution.events.push(Located {
            event,
            t,
            y: y.as_flattened().to_vec(),
        });
    }

    fn dense_step(&mut self, _lane: usize, t: T, h: T, nodes: usize) {
        if let Some(dense) = &mut self.solution.dense {
            dense.begin_step(t, h, nodes);
        }
    }

    fn dense_node(&mut self, _lane: usize, y: &[[T; 1]]) {
        if let Some(dense) = &mut self.solution.dense {
            dense.push_node(y.as_flattened().iter().copied());
        }
    }

    fn finished(
        &mut self,
        _lane: usize,
        _model: usize,
        t: T,
        y: &[[T; 1]],
        stats: Statistics,
        end: Result<Stop, Failure<T>>,
    ) {
        self.solution.t_end = t;
        if let Some(dense) = &mut self.solution.dense {
            dense.finish(t);
        }
        self.solution.y_end.extend_from_slice(y.as_flattened());
        self.solution.stats = stats;
        match end {
            Ok(stop) => self.solution.stop = stop,
            Err(failure) => {
                self.result = Err(failure_to_error(failure, self.solution, self.limit));
            }
        }
    }
}
