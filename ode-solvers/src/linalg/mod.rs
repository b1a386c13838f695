//! Linear algebra of the stiff methods: M = D − J with a fixed pattern, factorised at every step, without allocation.
mod blocks;
mod complex;
mod dense;
#[cfg(feature = "faer")]
mod faer;
mod fixed;
#[cfg(test)]
mod fused;
mod iteration;
mod lanes;
mod pattern;
mod probe;
mod ragged;
mod residual;
mod squares;
mod symbolic;
mod tiles;

pub(crate) use complex::ComplexSolver;
pub(crate) use iteration::Iteration;
pub use pattern::{Factorization, PatternError, SparsityPattern};

use crate::Scalar;
use crate::row::run;
use blocks::Blocks;
use dense::DenseLu;
use fixed::FixedLu;
use iteration::WithFactors;
use lanes::LaneLu;
use probe::Probe;
pub(crate) use squares::Register;
use squares::SIDE;
use symbolic::{Costs, Symbolic};
use tiles::TILE;

/// Below this many components, a pivoted dense factorisation is as fast as one with a fixed pattern, and safer.
const SMALL: usize = 8;
/// Dense pivoted factorisation is not tried above this dimension (8 bytes × 4000² = 128 MB).
const LARGEST_DENSE: usize = 4000;
/// A multiplier above this in the factorisation without pivoting sends its lane to the pivoted one.
const LARGEST_MULTIPLIER: f64 = 1e5;
/// Several multipliers above this multiply up (solutions were seen to lose nine digits): the first solution of such a lane is looked at.
const HARMLESS_MULTIPLIER: f64 = 1e2;
/// Pivots that exceed the diagonal (in size, the largest of either) by more have grown on the way, though no single multiplier was large: such lanes are
/// looked at too. (Nine equations in a ring, multipliers of some tens, were solved to a backward error of 9e-8.)
const HARMLESS_GROWTH: f64 = 1e3;
/// A refinement that changes the solution by more leaves about the square of that: the lane is factorised again, with pivots.
const BAD_CORRECTION: f64 = 1e-6;

/// A pattern filled more than this gains nothing from being known.
const FULL: f64 = 0.95;
/// Costs in several lanes: measured on the 224-reaction network.
const LANES: Costs = Costs {
    sparse: 3.0,
    sparse_solve: 3.0,
    solve: 1.5,
    multiple: TILE,
    filled_up_to: TILE,
};
/// Costs in one lane, where only the block runs in vectors.
const ONE_LANE: Costs = Costs {
    sparse: 24.0,
    sparse_solve: 16.0,
    solve: 2.0,
    multiple: 1,
    filled_up_to: SIDE,
};

/// A factorisation along a fixed pattern, made for one lane or for several.
// One per solver: the room that the smaller variant wastes is nothing, an indirection in the solves is not.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
enum Fixed<T, const W: usize> {
    One(FixedLu<T>),
    Lanes(LaneLu<T, W>),
}

impl<T: Scalar, const W: usize> Fixed<T, W> {
    fn new(pattern: &SparsityPattern) -> Self {
        if W == 1 {
            Self::One(FixedLu::new(pattern, Symbolic::analyse(pattern, &ONE_LANE)))
        } else {
            Self::Lanes(LaneLu::new(pattern, Symbolic::analyse(pattern, &LANES)))
        }
    }

    /// Factorises. Returns the largest multiplier of each lane, not-a-number where a pivot is 0 or not finite.
    #[inline(always)]
    fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [T; W] {
        match self {
            Self::One(lu) => [lu.factorize(shift[0], jacobian.as_flattened()); W],
            // There are no such lanes, and no code is to be made for them.
            Self::Lanes(_) if const { W == 1 } => [T::nan(); W],
            Self::Lanes(lu) => lu.factorize(shift, jacobian),
        }
    }

    /// Sizes of the largest pivots of the last factorisation.
    #[inline(always)]
    fn largest_pivots(&self) -> [T; W] {
        let inverse = match self {
            Self::One(lu) => [lu.smallest_inverse(); W],
            Self::Lanes(lu) => lu.smallest_inverse(),
        };
        inverse.map(|inverse| T::one() / inverse)
    }

    /// Replaces b by the solution.
    #[inline(always)]
    fn solve(&mut self, b: &mut [[T; W]]) {
        match self {
            Self::One(lu) => lu.solve(b.as_flattened_mut()),
            Self::Lanes(_) if const { W == 1 } => {}
            Self::Lanes(lu) => lu.solve(b),
        }
    }
}

