//! Step control: error norms, the proportional-integral rule, the first step.
use crate::Scalar;

/// How a method's steps follow from its error estimates: a proportional-integral rule (Gustafsson; Hairer & Wanner, Solving ODEs II, IV.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Control<T> {
    /// Power of h in the error estimate.
    pub(crate) order: usize,
    alpha: T,
    beta: T,
    safety: T,
    min_factor: T,
    max_factor: T,
}

impl<T: Scalar> Control<T> {
    /// Rule for an estimate of order h^`order`: factor = `safety` · err^(-`alpha`/order) · err_before^(`beta`/order), within the two bounds.
    pub fn new(
        order: usize,
        alpha: f64,
        beta: f64,
        safety: f64,
        min_factor: f64,
        max_factor: f64,
    ) -> Self {
        let order_f = order as f64;
        Self {
            order,
            alpha: T::of(alpha / order_f),
            beta: T::of(beta / order_f),
            safety: T::of(safety),
            min_factor: T::of(min_factor),
            max_factor: T::of(max_factor),
        }
    }

    /// Smallest error the rule distinguishes; below, steps grow by the largest factor.
    fn floor(error: T) -> T {
        error.max(T::of(1e-10))
    }

    /// Factor for the next step after an accepted one.
    #[inline]
    pub(crate) fn after_accepted(&self, error: T, before: T, rejected_just_now: bool) -> T {
        let factor = self.safety
            * Self::floor(error).powf(-self.alpha)
            * Self::floor(before).powf(self.beta);
        let most = if rejected_just_now {
            T::one()
        } else {
            self.max_factor
        };
        factor.max(self.min_factor).min(most)
    }

    /// Factor for another try after a rejection by the error test.
    #[inline]
    pub(crate) fn after_rejected(&self, error: T) -> T {
        let factor = self.safety * error.powf(-T::one() / T::of(self.order as f64));
        factor.max(self.min_factor).min(T::of(0.9))
    }
}

/// Root mean square over components of x_i / (atol_i + rtol·max(|y_i|, |z_i|)), per lane.
#[inline(always)]
pub(crate) fn rms<T: Scalar, const W: usize>(
    x: &[[T; W]],
    y: &[[T; W]],
    z: &[[T; W]],
    atol: &[T],
    rtol: T,
) -> [T; W] {
    let n = x.len();
    let (y, z, atol) = (&y[..n], &z[..n], &atol[..n]);
    // Four partial sums: a single one would chain n additions, one after the other.
    let mut sums = [[T::zero(); W]; 4];
    for i in 0..n {
        for l in 0..W {
            let (a, b) = (y[i][l].abs(), z[i][l].abs());
            let scale = atol[i] + rtol * if a > b { a } else { b };
            // A zero scale (component 0, atol 0) judges an exact zero as right.
            let q = if scale == T::zero() && x[i][l] == T::zero() {
                T::zero()
            } else {
                x[i][l] / scale
            };
            sums[i % 4][l] += q * q;
        }
    }
    let count = T::of(n.max(1) as f64);
    std::array::from_fn(|l| ((sums[0][l] + sums[1][l] + sums[2][l] + sums[3][l]) / count).sqrt())
}

/// A first guess of the first step from the size of state and slope alone (Hairer, Nørsett & Wanner 1993, II.4), unsigned.
pub(crate) fn first_guess<T: Scalar>(state: T, slope: T, span: T) -> T {
    let small = T::of(1e-5);
    if state < small || slope < small {
        span * T::of(1e-6)
    } else {
        T::of(0.01) * state / slope
    }
}

/// The first step, refined by the change of slope over the guess.
pub(crate) fn first_step<T: Scalar>(guess: T, slope: T, curvature: T, order: usize) -> T {
    let largest = if curvature > slope { curvature } else { slope };
    let step = if largest <= T::of(1e-15) {
        guess * T::of(1e-3)
    } else {
        (T::of(0.01) / largest).powf(T::one() / T::of(order as f64))
    };
    // Not-a-number anywhere leaves the guess.
    let step = if step.is_finite() { step } else { guess };
    step.min(guess * T::of(100.0))
}
