//! One step of training on derivatives (Grassi et al. 2021): the losses L0–L3 on a shuffled batch of single outputs.

use autodiff_ae::{Autoencoder, Batch, LossConfig, LossWorkspace, Samples};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{config::DerivativeObjective, data::TrainingData};
use crate::{Error, model::Network, series::shuffled};

/// Samples evaluated together where no gradient is wanted.
const TOGETHER: usize = 2048;

/// Order of the samples in a pass over them, counted from 0.
pub(super) fn order_of_pass(seed: u64, pass: u64, points: usize) -> Vec<usize> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(1 + pass);
    shuffled(points, &mut rng)
}

/// Batches, losses and their gradient.
#[derive(Debug)]
pub(crate) struct DerivativeTrainer {
    model: Autoencoder,
    config: LossConfig,
    seed: u64,
    epoch: Option<u64>,
    order: Vec<usize>,
    x: Batch<f32>,
    xdot: Batch<f32>,
    workspace: LossWorkspace<f32>,
    batch: usize,
}

impl DerivativeTrainer {
    pub fn new(
        objective: &DerivativeObjective,
        network: &Network,
        data: &TrainingData,
        seed: u64,
    ) -> Result<Self, Error> {
        if network.log_latents > 0.0 {
            return Err(Error::Option {
                name: "model.log_latents",
                value: network.log_latents.to_string(),
                reason: "training on derivatives takes the latent variables alone (0)".into(),
            });
        }
        let model = Autoencoder::new(network.encoder.clone(), network.decoder.clone())?;
        let config = LossConfig {
            weights: objective.weights,
            reduction: objective.reduction,
            masses: network.dynamics.network().masses(),
        };
        let batch = objective.batch.min(data.points());
        let features = data.quantities;
        Ok(Self {
            workspace: LossWorkspace::new(&model),
            model,
            config,
            seed,
            epoch: None,
            order: Vec::new(),
            x: Batch::zeros(features, batch),
            xdot: Batch::zeros(features, batch),
            batch,
        })
    }

    /// Steps in one pass over the data; what does not fill a batch waits for the next, differently shuffled, pass.
    pub fn steps_per_epoch(&self, data: &TrainingData) -> u64 {
        (data.points() / self.batch).max(1) as u64
    }

    /// L0–L3 at `params` over the whole training set.
    pub fn losses(
        &mut self,
        network: &Network,
        data: &TrainingData,
        params: &[f32],
    ) -> Result<[f64; 4], Error> {
        let (mut sum, points) = ([0.0; 4], data.points());
        let mut members = Vec::with_capacity(TOGETHER);
        for first in (0..points).step_by(TOGETHER) {
            members.clear();
            members.extend(first..(first + TOGETHER).min(points));
            self.x.gather(&data.inputs, &members)?;
            self.xdot.gather(&data.derivatives, &members)?;
            let samples = Samples {
                x: &self.x,
                xdot: &self.xdot,
                conditions: None,
            };
            let values = self.model.loss(
                &network.dynamics,
                params,
                samples,
                &self.config,
                &mut self.workspace,
            )?;
            let share = members.len() as f64 / points as f64;
            for (s, v) in sum.iter_mut().zip(values.losses) {
                *s += share * v;
            }
        }
        Ok(sum)
    }

    /// Losses of step `step`, its gradient added to `gradient`: (total, \[L0, L1, L2, L3\]).
    pub fn step(
        &mut self,
        step: u64,
        network: &Network,
        data: &TrainingData,
        params: &[f32],
        gradient: &mut [f32],
    ) -> Result<(f64, [f64; 4]), Error> {
        let per_epoch = self.steps_per_epoch(data);
        let (epoch, at) = (step / per_epoch, (step % per_epoch) as usize);
        if self.epoch != Some(epoch) {
            self.order = order_of_pass(self.seed, epoch, data.points());
            self.epoch = Some(epoch);
        }
        let members = &self.order[at * self.batch..(at + 1) * self.batch];
        self.x.gather(&data.inputs, members)?;
        self.xdot.gather(&data.derivatives, members)?;
        let samples = Samples {
            x: &self.x,
            xdot: &self.xdot,
            conditions: None,
        };
        let values = self.model.loss_and_gradient(
            &network.dynamics,
            params,
            samples,
            &self.config,
            &mut self.workspace,
            gradient,
        )?;
        Ok((values.total, values.losses))
    }
}
