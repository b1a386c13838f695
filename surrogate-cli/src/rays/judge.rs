//! Judges a ray surrogate on data it has not seen, beside the baseline, and says so as JSON and as text.

use super::columns::{self, ColumnMap};
use super::data::{Data, GridSource};
use crate::error::Error;
use crate::output::Output;
use crate::timings::on_one_thread;
use clap::ValueEnum;
use latent_ode::Error as LatentError;
use latent_ode::rays::{
    Interpolated, RayEvaluation, RayModel, RayPrediction, Series, SeriesSource, evaluate_baseline,
    evaluate_cells, evaluate_nearest_cells, evaluate_rays,
};
use serde_json::{Map, Value, json};

/// Which part of the data is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// What the model has neither learned from nor been chosen by; told from the rule in its file.
    #[default]
    Test,
    /// Everything: for data the model was not trained on.
    All,
}

/// Every score of a ray surrogate.
#[derive(Debug)]
pub struct Judgement {
    /// Errors.
    pub evaluation: RayEvaluation,
    /// The same of the baseline from the training part, where it is at hand: for rays that share a grid the interpolation, for
    /// cells the nearest one.
    pub baseline: Option<RayEvaluation>,
    /// Series or cells judged.
    pub members: Vec<usize>,
    /// Seconds per series on one thread.
    pub seconds_per_ray: Option<f64>,
    /// Seconds for all cells on one thread.
    pub seconds_all_cells: Option<f64>,
    /// Column densities from predictions alone.
    pub maps: Vec<ColumnMap>,
}

/// Series that are timed.
const TIMED: usize = 4096;
/// Shortest timing \[s\] that counts; quicker work is repeated.
const SHORTEST: f64 = 0.2;

/// Judges a model.
pub fn judge(
    model: &RayModel,
    data: &Data,
    part: Part,
    output: &Output,
) -> Result<Judgement, Error> {
    let members = match part {
        Part::Test => model.split(data.len())?.test,
        Part::All => (0..data.len()).collect(),
    };
    match data {
        Data::Grid(grid) => {
            let evaluation = evaluate_rays(model, grid, &members)?;
            let baseline = match part {
                Part::Test => baseline(model, grid, &members, output)?,
                Part::All => None,
            };
            Ok(Judgement {
                evaluation,
                baseline,
                seconds_per_ray: Some(time_rays(model, grid, &members)?),
                seconds_all_cells: None,
                maps: Vec::new(),
                members,
            })
        }
        Data::Cube(cube) => {
            let work = || model.predict_cells(&cube.cells);
            let (timed, seconds) = on_one_thread(work)?;
            timed?;
            let (evaluation, prediction): (_, RayPrediction) =
                evaluate_cells(model, &cube.cells, &members)?;
            let baseline = match part {
                Part::Test => {
                    let known = model.split(cube.cells.len())?.train;
                    Some(evaluate_nearest_cells(&cube.cells, &known, &members)?)
                }
                Part::All => None,
            };
            Ok(Judgement {
                evaluation,
                baseline,
                seconds_per_ray: None,
                seconds_all_cells: Some(seconds),
                maps: columns::maps(cube, &prediction),
                members,
            })
        }
    }
}

/// The interpolation over (log χ₀, log n_H, log ζ); a reason where the data allow none.
fn baseline(
    model: &RayModel,
    grid: &GridSource,
    members: &[usize],
    output: &Output,
) -> Result<Option<RayEvaluation>, Error> {
    let split = model.split(grid.len())?;
    let fit = Interpolated::fit(grid, &split.train);
    let judged = fit.and_then(|fit| evaluate_baseline(&fit, grid, members));
    match judged {
        Ok(evaluation) => Ok(Some(evaluation)),
        Err(e @ (LatentError::Interpolation(_) | LatentError::MissingQuantity { .. })) => {
            output.note(&format!("no interpolation baseline: {e}"));
            Ok(None)
        }
        Err(other) => Err(other.into()),
    }
}

fn time_rays(model: &RayModel, grid: &GridSource, members: &[usize]) -> Result<f64, Error> {
    let chosen = members.iter().take(TIMED);
    let series: Result<Vec<Series>, _> = chosen.map(|&i| grid.series(i)).collect();
    let (series, mut done, mut total) = (series?, 0, 0.0);
    while total < SHORTEST {
        let (predicted, seconds) = on_one_thread(|| model.predict(&series, grid.quantities()))?;
        predicted?;
        done += series.len().max(1);
        total += seconds;
    }
    Ok(total / done as f64)
}

