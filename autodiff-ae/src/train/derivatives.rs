//! The losses L0–L3 over a table of samples with derivatives, as an objective of the training loop.

use super::objective::{Draw, Objective};
use crate::error::check_length;
use crate::losses::Source;
use crate::{
    Autoencoder, Error, LatentDynamics, LossConfig, LossValues, LossWorkspace, ParamView, Scalar,
};
use std::borrow::Cow;
use std::sync::Arc;

/// Samples evaluated together in validation.
const VALIDATION_BATCH: usize = 2048;

/// Samples with derivatives, column-major: x and ẋ of features × samples, conditions × samples.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTable<T> {
    features: usize,
    conditions_per_sample: usize,
    x: Vec<T>,
    xdot: Vec<T>,
    conditions: Vec<T>,
}

impl<T: Scalar> SampleTable<T> {
    /// A table without conditions.
    ///
    /// # Errors
    /// [`Error::Length`] unless both have as many numbers, a multiple of `features`; [`Error::EmptyBatch`] for none;
    /// [`Error::NotFinite`] with the place of a value that is NaN or infinite.
    pub fn new(features: usize, x: Vec<T>, xdot: Vec<T>) -> Result<Self, Error> {
        if x.is_empty() || features == 0 {
            return Err(Error::EmptyBatch);
        }
        check_length("x of a table", x.len() / features * features, x.len())?;
        check_length("ẋ of a table", x.len(), xdot.len())?;
        finite("x of a table", &x)?;
        finite("ẋ of a table", &xdot)?;
        Ok(Self {
            features,
            conditions_per_sample: 0,
            x,
            xdot,
            conditions: Vec::new(),
        })
    }

    /// Adds conditions of the latent right-hand side, `per_sample` numbers for every sample.
    ///
    /// # Errors
    /// As [`SampleTable::new`].
    pub fn with_conditions(mut self, per_sample: usize, conditions: Vec<T>) -> Result<Self, Error> {
        let expected = per_sample * self.samples();
        check_length("conditions of a table", expected, conditions.len())?;
        finite("conditions of a table", &conditions)?;
        self.conditions_per_sample = per_sample;
        self.conditions = conditions;
        Ok(self)
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.x.len() / self.features
    }

    /// Features of a sample.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Conditions of a sample.
    pub fn conditions_per_sample(&self) -> usize {
        self.conditions_per_sample
    }

    /// x, column-major.
    pub fn x(&self) -> &[T] {
        &self.x
    }

    /// ẋ, column-major.
    pub fn xdot(&self) -> &[T] {
        &self.xdot
    }

    /// The conditions, column-major; empty without any.
    pub fn conditions(&self) -> &[T] {
        &self.conditions
    }
}

/// Refuses NaN and infinity: they would reach every parameter within one step.
fn finite<T: Scalar>(what: &'static str, values: &[T]) -> Result<(), Error> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(Error::NotFinite {
            what,
            index,
            value: values[index].f64(),
        }),
        None => Ok(()),
    }
}

/// L0–L3 (Grassi et al. 2021) of an autoencoder with a latent right-hand side, on mini-batches of a table. The parameters are
/// `[encoder | decoder | dynamics]`. Cloned tables are shared, so that an ensemble holds the data once.
#[derive(Debug)]
pub struct Derivatives<T, D> {
    model: Autoencoder,
    dynamics: D,
    config: LossConfig,
    train: Arc<SampleTable<T>>,
    held_back: Option<Arc<SampleTable<T>>>,
    workspace: LossWorkspace<T>,
    members: Vec<usize>,
}

impl<T: Scalar, D: LatentDynamics<T>> Derivatives<T, D> {
    /// The losses over `train`.
    ///
    /// # Errors
    /// [`Error::Length`] where table, model, right-hand side and masses do not fit each other.
    pub fn new(
        model: Autoencoder,
        dynamics: D,
        config: LossConfig,
        train: Arc<SampleTable<T>>,
    ) -> Result<Self, Error> {
        let latent = model.latent_dim();
        check_length(
            "latent variables of the right-hand side",
            latent,
            dynamics.latent_dim(),
        )?;
        check_length("masses of the latent species", latent, config.masses.len())?;
        let objective = Self {
            workspace: LossWorkspace::new(&model),
            members: Vec::new(),
            held_back: None,
            model,
            dynamics,
            config,
            train,
        };
        objective.check(&objective.train)?;
        Ok(objective)
    }

