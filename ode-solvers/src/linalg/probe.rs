//! Whether solutions hold: one random combination of the equations, w·M x = w·b, for a dot product a solution.
//!
//! What a solution leaves of its right-hand side must be nearly orthogonal to w to pass unseen; nothing but the backward error along w is looked at. It costs a tenth of a residual and a second solve, which remain for the solutions that fail.
use super::SparsityPattern;
use crate::Scalar;
use crate::aligned::Aligned;
use crate::pack::Pack;

/// Largest |w·(b − M x)| of a solution taken as it is, in units of Σ|w_i b_i| + Σ|(wᵀM)_j x_j|. Rounding alone leaves some 1e-15.
const HARMLESS: f64 = 3e-14;

/// The combination w and what it makes of the matrix last factorised.
#[derive(Clone, Debug)]
pub(super) struct Probe<T, const W: usize> {
    weights: Vec<T>,
    /// wᵀM.
    row: Aligned<T, W>,
}

impl<T: Scalar, const W: usize> Probe<T, W> {
    pub fn new(dim: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let size = 0.5 + (state >> 12) as f64 / (1u64 << 52) as f64;
            T::of(if state >> 11 & 1 == 0 { size } else { -size })
        };
        Self {
            weights: (0..dim).map(|_| next()).collect(),
            row: Aligned::zeros(dim),
        }
    }

    /// Takes up the matrix shift·I − J.
    pub fn set(&mut self, shift: &[T; W], jacobian: &[[T; W]], pattern: &SparsityPattern) {
        let (weights, row) = (&self.weights[..], &mut self.row[..]);
        #[cfg(target_arch = "x86_64")]
        if x86::set(shift, jacobian, pattern, weights, row) {
            return;
        }
        set_with::<T, [T; W], W>(shift, jacobian, pattern, weights, row);
    }

    /// w·b, and the sum of its terms' sizes.
    pub fn of_right_hand_side(&self, b: &[[T; W]]) -> ([T; W], [T; W]) {
        let (mut sum, mut size) = ([T::zero(); W], [T::zero(); W]);
        for (b, &weight) in b.iter().zip(&self.weights) {
            for l in 0..W {
                let term = weight * b[l];
                sum[l] += term;
                size[l] += term.abs();
            }
        }
        (sum, size)
    }

    /// Which lanes' solutions x of M x = b hold, b being told by [`Probe::of_right_hand_side`]. One that is not finite does not.
    pub fn holds(&self, (sum, size): ([T; W], [T; W]), x: &[[T; W]]) -> [bool; W] {
        let (mut left, mut size) = (sum, size);
        for (x, row) in x.iter().zip(self.row.iter()) {
            for l in 0..W {
                let term = row[l] * x[l];
                left[l] -= term;
                size[l] += term.abs();
            }
        }
        each_lane!(false, |l| left[l].abs() <= T::of(HARMLESS) * size[l])
    }
}

#[inline(always)]
fn set_with<T: Scalar, P: Pack<T, W>, const W: usize>(
    shift: &[T; W],
    jacobian: &[[T; W]],
    pattern: &SparsityPattern,
    weights: &[T],
    row: &mut [[T; W]],
) {
    let shift = P::load(shift);
    let (offsets, rows) = (pattern.col_offsets(), pattern.row_indices());
    let columns = offsets.windows(2).zip(weights).zip(row);
    for ((range, &weight), out) in columns {
        // Two chains of sums.
        let (mut even, mut odd) = (shift.times(P::splat(weight)), P::zero());
        let range = range[0]..range[1];
        let (rows, values) = (&rows[range.clone()], &jacobian[range]);
        let (row_pairs, last_row) = rows.as_chunks::<2>();
        let (value_pairs, last_value) = values.as_chunks::<2>();
        for (rows, values) in row_pairs.iter().zip(value_pairs) {
            even = even.less(P::splat(weights[rows[0]]), P::load(&values[0]));
            odd = odd.less(P::splat(weights[rows[1]]), P::load(&values[1]));
        }
        for (&row, value) in last_row.iter().zip(last_value) {
            even = even.less(P::splat(weights[row]), P::load(value));
        }
        even.plus(odd).store(out);
    }
}

/// The same, compiled for AVX and AVX-512.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{SparsityPattern, set_with};
    use crate::Scalar;
    use crate::pack::x86::{Avx, Avx512, TwoAvx};
    use crate::pack::{doubles, doubles_mut, has_avx2_fma};

    /// Whether it was done here.
    pub fn set<T: Scalar, const W: usize>(
        shift: &[T; W],
        jacobian: &[[T; W]],
        pattern: &SparsityPattern,
        weights: &[T],
        row: &mut [[T; W]],
    ) -> bool {
        let shift = std::slice::from_ref(shift);
        let weights = weights.as_chunks::<1>().0;
        let avx512 = is_x86_feature_detected!("avx512f");
        if !avx512 && !has_avx2_fma() {
            return false;
        }
        let Some(weights) = doubles::<T, 1, 1>(weights) else {
            return false;
        };
        let weights = weights.as_flattened();
        if let (Some([shift]), Some(jacobian)) = (doubles(shift), doubles(jacobian))
            && let Some(row) = doubles_mut(row)
        {
            // SAFETY: the processor has just been asked for the features that the functions need.
            unsafe {
                if avx512 {
                    set_avx512(shift, jacobian, pattern, weights, row);
                } else {
                    set_two_avx(shift, jacobian, pattern, weights, row);
                }
            }
            return true;
        }
        if let (Some([shift]), Some(jacobian)) = (doubles(shift), doubles(jacobian))
            && let Some(row) = doubles_mut(row)
        {
            // SAFETY: as above.
            unsafe { set_avx(shift, jacobian, pattern, weights, row) };
            return true;
        }
        false
    }

    #[target_feature(enable = "avx512f")]
    fn set_avx512(
        shift: &[f64; 8],
        jacobian: &[[f64; 8]],
        pattern: &SparsityPattern,
        weights: &[f64],
        row: &mut [[f64; 8]],
    ) {
        set_with::<f64, Avx512, 8>(shift, jacobian, pattern, weights, row);
    }
    #[target_feature(enable = "avx2,fma")]
    fn set_two_avx(
        shift: &[f64; 8],
        jacobian: &[[f64; 8]],
        pattern: &SparsityPattern,
        weights: &[f64],
        row: &mut [[f64; 8]],
    ) {
        set_with::<f64, TwoAvx, 8>(shift, jacobian, pattern, weights, row);
    }
    #[target_feature(enable = "avx2,fma")]
    fn set_avx(
        shift: &[f64; 4],
        jacobian: &[[f64; 4]],
        pattern: &SparsityPattern,
        weights: &[f64],
        row: &mut [[f64; 4]],
    ) {
        set_with::<f64, Avx, 4>(shift, jacobian, pattern, weights, row);
    }
}
