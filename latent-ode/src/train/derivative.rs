//! One step of training on derivatives (Grassi et al. 2021): the losses L0–L3 on a shuffled batch of single outputs.

use autodiff_ae::{
    Autoencoder, LossConfig,
    train::{Derivatives, Draw, Objective, Shuffle},
};

use super::{config::DerivativeObjective, data::TrainingData};
use crate::{Error, MassAction, model::Network};

/// The losses of a network over the training set.
pub(super) fn losses(
    objective: &DerivativeObjective,
    network: &Network,
    data: &TrainingData,
) -> Result<Derivatives<f32, MassAction>, Error> {
    if network.log_latents > 0.0 {
        return Err(Error::Option {
            name: "model.log_latents",
            value: network.log_latents.to_string(),
            reason: "training on derivatives takes the latent variables alone (0)".into(),
        });
    }
    let config = LossConfig {
        weights: objective.weights,
        reduction: objective.reduction,
        masses: network.dynamics.network().masses(),
    };
    let model = Autoencoder::new(network.encoder.clone(), network.decoder.clone())?;
    let table = data.table.clone().ok_or(Error::Empty("derivatives"))?;
    let dynamics = network.dynamics.clone();
    Ok(Derivatives::new(model, dynamics, config, table)?)
}

/// Batches, losses and their gradient.
#[derive(Debug)]
pub(crate) struct DerivativeTrainer {
    losses: Derivatives<f32, MassAction>,
    shuffle: Shuffle,
}

impl DerivativeTrainer {
    pub fn new(
        objective: &DerivativeObjective,
        network: &Network,
        data: &TrainingData,
        seed: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            losses: losses(objective, network, data)?,
            shuffle: Shuffle::new(data.points(), objective.batch, seed)?,
        })
    }

    /// Steps in one pass over the data; what does not fill a batch waits for the next, differently shuffled, pass.
    pub fn steps_per_epoch(&self) -> u64 {
        self.shuffle.per_epoch()
    }

    /// L0–L3 at `params` over the whole training set.
    pub fn losses(&mut self, params: &[f32]) -> Result<[f64; 4], Error> {
        let table = self.losses.table().clone();
        Ok(self.losses.losses(params, &table)?.losses)
    }

    /// Losses of step `step`, its gradient added to `gradient`: (total, \[L0, L1, L2, L3\]).
    pub fn step(
        &mut self,
        step: u64,
        params: &[f32],
        gradient: &mut [f32],
    ) -> Result<(f64, [f64; 4]), Error> {
        let (members, next) = self.shuffle.batch_and_next(step);
        let draw = Draw {
            step,
            part: 0,
            members,
            next,
        };
        let mut terms = [0.0; 4];
        let total = self.losses.evaluate(params, &draw, &mut terms, gradient)?;
        Ok((total, terms))
    }
}
