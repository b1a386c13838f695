//! The readable latent right-hand side g(z; p) = S R: mass action of a latent network, for losses (`LatentDynamics`) and rollouts (`System`).

use autodiff_ae::{LANES, LatentDynamics, lane_sum};
use num_traits::{Float, NumAssign};
use serde::{Deserialize, Serialize};
use stiff_ode_solvers::{
    Jacobian, LaneSystem, LaneVectorJacobian, SparsityPattern, System, VectorJacobian,
};

use crate::LatentNetwork;

/// How rate coefficients k follow from the trained parameters p.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Coefficients {
    /// k = p, of either sign (Grassi et al. 2021).
    Free,
    /// k = exp p: never negative.
    Exponential,
}

impl Coefficients {
    #[inline(always)]
    fn of<T: Float>(self, p: T) -> T {
        match self {
            Self::Free => p,
            Self::Exponential => p.exp(),
        }
    }

    /// dk/dp, from k.
    #[inline(always)]
    fn slope<T: Float>(self, k: T) -> T {
        match self {
            Self::Free => T::one(),
            Self::Exponential => k,
        }
    }
}

/// A number type of the latent system, `f32` or `f64`.
pub trait Number: Float + NumAssign + autodiff_ae::Scalar + stiff_ode_solvers::Scalar {}
impl<T: Float + NumAssign + autodiff_ae::Scalar + stiff_ode_solvers::Scalar> Number for T {}

/// One side of a reaction: one or two molecules.
type Side = (usize, Option<usize>);

/// A reaction with its reverse, if the network has it: both change the molecules by the same amounts, with opposite sign.
#[derive(Clone, Debug)]
struct Exchange {
    forward: usize,
    reverse: Option<usize>,
    left: Side,
    right: Side,
    /// Molecule and net change, zero changes left out.
    changes: Vec<(usize, f64)>,
}

/// Mass action of a latent network: z holds its molecules, p one parameter per reaction, R_j = k_j ∏ z over the reactants of j.
#[derive(Clone, Debug)]
pub struct MassAction {
    network: LatentNetwork,
    coefficients: Coefficients,
    exchanges: Vec<Exchange>,
}

impl MassAction {
    /// The dynamics of a network.
    pub fn new(network: LatentNetwork, coefficients: Coefficients) -> Self {
        let side = |members: &[usize]| {
            (
                members.first().copied().unwrap_or(0),
                members.get(1).copied(),
            )
        };
        let mut exchanges: Vec<Exchange> = Vec::new();
        for (j, reaction) in network.reactions().iter().enumerate() {
            let (left, right) = (side(reaction.reactants()), side(reaction.products()));
            if let Some(before) = exchanges
                .iter_mut()
                .find(|e| e.reverse.is_none() && e.left == right && e.right == left)
            {
                before.reverse = Some(j);
                continue;
            }
            let mut changes: Vec<(usize, f64)> = Vec::new();
            let signed = reaction
                .reactants()
                .iter()
                .map(|&i| (i, -1.0))
                .chain(reaction.products().iter().map(|&i| (i, 1.0)));
            for (i, s) in signed {
                match changes.iter_mut().find(|c| c.0 == i) {
                    Some(change) => change.1 += s,
                    None => changes.push((i, s)),
                }
            }
            changes.retain(|c| c.1 != 0.0);
            exchanges.push(Exchange {
                forward: j,
                reverse: None,
                left,
                right,
                changes,
            });
        }
        Self {
            network,
            coefficients,
            exchanges,
        }
    }

    /// The latent network.
    pub fn network(&self) -> &LatentNetwork {
        &self.network
    }

    /// How coefficients follow from parameters.
    pub fn coefficients(&self) -> Coefficients {
        self.coefficients
    }

    /// Number of latent molecules.
    pub fn molecules(&self) -> usize {
        self.network.molecules().len()
    }

    /// Number of reactions, and of parameters.
    pub fn reactions(&self) -> usize {
        self.network.reactions().len()
    }

    /// Rate coefficients of parameters, one per reaction, per unit of normalised time.
    pub fn rate_coefficients<T: Number>(&self, p: &[T]) -> Vec<T> {
        p.iter().map(|&p| self.coefficients.of(p)).collect()
    }

    /// Rate coefficient of one parameter.
    #[inline(always)]
    pub(crate) fn coefficient<T: Number>(&self, p: T) -> T {
        self.coefficients.of(p)
    }

    /// Derivative of a rate coefficient with respect to its parameter, from the coefficient.
    #[inline(always)]
    pub(crate) fn coefficient_slope<T: Number>(&self, k: T) -> T {
        self.coefficients.slope(k)
    }

