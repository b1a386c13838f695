//! Predicted lines of sight drawn on a page of their own, with the data's abundances beside them where there are any.

use super::lines::LineSource;
use super::report::SHOWN;
use crate::error::Error;
use crate::report::rays::{Curves, predictions};
use latent_ode::rays::{ABUNDANCE_OFFSET, RayPrediction, Series, SeriesSource};

/// A line of sight to draw: log10 of abundances, points × species.
#[derive(Debug, Clone)]
pub struct Shown {
    name: String,
    depth: Vec<f64>,
    truth: Vec<f64>,
    predicted: Vec<f64>,
}

/// Whether line `i` of `count` is drawn: the first, the middle and the last are.
pub fn is_shown(i: usize, count: usize) -> bool {
    i == 0 || i == count / 2 || i + 1 == count
}

impl Shown {
    /// What is drawn of line `i`, the points beyond the surface.
    pub fn new(source: &LineSource, i: usize, series: &Series, predicted: &RayPrediction) -> Self {
        let species = source.species().len();
        let points: Vec<usize> = (0..series.len()).filter(|&k| series.s[k] > 0.0).collect();
        let logs = |all: &[f64]| -> Vec<f64> {
            let rows = points
                .iter()
                .flat_map(|&k| &all[k * species..(k + 1) * species]);
            rows.map(|x| (x + ABUNDANCE_OFFSET).log10()).collect()
        };
        let light = source.parameters().and_then(|p| p.get(i)).map(|p| {
            format!(
                ", χ₀ {:.3} Draine, ζ {:.2e} s⁻¹",
                p.field, p.ionisation_rate
            )
        });
        Self {
            name: format!("{}{}", source.id(i), light.unwrap_or_default()),
            depth: points.iter().map(|&k| series.s[k].log10()).collect(),
            truth: match series.x.iter().any(|x| *x > 0.0) {
                true => logs(&series.x),
                false => Vec::new(),
            },
            predicted: logs(&predicted.abundances),
        }
    }
}

/// The page; `source` says what predicted from what.
pub fn page(source: &str, species: &[String], lines: Vec<Shown>) -> Result<String, Error> {
    let shown: Vec<usize> = SHOWN
        .iter()
        .filter_map(|s| species.iter().position(|m| m == s))
        .collect();
    let columns = |all: &[f64]| -> Vec<Vec<f64>> {
        let one = |&j: &usize| all.iter().skip(j).step_by(species.len()).copied().collect();
        shown.iter().map(one).collect()
    };
    let series: Vec<Curves> = lines
        .into_iter()
        .enumerate()
        .map(|(i, line)| Curves {
            chosen_as: (i + 1).to_string(),
            error: f64::NAN,
            truth: columns(&line.truth),
            predicted: columns(&line.predicted),
            depth: line.depth,
            name: line.name,
        })
        .collect();
    let names: Vec<String> = shown.iter().map(|&j| species[j].clone()).collect();
    Ok(predictions(source, &names, &series)?)
}
