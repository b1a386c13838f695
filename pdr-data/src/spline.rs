//! Smoothing splines: the natural cubic spline that minimises Σ wᵢ (yᵢ − f(xᵢ))² + λ ∫ f″² (Reinsch 1967, Numer. Math. 10, 177;
//! Green & Silverman 1994, section 2.3), equal to SciPy's `make_smoothing_spline`.

use crate::Error;

mod gcv;

/// How strongly to smooth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smoothing {
    /// This λ, not below zero; 0 interpolates.
    Lambda(f64),
    /// The λ that minimises the generalised cross-validation score on (0, number of points), found by SciPy's search step by step.
    /// That search stops within 1e-5 + 1.5e-8 λ of the least score, absolutely: where λ is small, as it is for points close
    /// together, λ is known to few digits (1e-4 to a hundredth), here as in SciPy. But both stop at the same place: the two λ differ by
    /// SciPy's rounding alone (up to 1.3e-9 in the cases tested).
    CrossValidation,
}

/// A natural cubic spline; beyond its ends it goes on as a straight line.
#[derive(Debug, Clone, PartialEq)]
pub struct SmoothingSpline {
    knots: Vec<f64>,
    values: Vec<f64>,
    /// Second derivatives at the knots.
    curvature: Vec<f64>,
    lambda: f64,
}

/// Fewest points, as in SciPy.
pub const LEAST_POINTS: usize = 5;

impl SmoothingSpline {
    /// Fits the spline to points (x, y) with weights (all 1 where `None`).
    ///
    /// # Errors
    /// There are fewer than five points; `x` does not increase; lengths differ; a value is not finite; a weight is not above
    /// zero; or λ is below zero.
    pub fn fit(
        x: &[f64],
        y: &[f64],
        weights: Option<&[f64]>,
        smoothing: Smoothing,
    ) -> Result<Self, Error> {
        let system = System::new(x, y, weights)?;
        let lambda = match smoothing {
            Smoothing::Lambda(lambda) if lambda >= 0.0 && lambda.is_finite() => lambda,
            Smoothing::Lambda(value) => {
                return Err(Error::Argument {
                    what: "lambda of a smoothing spline",
                    value,
                    expected: "finite and not below zero",
                });
            }
            Smoothing::CrossValidation => gcv::minimum(|l| system.score(l), x.len() as f64),
        };
        let (curvature, residual) = system.solve(lambda);
        Ok(Self {
            knots: x.to_vec(),
            values: y.iter().zip(&residual).map(|(y, r)| y - r).collect(),
            curvature,
            lambda,
        })
    }

    /// The λ used.
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// Values at the knots.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Value at `x`.
    pub fn at(&self, x: f64) -> f64 {
        let n = self.knots.len();
        let (k, v, c) = (&self.knots, &self.values, &self.curvature);
        let slope = |i: usize, end: f64| {
            let h = k[i + 1] - k[i];
            // The curvature at the outer knot is 0; `end` weighs that at the inner one.
            (v[i + 1] - v[i]) / h + end * h / 6.0 * (if end < 0.0 { c[i + 1] } else { c[i] })
        };
        if x <= k[0] {
            return v[0] + (x - k[0]) * slope(0, -1.0);
        }
        if x >= k[n - 1] {
            return v[n - 1] + (x - k[n - 1]) * slope(n - 2, 1.0);
        }
        let i = k.partition_point(|knot| *knot <= x) - 1;
        let h = k[i + 1] - k[i];
        let (a, b) = (x - k[i], k[i + 1] - x);
        (a * v[i + 1] + b * v[i]) / h
            - a * b / 6.0 * ((1.0 + a / h) * c[i + 1] + (1.0 + b / h) * c[i])
    }
}

/// R and Qᵀ W⁻¹ Q of the inner points as bands (diagonal, first, second above it), and Qᵀ y.
struct System {
    h: Vec<f64>,
    inverse_weights: Vec<f64>,
    roughness: [Vec<f64>; 3],
    penalty: [Vec<f64>; 3],
    right: Vec<f64>,
}

impl System {
    fn new(x: &[f64], y: &[f64], weights: Option<&[f64]>) -> Result<Self, Error> {
        let n = x.len();
        for right in [y.len(), weights.map_or(n, <[f64]>::len)] {
            if right != n {
                return Err(Error::Length {
                    what: "abscissae of a smoothing spline and ordinates or weights",
                    left: n,
                    right,
                });
            }
        }
        if n < LEAST_POINTS {
            return Err(Error::Argument {
                what: "number of points of a smoothing spline",
                value: n as f64,
                expected: "at least 5",
            });
        }
        if let Some(v) = x.iter().chain(y).find(|v| !v.is_finite()) {
            return Err(Error::Argument {
                what: "a point of a smoothing spline",
                value: *v,
                expected: "finite",
            });
        }
        if let Some(i) = (1..n).find(|&i| x[i] <= x[i - 1]) {
            return Err(Error::Argument {
                what: "an abscissa of a smoothing spline",
                value: x[i],
                expected: "above the one before it",
            });
        }
        let bad = |w: &&f64| !(w.is_finite() && **w > 0.0);
        if let Some(w) = weights.and_then(|w| w.iter().find(bad)) {
            return Err(Error::Argument {
                what: "a weight of a smoothing spline",
                value: *w,
                expected: "finite and above zero",
            });
        }
        let h: Vec<f64> = x.windows(2).map(|w| w[1] - w[0]).collect();
        let inverse_weights: Vec<f64> = match weights {
            Some(w) => w.iter().map(|w| 1.0 / w).collect(),
            None => vec![1.0; n],
        };
        let m = n - 2;
        // Column j of Q has entries at points j, j + 1, j + 2.
        let q = |j: usize| {
            let (a, b) = (1.0 / h[j], 1.0 / h[j + 1]);
            [a, -a - b, b]
        };
        let mut roughness = [vec![0.0; m], vec![0.0; m], vec![0.0; m]];
        let mut penalty = roughness.clone();
        let mut right = vec![0.0; m];
        for j in 0..m {
            roughness[0][j] = (h[j] + h[j + 1]) / 3.0;
            if j + 1 < m {
                roughness[1][j] = h[j + 1] / 6.0;
            }
            let qj = q(j);
            right[j] = (y[j + 2] - y[j + 1]) / h[j + 1] - (y[j + 1] - y[j]) / h[j];
            for (band, values) in penalty.iter_mut().enumerate() {
                if j + band < m {
                    let other = q(j + band);
                    values[j] = (band..3)
                        .map(|r| qj[r] * other[r - band] * inverse_weights[j + r])
                        .sum();
                }
            }
        }
        Ok(Self {
            h,
            inverse_weights,
            roughness,
            penalty,
            right,
        })
    }

