//! The baseline every surrogate stands beside: trajectories interpolated over the parameters of their initial state.
//!
//! Cubic radial basis functions φ(r) = r³ with a linear polynomial tail (SciPy's `RBFInterpolator(kernel="cubic")`) map log10 of
//! those initial abundances that vary, scaled to unit range, to log10 of the whole trajectory.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use crate::{Dataset, Error, FLOOR, Trajectories};

/// Share of a column's variance below which what the chosen columns leave of it counts as nothing.
const DEPENDENT: f64 = 1e-6;
/// Range of log10 n below which an initial abundance counts as constant \[dex\].
const CONSTANT: f64 = 1e-6;

/// Interpolated trajectories of the training set.
#[derive(Clone, Debug)]
pub struct Interpolation {
    labels: Vec<String>,
    /// Species whose initial abundances are the parameters.
    columns: Vec<usize>,
    /// Lowest value and range of every parameter \[dex\].
    scaling: Vec<(f64, f64)>,
    /// Scaled parameters, parameters × nodes.
    nodes: DMatrix<f64>,
    /// Weights of the nodes, the constant and the parameters: (nodes + 1 + parameters) × (times · quantities).
    weights: DMatrix<f64>,
    times: usize,
    /// Abundances below this count as this \[cm⁻³\].
    floor: f64,
}

impl Interpolation {
    /// Fits to `train`.
    ///
    /// Its parameters are chosen so that they determine each other neither as logarithms nor as abundances: of the species whose
    /// initial abundance varies, the one with the largest variance of log10 n is taken, then the one of which the chosen ones leave
    /// the largest part unexplained by a linear fit of logarithms, and so on, as long as more than a millionth of its variance is
    /// left in a fit of logarithms as well as of abundances (n_O = n_C + n_C+ is no third parameter).
    ///
    /// # Errors
    /// [`Error::Empty`] without training models, [`Error::Interpolation`] when no initial abundance varies or the models do not
    /// determine the interpolation.
    pub fn fit(dataset: &Dataset) -> Result<Self, Error> {
        let train = dataset.train();
        if train.is_empty() {
            return Err(Error::Empty("train"));
        }
        // One floor for all models: that of a model's own n_tot would vary with the other species.
        let floor = FLOOR
            * (0..train.samples())
                .map(|m| train.total(m))
                .fold(f64::INFINITY, f64::min);
        let columns = independent_columns(train, floor);
        if columns.is_empty() {
            return Err(Error::Interpolation(
                "no initial abundance varies in `train`".into(),
            ));
        }
        let models = distinct(train, &columns, floor);
        if models.len() < columns.len() + 1 {
            return Err(Error::Interpolation(format!(
                "{} different initial states for {} parameters",
                models.len(),
                columns.len()
            )));
        }
        let raw = DMatrix::from_fn(columns.len(), models.len(), |c, m| {
            log_initial(train, models[m], columns[c], floor)
        });
        let scaling: Vec<(f64, f64)> = raw
            .row_iter()
            .map(|row| (row.min(), row.max() - row.min()))
            .collect();
        let nodes = DMatrix::from_fn(raw.nrows(), raw.ncols(), |c, m| {
            (raw[(c, m)] - scaling[c].0) / scaling[c].1
        });
        let (n, d) = (models.len(), columns.len());
        let mut system = DMatrix::zeros(n + d + 1, n + d + 1);
        for i in 0..n {
            for j in 0..n {
                system[(i, j)] = cubic(&nodes.column(i).into_owned(), nodes.column(j).iter());
            }
            system[(i, n)] = 1.0;
            system[(n, i)] = 1.0;
            for c in 0..d {
                system[(i, n + 1 + c)] = nodes[(c, i)];
                system[(n + 1 + c, i)] = nodes[(c, i)];
            }
        }
        let logs = train.log10();
        let size = train.times() * train.quantities();
        let mut weights = DMatrix::zeros(n + d + 1, size);
        for (row, &model) in models.iter().enumerate() {
            weights
                .row_mut(row)
                .iter_mut()
                .zip(&logs[model * size..])
                .for_each(|(w, x)| *w = *x);
        }
        if !system.lu().solve_mut(&mut weights) || weights.iter().any(|w| !w.is_finite()) {
            return Err(Error::Interpolation(format!(
                "the {n} initial states do not determine it (singular matrix)"
            )));
        }
        Ok(Self {
            labels: dataset.labels().to_vec(),
            columns,
            scaling,
            nodes,
            weights,
            times: train.times(),
            floor,
        })
    }

    /// Species whose initial abundances are the parameters.
    pub fn parameters(&self) -> Vec<&str> {
        self.columns
            .iter()
            .map(|&c| self.labels[c].as_str())
            .collect()
    }

