//! Sums that the exact solution keeps (elements, charge): a quick look, over all lanes, at which states have lost more of them than rounding.
use crate::Scalar;
use crate::nonnegative::Projection;
use crate::pack::Pack;

/// A sum may be off by this part of Σ |w y| before it is put right. A step's own rounding is far below; what ill-conditioned steps of chemistry
/// near equilibrium lose is not (up to 4e-9 over 1e8 yr of the 224-reaction network).
const ALLOWED: f64 = 1e-12;

/// The conservation laws of a solve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conserved<T> {
    /// Weights of every law, one per component.
    pub laws: Vec<Vec<T>>,
    /// The same without zeros: components and weights.
    nonzeros: Vec<(Vec<usize>, Vec<[T; 1]>)>,
}

impl<T: Scalar> Conserved<T> {
    pub fn new(laws: Vec<Vec<T>>) -> Self {
        let nonzeros = laws.iter().map(|law| {
            let entries = law.iter().enumerate();
            let nonzero = entries.filter(|&(_, w)| *w != T::zero());
            nonzero.map(|(i, &w)| (i, [w])).unzip()
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
        for ((at, weights), total) in self.nonzeros.iter().zip(kept.totals()) {
            let (sum, gross) = weigh(at, weights, y);
            for l in 0..W {
                let missing = (total.value[l] - sum[l]) + total.lost[l];
                lost[l] |=
                    missing.abs() > gross[l] * T::of(ALLOWED).max(T::epsilon() * T::of(64.0));
            }
        }
        lost
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
