//! Collects what the report shows from a surrogate, its data and its scores.

use crate::config::RunConfig;
use crate::error::Error;
use crate::judge::Judgement;
use crate::rates;
use crate::report::data::{
    LatentReaction, LossCurve, ModelCurves, Quantiles, RandomStart, ReportData, Score,
    SpeciesVerdict, Timing,
};
use crate::report::{duration, paper};
use latent_ode::{Dataset, Evaluation, FLOOR, Record, Surrogate};

/// Species shown over time, where the network has them.
const SHOWN: [&str; 9] = ["C", "C+", "CO", "O", "H2O", "e-", "OH", "CH4", "HCO+"];
/// Quantiles of the error boxes.
const LEVELS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// Everything a report shows.
pub fn report_data(
    config: &RunConfig,
    surrogate: &Surrogate,
    dataset: &Dataset,
    judgement: &Judgement,
    timings: Vec<Timing>,
) -> Result<ReportData, Error> {
    let labels = dataset.labels().to_vec();
    let network = surrogate.network();
    let coefficients = surrogate.rate_coefficients();
    let mut shown: Vec<String> = SHOWN
        .iter()
        .map(|s| (*s).to_owned())
        .filter(|s| labels.contains(s))
        .collect();
    let rest: Vec<String> = labels
        .iter()
        .filter(|l| !shown.contains(l))
        .cloned()
        .collect();
    shown.extend(rest.into_iter().take(9usize.saturating_sub(shown.len())));
    Ok(ReportData {
        title: format!("A surrogate of {}", config.network),
        summary: summary(config, surrogate, dataset, conditions(config)?),
        times: dataset.timesteps().to_vec(),
        latent_names: network.molecules().iter().map(|m| m.name().to_owned()).collect(),
        latent_masses: network.masses(),
        verdict: verdict(&labels, judgement),
        scores: scores(judgement),
        rollout_quantiles: quantiles(&judgement.rollout),
        autoencoder_quantiles: quantiles(&judgement.autoencoder),
        models: chosen(judgement)
            .into_iter()
            .map(|(name, row)| curves(surrogate, dataset, judgement, name, row))
            .collect::<Result<_, _>>()?,
        choice_rule: "those with the lowest, the median and the highest mean log10 Δr of the rollout, over species and outputs".into(),
        shown_species: shown,
        losses: losses(surrogate.history()),
        random_start: judgement.random_start.as_ref().map(|random| RandomStart {
            rollouts: random.model_means().len(),
            surrogate: random.average(),
            surrogate_mae_dex: random.mae_dex,
            from_first: judgement.rollout.average(),
            from_first_mae_dex: judgement.rollout.mae_dex,
        }),
        latent_reactions: coefficients
            .iter()
            .enumerate()
            .map(|(j, &coefficient)| LatentReaction {
                equation: network.equation(j).replace("->", "→"),
                coefficient,
            })
            .collect(),
        timings,
        labels,
    })
}

/// Temperature and ionisation rate, with how the network's cosmic-ray parameters are normalised.
fn conditions(config: &RunConfig) -> Result<String, Error> {
    let environment = config.conditions.environment()?;
    let (network, _) = config.network()?;
    let rays = rates::cosmic_rays(&network, &[environment])
        .unwrap_or_else(|| format!("ζ = {:e} s⁻¹", environment.cosmic_ray_rate));
    Ok(format!("T = {} K, {rays}", environment.temperature))
}

