//! Ensembles of the training loop's trainings on a GPU: reviews, schedules, returns and stopping as on the CPU, steps on the device.

use super::{CudaDevice, CudaMember, CudaOptions, CudaTable, CudaTrainer, Order, StepRate};
use crate::optim::{AdamState, Memory};
use crate::train::{Derivatives, Ensemble, Method, Outcome, Stop, Trainer};
use crate::{Error, LatentDynamics, Scalar};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Most steps of one launch, so that a cancellation or time limit is heard of.
const MOST_STEPS: u64 = 2000;

/// Runs trainings of one shape on a GPU, all together, and finds the best: what [`crate::train::train_ensemble`] does on the CPU.
/// Every member has its own seed, schedule, plateau, factors of the losses and starting parameters; the rest must be the
/// same for all. A member's loss is looked at after each launch: one that diverged goes back, as on the CPU, to its last review.
///
/// # Errors
/// [`Error::EmptyEnsemble`] for none; [`Error::Members`] where members differ in what must be the same, or use what the device
/// does not have (another optimiser than Adam and AdamW); [`Error::NoCudaSource`], [`Error::Kernel`], [`Error::Cuda`].
pub fn train_ensemble<T: Scalar, D: LatentDynamics<T>>(
    members: Vec<Trainer<T, Derivatives<T, D>>>,
    device: &CudaDevice,
    cancel: Option<&AtomicBool>,
) -> Result<Ensemble<T, Derivatives<T, D>>, Error> {
    let options = common_options(&members)?;
    let mut drive = Drive::new(device, members, &options)?;
    while drive.ended.iter().any(Option::is_none) {
        if cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
            drive.end_all(Stop::Cancelled)?;
            break;
        }
        drive.advance()?;
    }
    let outcomes = drive.ended.into_iter().flatten().collect();
    Ok(Ensemble::new(drive.members, outcomes))
}

/// What the device is told, the same for all members.
fn common_options<T: Scalar, D: LatentDynamics<T>>(
    members: &[Trainer<T, Derivatives<T, D>>],
) -> Result<CudaOptions, Error> {
    let first = members.first().ok_or(Error::EmptyEnsemble)?;
    let (o, objective) = (first.options(), first.objective());
    let (adam, weight_decay) = match o.method {
        Method::Adam {
            beta1,
            beta2,
            epsilon,
        } => ((beta1, beta2, epsilon), 0.0),
        Method::AdamW {
            beta1,
            beta2,
            epsilon,
            weight_decay,
        } => ((beta1, beta2, epsilon), weight_decay),
        Method::Sgd { .. } => {
            return Err(Error::Members("an optimiser of the device: Adam or AdamW"));
        }
    };
    for member in members {
        let (m, other) = (member.options(), member.objective());
        let memory = member.inner().2;
        let names: Vec<&str> = memory.vectors.iter().map(|v| v.0.as_str()).collect();
        let alike = [
            (
                names == ["first", "second"],
                "an optimiser of the device: Adam or AdamW",
            ),
            (m.method == o.method, "the same optimiser"),
            (
                (m.batch, m.accumulate) == (o.batch, o.accumulate),
                "the same batch",
            ),
            (m.clip_norm == o.clip_norm, "the same clipping"),
            (
                (m.average > 0.0) == (o.average > 0.0),
                "an average, all or none",
            ),
            (other.model() == objective.model(), "the same model"),
            (
                other.config().reduction == objective.config().reduction
                    && other.config().masses == objective.config().masses,
                "the same reduction and masses",
            ),
            (
                same(Some(other.table()), Some(objective.table()))
                    && same(other.validation_table(), objective.validation_table()),
                "the same tables of samples",
            ),
        ];
        if let Some((_, what)) = alike.into_iter().find(|(fine, _)| !fine) {
            return Err(Error::Members(what));
        }
    }
    let mut options = CudaOptions::new(objective.config().clone(), first.samples_per_step());
    options.adam = adam;
    options.weight_decay = weight_decay;
    options.clip_norm = o.clip_norm;
    options.average = o.average > 0.0;
    Ok(options)
}

fn same<A: PartialEq>(a: Option<&Arc<A>>, b: Option<&Arc<A>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (None, None) => true,
        _ => false,
    }
}

/// A member's state as the device takes it.
fn member_of<T: Scalar, D: LatentDynamics<T>>(
    trainer: &Trainer<T, Derivatives<T, D>>,
) -> Result<CudaMember<T>, Error> {
    let (params, average, memory) = trainer.inner();
    let mut adam = AdamState {
        steps: memory.steps,
        first: vec![T::zero(); params.len()],
        second: vec![T::zero(); params.len()],
    };
    memory.read("first", &mut adam.first)?;
    memory.read("second", &mut adam.second)?;
    Ok(CudaMember {
        params: params.to_vec(),
        adam,
        average: average.to_vec(),
        weights: trainer.objective().config().weights,
    })
}

/// Trainings under way.
struct Drive<T: Scalar, D> {
    members: Vec<Trainer<T, Derivatives<T, D>>>,
    ended: Vec<Option<Result<Outcome, Error>>>,
    trainer: CudaTrainer<T>,
    table: CudaTable<T>,
    held_back: Option<CudaTable<T>>,
    taken: u64,
    started: Instant,
    /// Seconds spent in steps.
    stepping: f64,
}

