//! Many trajectories on common times in one block of memory, and their floored logarithms.

use crate::Error;

/// Abundances below this fraction of n_tot count as this fraction wherever logarithms are taken (Grassi et al. 2021, appendix C).
pub const FLOOR: f64 = 1e-20;
/// Negative densities up to this fraction of n_tot are rounding of the solver that made them.
const NEGATIVE_TOLERANCE: f64 = 1e-14;

/// Number densities \[cm⁻³\], samples × times × quantities, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectories {
    samples: usize,
    times: usize,
    quantities: usize,
    values: Vec<f64>,
}

impl Trajectories {
    /// Wraps `values`, samples × times × quantities, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] when the length is not the product of the three.
    pub fn new(
        values: Vec<f64>,
        samples: usize,
        times: usize,
        quantities: usize,
    ) -> Result<Self, Error> {
        if samples
            .checked_mul(times)
            .and_then(|n| n.checked_mul(quantities))
            != Some(values.len())
        {
            return Err(Error::Shape {
                what: "trajectories".into(),
                found: vec![values.len()],
                expected: format!("{samples} samples × {times} times × {quantities} quantities"),
            });
        }
        Ok(Self {
            samples,
            times,
            quantities,
            values,
        })
    }

    /// No samples, of the given shape otherwise.
    pub fn empty(times: usize, quantities: usize) -> Self {
        Self {
            samples: 0,
            times,
            quantities,
            values: Vec::new(),
        }
    }

    /// Number of samples (models).
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// Number of output times.
    pub fn times(&self) -> usize {
        self.times
    }

    /// Number of quantities (species).
    pub fn quantities(&self) -> usize {
        self.quantities
    }

    /// All values, samples × times × quantities, row-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// One trajectory, times × quantities, row-major.
    ///
    /// # Panics
    /// When `sample` is out of range, as indexing does.
    pub fn sample(&self, sample: usize) -> &[f64] {
        let size = self.times * self.quantities;
        &self.values[sample * size..][..size]
    }

    /// The state of one sample at one time \[cm⁻³\].
    ///
    /// # Panics
    /// When an index is out of range, as indexing does.
    pub fn state(&self, sample: usize, time: usize) -> &[f64] {
        &self.sample(sample)[time * self.quantities..][..self.quantities]
    }

    /// Total density of a sample: the sum of its first output \[cm⁻³\].
    ///
    /// # Panics
    /// When `sample` is out of range, as indexing does.
    pub fn total(&self, sample: usize) -> f64 {
        self.state(sample, 0).iter().sum()
    }

    /// log10 of everything, floored at [`FLOOR`] · n_tot of each sample (a value at or below zero becomes the floor).
    pub fn log10(&self) -> Vec<f64> {
        let mut out = Vec::with_capacity(self.values.len());
        for sample in 0..self.samples {
            let floor = FLOOR * self.total(sample);
            out.extend(self.sample(sample).iter().map(|n| n.max(floor).log10()));
        }
        out
    }

    /// The samples of the given indices, in that order.
    ///
    /// # Panics
    /// When an index is out of range, as indexing does.
    pub fn select(&self, samples: &[usize]) -> Self {
        let values = samples
            .iter()
            .flat_map(|&i| self.sample(i).iter().copied())
            .collect();
        Self {
            samples: samples.len(),
            values,
            ..*self
        }
    }

    /// Quantities in another order: new column i is old column `order[i]`.
    pub(crate) fn reordered(&self, order: &[usize]) -> Self {
        let mut values = Vec::with_capacity(self.samples * self.times * order.len());
        for state in self.values.chunks_exact(self.quantities.max(1)) {
            values.extend(order.iter().map(|&i| state[i]));
        }
        Self {
            quantities: order.len(),
            values,
            ..*self
        }
    }

    /// Shape against the labels and times, and every value against what a density may be.
    pub(crate) fn check(
        &self,
        dataset: &str,
        labels: &[String],
        times: usize,
    ) -> Result<(), Error> {
        if self.quantities != labels.len() || self.times != times {
            return Err(Error::Shape {
                what: dataset.into(),
                found: vec![self.samples, self.times, self.quantities],
                expected: format!(
                    "samples × {times} times × {} quantities (timesteps, labels)",
                    labels.len()
                ),
            });
        }
        for sample in 0..self.samples {
            let lowest = -NEGATIVE_TOLERANCE * self.total(sample);
            for (i, &value) in self.sample(sample).iter().enumerate() {
                // Written so that a NaN, in the value or in the total, is refused.
                if !(value >= lowest.min(0.0) && value.is_finite()) {
                    return Err(Error::Value {
                        dataset: dataset.into(),
                        sample,
                        time: i / self.quantities,
                        species: labels[i % self.quantities].clone(),
                        value,
                    });
                }
            }
        }
        Ok(())
    }
}
