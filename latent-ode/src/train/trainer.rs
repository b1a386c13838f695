//! Either objective behind one interface: losses of a step and their gradient.

use super::{
    config::Objective, data::TrainingData, derivative::DerivativeTrainer, rollout::RolloutTrainer,
    session::Session,
};
use crate::{Error, model::Network};

/// What computes losses and gradients.
pub(super) enum Trainer {
    Derivative(Box<DerivativeTrainer>),
    Rollout(Box<RolloutTrainer>),
}

impl Trainer {
    /// Of a session's objective.
    ///
    /// # Errors
    /// As [`super::train()`].
    pub fn new(session: &Session<'_>) -> Result<Self, Error> {
        let Session {
            config,
            network,
            data,
            ..
        } = session;
        Ok(match &config.objective {
            Objective::Derivatives(o) => Self::Derivative(Box::new(DerivativeTrainer::new(
                o,
                network,
                data,
                config.seed,
            )?)),
            Objective::Rollout(o) => Self::Rollout(Box::new(RolloutTrainer::new(
                o,
                network,
                data,
                config.seed,
            )?)),
        })
    }

    /// Named losses of a step, `total` first; adds their gradient.
    pub fn step(
        &mut self,
        step: u64,
        network: &Network,
        data: &TrainingData,
        params: &[f32],
        gradient: &mut [f32],
    ) -> Result<[(&'static str, f64); 5], Error> {
        Ok(match self {
            Self::Derivative(trainer) => {
                let (total, [l0, l1, l2, l3]) = trainer.step(step, params, gradient)?;
                [
                    ("total", total),
                    ("l0", l0),
                    ("l1", l1),
                    ("l2", l2),
                    ("l3", l3),
                ]
            }
            Self::Rollout(trainer) => {
                let l = trainer.step(step, network, data, params, gradient)?;
                [
                    ("total", l.total),
                    ("rollout", l.rollout),
                    ("reconstruction", l.reconstruction),
                    ("consistency", l.consistency),
                    ("", 0.0),
                ]
            }
        })
    }

    /// L0–L3 at `params` over the whole training set, for the objective that has them.
    pub fn losses(&mut self, params: &[f32]) -> Result<Option<[f64; 4]>, Error> {
        match self {
            Self::Derivative(t) => t.losses(params).map(Some),
            Self::Rollout(_) => Ok(None),
        }
    }

    /// Steps in one pass over the data.
    pub fn steps_per_epoch(&self, data: &TrainingData) -> u64 {
        match self {
            Self::Derivative(t) => t.steps_per_epoch(),
            Self::Rollout(t) => t.steps_per_epoch(data),
        }
    }
}
