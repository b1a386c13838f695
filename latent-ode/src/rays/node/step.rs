//! One pass through encoder, latent solve and decoder, and all of it backwards.

use super::super::config::PointLoss;
use super::super::point::penalty;
use super::config::NodeConfig;
use super::draw::Plan;
use super::rays::Rays;
use super::shape::NodeShape;
use super::solve::{LatentSolve, Work};
use crate::{Error, Number};
use autodiff_ae::{Batch, Kernel, LANES, Pass, vectorised_kernel};

/// Weights of the three losses in a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    pub auto: f64,
    pub rollout: f64,
    pub latent: f64,
}

/// Losses of a step before their weights; those not asked for are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    pub total: f64,
    pub rollout: f64,
    pub auto: f64,
    pub latent: f64,
    pub work: Work,
}

/// What the encoder starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// The abundances of the first point.
    Abundances,
    /// These of the numbers given at it.
    Given(std::ops::Range<usize>),
}

/// Room for passes; arrays over points are `[group][point][feature][lane]`, one block per point of a group.
#[derive(Debug)]
pub struct NodePass<T: Number> {
    shape: NodeShape,
    start_from: StartFrom,
    encoder: Pass<T>,
    decoder: Pass<T>,
    pub solve: LatentSolve<T>,
    /// Inputs of the encoder: one block of starts per group, then one per point.
    x: Batch<T>,
    z: Batch<T>,
    z_bar: Batch<T>,
    lifted: Batch<T>,
    lifted_bar: Batch<T>,
    target: Batch<T>,
    decoded: Batch<T>,
    valid: Vec<[T; LANES]>,
}

impl<T: Number> NodePass<T> {
    pub fn new(shape: &NodeShape, config: &NodeConfig, start_from: StartFrom) -> Self {
        let empty = |features: usize| Batch::zeros(features, 0);
        Self {
            encoder: Pass::new(&shape.encoder),
            decoder: Pass::new(&shape.decoder),
            solve: LatentSolve::new(&shape.field, config.solver, config.driven_by),
            x: empty(shape.encoder.inputs()),
            z: empty(shape.latent),
            z_bar: empty(shape.latent),
            lifted: empty(shape.decoder.inputs()),
            lifted_bar: empty(shape.decoder.inputs()),
            target: empty(shape.decoder.outputs()),
            decoded: empty(shape.decoder.outputs()),
            valid: Vec::new(),
            shape: shape.clone(),
            start_from,
        }
    }

    /// Whether points can be encoded.
    pub fn has_autoencoder(&self) -> bool {
        self.start_from == StartFrom::Abundances
    }

    /// Starts of all groups, and with `points` every point, through the encoder.
    fn encode(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        params: &[T],
        points: bool,
    ) -> Result<(), Error> {
        let (groups, most) = (plan.groups(), plan.most());
        let blocks = groups + if points { groups * most } else { 0 };
        let width = self.shape.encoder.inputs();
        self.x.reshape(width, blocks * LANES);
        for g in 0..groups {
            for l in 0..LANES {
                let lane = plan.lane(g, l);
                let at = rays.start(lane.ray) + lane.first;
                let from = match &self.start_from {
                    StartFrom::Abundances => &rays.x[at * rays.outputs..][..width],
                    StartFrom::Given(range) => &rays.aux[at * rays.width..][range.clone()],
                };
                put(self.x.block_mut(g), l, from);
            }
        }
        if points {
            each_point(rays, plan, |b, l, at| {
                let from = &rays.x[at * rays.outputs..][..width];
                put(self.x.block_mut(groups + b), l, from);
            });
        }
        let params = &params[self.shape.encoder_range()];
        Ok(self.encoder.forward(params, &self.x, &mut self.z)?)
    }

