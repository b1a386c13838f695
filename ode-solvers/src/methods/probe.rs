//! Does a Jacobian belong to its right-hand side? Asked once per solve or batch by methods that trust it blindly.
use crate::differences::least_size;
use crate::{LaneJacobian, Scalar};

/// Distances, relative to the state, over which f is differenced. A derivative is believed where both agree.
const REACH: [f64; 2] = [1e-3, 1e-4];
/// Two differences that agree to this tell of a smooth f.
const SMOOTH: f64 = 0.01;
/// A product off by more than this part of its terms contradicts them.
const OFF: f64 = 0.1;

/// Compares J v in one lane with central differences of f along a v that has every component: the first component in which they contradict each other.
/// `None` where they agree, and where f is not smooth or not finite nearby. `scratch` has room for seven states.
#[cold]
pub(super) fn contradiction<T: Scalar, S: LaneJacobian<T, W>, const W: usize>(
    system: &mut S,
    lane: usize,
    t: &[T; W],
    y: &[[T; W]],
    slope: &[[T; W]],
    jacobian: &[[T; W]],
    scratch: &mut [[T; W]],
) -> Option<usize> {
    let n = y.len();
    let pattern = system.sparsity();
    if n == 0 || scratch.len() < 7 * n || pattern.dim() != n {
        return None;
    }
    let mut parts = scratch.chunks_exact_mut(n);
    let [moved, ahead, behind, near, far, along, product] =
        std::array::from_fn(|_| parts.next().unwrap_or_default());
    // f does not see other lanes: they keep their states.
    moved.copy_from_slice(y);
    let sizes = |j: usize| y[j][lane];
    let mut largest = T::zero();
    for j in 0..n {
        largest = largest.max(sizes(j).abs());
    }
    let floor = least_size(&[largest]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for j in 0..n {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        let part = T::of(part + 0.5 * part.signum());
        along[j][lane] = part * sizes(j).abs().max(floor);
    }
    for (reach, difference) in REACH.into_iter().zip([&mut *far, &mut *near]) {
        let reach = T::of(reach);
        for (sign, out) in [(reach, &mut *ahead), (-reach, &mut *behind)] {
            for j in 0..n {
                moved[j][lane] = y[j][lane] + sign * along[j][lane];
            }
            system.rhs(t, moved, out);
        }
        for i in 0..n {
            difference[i][lane] = (ahead[i][lane] - behind[i][lane]) / (reach + reach);
        }
    }
    // Of each row: J v, Σ |J v|, and Σ |J y|, from which rounding of f follows.
    product.fill([T::zero(); W]);
    ahead.fill([T::zero(); W]);
    behind.fill([T::zero(); W]);
    for j in 0..n {
        for k in pattern.col_offsets()[j]..pattern.col_offsets()[j + 1] {
            let (i, value) = (pattern.row_indices()[k], jacobian[k][lane]);
            product[i][lane] += value * along[j][lane];
            ahead[i][lane] += (value * along[j][lane]).abs();
            behind[i][lane] += (value * y[j][lane]).abs();
        }
    }
    (0..n).find(|&i| {
        let (near, far, product) = (near[i][lane], far[i][lane], product[i][lane]);
        let size = near.abs().max(far.abs());
        let rounding =
            T::of(1e3 / REACH[1]) * T::epsilon() * (behind[i][lane] + slope[i][lane].abs());
        let smooth = (near - far).abs() <= T::of(SMOOTH) * size;
        smooth && (near - product).abs() > T::of(OFF) * size.max(ahead[i][lane]) + rounding
    })
}
