//! The training loop: steps, records, validation, best state, stopping, interruption and return from divergence.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

#[cfg(feature = "cuda")]
use super::gpu::{Seat, run_on_gpu};
use super::{
    config::{Keep, RateSchedule, TrainConfig},
    data::TrainingData,
    optimiser::Optimiser,
    report::{Record, Stop, TrainControl, Trained},
    state::{Good, Progress, State},
    trainer::Trainer,
};
use crate::{
    Dataset, Error, Evaluation, Normalisation, Trajectories,
    dataset::Control,
    model::{Network, Start, Summary, Surrogate},
};
use autodiff_ae::Wakeful;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Relative improvement of the validation score that counts for patience.
const IMPROVEMENT: f64 = 1e-3;
/// Returns to an earlier state after which training gives up.
const MOST_RETRIES: usize = 8;

/// Everything fixed during training.
pub(super) struct Session<'d> {
    pub dataset: &'d Dataset,
    pub config: TrainConfig,
    pub network: Network,
    pub normalisation: Normalisation,
    pub(super) data: Arc<TrainingData>,
}

/// Trains a surrogate on `train`, choosing its best state on rollouts of `val`.
///
/// The result depends on data and configuration alone, not on the number of threads, nor on whether training was cancelled and
/// resumed on the way. When training is cancelled, the checkpoint (where one is asked for) is written and what was reached returned.
///
/// # Errors
/// [`Error::Option`] and [`Error::Empty`] for what cannot be trained, [`Error::Diverged`] when the loss stays non-finite however small
/// the rate, [`Error::Layers`] and [`Error::Model`] for checkpoints that cannot be written or do not fit.
pub fn train(
    dataset: &Dataset,
    config: &TrainConfig,
    control: &mut TrainControl<'_>,
) -> Result<Trained, Error> {
    let session = Session::new(dataset, config)?;
    let mut trainer = Trainer::new(&session)?;
    let (mut optimiser, mut state) = session.outset(control)?;
    let until = control
        .benchmark_steps
        .map_or(config.steps, |n| state.step + n);
    #[cfg(feature = "cuda")]
    let ahead = match control.gpu.clone() {
        Some(gpu) => {
            let (optimiser, state) = (&mut optimiser, &mut state);
            let mut seat = [Seat::new(&session, optimiser, state, control, until)?];
            run_on_gpu(&gpu, &mut seat)?;
            let [seat] = seat;
            seat.into_ahead()?
        }
        None => Ahead::default(),
    };
    #[cfg(not(feature = "cuda"))]
    let ahead = Ahead::default();
    session.run(
        &mut trainer,
        &mut optimiser,
        &mut state,
        control,
        until,
        ahead,
    )
}

/// Steps that were taken before the loop on the CPU begins.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// Why training has ended already.
    pub stopped: Option<Stop>,
    /// Steps, those of returns included.
    pub taken: u64,
    /// Seconds they took.
    pub seconds: f64,
}

impl<'d> Session<'d> {
    /// Scales the data and lays out the network.
    ///
    /// # Errors
    /// As [`train`].
    pub fn new(dataset: &'d Dataset, config: &TrainConfig) -> Result<Self, Error> {
        config.validate()?;
        let normalisation = Normalisation::fit(dataset.train(), config.model.scaling)?;
        let data = TrainingData::new(dataset, &normalisation, &config.model, &config.objective)?;
        Ok(Self {
            dataset,
            config: config.clone(),
            network: Network::new(&config.model, data.quantities)?,
            normalisation,
            data: Arc::new(data),
        })
    }

    /// The same with another seed; the data are shared.
    #[cfg(feature = "cuda")]
    pub fn with_seed(&self, seed: u64) -> Self {
        Self {
            dataset: self.dataset,
            config: TrainConfig {
                seed,
                ..self.config.clone()
            },
            network: self.network.clone(),
            normalisation: self.normalisation.clone(),
            data: Arc::clone(&self.data),
        }
    }

    /// Optimiser and state to begin with, or to go on with.
    ///
    /// # Errors
    /// [`Error::Layers`] and [`Error::Model`] for checkpoints that cannot be read or do not fit.
    pub fn outset(&self, control: &TrainControl<'_>) -> Result<(Optimiser, State), Error> {
        let config = &self.config;
        let mut optimiser = Optimiser::new(&config.optimiser, config.steps, &self.network)?;
        let state = match &control.checkpoint {
            Some(path) if control.resume => self.load(path, &optimiser)?,
            _ => self.begin(&optimiser)?,
        };
        optimiser.recall(&state.memory)?;
        Ok((optimiser, state))
    }