    /// Validates on `table`: the score is the weighted sum of the losses over it.
    ///
    /// # Errors
    /// As [`Derivatives::new`].
    pub fn with_validation(mut self, table: Arc<SampleTable<T>>) -> Result<Self, Error> {
        self.check(&table)?;
        self.held_back = Some(table);
        Ok(self)
    }

    fn check(&self, table: &SampleTable<T>) -> Result<(), Error> {
        check_length("features of a table", self.model.features(), table.features)?;
        check_length(
            "conditions of a table",
            self.dynamics.condition_dim(),
            table.conditions_per_sample,
        )
    }

    /// The autoencoder.
    pub fn model(&self) -> &Autoencoder {
        &self.model
    }

    /// The latent right-hand side.
    pub fn dynamics(&self) -> &D {
        &self.dynamics
    }

    /// Weights, reduction and masses.
    pub fn config(&self) -> &LossConfig {
        &self.config
    }

    /// The samples trained on.
    pub fn table(&self) -> &Arc<SampleTable<T>> {
        &self.train
    }

    /// The samples validated on.
    pub fn validation_table(&self) -> Option<&Arc<SampleTable<T>>> {
        self.held_back.as_ref()
    }

    /// The losses over a whole table.
    ///
    /// # Errors
    /// [`Error::Length`] where the table does not fit.
    pub fn losses(&mut self, params: &[T], table: &SampleTable<T>) -> Result<LossValues, Error> {
        self.check(table)?;
        let samples = table.samples();
        let mut sum = LossValues::default();
        for first in (0..samples).step_by(VALIDATION_BATCH) {
            self.members.clear();
            self.members
                .extend(first..(first + VALIDATION_BATCH).min(samples));
            let values = self.model.run_losses(
                &self.dynamics,
                params,
                Source::members(table, &self.members, &[]),
                &self.config,
                &mut self.workspace,
                None,
            )?;
            let share = self.members.len() as f64 / samples as f64;
            sum.total += share * values.total;
            for (s, v) in sum.losses.iter_mut().zip(values.losses) {
                *s += share * v;
            }
        }
        Ok(sum)
    }
}

impl<T: Scalar, D: LatentDynamics<T>> Objective<T> for Derivatives<T, D> {
    fn param_len(&self) -> usize {
        self.model.param_len() + self.dynamics.param_len()
    }

    fn samples(&self) -> usize {
        self.train.samples()
    }

    fn evaluate(
        &mut self,
        params: &[T],
        draw: &Draw<'_>,
        terms: &mut [f64],
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        let values = self.model.run_losses(
            &self.dynamics,
            params,
            Source::members(&self.train, draw.members, draw.next),
            &self.config,
            &mut self.workspace,
            Some(gradient),
        )?;
        terms.copy_from_slice(&values.losses);
        Ok(values.total)
    }

    fn terms(&self) -> Cow<'static, [&'static str]> {
        Cow::Borrowed(&["l0", "l1", "l2", "l3"])
    }

    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, Error> {
        match self.held_back.clone() {
            Some(table) => Ok(Some(self.losses(params, &table)?.total)),
            None => Ok(None),
        }
    }

    fn views(&self) -> Vec<ParamView> {
        self.model.views_with_dynamics(self.dynamics.param_len())
    }

    fn fingerprint(&self) -> String {
        // FNV-1a over what the losses see.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bits: u64| hash = (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        for table in std::iter::once(&self.train).chain(&self.held_back) {
            add(table.samples() as u64);
            let numbers = table.x.iter().chain(&table.xdot).chain(&table.conditions);
            numbers.for_each(|v| add(v.f64().to_bits()));
        }
        let weights = self.config.weights.as_array();
        let factors = weights.iter().chain(&self.config.masses);
        factors.for_each(|w| add(w.to_bits()));
        format!("{hash:016x}")
    }
}
