//! The variables a solve works in: as they are, scaled, or as logarithms; times, states and tolerances stay in the user's units.
use crate::lanes::Each;
use crate::methods::{Method, Stepper};
use crate::options::Outputs;
use crate::{
    Jacobian, LogSpace, Options, Scalar, Scaled, Solution, SolveError, SparsityPattern, System,
    solve,
};

/// A choice of variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Space<T = f64> {
    /// y and t as they are.
    #[default]
    Linear,
    /// y_i / scale_i (scales ≠ 0, length dim): for components whose units differ so much that norms without weights (none in this crate) would mislead.
    /// Weighted norms do not see it: steps are those of the linear form up to rounding.
    Scaled(Vec<T>),
    /// log10 y and log10 t, see [`LogSpace`]: positive states and times only.
    Log,
}

/// A system in the variables of a [`Space`]; [`InSpace::solve`] takes and returns the user's units.
///
/// Which space needs fewest steps depends on the problem; [`fewest_steps`] finds out. For networks of chemical reactions it is the linear one: on the
/// 224-reaction network the logarithmic one takes three to four times the work at equal error (`--example spaces`), and conserves neither elements nor
/// charge.
#[derive(Debug)]
pub struct InSpace<S, T = f64> {
    form: Form<S, T>,
}

#[derive(Debug)]
enum Form<S, T> {
    Linear(S),
    Scaled(Scaled<S, T>),
    Log(LogSpace<S, T>),
}

impl<S: System<T>, T: Scalar> InSpace<S, T> {
    /// Wraps a system (or a reference to one).
    ///
    /// # Errors
    /// Scales of the wrong number, zero, or not finite.
    pub fn new(system: S, space: Space<T>) -> Result<Self, SolveError> {
        let form = match space {
            Space::Linear => Form::Linear(system),
            Space::Log => Form::Log(LogSpace::new(system)),
            Space::Scaled(scales) => Form::Scaled(Scaled::new(system, scales)?),
        };
        Ok(Self { form })
    }

    /// [`solve`] in these variables, everything in the user's units. In the logarithmic space rtol alone counts (it is relative accuracy of every
    /// component, however small), span, outputs and initial state must be positive, and invariants, events, dense output, steady states, steps in t and
    /// non-negative projection are refused, as in the scaled one.
    ///
    /// # Errors
    /// As [`solve`]; what this space does not know.
    pub fn solve<'a, M>(
        &'a self,
        method: &M,
        span: (T, T),
        y0: &[T],
        options: &Options<T>,
    ) -> Result<Solution<T>, SolveError>
    where
        M: Method<T>,
        M::Stepper: Stepper<T, Each<'a, T, Self, 1>, 1>,
    {
        match &self.form {
            Form::Linear(_) => solve(self, method, span, y0, options),
            Form::Scaled(scaled) => {
                let scales = scaled.scales();
                self.refuse(options)?;
                let inside: Vec<T> = y0.iter().zip(scales).map(|(&y, &s)| y / s).collect();
                let inside = if y0.len() == scales.len() {
                    inside
                } else {
                    y0.to_vec()
                };
                let mut scaled = options.clone();
                let atol = |i: usize| options.atol.get(i).or(options.atol.first()).copied();
                scaled.atol = (scales.iter().enumerate())
                    .filter_map(|(i, s)| Some(atol(i)? / s.abs()))
                    .collect();
                let mut found = solve(self, method, span, &inside, &scaled)?;
                let states = found.y.iter_mut().zip(scales.iter().cycle());
                for (y, &s) in states.chain(found.y_end.iter_mut().zip(scales)) {
                    *y *= s;
                }
                Ok(found)
            }
            Form::Log(_) => self.solve_log(method, span, y0, options),
        }
    }

    fn solve_log<'a, M>(
        &'a self,
        method: &M,
        span: (T, T),
        y0: &[T],
        options: &Options<T>,
    ) -> Result<Solution<T>, SolveError>
    where
        M: Method<T>,
        M::Stepper: Stepper<T, Each<'a, T, Self, 1>, 1>,
    {
        self.refuse(options)?;
        options.check(self.dim(), span)?;
        let positive = |name, x: T| {
            if x > T::zero() {
                return Ok(x.log10());
            }
            Err(SolveError::InvalidOption {
                name,
                value: x.as_f64(),
                expected: "positive in the logarithmic space",
            })
        };
        let inside = (
            positive("start of the span", span.0)?,
            positive("end of the span", span.1)?,
        );
        let start: Vec<T> = y0
            .iter()
            .map(|&y| positive("initial state", y))
            .collect::<Result<_, _>>()?;
        // d log10 y = dy / (y ln 10).
        let ln10 = T::of(std::f64::consts::LN_10);
        let mut log = options.clone().rtol(T::zero());
        log.atol = if options.rtol_each.is_empty() {
            vec![options.rtol / ln10]
        } else {
            options.rtol_each.iter().map(|&r| r / ln10).collect()
        };
        if let Outputs::Times(times) = &options.outputs {
            // The ends to the last bit, so that none falls outside by rounding.
            let convert = |t: T| match t {
                t if t == span.0 => inside.0,
                t if t == span.1 => inside.1,
                t => t.log10(),
            };
            log = log.outputs(times.iter().map(|&t| convert(t)).collect());
        }
        let mut found = solve(self, method, inside, &start, &log)?;
        let power = |x: &mut T| *x = (*x * ln10).exp();
        found.y.iter_mut().chain(&mut found.y_end).for_each(power);
        found.t_end = span.1;
        match &options.outputs {
            Outputs::Times(times) => found.t.copy_from_slice(times),
            Outputs::Steps => found.t.iter_mut().for_each(power),
        }
        Ok(found)
    }

    /// Refuses options that would be read in other variables than they were written for.
    fn refuse(&self, options: &Options<T>) -> Result<(), SolveError> {
        let steps = [
            options.initial_step.is_some() || options.max_step.is_some(),
            options.min_step > T::zero() || !options.stops.is_empty(),
        ];
        let in_time = matches!(self.form, Form::Log(_)) && steps.contains(&true);
        let counts = [
            ("number of invariants", options.invariants.len()),
            ("number of events", options.events.len()),
            ("steady state", usize::from(options.steady.is_some())),
            ("dense output", usize::from(options.dense)),
            ("projection", usize::from(options.nonnegative.is_some())),
            (
                "number of conservation laws",
                options.conserved.iter().flatten().count(),
            ),
            ("step in t", usize::from(in_time)),
        ];
        match counts.iter().find(|c| c.1 > 0) {
            None => Ok(()),
            Some(&(name, count)) => Err(SolveError::InvalidOption {
                name,
                value: count as f64,
                expected: "left out in variables other than the user's",
            }),
        }
    }
}

