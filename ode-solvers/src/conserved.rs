//! Sums that the exact solution keeps (elements, charge): a quick look, over all lanes, at which states have lost more of them than rounding.
use crate::Scalar;
use crate::nonnegative::Projection;
use crate::pack::Pack;
use crate::row::{Row, WIDTH, parts, pass, run};

/// A sum may be off by this part of Σ |w| (|y| + atol) before it is put right. A step's own rounding is far below; what ill-conditioned steps of chemistry
/// near equilibrium lose is not (up to 4e-9 over 1e8 yr of the 224-reaction network). With |y| alone, the rounding of sums whose total is 0 (an element
/// that is not there, next to nothing of its species) was put right again and again.
const ALLOWED: f64 = 1e-12;

/// The conservation laws of a solve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conserved<T> {
    /// Weights of every law, one per component.
    pub laws: Vec<Vec<T>>,
    /// The same without zeros: components and weights.
    nonzeros: Vec<(Vec<usize>, Vec<[T; 1]>)>,
    /// One lane: all weights, one law after the other.
    rows: Vec<T>,
    /// Σ |w| atol of every law.
    floors: Vec<T>,
}

/// Laws whose sums are taken in one pass.
const AT_ONCE: usize = 8;

impl<T: Scalar> Conserved<T> {
    /// For so many lanes, with an absolute tolerance for every component.
    pub fn new(laws: Vec<Vec<T>>, lanes: usize, atol: &[T]) -> Self {
        let rows = if lanes == 1 {
            laws.concat()
        } else {
            Vec::new()
        };
        let nonzeros = laws.iter().map(|law| {
            let entries = law.iter().enumerate();
            let nonzero = entries.filter(|&(_, w)| *w != T::zero());
            nonzero.map(|(i, &w)| (i, [w])).unzip()
        });
        let nonzeros = nonzeros.collect();
        let floor = |law: &Vec<T>| {
            let terms = law.iter().zip(atol).map(|(w, &atol)| w.abs() * atol);
            terms.fold(T::zero(), |sum, term| sum + term)
        };
        let floors = laws.iter().map(floor).collect();
        Self {
            laws,
            nonzeros,
            rows,
            floors,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.laws.is_empty()
    }

    /// In which lanes some sum is off by more than is allowed. Not-a-number counts as kept: it is for others to find.
    #[inline(always)]
    pub fn lost<const W: usize>(&self, kept: &Projection<T, W>, y: &[[T; W]]) -> [bool; W] {
        let mut lost = [false; W];
        if W == 1 && y.len() >= WIDTH {
            let laws = self.rows.chunks(AT_ONCE * y.len());
            let known = kept
                .totals()
                .chunks(AT_ONCE)
                .zip(self.floors.chunks(AT_ONCE));
            for (weights, (totals, floors)) in laws.zip(known) {
                let mut sums = [[T::zero(); 2]; AT_ONCE];
                let y = y.as_flattened();
                run(Sums {
                    weights,
                    y,
                    sums: &mut sums,
                });
                for (([sum, gross], total), &floor) in sums.into_iter().zip(totals).zip(floors) {
                    lost[0] |= is_lost(total.value[0], total.lost[0], sum, gross + floor);
                }
            }
            return lost;
        }
        let known = kept.totals().iter().zip(&self.floors);
        for ((at, weights), (total, &floor)) in self.nonzeros.iter().zip(known) {
            let (sum, gross) = weigh(at, weights, y);
            for l in 0..W {
                lost[l] |= is_lost(total.value[l], total.lost[l], sum[l], gross[l] + floor);
            }
        }
        lost
    }
}

/// Whether a sum is off its value (`value` + `rest`) by more than is allowed, Σ |w| (|y| + atol) being `gross`.
#[inline(always)]
fn is_lost<T: Scalar>(value: T, rest: T, sum: T, gross: T) -> bool {
    let missing = (value - sum) + rest;
    missing.abs() > gross * T::of(ALLOWED).max(T::epsilon() * T::of(64.0))
}

/// Σ w y and Σ |w y| of some laws, in one lane.
struct Sums<'a, T> {
    weights: &'a [T],
    y: &'a [T],
    sums: &'a mut [[T; 2]; AT_ONCE],
}

pass!(Sums);

