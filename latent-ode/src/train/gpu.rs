//! Training on derivatives on a GPU, one surrogate or many: the session's own reviews, best states and returns, with the steps between two
//! reviews in one launch.

use std::{sync::atomic::Ordering, time::Instant};

use autodiff_ae::cuda::{
    CudaDevice, CudaMember, CudaOptions, CudaTrainer, MemberReport, Order, StepRate,
};
use autodiff_ae::{Autoencoder, LossConfig, train::Shuffle};
use rayon::prelude::*;

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

/// A training whose steps the GPU takes. Those that go together differ in their seeds alone.
pub(super) struct Seat<'s, 'c> {
    session: &'s Session<'s>,
    optimiser: &'s mut Optimiser,
    state: &'s mut State,
    control: &'s mut TrainControl<'c>,
    until: u64,
    shuffle: Shuffle,
    /// Seconds of earlier sessions.
    before: f64,
    open: bool,
    ahead: Result<Ahead, Error>,
}

impl<'s, 'c> Seat<'s, 'c> {
    /// A training up to step `until`.
    ///
    /// # Errors
    /// [`Error::Option`] for what the GPU's kernels are not for.
    pub fn new(
        session: &'s Session<'s>,
        optimiser: &'s mut Optimiser,
        state: &'s mut State,
        control: &'s mut TrainControl<'c>,
        until: u64,
    ) -> Result<Self, Error> {
        let batch = session.for_gpu()?.batch;
        Ok(Self {
            shuffle: Shuffle::new(session.data.points(), batch, session.config.seed)?,
            before: state.progress.seconds,
            session,
            optimiser,
            state,
            control,
            until,
            open: true,
            ahead: Ok(Ahead::default()),
        })
    }

    /// What the loop on the CPU, to which it is left to settle the result, must know; an error ended this training alone.
    ///
    /// # Errors
    /// [`Error::Diverged`], or what a review met.
    pub fn into_ahead(self) -> Result<Ahead, Error> {
        self.ahead
    }

    /// Whether reviews are due: not while steps are timed.
    fn reviews(&self) -> bool {
        self.control.benchmark_steps.is_none()
    }

    /// Steps that may be taken before this training wants to look up.
    fn steps_ahead(&self) -> u64 {
        let every = self.session.config.validate_every;
        let left = self.until - self.state.step;
        if self.reviews() {
            left.min(every - self.state.step % every)
        } else {
            left
        }
    }

    /// Whether a review is due at the step reached.
    fn due(&self) -> bool {
        let (step, every) = (self.state.step, self.session.config.validate_every);
        self.reviews() && (step.is_multiple_of(every) || step == self.until)
    }

    /// Learning rate and movement of the average of step `step`.
    fn rate(&self, step: u64) -> StepRate {
        let average = self.session.config.optimiser.average;
        StepRate {
            rate: self.optimiser.rate(step) * self.state.progress.rate_factor,
            average: 1.0 - average.min((1.0 + step as f64) / (10.0 + step as f64)),
        }
    }

    fn member(&self, memory: &Memory) -> Result<CudaMember<f32>, Error> {
        Ok(CudaMember {
            params: self.state.params.clone(),
            adam: memory.adam().clone(),
            average: self.state.average.clone(),
            weights: self.session.for_gpu()?.weights,
        })
    }

    /// Takes parameters, average and moments from the device.
    fn fetch(&mut self, trainer: &CudaTrainer<f32>, index: usize) -> Result<(), Error> {
        let member = trainer.member(index)?;
        self.optimiser.recall(&Memory::of_adam(member.adam))?;
        self.state.params = member.params;
        self.state.average = member.average;
        Ok(())
    }

