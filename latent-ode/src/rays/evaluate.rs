//! Judges ray surrogates and baselines on series or cells: the same statistics for all.

use super::baseline::{Interpolated, nearest_cells};
use super::model::{RayModel, RayPrediction};
use super::nearest::NearestRay;
use super::point::Cells;
use super::series::{Quantity, Series, SeriesSource, position};
use super::statistics::{RayErrors, RayScores};
use crate::Error;
use rayon::prelude::*;

/// How a model does on some series.
#[derive(Clone, Debug, PartialEq)]
pub struct RayEvaluation {
    /// Its predictions; the first point of every ray left out.
    pub scores: RayScores,
    /// Decoder of encoder on the true abundances, for families with an encoder.
    pub autoencoder: Option<RayScores>,
    /// Series judged.
    pub series: usize,
    /// Mean error of each series \[dex\], in the order given.
    pub by_series: Vec<Option<f64>>,
}

/// Series judged at a time by one thread.
const GROUP: usize = 64;

/// Judges a model on the series `members`.
///
/// # Errors
/// [`Error::Species`] where the data has other species than the model, what reading or predicting runs into.
pub fn evaluate_rays(
    model: &RayModel,
    source: &dyn SeriesSource,
    members: &[usize],
) -> Result<RayEvaluation, Error> {
    same_species(model, source.species())?;
    let found = source.quantities();
    judge(source, members, |series| {
        Ok((
            model.predict(series, found)?,
            model.reconstruct(series, found)?,
        ))
    })
}

/// Judges an interpolation on the series `members`.
///
/// # Errors
/// As [`evaluate_rays`]; [`Error::Interpolation`] for series of another grid than those it was fitted to.
pub fn evaluate_baseline(
    baseline: &Interpolated,
    source: &dyn SeriesSource,
    members: &[usize],
) -> Result<RayEvaluation, Error> {
    let found = source.quantities();
    judge(source, members, |series| {
        let predict = |one: &Series| {
            Ok(RayPrediction {
                abundances: baseline.predict(one, found)?,
                gas_temperature: None,
            })
        };
        let all: Result<Vec<_>, Error> = series.iter().map(predict).collect();
        Ok((all?, None))
    })
}

/// Judges the nearest ray learned from as a prediction of the series `members`.
///
/// # Errors
/// [`Error::MissingQuantity`] where the source lacks an input it is found by; what reading runs into.
pub fn evaluate_nearest_rays(
    nearest: &NearestRay<'_>,
    source: &dyn SeriesSource,
    members: &[usize],
) -> Result<RayEvaluation, Error> {
    let found = source.quantities();
    judge(source, members, |series| {
        let all: Result<Vec<_>, Error> = series
            .iter()
            .map(|one| nearest.predict(one, found))
            .collect();
        Ok((all?, None))
    })
}

/// Judges the nearest of the cells `known` as a prediction of the cells `members`.
///
/// # Errors
/// [`Error::Empty`] for no known cells, [`Error::Series`] for a cube that is not solved.
pub fn evaluate_nearest_cells(
    cells: &Cells,
    known: &[usize],
    members: &[usize],
) -> Result<RayEvaluation, Error> {
    let nearest = nearest_cells(cells, known)?;
    let species = cells.species.len();
    let of = |&i: &usize| {
        let row = i * species..(i + 1) * species;
        cells.abundances.get(row).unwrap_or(&[]).iter().copied()
    };
    let temperature = |&i: &usize| cells.gas_temperature.get(i).copied();
    let prediction = RayPrediction {
        abundances: nearest.iter().flat_map(of).collect(),
        gas_temperature: nearest.iter().map(temperature).collect(),
    };
    evaluate_cells(&prediction, cells, members)
}

