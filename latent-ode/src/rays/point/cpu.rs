//! Loss, gradient and validation of the members on the CPU, one a thread.

use super::objective::{Judge, Place, penalty};
use super::pools::Points;
use autodiff_ae::{Batch, Error, LANES, Mlp, Pass, Scalar};
use rayon::prelude::*;

/// Points judged at a time.
const JUDGED: usize = 4096;

/// The members and the points they learn from.
pub struct OnCpu<T> {
    judge: Judge<T>,
    /// The points of one pool, and which.
    loaded: Option<(usize, Points<T>)>,
    validation: Points<T>,
    workers: Vec<Worker<T>>,
    input: Batch<T>,
    target: Batch<T>,
}

/// Room of one member.
struct Worker<T> {
    pass: Pass<T>,
    loss: Result<f64, Error>,
}

impl<T: Scalar> OnCpu<T> {
    pub fn new(mlp: &Mlp, members: usize, judge: Judge<T>, validation: Points<T>) -> Self {
        let worker = || Worker {
            pass: Pass::new(mlp),
            loss: Ok(0.0),
        };
        Self {
            judge,
            loaded: None,
            validation,
            workers: (0..members).map(|_| worker()).collect(),
            input: Batch::zeros(mlp.inputs(), 0),
            target: Batch::zeros(mlp.outputs(), 0),
        }
    }

    fn mlp(&self) -> &Mlp {
        self.workers[0].pass.mlp()
    }
}

impl<T: Scalar> Place<T> for OnCpu<T> {
    fn held(&self) -> Option<usize> {
        self.loaded.as_ref().map(|(held, _)| *held)
    }

    fn release(&mut self) {
        self.loaded = None;
    }

    fn take(&mut self, pool: usize, points: Points<T>) -> Result<(), Error> {
        self.loaded = Some((pool, points));
        Ok(())
    }

    fn evaluate(
        &mut self,
        params: &[T],
        chosen: &[usize],
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        if let Some((_, points)) = &self.loaded {
            self.input.gather(&points.features, chosen)?;
            self.target.gather(&points.targets, chosen)?;
        }
        let len = self.mlp().param_len();
        let share = T::of(1.0 / chosen.len() as f64);
        let (input, target) = (&self.input, &self.target);
        let (weights, loss) = (&self.judge.weights, self.judge.loss);
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
        Ok(total)
    }

    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, Error> {
        let (inputs, outputs) = (self.mlp().inputs(), self.mlp().outputs());
        let (len, dex) = (self.mlp().param_len(), &self.judge.dex);
        let points = self.validation.targets.len() / outputs;
        let share = T::of(1.0 / self.workers.len() as f64);
        let mut out = Batch::zeros(outputs, 0);
        let mut sum = 0.0;
        for start in (0..points).step_by(JUDGED) {
            let end = (start + JUDGED).min(points);
            let part = &self.validation.features[start * inputs..end * inputs];
            let input = Batch::from_columns(part, inputs, end - start)?;
            let mut mean = vec![T::zero(); (end - start) * outputs];
            for (worker, params) in self.workers.iter_mut().zip(params.chunks(len)) {
                worker.pass.predict(params, &input, &mut out)?;
                let columns = out.to_columns();
                mean.iter_mut()
                    .zip(&columns)
                    .for_each(|(m, x)| *m += *x * share);
            }
            let truth = &self.validation.targets[start * outputs..end * outputs];
            for (m, t) in mean.chunks_exact(outputs).zip(truth.chunks_exact(outputs)) {
                for (j, dex) in dex.iter().enumerate() {
                    sum += (m[j] - t[j]).abs().f64() * dex;
                }
            }
        }
        let count = points * dex.len();
        Ok((count > 0).then(|| sum / count as f64))
    }
}