    /// Notes `steps` steps that took so long; `false` where they led back to the last review.
    fn absorb(&mut self, report: &MemberReport, steps: u64, seconds: f64) -> Result<bool, Error> {
        if let Ok(ahead) = &mut self.ahead {
            ahead.taken += report.losses.len() as u64;
            ahead.seconds += seconds;
        }
        if report.stopped.is_some() {
            self.session.retreat(self.state, self.optimiser, f64::NAN)?;
            return Ok(false);
        }
        let progress = &mut self.state.progress;
        for losses in &report.losses {
            let l = losses.losses;
            let names = ["total", "l0", "l1", "l2", "l3"];
            let values = [losses.total, l[0], l[1], l[2], l[3]];
            for (name, value) in names.into_iter().zip(values) {
                match progress.sums.get_mut(name) {
                    Some(sum) => *sum += value,
                    None => drop(progress.sums.insert(name.into(), value)),
                }
            }
            progress.summed += 1;
        }
        self.state.step += steps;
        if let Some(progress) = &mut self.control.progress {
            progress(self.state.step, self.until);
        }
        Ok(true)
    }

    /// Records a review whose score is known; why training ends with it, if it does.
    fn review(&mut self, validation: Option<f64>) -> Result<Option<Stop>, Error> {
        let (session, step) = (self.session, self.state.step);
        let rate = self.rate(step - 1).rate;
        self.state.memory = self.optimiser.memory();
        let per_epoch = self.shuffle.per_epoch() as f64;
        let plateau = session.record(self.state, validation, rate, per_epoch, self.control);
        let every = self.control.checkpoint_every;
        let due = every > 0 && (step / session.config.validate_every).is_multiple_of(every);
        if let Some(path) = self.control.checkpoint.as_ref().filter(|_| due) {
            session.save(path, self.state)?;
        }
        Ok(plateau.then_some(Stop::Plateau))
    }

    /// Whether it must end here, done or told to, and if told, why.
    fn over(&self) -> Option<Option<Stop>> {
        let limit = self.session.config.max_seconds;
        if self.state.step >= self.until {
            Some(None)
        } else if self
            .control
            .cancel
            .is_some_and(|c| c.load(Ordering::Relaxed))
        {
            Some(Some(Stop::Cancelled))
        } else if limit > 0.0 && self.state.progress.seconds > limit {
            Some(Some(Stop::Time))
        } else {
            None
        }
    }
}

/// Takes all steps of these trainings on the GPU.
///
/// # Errors
/// What the device meets; what one training alone meets is kept in its seat.
pub(super) fn run_on_gpu(gpu: &CudaDevice, seats: &mut [Seat<'_, '_>]) -> Result<(), Error> {
    let Some(first) = seats.first() else {
        return Ok(());
    };
    let (samples, batch) = (first.session.data.table.clone(), first.shuffle.batch_len());
    let samples = samples.ok_or(Error::Empty("derivatives"))?;
    let mut drive = Drive {
        trainer: trainer(gpu, seats, batch)?,
        seats,
        batch,
    };
    let table = drive.trainer.table(samples.x(), samples.xdot(), &[])?;
    let started = Instant::now();
    loop {
        drive.close_those_over()?;
        let open = drive.open();
        let ahead = open.iter().map(|&k| drive.seats[k].steps_ahead());
        let Some(steps) = ahead.chain([MOST_STEPS]).min().filter(|_| !open.is_empty()) else {
            return Ok(());
        };
        let (clock, order, rates) = (Instant::now(), drive.order(steps), drive.rates(steps));
        let reports = drive
            .trainer
            .run(&table, Order::PerMember(&order), &rates)?;
        let seconds = clock.elapsed().as_secs_f64();
        for k in open {
            let seat = &mut drive.seats[k];
            match seat.absorb(&reports[k], steps, seconds) {
                Ok(true) => {}
                Ok(false) => {
                    let member = seat.member(&seat.optimiser.memory())?;
                    drive.trainer.set_member(k, &member)?;
                }
                Err(e) => drive.fail(k, e)?,
            }
        }
        drive.review(started)?;
    }
}

