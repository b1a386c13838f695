//! Projection of a state onto {conserved sums kept}, and onto {y ≥ 0} with it for [`crate::Options::keep_nonnegative`] (after Sandu 2001, J. Comput.
//! Phys. 170, 589).
use crate::Scalar;
use crate::invariant::Total;

/// Memory of the projection, and the sums it keeps in every lane.
#[derive(Clone, Debug)]
pub(crate) struct Projection<T, const W: usize> {
    /// Sums at the start, per law.
    totals: Vec<Total<T, W>>,
    /// One lane's state, what it is moved by, its scales (tolerance of each component), and which components are held at 0.
    y: Vec<T>,
    moved: Vec<T>,
    scale: Vec<T>,
    held: Vec<bool>,
    /// Normal equations of the multipliers, one per law, with their right-hand side in the last column.
    normal: Vec<T>,
    multipliers: Vec<T>,
}

impl<T: Scalar, const W: usize> Projection<T, W> {
    pub fn new() -> Self {
        Self {
            totals: Vec::new(),
            y: Vec::new(),
            moved: Vec::new(),
            scale: Vec::new(),
            held: Vec::new(),
            normal: Vec::new(),
            multipliers: Vec::new(),
        }
    }

    pub fn prepare(&mut self, laws: usize, dim: usize) {
        self.totals.clear();
        self.totals.resize(laws, Total::zero());
        for (array, length) in [
            (&mut self.y, dim),
            (&mut self.moved, dim),
            (&mut self.scale, dim),
            (&mut self.normal, laws * (laws + 1)),
            (&mut self.multipliers, laws),
        ] {
            array.clear();
            array.resize(length, T::zero());
        }
        self.held.clear();
        self.held.resize(dim, false);
    }

    /// The sums of a new model.
    pub fn start(&mut self, lane: usize, laws: &[Vec<T>], y: &[[T; W]]) {
        for (total, weights) in self.totals.iter_mut().zip(laws) {
            (total.value[lane], total.lost[lane]) = (T::zero(), T::zero());
            for (&w, y) in weights.iter().zip(y) {
                total.add(lane, w * y[lane]);
            }
        }
    }

    /// The sums at the start, per law.
    #[inline(always)]
    pub fn totals(&self) -> &[Total<T, W>] {
        &self.totals
    }

    /// Moves a lane's state where it has negative components (unless those may stay, `signed`), or has lost more than rounding of a sum. Returns the root mean square of what it was moved by, in units of the tolerances
    /// (0 where nothing was to do), or `None` where no state with these sums was found; the state is then as it was.
    pub fn project(
        &mut self,
        lane: usize,
        laws: &[Vec<T>],
        atol: &[T],
        rtol: &dyn Fn(usize) -> T,
        signed: bool,
        y: &mut [[T; W]],
    ) -> Option<T> {
        let negative = !signed && !y.iter().all(|y| y[lane] >= T::zero());
        if !negative && laws.is_empty() {
            return Some(T::zero());
        }
        for (i, y) in y.iter().enumerate() {
            let y = y[lane];
            self.y[i] = y;
            self.moved[i] = y;
            self.held[i] = !signed && y < T::zero();
            self.scale[i] = atol[i] + rtol(i) * y.abs();
        }
        // Rounding over the long steps of chemistry near equilibrium is amplified, and adds up: it is taken back before it shows.
        let exact = |(r, weights)| self.missing(lane, r, weights).abs() <= self.rounding(weights);
        if !negative && laws.iter().map(Vec::as_slice).enumerate().all(exact) {
            return Some(T::zero());
        }
        // Each round holds at least one more component at 0.
        for _ in 0..=y.len() {
            for i in 0..y.len() {
                self.moved[i] = if self.held[i] { T::zero() } else { self.y[i] };
            }
            self.restore_sums(lane, laws)?;
            let mut more = false;
            for i in 0..y.len() {
                if !signed && self.moved[i] < T::zero() {
                    (self.held[i], more) = (true, true);
                }
            }
            if !more {
                let kept = (0..laws.len()).all(|r| self.keeps(lane, r, &laws[r], atol));
                return kept.then(|| self.deliver(lane, y));
            }
        }
        None
    }

