//! The plainest baselines: of a grid, log abundances interpolated over the parameters of its models, point by point along the ray;
//! of a cube, the nearest cell learned from.
//!
//! The interpolation: linear radial basis functions −r with a constant tail over (log χ₀, log n_H, log ζ), what SciPy's
//! `RBFInterpolator(kernel="linear")` computes.

use super::moments::Moments;
use super::point::{CELL_FEATURES, Cells};
use super::scaling::ABUNDANCE_OFFSET;
use super::series::{Quantity, Series, SeriesSource, position};
use crate::Error;
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

/// The parameters of a model.
const PARAMETERS: [Quantity; 3] = [
    Quantity::SurfaceField,
    Quantity::Density,
    Quantity::IonisationRate,
];

/// An interpolation of whole series that share one grid of A_V.
#[derive(Clone, Debug)]
pub struct Interpolated {
    grid: Vec<f64>,
    nodes: Vec<[f64; 3]>,
    /// Of the nodes and the constant, (nodes + 1) × (points · species).
    weights: DMatrix<f64>,
}

fn parameters(series: &Series, found: &[Quantity]) -> Result<[f64; 3], Error> {
    let mut out = [0.0; 3];
    for (p, q) in out.iter_mut().zip(PARAMETERS) {
        let column = position(found, q)?;
        *p = (series.quantities(0).get(column).copied().unwrap_or(0.0) + q.offset()).log10();
    }
    Ok(out)
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    let squares = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y));
    squares.sum::<f64>().sqrt()
}

/// Whether two grids are one, but for the last digits of single precision.
fn same_grid(a: &[f64], b: &[f64]) -> bool {
    let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-5 * x.abs().max(y.abs()) + 1e-12;
    a.len() == b.len() && a.iter().zip(b).all(close)
}

impl Interpolated {
    /// Fits to the series `members`.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`] where a parameter is not given; [`Error::Interpolation`] where the series do not share a grid or
    /// their parameters do not determine it; what reading runs into.
    pub fn fit(source: &dyn SeriesSource, members: &[usize]) -> Result<Self, Error> {
        let found = source.quantities();
        let (mut grid, mut nodes, mut logs) = (Vec::new(), Vec::new(), Vec::new());
        for &i in members {
            let series = source.series(i)?;
            nodes.push(parameters(&series, found)?);
            if grid.is_empty() {
                grid.clone_from(&series.s);
            }
            if !same_grid(&grid, &series.s) {
                return Err(Error::Interpolation(format!(
                    "series {} has another grid of A_V than the first",
                    source.name(i)
                )));
            }
            logs.extend(series.x.iter().map(|x| (x + ABUNDANCE_OFFSET).log10()));
        }
        let n = nodes.len();
        if n == 0 {
            return Err(Error::Empty("train"));
        }
        let system = DMatrix::from_fn(n + 1, n + 1, |i, j| match (i < n, j < n) {
            (true, true) => -distance(&nodes[i], &nodes[j]),
            (false, false) => 0.0,
            _ => 1.0,
        });
        let size = logs.len() / n;
        let mut weights = DMatrix::from_row_slice(n, size, &logs).insert_row(n, 0.0);
        if !system.lu().solve_mut(&mut weights) || weights.iter().any(|w| !w.is_finite()) {
            return Err(Error::Interpolation(format!(
                "the {n} sets of parameters do not determine it"
            )));
        }
        Ok(Self {
            grid,
            nodes,
            weights,
        })
    }

    /// Abundances along a series of the same grid, points × species, from its parameters alone.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`], [`Error::Interpolation`] for another grid.
    pub fn predict(&self, series: &Series, found: &[Quantity]) -> Result<Vec<f64>, Error> {
        if !same_grid(&self.grid, &series.s) {
            return Err(Error::Interpolation(
                "a series of another grid of A_V than the training set's".into(),
            ));
        }
        let at = parameters(series, found)?;
        let n = self.nodes.len();
        let basis = DVector::from_fn(n + 1, |i, _| match self.nodes.get(i) {
            Some(node) => -distance(&at, node),
            None => 1.0,
        });
        let logs = self.weights.tr_mul(&basis);
        Ok(logs
            .iter()
            .map(|l| (10f64.powf(*l) - ABUNDANCE_OFFSET).max(0.0))
            .collect())
    }
}

/// For each cell of `cells` the cell among `known` whose features (those the family `cell` is given) are nearest, each feature
/// standardised over `known`: the abundances of that cell are a prediction without a model.
///
/// # Errors
/// [`Error::Empty`] for no known cells.
pub fn nearest_cells(cells: &Cells, known: &[usize]) -> Result<Vec<usize>, Error> {
    if known.is_empty() {
        return Err(Error::Empty("train"));
    }
    let mut table = cells.features(0..cells.len());
    let mut moments = Moments::new(CELL_FEATURES);
    let row = |table: &[f64], i: usize| table[i * CELL_FEATURES..(i + 1) * CELL_FEATURES].to_vec();
    moments.push(known.iter().flat_map(|&i| row(&table, i)));
    let scale: Vec<f64> = moments
        .per_column()
        .into_iter()
        .map(|(_, s)| if s > 1e-9 { 1.0 / s } else { 0.0 })
        .collect();
    for (i, v) in table.iter_mut().enumerate() {
        *v *= scale[i % CELL_FEATURES];
    }
    let nodes: Vec<Vec<f64>> = known.iter().map(|&i| row(&table, i)).collect();
    let nearest = |at: &[f64]| {
        let far = |node: &Vec<f64>| -> f64 {
            let squares = node.iter().zip(at).map(|(a, b)| (a - b) * (a - b));
            squares.sum()
        };
        let of = (0..nodes.len()).map(|k| (far(&nodes[k]), k));
        let best = of.min_by(|a, b| a.0.total_cmp(&b.0));
        best.map_or(known[0], |(_, k)| known[k])
    };
    Ok(table.par_chunks_exact(CELL_FEATURES).map(nearest).collect())
}
