//! What a user implements: a right-hand side, its Jacobian, its products with a cotangent. Ten lines each.
use crate::{Scalar, SparsityPattern};

/// A system of ordinary differential equations dy/dt = f(t, y).
///
/// ```
/// use stiff_ode_solvers::System;
/// struct Decay(f64);
/// impl System for Decay {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
///         dydt[0] = -self.0 * y[0];
///     }
/// }
/// ```
pub trait System<T: Scalar = f64> {
    /// Number of components of y.
    fn dim(&self) -> usize;

    /// Writes f(t, y) into `dydt`; both slices have length `dim`. Not-a-number is allowed: the step is then repeated smaller.
    fn rhs(&self, t: T, y: &[T], dydt: &mut [T]);

    /// Whether f does not depend on t. `true` spares stiff methods the derivative with respect to t; the default is the safe answer.
    fn is_autonomous(&self) -> bool {
        false
    }

    /// Weights (each of length `dim`) of sums Σ w_i y_i that f keeps: elements, charge. Solvers then keep them to 1e-12 of
    /// Σ |w_i| (|y_i| + atol_i) at the end of every step and at every output, whatever rounding does; see [`crate::Options::conserve`]. None unless implemented.
    fn conserved(&self) -> Vec<Vec<T>> {
        Vec::new()
    }
}

/// A system with its Jacobian ∂f/∂y, which the stiff methods need.
pub trait Jacobian<T: Scalar = f64>: System<T> {
    /// The positions at which ∂f_i/∂y_j may be nonzero (dim × dim). It must not change during a solve.
    fn sparsity(&self) -> SparsityPattern;

    /// Writes ∂f_i/∂y_j into `values`, one per entry of [`Jacobian::sparsity`] and in its order (column by column).
    fn jacobian(&self, t: T, y: &[T], values: &mut [T]);

    /// Writes ∂f/∂t into `dfdt` (length `dim`) and returns `true`; `false` (the default) has it differenced.
    fn time_derivative(&self, _t: T, _y: &[T], _dfdt: &mut [T]) -> bool {
        false
    }

    /// Asked where a solve cannot go on with the Jacobian at (t, y): i and j of a derivative ∂f_i/∂y_j that is not zero but missing in
    /// [`Jacobian::sparsity`], as far as the system can tell. `None` (the default) where it cannot; see [`crate::ColouredDifferences`].
    fn undeclared_dependence(&self, _t: T, _y: &[T]) -> Option<(usize, usize)> {
        None
    }
}

/// A system with the products that carry a gradient backwards through a solve.
pub trait VectorJacobian<T: Scalar = f64>: System<T> {
    /// Number of parameters of f whose gradient is wanted (may be 0).
    fn parameter_len(&self) -> usize;

    /// Adds (∂f/∂y)ᵀ v to `y_bar` (length `dim`) and (∂f/∂p)ᵀ v to `p_bar` (length `parameter_len`), at (t, y); v has length `dim`.
    fn vjp(&self, t: T, y: &[T], v: &[T], y_bar: &mut [T], p_bar: &mut [T]);
}

impl<T: Scalar, S: System<T> + ?Sized> System<T> for &S {
    fn dim(&self) -> usize {
        (**self).dim()
    }
    #[inline]
    fn rhs(&self, t: T, y: &[T], dydt: &mut [T]) {
        (**self).rhs(t, y, dydt);
    }
    fn is_autonomous(&self) -> bool {
        (**self).is_autonomous()
    }
    fn conserved(&self) -> Vec<Vec<T>> {
        (**self).conserved()
    }
}

impl<T: Scalar, S: Jacobian<T> + ?Sized> Jacobian<T> for &S {
    fn sparsity(&self) -> SparsityPattern {
        (**self).sparsity()
    }
    #[inline]
    fn jacobian(&self, t: T, y: &[T], values: &mut [T]) {
        (**self).jacobian(t, y, values);
    }
    fn time_derivative(&self, t: T, y: &[T], dfdt: &mut [T]) -> bool {
        (**self).time_derivative(t, y, dfdt)
    }
    fn undeclared_dependence(&self, t: T, y: &[T]) -> Option<(usize, usize)> {
        (**self).undeclared_dependence(t, y)
    }
}

impl<T: Scalar, S: VectorJacobian<T> + ?Sized> VectorJacobian<T> for &S {
    fn parameter_len(&self) -> usize {
        (**self).parameter_len()
    }
    #[inline]
    fn vjp(&self, t: T, y: &[T], v: &[T], y_bar: &mut [T], p_bar: &mut [T]) {
        (**self).vjp(t, y, v, y_bar, p_bar);
    }
}
