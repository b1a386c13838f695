//! The log-log form of a system, as Grassi et al. (2021, A&A 668 A139, Appendix C) integrate it: for positive states over many decades of time.
use std::sync::{Mutex, OnceLock};

use crate::{Jacobian, Scalar, SparsityPattern, System};

/// A system in y = log10 x, τ = log10 t: dy/dτ = (t / x) dx/dt, with the same dimension and sparsity (diagonal included).
///
/// Solve it over (log10 t0, log10 t1) from log10 x0; outputs are log10 x. States must stay positive. It holds relative accuracy on all components,
/// however small, at three to four times the work of the plain form on chemical networks, and does not conserve linear invariants.
///
/// ```
/// use stiff_ode_solvers::{LogSpace, System};
/// struct Growth; // x' = x
/// impl System for Growth {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, _t: f64, x: &[f64], dxdt: &mut [f64]) {
///         dxdt[0] = x[0];
///     }
/// }
/// let mut slope = [0.0];
/// LogSpace::new(&Growth).rhs(1.0, &[2.0], &mut slope); // t = 10
/// assert!((slope[0] - 10.0).abs() < 1e-12);
/// ```
#[derive(Debug)]
pub struct LogSpace<S, T = f64> {
    inner: S,
    /// One caller at a time finds its memory here.
    scratch: Mutex<Scratch<T>>,
    spread: OnceLock<Spread>,
}

/// Memory of one evaluation: linear state, slope, values of the inner Jacobian.
#[derive(Debug, Default)]
struct Scratch<T> {
    x: Vec<T>,
    slope: Vec<T>,
    values: Vec<T>,
}

/// The pattern with its full diagonal, and where each of its entries is in the inner one.
#[derive(Debug)]
struct Spread {
    pattern: SparsityPattern,
    inner: Vec<Option<usize>>,
    inner_nnz: usize,
}

impl<S: System<T>, T: Scalar> LogSpace<S, T> {
    /// Wraps a system (or a reference to one).
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            scratch: Mutex::new(Scratch::default()),
            spread: OnceLock::new(),
        }
    }

    /// The system inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Calls `work` with t and x; a second caller at the same time gets memory of its own.
    fn with_linear(&self, tau: T, y: &[T], work: impl FnOnce(T, &[T], &mut Vec<T>, &mut Vec<T>)) {
        let mut shared = self.scratch.try_lock().ok();
        let mut own = Scratch::default();
        let Scratch { x, slope, values } = shared.as_deref_mut().unwrap_or(&mut own);
        let ln10 = T::of(std::f64::consts::LN_10);
        x.clear();
        x.extend(y.iter().map(|&y| (y * ln10).exp()));
        slope.clear();
        slope.resize(y.len(), T::zero());
        work((tau * ln10).exp(), x, slope, values);
    }
}

impl<S: System<T>, T: Scalar> System<T> for LogSpace<S, T> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn rhs(&self, tau: T, y: &[T], dydtau: &mut [T]) {
        self.with_linear(tau, y, |t, x, _, _| {
            self.inner.rhs(t, x, dydtau);
            for (d, &x) in dydtau.iter_mut().zip(x) {
                *d *= t / x;
            }
        });
    }
}

impl<S: Jacobian<T>, T: Scalar> LogSpace<S, T> {
    fn spread(&self) -> &Spread {
        self.spread.get_or_init(|| {
            let inner = self.inner.sparsity();
            let pattern = inner.with_diagonal();
            let columns =
                (0..pattern.dim()).flat_map(|j| pattern.column(j).iter().map(move |&i| (i, j)));
            let positions = columns.map(|(i, j)| inner.position(i, j)).collect();
            Spread {
                inner: positions,
                inner_nnz: inner.nnz(),
                pattern,
            }
        })
    }
}

impl<S: Jacobian<T>, T: Scalar> Jacobian<T> for LogSpace<S, T> {
    /// The pattern of the inner system with the full diagonal: dividing by x makes every slope depend on its own component.
    fn sparsity(&self) -> SparsityPattern {
        self.spread().pattern.clone()
    }

    /// ∂(dy_i/dτ)/∂y_j = t ln10 (x_j / x_i ∂f_i/∂x_j − δ_ij f_i / x_i).
    fn jacobian(&self, tau: T, y: &[T], values: &mut [T]) {
        let spread = self.spread();
        self.with_linear(tau, y, |t, x, slope, inner| {
            inner.resize(spread.inner_nnz, T::zero());
            self.inner.jacobian(t, x, inner);
            self.inner.rhs(t, x, slope);
            let factor = t * T::of(std::f64::consts::LN_10);
            let mut entries = values.iter_mut().zip(&spread.inner);
            for j in 0..x.len() {
                for (&i, (value, from)) in spread.pattern.column(j).iter().zip(&mut entries) {
                    let entry = from.map_or(T::zero(), |k| inner[k]) * (x[j] / x[i]);
                    *value = factor
                        * if i == j {
                            entry - slope[i] / x[i]
                        } else {
                            entry
                        };
                }
            }
        });
    }

    /// ∂(dy/dτ)/∂τ = ln10 (t / x) (f + t ∂f/∂t).
    fn time_derivative(&self, tau: T, y: &[T], dfdtau: &mut [T]) -> bool {
        let mut known = true;
        self.with_linear(tau, y, |t, x, slope, _| {
            dfdtau.fill(T::zero());
            known = self.inner.is_autonomous() || self.inner.time_derivative(t, x, dfdtau);
            self.inner.rhs(t, x, slope);
            for ((d, &f), &x) in dfdtau.iter_mut().zip(slope.iter()).zip(x) {
                *d = T::of(std::f64::consts::LN_10) * (t / x) * (f + t * *d);
            }
        });
        known
    }

    fn undeclared_dependence(&self, tau: T, y: &[T]) -> Option<(usize, usize)> {
        let mut found = None;
        self.with_linear(tau, y, |t, x, _, _| {
            found = self.inner.undeclared_dependence(t, x)
        });
        found
    }
}