impl<T: Scalar> Sums<'_, T> {
    #[inline(always)]
    fn of<P: Row<T>>(self) -> T {
        let laws = self.weights.chunks_exact(self.y.len());
        for (weights, sums) in laws.zip(self.sums) {
            let (mut net, mut gross) = (P::zero(), P::zero());
            parts!(weights.len(), |at, len| {
                let term = P::take(weights, at, len).times(P::take(self.y, at, len));
                net = net.plus(term);
                gross = gross.plus(term.size());
            });
            *sums = [net.total(), gross.total()];
        }
        T::zero()
    }
}

/// Σ w y and Σ |w y| in every lane.
#[inline(always)]
fn weigh<T: Scalar, const W: usize>(
    at: &[usize],
    weights: &[[T; 1]],
    y: &[[T; W]],
) -> ([T; W], [T; W]) {
    let (mut sum, mut gross) = ([T::zero(); W], [T::zero(); W]);
    #[cfg(target_arch = "x86_64")]
    if x86::weigh(at, weights, y, &mut sum, &mut gross) {
        return (sum, gross);
    }
    weigh_with::<T, [T; W], W>(at, weights, y, &mut sum, &mut gross);
    (sum, gross)
}

#[inline(always)]
fn weigh_with<T: Scalar, P: Pack<T, W>, const W: usize>(
    at: &[usize],
    weights: &[[T; 1]],
    y: &[[T; W]],
    sum: &mut [T; W],
    gross: &mut [T; W],
) {
    let (mut net, mut all) = (P::zero(), P::zero());
    for (&i, &[w]) in at.iter().zip(weights) {
        let term = P::splat(w).times(P::load(&y[i]));
        net = net.plus(term);
        all = all.plus(term.size_or(P::zero()));
    }
    net.store(sum);
    all.store(gross);
}

/// The same, compiled for AVX-512.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::weigh_with;
    use crate::Scalar;
    use crate::pack::x86::Avx512;
    use crate::pack::{doubles, doubles_mut};

    /// Whether it was done here.
    #[inline(always)]
    pub fn weigh<T: Scalar, const W: usize>(
        at: &[usize],
        weights: &[[T; 1]],
        y: &[[T; W]],
        sum: &mut [T; W],
        gross: &mut [T; W],
    ) -> bool {
        let sum = std::slice::from_mut(sum);
        let gross = std::slice::from_mut(gross);
        if let (Some(weights), Some(y), Some([sum]), Some([gross])) = (
            doubles(weights),
            doubles(y),
            doubles_mut(sum),
            doubles_mut(gross),
        ) && std::arch::is_x86_feature_detected!("avx512f")
        {
            // SAFETY: the processor has just been asked for the one feature that the function needs.
            unsafe { weigh_avx512(at, weights, y, sum, gross) };
            return true;
        }
        false
    }

    #[target_feature(enable = "avx512f")]
    fn weigh_avx512(
        at: &[usize],
        weights: &[[f64; 1]],
        y: &[[f64; 8]],
        sum: &mut [f64; 8],
        gross: &mut [f64; 8],
    ) {
        weigh_with::<f64, Avx512, 8>(at, weights, y, sum, gross);
    }
}

#[cfg(test)]
mod tests {
    use super::Conserved;
    use crate::nonnegative::Projection;

    /// Whether x − y, which is 0 at the start, is lost where x is off by 1e-9 of itself.
    fn lost<const W: usize>(n: usize, size: f64, atol: f64) -> [bool; W] {
        let mut law = vec![0.0; n];
        (law[0], law[n - 1]) = (1.0, -1.0);
        let mut y = vec![[0.0; W]; n];
        let mut kept = Projection::new();
        kept.prepare(1, n);
        for lane in 0..W {
            kept.start(lane, std::slice::from_ref(&law), &y);
        }
        (y[0], y[n - 1]) = ([size * (1.0 + 1e-9); W], [size; W]);
        Conserved::new(vec![law], W, &vec![atol; n]).lost(&kept, &y)
    }

    #[test]
    fn what_rounding_leaves_of_nothing_is_no_loss() {
        for n in [2, 7, 8, 30] {
            for (size, atol, expected) in [
                (1.0, 1e-14, true),
                (1e-13, 1e-14, true),
                (1e-31, 1e-14, false),
                (1e-31, 0.0, true),
            ] {
                assert_eq!(
                    lost::<1>(n, size, atol),
                    [expected],
                    "{n} {size:e} {atol:e}"
                );
                assert_eq!(
                    lost::<8>(n, size, atol),
                    [expected; 8],
                    "{n} {size:e} {atol:e}"
                );
            }
        }
    }
}
