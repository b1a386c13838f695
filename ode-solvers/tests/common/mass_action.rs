//! A small mass-action network with rate coefficients as parameters: five species, twelve reactions, over any number of lanes.
#![allow(dead_code, clippy::unwrap_used)]
use stiff_ode_solvers::{LaneSystem, LaneVectorJacobian, Scalar, System, VectorJacobian};

/// Reactants and products of the twelve reactions: all exchanges of molecules A, B, A2, B2, AB that keep the atoms.
pub const REACTIONS: [([usize; 2], [usize; 2]); 12] = [
    ([0, 0], [2, 5]),
    ([2, 5], [0, 0]),
    ([1, 1], [3, 5]),
    ([3, 5], [1, 1]),
    ([0, 1], [4, 5]),
    ([4, 5], [0, 1]),
    ([0, 4], [1, 2]),
    ([1, 2], [0, 4]),
    ([1, 4], [0, 3]),
    ([0, 3], [1, 4]),
    ([4, 4], [2, 3]),
    ([2, 3], [4, 4]),
];

/// Index 5 stands for "nothing", value 1.
#[derive(Clone, Debug)]
pub struct MassAction<T, const W: usize> {
    pub k: [[T; W]; 12],
}

fn extended<T: Scalar, const W: usize>(y: &[[T; W]]) -> [[T; W]; 6] {
    let mut all = [[T::one(); W]; 6];
    all[..5].copy_from_slice(&y[..5]);
    all
}

impl<T: Scalar, const W: usize> LaneSystem<T, W> for MassAction<T, W> {
    fn dim(&self) -> usize {
        5
    }
    fn load(&mut self, _lane: usize, _model: usize) {}
    #[inline(always)]
    fn rhs(&mut self, _t: &[T; W], y: &[[T; W]], dydt: &mut [[T; W]]) {
        let y = extended(y);
        let mut sum = [[T::zero(); W]; 6];
        for (r, (a, b)) in REACTIONS.iter().enumerate() {
            for l in 0..W {
                let flux = self.k[r][l] * y[a[0]][l] * y[a[1]][l];
                sum[a[0]][l] -= flux;
                sum[a[1]][l] -= flux;
                sum[b[0]][l] += flux;
                sum[b[1]][l] += flux;
            }
        }
        dydt[..5].copy_from_slice(&sum[..5]);
    }
}

impl<T: Scalar, const W: usize> LaneVectorJacobian<T, W> for MassAction<T, W> {
    fn parameter_len(&self) -> usize {
        12
    }
    #[inline(always)]
    fn vjp(
        &mut self,
        _t: &[T; W],
        y: &[[T; W]],
        v: &[[T; W]],
        y_bar: &mut [[T; W]],
        p_bar: &mut [[T; W]],
    ) {
        let y = extended(y);
        let mut v6 = [[T::zero(); W]; 6];
        v6[..5].copy_from_slice(&v[..5]);
        let mut sum = [[T::zero(); W]; 6];
        for (r, (a, b)) in REACTIONS.iter().enumerate() {
            for l in 0..W {
                let push = v6[b[0]][l] + v6[b[1]][l] - v6[a[0]][l] - v6[a[1]][l];
                p_bar[r][l] += push * y[a[0]][l] * y[a[1]][l];
                let push = push * self.k[r][l];
                sum[a[0]][l] += push * y[a[1]][l];
                sum[a[1]][l] += push * y[a[0]][l];
            }
        }
        for i in 0..5 {
            for l in 0..W {
                y_bar[i][l] += sum[i][l];
            }
        }
    }
}

impl System for MassAction<f64, 1> {
    fn dim(&self) -> usize {
        5
    }
    fn rhs(&self, t: f64, y: &[f64], dydt: &mut [f64]) {
        let (y, dydt) = (y.as_chunks::<1>().0, dydt.as_chunks_mut::<1>().0);
        LaneSystem::rhs(&mut self.clone(), &[t], y, dydt);
    }
}

impl VectorJacobian for MassAction<f64, 1> {
    fn parameter_len(&self) -> usize {
        12
    }
    fn vjp(&self, t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        let (y, v) = (y.as_chunks::<1>().0, v.as_chunks::<1>().0);
        let (y_bar, p_bar) = (y_bar.as_chunks_mut::<1>().0, p_bar.as_chunks_mut::<1>().0);
        LaneVectorJacobian::vjp(&mut self.clone(), &[t], y, v, y_bar, p_bar);
    }
}

/// Rate coefficients of order one, different in every lane.
pub fn coefficients(lane: usize) -> [f64; 12] {
    std::array::from_fn(|r| {
        0.2 + 0.8 * ((r * 7 + lane * 5 + 3) % 12) as f64 / 11.0 + 0.01 * lane as f64
    })
}

/// Initial states of order one, different in every lane.
pub fn start(lane: usize) -> [f64; 5] {
    std::array::from_fn(|i| 0.1 + ((i * 3 + lane * 2) % 7) as f64 / 7.0)
}
