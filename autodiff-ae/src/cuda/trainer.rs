//! Ensembles on the device: members, their hyperparameters and data go in, losses and trained parameters come out.

use super::CudaDevice;
use super::launch::{download, upload, zeros};
use super::persistent::Persistent;
use super::source::Problem;
use super::state::{CudaMember, CudaTable, Members, REPORT, Run, SCHEDULE, SETTINGS, State};
use super::wide::Wide;
use super::{CudaOptions, CudaPath, MemberReport, Order, StepRate};
use crate::error::check_length;
use crate::optim::AdamState;
use crate::{Autoencoder, Error, LatentDynamics, LossValues, Scalar};
use cudarc::driver::CudaSlice;

enum Engine<T> {
    Persistent(Box<Persistent<T>>),
    Wide(Box<Wide<T>>),
}

/// An ensemble of models of one shape in training on a device.
pub struct CudaTrainer<T> {
    device: CudaDevice,
    problem: Problem,
    options: CudaOptions,
    engine: Engine<T>,
    state: State<T>,
    members: Vec<MemberInfo>,
}

/// What the host keeps of a member.
#[derive(Clone, Copy, Debug)]
struct MemberInfo {
    steps: u64,
    weights: crate::LossWeights,
    stopped: bool,
}

impl<T> std::fmt::Debug for CudaTrainer<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CudaTrainer")
            .field("device", &self.device)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}

