//! Forward sensitivities: the derivatives of a solution with respect to initial values and parameters, integrated beside it by any stiff method.
use std::sync::Mutex;

use crate::differences::{colours, increment, least_size};
use crate::{Jacobian, Options, Scalar, SparsityPattern, System};

/// A system with the derivatives of f with respect to its parameters.
pub trait ParameterDerivative<T: Scalar = f64>: Jacobian<T> {
    /// Number of parameters.
    fn parameter_len(&self) -> usize;

    /// Writes ∂f/∂p of one parameter into `dfdp` (length `dim`), at (t, y).
    fn parameter_derivative(&self, t: T, y: &[T], parameter: usize, dfdp: &mut [T]);

    /// Writes the derivative of the Jacobian along `direction` (length `dim`), plus its derivative with respect to one parameter if there is one, into
    /// `values` (in the order of [`Jacobian::sparsity`]) and returns `true`; `false` (the default) has it differenced, at two Jacobians and, for a
    /// parameter, as many [`ParameterDerivative::parameter_derivative`] as the pattern has colours.
    fn jacobian_along(
        &self,
        _t: T,
        _y: &[T],
        _direction: &[T],
        _parameter: Option<usize>,
        _values: &mut [T],
    ) -> bool {
        false
    }
}

impl<T: Scalar, S: ParameterDerivative<T> + ?Sized> ParameterDerivative<T> for &S {
    fn parameter_len(&self) -> usize {
        (**self).parameter_len()
    }
    fn parameter_derivative(&self, t: T, y: &[T], parameter: usize, dfdp: &mut [T]) {
        (**self).parameter_derivative(t, y, parameter, dfdp);
    }
    fn jacobian_along(
        &self,
        t: T,
        y: &[T],
        direction: &[T],
        parameter: Option<usize>,
        values: &mut [T],
    ) -> bool {
        (**self).jacobian_along(t, y, direction, parameter, values)
    }
}

/// What a sensitivity is taken with respect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The initial value of this component.
    Initial(usize),
    /// This parameter.
    Parameter(usize),
}

/// A system with m sensitivities beside its state: (y, s₁, …, s_m), s_j = ∂y/∂q_j, s_j' = J s_j + ∂f/∂q_j. Of dimension n (m + 1).
///
/// Every stiff method solves it as any system; sensitivities share steps and error test with the state. Its Jacobian is block triangular with J in
/// every diagonal block: the linear algebra factorises that one block of n × n, whatever m, and substitutes block by block. A step costs one
/// factorisation, m + 1 solves per stage, a Jacobian per stage for the slopes, and, with every Jacobian of a step, 2 m more for ∂(J s_j)/∂y (differenced
/// unless [`ParameterDerivative::jacobian_along`] knows it). For many parameters and one scalar of interest the adjoint ([`crate::Rollout`]) is cheaper.
///
/// The derivatives are those of the exact solution, within the tolerances; not of the numbers computed, as the adjoint's are.
///
/// ```
/// use stiff_ode_solvers::{
///     Jacobian, Of, Options, ParameterDerivative, Rodas5p, Sensitivities, SparsityPattern, System, solve,
/// };
/// struct Decay(f64); // y' = -k y
/// impl System for Decay {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
///         dydt[0] = -self.0 * y[0];
///     }
/// }
/// impl Jacobian for Decay {
///     fn sparsity(&self) -> SparsityPattern {
///         SparsityPattern::dense(1)
///     }
///     fn jacobian(&self, _t: f64, _y: &[f64], values: &mut [f64]) {
///         values[0] = -self.0;
///     }
/// }
/// impl ParameterDerivative for Decay {
///     fn parameter_len(&self) -> usize {
///         1
///     }
///     fn parameter_derivative(&self, _t: f64, y: &[f64], _parameter: usize, dfdp: &mut [f64]) {
///         dfdp[0] = -y[0];
///     }
/// }
/// let system = Sensitivities::new(Decay(2.0), &[Of::Initial(0), Of::Parameter(0)]);
/// let options = Options::default().rtol(1e-8).atol(1e-12);
/// let found = solve(&system, &Rodas5p, (0.0, 1.0), &system.start(&[3.0]), &system.options(&options))?;
/// let exact = (-2.0_f64).exp(); // y = 3 exp(-k t)
/// assert!((system.sensitivity(&found.y_end, 0)[0] - exact).abs() < 1e-7);
/// assert!((system.sensitivity(&found.y_end, 1)[0] + 3.0 * exact).abs() < 1e-7);
/// # Ok::<(), stiff_ode_solvers::SolveError>(())
/// ```
#[derive(Debug)]
pub struct Sensitivities<S, T = f64> {
    inner: S,
    of: Vec<Of>,
    scales: Vec<T>,
    base: SparsityPattern,
    colours: Vec<Vec<usize>>,
    /// One caller at a time finds its memory here.
    scratch: Mutex<Scratch<T>>,
}

