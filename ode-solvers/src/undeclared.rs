//! Whether f depends on more than a sparsity pattern says: a suspicion with every differenced Jacobian, and its proof.
use crate::differences::increment;
use crate::{Scalar, SparsityPattern, System};

/// Disagreement along the trial direction, in units of √ε of a row's terms, from which on a row is suspected. Differences of honest rows disagree by
/// their curvature and by rounding in each of their entries, tens of these units.
const SUSPICIOUS: f64 = 512.0;
/// Suspects looked at with one Jacobian: a row with a kink at y is suspected without being at fault.
const SUSPECTS: usize = 4;
/// Moves, relative to the size of a component, by which a dependence is proved: each eight times the one before.
const MOVES: [f64; 3] = [1.0 / 8192.0, 1.0 / 1024.0, 1.0 / 128.0];

/// Memory of a trial.
#[derive(Debug, Default)]
pub(crate) struct Trial<T> {
    moved: Vec<T>,
    slope: Vec<T>,
    /// What the Jacobian says of the change along the direction, and the sum of the sizes of its terms, by row.
    predicted: Vec<T>,
    gross: Vec<T>,
}

/// A number in (1/4, 1) for component j at time t: columns that were differenced together must not move together again.
fn weight<T: Scalar>(t: T, j: usize) -> T {
    let mut z = t.as_f64().to_bits() ^ (j as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    T::of(0.25 + 0.75 * ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64)
}

impl<T: Scalar> Trial<T> {
    /// A row of f that depends on components outside its row of the pattern: `values` are the differenced Jacobian at (t, y), `slope` is f there,
    /// `size` what each component counts by.
    pub fn lying_row(
        &mut self,
        system: &impl System<T>,
        pattern: &SparsityPattern,
        (t, y): (T, &[T]),
        slope: &[T],
        values: &[T],
        size: impl Fn(usize) -> T + Copy,
    ) -> Option<usize> {
        let n = y.len();
        for array in [
            &mut self.moved,
            &mut self.slope,
            &mut self.predicted,
            &mut self.gross,
        ] {
            array.clear();
            array.resize(n, T::zero());
        }
        let part = T::epsilon().sqrt();
        for j in 0..n {
            let by = weight(t, j) * increment(y[j], size(j), part);
            self.moved[j] = y[j] + by;
            let by = self.moved[j] - y[j];
            let entries = pattern.col_offsets()[j]..pattern.col_offsets()[j + 1];
            for (&value, &i) in values[entries].iter().zip(pattern.column(j)) {
                self.predicted[i] += value * by;
                self.gross[i] += (value * by).abs();
            }
        }
        system.rhs(t, &self.moved, &mut self.slope);
        for i in 0..n {
            let terms = self.gross[i].max(part * slope[i].abs());
            let allowed = T::of(SUSPICIOUS) * part * terms;
            let off = (self.slope[i] - slope[i] - self.predicted[i]).abs();
            // How suspicious the row is; not at all where something is not a number.
            self.predicted[i] = if off > allowed && off.is_finite() {
                off / allowed.max(T::min_positive_value())
            } else {
                T::zero()
            };
            // The size of a row's terms, for the proof.
            self.gross[i] = terms / part;
        }
        for _ in 0..SUSPECTS {
            let worst = (0..n).fold(0, |w, i| {
                if self.predicted[i] > self.predicted[w] {
                    i
                } else {
                    w
                }
            });
            if n == 0 || self.predicted[worst] == T::zero() {
                return None;
            }
            if self.depends_on_others(system, pattern, (t, y), slope, size, worst) {
                return Some(worst);
            }
            self.predicted[worst] = T::zero();
        }
        None
    }

    /// Whether f of this row answers, in proportion, to moves of all components outside its row of the pattern. An honest one answers by rounding.
    fn depends_on_others(
        &mut self,
        system: &impl System<T>,
        pattern: &SparsityPattern,
        (t, y): (T, &[T]),
        slope: &[T],
        size: impl Fn(usize) -> T,
        row: usize,
    ) -> bool {
        let rounding = T::of(1e3) * T::epsilon() * self.gross[row];
        let mut before: Option<T> = None;
        for part in MOVES {
            for j in 0..y.len() {
                let declared = pattern.position(row, j).is_some();
                let by = if declared {
                    T::zero()
                } else {
                    weight(t, j) * increment(y[j], size(j), T::of(part))
                };
                self.moved[j] = y[j] + by;
            }
            system.rhs(t, &self.moved, &mut self.slope);
            let answer = self.slope[row] - slope[row];
            let proportional = before.is_none_or(|before| {
                let ratio = answer / before;
                ratio > T::of(6.0) && ratio < T::of(10.5)
            });
            if !(answer.abs() > rounding && answer.is_finite() && proportional) {
                return false;
            }
            before = Some(answer);
        }
        true
    }
}

/// The component outside its row of the pattern to which f of `row` answers most.
pub(crate) fn column<T: Scalar>(
    system: &impl System<T>,
    pattern: &SparsityPattern,
    (t, y): (T, &[T]),
    size: impl Fn(usize) -> T,
    row: usize,
) -> usize {
    let (mut moved, mut slope) = (y.to_vec(), vec![T::zero(); y.len()]);
    system.rhs(t, y, &mut slope);
    let still = slope[row];
    let (mut most, mut found) = (T::zero(), row);
    for j in (0..y.len()).filter(|&j| pattern.position(row, j).is_none()) {
        moved[j] = y[j] + increment(y[j], size(j), T::of(MOVES[1]));
        system.rhs(t, &moved, &mut slope);
        moved[j] = y[j];
        let answer = (slope[row] - still).abs();
        if answer > most {
            (most, found) = (answer, j);
        }
    }
    found
}
