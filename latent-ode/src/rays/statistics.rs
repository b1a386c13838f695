//! How far predictions are from the truth, in dex: overall, by depth, by species, by position along the ray.

use super::scaling::ABUNDANCE_OFFSET;
use serde::Serialize;

/// Upper bounds of the bins of A_V \[mag\]; the last takes what is deeper.
pub const EXTINCTION_BINS: [f64; 5] = [1e-3, 0.1, 1.0, 5.0, f64::INFINITY];
/// Abundances above this are judged apart as well: below it nothing is observed.
pub const TRACE: f64 = 1e-12;

/// A sum and how many it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    /// Takes in a value.
    pub fn push(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    /// The mean; `None` of nothing.
    pub fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    fn merge(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
    }
}

/// Mean absolute errors |log10((x̂ + 1e-20) / (x + 1e-20))| gathered over series. A value that is not finite counts as such
/// and enters no mean.
#[derive(Clone, Debug, PartialEq)]
pub struct RayErrors {
    species: Vec<Mean>,
    above_trace: Mean,
    by_extinction: [Mean; 5],
    by_index: Vec<Mean>,
    /// Sums of log10(x + 1e-20) and its square by species: the spread that errors are compared with.
    truth: Vec<(f64, f64)>,
    gas_temperature: Mean,
    non_finite: u64,
}

/// The statistics of a set of series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RayScores {
    /// Mean over all points and species \[dex\].
    pub mae_dex: Option<f64>,
    /// Where the true abundance exceeds 1e-12.
    pub mae_dex_above_1e_12: Option<f64>,
    /// By [`EXTINCTION_BINS`].
    pub mae_dex_by_av: [Option<f64>; 5],
    /// By species.
    pub mae_dex_per_species: Vec<Option<f64>>,
    /// Standard deviation of the true log abundances \[dex\], by species.
    pub spread_dex_per_species: Vec<f64>,
    /// By position along the ray.
    pub mae_dex_by_index: Vec<Option<f64>>,
    /// Of log10 T_gas, where it is predicted.
    pub mae_dex_gas_temperature: Option<f64>,
    /// Predicted numbers that are not finite.
    pub non_finite: u64,
}

impl RayErrors {
    /// Nothing yet, of so many species.
    pub fn new(species: usize) -> Self {
        Self {
            species: vec![Mean::default(); species],
            above_trace: Mean::default(),
            by_extinction: [Mean::default(); 5],
            by_index: Vec::new(),
            truth: vec![(0.0, 0.0); species],
            gas_temperature: Mean::default(),
            non_finite: 0,
        }
    }

    /// Takes in point `index` of a ray at extinction `av` \[mag\]: true and predicted abundances, one per species.
    /// The first point of a ray is where a rollout starts: callers leave it out.
    pub fn push(&mut self, index: usize, av: f64, truth: &[f64], predicted: &[f64]) {
        if self.by_index.len() <= index {
            self.by_index.resize(index + 1, Mean::default());
        }
        let bin = EXTINCTION_BINS.iter().position(|b| av < *b).unwrap_or(4);
        for (j, (x, p)) in truth.iter().zip(predicted).enumerate() {
            let log = (x + ABUNDANCE_OFFSET).log10();
            let error = ((p + ABUNDANCE_OFFSET).log10() - log).abs();
            if !error.is_finite() {
                self.non_finite += 1;
                continue;
            }
            self.truth[j].0 += log;
            self.truth[j].1 += log * log;
            self.species[j].push(error);
            self.by_extinction[bin].push(error);
            self.by_index[index].push(error);
            if *x > TRACE {
                self.above_trace.push(error);
            }
        }
    }

    /// Takes in a gas temperature \[K\].
    pub fn push_temperature(&mut self, truth: f64, predicted: f64) {
        let error = (predicted / truth).log10().abs();
        if error.is_finite() {
            self.gas_temperature.push(error);
        } else {
            self.non_finite += 1;
        }
    }

    /// Takes in what another gathered of other series.
    pub fn merge(&mut self, other: &Self) {
        let add = |a: &mut [Mean], b: &[Mean]| a.iter_mut().zip(b).for_each(|(a, b)| a.merge(*b));
        if self.by_index.len() < other.by_index.len() {
            self.by_index.resize(other.by_index.len(), Mean::default());
        }
        add(&mut self.species, &other.species);
        add(&mut self.by_extinction, &other.by_extinction);
        add(&mut self.by_index, &other.by_index);
        self.above_trace.merge(other.above_trace);
        self.gas_temperature.merge(other.gas_temperature);
        for (a, b) in self.truth.iter_mut().zip(&other.truth) {
            a.0 += b.0;
            a.1 += b.1;
        }
        self.non_finite += other.non_finite;
    }

    /// What has been gathered.
    pub fn scores(&self) -> RayScores {
        let mut all = Mean::default();
        self.species.iter().for_each(|m| all.merge(*m));
        let spread = |(mean, total): (&Mean, &(f64, f64))| {
            let n = mean.count.max(1) as f64;
            (total.1 / n - (total.0 / n).powi(2)).max(0.0).sqrt()
        };
        RayScores {
            mae_dex: all.value(),
            mae_dex_above_1e_12: self.above_trace.value(),
            mae_dex_by_av: self.by_extinction.map(Mean::value),
            mae_dex_per_species: self.species.iter().map(|m| m.value()).collect(),
            spread_dex_per_species: self.species.iter().zip(&self.truth).map(spread).collect(),
            mae_dex_by_index: self.by_index.iter().map(|m| m.value()).collect(),
            mae_dex_gas_temperature: self.gas_temperature.value(),
            non_finite: self.non_finite,
        }
    }
}
