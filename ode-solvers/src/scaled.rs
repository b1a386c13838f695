//! A system in scaled variables.
use std::sync::{Mutex, OnceLock};

use crate::{Jacobian, Scalar, SolveError, SparsityPattern, System};

/// A system in z_i = y_i / scale_i: z' = f(t, scale z) / scale, of the same dimension and sparsity.
///
/// Error tests are weighted by tolerances anyway and do not change; conditions on plain norms (of other codes, of a user's own) do. See
/// [`crate::InSpace`] for a solve that takes and returns the user's units.
#[derive(Debug)]
pub struct Scaled<S, T = f64> {
    inner: S,
    scales: Vec<T>,
    pattern: OnceLock<SparsityPattern>,
    /// One caller at a time finds its memory here.
    scratch: Mutex<Vec<T>>,
}

impl<S: System<T>, T: Scalar> Scaled<S, T> {
    /// Wraps a system (or a reference to one).
    ///
    /// # Errors
    /// Scales of the wrong number, zero, or not finite.
    pub fn new(inner: S, scales: Vec<T>) -> Result<Self, SolveError> {
        if scales.len() != inner.dim() {
            return Err(SolveError::Dimension {
                what: "the scales",
                expected: inner.dim(),
                found: scales.len(),
            });
        }
        if let Some(&scale) = scales.iter().find(|s| !s.is_normal()) {
            return Err(SolveError::InvalidOption {
                name: "scale",
                value: scale.as_f64(),
                expected: "finite and not zero",
            });
        }
        Ok(Self {
            inner,
            scales,
            pattern: OnceLock::new(),
            scratch: Mutex::new(Vec::new()),
        })
    }

    /// The scales.
    pub fn scales(&self) -> &[T] {
        &self.scales
    }

    /// Calls `work` with y; a second caller at the same time gets memory of its own.
    fn with_unscaled(&self, z: &[T], work: impl FnOnce(&[T])) {
        let mut shared = self.scratch.try_lock().ok();
        let mut own = Vec::new();
        let y = shared.as_deref_mut().unwrap_or(&mut own);
        y.clear();
        y.extend(z.iter().zip(&self.scales).map(|(&z, &s)| z * s));
        work(y);
    }
}

impl<S: System<T>, T: Scalar> System<T> for Scaled<S, T> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }
    fn rhs(&self, t: T, z: &[T], dzdt: &mut [T]) {
        self.with_unscaled(z, |y| self.inner.rhs(t, y, dzdt));
        dzdt.iter_mut()
            .zip(&self.scales)
            .for_each(|(d, &s)| *d /= s);
    }
    fn is_autonomous(&self) -> bool {
        self.inner.is_autonomous()
    }
    fn conserved(&self) -> Vec<Vec<T>> {
        let mut laws = self.inner.conserved();
        for law in &mut laws {
            law.iter_mut().zip(&self.scales).for_each(|(w, &s)| *w *= s);
        }
        laws
    }
}

impl<S: Jacobian<T>, T: Scalar> Jacobian<T> for Scaled<S, T> {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.get_or_init(|| self.inner.sparsity()).clone()
    }

    /// ∂z_i'/∂z_j = scale_j / scale_i ∂f_i/∂y_j.
    fn jacobian(&self, t: T, z: &[T], values: &mut [T]) {
        self.with_unscaled(z, |y| self.inner.jacobian(t, y, values));
        let pattern = self.pattern.get_or_init(|| self.inner.sparsity());
        let mut values = values.iter_mut();
        for (j, &scale) in self.scales.iter().enumerate() {
            for (&i, value) in pattern.column(j).iter().zip(&mut values) {
                *value *= scale / self.scales[i];
            }
        }
    }

    fn time_derivative(&self, t: T, z: &[T], dfdt: &mut [T]) -> bool {
        let mut known = false;
        self.with_unscaled(z, |y| known = self.inner.time_derivative(t, y, dfdt));
        dfdt.iter_mut()
            .zip(&self.scales)
            .for_each(|(d, &s)| *d /= s);
        known
    }

    fn undeclared_dependence(&self, t: T, z: &[T]) -> Option<(usize, usize)> {
        let mut found = None;
        self.with_unscaled(z, |y| found = self.inner.undeclared_dependence(t, y));
        found
    }
}
