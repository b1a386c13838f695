//! Mean and deviation of a set of tables seen one at a time: σ = √(mean of variances + variance of means), each table weighing the same.

/// Running sums over tables, by column.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    columns: usize,
    tables: f64,
    means: Vec<f64>,
    /// Sums of squared deviations of the tables' means (Welford 1962).
    spread: Vec<f64>,
    variances: Vec<f64>,
}

impl Moments {
    pub fn new(columns: usize) -> Self {
        Self {
            columns,
            tables: 0.0,
            means: vec![0.0; columns],
            spread: vec![0.0; columns],
            variances: vec![0.0; columns],
        }
    }

    /// Takes in a row-major table of at least one row.
    pub fn push(&mut self, values: impl Iterator<Item = f64>) {
        let n = self.columns;
        if n == 0 {
            return;
        }
        let mut count = 0usize;
        let (mut mean, mut squares) = (vec![0.0; n], vec![0.0; n]);
        for (i, v) in values.enumerate() {
            let j = i % n;
            if j == 0 {
                count += 1;
            }
            let delta = v - mean[j];
            mean[j] += delta / count as f64;
            squares[j] += delta * (v - mean[j]);
        }
        if count == 0 {
            return;
        }
        self.tables += 1.0;
        for j in 0..n {
            let delta = mean[j] - self.means[j];
            self.means[j] += delta / self.tables;
            self.spread[j] += delta * (mean[j] - self.means[j]);
            self.variances[j] += (squares[j] / count as f64 - self.variances[j]) / self.tables;
        }
    }

    /// Mean and deviation of each column.
    pub fn per_column(&self) -> Vec<(f64, f64)> {
        let tables = self.tables.max(1.0);
        (0..self.columns)
            .map(|j| {
                let variance = self.variances[j] + self.spread[j] / tables;
                (self.means[j], variance.sqrt())
            })
            .collect()
    }

    /// Mean and deviation of all columns taken as one.
    pub fn pooled(&self) -> (f64, f64) {
        let columns = self.per_column();
        let n = columns.len().max(1) as f64;
        let mean = columns.iter().map(|c| c.0).sum::<f64>() / n;
        let variance = columns
            .iter()
            .map(|(m, s)| s * s + (m - mean) * (m - mean))
            .sum::<f64>()
            / n;
        (mean, variance.sqrt())
    }
}
