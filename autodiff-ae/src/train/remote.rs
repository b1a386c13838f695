//! What a device that takes many steps at once needs of a training: batches and rates ahead, losses and states back.

use super::control::{Control, Outcome, Stop};
use super::objective::Objective;
use super::state::follow_by;
use super::trainer::Trainer;
use crate::optim::Memory;
use crate::{Error, Scalar};

impl<T: Scalar, O: Objective<T>> Trainer<T, O> {
    /// Steps from now to the next review.
    pub(crate) fn steps_to_review(&self) -> u64 {
        let (step, every) = (self.state.step, self.options.review_every);
        (every - step % every).min(self.options.steps - step)
    }

    /// Samples of one step, all its parts together.
    pub(crate) fn samples_per_step(&self) -> usize {
        let batch = self.shuffle.as_ref().map_or(0, |s| s.batch_len());
        batch * self.options.accumulate
    }

    /// The samples of the next `steps` steps.
    pub(crate) fn batches_ahead(&mut self, steps: u64) -> Vec<u32> {
        let parts = self.options.accumulate as u64;
        let mut order = Vec::with_capacity(self.samples_per_step() * steps as usize);
        if let Some(shuffle) = &mut self.shuffle {
            for index in self.state.step * parts..(self.state.step + steps) * parts {
                // A table on a device holds fewer samples than 2³².
                order.extend(shuffle.batch(index).iter().map(|&i| i as u32));
            }
        }
        order
    }

    /// Learning rate and movement of the average of a step `ahead` of now.
    pub(crate) fn rates_ahead(&self, ahead: u64) -> (f64, f64) {
        let step = self.state.step + ahead;
        (self.rate(step), follow_by(self.options.average, step))
    }

    /// Parameters, their average and the optimiser's memory, as they are now.
    pub(crate) fn inner(&self) -> (&[T], &[T], Memory<T>) {
        let state = &self.state;
        (&state.params, &state.average, self.optimiser.memory())
    }

    /// Takes the losses of steps done elsewhere, total first, the objective's terms behind it. At the first that is not sound, and
    /// for `stopped` (a loss or gradient that was not finite ended them), training goes back to the last good state: `false`.
    ///
    /// # Errors
    /// [`Error::Diverged`] once too many returns were needed.
    pub(crate) fn absorb(&mut self, losses: &[[f64; 5]], stopped: bool) -> Result<bool, Error> {
        for loss in losses {
            if !self.is_sound(loss[0]) {
                self.retreat(loss[0])?;
                return Ok(false);
            }
            self.state.good.loss.get_or_insert(loss[0]);
            let progress = &mut self.state.progress;
            for (sum, x) in progress.sums.iter_mut().zip(loss) {
                *sum += x;
            }
            progress.summed += 1;
        }
        if stopped {
            self.retreat(f64::NAN)?;
            return Ok(false);
        }
        self.state.step += losses.len() as u64;
        Ok(true)
    }

    /// Takes the state reached elsewhere.
    ///
    /// # Errors
    /// [`Error::Length`] for a state of another model or optimiser.
    pub(crate) fn adopt(
        &mut self,
        params: Vec<T>,
        average: Vec<T>,
        memory: &Memory<T>,
    ) -> Result<(), Error> {
        crate::error::check_length("parameters", self.state.params.len(), params.len())?;
        crate::error::check_length("average", self.state.average.len(), average.len())?;
        self.optimiser.recall(memory)?;
        self.state.params = params;
        self.state.average = average;
        Ok(())
    }

    /// Reviews the state adopted; whether training has come to a standstill.
    pub(crate) fn review_elsewhere(&mut self, validation: Option<f64>, seconds: f64) -> bool {
        self.state.progress.seconds = seconds;
        self.review_scored(validation, &mut Control::default())
    }

    /// The end of a training elsewhere.
    pub(crate) fn end_elsewhere(&mut self, stopped: Stop, seconds: f64, taken: u64) -> Outcome {
        self.conclude(stopped, seconds / taken.max(1) as f64)
    }
}