impl<T: Scalar, D: LatentDynamics<T>> Drive<T, D> {
    fn new(
        device: &CudaDevice,
        members: Vec<Trainer<T, Derivatives<T, D>>>,
        options: &CudaOptions,
    ) -> Result<Self, Error> {
        let objective = members.first().ok_or(Error::EmptyEnsemble)?.objective();
        let states = members
            .iter()
            .map(member_of)
            .collect::<Result<Vec<_>, _>>()?;
        let trainer = CudaTrainer::new(
            device,
            objective.model(),
            objective.dynamics(),
            options,
            &states,
        )?;
        let upload =
            |t: &Arc<crate::train::SampleTable<T>>| trainer.table(t.x(), t.xdot(), t.conditions());
        let table = upload(objective.table())?;
        let held_back = objective.validation_table().map(upload).transpose()?;
        let mut drive = Self {
            ended: members.iter().map(|_| None).collect(),
            members,
            trainer,
            table,
            held_back,
            taken: 0,
            started: Instant::now(),
            stepping: 0.0,
        };
        // A training resumed after its last step has nothing left to do.
        for k in 0..drive.members.len() {
            if drive.members[k].steps_to_review() == 0 {
                drive.end(k, Stop::Finished)?;
            }
        }
        Ok(drive)
    }

    fn end(&mut self, k: usize, stop: Stop) -> Result<(), Error> {
        self.trainer.rest(k)?;
        let outcome = self.members[k].end_elsewhere(stop, self.stepping, self.taken);
        self.ended[k] = Some(Ok(outcome));
        Ok(())
    }

    fn end_all(&mut self, stop: Stop) -> Result<(), Error> {
        let open: Vec<usize> = (0..self.members.len())
            .filter(|&k| self.ended[k].is_none())
            .collect();
        self.fetch(&open)?;
        for k in open {
            self.end(k, stop)?;
        }
        Ok(())
    }

    /// One launch, up to the first member's next review, and the reviews that are then due.
    fn advance(&mut self) -> Result<(), Error> {
        let open: Vec<usize> = (0..self.members.len())
            .filter(|&k| self.ended[k].is_none())
            .collect();
        let steps = open
            .iter()
            .map(|&k| self.members[k].steps_to_review())
            .fold(MOST_STEPS, u64::min);
        let per_member = steps as usize * self.members[open[0]].samples_per_step();
        let started = Instant::now();
        let ended = &self.ended;
        let orders: Vec<Vec<u32>> = self
            .members
            .par_iter_mut()
            .zip(ended)
            .map(|(m, ended)| match ended {
                None => m.batches_ahead(steps),
                // A member at rest is not looked at.
                Some(_) => vec![0; per_member],
            })
            .collect();
        let rates: Vec<StepRate> = self
            .members
            .iter()
            .flat_map(|m| (0..steps).map(move |i| m.rates_ahead(i)))
            .map(|(rate, average)| StepRate { rate, average })
            .collect();
        let reports = self
            .trainer
            .run(&self.table, Order::PerMember(&orders.concat()), &rates)?;
        self.stepping += started.elapsed().as_secs_f64();
        self.taken += steps;
        let mut due = Vec::new();
        for k in open {
            let report = &reports[k];
            let losses: Vec<[f64; 5]> = report
                .losses
                .iter()
                .map(|l| [l.total, l.losses[0], l.losses[1], l.losses[2], l.losses[3]])
                .collect();
            match self.members[k].absorb(&losses, report.stopped.is_some()) {
                Ok(true) => {
                    let (step, o) = (self.members[k].steps(), self.members[k].options());
                    if step.is_multiple_of(o.review_every) || step == o.steps {
                        due.push(k);
                    }
                }
                Ok(false) => {
                    self.trainer.set_member(k, &member_of(&self.members[k])?)?;
                }
                Err(e) => {
                    self.trainer.rest(k)?;
                    self.ended[k] = Some(Err(e));
                }
            }
        }
        self.review(&due)?;
        let seconds = self.started.elapsed().as_secs_f64();
        let limit = self.members[0].options().max_seconds;
        if limit > 0.0 && seconds > limit {
            self.end_all(Stop::Time)?;
        }
        Ok(())
    }

    /// Takes the states of the members `due` from the device.
    fn fetch(&mut self, due: &[usize]) -> Result<(), Error> {
        for &k in due {
            let state = self.trainer.member(k)?;
            self.members[k].adopt(state.params, state.average, &memory_of(state.adam))?;
        }
        Ok(())
    }

    fn review(&mut self, due: &[usize]) -> Result<(), Error> {
        if due.is_empty() {
            return Ok(());
        }
        self.fetch(due)?;
        let validation = match &self.held_back {
            Some(table) => Some(self.trainer.averaged_losses(table)?),
            None => None,
        };
        let seconds = self.started.elapsed().as_secs_f64();
        for &k in due {
            let score = validation.as_ref().map(|v| v[k].total);
            let standstill = self.members[k].review_elsewhere(score, seconds);
            if self.members[k].steps_to_review() == 0 {
                self.end(k, Stop::Finished)?;
            } else if standstill {
                self.end(k, Stop::Standstill)?;
            }
        }
        Ok(())
    }
}

fn memory_of<T>(state: AdamState<T>) -> Memory<T> {
    Memory {
        steps: state.steps,
        vectors: vec![
            ("first".into(), state.first),
            ("second".into(), state.second),
        ],
    }
}
