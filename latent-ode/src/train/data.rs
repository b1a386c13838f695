//! Trajectories as training reads them: scaled, in single precision, one column per output.

use super::{ModelConfig, Objective};
use crate::{
    Dataset, Error, Normalisation,
    series::{derivatives, normalised_times},
};

/// The training set, scaled.
#[derive(Debug)]
pub(crate) struct TrainingData {
    pub samples: usize,
    pub times: usize,
    pub quantities: usize,
    /// log10 t mapped to [0, 1].
    pub grid: Vec<f64>,
    /// What the encoder takes: quantities × (samples · times), column-major, clipped where configured.
    pub inputs: Vec<f32>,
    /// What the decoder should give, in the same order.
    pub targets: Vec<f32>,
    /// d(inputs)/d(grid); empty where training does not need it.
    pub derivatives: Vec<f32>,
}

impl TrainingData {
    pub fn new(
        dataset: &Dataset,
        normalisation: &Normalisation,
        model: &ModelConfig,
        objective: &Objective,
    ) -> Result<Self, Error> {
        let train = dataset.train();
        if train.is_empty() {
            return Err(Error::Empty("train"));
        }
        let grid = normalised_times(dataset.timesteps());
        let mut x = train.log10();
        normalisation.apply(&mut x);
        let quantities = train.quantities();
        let of_f32 = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<f32>>();
        let targets = of_f32(&x);
        let clip = if model.input_clip > 0.0 {
            model.input_clip
        } else {
            f64::INFINITY
        };
        x.iter_mut().for_each(|x| *x = x.clamp(-clip, clip));
        let slopes = match objective {
            Objective::Derivatives(_) => x
                .chunks_exact(train.times() * quantities)
                .flat_map(|series| of_f32(&derivatives(series, &grid, quantities)))
                .collect(),
            Objective::Rollout(_) => Vec::new(),
        };
        Ok(Self {
            samples: train.samples(),
            times: train.times(),
            quantities,
            grid,
            inputs: of_f32(&x),
            targets,
            derivatives: slopes,
        })
    }

    /// Number of outputs of all samples together.
    pub fn points(&self) -> usize {
        self.samples * self.times
    }
}