    /// Inputs of the decoder: latent states from the solve, or from the encoder; with what is given at the points where it sees that.
    fn lift(&mut self, rays: &Rays<T>, plan: &Plan, encoded: bool) {
        let (groups, most, dim) = (plan.groups(), plan.most(), self.shape.latent);
        self.lifted
            .reshape(self.shape.decoder.inputs(), groups * most * LANES);
        for g in 0..groups {
            for k in 0..most {
                let b = g * most + k;
                let from = if encoded {
                    self.z.block(groups + b)
                } else {
                    &self.solve.outputs(g)[k * dim..(k + 1) * dim]
                };
                self.lifted.block_mut(b)[..dim].copy_from_slice(from);
            }
        }
        if self.shape.decoder_sees_point {
            let aux = self.shape.aux;
            each_point(rays, plan, |b, l, at| {
                let from = &rays.aux[at * aux..(at + 1) * aux];
                put(&mut self.lifted.block_mut(b)[dim..], l, from);
            });
        }
    }

    /// 1 where a lane has a point and its solve reached it.
    fn find_valid(&mut self, plan: &Plan) {
        self.valid.clear();
        for g in 0..plan.groups() {
            let failed = *self.solve.failed(g);
            for k in 0..plan.most() {
                self.valid.push(std::array::from_fn(|l| {
                    if plan.has(g, l, k) && !failed[l] {
                        T::one()
                    } else {
                        T::zero()
                    }
                }));
            }
        }
    }

    /// Losses of a plan; adds their weighted gradient to `gradient`. `outputs` are the weights of the decoded quantities, of mean 1.
    pub fn evaluate(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        params: &[T],
        weights: Weights,
        loss: PointLoss,
        outputs: &[T],
        gradient: &mut [T],
    ) -> Result<Losses, Error> {
        let (groups, most, dim) = (plan.groups(), plan.most(), self.shape.latent);
        let points = self.has_autoencoder() && (weights.auto > 0.0 || weights.latent > 0.0);
        self.encode(rays, plan, params, points)?;
        let field = self.shape.field_range();
        self.solve
            .forward(rays, plan, &params[field.clone()], &self.z)?;
        self.find_valid(plan);
        let mut losses = Losses {
            work: self.solve.work(),
            ..Losses::default()
        };
        let count: f64 = self.valid.iter().flatten().map(|v| num(*v)).sum();
        if count == 0.0 {
            losses.total = f64::NAN;
            return Ok(losses);
        }
        self.target
            .reshape(self.shape.decoder.outputs(), groups * most * LANES);
        each_point(rays, plan, |b, l, at| {
            let from = &rays.x[at * rays.outputs..(at + 1) * rays.outputs];
            put(self.target.block_mut(b), l, from);
        });
        let share = 1.0 / (count * outputs.len() as f64);
        self.lift(rays, plan, false);
        let scale = weights.rollout * share;
        let sum = self.decode(params, loss, outputs, scale, gradient)?;
        losses.rollout = sum * share;
        for b in 0..groups * most {
            let (g, k) = (b / most, b % most);
            self.solve.bars_mut(g)[k * dim..(k + 1) * dim]
                .copy_from_slice(&self.lifted_bar.block(b)[..dim]);
        }
        self.z_bar.reshape(dim, self.z.samples());
        if points {
            self.lift(rays, plan, true);
            let scale = weights.auto * share;
            losses.auto = self.decode(params, loss, outputs, scale, gradient)? * share;
            for b in 0..groups * most {
                self.z_bar
                    .block_mut(groups + b)
                    .copy_from_slice(&self.lifted_bar.block(b)[..dim]);
            }
            losses.latent = self.latent_loss(groups, most, weights.latent, count);
        }
        self.solve
            .reverse(rays, plan, &mut self.z_bar, &mut gradient[field])?;
        let own = &mut gradient[self.shape.encoder_range()];
        self.encoder.reverse(&self.z_bar, None, own)?;
        losses.total = weights.rollout * losses.rollout
            + weights.auto * losses.auto
            + weights.latent * losses.latent;
        Ok(losses)
    }

    /// Decoder forward and backward on what is lifted; the sum of the weighted penalties. `scale` is that of their gradient.
    fn decode(
        &mut self,
        params: &[T],
        loss: PointLoss,
        outputs: &[T],
        scale: f64,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        let (target, valid, scale) = (&self.target, &self.valid, of::<T>(scale));
        let range = self.shape.decoder_range();
        Ok(self.decoder.forward_reverse(
            &params[range.clone()],
            &self.lifted,
            |block, _, output, bar| {
                vectorised_kernel(Penalties {
                    loss,
                    output,
                    target: target.block(block),
                    weights: outputs,
                    valid: &valid[block],
                    scale,
                    bar,
                })
            },
            Some(&mut self.lifted_bar),
            &mut gradient[range],
        )?)
    }

