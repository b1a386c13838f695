//! The plainest baseline of a set of rays, whatever their lengths and grids: the ray learned from whose inputs are nearest, its
//! abundances taken at the same A_V.

use super::config::Inputs;
use super::model::RayPrediction;
use super::moments::Moments;
use super::scaling::{ABUNDANCE_OFFSET, EXTINCTION_OFFSET};
use super::series::{Quantity, Series, SeriesSource, position};
use crate::Error;
use nalgebra::{DMatrix, SymmetricEigen};

/// Places along a ray at which its inputs are compared.
const PLACES: usize = 8;

/// Rays to be near to.
///
/// A ray is described by log10 (A_V + 1e-8) of its first and of its last point, and by the logarithm of every input (those that a
/// surrogate of the same [`Inputs`] is given) at eight places equally far apart in log10 (A_V + 1e-8) between the two, linear between
/// points. The distance of two rays is Euclidean, with both ends and every input (as a root mean square over its places) in units
/// of their deviation over the rays learned from.
pub struct NearestRay<'a> {
    source: &'a dyn SeriesSource,
    inputs: Inputs,
    /// On the numbers of the description; 0 for what never changes.
    weights: Vec<f64>,
    /// Principal axes, one per row, that of the largest variance first.
    axes: DMatrix<f64>,
    /// Weighted descriptions in these axes, sorted by the first.
    table: Vec<f64>,
    /// Their places in the source.
    members: Vec<usize>,
}

impl std::fmt::Debug for NearestRay<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NearestRay")
            .field("inputs", &self.inputs)
            .field("rays", &self.members.len())
            .finish_non_exhaustive()
    }
}

/// Numbers that describe a ray.
fn width(inputs: Inputs) -> usize {
    2 + PLACES * inputs.quantities().len()
}

fn depth(av: f64) -> f64 {
    (av + EXTINCTION_OFFSET).log10()
}

/// Where `at` lies among rising depths: the point before and the part of the way to the next, held at the ends.
fn bracket(series: &Series, at: f64) -> (usize, f64) {
    let s = &series.s;
    let after = s.partition_point(|av| depth(*av) <= at);
    if after == 0 || after == s.len() {
        return (after.saturating_sub(1), 0.0);
    }
    let (low, high) = (depth(s[after - 1]), depth(s[after]));
    (after - 1, (at - low) / (high - low))
}

fn describe(inputs: Inputs, series: &Series, found: &[Quantity]) -> Result<Vec<f64>, Error> {
    let (first, last) = match (series.s.first(), series.s.last()) {
        (Some(a), Some(b)) => (depth(*a), depth(*b)),
        _ => return Err(Error::Empty("points of a ray")),
    };
    let mut out = Vec::with_capacity(width(inputs));
    out.extend([first, last]);
    for quantity in inputs.quantities() {
        let column = position(found, *quantity)?;
        let log = |k: usize| (series.quantities(k)[column] + quantity.offset()).log10();
        for place in 0..PLACES {
            let at = first + (last - first) * place as f64 / (PLACES - 1) as f64;
            let (k, part) = bracket(series, at);
            out.push(match part > 0.0 {
                true => (1.0 - part) * log(k) + part * log(k + 1),
                false => log(k),
            });
        }
    }
    Ok(out)
}

