//! The training loop: steps, reviews, best state, stopping, interruption and return from divergence.

use super::control::{Control, Outcome, Stop};
use super::objective::{Draw, Objective};
use super::options::TrainerOptions;
use super::shuffle::Shuffle;
use super::state::{Progress, State};
use crate::error::check_length;
use crate::optim::Optimiser;
use crate::parallel::Wakeful;
use crate::{Error, Scalar, all_finite, clip_global_norm};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// A training under way. The result depends on objective, options and starting parameters alone: not on the number of
/// threads, nor on whether training was interrupted and resumed.
pub struct Trainer<T: Scalar, O> {
    pub(super) objective: O,
    pub(super) options: TrainerOptions,
    pub(super) optimiser: Box<dyn Optimiser<T>>,
    pub(super) state: State<T>,
    pub(super) shuffle: Option<Shuffle>,
    gradient: Vec<T>,
    wakeful: Wakeful,
    pub(super) names: Vec<&'static str>,
    terms: Vec<f64>,
}

impl<T: Scalar, O> std::fmt::Debug for Trainer<T, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("options", &self.options)
            .field("step", &self.state.step)
            .field("parameters", &self.state.params.len())
            .finish_non_exhaustive()
    }
}

/// What one call of [`Trainer::step`] did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A step was taken.
    Taken {
        /// Loss before it.
        loss: f64,
        /// Norm of its gradient before clipping; NaN where nothing is clipped.
        norm: f64,
    },
    /// The loss was not finite or far above what it was: training went back to the last good state and halved the rate.
    Retreated {
        /// The loss that caused it.
        loss: f64,
    },
}

impl<T: Scalar, O: Objective<T>> Trainer<T, O> {
    /// A training from `params`.
    ///
    /// # Errors
    /// [`Error::Range`] for options out of range, [`Error::Length`] for another number of parameters than the objective has,
    /// [`Error::NotFinite`] for parameters that are not finite.
    pub fn new(objective: O, options: TrainerOptions, params: Vec<T>) -> Result<Self, Error> {
        let optimiser = options.method.build(objective.param_len())?;
        Self::with_optimiser(objective, options, params, optimiser)
    }

