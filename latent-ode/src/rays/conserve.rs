//! Elements and charge of a prediction made exact: the nearest abundances that conserve them.
//!
//! Networks predict every species by itself, so that the atoms in them do not add up. The nearest abundances that do, by the
//! Kullback–Leibler divergence ∑ x' ln(x'/x) − x' + x, are x' = x exp(Aᵀλ) with one λ for each conserved sum (Csiszár 1975),
//! found by Newton's method. Main carriers gain most: where nearly all hydrogen is in H₂ or in H its error all but vanishes.

use crate::Error;
use chem_network::Species;
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

/// Linear sums over abundances that have the same value everywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conservation {
    /// Names of the elements, or `charge`.
    names: Vec<String>,
    /// Atoms (or charges) in each species: sums × species.
    counts: Vec<Vec<f64>>,
    /// The values, relative to hydrogen nuclei.
    totals: Vec<f64>,
}

/// A sum counts as conserved where it varies by less than this part of its size \[relative to the atoms or charges present\].
const CONSTANT: f64 = 1e-3;
/// Newton steps; more are needed only where a prediction is far off, which is then left as it is.
const STEPS: usize = 30;
/// Relative accuracy of the sums.
const ACCURACY: f64 = 1e-10;

/// Gathers sums over training data.
#[derive(Debug)]
pub(crate) struct Sums {
    conservation: Conservation,
    /// Least and largest value of each, and the largest of its absolute terms together.
    ranges: Vec<(f64, f64, f64)>,
    points: f64,
}

impl Sums {
    /// Of the elements in the names of the species and of the charge; of nothing where a name is no formula.
    pub fn new(species: &[String]) -> Self {
        let mut conservation = Conservation::default();
        let parsed: Result<Vec<Species>, _> =
            species.iter().map(|s| Species::from_name(s)).collect();
        if let Ok(parsed) = parsed {
            let mut elements: Vec<String> = Vec::new();
            for s in &parsed {
                for (element, _) in s.composition().iter() {
                    let symbol = element.symbol().to_string();
                    if !elements.contains(&symbol) {
                        elements.push(symbol);
                    }
                }
            }
            let count = |s: &Species, symbol: &str| -> f64 {
                let of = s.composition().iter().filter(|(e, _)| e.symbol() == symbol);
                of.map(|(_, n)| f64::from(n)).sum()
            };
            for symbol in elements {
                let row = parsed.iter().map(|s| count(s, &symbol)).collect();
                conservation.counts.push(row);
                conservation.names.push(symbol);
            }
            let charges: Vec<f64> = parsed.iter().map(|s| f64::from(s.charge())).collect();
            if charges.iter().any(|c| *c > 0.0) && charges.iter().any(|c| *c < 0.0) {
                conservation.counts.push(charges);
                conservation.names.push("charge".into());
            }
        }
        let sums = conservation.names.len();
        conservation.totals = vec![0.0; sums];
        Self {
            conservation,
            ranges: vec![(f64::INFINITY, f64::NEG_INFINITY, 0.0); sums],
            points: 0.0,
        }
    }

    /// Takes in the abundances of a point.
    pub fn push(&mut self, abundances: &[f64]) {
        self.points += 1.0;
        let c = &mut self.conservation;
        for ((row, total), range) in c.counts.iter().zip(&mut c.totals).zip(&mut self.ranges) {
            let terms = row.iter().zip(abundances).map(|(a, x)| a * x);
            let (sum, size) = terms.fold((0.0, 0.0), |(s, m): (f64, f64), t| (s + t, m + t.abs()));
            *total += (sum - *total) / self.points;
            *range = (range.0.min(sum), range.1.max(sum), range.2.max(size));
        }
    }

    /// The sums that do not vary.
    pub fn conserved(self) -> Conservation {
        let mut out = Conservation::default();
        let c = self.conservation;
        let all = c
            .names
            .into_iter()
            .zip(c.counts)
            .zip(c.totals)
            .zip(self.ranges);
        for (((name, counts), total), (low, high, size)) in all {
            if size > 0.0 && high - low <= CONSTANT * size {
                out.names.push(name);
                out.counts.push(counts);
                // The charge's mean is a rounding error.
                out.totals.push(if total.abs() < CONSTANT * size {
                    0.0
                } else {
                    total
                });
            }
        }
        out
    }
}

impl Conservation {
    /// Names of what is conserved.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Refuses what a file may hold but is no set of sums over so many species.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn check(&self, species: usize) -> Result<(), Error> {
        let n = self.names.len();
        let fits = self.counts.len() == n
            && self.totals.len() == n
            && self.counts.iter().all(|row| row.len() == species)
            && self
                .counts
                .iter()
                .flatten()
                .chain(&self.totals)
                .all(|v| v.is_finite());
        if fits {
            return Ok(());
        }
        Err(Error::Shape {
            what: "conserved sums".into(),
            found: vec![self.counts.len(), self.totals.len()],
            expected: format!("{n} finite sums over {species} species"),
        })
    }

    /// Moves abundances to the nearest that conserve every sum; leaves them where they are if none are found.
    pub fn project(&self, abundances: &mut [f64]) {
        let n = self.names.len();
        if n == 0 || abundances.iter().any(|x| !x.is_finite()) {
            return;
        }
        let mut lambda = DVector::<f64>::zeros(n);
        let moved = |lambda: &DVector<f64>| -> Vec<f64> {
            let factor = |j: usize| -> f64 {
                let exponent: f64 = (0..n).map(|k| self.counts[k][j] * lambda[k]).sum();
                exponent.exp()
            };
            abundances
                .iter()
                .enumerate()
                .map(|(j, x)| x * factor(j))
                .collect()
        };
        for _ in 0..STEPS {
            let x = moved(&lambda);
            let term = |k: usize, j: usize| self.counts[k][j] * x[j];
            let residual = DVector::from_fn(n, |k, _| {
                (0..x.len()).map(|j| term(k, j)).sum::<f64>() - self.totals[k]
            });
            let size = |k: usize| (0..x.len()).map(|j| term(k, j).abs()).sum::<f64>();
            if (0..n).all(|k| residual[k].abs() <= ACCURACY * size(k)) {
                abundances.copy_from_slice(&x);
                return;
            }
            let hessian = DMatrix::from_fn(n, n, |k, l| {
                (0..x.len()).map(|j| term(k, j) * self.counts[l][j]).sum()
            });
            let Some(step) = hessian.cholesky().map(|c| c.solve(&residual)) else {
                return;
            };
            let longest = step.amax();
            if !longest.is_finite() {
                return;
            }
            // A factor of e at a time at most.
            lambda -= step * (1.0 / longest.max(1.0));
        }
    }
}