/// Memory of one evaluation.
#[derive(Debug, Default)]
struct Scratch<T> {
    values: Vec<T>,
    along: Vec<T>,
    back: Vec<T>,
    moved: Vec<T>,
    slope: Vec<T>,
    other: Vec<T>,
}

impl<S: ParameterDerivative<T>, T: Scalar> Sensitivities<S, T> {
    /// The system with sensitivities with respect to `of`, in that order.
    pub fn new(inner: S, of: &[Of]) -> Self {
        let base = inner.sparsity();
        Self {
            of: of.to_vec(),
            scales: vec![T::one(); of.len()],
            colours: colours(&base),
            base,
            inner,
            scratch: Mutex::new(Scratch::default()),
        }
    }

    /// Sizes q̂_j (≠ 0) of the quantities differentiated by, one each: the error test of s_j is then as strict as that of q̂_j s_j, which has the units of y.
    /// 1 unless set. Parameters of very different size, such as rate coefficients, need it.
    pub fn scales(mut self, scales: Vec<T>) -> Self {
        self.scales = scales;
        self
    }

    /// The system inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Initial state of all: y0, then 1 at the component of an initial value and 0 elsewhere. Where a parameter also moves y0, add that.
    pub fn start(&self, y0: &[T]) -> Vec<T> {
        let n = y0.len();
        let mut start = vec![T::zero(); n * (self.of.len() + 1)];
        start[..n].copy_from_slice(y0);
        for (j, of) in self.of.iter().enumerate() {
            if let Of::Initial(component) = *of
                && component < n
            {
                start[(j + 1) * n + component] = T::one();
            }
        }
        start
    }

    /// Options of the inner system as options of this one: absolute tolerances repeated over the sensitivities, divided by their scales; invariants
    /// spread over the state alone. Events and laws see the whole state.
    pub fn options(&self, options: &Options<T>) -> Options<T> {
        let n = self.inner.dim();
        let mut all = options.clone();
        let atol = |i: usize| options.atol.get(i).or(options.atol.first()).copied();
        all.atol = (0..n).filter_map(atol).collect();
        for scale in &self.scales {
            let each = (0..n).filter_map(atol).map(|atol| atol / scale.abs());
            all.atol.extend(each);
        }
        if !options.rtol_each.is_empty() {
            all.rtol_each = options.rtol_each.repeat(self.of.len() + 1);
        }
        for invariant in &mut all.invariants {
            let length = invariant.weights.len() * (self.of.len() + 1);
            invariant.weights.resize(length, T::zero());
        }
        all
    }

    /// The j-th sensitivity (length n) within a state of this system.
    ///
    /// # Panics
    /// If j is not below the number of sensitivities or the state is too short, as indexing does.
    pub fn sensitivity<'s>(&self, state: &'s [T], j: usize) -> &'s [T] {
        let n = self.inner.dim();
        &state[(j + 1) * n..(j + 2) * n]
    }

    fn with_scratch(&self, work: impl FnOnce(&mut Scratch<T>)) {
        let mut shared = self.scratch.try_lock().ok();
        let mut own = Scratch::default();
        let scratch = shared.as_deref_mut().unwrap_or(&mut own);
        let (n, nnz) = (self.inner.dim(), self.base.nnz());
        for (array, length) in [
            (&mut scratch.values, nnz),
            (&mut scratch.along, nnz),
            (&mut scratch.back, nnz),
            (&mut scratch.moved, n),
            (&mut scratch.slope, n),
            (&mut scratch.other, n),
        ] {
            array.resize(length, T::zero());
        }
        work(scratch);
    }

    /// ∂(J s + ∂f/∂q)/∂y into `scratch.along`, by differences where the system does not know it.
    fn second(&self, t: T, y: &[T], s: &[T], of: Of, scratch: &mut Scratch<T>) {
        let parameter = match of {
            Of::Parameter(p) => Some(p),
            Of::Initial(_) => None,
        };
        if (self.inner).jacobian_along(t, y, s, parameter, &mut scratch.along) {
            return;
        }
        let largest = |x: &[T]| x.iter().fold(T::zero(), |m, x| m.max(x.abs()));
        let reach = T::epsilon().cbrt() * largest(y).max(T::min_positive_value());
        let size = largest(s);
        scratch.along.fill(T::zero());
        if size > T::zero() {
            let epsilon = reach / size;
            let move_by = |moved: &mut [T], by: T| {
                for ((m, &y), &s) in moved.iter_mut().zip(y).zip(s) {
                    *m = y + by * s;
                }
            };
            move_by(&mut scratch.moved, epsilon);
            (self.inner).jacobian(t, &scratch.moved, &mut scratch.along);
            move_by(&mut scratch.moved, -epsilon);
            (self.inner).jacobian(t, &scratch.moved, &mut scratch.back);
            for (a, &b) in scratch.along.iter_mut().zip(&scratch.back) {
                *a = (*a - b) / (epsilon + epsilon);
            }
        }
        if let Some(p) = parameter {
            self.add_parameter_part(t, y, p, scratch);
        }
        // Beyond the edge of where f is defined: without it the order suffers, not the solve.
        for a in &mut scratch.along {
            if !a.is_finite() {
                *a = T::zero();
            }
        }
    }

    fn add_parameter_part(&self, t: T, y: &[T], p: usize, scratch: &mut Scratch<T>) {
        (self.inner).parameter_derivative(t, y, p, &mut scratch.slope);
        scratch.moved.copy_from_slice(y);
        let least = least_size(y);
        let delta = |j: usize| increment(y[j], least, T::epsilon().sqrt());
        for columns in &self.colours {
            for &j in columns {
                scratch.moved[j] = y[j] + delta(j);
            }
            (self.inner).parameter_derivative(t, &scratch.moved, p, &mut scratch.other);
            for &j in columns {
                scratch.moved[j] = y[j];
                let entries = self.base.col_offsets()[j]..self.base.col_offsets()[j + 1];
                let rows = self.base.column(j);
                for (a, &i) in scratch.along[entries].iter_mut().zip(rows) {
                    *a += (scratch.other[i] - scratch.slope[i]) / delta(j);
                }
            }
        }
    }
}

