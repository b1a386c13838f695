//! How wrong a prediction is: one set of statistics for autoencoder, rollout and interpolation alike.
//!
//! With truth n and prediction n̂ \[cm⁻³\] over models, compared outputs and species: Δr = |n̂ − n|/n, and
//! |Δlog10| = |log10 n̂ − log10 n| with both sides floored at 1e-20 n_tot, n_tot being the sum of the model's first output.
//! Where the truth is zero or negative (a solver's rounding) Δr is relative to that floor.

mod table_f1;

pub use table_f1::TABLE_F1;

use crate::{Error, FLOOR, Trajectories};

/// Relative errors below this count as this in logarithms.
const SMALLEST_RELATIVE_ERROR: f64 = 1e-8;

/// Error statistics of predicted trajectories.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Names of the species.
    pub labels: Vec<String>,
    /// Per species: mean of log10 max(Δr, 1e-8) over models and outputs.
    pub mean_log10_relative_error: Vec<f64>,
    /// Per species: standard deviation (of the population) of the same.
    pub std_log10_relative_error: Vec<f64>,
    /// Median of Δr over models, outputs and species.
    pub median_relative_error: f64,
    /// Mean of Δr over models, outputs and species.
    pub mean_relative_error: f64,
    /// Median of |Δlog10| / |log10 n| (the error measure of the CODES benchmark, 2024).
    pub median_log_relative_error: f64,
    /// Mean of the same.
    pub mean_log_relative_error: f64,
    /// Mean of |Δlog10| \[dex\].
    pub mae_dex: f64,
    /// 99th percentile of |Δlog10| \[dex\].
    pub lae99_dex: f64,
    /// Per species: log10 max(Δr, 1e-8), models × compared outputs, model by model.
    log10_errors: Vec<Vec<f64>>,
    /// Per model: mean of log10 max(Δr, 1e-8) over outputs and species.
    model_means: Vec<f64>,
}

impl Evaluation {
    /// Compares `predicted` with `truth`. `first` holds for every model the index of the first output that is compared; the
    /// state before it was given to the predictor. Empty means 1 throughout: only the first output was given.
    ///
    /// # Errors
    /// [`Error::Shape`] when shapes, labels or `first` do not fit; [`Error::Empty`] when nothing is left to compare.
    pub fn new(
        labels: &[String],
        truth: &Trajectories,
        predicted: &Trajectories,
        first: &[usize],
    ) -> Result<Self, Error> {
        let (samples, times, quantities) = (truth.samples(), truth.times(), truth.quantities());
        let shape = |t: &Trajectories| vec![t.samples(), t.times(), t.quantities()];
        if shape(predicted) != shape(truth) || labels.len() != quantities {
            return Err(Error::Shape {
                what: "prediction".into(),
                found: shape(predicted),
                expected: format!(
                    "{samples} models × {times} times × {} species",
                    labels.len()
                ),
            });
        }
        if !first.is_empty() && first.len() != samples {
            return Err(Error::Shape {
                what: "first outputs".into(),
                found: vec![first.len()],
                expected: format!("{samples} models"),
            });
        }
        let first = |model: usize| first.get(model).copied().unwrap_or(1);
        let mut log10_errors = vec![Vec::new(); quantities];
        let (mut relative, mut log_relative, mut dex) = (Vec::new(), Vec::new(), Vec::new());
        let mut model_means = Vec::with_capacity(samples);
        for model in 0..samples {
            let floor = FLOOR * truth.total(model);
            let (mut sum, mut count) = (0.0, 0);
            for time in first(model)..times {
                let states = truth
                    .state(model, time)
                    .iter()
                    .zip(predicted.state(model, time));
                for (species, (&n, &p)) in states.enumerate() {
                    let error = (p - n).abs() / if n > 0.0 { n } else { floor };
                    let log = error.max(SMALLEST_RELATIVE_ERROR).log10();
                    let (log_n, log_p) = (n.max(floor).log10(), p.max(floor).log10());
                    let difference = (log_p - log_n).abs();
                    log10_errors[species].push(log);
                    relative.push(error);
                    dex.push(difference);
                    log_relative.push(difference / log_n.abs().max(SMALLEST_RELATIVE_ERROR));
                    sum += log;
                    count += 1;
                }
            }
            model_means.push(sum / f64::from(count.max(1)));
        }
        if relative.is_empty() {
            return Err(Error::Empty("the part to be evaluated"));
        }
        let means: Vec<f64> = log10_errors.iter().map(|e| mean(e)).collect();
        let deviation = |(errors, m): (&Vec<f64>, &f64)| {
            mean(&errors.iter().map(|e| (e - m).powi(2)).collect::<Vec<_>>()).sqrt()
        };
        let std = log10_errors.iter().zip(&means).map(deviation).collect();
        let (mean_relative_error, mean_log_relative_error, mae_dex) =
            (mean(&relative), mean(&log_relative), mean(&dex));
        for list in [&mut relative, &mut log_relative, &mut dex] {
            list.sort_unstable_by(f64::total_cmp);
        }
        Ok(Self {
            labels: labels.to_vec(),
            mean_log10_relative_error: means,
            std_log10_relative_error: std,
            median_relative_error: quantile(&relative, 0.5),
            mean_relative_error,
            median_log_relative_error: quantile(&log_relative, 0.5),
            mean_log_relative_error,
            mae_dex,
            lae99_dex: quantile(&dex, 0.99),
            log10_errors,
            model_means,
        })
    }

    /// Mean of log10 Δr averaged over species.
    pub fn average(&self) -> f64 {
        mean(&self.mean_log10_relative_error)
    }

    /// Per species: log10 max(Δr, 1e-8) of all models and compared outputs, model by model.
    pub fn log10_errors(&self) -> &[Vec<f64>] {
        &self.log10_errors
    }

    /// Per model: mean of log10 max(Δr, 1e-8) over compared outputs and species.
    pub fn model_means(&self) -> &[f64] {
        &self.model_means
    }

    /// Quantiles of log10 Δr of one species at `levels` in \[0, 1\], interpolated linearly between values.
    ///
    /// # Panics
    /// When `species` is out of range, as indexing does.
    pub fn quantiles(&self, species: usize, levels: &[f64]) -> Vec<f64> {
        let mut sorted = self.log10_errors[species].clone();
        sorted.sort_unstable_by(f64::total_cmp);
        levels
            .iter()
            .map(|&level| quantile(&sorted, level))
            .collect()
    }

    /// Number of species whose mean log10 Δr lies below the paper's, and number of species that Table F.1 holds; `None` when it
    /// holds none of ours.
    pub fn better_than_paper(&self) -> Option<(usize, usize)> {
        let pairs: Vec<(f64, f64)> = self
            .labels
            .iter()
            .zip(&self.mean_log10_relative_error)
            .filter_map(|(label, &ours)| {
                TABLE_F1
                    .iter()
                    .find(|row| row.0 == label)
                    .map(|row| (ours, row.1))
            })
            .collect();
        let better = pairs.iter().filter(|(ours, theirs)| ours < theirs).count();
        (!pairs.is_empty()).then_some((better, pairs.len()))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Quantile of sorted values by linear interpolation between them (NumPy's default).
pub(crate) fn quantile(sorted: &[f64], level: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = level.clamp(0.0, 1.0) * last as f64;
    let below = position.floor();
    let (a, b) = (
        sorted[below as usize],
        sorted[(below as usize + 1).min(last)],
    );
    if a == b {
        a
    } else {
        a + (b - a) * (position - below)
    }
}