/// The device's trainer for the members as they are.
fn trainer(
    gpu: &CudaDevice,
    seats: &[Seat<'_, '_>],
    batch: usize,
) -> Result<CudaTrainer<f32>, Error> {
    let session = seats[0].session;
    let (objective, network) = (session.for_gpu()?, &session.network);
    let model = Autoencoder::new(network.encoder.clone(), network.decoder.clone())?;
    let loss = LossConfig {
        weights: objective.weights,
        reduction: objective.reduction,
        masses: network.dynamics.network().masses(),
    };
    let mut options = CudaOptions::new(loss, batch);
    options.clip_norm = session.config.optimiser.clip_norm;
    options.average = session.config.optimiser.average > 0.0;
    let members = seats
        .iter()
        .map(|seat| seat.member(&seat.state.memory))
        .collect::<Result<Vec<_>, _>>()?;
    let dynamics = &network.dynamics;
    Ok(CudaTrainer::new(gpu, &model, dynamics, &options, &members)?)
}

/// Trainings under way.
struct Drive<'d, 's, 'c> {
    trainer: CudaTrainer<f32>,
    seats: &'d mut [Seat<'s, 'c>],
    batch: usize,
}

impl Drive<'_, '_, '_> {
    fn open(&self) -> Vec<usize> {
        (0..self.seats.len())
            .filter(|&k| self.seats[k].open)
            .collect()
    }

    /// Samples of the next steps, members × steps × batch.
    fn order(&mut self, steps: u64) -> Vec<u32> {
        let len = steps as usize * self.batch;
        let shuffles: Vec<_> = self
            .seats
            .iter_mut()
            .map(|seat| (seat.open.then_some(seat.state.step), &mut seat.shuffle))
            .collect();
        let one = |(step, shuffle): (Option<u64>, &mut Shuffle)| match step {
            Some(step) => {
                let mut order = Vec::with_capacity(len);
                for s in step..step + steps {
                    // A table on a device holds fewer samples than 2³².
                    order.extend(shuffle.batch(s).iter().map(|&i| i as u32));
                }
                order
            }
            // A member at rest is not looked at.
            None => vec![0; len],
        };
        let orders: Vec<Vec<u32>> = shuffles.into_par_iter().map(one).collect();
        orders.concat()
    }

    /// Rates of the next steps, members × steps.
    fn rates(&self, steps: u64) -> Vec<StepRate> {
        let of = |seat: &Seat<'_, '_>| {
            let first = seat.state.step;
            (first..first + steps)
                .map(|s| seat.rate(s))
                .collect::<Vec<_>>()
        };
        self.seats.iter().flat_map(of).collect()
    }

    /// Reviews the members that are due, validating several at once.
    fn review(&mut self, started: Instant) -> Result<(), Error> {
        let seconds = started.elapsed().as_secs_f64();
        for seat in self.seats.iter_mut().filter(|seat| seat.open) {
            seat.state.progress.seconds = seat.before + seconds;
        }
        let mut due = self.open();
        due.retain(|&k| self.seats[k].due());
        for &k in &due {
            self.seats[k].fetch(&self.trainer, k)?;
        }
        let states: Vec<(&Session<'_>, &State)> = due
            .iter()
            .map(|&k| (self.seats[k].session, &*self.seats[k].state))
            .collect();
        let scores: Vec<_> = states
            .into_par_iter()
            .map(|(session, state)| session.validate(state))
            .collect();
        for (k, score) in due.into_iter().zip(scores) {
            match score.and_then(|score| self.seats[k].review(score)) {
                Ok(None) => {}
                Ok(stop) => self.close(k, stop)?,
                Err(e) => self.fail(k, e)?,
            }
        }
        Ok(())
    }

    fn close_those_over(&mut self) -> Result<(), Error> {
        for k in self.open() {
            if let Some(stop) = self.seats[k].over() {
                self.close(k, stop)?;
            }
        }
        Ok(())
    }

    /// Ends a training; without a reason where its steps are done.
    fn close(&mut self, k: usize, stop: Option<Stop>) -> Result<(), Error> {
        let seat = &mut self.seats[k];
        seat.fetch(&self.trainer, k)?;
        if let Ok(ahead) = &mut seat.ahead {
            ahead.stopped = stop;
        }
        seat.open = false;
        Ok(self.trainer.rest(k)?)
    }

    fn fail(&mut self, k: usize, error: Error) -> Result<(), Error> {
        self.seats[k].open = false;
        self.seats[k].ahead = Err(error);
        Ok(self.trainer.rest(k)?)
    }
}

impl Session<'_> {
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
}
