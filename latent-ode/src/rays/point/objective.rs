//! The loss of several networks on the same points, their parameters in one vector: one training, one checkpoint, one validation of
//! their mean.

use super::super::config::PointLoss;
use super::super::scaling::LogScaling;
use super::PointSource;
use super::network::{Affine, views};
use super::pools::{Points, Pools};
use autodiff_ae::train::{Draw, Objective};
use autodiff_ae::{Batch, Checkpoint, Error, LANES, Mlp, ParamView, Pass, Scalar};
use rayon::prelude::*;
use std::borrow::Cow;

/// What every member is trained and judged by.
pub struct Regression<'a, T> {
    pub source: &'a dyn PointSource,
    pub mlp: Mlp,
    pub features: Affine,
    pub targets: LogScaling,
    pub loss: PointLoss,
    /// Of each output in the loss; they sum to 1.
    pub weights: Vec<T>,
    /// Outputs that the validation judges: the abundances.
    pub judged: usize,
    pub pools: Pools,
    pub loaded: Option<(usize, Points<T>)>,
    pub validation: Points<T>,
    pub workers: Vec<Worker<T>>,
    pub input: Batch<T>,
    pub target: Batch<T>,
    /// Tells trainings on other data or of other settings apart.
    pub fingerprint: String,
}

/// Room of one member.
pub struct Worker<T> {
    pass: Pass<T>,
    loss: Result<f64, Error>,
}

impl<T: Scalar> Worker<T> {
    pub fn new(mlp: &Mlp) -> Self {
        Self {
            pass: Pass::new(mlp),
            loss: Ok(0.0),
        }
    }
}

/// Points judged at a time.
const JUDGED: usize = 4096;

/// Value and derivative at a residual.
#[inline(always)]
pub fn penalty<T: Scalar>(loss: PointLoss, r: T) -> (T, T) {
    let sign = |r: T| {
        if r > T::zero() {
            T::one()
        } else if r < T::zero() {
            -T::one()
        } else {
            r
        }
    };
    match loss {
        PointLoss::Absolute => (r.abs(), sign(r)),
        PointLoss::Square => (r * r, r + r),
        PointLoss::Huber { delta } => {
            let d = T::of(delta);
            if r.abs() > d {
                (r.abs() - d * T::of(0.5), sign(r))
            } else {
                (T::of(0.5) * r * r / d, r / d)
            }
        }
    }
}

impl<T: Scalar> Regression<'_, T> {
    fn mini_batch(&mut self, step: u64) -> Result<usize, Error> {
        let pool = self.pools.pool(step);
        if self.loaded.as_ref().is_none_or(|(held, _)| *held != pool) {
            // The old pool makes room before the new one is read.
            self.loaded = None;
            let groups = self.pools.groups(pool);
            let points = Points::load(self.source, groups, &self.features, &self.targets)
                .map_err(|e| Error::Objective(Box::new(e)))?;
            self.loaded = Some((pool, points));
        }
        let members = self.pools.members(step);
        if let Some((_, points)) = &self.loaded {
            self.input.gather(&points.features, members)?;
            self.target.gather(&points.targets, members)?;
        }
        Ok(members.len())
    }
}

impl<T: Scalar> Objective<T> for Regression<'_, T> {
    fn param_len(&self) -> usize {
        self.mlp.param_len() * self.workers.len()
    }

    fn samples(&self) -> usize {
        0
    }

    fn evaluate(
        &mut self,
        params: &[T],
        draw: &Draw<'_>,
        _terms: &mut [f64],
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        let points = self.mini_batch(draw.step)?;
        let len = self.mlp.param_len();
        let share = T::of(1.0 / points as f64);
        let (input, target, weights, loss) = (&self.input, &self.target, &self.weights, self.loss);
        let cotangent =
            |block: usize, lanes: &[T; LANES], out: &[[T; LANES]], bar: &mut [[T; LANES]]| {
                let mut sum = T::zero();
                let rows = out.iter().zip(bar).zip(target.block(block)).zip(weights);
                for (((out, bar), target), weight) in rows {
                    for l in 0..LANES {
                        let (value, slope) = penalty(loss, out[l] - target[l]);
                        let w = *weight * share * lanes[l];
                        bar[l] = w * slope;
                        sum += w * value;
                    }
                }
                sum
            };
        self.workers
            .par_iter_mut()
            .zip(params.par_chunks(len))
            .zip(gradient.par_chunks_mut(len))
            .for_each(|((worker, params), gradient)| {
                worker.loss = worker
                    .pass
                    .forward_reverse(params, input, cotangent, None, gradient);
            });
        let mut total = 0.0;
        for worker in &mut self.workers {
            total += std::mem::replace(&mut worker.loss, Ok(0.0))?;
        }
        Ok(total / self.workers.len() as f64)
    }

    /// Mean absolute error of the members' mean \[dex\], over the abundances.
    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, Error> {
        let (inputs, outputs) = (self.mlp.inputs(), self.mlp.outputs());
        let points = self.validation.targets.len() / outputs;
        let share = T::of(1.0 / self.workers.len() as f64);
        let mut out = Batch::zeros(outputs, 0);
        let mut sum = 0.0;
        for start in (0..points).step_by(JUDGED) {
            let end = (start + JUDGED).min(points);
            let part = &self.validation.features[start * inputs..end * inputs];
            let input = Batch::from_columns(part, inputs, end - start)?;
            let mut mean = vec![T::zero(); (end - start) * outputs];
            for (worker, params) in self
                .workers
                .iter_mut()
                .zip(params.chunks(self.mlp.param_len()))
            {
                worker.pass.predict(params, &input, &mut out)?;
                let columns = out.to_columns();
                mean.iter_mut()
                    .zip(&columns)
                    .for_each(|(m, x)| *m += *x * share);
            }
            let truth = &self.validation.targets[start * outputs..end * outputs];
            for (m, t) in mean.chunks_exact(outputs).zip(truth.chunks_exact(outputs)) {
                for j in 0..self.judged {
                    sum += (m[j] - t[j]).abs().f64() * self.targets.column(j).1;
                }
            }
        }
        let count = points * self.judged;
        Ok((count > 0).then(|| sum / count as f64))
    }

    fn terms(&self) -> Cow<'static, [&'static str]> {
        Cow::Borrowed(&[])
    }

    fn views(&self) -> Vec<ParamView> {
        views(&self.mlp, self.workers.len())
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn describe(&self, _file: &mut Checkpoint) -> Result<(), Error> {
        Ok(())
    }
}