    /// Brings the free components of `moved` to the sums: the smallest correction in units of the scales, by its multipliers.
    fn restore_sums(&mut self, lane: usize, laws: &[Vec<T>]) -> Option<()> {
        let columns = laws.len() + 1;
        // The second round takes back the rounding of the first.
        for _ in 0..2 {
            for (r, weights) in laws.iter().enumerate() {
                self.normal[r * columns + laws.len()] = self.missing(lane, r, weights);
                for (c, others) in laws.iter().enumerate() {
                    let mut sum = T::zero();
                    for i in 0..self.moved.len() {
                        if !self.held[i] {
                            sum += weights[i] * others[i] * self.scale[i] * self.scale[i];
                        }
                    }
                    self.normal[r * columns + c] = sum;
                }
            }
            solve_normal(&mut self.normal, &mut self.multipliers)?;
            for i in 0..self.moved.len() {
                if !self.held[i] {
                    let mut correction = T::zero();
                    for (weights, &multiplier) in laws.iter().zip(&self.multipliers) {
                        correction += weights[i] * multiplier;
                    }
                    self.moved[i] += correction * self.scale[i] * self.scale[i];
                }
            }
        }
        Some(())
    }

    /// What `moved` lacks of the sum of a law.
    fn missing(&self, lane: usize, law: usize, weights: &[T]) -> T {
        let mut missing = self.totals[law];
        for (&w, &y) in weights.iter().zip(&self.moved) {
            missing.add(lane, -w * y);
        }
        missing.value[lane] + missing.lost[lane]
    }

    /// What rounding may take from the sum of a law in `moved`.
    fn rounding(&self, weights: &[T]) -> T {
        let pairs = weights.iter().zip(&self.moved);
        let gross = pairs.fold(T::zero(), |gross, (&w, &y)| gross + (w * y).abs());
        gross * T::epsilon() * T::of(64.0)
    }

    /// Whether `moved` has the sum of a law to rounding; it has not where too much of it was held at 0.
    fn keeps(&self, lane: usize, law: usize, weights: &[T], atol: &[T]) -> bool {
        let mut allowed = T::zero();
        for ((&w, &y), &atol) in weights.iter().zip(&self.moved).zip(atol) {
            allowed += w.abs() * (T::of(1e3) * T::epsilon() * y.abs() + T::of(1e-6) * atol);
        }
        self.missing(lane, law, weights).abs() <= allowed
    }

    fn deliver(&self, lane: usize, y: &mut [[T; W]]) -> T {
        let mut sum = T::zero();
        for (i, y) in y.iter_mut().enumerate() {
            let change = self.moved[i] - y[lane];
            if change != T::zero() {
                let q = change / self.scale[i];
                sum += q * q;
            }
            y[lane] = self.moved[i];
        }
        (sum / T::of(y.len().max(1) as f64)).sqrt()
    }
}

/// Solves the positive semidefinite rows | right-hand side by elimination with diagonal pivots; rows that depend on those before (or have no free
/// component) are passed over. `None` where numbers have run out of range.
fn solve_normal<T: Scalar>(matrix: &mut [T], x: &mut [T]) -> Option<()> {
    let m = x.len();
    let columns = m + 1;
    for k in 0..m {
        // What rounding leaves of a dependent row's diagonal.
        x[k] = matrix[k * columns + k] * T::of(64.0) * T::epsilon();
    }
    for k in 0..m {
        let pivot = matrix[k * columns + k];
        if pivot.is_nan() {
            return None;
        }
        if pivot <= x[k] {
            continue;
        }
        for r in (0..m).filter(|&r| r != k) {
            let factor = matrix[r * columns + k] / pivot;
            for c in 0..columns {
                let take = factor * matrix[k * columns + c];
                matrix[r * columns + c] -= take;
            }
        }
    }
    for k in 0..m {
        let pivot = matrix[k * columns + k];
        x[k] = if pivot > x[k] {
            matrix[k * columns + m] / pivot
        } else {
            T::zero()
        };
        if !x[k].is_finite() {
            return None;
        }
    }
    Some(())
}