    /// Number of training models that carry the interpolation (those with equal parameters count once).
    pub fn nodes(&self) -> usize {
        self.nodes.ncols()
    }

    /// The trajectory \[cm⁻³\] from an initial state \[cm⁻³\] at the training set's first time: times × quantities, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] when the state has another length than the labels.
    pub fn predict(&self, state: &[f64]) -> Result<Vec<f64>, Error> {
        if state.len() != self.labels.len() {
            return Err(Error::Shape {
                what: "initial state".into(),
                found: vec![state.len()],
                expected: format!("[{}]", self.labels.len()),
            });
        }
        let log = |c: usize| state[c].max(self.floor).log10();
        let at = DVector::from_iterator(
            self.columns.len(),
            self.columns
                .iter()
                .zip(&self.scaling)
                .map(|(&c, &(low, range))| (log(c) - low) / range),
        );
        let (n, d) = (self.nodes.ncols(), self.columns.len());
        let basis = DVector::from_fn(n + d + 1, |i, _| match i {
            i if i < n => cubic(&at, self.nodes.column(i).iter()),
            i if i == n => 1.0,
            i => at[i - n - 1],
        });
        Ok(self
            .weights
            .tr_mul(&basis)
            .iter()
            .map(|log| 10f64.powf(*log))
            .collect())
    }

    /// Trajectories from the first outputs of `truth`, which has the training set's times.
    ///
    /// # Errors
    /// [`Error::Shape`] when times or species differ from the training set's.
    pub fn predict_all(&self, truth: &Trajectories) -> Result<Trajectories, Error> {
        if truth.times() != self.times {
            return Err(Error::Shape {
                what: "trajectories".into(),
                found: vec![truth.samples(), truth.times(), truth.quantities()],
                expected: format!("{} times, those of the training set", self.times),
            });
        }
        let all: Result<Vec<_>, _> = (0..truth.samples())
            .into_par_iter()
            .map(|m| self.predict(truth.state(m, 0)))
            .collect();
        Trajectories::new(
            all?.concat(),
            truth.samples(),
            truth.times(),
            truth.quantities(),
        )
    }
}

fn cubic<'a>(a: &DVector<f64>, b: impl Iterator<Item = &'a f64>) -> f64 {
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - y).powi(2))
        .sum::<f64>()
        .sqrt()
        .powi(3)
}

fn log_initial(train: &Trajectories, model: usize, species: usize, floor: f64) -> f64 {
    train.state(model, 0)[species].max(floor).log10()
}

/// Models of which no earlier one has the same parameters.
fn distinct(train: &Trajectories, columns: &[usize], floor: f64) -> Vec<usize> {
    let mut seen = std::collections::BTreeSet::new();
    let key = |m: usize| {
        columns
            .iter()
            .map(|&c| log_initial(train, m, c, floor).to_bits())
            .collect::<Vec<_>>()
    };
    (0..train.samples())
        .filter(|&m| seen.insert(key(m)))
        .collect()
}

/// See [`Interpolation::fit`].
fn independent_columns(train: &Trajectories, floor: f64) -> Vec<usize> {
    let models = train.samples();
    let centred = |mut column: DVector<f64>| {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
        column
    };
    struct Column {
        species: usize,
        /// What the chosen columns leave of log10 n and of n, and what there was at first.
        left: [DVector<f64>; 2],
        whole: [f64; 2],
    }
    let mut candidates = Vec::new();
    for species in 0..train.quantities() {
        let logs = DVector::from_fn(models, |m, _| log_initial(train, m, species, floor));
        if logs.max() - logs.min() > CONSTANT {
            let values = DVector::from_fn(models, |m, _| train.state(m, 0)[species]);
            let left = [centred(logs), centred(values)];
            let whole = [left[0].norm_squared(), left[1].norm_squared()];
            candidates.push(Column {
                species,
                left,
                whole,
            });
        }
    }
    let mut chosen = Vec::new();
    while chosen.len() + 1 < models {
        candidates.retain(|c| (0..2).all(|k| c.left[k].norm_squared() > DEPENDENT * c.whole[k]));
        let largest = candidates.iter().enumerate().max_by(|(i, a), (k, b)| {
            // Of equals the earlier species.
            a.left[0]
                .norm_squared()
                .total_cmp(&b.left[0].norm_squared())
                .then(k.cmp(i))
        });
        let Some(pick) = largest.map(|(i, _)| i) else {
            break;
        };
        let Column { species, left, .. } = candidates.swap_remove(pick);
        candidates.sort_by_key(|c| c.species);
        chosen.push(species);
        for (k, direction) in left.into_iter().enumerate() {
            let direction = direction.normalize();
            for other in &mut candidates {
                let share = direction.dot(&other.left[k]);
                other.left[k].axpy(-share, &direction, 1.0);
            }
        }
    }
    chosen.sort_unstable();
    chosen
}