fn summary(
    config: &RunConfig,
    surrogate: &Surrogate,
    dataset: &Dataset,
    conditions: String,
) -> Vec<(String, String)> {
    let (data, training, s) = (&config.data, &config.training, surrogate.summary());
    let widths = |hidden: &[usize]| {
        hidden
            .iter()
            .map(usize::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let model = &training.model;
    let distribution = match &config.distribution {
        toml::Value::String(name) => name.clone(),
        _ => "given as a table".into(),
    };
    let validation = s
        .best_validation
        .map_or("–".into(), |v| format!("{v:.3}").replace('-', "−"));
    [
        ("network", format!("{}, {} species", config.network, dataset.labels().len())),
        ("conditions", conditions),
        ("initial states", format!("{distribution}, seed {}{}", data.seed, if data.random_start { ", random start times" } else { "" })),
        (
            "models",
            format!(
                "{} for training, {} for testing, {} for validation",
                dataset.train().samples(),
                dataset.test().samples(),
                dataset.val().samples()
            ),
        ),
        ("outputs", format!("{} from {:e} to {:e} yr, uniform in log10 t", data.points, data.t_start, data.t_end)),
        ("full chemistry", format!("Rodas5P, rtol {:e}, atol {:e} cm⁻³", data.rtol, data.atol)),
        ("recipe", format!("{}, seed {}", training.recipe, training.seed)),
        (
            "surrogate",
            format!(
                "encoder {}; {} latent species, {} latent reactions; decoder {}; {} trained parameters",
                widths(&model.encoder),
                surrogate.latent_dim(),
                surrogate.network().reactions().len(),
                widths(&model.decoder),
                surrogate.parameter_count()
            ),
        ),
        (
            "training",
            {
                // A model read from its file does not know how long it took.
                let time = if s.seconds > 0.0 { format!(" in {}", duration(s.seconds)) } else { String::new() };
                format!("{} steps{time}; kept: step {}, mean log10 Δr {validation} on validation", s.steps, s.best_step)
            },
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

fn score(e: &Evaluation, i: usize) -> Score {
    Score {
        mean: e.mean_log10_relative_error[i],
        std: e.std_log10_relative_error[i],
    }
}

fn verdict(labels: &[String], judgement: &Judgement) -> Vec<SpeciesVerdict> {
    let published = paper::table(labels);
    let row = |(i, species): (usize, &String)| SpeciesVerdict {
        species: species.clone(),
        rollout: score(&judgement.rollout, i),
        autoencoder: Some(score(&judgement.autoencoder, i)),
        interpolation: judgement.baseline.as_ref().map(|b| score(b, i)),
        paper: published.as_ref().map(|t| t[i]),
    };
    labels.iter().enumerate().map(row).collect()
}

fn scores(judgement: &Judgement) -> Vec<(String, String)> {
    let e = &judgement.rollout;
    let percent = |v: f64| format!("{:.2} %", 100.0 * v);
    let mut rows = vec![
        ("median relative error", percent(e.median_relative_error)),
        ("mean relative error", percent(e.mean_relative_error)),
        (
            "median |Δ log10 n| / |log10 n| (as CODES 2024)",
            percent(e.median_log_relative_error),
        ),
        (
            "mean |Δ log10 n| / |log10 n| (as CODES 2024)",
            percent(e.mean_log_relative_error),
        ),
        ("mean |Δ log10 n|", format!("{:.4} dex", e.mae_dex)),
        (
            "99th percentile of |Δ log10 n|",
            format!("{:.4} dex", e.lae99_dex),
        ),
    ];
    if let Some(baseline) = &judgement.baseline {
        rows.push((
            "mean |Δ log10 n| of the interpolation baseline",
            format!("{:.4} dex", baseline.mae_dex),
        ));
    }
    rows.into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn quantiles(e: &Evaluation) -> Vec<Quantiles> {
    (0..e.labels.len())
        .map(|i| e.quantiles(i, &LEVELS).try_into().unwrap_or([f64::NAN; 5]))
        .collect()
}

/// Best, median and worst test model by the rollout's mean log10 Δr; fewer where there are fewer.
fn chosen(judgement: &Judgement) -> Vec<(&'static str, usize)> {
    let means = judgement.rollout.model_means();
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
    match order[..] {
        [] => Vec::new(),
        [only] => vec![("only", only)],
        [best, worst] => vec![("best", best), ("worst", worst)],
        [best, .., worst] => vec![
            ("best", best),
            ("median", order[order.len() / 2]),
            ("worst", worst),
        ],
    }
}

fn curves(
    surrogate: &Surrogate,
    dataset: &Dataset,
    judgement: &Judgement,
    name: &str,
    row: usize,
) -> Result<ModelCurves, Error> {
    let (truth, times) = (dataset.test(), dataset.timesteps());
    let species = truth.quantities();
    let floor = FLOOR * truth.total(row);
    let logs = |values: &[f64]| -> Vec<Vec<f64>> {
        transpose(
            &values
                .iter()
                .map(|n| n.max(floor).log10())
                .collect::<Vec<_>>(),
            species,
        )
    };
    // The first output is given, not predicted.
    let predicted = |values: &[f64]| -> Vec<Vec<f64>> {
        let mut rows = logs(values);
        rows.iter_mut()
            .filter_map(|r| r.first_mut())
            .for_each(|first| *first = f64::NAN);
        rows
    };
    let latent = surrogate.latent_dim();
    let rates = surrogate.latent_rates(truth.sample(row), times)?;
    let rollout = surrogate.rollout(truth.state(row, 0), times)?;
    Ok(ModelCurves {
        chosen_as: name.to_owned(),
        row,
        score: judgement.rollout.model_means()[row],
        truth: logs(truth.sample(row)),
        autoencoder: predicted(judgement.reconstructions.trajectories.sample(row)),
        rollout: predicted(judgement.predictions.trajectories.sample(row)),
        encoded: transpose(&rates.latent, latent),
        integrated: transpose(&rollout.latent, latent),
        g: transpose(&rates.modelled, latent),
        encoded_rate: transpose(&rates.encoded, latent),
    })
}

/// Rows of times × quantities as quantities × times.
fn transpose(values: &[f64], quantities: usize) -> Vec<Vec<f64>> {
    (0..quantities)
        .map(|i| values.iter().skip(i).step_by(quantities).copied().collect())
        .collect()
}

fn losses(history: &[Record]) -> Vec<LossCurve> {
    let names = [
        ("total", "loss"),
        ("l0", "L0 reconstruction"),
        ("l1", "L1 latent derivative"),
        ("l2", "L2 decoded derivative"),
        ("l3", "L3 mass"),
        ("rollout", "rollout term"),
        ("reconstruction", "reconstruction term"),
        ("consistency", "consistency term"),
    ];
    let curve = |key: &str| -> Vec<(f64, f64)> {
        history
            .iter()
            .filter_map(|r| r.losses.get(key).map(|v| (r.epoch, *v)))
            .collect()
    };
    let total = curve("total");
    let mut curves: Vec<LossCurve> = names
        .iter()
        .map(|(key, name)| LossCurve {
            name: (*name).to_owned(),
            points: curve(key),
        })
        .filter(|c| c.points.iter().any(|p| p.1 > 0.0))
        // A term that is the whole loss would hide its curve.
        .filter(|c| c.name == "loss" || c.points != total)
        .collect();
    let validation: Vec<(f64, f64)> = history
        .iter()
        .filter_map(|r| r.validation.map(|v| (r.epoch, 10f64.powf(v))))
        .collect();
    if !validation.is_empty() {
        curves.push(LossCurve {
            name: "validation rollouts: geometric mean of Δr".into(),
            points: validation,
        });
    }
    curves
}