    fn begin(&self, optimiser: &Optimiser) -> Result<State, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        let params = self
            .network
            .initialise(self.config.model.coefficient_start, &mut rng)?;
        let average = if self.config.optimiser.average > 0.0 {
            params.clone()
        } else {
            Vec::new()
        };
        let memory = optimiser.memory();
        let good = Good {
            step: 0,
            params: params.clone(),
            average: average.clone(),
            memory: memory.clone(),
        };
        Ok(State {
            step: 0,
            best: params.clone(),
            params,
            average,
            memory,
            progress: Progress {
                rate_factor: 1.0,
                ..Progress::default()
            },
            good: Box::new(good),
        })
    }

    /// Takes the steps that are left, and settles the result.
    ///
    /// # Errors
    /// As [`train`].
    pub fn run(
        &self,
        trainer: &mut Trainer,
        optimiser: &mut Optimiser,
        state: &mut State,
        control: &mut TrainControl<'_>,
        total: u64,
        ahead: Ahead,
    ) -> Result<Trained, Error> {
        let (started, before) = (Instant::now(), state.progress.seconds);
        let first = state.step;
        let per_epoch = trainer.steps_per_epoch(&self.data) as f64;
        let mut gradient = vec![0f32; state.params.len()];
        let mut aside = 0.0;
        let mut taken = 0u64;
        let mut wakeful = Wakeful::default();
        let stopped = loop {
            if let Some(stop) = ahead.stopped {
                break stop;
            }
            if state.step >= total {
                break if control.benchmark_steps.is_some() {
                    Stop::Benchmark
                } else {
                    Stop::Finished
                };
            }
            if control.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
                break Stop::Cancelled;
            }
            let (losses, sound) = wakeful.during(|| {
                gradient.fill(0.0);
                let losses = trainer.step(
                    state.step,
                    &self.network,
                    &self.data,
                    &state.params,
                    &mut gradient,
                )?;
                let sound = losses[0].1.is_finite() && autodiff_ae::all_finite(&gradient);
                if sound {
                    optimiser.step(
                        state.step,
                        state.progress.rate_factor,
                        &mut state.params,
                        &mut gradient,
                    )?;
                    self.average(state);
                }
                Ok::<_, Error>((losses, sound))
            })?;
            taken += 1;
            if !sound {
                self.retreat(state, optimiser, losses[0].1)?;
                continue;
            }
            state.step += 1;
            for (name, value) in losses.into_iter().filter(|l| !l.0.is_empty()) {
                // Named once per interval: a step allocates nothing.
                match state.progress.sums.get_mut(name) {
                    Some(sum) => *sum += value,
                    None => drop(state.progress.sums.insert(name.into(), value)),
                }
            }
            state.progress.summed += 1;
            if let Some(progress) = &mut control.progress {
                progress(state.step, total);
            }
            state.progress.seconds = before + started.elapsed().as_secs_f64();
            if control.benchmark_steps.is_some() {
                continue;
            }
            if state.step.is_multiple_of(self.config.validate_every) || state.step == total {
                let pause = Instant::now();
                let rate = optimiser.rate(state.step - 1) * state.progress.rate_factor;
                state.memory = optimiser.memory();
                let validation = self.validate(state)?;
                let plateau = self.record(state, validation, rate, per_epoch, control);
                let validations = state.step / self.config.validate_every;
                if control.checkpoint_every > 0
                    && validations.is_multiple_of(control.checkpoint_every)
                    && let Some(path) = &control.checkpoint
                {
                    self.save(path, state)?;
                }
                aside += pause.elapsed().as_secs_f64();
                if plateau {
                    break Stop::Plateau;
                }
            }
            if self.config.max_seconds > 0.0 && state.progress.seconds > self.config.max_seconds {
                break Stop::Time;
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        state.progress.seconds = before + seconds;
        if matches!(stopped, Stop::Cancelled | Stop::Time)
            && let Some(path) = &control.checkpoint
        {
            state.memory = optimiser.memory();
            self.save(path, state)?;
        }
        if state.progress.best_validation.is_none() || self.config.keep == Keep::Last {
            state.best = state.current().to_vec();
            state.progress.best_step = state.step;
            state.progress.best_validation =
                state.progress.history.last().and_then(|r| r.validation);
        }
        debug_assert!(state.step >= first || state.progress.retries > 0);
        let losses = trainer.losses(&state.best)?;
        Ok(Trained {
            losses,
            surrogate: self.surrogate(state.best.clone(), state),
            stopped,
            steps: state.step,
            seconds: state.progress.seconds,
            steps_per_second: (taken + ahead.taken) as f64
                / (seconds - aside + ahead.seconds).max(1e-9),
        })
    }

    fn average(&self, state: &mut State) {
        if state.average.is_empty() {
            return;
        }
        // Early on the average follows faster: its first values are random.
        let decay = self
            .config
            .optimiser
            .average
            .min((1.0 + state.step as f64) / (10.0 + state.step as f64)) as f32;
        for (a, p) in state.average.iter_mut().zip(&state.params) {
            *a += (1.0 - decay) * (p - *a);
        }
    }

    /// Back to the last state that was fine, with half the learning rate.
    pub(super) fn retreat(
        &self,
        state: &mut State,
        optimiser: &mut Optimiser,
        loss: f64,
    ) -> Result<(), Error> {
        let progress = &mut state.progress;
        progress.retries += 1;
        if progress.retries > MOST_RETRIES {
            return Err(Error::Diverged {
                step: state.step as usize,
                retries: MOST_RETRIES,
                loss,
            });
        }
        progress.rate_factor *= 0.5;
        progress.sums.clear();
        progress.summed = 0;
        state.step = state.good.step;
        state.params.clone_from(&state.good.params);
        state.average.clone_from(&state.good.average);
        optimiser.recall(&state.good.memory)
    }

    /// Records a review, keeps the best; whether training has come to a standstill.
    pub(super) fn record(
        &self,
        state: &mut State,
        validation: Option<f64>,
        rate: f64,
        per_epoch: f64,
        control: &mut TrainControl<'_>,
    ) -> bool {
        if let Some(score) = validation
            && state
                .progress
                .best_validation
                .is_none_or(|best| score < best)
        {
            state.best = state.current().to_vec();
            state.progress.best_validation = Some(score);
            state.progress.best_step = state.step;
        }
        let (progress, step) = (&mut state.progress, state.step);
        // At a high rate the score stands still for long and improves once the rate falls: patience counts from then on.
        let optimiser = &self.config.optimiser;
        let settling = optimiser.schedule == RateSchedule::Constant || rate < 0.1 * optimiser.rate;
        // The score is a logarithm: a thousandth of a factor in the error counts as progress.
        match (validation, progress.reference) {
            (Some(score), Some(reference)) if score > reference - IMPROVEMENT => {
                progress.waited += u64::from(settling)
            }
            (Some(score), _) => (progress.reference, progress.waited) = (Some(score), 0),
            (None, _) => {}
        }
        let count = progress.summed.max(1) as f64;
        let losses = std::mem::take(&mut progress.sums)
            .into_iter()
            .map(|(name, sum)| (name, sum / count))
            .collect();
        progress.summed = 0;
        let record = Record {
            step,
            epoch: step as f64 / per_epoch,
            losses,
            validation,
            rate,
            seconds: progress.seconds,
        };
        if let Some(report) = &mut control.report {
            report(&record);
        }
        progress.history.push(record);
        *state.good = Good {
            step,
            params: state.params.clone(),
            average: state.average.clone(),
            memory: state.memory.clone(),
        };
        self.config.patience > 0 && progress.waited >= self.config.patience
    }

    /// Mean log10 Δr of rollouts on `val`, averaged over species.
    pub(super) fn validate(&self, state: &State) -> Result<Option<f64>, Error> {
        let val: &Trajectories = self.dataset.val();
        if val.is_empty() {
            return Ok(None);
        }
        let surrogate = self.surrogate(state.current().to_vec(), state);
        let predicted = surrogate.predict(
            val,
            self.dataset.timesteps(),
            Start::First,
            &Control::default(),
        )?;
        let evaluation = Evaluation::new(
            self.dataset.labels(),
            val,
            &predicted.trajectories,
            &predicted.first,
        )?;
        Ok(Some(evaluation.average()).filter(|score| score.is_finite()))
    }

    pub(super) fn surrogate(&self, params: Vec<f32>, state: &State) -> Surrogate {
        let progress = &state.progress;
        Surrogate {
            labels: self.dataset.labels().to_vec(),
            times: self.dataset.timesteps().to_vec(),
            normalisation: self.normalisation.clone(),
            network: self.network.clone(),
            params,
            config: self.config.clone(),
            history: progress.history.clone(),
            summary: Summary {
                steps: state.step,
                best_step: progress.best_step,
                best_validation: progress.best_validation,
                seconds: progress.seconds,
            },
        }
    }
}