/// Solves in every one of `candidates` and returns the index of the one that took fewest attempted steps. One representative model tells for many.
///
/// # Errors
/// That of the last candidate, where none could be solved.
pub fn fewest_steps<'a, S, T, M>(
    candidates: &'a [InSpace<S, T>],
    method: &M,
    span: (T, T),
    y0: &[T],
    options: &Options<T>,
) -> Result<usize, SolveError>
where
    S: System<T>,
    T: Scalar,
    M: Method<T>,
    M::Stepper: Stepper<T, Each<'a, T, InSpace<S, T>, 1>, 1>,
{
    let mut best: Result<(usize, usize), SolveError> = Err(SolveError::Dimension {
        what: "the candidates",
        expected: 1,
        found: 0,
    });
    for (k, candidate) in candidates.iter().enumerate() {
        match candidate.solve(method, span, y0, options) {
            Ok(found) => {
                let steps = found.stats.steps + found.stats.rejected;
                if !best.as_ref().is_ok_and(|b| b.1 <= steps) {
                    best = Ok((k, steps));
                }
            }
            Err(error) => {
                if best.is_err() {
                    best = Err(error);
                }
            }
        }
    }
    best.map(|b| b.0)
}

impl<S: System<T>, T: Scalar> System<T> for InSpace<S, T> {
    fn dim(&self) -> usize {
        match &self.form {
            Form::Linear(s) => s.dim(),
            Form::Scaled(s) => s.dim(),
            Form::Log(s) => s.dim(),
        }
    }
    fn rhs(&self, t: T, y: &[T], dydt: &mut [T]) {
        match &self.form {
            Form::Linear(s) => s.rhs(t, y, dydt),
            Form::Scaled(s) => s.rhs(t, y, dydt),
            Form::Log(s) => s.rhs(t, y, dydt),
        }
    }
    fn is_autonomous(&self) -> bool {
        match &self.form {
            Form::Linear(s) => s.is_autonomous(),
            Form::Scaled(s) => s.is_autonomous(),
            Form::Log(s) => s.is_autonomous(),
        }
    }
    fn conserved(&self) -> Vec<Vec<T>> {
        match &self.form {
            Form::Linear(s) => s.conserved(),
            Form::Scaled(s) => s.conserved(),
            Form::Log(s) => s.conserved(),
        }
    }
}

impl<S: Jacobian<T>, T: Scalar> Jacobian<T> for InSpace<S, T> {
    fn sparsity(&self) -> SparsityPattern {
        match &self.form {
            Form::Linear(s) => s.sparsity(),
            Form::Scaled(s) => s.sparsity(),
            Form::Log(s) => s.sparsity(),
        }
    }
    fn jacobian(&self, t: T, y: &[T], values: &mut [T]) {
        match &self.form {
            Form::Linear(s) => s.jacobian(t, y, values),
            Form::Scaled(s) => s.jacobian(t, y, values),
            Form::Log(s) => s.jacobian(t, y, values),
        }
    }
    fn time_derivative(&self, t: T, y: &[T], dfdt: &mut [T]) -> bool {
        match &self.form {
            Form::Linear(s) => s.time_derivative(t, y, dfdt),
            Form::Scaled(s) => s.time_derivative(t, y, dfdt),
            Form::Log(s) => s.time_derivative(t, y, dfdt),
        }
    }
    fn undeclared_dependence(&self, t: T, y: &[T]) -> Option<(usize, usize)> {
        match &self.form {
            Form::Linear(s) => s.undeclared_dependence(t, y),
            Form::Scaled(s) => s.undeclared_dependence(t, y),
            Form::Log(s) => s.undeclared_dependence(t, y),
        }
    }
}