/// Solver of (shift·I − J) x = b in every lane: factorisation along a fixed pattern with pivots on the diagonal, a pivoted dense one where
/// the matrix is small or full, or where (in that lane, at that step) a diagonal pivot turns out too small.
#[derive(Clone, Debug)]
pub(crate) struct LinearSolver<T, const W: usize> {
    pattern: SparsityPattern,
    /// Equal blocks on the diagonal instead of one matrix.
    blocks: Option<Box<Blocks<T, W>>>,
    #[cfg(feature = "faer")]
    faer: faer::Slot<W>,
    fixed: Option<Fixed<T, W>>,
    /// Indices of the Jacobian's diagonal entries.
    diagonal: Vec<usize>,
    dense: Vec<DenseLu<T>>,
    /// Lanes solved by `dense` since the last factorisation.
    pivoted: [bool; W],
    /// Lanes whose solutions are looked at.
    doubtful: [bool; W],
    probe: Probe<T, W>,
    shift: [T; W],
    column: Vec<T>,
    /// A right-hand side kept, and what a solution leaves of it.
    kept: Vec<[T; W]>,
    left: Vec<[T; W]>,
}

impl<T: Scalar, const W: usize> LinearSolver<T, W> {
    pub fn empty() -> Self {
        Self {
            pattern: SparsityPattern::dense(0),
            blocks: None,
            #[cfg(feature = "faer")]
            faer: faer::Slot::default(),
            fixed: None,
            diagonal: Vec::new(),
            dense: Vec::new(),
            pivoted: [false; W],
            doubtful: [false; W],
            probe: Probe::new(0),
            shift: [T::zero(); W],
            column: Vec::new(),
            kept: Vec::new(),
            left: Vec::new(),
        }
    }

    /// Analyses a pattern, unless it is the one already analysed.
    pub fn analyse(&mut self, pattern: SparsityPattern) {
        if pattern == self.pattern && pattern.dim() > 0 {
            return;
        }
        #[cfg(feature = "faer")]
        {
            self.faer = faer::Slot::default();
        }
        if pattern.copies() > 1 {
            self.blocks = Some(Box::new(Blocks::new(&pattern)));
            self.fixed = None;
            self.pattern = pattern;
            return;
        }
        self.blocks = None;
        let n = pattern.dim();
        self.fixed = self.choose(&pattern);
        self.dense = (0..W).map(|_| DenseLu::new()).collect();
        self.diagonal = (0..n).filter_map(|i| pattern.position(i, i)).collect();
        self.column = vec![T::zero(); n];
        self.kept = vec![[T::zero(); W]; n];
        self.probe = Probe::new(n);
        self.left = vec![[T::zero(); W]; n];
        self.pattern = pattern;
    }

    /// The factorisation along the pattern, unless another one is wanted or faster; faer's is put into its place.
    fn choose(&mut self, pattern: &SparsityPattern) -> Option<Fixed<T, W>> {
        let n = pattern.dim();
        let worthwhile = match pattern.factorization() {
            Factorization::Dense => false,
            Factorization::Sparse => true,
            #[cfg(feature = "faer")]
            Factorization::Faer => {
                self.faer = faer::Slot::new(pattern);
                self.faer.is_empty()
            }
            Factorization::Automatic => n > SMALL && (pattern.nnz() as f64) < FULL * (n * n) as f64,
        };
        #[cfg(feature = "faer")]
        if !self.faer.is_empty() {
            return None;
        }
        (worthwhile || n > LARGEST_DENSE).then(|| Fixed::new(pattern))
    }

    /// Factorises; says which lanes are singular.
    #[inline(always)]
    pub fn factorize(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        if let Some(blocks) = &mut self.blocks {
            return blocks.factorize(shift, jacobian);
        }
        #[cfg(feature = "faer")]
        if let Some(faer) = self.faer.get() {
            return faer.factorize(shift, jacobian);
        }
        self.pivoted = [true; W];
        self.doubtful = [false; W];
        if let Some(fixed) = &mut self.fixed {
            let growth = fixed.factorize(shift, jacobian);
            for l in 0..W {
                self.pivoted[l] = growth[l].is_nan() || growth[l] > T::of(LARGEST_MULTIPLIER);
            }
            let mut diagonal: [T; W] = each_lane!(T::zero(), |l| shift[l].abs());
            for &at in &self.diagonal {
                for l in 0..W {
                    // Not `max`, which looks at not-a-number on either side: these are chains.
                    let entry = (shift[l] - jacobian[at][l]).abs();
                    diagonal[l] = if entry > diagonal[l] {
                        entry
                    } else {
                        diagonal[l]
                    };
                }
            }
            let pivots = fixed.largest_pivots();
            let doubtful = |l: usize| {
                let grown = pivots[l] > T::of(HARMLESS_GROWTH) * diagonal[l];
                (growth[l] > T::of(HARMLESS_MULTIPLIER) || grown) && !self.pivoted[l]
            };
            self.doubtful = std::array::from_fn(doubtful);
            if self.doubtful.contains(&true) {
                self.shift = *shift;
                self.probe.set(shift, jacobian, &self.pattern);
            }
            if !self.pivoted.contains(&true) {
                return [false; W];
            }
            if self.pattern.dim() > LARGEST_DENSE {
                self.pivoted = [false; W];
                return each_lane!(false, |l| !growth[l].is_finite());
            }
        }
        self.factorize_pivoted(shift, jacobian)
    }

