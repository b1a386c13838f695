//! Judges a ray surrogate on data it has not seen, beside the baseline, and says so as JSON and as text.

use super::columns::{self, ColumnMap};
use super::cube_prediction::{self, CellsPredicted};
use super::data::{self, CubeData, Data};
use super::lines::LineSource;
use crate::error::Error;
use crate::output::Output;
use crate::timings::on_one_thread;
use clap::ValueEnum;
use latent_ode::Error as LatentError;
use latent_ode::rays::{
    Family, Interpolated, NearestRay, RayEvaluation, RayModel, Series, SeriesSource,
    evaluate_baseline, evaluate_cells, evaluate_nearest_cells, evaluate_nearest_rays,
    evaluate_rays,
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
    /// The same of the interpolation over the training part, where that is at hand and its rays share a grid.
    pub interpolation: Option<RayEvaluation>,
    /// The same of the nearest ray or cell learned from, where they are at hand.
    pub nearest: Option<RayEvaluation>,
    /// Series or cells judged.
    pub members: Vec<usize>,
    /// Seconds per series on one thread.
    pub seconds_per_ray: Option<f64>,
    /// Seconds for all cells on one thread, by whatever family.
    pub seconds_all_cells: Option<f64>,
    /// Rays through a cube that its cells were predicted from.
    pub rays: Option<usize>,
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
    match data {
        Data::Lines(lines) => judge_lines(model, lines, part, output),
        Data::Cube(cube) if model.family() == Family::Cell => judge_cells(model, cube, part),
        Data::Cube(cube) => judge_rays_in(model, cube, part, output),
    }
}

fn members(model: &RayModel, samples: usize, part: Part) -> Result<Vec<usize>, Error> {
    Ok(match part {
        Part::Test => model.split(samples)?.test,
        Part::All => (0..samples).collect(),
    })
}

fn judge_lines(
    model: &RayModel,
    lines: &LineSource,
    part: Part,
    output: &Output,
) -> Result<Judgement, Error> {
    let mut members = members(model, lines.len(), part)?;
    // Neighbours share a compressed piece of the file.
    members.sort_unstable();
    let evaluation = evaluate_rays(model, lines, &members)?;
    let (interpolation, nearest) = match part {
        Part::Test => {
            let known = model.split(lines.len())?.train;
            let nearest = NearestRay::fit(lines, &known, model.inputs())?;
            (
                interpolation(lines, &known, &members, output)?,
                Some(evaluate_nearest_rays(&nearest, lines, &members)?),
            )
        }
        Part::All => (None, None),
    };
    Ok(Judgement {
        evaluation,
        interpolation,
        nearest,
        seconds_per_ray: Some(time_rays(model, lines, &members)?),
        seconds_all_cells: None,
        rays: None,
        maps: Vec::new(),
        members,
    })
}

fn judge_cells(model: &RayModel, data: &CubeData, part: Part) -> Result<Judgement, Error> {
    data::known_species(model, &data.cells.species)?;
    let members = members(model, data.cells.len(), part)?;
    let (prediction, seconds) = on_one_thread(|| model.predict_cells(&data.cells))?;
    let prediction = prediction?;
    let nearest = match part {
        Part::Test => {
            let known = model.split(data.cells.len())?.train;
            Some(evaluate_nearest_cells(&data.cells, &known, &members)?)
        }
        Part::All => None,
    };
    Ok(Judgement {
        evaluation: evaluate_cells(&prediction, &data.cells, &members)?,
        interpolation: None,
        nearest,
        seconds_per_ray: None,
        seconds_all_cells: Some(seconds),
        rays: None,
        maps: columns::maps(&data.cube, &prediction.abundances)?,
        members,
    })
}

/// A model of rays by the cells of a solved cube: the means over all rays through each.
fn judge_rays_in(
    model: &RayModel,
    data: &CubeData,
    part: Part,
    output: &Output,
) -> Result<Judgement, Error> {
    data::known_species(model, &data.cells.species)?;
    if part == Part::Test {
        let text = "a model of rays does not know which cells of a cube its rays crossed: judge all of them with --split all (and \
                    unseen rays on the file of rays it learned from)";
        return Err(Error::Usage(text.into()));
    }
    let work = || cube_prediction::predict(model, &data.cube, output);
    let (predicted, seconds) = on_one_thread(work)?;
    let CellsPredicted { cells, rays } = predicted?;
    let members: Vec<usize> = (0..data.cells.len()).collect();
    Ok(Judgement {
        evaluation: evaluate_cells(&cells, &data.cells, &members)?,
        interpolation: None,
        nearest: None,
        seconds_per_ray: rays.map(|n| seconds / n.max(1) as f64),
        seconds_all_cells: Some(seconds),
        rays,
        maps: columns::maps(&data.cube, &cells.abundances)?,
        members,
    })
}

