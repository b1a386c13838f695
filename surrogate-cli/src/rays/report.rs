//! Fills the report of a ray surrogate from its judgement.

use super::data::Data;
use super::judge::Judgement;
use crate::error::Error;
use crate::report::duration;
use crate::report::rays::{Curves, Named, RayReport, Row};
use latent_ode::rays::{ABUNDANCE_OFFSET, RayEvaluation, RayModel, RayScores, SeriesSource};
use std::slice::from_ref;

/// Species drawn along rays, where the network has them; the paper's figures show these.
pub const SHOWN: [&str; 9] = ["H", "H2", "C+", "C", "CO", "O", "e-", "HCO+", "H2O"];

/// Gathers what is shown; `candidates` are those of an automatic choice.
pub fn gather(
    model: &RayModel,
    judgement: &Judgement,
    data: &Data,
    candidates: Vec<(String, Option<f64>, f64)>,
) -> Result<RayReport, Error> {
    let d = model.description();
    let scores = &judgement.evaluation.scores;
    let name = format!(
        "{}, {} inputs",
        model.family().name(),
        model.inputs().name()
    );
    let mut rows = vec![row(&name, scores)];
    let coded = judgement.evaluation.autoencoder.as_ref();
    rows.extend(coded.map(|s| row("autoencoder alone", s)));
    let baselines = || judgement.baselines();
    rows.extend(baselines().map(|(name, b)| row(name, &b.scores)));
    let shown: Vec<usize> = SHOWN
        .iter()
        .filter_map(|s| model.species().iter().position(|m| m == s))
        .collect();
    let pairs = scores
        .spread_dex_per_species
        .iter()
        .zip(&scores.mae_dex_per_species);
    let by_spread = model.species().iter().zip(pairs);
    let mut by_index = vec![index(&name, &judgement.evaluation)];
    by_index.extend(baselines().map(|(name, b)| index(name, b)));
    Ok(RayReport {
        title: format!("Surrogate of {}", d.data),
        summary: [
            ("data", d.data.clone()),
            (
                "judged",
                format!("{} unseen of {}", judgement.members.len(), d.samples),
            ),
            ("parameters", model.parameters().to_string()),
            (
                "training",
                format!(
                    "{} steps in {}, kept: step {}",
                    d.steps.0,
                    duration(d.seconds),
                    d.steps.1
                ),
            ),
            ("prediction", judgement.time()),
            ("seed", d.config.seed.to_string()),
        ]
        .map(|(k, v)| (k.to_owned(), v))
        .to_vec(),
        rows,
        gas_temperature: scores.mae_dex_gas_temperature,
        series: match data {
            Data::Lines(lines) => curves(model, judgement, &**lines, &shown)?,
            Data::Cube(_) => Vec::new(),
        },
        shown: shown.iter().map(|&j| model.species()[j].clone()).collect(),
        by_index,
        by_spread: by_spread
            .filter_map(|(name, (spread, error))| Some((name.clone(), *spread, (*error)?)))
            .collect(),
        losses: losses(model),
        maps: judgement.maps.clone(),
        candidates,
    })
}

fn row(name: &str, s: &RayScores) -> Row {
    Row {
        name: name.to_owned(),
        all: s.mae_dex,
        above: s.mae_dex_above_1e_12,
        by_av: s.mae_dex_by_av,
    }
}

fn index(name: &str, evaluation: &RayEvaluation) -> Named {
    let values = evaluation.scores.mae_dex_by_index.iter().enumerate();
    Named {
        name: name.to_owned(),
        points: values
            .filter_map(|(k, v)| Some((k as f64, (*v)?)))
            .collect(),
    }
}

fn losses(model: &RayModel) -> Vec<Named> {
    let history = &model.description().history;
    let mut names: Vec<&String> = history.iter().flat_map(|r| r.losses.keys()).collect();
    names.sort();
    names.dedup();
    let mut curves: Vec<Named> = names
        .into_iter()
        .map(|name| Named {
            name: if name == "total" {
                "training loss".into()
            } else {
                name.clone()
            },
            points: history
                .iter()
                .filter_map(|r| Some((r.step as f64, *r.losses.get(name)?)))
                .collect(),
        })
        .collect();
    curves.push(Named {
        name: "validation [dex]".into(),
        points: history
            .iter()
            .filter_map(|r| Some((r.step as f64, r.validation?)))
            .collect(),
    });
    curves
}

/// The best, the median and the worst of the judged series.
fn curves(
    model: &RayModel,
    judgement: &Judgement,
    grid: &dyn SeriesSource,
    shown: &[usize],
) -> Result<Vec<Curves>, Error> {
    let mut order: Vec<(f64, usize)> = judgement
        .evaluation
        .by_series
        .iter()
        .zip(&judgement.members)
        .filter_map(|(error, i)| Some(((*error)?, *i)))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = order.len();
    let mut chosen = vec![
        ("best", 0),
        ("median", n / 2),
        ("worst", n.saturating_sub(1)),
    ];
    chosen.retain(|c| c.1 < n);
    let mut out = Vec::new();
    for (chosen_as, at) in chosen {
        let (error, i) = order[at];
        let series = grid.series(i)?;
        let predicted = model.predict(from_ref(&series), grid.quantities())?;
        let points: Vec<usize> = (0..series.len()).filter(|&k| series.s[k] > 0.0).collect();
        let width = model.species().len();
        let column = |values: &[f64], j: usize| -> Vec<f64> {
            let log = |&k: &usize| (values[k * width + j] + ABUNDANCE_OFFSET).log10();
            points.iter().map(log).collect()
        };
        out.push(Curves {
            chosen_as: chosen_as.to_owned(),
            name: grid
                .name(i)
                .rsplit(": ")
                .next()
                .unwrap_or_default()
                .to_owned(),
            error,
            depth: points.iter().map(|&k| series.s[k].log10()).collect(),
            truth: shown.iter().map(|&j| column(&series.x, j)).collect(),
            predicted: shown
                .iter()
                .map(|&j| column(&predicted[0].abundances, j))
                .collect(),
        });
    }
    Ok(out)
}
