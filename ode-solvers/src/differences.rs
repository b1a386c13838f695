//! Jacobians by finite differences, several columns at a time where the pattern allows it: for systems without an analytic one.
use std::sync::Mutex;

use crate::undeclared::{self, Trial};
use crate::{Jacobian, Scalar, SparsityPattern, System, VectorJacobian};

/// A system with its Jacobian by finite differences: columns that share no row are differenced together (Curtis, Powell & Reid 1974, J. Inst. Math.
/// Appl. 13, 117), so that a Jacobian costs as many right-hand sides as there are colours, and one more.
///
/// Component j is moved by √ε · max(|y_j|, `typical`_j), away from zero; [`ColouredDifferences::central`] takes two sides and moves by ∛ε instead.
/// An entry is then good to about √ε (∛ε² if central) relative to the largest terms of its row. An analytic Jacobian is cheaper and safer; with this one
/// [`crate::Rodas5p`] may lose some of its order at tight tolerances, methods that iterate do not.
///
/// A dependence that the pattern leaves out spoils the entries of other columns. So every Jacobian is tried on one direction, at the cost of one more
/// right-hand side; where f answers otherwise and the difference is proved to come from outside the pattern, the solve ends with
/// [`crate::SolveError::UndeclaredDependence`]. Dependences below about 1e-5 of the other terms of their row are not found; of those
/// between a hundredth and a tenth of them, one in some ten thousand escapes a Jacobian, since along a single direction terms may cancel.
///
/// ```
/// use stiff_ode_solvers::{ColouredDifferences, Options, Rodas5p, SparsityPattern, System, solve};
/// struct Relaxation; // y' = -1e6 (y - cos t)
/// impl System for Relaxation {
///     fn dim(&self) -> usize {
///         1
///     }
///     fn rhs(&self, t: f64, y: &[f64], dydt: &mut [f64]) {
///         dydt[0] = -1e6 * (y[0] - t.cos());
///     }
/// }
/// let system = ColouredDifferences::new(Relaxation, SparsityPattern::dense(1));
/// let solution = solve(&system, &Rodas5p, (0.0, 1.0), &[0.0], &Options::default().atol(1e-9))?;
/// assert!((solution.y_end[0] - 1.0_f64.cos()).abs() < 1e-3);
/// # Ok::<(), stiff_ode_solvers::SolveError>(())
/// ```
#[derive(Debug)]
pub struct ColouredDifferences<S, T = f64> {
    inner: S,
    pattern: SparsityPattern,
    /// Columns of each colour.
    colours: Vec<Vec<usize>>,
    typical: Vec<T>,
    central: bool,
    /// One caller at a time finds its memory here.
    scratch: Mutex<Scratch<T>>,
}

/// Memory of one Jacobian: moved state, two slopes, that of its trial.
#[derive(Debug, Default)]
struct Scratch<T> {
    y: Vec<T>,
    ahead: Vec<T>,
    behind: Vec<T>,
    trial: Trial<T>,
}

impl<S: System<T>, T: Scalar> ColouredDifferences<S, T> {
    /// Wraps a system (or a reference to one) whose Jacobian has its nonzeros within `pattern` and on the diagonal.
    pub fn new(inner: S, pattern: SparsityPattern) -> Self {
        // The matrices of stiff methods have the whole diagonal anyway.
        let pattern = pattern.with_diagonal();
        Self {
            inner,
            colours: colours(&pattern),
            pattern,
            typical: Vec::new(),
            central: false,
            scratch: Mutex::new(Scratch::default()),
        }
    }

    /// Wraps a system of whose Jacobian nothing is known: one right-hand side per component.
    pub fn dense(inner: S) -> Self {
        let dim = inner.dim();
        Self::new(inner, SparsityPattern::dense(dim))
    }

    /// Sizes (one for all, or one per component; > 0) below which components are moved as if they had that size; √ε times the largest component unless
    /// set.
    pub fn typical(mut self, typical: Vec<T>) -> Self {
        self.typical = typical;
        self
    }

    /// Differences over both sides: twice the work, an error of second order.
    pub fn central(mut self) -> Self {
        self.central = true;
        self
    }

    /// The system inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Number of groups of columns that are differenced together.
    pub fn colours(&self) -> usize {
        self.colours.len()
    }
}

/// Groups columns so that no two of a group share a row: each, those with most rows first, into the first group it fits.
pub(crate) fn colours(pattern: &SparsityPattern) -> Vec<Vec<usize>> {
    let n = pattern.dim();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&j| std::cmp::Reverse(pattern.column(j).len()));
    let mut groups: Vec<(Vec<usize>, Vec<bool>)> = Vec::new();
    for j in order {
        let rows = pattern.column(j);
        let free = |taken: &[bool]| rows.iter().all(|&i| !taken[i]);
        let at = match groups.iter().position(|(_, taken)| free(taken)) {
            Some(at) => at,
            None => {
                groups.push((Vec::new(), vec![false; n]));
                groups.len() - 1
            }
        };
        let (columns, taken) = &mut groups[at];
        columns.push(j);
        rows.iter().for_each(|&i| taken[i] = true);
    }
    groups.into_iter().map(|group| group.0).collect()
}