/// Judges a prediction of all cells of a cube on the cells `members`, by the extinction that counts for the field of each.
///
/// # Errors
/// [`Error::Series`] for a cube that is not solved, [`Error::Shape`] for a prediction of other cells or species.
pub fn evaluate_cells(
    prediction: &RayPrediction,
    cells: &Cells,
    members: &[usize],
) -> Result<RayEvaluation, Error> {
    if !cells.is_solved() {
        return Err(Error::Series {
            name: "cells".into(),
            reason: "no abundances and temperatures to compare with".into(),
        });
    }
    let species = cells.species.len();
    if prediction.abundances.len() != cells.len() * species {
        return Err(Error::Shape {
            what: "the prediction of the cells".into(),
            found: vec![prediction.abundances.len()],
            expected: format!("{} cells of {species} species", cells.len()),
        });
    }
    let mut errors = RayErrors::new(species);
    for &i in members {
        let row = i * species..(i + 1) * species;
        errors.push(
            0,
            cells.depth(i),
            &cells.abundances[row.clone()],
            &prediction.abundances[row],
        );
        if let Some(t) = &prediction.gas_temperature {
            errors.push_temperature(cells.gas_temperature[i], t[i]);
        }
    }
    Ok(RayEvaluation {
        scores: errors.scores(),
        autoencoder: None,
        series: members.len(),
        by_series: Vec::new(),
    })
}

fn same_species(model: &RayModel, found: &[String]) -> Result<(), Error> {
    if model.species() == found {
        return Ok(());
    }
    Err(Error::Species(format!(
        "the model predicts {}, the data have {}",
        model.species().join(" "),
        found.join(" ")
    )))
}

/// Predictions and, for families with an encoder, reconstructions of some series.
type Predicted = (Vec<RayPrediction>, Option<Vec<RayPrediction>>);

fn judge(
    source: &dyn SeriesSource,
    members: &[usize],
    predict: impl Fn(&[Series]) -> Result<Predicted, Error> + Sync,
) -> Result<RayEvaluation, Error> {
    let temperature = position(source.quantities(), Quantity::GasTemperature).ok();
    let species = source.species().len();
    let groups: Result<Vec<_>, Error> = members
        .par_chunks(GROUP)
        .map(|group| {
            let series: Result<Vec<Series>, Error> =
                group.iter().map(|&i| source.series(i)).collect();
            let series = series?;
            let (predicted, rebuilt) = predict(&series)?;
            let mut errors = RayErrors::new(species);
            let mut coded = rebuilt.as_ref().map(|_| RayErrors::new(species));
            let mut own = Vec::with_capacity(series.len());
            for (one, p) in series.iter().zip(&predicted) {
                let mut alone = RayErrors::new(species);
                push(&mut alone, one, p, species, temperature);
                own.push(alone.scores().mae_dex);
                errors.merge(&alone);
            }
            if let (Some(coded), Some(rebuilt)) = (&mut coded, &rebuilt) {
                for (one, p) in series.iter().zip(rebuilt) {
                    push(coded, one, p, species, None);
                }
            }
            Ok((errors, coded, own))
        })
        .collect();
    let mut errors = RayErrors::new(species);
    let mut coded: Option<RayErrors> = None;
    let mut by_series = Vec::with_capacity(members.len());
    // Merged in order, so that sums do not depend on the number of threads.
    for (part, rebuilt, own) in groups? {
        errors.merge(&part);
        by_series.extend(own);
        if let Some(rebuilt) = rebuilt {
            coded
                .get_or_insert_with(|| RayErrors::new(species))
                .merge(&rebuilt);
        }
    }
    Ok(RayEvaluation {
        scores: errors.scores(),
        autoencoder: coded.map(|c| c.scores()),
        series: members.len(),
        by_series,
    })
}

/// All points of a series but the first, where a rollout starts.
fn push(
    errors: &mut RayErrors,
    series: &Series,
    predicted: &RayPrediction,
    species: usize,
    temperature: Option<usize>,
) {
    for k in 1..series.len() {
        let row = &predicted.abundances[k * species..(k + 1) * species];
        errors.push(k, series.s[k], series.abundances(k), row);
        if let (Some(t), Some(p)) = (temperature, &predicted.gas_temperature) {
            errors.push_temperature(series.quantities(k)[t], p[k]);
        }
    }
}