/// The interpolation over (log χ₀, log n_H, log ζ); a reason where the data allow none.
fn interpolation(
    grid: &LineSource,
    known: &[usize],
    members: &[usize],
    output: &Output,
) -> Result<Option<RayEvaluation>, Error> {
    let fit = Interpolated::fit(grid, known);
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

fn time_rays(model: &RayModel, grid: &LineSource, members: &[usize]) -> Result<f64, Error> {
    let chosen = members.iter().step_by(members.len().div_ceil(TIMED).max(1));
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
    /// What the model is compared with, by name.
    pub fn baselines(&self) -> impl Iterator<Item = (&'static str, &RayEvaluation)> {
        let nearest = if self.maps.is_empty() {
            "nearest ray"
        } else {
            "nearest cell"
        };
        let both = [
            ("interpolation", &self.interpolation),
            (nearest, &self.nearest),
        ];
        both.into_iter().filter_map(|(n, e)| Some((n, e.as_ref()?)))
    }

    /// What `baseline_mae_dex` is of: the interpolation; of cells, which have none, the nearest cell.
    fn baseline(&self) -> Option<(&'static str, &RayEvaluation)> {
        let mut found = self.baselines();
        found.find(|(name, _)| *name != "nearest ray")
    }

    /// What a prediction costs.
    pub fn time(&self) -> String {
        let duration = crate::report::duration;
        match (self.seconds_all_cells, self.rays, self.seconds_per_ray) {
            (Some(s), Some(n), _) => {
                format!(
                    "{} for all {n} rays through the cells on one thread",
                    duration(s)
                )
            }
            (Some(s), None, _) => format!("{} for all cells on one thread", duration(s)),
            (None, _, Some(s)) => format!("{} per ray on one thread", duration(s)),
            (None, _, None) => "–".into(),
        }
    }

    /// The object that `pdr evaluate --json` prints; keys that do not apply are null.
    pub fn json(&self, model: &RayModel, part: Part) -> Value {
        let s = &self.evaluation.scores;
        let by_species = |values: &[Option<f64>]| -> Value {
            let pairs = model.species().iter().cloned().zip(values);
            Value::Object(pairs.map(|(k, v)| (k, json!(v))).collect::<Map<_, _>>())
        };
        let baseline = self.baseline();
        let nearest = self.nearest.as_ref().map(|n| &n.scores);
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
            "baseline": baseline.map(|b| b.0),
            "baseline_mae_dex": baseline.and_then(|b| b.1.scores.mae_dex),
            "baseline_mae_dex_by_av": baseline.map(|b| b.1.scores.mae_dex_by_av),
            "nearest_mae_dex": nearest.and_then(|n| n.mae_dex),
            "nearest_mae_dex_above_1e-12": nearest.and_then(|n| n.mae_dex_above_1e_12),
            "nearest_mae_dex_by_av": nearest.map(|n| n.mae_dex_by_av),
            "non_finite": s.non_finite,
            "judged": self.members.len(),
            "seconds_per_ray": self.seconds_per_ray,
            "seconds_all_cells": self.seconds_all_cells,
            "rays": self.rays,
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
        for (name, baseline) in self.baselines() {
            text.push_str(&row(name, &baseline.scores));
        }
        if let Some(t) = s.mae_dex_gas_temperature {
            text.push_str(&format!("log10 T_gas: {t:.4} dex\n"));
        }
        for map in &self.maps {
            let (name, error) = (&map.truth.name, map.median);
            text.push_str(&format!(
                "column density of {name}: median {error:.4} dex\n"
            ));
        }
        text.push_str(&self.time());
        if s.non_finite > 0 {
            text.push_str(&format!(
                "\n{} predicted numbers are not finite",
                s.non_finite
            ));
        }
        text
    }
}