impl<T: Scalar> CudaTrainer<T> {
    /// Compiles the kernels of a model and puts the members on the device.
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Range`] for members and options that do not fit, [`Error::EmptyBatch`] without a member,
    /// [`Error::NoCudaSource`], [`Error::SharedMemory`] when the persistent kernel was asked for and does not fit,
    /// [`Error::Kernel`], [`Error::Cuda`].
    pub fn new(
        device: &CudaDevice,
        model: &Autoencoder,
        dynamics: &dyn LatentDynamics<T>,
        options: &CudaOptions,
        members: &[CudaMember<T>],
    ) -> Result<Self, Error> {
        options.check()?;
        if members.is_empty() {
            return Err(Error::EmptyBatch);
        }
        let problem = Problem::new(model, dynamics)?;
        check_length(
            "masses of the latent species",
            model.latent_dim(),
            options.loss.masses.len(),
        )?;
        super::launch::int("members", members.len())?;
        let fits = super::layout::Layout::choose(&problem, device.shared_memory_per_block());
        let path = options.path.unwrap_or(match fits {
            Some(_) => CudaPath::Persistent,
            None => CudaPath::Wide,
        });
        let engine = match path {
            CudaPath::Persistent => {
                Engine::Persistent(Box::new(Persistent::new(device, &problem, members.len())?))
            }
            CudaPath::Wide => Engine::Wide(Box::new(Wide::new(
                device,
                &problem,
                options.batch,
                options.products,
            )?)),
        };
        let masses: Vec<T> = options.loss.masses.iter().map(|&m| T::of(m)).collect();
        let params = problem.param_len();
        let mut trainer = Self {
            state: State::new(device, members.len(), params, options.average, &masses)?,
            device: device.clone(),
            problem,
            options: options.clone(),
            engine,
            members: Vec::new(),
        };
        for member in members {
            trainer.members.push(MemberInfo {
                steps: 0,
                weights: member.weights,
                stopped: false,
            });
            trainer.set_member(trainer.members.len() - 1, member)?;
        }
        Ok(trainer)
    }

    /// Which way the model is trained.
    pub fn path(&self) -> CudaPath {
        match self.engine {
            Engine::Persistent(_) => CudaPath::Persistent,
            Engine::Wide(_) => CudaPath::Wide,
        }
    }

    /// Number of members.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Copies samples to the device: x and ẋ of features × samples, conditions × samples, column-major.
    ///
    /// # Errors
    /// [`Error::Length`] when shapes do not fit, [`Error::EmptyBatch`], [`Error::Cuda`].
    pub fn table(&self, x: &[T], xdot: &[T], conditions: &[T]) -> Result<CudaTable<T>, Error> {
        CudaTable::new(&self.device, &self.problem, x, xdot, conditions)
    }

    /// Replaces a member, which is then in training again whatever became of it.
    ///
    /// # Errors
    /// [`Error::Length`] when it belongs to another model or there is no such member, [`Error::Cuda`].
    pub fn set_member(&mut self, index: usize, member: &CudaMember<T>) -> Result<(), Error> {
        self.check_index(index)?;
        let len = self.problem.param_len();
        check_length("parameters", len, member.params.len())?;
        check_length("first moment of Adam", len, member.adam.first.len())?;
        check_length("second moment of Adam", len, member.adam.second.len())?;
        if !member.average.is_empty() {
            check_length("average of the parameters", len, member.average.len())?;
        }
        self.state.put(&self.device, index, member)?;
        self.members[index] = MemberInfo {
            steps: member.adam.steps,
            weights: member.weights,
            stopped: false,
        };
        let settings = self.settings(self.options.batch);
        self.state.settings = upload(&self.device, &settings)?;
        self.device.synchronize()
    }

    /// A member as it is now.
    ///
    /// # Errors
    /// [`Error::Length`] when there is no such member, [`Error::Cuda`].
    pub fn member(&self, index: usize) -> Result<CudaMember<T>, Error> {
        self.check_index(index)?;
        let len = self.problem.param_len();
        let part = |array| State::part(&self.device, array, index, len);
        Ok(CudaMember {
            params: part(&self.state.params)?,
            adam: AdamState {
                steps: self.members[index].steps,
                first: part(&self.state.first)?,
                second: part(&self.state.second)?,
            },
            average: match &self.state.average {
                Some(average) => part(average)?,
                None => Vec::new(),
            },
            weights: self.members[index].weights,
        })
    }

    fn check_index(&self, index: usize) -> Result<(), Error> {
        if index < self.members.len() {
            return Ok(());
        }
        Err(Error::Length {
            what: "members of the ensemble",
            expected: index + 1,
            found: self.members.len(),
        })
    }

    /// Trains every member that was not stopped for as many steps as `rates` has: steps entries, the same for all members,
    /// or members × steps.
    ///
    /// # Errors
    /// [`Error::Length`] when order or rates do not fit or an index points beyond the table, [`Error::Cuda`].
    pub fn run(
        &mut self,
        table: &CudaTable<T>,
        order: Order<'_>,
        rates: &[StepRate],
    ) -> Result<Vec<MemberReport>, Error> {
        let (members, batch) = (self.members.len(), self.options.batch);
        let (indices, stride) = match order {
            Order::Shared(i) => (i, 0),
            Order::PerMember(i) => (i, i.len() / members),
        };
        let steps = if stride == 0 { indices.len() } else { stride } / batch;
        if steps == 0 {
            return Err(Error::EmptyBatch);
        }
        let lists = if stride == 0 { 1 } else { members };
        check_length("order of the samples", lists * steps * batch, indices.len())?;
        if rates.len() != steps {
            check_length("rates", members * steps, rates.len())?;
        }
        if let Some(&i) = indices.iter().find(|&&i| i as usize >= table.samples) {
            return Err(Error::Length {
                what: "table of samples",
                expected: i as usize + 1,
                found: table.samples,
            });
        }
        let schedule = self.schedule(rates, steps);
        let run = Run {
            order: self
                .device
                .stream
                .clone_htod(indices)
                .map_err(super::library::failed("copying to the device"))?,
            order_stride: stride,
            schedule: upload(&self.device, &schedule)?,
            report: zeros(&self.device, members * steps * REPORT)?,
            steps,
            batch,
        };
        match &mut self.engine {
            Engine::Persistent(engine) => engine.train(&self.state, table, &run)?,
            Engine::Wide(engine) => engine.train(&self.state, table, &run)?,
        }
        let report = download(&self.device, &run.report)?;
        let status = self.state.statuses(&self.device)?;
        Ok(self.reports(&report, &status, steps))
    }

    fn reports(&mut self, report: &[T], status: &[i32], steps: usize) -> Vec<MemberReport> {
        let of_members = self.members.iter_mut().zip(report.chunks(steps * REPORT));
        of_members
            .zip(status)
            .map(|((member, rows), &status)| {
                // A member stopped in an earlier call has done nothing in this one.
                let done = match usize::try_from(status) {
                    Ok(_) if member.stopped => 0,
                    Ok(step) => step,
                    Err(_) => steps,
                };
                member.stopped = status >= 0;
                member.steps += done as u64;
                let weights = member.weights.as_array();
                let rows = || rows.chunks(REPORT).take(done);
                MemberReport {
                    losses: rows().map(|r| loss_values(r, &weights)).collect(),
                    gradient_norms: rows().map(|r| r[4].f64()).collect(),
                    stopped: (status >= 0).then_some(done),
                }
            })
            .collect()
    }

    /// The losses of every member on all samples of a table.
    ///
    /// # Errors
    /// [`Error::Cuda`].
    pub fn losses(&self, table: &CudaTable<T>) -> Result<Vec<LossValues>, Error> {
        self.losses_of(&self.state.params, table)
    }

    /// [`CudaTrainer::losses`] of the averages of the parameters, or of the parameters where no average is kept.
    ///
    /// # Errors
    /// [`Error::Cuda`].
    pub fn averaged_losses(&self, table: &CudaTable<T>) -> Result<Vec<LossValues>, Error> {
        let average = self.state.average.as_ref();
        self.losses_of(average.unwrap_or(&self.state.params), table)
    }

    fn losses_of(
        &self,
        params: &CudaSlice<T>,
        table: &CudaTable<T>,
    ) -> Result<Vec<LossValues>, Error> {
        let settings = upload(&self.device, &self.settings(table.samples))?;
        let report = zeros(&self.device, self.members.len() * REPORT)?;
        let members = Members {
            count: self.members.len(),
            params,
            settings: &settings,
            masses: &self.state.masses,
        };
        match &self.engine {
            Engine::Persistent(e) => e.losses(members, table, &report)?,
            Engine::Wide(e) => e.losses(members, table, &report)?,
        }
        let report = download(&self.device, &report)?;
        let rows = report.chunks(REPORT).zip(&self.members);
        Ok(rows
            .map(|(row, member)| loss_values(row, &member.weights.as_array()))
            .collect())
    }

    /// Takes a member out of training until [`CudaTrainer::set_member`]: [`CudaTrainer::run`] leaves it as it is.
    ///
    /// # Errors
    /// [`Error::Length`] when there is no such member, [`Error::Cuda`].
    pub fn rest(&mut self, index: usize) -> Result<(), Error> {
        self.check_index(index)?;
        self.members[index].stopped = true;
        self.state.set_status(&self.device, index, 0)
    }

    /// The members' numbers for a batch of `samples`.
    fn settings(&self, samples: usize) -> Vec<T> {
        let norms = self.problem.model.norms(&self.options.loss, samples);
        let (beta1, beta2, epsilon) = self.options.adam;
        let mut out = Vec::with_capacity(self.members.len() * SETTINGS);
        for member in &self.members {
            let weights = member.weights.as_array();
            let factors = std::array::from_fn::<f64, 4, _>(|k| {
                (if k == 3 { 1.0 } else { 2.0 }) * norms[k] * weights[k]
            });
            let rest = [beta1, beta2, epsilon, self.options.clip_norm];
            let all = factors.into_iter().chain(norms).chain(weights).chain(rest);
            out.extend(all.map(T::of));
        }
        out
    }

    /// members × steps × (rate with bias correction, second correction, decay, weight of the average); as `Adam` computes them.
    fn schedule(&self, rates: &[StepRate], steps: usize) -> Vec<T> {
        let (beta1, beta2, _) = self.options.adam;
        let mut out = Vec::with_capacity(self.members.len() * steps * SCHEDULE);
        for (k, member) in self.members.iter().enumerate() {
            let own = if rates.len() == steps { 0 } else { k * steps };
            for (i, step) in rates[own..own + steps].iter().enumerate() {
                let t = (member.steps + i as u64 + 1) as f64;
                let all = [
                    step.rate / (1.0 - beta1.powf(t)),
                    1.0 / (1.0 - beta2.powf(t)).sqrt(),
                    1.0 - step.rate * self.options.weight_decay,
                    step.average,
                ];
                out.extend(all.map(T::of));
            }
        }
        out
    }
}

fn loss_values<T: Scalar>(row: &[T], weights: &[f64; 4]) -> LossValues {
    let losses = std::array::from_fn(|k| row[k].f64());
    LossValues {
        losses,
        total: (0..4).map(|k| weights[k] * losses[k]).sum(),
    }
}