    /// Mean square of z(s) − φ(x(s)); adds its cotangents on both sides.
    fn latent_loss(&mut self, groups: usize, most: usize, weight: f64, count: f64) -> f64 {
        let dim = self.shape.latent;
        let share = 1.0 / (count * dim as f64);
        let factor = of::<T>(2.0 * weight * share);
        let mut sum = T::zero();
        for b in 0..groups * most {
            let (g, k) = (b / most, b % most);
            for i in 0..dim {
                let coded = self.z.block(groups + b)[i];
                let solved = self.solve.outputs(g)[k * dim + i];
                let mut d = [T::zero(); LANES];
                for l in 0..LANES {
                    d[l] = self.valid[b][l] * (solved[l] - coded[l]);
                    sum += d[l] * d[l];
                }
                let bars = &mut self.solve.bars_mut(g)[k * dim + i];
                for l in 0..LANES {
                    bars[l] += factor * d[l];
                }
                let bars = &mut self.z_bar.block_mut(groups + b)[i];
                for l in 0..LANES {
                    bars[l] -= factor * d[l];
                }
            }
        }
        num(sum) * share
    }

    /// Decoded rollouts of a plan: block g · most + k holds point k of group g. Lanes without it, or whose solve failed, hold nothing of use.
    pub fn predict(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        params: &[T],
    ) -> Result<&Batch<T>, Error> {
        self.encode(rays, plan, params, false)?;
        self.solve
            .forward(rays, plan, &params[self.shape.field_range()], &self.z)?;
        self.lift(rays, plan, false);
        let range = self.shape.decoder_range();
        self.decoder
            .predict(&params[range], &self.lifted, &mut self.decoded)?;
        Ok(&self.decoded)
    }

    /// Decoded codes of the true abundances, in the same order.
    pub fn reconstruct(
        &mut self,
        rays: &Rays<T>,
        plan: &Plan,
        params: &[T],
    ) -> Result<&Batch<T>, Error> {
        self.encode(rays, plan, params, true)?;
        self.lift(rays, plan, true);
        let range = self.shape.decoder_range();
        self.decoder
            .predict(&params[range], &self.lifted, &mut self.decoded)?;
        Ok(&self.decoded)
    }
}

fn put<T: Copy>(block: &mut [[T; LANES]], lane: usize, from: &[T]) {
    for (row, v) in block.iter_mut().zip(from) {
        row[lane] = *v;
    }
}

/// Calls with (block, lane, position among all points) of every point of a plan.
fn each_point<T: Number>(rays: &Rays<T>, plan: &Plan, mut f: impl FnMut(usize, usize, usize)) {
    let most = plan.most();
    for g in 0..plan.groups() {
        for l in (0..LANES).filter(|&l| plan.in_use(g, l)) {
            let lane = plan.lane(g, l);
            let start = rays.start(lane.ray);
            for (k, &point) in lane.points.iter().enumerate() {
                f(g * most + k, l, start + point);
            }
        }
    }
}

fn of<T: Number>(x: f64) -> T {
    <T as autodiff_ae::Scalar>::of(x)
}

fn num<T: Number>(x: T) -> f64 {
    autodiff_ae::Scalar::f64(x)
}

/// Weighted penalties of a block of decoded values, and `scale` times their slopes.
struct Penalties<'a, T> {
    loss: PointLoss,
    output: &'a [[T; LANES]],
    target: &'a [[T; LANES]],
    weights: &'a [T],
    valid: &'a [T; LANES],
    scale: T,
    bar: &'a mut [[T; LANES]],
}

impl<T: Number> Kernel for Penalties<'_, T> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let mut sums = [T::zero(); LANES];
        let rows = self.output.iter().zip(self.target).zip(self.weights);
        for (((output, target), &weight), bar) in rows.zip(self.bar) {
            for l in 0..LANES {
                let (value, slope) = penalty(self.loss, output[l] - target[l]);
                let w = weight * self.valid[l];
                sums[l] += w * value;
                bar[l] = w * self.scale * slope;
            }
        }
        autodiff_ae::lane_sum(&sums)
    }
}