    /// The system with these parameters, to be solved.
    pub fn system<T: Number>(&self, p: &[T]) -> MassActionSystem<'_, T> {
        MassActionSystem {
            dynamics: self,
            k: self.rate_coefficients(p),
        }
    }

    /// dz/dt in every lane, for rate coefficients k that all lanes share.
    #[inline(always)]
    pub(crate) fn rhs_lanes<T: Number, const W: usize>(
        &self,
        k: &[T],
        z: &[[T; W]],
        g: &mut [[T; W]],
    ) {
        g.fill([T::zero(); W]);
        for e in &self.exchanges {
            let kf = k[e.forward];
            let mut net = product(z, e.left);
            for l in 0..W {
                net[l] *= kf;
            }
            if let Some(reverse) = e.reverse {
                let (kr, back) = (k[reverse], product(z, e.right));
                for l in 0..W {
                    net[l] -= kr * back[l];
                }
            }
            for &(i, s) in &e.changes {
                let (s, row) = (num::<T>(s), &mut g[i]);
                for l in 0..W {
                    row[l] += s * net[l];
                }
            }
        }
    }

    /// Adds (∂g/∂z)ᵀ v to `z_bar` and, per reaction and lane, (∂g/∂k)ᵀ v through `k_bar(reaction, lanes)`.
    #[inline(always)]
    pub(crate) fn vjp_lanes<T: Number, const W: usize>(
        &self,
        k: &[T],
        z: &[[T; W]],
        v: &[[T; W]],
        z_bar: &mut [[T; W]],
        mut k_bar: impl FnMut(usize, &[T; W]),
    ) {
        for e in &self.exchanges {
            let mut bar = [T::zero(); W];
            for &(i, s) in &e.changes {
                let (s, row) = (num::<T>(s), &v[i]);
                for l in 0..W {
                    bar[l] += s * row[l];
                }
            }
            self.side_vjp(e.forward, e.left, k, z, &bar, z_bar, &mut k_bar);
            if let Some(reverse) = e.reverse {
                for l in 0..W {
                    bar[l] = -bar[l];
                }
                self.side_vjp(reverse, e.right, k, z, &bar, z_bar, &mut k_bar);
            }
        }
    }

    /// The reverse of R = k z_a z_b for the cotangent `bar` of R.
    #[inline(always)]
    fn side_vjp<T: Number, const W: usize>(
        &self,
        reaction: usize,
        side: Side,
        k: &[T],
        z: &[[T; W]],
        bar: &[T; W],
        z_bar: &mut [[T; W]],
        k_bar: &mut impl FnMut(usize, &[T; W]),
    ) {
        let mut of_k = product(z, side);
        for l in 0..W {
            of_k[l] *= bar[l];
        }
        k_bar(reaction, &of_k);
        let k = k[reaction];
        let (a, b) = side;
        match b {
            None => {
                for l in 0..W {
                    z_bar[a][l] += k * bar[l];
                }
            }
            Some(b) => {
                for l in 0..W {
                    z_bar[a][l] += k * bar[l] * z[b][l];
                }
                for l in 0..W {
                    z_bar[b][l] += k * bar[l] * z[a][l];
                }
            }
        }
    }
}

#[inline(always)]
fn num<T: Number>(x: f64) -> T {
    <T as stiff_ode_solvers::Scalar>::of(x)
}

#[inline(always)]
fn product<T: Number, const W: usize>(z: &[[T; W]], (a, b): Side) -> [T; W] {
    let mut out = z[a];
    if let Some(b) = b {
        for l in 0..W {
            out[l] *= z[b][l];
        }
    }
    out
}

impl<T: Number> LatentDynamics<T> for MassAction {
    fn latent_dim(&self) -> usize {
        self.molecules()
    }

    fn param_len(&self) -> usize {
        self.reactions()
    }

    fn value(&self, p: &[T], z: &[[T; LANES]], _conditions: &[[T; LANES]], g: &mut [[T; LANES]]) {
        match self.coefficients {
            Coefficients::Free => self.rhs_lanes(p, z, g),
            Coefficients::Exponential => self.rhs_lanes(&self.rate_coefficients(p), z, g),
        }
    }

