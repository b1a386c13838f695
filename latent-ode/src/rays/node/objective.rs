//! What the training of a latent neural ODE minimises, and how it is judged: the rollout over whole rays, in dex.

use super::super::scaling::LogScaling;
use super::config::NodeConfig;
#[cfg(feature = "cuda")]
use super::cuda::NodeDevice;
use super::draw::{Drawer, Plan};
use super::rays::Rays;
use super::shape::NodeShape;
use super::step::{Losses, NodePass, Weights};
use crate::{Error, Number};
use autodiff_ae::train::{Draw, Objective};
use autodiff_ae::{Checkpoint, Error as LayerError, LANES, ParamView};
use std::borrow::Cow;

/// Blocks decoded at a time when judging.
pub(super) const BLOCKS: usize = 1024;

/// The training set, the rays held back, and room to work in.
#[derive(Debug)]
pub struct NodeObjective<T: Number> {
    pub shape: NodeShape,
    pub config: NodeConfig,
    pub train: Rays<T>,
    pub validation: Rays<T>,
    /// Scaling of the outputs, and how many of them are abundances.
    pub outputs: LogScaling,
    pub species: usize,
    /// Of each output in the loss; their mean is 1.
    pub weights: Vec<T>,
    pub drawer: Drawer,
    pub pass: NodePass<T>,
    /// What evaluates losses and gradients in place of `pass`.
    #[cfg(feature = "cuda")]
    pub gpu: Option<NodeDevice<T>>,
    pub judge: NodePass<T>,
    pub plan: Plan,
    /// Tells trainings on other data or of other settings apart.
    pub fingerprint: String,
}

fn boxed(error: Error) -> LayerError {
    LayerError::Objective(Box::new(error))
}

impl<T: Number> NodeObjective<T> {
    /// Mean absolute error of the rollout \[dex\] over abundances, first points excluded; `None` of no points.
    pub fn judge(&mut self, params: &[T]) -> Result<Option<f64>, Error> {
        let (rays, species) = (&self.validation, self.species);
        let (mut sum, mut count) = (0.0, 0u64);
        for which in chunks(rays) {
            self.plan.whole(rays, which.iter().copied());
            let most = self.plan.most();
            let decoded = self.judge.predict(rays, &self.plan, params)?;
            for (m, _) in which.iter().enumerate() {
                let (g, l) = (m / LANES, m % LANES);
                let lane = self.plan.lane(g, l);
                for (k, &point) in lane.points.iter().enumerate().skip(1) {
                    let at = (rays.start(lane.ray) + point) * rays.outputs;
                    let out = decoded.block(g * most + k);
                    for j in 0..species {
                        let d = autodiff_ae::Scalar::f64(out[j][l] - rays.x[at + j]);
                        sum += d.abs() * self.outputs.column(j).1;
                    }
                    count += species as u64;
                }
            }
        }
        Ok((count > 0).then(|| sum / count as f64))
    }
}

impl<T: Number> NodeObjective<T> {
    /// Losses of the plan; adds their weighted gradient to `gradient`.
    fn losses(
        &mut self,
        params: &[T],
        weights: Weights,
        gradient: &mut [T],
    ) -> Result<Losses, Error> {
        #[cfg(feature = "cuda")]
        if let Some(gpu) = &mut self.gpu {
            return gpu.evaluate(&self.train, &self.plan, params, weights, gradient);
        }
        self.pass.evaluate(
            &self.train,
            &self.plan,
            params,
            weights,
            self.config.loss,
            &self.weights,
            gradient,
        )
    }
}

/// Rays of similar length together, in parts small enough to decode at once.
pub(super) fn chunks<T: Number>(rays: &Rays<T>) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rays.len()).filter(|&r| rays.points(r) > 0).collect();
    order.sort_by_key(|&r| std::cmp::Reverse(rays.points(r)));
    let mut parts = Vec::new();
    let mut rest = &order[..];
    while let Some(&first) = rest.first() {
        // The longest comes first.
        let groups = (BLOCKS / rays.points(first)).max(1);
        let (part, after) = rest.split_at((groups * LANES).min(rest.len()));
        parts.push(part.to_vec());
        rest = after;
    }
    parts
}

impl<T: Number> Objective<T> for NodeObjective<T> {
    fn param_len(&self) -> usize {
        self.shape.param_len()
    }

    fn samples(&self) -> usize {
        0
    }

    fn evaluate(
        &mut self,
        params: &[T],
        draw: &Draw<'_>,
        terms: &mut [f64],
        gradient: &mut [T],
    ) -> Result<f64, LayerError> {
        let per_epoch = self.drawer.per_epoch();
        let window = self.config.window(draw.step / per_epoch);
        self.drawer
            .draw(draw.step, window, &self.train, &mut self.plan)
            .map_err(boxed)?;
        let epoch = draw.step as f64 / per_epoch as f64;
        let [auto, rollout, latent] = self.config.weights(epoch);
        let weights = Weights {
            auto,
            rollout,
            latent,
        };
        let losses = self.losses(params, weights, gradient).map_err(boxed)?;
        let steps = losses.work.steps as f64 / self.plan.len().max(1) as f64;
        terms.copy_from_slice(&[losses.rollout, losses.auto, losses.latent, steps]);
        if 2 * losses.work.failed > self.plan.len() {
            // The trainer goes back to its last good state.
            return Ok(f64::NAN);
        }
        Ok(losses.total)
    }

    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, LayerError> {
        self.judge(params).map_err(boxed)
    }

    fn terms(&self) -> Cow<'static, [&'static str]> {
        Cow::Borrowed(&["rollout", "auto", "latent", "steps"])
    }

    fn views(&self) -> Vec<ParamView> {
        self.shape.views()
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn describe(&self, _file: &mut Checkpoint) -> Result<(), LayerError> {
        Ok(())
    }
}
