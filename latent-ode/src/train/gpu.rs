//! Training on derivatives on a GPU: the session's own reviews, best state and returns, with the steps between two reviews in one launch.

use std::{sync::atomic::Ordering, time::Instant};

use autodiff_ae::cuda::{CudaDevice, CudaMember, CudaOptions, CudaTrainer, Order, StepRate};
use autodiff_ae::{Autoencoder, LossConfig, train::Shuffle};

use super::{
    config::{DerivativeObjective, Method, Objective},
    optimiser::{Memory, Optimiser},
    report::{Stop, TrainControl},
    session::{Ahead, Session},
    state::State,
};
use crate::Error;

/// Most steps of one launch, so that a cancellation or time limit is heard of.
const MOST_STEPS: u64 = 2000;

impl Session<'_> {
    /// Takes all steps up to `until` on the GPU. What is left to the loop on the CPU is to settle the result.
    pub(super) fn run_on_gpu(
        &self,
        gpu: &CudaDevice,
        until: u64,
        optimiser: &mut Optimiser,
        state: &mut State,
        control: &mut TrainControl<'_>,
    ) -> Result<Ahead, Error> {
        let objective = self.for_gpu()?;
        let batch = objective.batch.min(self.data.points());
        let mut trainer = self.gpu_trainer(gpu, objective, batch, state)?;
        let samples = self
            .data
            .table
            .as_ref()
            .ok_or(Error::Empty("derivatives"))?;
        let table = trainer.table(samples.x(), samples.xdot(), &[])?;
        let mut shuffle = Shuffle::new(self.data.points(), objective.batch, self.config.seed)?;
        let per_epoch = shuffle.per_epoch();
        let (mut ahead, before) = (Ahead::default(), state.progress.seconds);
        let every = self.config.validate_every;
        let started = Instant::now();
        while state.step < until {
            if control.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
                // The loop on the CPU hears of it too.
                break;
            }
            let review = control.benchmark_steps.is_none();
            let next = if review {
                every - state.step % every
            } else {
                u64::MAX
            };
            let steps = next.min(until - state.step).min(MOST_STEPS);
            let step = Instant::now();
            let order: Vec<u32> = (state.step..state.step + steps)
                .flat_map(|s| {
                    shuffle
                        .batch(s)
                        .iter()
                        .map(|&i| i as u32)
                        .collect::<Vec<_>>()
                })
                .collect();
            let rates: Vec<StepRate> = (state.step..state.step + steps)
                .map(|s| StepRate {
                    rate: optimiser.rate(s) * state.progress.rate_factor,
                    average: 1.0
                        - self
                            .config
                            .optimiser
                            .average
                            .min((1.0 + s as f64) / (10.0 + s as f64)),
                })
                .collect();
            let report = trainer
                .run(&table, Order::Shared(&order), &rates)?
                .swap_remove(0);
            ahead.taken += report.losses.len() as u64;
            ahead.seconds[0] += step.elapsed().as_secs_f64();
            if report.stopped.is_some() {
                self.retreat(state, optimiser, f64::NAN)?;
                trainer.set_member(0, &self.gpu_member(objective, state, &optimiser.memory()))?;
                continue;
            }
            for losses in &report.losses {
                let l = losses.losses;
                let names = ["total", "l0", "l1", "l2", "l3"];
                let values = [losses.total, l[0], l[1], l[2], l[3]];
                for (name, value) in names.into_iter().zip(values) {
                    *state.progress.sums.entry(name.into()).or_default() += value;
                }
                state.progress.summed += 1;
            }
            state.step += steps;
            self.fetch(&trainer, optimiser, state)?;
            if let Some(progress) = &mut control.progress {
                progress(state.step, until);
            }
            state.progress.seconds = before + started.elapsed().as_secs_f64();
            if review && (state.step.is_multiple_of(every) || state.step == until) {
                let rate = optimiser.rate(state.step - 1) * state.progress.rate_factor;
                state.memory = optimiser.memory();
                let plateau = self.review(state, rate, per_epoch as f64, control)?;
                let due = control.checkpoint_every > 0
                    && (state.step / every).is_multiple_of(control.checkpoint_every);
                if let Some(path) = control.checkpoint.as_ref().filter(|_| due) {
                    self.save(path, state)?;
                }
                if plateau {
                    ahead.stopped = Some(Stop::Plateau);
                    break;
                }
            }
            let limit = self.config.max_seconds;
            if limit > 0.0 && state.progress.seconds > limit {
                ahead.stopped = Some(Stop::Time);
                break;
            }
        }
        Ok(ahead)
    }

    /// What the GPU's kernels are for.
    fn for_gpu(&self) -> Result<&DerivativeObjective, Error> {
        let refuse = |reason: &str| Error::Option {
            name: "device",
            value: "cuda".into(),
            reason: reason.into(),
        };
        match (&self.config.objective, self.config.optimiser.method) {
            (Objective::Rollout(_), _) => Err(refuse(
                "training through the rollout runs on the CPU; the recipe `paper` runs on a GPU",
            )),
            (_, Method::Muon) => Err(refuse(
                "the optimiser muon runs on the CPU; adam runs on a GPU",
            )),
            (Objective::Derivatives(o), Method::Adam) => Ok(o),
        }
    }

    fn gpu_trainer(
        &self,
        gpu: &CudaDevice,
        objective: &DerivativeObjective,
        batch: usize,
        state: &State,
    ) -> Result<CudaTrainer<f32>, Error> {
        let network = &self.network;
        let model = Autoencoder::new(network.encoder.clone(), network.decoder.clone())?;
        let loss = LossConfig {
            weights: objective.weights,
            reduction: objective.reduction,
            masses: network.dynamics.network().masses(),
        };
        let mut options = CudaOptions::new(loss, batch);
        options.clip_norm = self.config.optimiser.clip_norm;
        options.average = self.config.optimiser.average > 0.0;
        let member = self.gpu_member(objective, state, &state.memory);
        Ok(CudaTrainer::new(
            gpu,
            &model,
            &network.dynamics,
            &options,
            &[member],
        )?)
    }

    fn gpu_member(
        &self,
        objective: &DerivativeObjective,
        state: &State,
        memory: &Memory,
    ) -> CudaMember<f32> {
        CudaMember {
            params: state.params.clone(),
            adam: memory.adam().clone(),
            average: state.average.clone(),
            weights: objective.weights,
        }
    }

    fn fetch(
        &self,
        trainer: &CudaTrainer<f32>,
        optimiser: &mut Optimiser,
        state: &mut State,
    ) -> Result<(), Error> {
        let member = trainer.member(0)?;
        optimiser.recall(&Memory::of_adam(member.adam))?;
        state.params = member.params;
        state.average = member.average;
        Ok(())
    }
}