    fn vjp(
        &self,
        p: &[T],
        z: &[[T; LANES]],
        _conditions: &[[T; LANES]],
        g_bar: &[[T; LANES]],
        z_bar: &mut [[T; LANES]],
        p_bar: &mut [T],
        _conditions_bar: &mut [[T; LANES]],
    ) {
        let exponential;
        let k = match self.coefficients {
            Coefficients::Free => p,
            Coefficients::Exponential => {
                exponential = self.rate_coefficients(p);
                &exponential
            }
        };
        self.vjp_lanes(k, z, g_bar, z_bar, |j, lanes| {
            p_bar[j] += lane_sum(lanes) * self.coefficients.slope(k[j])
        });
    }

    fn cuda_source(&self) -> Option<String> {
        Some(crate::cuda_source::mass_action(self))
    }
}

/// Mass action with given rate coefficients: what the solvers integrate, in normalised time.
///
/// Gradients ([`VectorJacobian`]) are those with respect to the rate coefficients k; [`MassActionSystem::parameter_gradient`]
/// turns them into those of the trained parameters.
#[derive(Clone, Debug)]
pub struct MassActionSystem<'a, T> {
    dynamics: &'a MassAction,
    k: Vec<T>,
}

impl<T: Number> MassActionSystem<'_, T> {
    /// The rate coefficients.
    pub fn rate_coefficients(&self) -> &[T] {
        &self.k
    }

    /// Replaces the parameters.
    pub fn set_parameters(&mut self, p: &[T]) {
        for (k, &p) in self.k.iter_mut().zip(p) {
            *k = self.dynamics.coefficients.of(p);
        }
    }

    /// Multiplies a gradient with respect to k by dk/dp, in place.
    pub fn parameter_gradient(&self, k_bar: &mut [T]) {
        for (bar, &k) in k_bar.iter_mut().zip(&self.k) {
            *bar *= self.dynamics.coefficients.slope(k);
        }
    }
}

impl<T: Number> System<T> for MassActionSystem<'_, T> {
    fn dim(&self) -> usize {
        self.dynamics.molecules()
    }

    fn rhs(&self, _t: T, y: &[T], dydt: &mut [T]) {
        self.dynamics
            .rhs_lanes::<T, 1>(&self.k, y.as_chunks().0, dydt.as_chunks_mut().0);
    }

    fn is_autonomous(&self) -> bool {
        true
    }
}

impl<T: Number> VectorJacobian<T> for MassActionSystem<'_, T> {
    fn parameter_len(&self) -> usize {
        self.k.len()
    }

    fn vjp(&self, _t: T, y: &[T], v: &[T], y_bar: &mut [T], p_bar: &mut [T]) {
        let (y, v, y_bar) = (y.as_chunks().0, v.as_chunks().0, y_bar.as_chunks_mut().0);
        self.dynamics
            .vjp_lanes::<T, 1>(&self.k, y, v, y_bar, |j, lanes| p_bar[j] += lanes[0]);
    }
}

impl<T: Number> Jacobian<T> for MassActionSystem<'_, T> {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.dynamics.molecules())
    }

    fn jacobian(&self, _t: T, y: &[T], values: &mut [T]) {
        let n = self.dynamics.molecules();
        values.fill(T::zero());
        for e in &self.dynamics.exchanges {
            let sides = [
                (Some(e.forward), e.left, T::one()),
                (e.reverse, e.right, -T::one()),
            ];
            for (j, (a, b), sign) in sides
                .into_iter()
                .filter_map(|(j, side, sign)| Some((j?, side, sign)))
            {
                let k = sign * self.k[j];
                let mut add = |molecule: usize, slope: T| {
                    for &(i, s) in &e.changes {
                        values[molecule * n + i] += num::<T>(s) * slope;
                    }
                };
                match b {
                    None => add(a, k),
                    Some(b) => {
                        add(a, k * y[b]);
                        add(b, k * y[a]);
                    }
                }
            }
        }
    }
}

impl<T: Number, const W: usize> LaneSystem<T, W> for MassActionSystem<'_, T> {
    fn dim(&self) -> usize {
        self.dynamics.molecules()
    }

    fn load(&mut self, _lane: usize, _model: usize) {}

    #[inline(always)]
    fn rhs(&mut self, _t: &[T; W], y: &[[T; W]], dydt: &mut [[T; W]]) {
        self.dynamics.rhs_lanes(&self.k, y, dydt);
    }

    fn is_autonomous(&self) -> bool {
        true
    }
}

impl<T: Number, const W: usize> LaneVectorJacobian<T, W> for MassActionSystem<'_, T> {
    fn parameter_len(&self) -> usize {
        self.k.len()
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
        self.dynamics.vjp_lanes(&self.k, y, v, y_bar, |j, lanes| {
            for l in 0..W {
                p_bar[j][l] += lanes[l];
            }
        });
    }
}
