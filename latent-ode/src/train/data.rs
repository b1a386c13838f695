//! Trajectories as training reads them: scaled, in single precision, one column per output.

use std::sync::Arc;

use autodiff_ae::train::SampleTable;

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
    /// Inputs and d(inputs)/d(grid), for training on derivatives; `inputs` is then empty.
    pub table: Option<Arc<SampleTable<f32>>>,
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
        let (inputs, table) = match objective {
            Objective::Derivatives(_) => {
                let slopes = x
                    .chunks_exact(train.times() * quantities)
                    .flat_map(|series| of_f32(&derivatives(series, &grid, quantities)))
                    .collect();
                let table = SampleTable::new(quantities, of_f32(&x), slopes)?;
                (Vec::new(), Some(Arc::new(table)))
            }
            Objective::Rollout(_) => (of_f32(&x), None),
        };
        Ok(Self {
            samples: train.samples(),
            times: train.times(),
            quantities,
            grid,
            inputs,
            targets,
            table,
        })
    }

    /// Number of outputs of all samples together.
    pub fn points(&self) -> usize {
        self.samples * self.times
    }
}
