//! What happens at a review of a training, and at its end: record, validation, best state, a state to return to.

use super::control::{Control, Outcome, Stop};
use super::objective::Objective;
use super::options::Keep;
use super::state::{Good, Record};
use super::trainer::Trainer;
use crate::{Error, Scalar, all_finite};

impl<T: Scalar, O: Objective<T>> Trainer<T, O> {
    /// Validates, records, keeps the best and a state to return to; whether training has come to a standstill.
    pub(super) fn review(&mut self, control: &mut Control<'_>) -> Result<bool, Error> {
        let validation = self.objective.validate(self.state.current())?;
        Ok(self.review_scored(validation, control))
    }

    /// A review whose validation was done.
    pub(super) fn review_scored(
        &mut self,
        validation: Option<f64>,
        control: &mut Control<'_>,
    ) -> bool {
        let step = self.state.step;
        let rate = self.rate(step - 1);
        let scheduled = self.options.schedule.rate(step - 1);
        let epoch = step as f64 * self.epochs_per_step();
        let state = &mut self.state;
        let progress = &mut state.progress;
        let means = || {
            let count = progress.summed.max(1) as f64;
            progress.sums.iter().map(move |s| s / count)
        };
        let loss = means().next().filter(|_| progress.summed > 0);
        let names = ["total"].iter().chain(&self.names).map(|n| n.to_string());
        let losses = names.zip(means()).collect();
        let score = validation.or(loss).filter(|s| s.is_finite());
        progress.sums.fill(0.0);
        progress.summed = 0;
        if let Some(score) = score
            && progress.best_score.is_none_or(|best| score < best)
        {
            progress.best_score = Some(score);
            progress.best_step = step;
            let current = if state.average.is_empty() {
                &state.params
            } else {
                &state.average
            };
            state.best.clone_from(current);
        }
        let patience = self.options.patience;
        let settling =
            patience.settled >= 1.0 || scheduled < patience.settled * self.options.schedule.peak();
        match (score, progress.reference) {
            (Some(score), Some(before)) if !patience.improvement.reached(score, before) => {
                progress.waited += u64::from(settling)
            }
            (Some(_), _) => (progress.reference, progress.waited) = (score, 0),
            (None, _) => {}
        }
        if let Some(plateau) = &mut progress.plateau {
            plateau.observe(score.unwrap_or(f64::NAN));
        }
        let record = Record {
            step,
            epoch,
            losses,
            validation,
            rate,
            seconds: progress.seconds,
        };
        if let Some(report) = &mut control.report {
            report(&record);
        }
        progress.history.push(record);
        let waited = progress.waited;
        // A state with parameters that overflowed is none to return to.
        if all_finite(&state.params) {
            state.good = Good {
                step,
                params: state.params.clone(),
                average: state.average.clone(),
                memory: self.optimiser.memory(),
                loss: loss.or(state.good.loss),
            };
        }
        patience.reviews > 0 && waited >= patience.reviews
    }

    /// Settles which parameters are kept.
    pub(super) fn conclude(&mut self, stopped: Stop, seconds_per_step: f64) -> Outcome {
        if self.state.progress.best_score.is_none() || self.options.keep == Keep::Last {
            let current = self.state.current().to_vec();
            self.state.best = current;
            let progress = &mut self.state.progress;
            progress.best_step = self.state.step;
            let last = progress.history.last();
            progress.best_score =
                last.and_then(|r| r.validation.or(r.losses.get("total").copied()));
        }
        Outcome {
            stopped,
            steps: self.state.step,
            best_step: self.state.progress.best_step,
            best_score: self.state.progress.best_score,
            seconds: self.state.progress.seconds,
            seconds_per_step,
        }
    }
}