impl Judgement {
    /// What the model is compared with.
    pub fn baseline_name(&self) -> &'static str {
        if self.maps.is_empty() {
            "interpolation"
        } else {
            "nearest cell"
        }
    }

    /// The object that `pdr evaluate --json` prints; keys that do not apply are null.
    pub fn json(&self, model: &RayModel, part: Part) -> Value {
        let s = &self.evaluation.scores;
        let by_species = |values: &[Option<f64>]| -> Value {
            let pairs = model.species().iter().cloned().zip(values);
            Value::Object(pairs.map(|(k, v)| (k, json!(v))).collect::<Map<_, _>>())
        };
        let of = |e: &Option<RayEvaluation>| e.as_ref().and_then(|b| b.scores.mae_dex);
        let coded = self.evaluation.autoencoder.as_ref();
        let description = model.description();
        json!({
            "family": model.family().name(),
            "inputs": model.inputs().name(),
            "split": if part == Part::Test { "test" } else { "all" },
            "mae_dex": s.mae_dex,
            "mae_dex_above_1e-12": s.mae_dex_above_1e_12,
            "mae_dex_by_av": s.mae_dex_by_av,
            "mae_dex_autoencoder": coded.and_then(|c| c.mae_dex),
            "mae_dex_per_species": by_species(&s.mae_dex_per_species),
            "mae_dex_gas_temperature": s.mae_dex_gas_temperature,
            "baseline": self.baseline.as_ref().map(|_| self.baseline_name()),
            "baseline_mae_dex": of(&self.baseline),
            "baseline_mae_dex_by_av": self.baseline.as_ref().map(|b| b.scores.mae_dex_by_av),
            "non_finite": s.non_finite,
            "judged": self.members.len(),
            "seconds_per_ray": self.seconds_per_ray,
            "seconds_all_cells": self.seconds_all_cells,
            "column_density_median_dex": if self.maps.is_empty() { Value::Null } else { columns::json(&self.maps) },
            "parameters": model.parameters(),
            "training_seconds": description.seconds,
            "validation_mae_dex": description.validation,
        })
    }

    /// The same for people.
    pub fn text(&self, model: &RayModel, part: Part) -> String {
        let s = &self.evaluation.scores;
        let dex = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.4}"));
        let row = |name: &str, s: &latent_ode::rays::RayScores| {
            let bins: Vec<String> = s
                .mae_dex_by_av
                .iter()
                .map(|v| format!("{:>9}", dex(*v)))
                .collect();
            format!(
                "{name:<22}{:>9}{:>10}  {}\n",
                dex(s.mae_dex),
                dex(s.mae_dex_above_1e_12),
                bins.concat()
            )
        };
        let mut text = format!(
            "mean absolute error [dex] of a model of {} on {} {}{}\n{:<22}{:>9}{:>10}  {:>9}{:>9}{:>9}{:>9}{:>9}\n",
            model.description().data,
            self.members.len(),
            if part == Part::Test { "unseen " } else { "" },
            if self.maps.is_empty() {
                "series"
            } else {
                "cells"
            },
            "",
            "all",
            "> 1e-12",
            "A_V<1e-3",
            "<0.1",
            "<1",
            "<5",
            "≥5"
        );
        text.push_str(&row(
            &format!("{} {}", model.family().name(), model.inputs().name()),
            s,
        ));
        if let Some(coded) = &self.evaluation.autoencoder {
            text.push_str(&row("autoencoder alone", coded));
        }
        if let Some(baseline) = &self.baseline {
            text.push_str(&row(self.baseline_name(), &baseline.scores));
        }
        if let Some(t) = s.mae_dex_gas_temperature {
            text.push_str(&format!("log10 T_gas: {t:.4} dex\n"));
        }
        for map in &self.maps {
            let error = map.median_error();
            text.push_str(&format!(
                "column density of {}: median {error:.4} dex\n",
                map.species
            ));
        }
        if let Some(seconds) = self.seconds_per_ray {
            text.push_str(&format!(
                "{} per ray on one thread",
                crate::report::duration(seconds)
            ));
        }
        if let Some(seconds) = self.seconds_all_cells {
            text.push_str(&format!(
                "{} for all cells on one thread",
                crate::report::duration(seconds)
            ));
        }
        if s.non_finite > 0 {
            text.push_str(&format!(
                "\n{} predicted numbers are not finite",
                s.non_finite
            ));
        }
        text
    }
}