    /// Lanes that need pivots are solved by their dense factors, doubtful ones looked at.
    #[cold]
    fn solve_with_care(&mut self, jacobian: &[[T; W]], b: &mut [[T; W]]) {
        let pivoted = self.pivoted;
        self.kept.copy_from_slice(b);
        let told = self.probe.of_right_hand_side(b);
        if let Some(fixed) = &mut self.fixed {
            fixed.solve(b);
        }
        if self.doubtful.contains(&true) {
            let holds = self.probe.holds(told, b);
            for l in 0..W {
                // Factors whose first solution holds are good: later solutions with them are not looked at.
                self.doubtful[l] &= !holds[l];
            }
            if self.doubtful.contains(&true) {
                self.refine(jacobian, b);
            }
        }
        for l in (0..W).filter(|&l| pivoted[l]) {
            for (b, kept) in b.iter_mut().zip(&self.kept) {
                b[l] = kept[l];
            }
            self.dense[l].solve_lane(b, l, &mut self.column);
        }
    }

    /// Solves again for what is left of the right-hand side, in the doubtful lanes (Wilkinson's iterative refinement, one round).
    #[cold]
    fn refine(&mut self, jacobian: &[[T; W]], b: &mut [[T; W]]) {
        let Some(fixed) = &mut self.fixed else {
            return;
        };
        self.left.copy_from_slice(&self.kept);
        residual::subtract(&mut self.left, &self.shift, jacobian, b, &self.pattern);
        fixed.solve(&mut self.left);
        let (mut size, mut change) = ([T::zero(); W], [T::zero(); W]);
        for (x, more) in b.iter_mut().zip(&self.left) {
            for l in 0..W {
                size[l] = size[l].max(x[l].abs());
                change[l] = change[l].max(more[l].abs());
                if self.doubtful[l] {
                    x[l] += more[l];
                }
            }
        }
        for l in 0..W {
            // Not-a-number is not bad: it stays for the step to be judged by.
            if self.doubtful[l] && change[l] > T::of(BAD_CORRECTION) * size[l] {
                self.pivot_at_last(l, jacobian, b);
            }
        }
    }

    /// Factorises a lane again, with pivots, and solves for the right-hand side kept; where that is too large or singular the lane stays as it is.
    #[cold]
    fn pivot_at_last(&mut self, l: usize, jacobian: &[[T; W]], b: &mut [[T; W]]) {
        if self.pattern.dim() > LARGEST_DENSE {
            return;
        }
        let values = jacobian.iter().map(|j| j[l]);
        if self.dense[l].factorize(&self.pattern, self.shift[l], values) {
            for (b, kept) in b.iter_mut().zip(&self.kept) {
                b[l] = kept[l];
            }
            self.dense[l].solve_lane(b, l, &mut self.column);
            (self.pivoted[l], self.doubtful[l]) = (true, false);
        }
    }

    fn factorize_pivoted(&mut self, shift: &[T; W], jacobian: &[[T; W]]) -> [bool; W] {
        let mut singular = [false; W];
        for l in 0..W {
            if self.pivoted[l] {
                singular[l] = !self.dense[l].factorize(
                    &self.pattern,
                    shift[l],
                    jacobian.iter().map(|j| j[l]),
                );
            }
        }
        singular
    }

    /// One iteration of Newton's method: the size of the correction. `None`, and nothing is done, where there are several lanes or the factors are not
    /// those of the fixed pattern.
    #[inline(always)]
    pub fn iterate(&mut self, iteration: Iteration<'_, T>) -> Option<T> {
        // Other numbers than doubles have a faster solve of their own.
        if !T::DOUBLE {
            return None;
        }
        let usual = self.blocks.is_none() && !self.pivoted[0] && !self.doubtful[0];
        match &mut self.fixed {
            Some(Fixed::One(lu)) if usual => Some(run(WithFactors { lu, iteration })),
            _ => None,
        }
    }

    /// Replaces b by the solution, in every lane. `jacobian` is the one that was factorised.
    #[inline(always)]
    pub fn solve(&mut self, jacobian: &[[T; W]], b: &mut [[T; W]]) {
        if let Some(blocks) = &mut self.blocks {
            return blocks.solve(b);
        }
        #[cfg(feature = "faer")]
        if let Some(faer) = self.faer.get() {
            return faer.solve(b);
        }
        let Some(fixed) = &mut self.fixed else {
            for l in 0..W {
                self.dense[l].solve_lane(b, l, &mut self.column);
            }
            return;
        };
        if !self.pivoted.contains(&true) && !self.doubtful.contains(&true) {
            fixed.solve(b);
            return;
        }
        self.solve_with_care(jacobian, b);
    }
}

#[cfg(test)]
mod tests;
