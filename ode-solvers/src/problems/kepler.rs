//! Kepler's two-body problem: smooth, not stiff, with a closed solution.
use crate::{Scalar, System};

/// Planar two-body motion with μ = 1 as (x, y, vx, vy); a period is 2π. Step sizes vary with the distance when the orbit is eccentric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kepler {
    /// 0 (a circle) ≤ e < 1.
    pub eccentricity: f64,
}

impl Kepler {
    /// State at the pericentre (t = 0) of the orbit with semi-major axis 1.
    pub fn start(&self) -> [f64; 4] {
        let e = self.eccentricity;
        [1.0 - e, 0.0, 0.0, ((1.0 + e) / (1.0 - e)).sqrt()]
    }

    /// State at time t from Kepler's equation t = E − e sin E (Newton's iteration).
    pub fn exact(&self, t: f64) -> [f64; 4] {
        let e = self.eccentricity;
        let mut anomaly = t + e * t.sin();
        for _ in 0..50 {
            anomaly -= (anomaly - e * anomaly.sin() - t) / (1.0 - e * anomaly.cos());
        }
        let (sin, cos) = anomaly.sin_cos();
        let (b, r) = ((1.0 - e * e).sqrt(), 1.0 - e * cos);
        [cos - e, b * sin, -sin / r, b * cos / r]
    }
}

impl<T: Scalar> System<T> for Kepler {
    fn dim(&self) -> usize {
        4
    }
    fn rhs(&self, _t: T, y: &[T], dydt: &mut [T]) {
        let r2 = y[0] * y[0] + y[1] * y[1];
        let r3 = r2 * r2.sqrt();
        dydt[0] = y[2];
        dydt[1] = y[3];
        dydt[2] = -y[0] / r3;
        dydt[3] = -y[1] / r3;
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