impl<S: ParameterDerivative<T>, T: Scalar> System<T> for Sensitivities<S, T> {
    fn dim(&self) -> usize {
        self.inner.dim() * (self.of.len() + 1)
    }

    fn rhs(&self, t: T, all: &[T], slopes: &mut [T]) {
        let n = self.inner.dim();
        let (y, s) = all.split_at(n);
        let (dydt, dsdt) = slopes.split_at_mut(n);
        self.inner.rhs(t, y, dydt);
        self.with_scratch(|scratch| {
            self.inner.jacobian(t, y, &mut scratch.values);
            let blocks = s
                .chunks_exact(n.max(1))
                .zip(dsdt.chunks_exact_mut(n.max(1)));
            for ((s, ds), of) in blocks.zip(&self.of) {
                match *of {
                    Of::Initial(_) => ds.fill(T::zero()),
                    Of::Parameter(p) => self.inner.parameter_derivative(t, y, p, ds),
                }
                for (j, &s) in s.iter().enumerate() {
                    let entries = self.base.col_offsets()[j]..self.base.col_offsets()[j + 1];
                    for (&value, &i) in scratch.values[entries].iter().zip(self.base.column(j)) {
                        ds[i] += value * s;
                    }
                }
            }
        });
    }

    fn is_autonomous(&self) -> bool {
        self.inner.is_autonomous()
    }
}

impl<S: ParameterDerivative<T>, T: Scalar> Jacobian<T> for Sensitivities<S, T> {
    /// J in every diagonal block, and its pattern below the first.
    fn sparsity(&self) -> SparsityPattern {
        self.base.with_copies(self.of.len() + 1)
    }

    fn jacobian(&self, t: T, all: &[T], values: &mut [T]) {
        let n = self.inner.dim();
        let copies = self.of.len() + 1;
        let (y, s) = all.split_at(n);
        self.with_scratch(|scratch| {
            self.inner.jacobian(t, y, &mut scratch.values);
            let offsets = self.base.col_offsets();
            let nnz = self.base.nnz();
            // Columns of the first block hold J and, below it, what each sensitivity's slope takes from y; then come the other blocks' J.
            for j in 0..n {
                let (from, length) = (offsets[j], offsets[j + 1] - offsets[j]);
                values[copies * from..][..length]
                    .copy_from_slice(&scratch.values[from..from + length]);
            }
            for k in 1..copies {
                values[copies * nnz + (k - 1) * nnz..][..nnz].copy_from_slice(&scratch.values);
                self.second(t, y, &s[(k - 1) * n..k * n], self.of[k - 1], scratch);
                for j in 0..n {
                    let (from, length) = (offsets[j], offsets[j + 1] - offsets[j]);
                    values[copies * from + k * length..][..length]
                        .copy_from_slice(&scratch.along[from..from + length]);
                }
            }
        });
    }

    fn undeclared_dependence(&self, t: T, all: &[T]) -> Option<(usize, usize)> {
        let n = self.inner.dim();
        self.inner.undeclared_dependence(t, &all[..n])
    }
}
