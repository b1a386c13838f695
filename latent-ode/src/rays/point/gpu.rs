//! Loss, gradient and validation of the members on a GPU; the optimiser and everything else stays on the CPU.

use super::super::config::PointLoss;
use super::objective::{Judge, Place};
use super::pools::Points;
use autodiff_ae::cuda::CudaDevice;
use autodiff_ae::cuda::dense::{CudaPoints, CudaRegression, DensePenalty, DenseRegression};
use autodiff_ae::{Error, Mlp, Scalar};

/// The members and the points they learn from, on a device.
pub struct OnGpu<T> {
    regression: CudaRegression<T>,
    /// The points of one pool, and which.
    loaded: Option<(usize, CudaPoints<T>)>,
    validation: CudaPoints<T>,
    /// Dex of each output's unit; 0 for those that are not judged.
    dex: Vec<T>,
    /// Numbers judged.
    count: usize,
}

impl<T: Scalar> OnGpu<T> {
    /// # Errors
    /// What compiling the kernels or copying the points runs into.
    pub fn new(
        device: &CudaDevice,
        mlp: &Mlp,
        members: usize,
        batch: usize,
        judge: &Judge<T>,
        validation: &Points<T>,
    ) -> Result<Self, Error> {
        let regression = DenseRegression {
            mlp: mlp.clone(),
            networks: members,
            penalty: match judge.loss {
                PointLoss::Absolute => DensePenalty::Absolute,
                PointLoss::Square => DensePenalty::Square,
                PointLoss::Huber { delta } => DensePenalty::Huber(delta),
            },
            weights: judge.weights.clone(),
            batch,
        };
        let regression = CudaRegression::new(device, regression)?;
        let mut dex: Vec<T> = judge.dex.iter().map(|&d| T::of(d)).collect();
        dex.resize(mlp.outputs(), T::zero());
        Ok(Self {
            validation: regression.points(&validation.features, &validation.targets)?,
            count: validation.targets.len() / mlp.outputs() * judge.dex.len(),
            regression,
            loaded: None,
            dex,
        })
    }
}

impl<T: Scalar> Place<T> for OnGpu<T> {
    fn held(&self) -> Option<usize> {
        self.loaded.as_ref().map(|(held, _)| *held)
    }

    fn release(&mut self) {
        self.loaded = None;
    }

    fn take(&mut self, pool: usize, points: Points<T>) -> Result<(), Error> {
        let points = self.regression.points(&points.features, &points.targets)?;
        self.loaded = Some((pool, points));
        Ok(())
    }

    fn evaluate(
        &mut self,
        params: &[T],
        chosen: &[usize],
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        let Some((_, points)) = &self.loaded else {
            return Err(Error::EmptyBatch);
        };
        self.regression.evaluate(params, points, chosen, gradient)
    }

    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, Error> {
        if self.count == 0 {
            return Ok(None);
        }
        let sum = self.regression.score(params, &self.validation, &self.dex)?;
        Ok(Some(sum / self.count as f64))
    }
}
