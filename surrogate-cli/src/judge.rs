//! Judges a surrogate on the unseen models of a data set: rollouts, autoencoder alone, random starts, and the interpolation baseline.

use crate::error::Error;
use crate::output::Output;
use crate::timings;
use chem_network::Species;
use latent_ode::{
    Control, Dataset, Error as LatentError, Evaluation, Interpolation, Predictions, Start,
    Surrogate,
};
use serde_json::{Map, Value, json};

/// Every score of a surrogate on `test`.
#[derive(Debug)]
pub struct Judgement {
    /// Rollouts from the first output.
    pub rollout: Evaluation,
    /// What these predicted.
    pub predictions: Predictions,
    /// Decoder of encoder on the true states.
    pub autoencoder: Evaluation,
    /// What that gave.
    pub reconstructions: Predictions,
    /// Rollouts from a random output of each trajectory; none where there are too few outputs.
    pub random_start: Option<Evaluation>,
    /// Interpolation over the initial abundances that vary in `train`; none without `train`.
    pub baseline: Option<Evaluation>,
    /// Seconds per rollout on one thread.
    pub seconds_per_model: f64,
}

/// The data set with its species in the model's order, matched by label in any database's spelling.
pub fn matched(dataset: Dataset, surrogate: &Surrogate) -> Result<Dataset, LatentError> {
    if dataset.labels() == surrogate.labels() {
        return Ok(dataset);
    }
    match dataset.reordered(surrogate.labels()) {
        Ok(matched) => Ok(matched),
        Err(refusal) => {
            let common =
                |label: &String| Species::from_name(label).ok().map(|s| s.name().to_owned());
            let labels: Option<Vec<String>> = dataset.labels().iter().map(common).collect();
            let Some(labels) = labels.filter(|l| l != dataset.labels()) else {
                return Err(refusal);
            };
            let (train, test, val) = (
                dataset.train().clone(),
                dataset.test().clone(),
                dataset.val().clone(),
            );
            let renamed = Dataset::new(labels, dataset.timesteps().to_vec(), train, test, val)?;
            renamed.reordered(surrogate.labels())
        }
    }
}