/// How far to move a component, away from zero, exactly representable at its value.
pub(crate) fn increment<T: Scalar>(y: T, typical: T, part: T) -> T {
    let size = part * y.abs().max(typical);
    let moved = if y < T::zero() { y - size } else { y + size };
    moved - y
}

/// The typical size where nothing else is known.
pub(crate) fn least_size<T: Scalar>(y: &[T]) -> T {
    let largest = y.iter().fold(T::zero(), |m, y| m.max(y.abs()));
    if largest > T::zero() && largest.is_finite() {
        largest * T::epsilon().sqrt()
    } else {
        T::one()
    }
}

impl<S: System<T>, T: Scalar> System<T> for ColouredDifferences<S, T> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }
    #[inline]
    fn rhs(&self, t: T, y: &[T], dydt: &mut [T]) {
        self.inner.rhs(t, y, dydt);
    }
    fn is_autonomous(&self) -> bool {
        self.inner.is_autonomous()
    }
    fn conserved(&self) -> Vec<Vec<T>> {
        self.inner.conserved()
    }
}

impl<S: System<T>, T: Scalar> Jacobian<T> for ColouredDifferences<S, T> {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }

    fn jacobian(&self, t: T, y: &[T], values: &mut [T]) {
        if self.difference(t, y, values).is_some() {
            // What no solve can go on with: it ends, asks why, and is told below.
            values.fill(T::nan());
        }
    }

    fn undeclared_dependence(&self, t: T, y: &[T]) -> Option<(usize, usize)> {
        let mut values = vec![T::zero(); self.pattern.nnz()];
        let row = self.difference(t, y, &mut values)?;
        let size = self.sizes(y);
        let column = undeclared::column(&self.inner, &self.pattern, (t, y), size, row);
        Some((row, column))
    }
}

impl<S: System<T>, T: Scalar> ColouredDifferences<S, T> {
    /// Size by which a component counts at y.
    fn sizes<'y>(&'y self, y: &'y [T]) -> impl Fn(usize) -> T + Copy + 'y {
        let least = least_size(y);
        move |j| {
            let typical = self.typical.get(j).or(self.typical.first());
            y[j].abs().max(typical.copied().unwrap_or(least))
        }
    }

    /// Differences into `values`; a row that depends on components outside the pattern, if one was found.
    fn difference(&self, t: T, y: &[T], values: &mut [T]) -> Option<usize> {
        let mut shared = self.scratch.try_lock().ok();
        let mut own = Scratch::default();
        let Scratch {
            y: moved,
            ahead,
            behind,
            trial,
        } = shared.as_deref_mut().unwrap_or(&mut own);
        let n = y.len();
        moved.clear();
        moved.extend_from_slice(y);
        for slope in [&mut *ahead, &mut *behind] {
            slope.resize(n, T::zero());
        }
        if !self.central {
            self.inner.rhs(t, y, behind);
        }
        let part = if self.central {
            T::epsilon().cbrt()
        } else {
            T::epsilon().sqrt()
        };
        let size = self.sizes(y);
        let delta = |j: usize| increment(y[j], size(j), part);
        for columns in &self.colours {
            columns.iter().for_each(|&j| moved[j] = y[j] + delta(j));
            self.inner.rhs(t, moved, ahead);
            let mut sides = T::one();
            if self.central {
                columns.iter().for_each(|&j| moved[j] = y[j] - delta(j));
                self.inner.rhs(t, moved, behind);
                sides = T::of(2.0);
            }
            for &j in columns {
                moved[j] = y[j];
                let width = sides * delta(j);
                let entries = self.pattern.col_offsets()[j]..self.pattern.col_offsets()[j + 1];
                for (value, &i) in values[entries].iter_mut().zip(self.pattern.column(j)) {
                    *value = (ahead[i] - behind[i]) / width;
                }
            }
        }
        if self.pattern.nnz() == n * n {
            return None;
        }
        if self.central {
            self.inner.rhs(t, y, behind);
        }
        trial.lying_row(&self.inner, &self.pattern, (t, y), behind, values, size)
    }
}

impl<S: VectorJacobian<T>, T: Scalar> VectorJacobian<T> for ColouredDifferences<S, T> {
    fn parameter_len(&self) -> usize {
        self.inner.parameter_len()
    }
    fn vjp(&self, t: T, y: &[T], v: &[T], y_bar: &mut [T], p_bar: &mut [T]) {
        self.inner.vjp(t, y, v, y_bar, p_bar);
    }
}
