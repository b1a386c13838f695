//! Sums that the exact solution keeps (elements, charge): a quick look, over all lanes, at which states have lost more of them than rounding.
use crate::Scalar;
use crate::nonnegative::Projection;

/// A sum may be off by this part of Σ |w y| before it is put right. A step's own rounding is far below; what ill-conditioned steps of chemistry
/// near equilibrium lose is not (up to 4e-9 over 1e8 yr of the 224-reaction network).
const ALLOWED: f64 = 1e-12;

/// The conservation laws of a solve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conserved<T> {
    /// Weights of every law, one per component.
    pub laws: Vec<Vec<T>>,
    /// The same without zeros: component and weight.
    nonzeros: Vec<Vec<(usize, T)>>,
}

impl<T: Scalar> Conserved<T> {
    pub fn new(laws: Vec<Vec<T>>) -> Self {
        let nonzeros = laws.iter().map(|law| {
            let entries = law.iter().copied().enumerate();
            entries.filter(|&(_, w)| w != T::zero()).collect()
        });
        let nonzeros = nonzeros.collect();
        Self { laws, nonzeros }
    }

    pub fn is_empty(&self) -> bool {
        self.laws.is_empty()
    }

    /// In which lanes some sum is off by more than is allowed. Not-a-number counts as kept: it is for others to find.
    #[inline(always)]
    pub fn lost<const W: usize>(&self, kept: &Projection<T, W>, y: &[[T; W]]) -> [bool; W] {
        let mut lost = [false; W];
        for (law, total) in self.nonzeros.iter().zip(kept.totals()) {
            let (mut sum, mut gross) = ([T::zero(); W], [T::zero(); W]);
            for &(i, w) in law {
                let y = y[i];
                for l in 0..W {
                    let term = w * y[l];
                    sum[l] += term;
                    gross[l] += term.abs();
                }
            }
            for l in 0..W {
                let missing = (total.value[l] - sum[l]) + total.lost[l];
                lost[l] |=
                    missing.abs() > gross[l] * T::of(ALLOWED).max(T::epsilon() * T::of(64.0));
            }
        }
        lost
    }
}