/// Scores a surrogate on `test` of a data set whose species are in the model's order; `seed` places the random starts.
pub fn judge(
    surrogate: &Surrogate,
    dataset: &Dataset,
    seed: u64,
    output: &Output,
) -> Result<Judgement, Error> {
    let (truth, times, labels) = (dataset.test(), dataset.timesteps(), dataset.labels());
    if truth.is_empty() {
        return Err(LatentError::Empty("test").into());
    }
    let control = Control::default();
    let predict = |start| surrogate.predict(truth, times, start, &control);
    let (predictions, seconds) = timings::on_one_thread(|| predict(Start::First))?;
    let predictions = predictions?;
    for (row, reason) in &predictions.failures {
        output.note(&format!(
            "rollout of test model {row} ended early: {reason}"
        ));
    }
    let reconstructions = predict(Start::Autoencoder)?;
    let random_start = if times.len() > 2 {
        let random = predict(Start::Random { seed })?;
        Some(Evaluation::new(
            labels,
            truth,
            &random.trajectories,
            &random.first,
        )?)
    } else {
        None
    };
    let baseline = match Interpolation::fit(dataset) {
        Ok(fit) => Some(Evaluation::new(
            labels,
            truth,
            &fit.predict_all(truth)?,
            &[],
        )?),
        Err(LatentError::Empty(_)) => None,
        Err(error @ LatentError::Interpolation(_)) => {
            output.note(&format!("no interpolation baseline: {error}"));
            None
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Judgement {
        rollout: Evaluation::new(labels, truth, &predictions.trajectories, &[])?,
        autoencoder: Evaluation::new(labels, truth, &reconstructions.trajectories, &[])?,
        predictions,
        reconstructions,
        random_start,
        baseline,
        seconds_per_model: seconds / truth.samples() as f64,
    })
}

impl Judgement {
    /// The object that `evaluate --json` prints.
    pub fn json(&self) -> Value {
        let mut object = scores(&self.rollout);
        let better = self.rollout.better_than_paper();
        let extra = [
            ("models", json!(self.rollout.model_means().len())),
            ("failed", json!(self.predictions.failures.len())),
            (
                "baseline_mae_dex",
                json!(self.baseline.as_ref().map(|b| b.mae_dex)),
            ),
            ("seconds_per_model", json!(self.seconds_per_model)),
            ("better_than_paper", json!(better.map(|(better, _)| better))),
            ("autoencoder", Value::Object(scores(&self.autoencoder))),
            (
                "random_start",
                json!(self.random_start.as_ref().map(scores)),
            ),
            ("baseline", json!(self.baseline.as_ref().map(scores))),
        ];
        object.extend(extra.map(|(key, value)| (key.to_owned(), value)));
        Value::Object(object)
    }
}

/// The statistics of one evaluation as JSON.
fn scores(e: &Evaluation) -> Map<String, Value> {
    let by_species = |values: &[f64]| -> Value {
        Value::Object(
            e.labels
                .iter()
                .cloned()
                .zip(values.iter().map(|v| json!(v)))
                .collect(),
        )
    };
    let entries = [
        (
            "mean_log10_relative_error",
            by_species(&e.mean_log10_relative_error),
        ),
        (
            "std_log10_relative_error",
            by_species(&e.std_log10_relative_error),
        ),
        ("average_mean_log10_relative_error", json!(e.average())),
        ("median_relative_error", json!(e.median_relative_error)),
        ("mean_relative_error", json!(e.mean_relative_error)),
        (
            "median_log_relative_error",
            json!(e.median_log_relative_error),
        ),
        ("mean_log_relative_error", json!(e.mean_log_relative_error)),
        ("mae_dex", json!(e.mae_dex)),
        ("lae99_dex", json!(e.lae99_dex)),
    ];
    entries
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// The verdict as a table for a terminal: per species the rollout, the published value and the interpolation.
pub fn table(judgement: &Judgement) -> String {
    let rollout = &judgement.rollout;
    let published = crate::report::paper::table(&rollout.labels);
    let cell = |score: Option<(f64, f64)>| match score {
        Some((mean, std)) => format!("{mean:>8.3} ({std:.3})"),
        None => format!("{:>16}", "–"),
    };
    let mut text =
        String::from("mean (standard deviation) of log10 Δr on the unseen test models\n");
    text.push_str(&format!(
        "{:<8}{:>16}  {:>16}  {:>16}  {:>16}\n",
        "species", "rollout", "autoencoder", "Grassi+ 2021", "interpolation"
    ));
    let of = |e: &Evaluation, i: usize| {
        (
            e.mean_log10_relative_error[i],
            e.std_log10_relative_error[i],
        )
    };
    for (i, label) in rollout.labels.iter().enumerate() {
        let paper = published.as_ref().map(|t| (t[i].mean, t[i].std));
        text.push_str(&format!(
            "{label:<8}{}  {}  {}  {}\n",
            cell(Some(of(rollout, i))),
            cell(Some(of(&judgement.autoencoder, i))),
            cell(paper),
            cell(judgement.baseline.as_ref().map(|b| of(b, i)))
        ));
    }
    let mean = |value: Option<f64>| {
        value.map_or_else(
            || format!("{:>8}        ", "–"),
            |v| format!("{v:>8.3}        "),
        )
    };
    let paper = published.map(|t| t.iter().map(|s| s.mean).sum::<f64>() / t.len() as f64);
    text.push_str(&format!(
        "{:<8}{}  {}  {}  {}",
        "average",
        mean(Some(rollout.average())),
        mean(Some(judgement.autoencoder.average())),
        mean(paper),
        mean(judgement.baseline.as_ref().map(Evaluation::average))
    ));
    if let Some(random) = &judgement.random_start {
        text.push_str(&format!(
            "\nstarted at a random time of an unseen trajectory: average {:.3}, {:.3} dex (from the first output {:.3} dex)",
            random.average(),
            random.mae_dex,
            rollout.mae_dex
        ));
    }
    if let (Some((better, of)), true) = (rollout.better_than_paper(), paper.is_some()) {
        text.push_str(&format!(
            "\nbetter than the paper in {better} of {of} species"
        ));
    }
    text
}
