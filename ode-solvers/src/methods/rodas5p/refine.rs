//! Outputs within a step, refined by a linearly implicit correction each. Serves [`super::Rodas5p`].
//!
//! The dense output p is of order 4, and where a balance moves it loses more than the step does: on the 224-reaction network its error within steps was two to six
//! times that at their ends. With M = (I/(γh) − J)⁻¹, the factors of the step, c = M (f(p) − p′) takes an error e in a direction of eigenvalue λ to (e − γ h e′)/(1 − γhλ):
//! next to nothing where that is stiff, but where it is not, e′ comes in. So only the stiff part of c is added, c − M c/(γh) = −γhJ M c/(γh), which leaves e
//! as it is for λ = 0 and takes all of it for λ → −∞. One right-hand side and two triangular solves for each output.
use super::Attempt;
use crate::Scalar;

/// Outputs are refined at tolerances below this: above, steps are so few that the outputs would cost as much.
pub(super) const BELOW: f64 = 3e-4;

/// Degree of the polynomial that stands for the refined states of a step in a dense output.
pub(super) const DEGREE: usize = 6;

/// `slope` less p′ at t + θ h, with p's coefficients K₁, K₂, K₃ in `dense`, one after the other.
#[inline(always)]
pub(super) fn subtract_slope<T: Scalar, const W: usize>(
    slope: &mut [[T; W]],
    dense: &[[T; W]],
    theta: &[T; W],
    Attempt { h, y, y_new, .. }: Attempt<'_, T, W>,
) {
    let n = slope.len();
    let (k1, k2, k3) = (&dense[..n], &dense[n..2 * n], &dense[2 * n..][..n]);
    let (y, y_new) = (&y[..n], &y_new[..n]);
    // p = (1 − θ) y + θ y_new + θ (1 − θ) (K₁ + θ (K₂ + θ K₃)), differentiated.
    let mut weights = [[T::zero(); W]; 4];
    for l in 0..W {
        let (x, inverse) = (theta[l], T::one() / h[l]);
        weights[0][l] = inverse;
        weights[1][l] = inverse * (T::one() - T::of(2.0) * x);
        weights[2][l] = inverse * x * (T::of(2.0) - T::of(3.0) * x);
        weights[3][l] = inverse * x * x * (T::of(3.0) - T::of(4.0) * x);
    }
    let [straight, first, second, third] = weights;
    for i in 0..n {
        for l in 0..W {
            slope[i][l] -= straight[l] * (y_new[i][l] - y[i][l])
                + first[l] * k1[i][l]
                + second[l] * k2[i][l]
                + third[l] * k3[i][l];
        }
    }
}

/// Adds `correction` less `smooth` in these lanes, where all of it is finite.
#[inline(always)]
pub(super) fn add_difference<T: Scalar, const W: usize>(
    out: &mut [[T; W]],
    correction: &[[T; W]],
    smooth: &[[T; W]],
    lanes: &[bool; W],
) {
    let n = out.len();
    let (correction, smooth) = (&correction[..n], &smooth[..n]);
    let mut probe = [T::zero(); W];
    for i in 0..n {
        for l in 0..W {
            // 0 where both are finite, not-a-number otherwise.
            probe[l] += (correction[i][l] - smooth[i][l]) * T::zero();
        }
    }
    for i in 0..n {
        for l in 0..W {
            let sound = lanes[l] && probe[l] == T::zero();
            let change = correction[i][l] - smooth[i][l];
            out[i][l] = if sound { out[i][l] + change } else { out[i][l] };
        }
    }
}
