//! Ensembles on the device: members, their hyperparameters and data go in, losses and trained parameters come out.

use super::launch::{download, upload, zeros};
use super::persistent::Persistent;
use super::source::Problem;
use super::state::{CudaMember, CudaTable, REPORT, Run, SCHEDULE, SETTINGS, State};
use super::wide::Wide;
use super::{CudaDevice, CudaScalar};
use crate::error::check_length;
use crate::optim::AdamState;
use crate::{Autoencoder, Error, LatentDynamics, LossConfig, LossValues};

/// Precision of the matrix products of wide networks in `f32`; the persistent kernel always computes in full precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// Full single precision.
    #[default]
    F32,
    /// TF32 tensor cores: 10 bits of mantissa in the factors.
    Tf32,
    /// bfloat16 tensor cores: 7 bits of mantissa in the factors, sums in `f32`.
    Bf16,
}

/// How a model is trained on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CudaPath {
    /// One block a model, all steps of a launch in one kernel.
    Persistent,
    /// cuBLAS products, a graph a step, members one after another.
    Wide,
}

/// What all members have in common.
#[derive(Clone, Debug)]
pub struct CudaOptions {
    /// Reduction and masses of the losses; their factors are the members' own.
    pub loss: LossConfig,
    /// Samples of a step.
    pub batch: usize,
    /// β₁, β₂ and ε of Adam.
    pub adam: (f64, f64, f64),
    /// Decoupled weight decay (AdamW), 0 for none.
    pub weight_decay: f64,
    /// Largest Euclidean norm of the gradient; 0 for no clipping.
    pub clip_norm: f64,
    /// Whether an average of the parameters is kept.
    pub average: bool,
    /// Precision of the products of wide networks.
    pub products: Products,
    /// Which way; `None` takes the persistent kernel where the parameters fit a block's shared memory.
    pub path: Option<CudaPath>,
}

impl CudaOptions {
    /// Adam with this crate's defaults, no decay, no clipping, no average.
    pub fn new(loss: LossConfig, batch: usize) -> Self {
        Self {
            loss,
            batch,
            adam: (0.9, 0.999, 1e-7),
            weight_decay: 0.0,
            clip_norm: 0.0,
            average: false,
            products: Products::default(),
            path: None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let (beta1, beta2, epsilon) = self.adam;
        let range = |what, value: f64, fine: bool, range| {
            if fine {
                Ok(())
            } else {
                Err(Error::Range { what, value, range })
            }
        };
        for beta in [beta1, beta2] {
            range("β of Adam", beta, (0.0..1.0).contains(&beta), "[0, 1)")?;
        }
        range("ε of Adam", epsilon, epsilon > 0.0, "(0, ∞)")?;
        let (decay, clip) = (self.weight_decay, self.clip_norm);
        range(
            "weight decay",
            decay,
            decay >= 0.0 && decay.is_finite(),
            "[0, ∞)",
        )?;
        range(
            "norm to clip at",
            clip,
            clip >= 0.0 && clip.is_finite(),
            "[0, ∞)",
        )?;
        if self.batch == 0 {
            return Err(Error::EmptyBatch);
        }
        Ok(())
    }
}

/// One step's rates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRate {
    /// Learning rate.
    pub rate: f64,
    /// Weight of the new parameters in their average: average += this · (parameters − average).
    pub average: f64,
}

/// Which samples each step takes: indices into the table, step after step.
#[derive(Clone, Copy, Debug)]
pub enum Order<'a> {
    /// steps × batch, the same for every member.
    Shared(&'a [u32]),
    /// members × steps × batch.
    PerMember(&'a [u32]),
}

/// What a member went through in one call of [`CudaTrainer::run`].
#[derive(Clone, Debug, PartialEq)]
pub struct MemberReport {
    /// Losses of every step done, before it.
    pub losses: Vec<LossValues>,
    /// Euclidean norm of every step's gradient, before clipping.
    pub gradient_norms: Vec<f64>,
    /// The step, counted from this call's first, before which the member was stopped because its losses or its gradient were
    /// not finite; its parameters and moments are those before that step. [`CudaTrainer::set_member`] sets it going again.
    pub stopped: Option<usize>,
}

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

impl<T: CudaScalar> CudaTrainer<T> {
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
        let settings = upload(&self.device, &self.settings(table.samples))?;
        let report = zeros(&self.device, self.members.len() * REPORT)?;
        match &self.engine {
            Engine::Persistent(e) => e.losses(&self.state, table, &settings, &report)?,
            Engine::Wide(e) => e.losses(&self.state, table, &settings, &report)?,
        }
        let report = download(&self.device, &report)?;
        let rows = report.chunks(REPORT).zip(&self.members);
        Ok(rows
            .map(|(row, member)| loss_values(row, &member.weights.as_array()))
            .collect())
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

fn loss_values<T: CudaScalar>(row: &[T], weights: &[f64; 4]) -> LossValues {
    let losses = std::array::from_fn(|k| row[k].f64());
    LossValues {
        losses,
        total: (0..4).map(|k| weights[k] * losses[k]).sum(),
    }
}