impl<'a> NearestRay<'a> {
    /// Describes the rays `members` of a source; they are read one by one, and again when one is the nearest.
    ///
    /// # Errors
    /// [`Error::Empty`] for no rays, [`Error::MissingQuantity`] where an input is not given, what reading runs into.
    pub fn fit(
        source: &'a dyn SeriesSource,
        members: &[usize],
        inputs: Inputs,
    ) -> Result<Self, Error> {
        if members.is_empty() {
            return Err(Error::Empty("train"));
        }
        let (n, width) = (members.len(), width(inputs));
        let mut rows = Vec::with_capacity(n * width);
        // Both ends, then one pair for all places of an input.
        let mut ends = Moments::new(2);
        let mut along = Moments::new(inputs.quantities().len());
        for &i in members {
            let row = describe(inputs, &source.series(i)?, source.quantities())?;
            ends.push(row[..2].iter().copied());
            let place = |k: usize| row[2 + k..].iter().step_by(PLACES);
            along.push((0..PLACES).flat_map(place).copied());
            rows.extend(row);
        }
        let weight = |(_, s): (f64, f64)| if s > 1e-9 { 1.0 / s } else { 0.0 };
        let mut weights: Vec<f64> = ends.per_column().into_iter().map(weight).collect();
        for pair in along.per_column() {
            let one = weight(pair) / (PLACES as f64).sqrt();
            weights.extend([one; PLACES]);
        }
        for (i, v) in rows.iter_mut().enumerate() {
            *v *= weights[i % width];
        }
        let axes = principal_axes(&rows, width);
        // A rotation keeps distances, and most of one shows in the first axes already.
        let turned = &axes * DMatrix::from_column_slice(width, n, &rows);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| turned[(0, a)].total_cmp(&turned[(0, b)]));
        let table = order
            .iter()
            .flat_map(|&i| turned.column(i).iter().copied().collect::<Vec<_>>())
            .collect();
        Ok(Self {
            source,
            inputs,
            weights,
            axes,
            table,
            members: order.into_iter().map(|i| members[i]).collect(),
        })
    }

    /// The nearest ray's place in the source; of a series whose quantities are the columns `found`.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`], [`Error::Empty`] for a series without points.
    pub fn nearest(&self, series: &Series, found: &[Quantity]) -> Result<usize, Error> {
        let mut row = describe(self.inputs, series, found)?;
        row.iter_mut().zip(&self.weights).for_each(|(v, w)| *v *= w);
        let at = &self.axes * DMatrix::from_column_slice(row.len(), 1, &row);
        Ok(self.members[self.search(at.as_slice())])
    }

    /// Row of the table nearest to `at`: outwards from its place along the first axis, until that axis alone is too far.
    fn search(&self, at: &[f64]) -> usize {
        let (width, n) = (at.len(), self.members.len());
        let row = |i: usize| &self.table[i * width..(i + 1) * width];
        let (mut low, mut high) = (0, n);
        while low < high {
            let middle = (low + high) / 2;
            if row(middle)[0] < at[0] {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let (mut below, mut above) = (low, low);
        let (mut best, mut least) = (low.min(n - 1), f64::INFINITY);
        let along = |i: usize| (row(i)[0] - at[0]).powi(2);
        loop {
            let down = match below {
                0 => f64::INFINITY,
                i => along(i - 1),
            };
            let up = if above < n {
                along(above)
            } else {
                f64::INFINITY
            };
            if down.min(up) >= least {
                return best;
            }
            let i = if down <= up {
                below -= 1;
                below
            } else {
                above += 1;
                above - 1
            };
            let mut sum = 0.0;
            for (a, b) in row(i).chunks(4).zip(at.chunks(4)) {
                sum += a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
                if sum >= least {
                    break;
                }
            }
            if sum < least {
                (best, least) = (i, sum);
            }
        }
    }

    /// Abundances of the nearest ray at the series' A_V, linear in their logarithms over log10 (A_V + 1e-8), beyond its ends those
    /// there; gas temperatures likewise where they are not among the inputs but in the source.
    ///
    /// # Errors
    /// As [`NearestRay::nearest`]; what reading the ray runs into.
    pub fn predict(&self, series: &Series, found: &[Quantity]) -> Result<RayPrediction, Error> {
        let near = self.source.series(self.nearest(series, found)?)?;
        let species = self.source.species().len();
        let temperature = match self.inputs.predicts_temperature() {
            true => position(self.source.quantities(), Quantity::GasTemperature).ok(),
            false => None,
        };
        let mut out = RayPrediction {
            abundances: Vec::with_capacity(series.len() * species),
            gas_temperature: temperature.map(|_| Vec::with_capacity(series.len())),
        };
        let between = |a: f64, b: f64, part: f64, offset: f64| {
            let log = (1.0 - part) * (a + offset).log10() + part * (b + offset).log10();
            (10f64.powf(log) - offset).max(0.0)
        };
        for av in &series.s {
            let (k, part) = bracket(&near, depth(*av));
            let after = (k + 1).min(near.len() - 1);
            let pairs = near.abundances(k).iter().zip(near.abundances(after));
            out.abundances
                .extend(pairs.map(|(a, b)| between(*a, *b, part, ABUNDANCE_OFFSET)));
            if let (Some(t), Some(column)) = (&mut out.gas_temperature, temperature) {
                let [a, b] = [k, after].map(|k| near.quantities(k)[column]);
                t.push(between(a, b, part, 0.0));
            }
        }
        Ok(out)
    }
}

/// Eigenvectors of the covariance of rows, one per row, that of the largest eigenvalue first.
fn principal_axes(rows: &[f64], width: usize) -> DMatrix<f64> {
    let n = (rows.len() / width).max(1) as f64;
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / n);
    }
    let mut covariance = DMatrix::<f64>::zeros(width, width);
    for row in rows.chunks_exact(width) {
        for i in 0..width {
            let a = (row[i] - mean[i]) / n;
            for j in 0..=i {
                covariance[(i, j)] += a * (row[j] - mean[j]);
            }
        }
    }
    covariance.fill_upper_triangle_with_lower_triangle();
    let found = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| found.eigenvalues[b].total_cmp(&found.eigenvalues[a]));
    DMatrix::from_fn(width, width, |i, j| found.eigenvectors[(j, order[i])])
}