    /// A training by another optimiser than the options name.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn with_optimiser(
        objective: O,
        options: TrainerOptions,
        params: Vec<T>,
        optimiser: Box<dyn Optimiser<T>>,
    ) -> Result<Self, Error> {
        options.validate()?;
        check_length("parameters", objective.param_len(), params.len())?;
        if let Some(index) = params.iter().position(|p| !p.is_finite()) {
            let value = params[index].f64();
            return Err(Error::NotFinite {
                what: "starting parameters",
                index,
                value,
            });
        }
        let names = objective.terms().into_owned();
        let shuffle = match objective.samples() {
            0 => None,
            samples => Some(Shuffle::new(samples, options.batch, options.seed)?),
        };
        let state = State::new(
            params,
            options.average > 0.0,
            optimiser.memory(),
            options.plateau,
            names.len(),
        );
        Ok(Self {
            gradient: vec![T::zero(); objective.param_len()],
            terms: vec![0.0; names.len()],
            names,
            wakeful: Wakeful::default(),
            shuffle,
            state,
            objective,
            options,
            optimiser,
        })
    }

    /// Steps done.
    pub fn steps(&self) -> u64 {
        self.state.step
    }

    /// The parameters now.
    pub fn params(&self) -> &[T] {
        &self.state.params
    }

    /// Their moving average, or they themselves where none is kept.
    pub fn averaged(&self) -> &[T] {
        self.state.current()
    }

    /// The parameters with the best score so far.
    pub fn best(&self) -> &[T] {
        &self.state.best
    }

    /// Records, best score, returns.
    pub fn progress(&self) -> &Progress {
        &self.state.progress
    }

    /// The objective.
    pub fn objective(&self) -> &O {
        &self.objective
    }

    /// The options.
    pub fn options(&self) -> &TrainerOptions {
        &self.options
    }

    /// The objective back, its training over.
    pub fn into_objective(self) -> O {
        self.objective
    }

    /// Passes over the samples in one step.
    pub(super) fn epochs_per_step(&self) -> f64 {
        self.shuffle.as_ref().map_or(0.0, |s| {
            self.options.accumulate as f64 / s.per_epoch() as f64
        })
    }

    /// Learning rate of a step, counted from 0, as things stand.
    pub(super) fn rate(&self, step: u64) -> f64 {
        let p = &self.state.progress;
        self.options.schedule.rate(step) * p.rate_factor * p.plateau.map_or(1.0, |p| p.factor())
    }

    /// Loss and gradient of the step to come, into `self.gradient` and `self.terms`.
    fn evaluate(&mut self) -> Result<f64, Error> {
        let (step, parts) = (self.state.step, self.options.accumulate);
        self.gradient.fill(T::zero());
        let mut total = 0.0;
        let mut sums = std::mem::take(&mut self.terms);
        // The scratch after the sums holds a part's own terms.
        sums.resize(2 * self.names.len(), 0.0);
        sums.fill(0.0);
        let (terms, own) = sums.split_at_mut(self.names.len());
        for part in 0..parts {
            let (members, next) = match &mut self.shuffle {
                Some(shuffle) => shuffle.batch_and_next(step * parts as u64 + part as u64),
                None => (&[][..], &[][..]),
            };
            let draw = Draw {
                step,
                part,
                members,
                next,
            };
            let loss =
                self.objective
                    .evaluate(&self.state.params, &draw, own, &mut self.gradient)?;
            total += loss;
            terms.iter_mut().zip(&*own).for_each(|(sum, x)| *sum += x);
        }
        if parts > 1 {
            let share = 1.0 / parts as f64;
            total *= share;
            terms.iter_mut().for_each(|x| *x *= share);
            let share = T::of(share);
            self.gradient.iter_mut().for_each(|g| *g *= share);
        }
        self.terms = sums;
        Ok(total)
    }

    /// One step, or a return to the last good state. Nothing is allocated while batches stay as large as they were.
    ///
    /// # Errors
    /// What the objective returns; [`Error::Diverged`] once too many returns were needed.
    pub fn step(&mut self) -> Result<Step, Error> {
        let mut wakeful = self.wakeful;
        let step = wakeful.during(|| self.take_step());
        self.wakeful = wakeful;
        step
    }

    fn take_step(&mut self) -> Result<Step, Error> {
        let loss = self.evaluate()?;
        if !self.is_sound(loss) || !all_finite(&self.gradient) {
            self.retreat(loss)?;
            return Ok(Step::Retreated { loss });
        }
        // Before the first review the loss at the start is the measure.
        self.state.good.loss.get_or_insert(loss);
        let norm = if self.options.clip_norm > 0.0 {
            clip_global_norm(&mut self.gradient, self.options.clip_norm)
        } else {
            f64::NAN
        };
        let rate = self.rate(self.state.step);
        self.optimiser
            .update(rate, &mut self.state.params, &self.gradient)?;
        self.state.follow(self.options.average);
        self.state.step += 1;
        let progress = &mut self.state.progress;
        progress.sums[0] += loss;
        for (sum, term) in progress.sums[1..].iter_mut().zip(&self.terms) {
            *sum += term;
        }
        progress.summed += 1;
        Ok(Step::Taken { loss, norm })
    }

    /// Whether a loss is finite and not far above what it was.
    pub(super) fn is_sound(&self, loss: f64) -> bool {
        let limit = match self.state.good.loss {
            Some(before) if self.options.divergence > 0.0 => self.options.divergence * before.abs(),
            _ => f64::INFINITY,
        };
        loss.is_finite() && !(loss > limit && limit > 0.0)
    }

    /// Back to the last state that was fine, with half the learning rate.
    pub(super) fn retreat(&mut self, loss: f64) -> Result<(), Error> {
        let State {
            step,
            params,
            average,
            good,
            progress,
            ..
        } = &mut self.state;
        progress.retries += 1;
        if progress.retries > self.options.retries {
            return Err(Error::Diverged {
                step: *step,
                retries: self.options.retries,
                loss,
            });
        }
        progress.rate_factor *= 0.5;
        progress.sums.fill(0.0);
        progress.summed = 0;
        *step = good.step;
        params.clone_from(&good.params);
        average.clone_from(&good.average);
        self.optimiser.recall(&good.memory)
    }

    /// Trains until the steps are done, the score stands still, or the caller asks for an end.
    ///
    /// # Errors
    /// As [`Trainer::step`]; [`Error::Io`] for checkpoints that cannot be written.
    pub fn run(&mut self, control: &mut Control<'_>) -> Result<Outcome, Error> {
        let (started, before) = (Instant::now(), self.state.progress.seconds);
        let until = control
            .until
            .map_or(self.options.steps, |n| n.min(self.options.steps));
        let (mut aside, mut taken) = (0.0, 0u64);
        let stopped = loop {
            if self.state.step >= until {
                break if until < self.options.steps {
                    Stop::Paused
                } else {
                    Stop::Finished
                };
            }
            if control.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
                break Stop::Cancelled;
            }
            let step = self.step()?;
            taken += 1;
            if matches!(step, Step::Retreated { .. }) {
                continue;
            }
            if let Some(progress) = &mut control.progress {
                progress(self.state.step, until);
            }
            self.state.progress.seconds = before + started.elapsed().as_secs_f64();
            let step = self.state.step;
            if step.is_multiple_of(self.options.review_every) || step == self.options.steps {
                let pause = Instant::now();
                let standstill = self.review(control)?;
                if control.checkpoint_due(step / self.options.review_every)
                    && let Some(path) = &control.checkpoint
                {
                    self.save(path)?;
                }
                aside += pause.elapsed().as_secs_f64();
                if standstill {
                    break Stop::Standstill;
                }
            }
            let limit = self.options.max_seconds;
            if limit > 0.0 && self.state.progress.seconds - self.state.earlier > limit {
                break Stop::Time;
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        self.state.progress.seconds = before + seconds;
        if !matches!(stopped, Stop::Finished | Stop::Standstill)
            && let Some(path) = &control.checkpoint
        {
            self.save(path)?;
        }
        Ok(self.conclude(stopped, (seconds - aside).max(0.0) / taken.max(1) as f64))
    }
}