    /// Factors L D Lᵀ of R + λ Qᵀ W⁻¹ Q: D and the two bands of L below its diagonal of ones.
    fn factor(&self, lambda: f64) -> [Vec<f64>; 3] {
        let m = self.right.len();
        let entry =
            |band: usize, j: usize| self.roughness[band][j] + lambda * self.penalty[band][j];
        let (mut d, mut l1, mut l2) = (vec![0.0; m], vec![0.0; m], vec![0.0; m]);
        for j in 0..m {
            let mut diagonal = entry(0, j);
            let mut first = entry(1, j);
            if j >= 1 {
                diagonal -= l1[j - 1] * l1[j - 1] * d[j - 1];
                first -= l2[j - 1] * l1[j - 1] * d[j - 1];
            }
            if j >= 2 {
                diagonal -= l2[j - 2] * l2[j - 2] * d[j - 2];
            }
            d[j] = diagonal;
            l1[j] = first / diagonal;
            l2[j] = entry(2, j) / diagonal;
        }
        [d, l1, l2]
    }

    /// Second derivatives at all points (0 at the ends), and y − f.
    fn solve(&self, lambda: f64) -> (Vec<f64>, Vec<f64>) {
        let [d, l1, l2] = self.factor(lambda);
        let m = d.len();
        let mut u = self.right.clone();
        for j in 0..m {
            if j >= 1 {
                u[j] -= l1[j - 1] * u[j - 1];
            }
            if j >= 2 {
                u[j] -= l2[j - 2] * u[j - 2];
            }
        }
        for j in 0..m {
            u[j] /= d[j];
        }
        for j in (0..m).rev() {
            if j + 1 < m {
                u[j] -= l1[j] * u[j + 1];
            }
            if j + 2 < m {
                u[j] -= l2[j] * u[j + 2];
            }
        }
        let mut curvature = vec![0.0; m + 2];
        curvature[1..=m].copy_from_slice(&u);
        // y - f = λ W⁻¹ Q γ: differences of the slopes of the curvature.
        let residual = (0..m + 2)
            .map(|i| {
                let left = if i > 0 {
                    (curvature[i] - curvature[i - 1]) / self.h[i - 1]
                } else {
                    0.0
                };
                let right = if i <= m {
                    (curvature[i + 1] - curvature[i]) / self.h[i]
                } else {
                    0.0
                };
                lambda * self.inverse_weights[i] * (right - left)
            })
            .collect();
        (curvature, residual)
    }

    /// Score of generalised cross-validation: mean square of the residuals over (1 − tr A / n)² (Wahba 1990), the trace from
    /// the bands of the inverse (Hutchinson & de Hoog 1985, Numer. Math. 47, 99).
    fn score(&self, lambda: f64) -> f64 {
        let [d, l1, l2] = self.factor(lambda);
        let m = d.len();
        let mut inverse = [vec![0.0; m], vec![0.0; m], vec![0.0; m]];
        for j in (0..m).rev() {
            let (a, b) = (l1[j], l2[j]);
            let get = |band: usize, i: usize| if i + band < m { inverse[band][i] } else { 0.0 };
            let (d1, d2) = (
                if j + 1 < m { inverse[0][j + 1] } else { 0.0 },
                if j + 2 < m { inverse[0][j + 2] } else { 0.0 },
            );
            let cross = if j + 1 < m { get(1, j + 1) } else { 0.0 };
            let first = -a * d1 - b * cross;
            let second = -a * cross - b * d2;
            inverse[0][j] = 1.0 / d[j] - a * first - b * second;
            inverse[1][j] = first;
            inverse[2][j] = second;
        }
        let mut trace = 0.0;
        for j in 0..m {
            trace += inverse[0][j] * self.penalty[0][j]
                + 2.0 * (inverse[1][j] * self.penalty[1][j] + inverse[2][j] * self.penalty[2][j]);
        }
        let n = (m + 2) as f64;
        let (_, residual) = self.solve(lambda);
        let square: f64 = residual.iter().map(|r| r * r).sum();
        // 1 - tr A / n = λ tr(M⁻¹ Qᵀ W⁻¹ Q) / n.
        square / n / (lambda * trace / n).powi(2)
    }
}
