//! The family `node` from series to file and back: what it learns of a known law, resumption, files, odd rays, recovery.
#![allow(clippy::unwrap_used)]

use latent_ode::Error;
use latent_ode::rays::{
    Family, Inputs, NodeConfig, NodeStage, Precision, Quantity, RayConfig, RayControl, RayModel,
    Series, SeriesSet, SeriesSource, SolverMethod, evaluate_rays, train_on_rays,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const QUANTITIES: [Quantity; 6] = [
    Quantity::GasTemperature,
    Quantity::DustTemperature,
    Quantity::Density,
    Quantity::Field,
    Quantity::IonisationRate,
    Quantity::SurfaceField,
];

/// Clouds of unequal lengths with a front at field/density = 0.01, and a trace that remembers the field it came through.
fn clouds(models: usize, points: usize, seed: u64) -> SeriesSet {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let series: Vec<_> = (0..models)
        .map(|m| {
            let mut power =
                |low: f64, high: f64| 10f64.powf(low + (high - low) * rng.random::<f64>());
            let (surface, density, rate) = (power(0.0, 3.0), power(2.0, 5.0), power(-17.0, -15.0));
            let (mut series, mut memory) = (Series::default(), 0.0);
            for k in 0..points - m % 7 {
                let av = match k {
                    0 => 0.0,
                    _ => 10f64.powf(-3.0 + 4.0 * k as f64 / points as f64),
                };
                let field = surface * (-3.02 * av).exp();
                let gas = 10.0 + 100.0 * (field / (field + 1.0));
                let atom = field / (field + 0.01 * density);
                memory += 0.1 * atom;
                series.s.push(av);
                let trace = 1e-6 * (1.0 + memory) * (rate * 1e17).sqrt();
                series.x.extend([atom, 0.5 * (1.0 - atom), trace]);
                let dust = 10.0 + 5.0 * field.powf(0.2);
                series
                    .aux
                    .extend([gas, dust, density, field, rate, surface]);
            }
            (format!("model_{m}"), series)
        })
        .collect();
    let species = ["H", "H2", "X"].map(String::from).to_vec();
    SeriesSet::new(species, QUANTITIES.to_vec(), series).unwrap()
}

fn small(inputs: Inputs) -> RayConfig {
    RayConfig {
        family: Family::Node,
        inputs,
        node: NodeConfig {
            latent: 4,
            depth: 2,
            width: 24,
            latent_width: 16,
            points: 16,
            batch: 16,
            rate: 1e-2,
            average: 0.95,
            review_epochs: 10,
            stages: vec![NodeStage {
                epochs: 60,
                warmup: 3,
                window: 0,
            }],
            ..NodeConfig::default()
        },
        ..RayConfig::default()
    }
}

fn train(set: &SeriesSet, config: &RayConfig) -> RayModel {
    train_on_rays(set, "clouds", config, &mut RayControl::default())
        .unwrap()
        .model
}

#[test]
fn a_law_is_learned_from_either_inputs() {
    let set = clouds(80, 40, 3);
    for inputs in [Inputs::Local, Inputs::Standalone] {
        let config = small(inputs);
        let model = train(&set, &config);
        let split = model.split(set.len()).unwrap();
        let found = evaluate_rays(&model, &set, &split.test).unwrap();
        let mae = found.scores.mae_dex.unwrap();
        println!(
            "{inputs:?}: {mae:.4} dex of {:?}",
            found.scores.spread_dex_per_species
        );
        let spread: f64 = found.scores.spread_dex_per_species.iter().sum::<f64>() / 3.0;
        assert!(mae < 0.1 * spread, "{inputs:?}: {mae} of {spread}");
        assert_eq!(found.scores.non_finite, 0);
        assert_eq!(found.autoencoder.is_some(), inputs == Inputs::Local);
        let temperature = found.scores.mae_dex_gas_temperature;
        assert_eq!(temperature.is_some(), inputs == Inputs::Standalone);
        // The validation that training kept is that of the model.
        let seen = evaluate_rays(&model, &set, &split.validation).unwrap();
        let kept = model.description().validation.unwrap();
        let again = seen.scores.mae_dex.unwrap();
        assert!((kept - again).abs() < 0.02 * again, "{kept} {again}");
    }
}

#[test]
fn a_file_holds_all_that_predicts_and_odd_rays_are_fine() {
    let set = clouds(40, 20, 4);
    let folder = tempfile::tempdir().unwrap();
    for (precision, inputs) in [
        (Precision::F32, Inputs::Local),
        (Precision::F64, Inputs::Standalone),
    ] {
        let mut config = small(inputs);
        config.precision = precision;
        config.node.set_epochs(2);
        let model = train(&set, &config);
        let path = folder.path().join("model.safetensors");
        model.write(&path).unwrap();
        let read = RayModel::read(&path).unwrap();
        assert!(read == model, "another model is read than was written");
        // A ray of one point, one with repeated extinctions, and two whole ones, in any company.
        let whole = set.series(17).unwrap();
        let one = whole.window(0, 1);
        let mut stuck = whole.clone();
        stuck.s[5] = stuck.s[4];
        stuck.s[6] = stuck.s[4];
        let all = [set.series(3).unwrap(), one, stuck.clone(), whole.clone()];
        let found = read.predict(&all, set.quantities()).unwrap();
        for (series, p) in all.iter().zip(&found) {
            assert_eq!(p.abundances.len(), series.len() * 3);
            assert!(p.abundances.iter().all(|x| x.is_finite() && *x >= 0.0));
        }
        assert_eq!(found[2].abundances[12..15], found[2].abundances[15..18]);
        let alone = model.predict(&all[3..], set.quantities()).unwrap();
        assert_eq!(alone[0], found[3]);
        // Beyond the first point no abundance is looked at; standalone not even there.
        let mut bare = whole.clone();
        let kept = if inputs == Inputs::Local { 3 } else { 0 };
        bare.x[kept..].fill(0.0);
        let predicted = model.predict(&[bare], set.quantities()).unwrap();
        assert_eq!(predicted[0], found[3]);
        let bytes = std::fs::read(&path).unwrap();
        for cut in [7, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(RayModel::read(&path).is_err(), "{cut}");
        }
    }
}

#[test]
fn an_interrupted_training_ends_as_an_uninterrupted_one() {
    let set = clouds(40, 20, 6);
    let folder = tempfile::tempdir().unwrap();
    let mut config = small(Inputs::Local);
    config.node.set_epochs(9);
    config.node.random_starts = 0.5;
    let whole = train(&set, &config);
    let path = folder.path().join("checkpoint");
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let mut stop = |done: u64, _: u64| {
        if done == 7 {
            cancel.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let mut control = RayControl {
        progress: Some(&mut stop),
        cancel: Some(&cancel),
        checkpoint: Some(path.clone()),
        ..RayControl::default()
    };
    let error = train_on_rays(&set, "clouds", &config, &mut control).unwrap_err();
    assert!(matches!(error, Error::Cancelled));
    let mut control = RayControl {
        checkpoint: Some(path),
        resume: true,
        ..RayControl::default()
    };
    let resumed = train_on_rays(&set, "clouds", &config, &mut control)
        .unwrap()
        .model;
    let series = [set.series(2).unwrap()];
    let predict = |m: &RayModel| m.predict(&series, set.quantities()).unwrap();
    assert_eq!(predict(&resumed), predict(&whole));
}

#[test]
fn no_training_ends_in_numbers_that_are_none() {
    let set = clouds(40, 20, 8);
    // A rate at which single precision overflows at once, and a solver that gives most rays up.
    for (rate, max_steps) in [(1e6, 2000), (1e-2, 3)] {
        let mut config = small(Inputs::Local);
        config.node.set_epochs(6);
        config.node.rate = rate;
        config.node.clip_norm = 0.0;
        config.node.solver.max_steps = max_steps;
        match train_on_rays(&set, "clouds", &config, &mut RayControl::default()) {
            Ok(trained) => {
                let score = trained.outcome.best_score.unwrap();
                assert!(score.is_finite(), "{rate}: {score}");
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("m.safetensors");
                trained.model.write(&path).unwrap();
                RayModel::read(&path).unwrap();
            }
            // Not one step could be taken: said, not hidden in a model.
            Err(e) => assert!(e.to_string().contains("diverged"), "{e}"),
        }
    }
}

#[test]
fn the_papers_settings_are_a_file() {
    let text = include_str!("../configs/node_paper.toml");
    let config = RayConfig::parse(text).unwrap();
    assert_eq!(config.family, Family::Node);
    assert_eq!(config.node, NodeConfig::paper());
    let mut stiff = RayConfig::default();
    stiff.node.solver.method = SolverMethod::Kvaerno5;
    assert_eq!(
        RayConfig::parse("[node.solver]\nmethod = \"kvaerno5\"").unwrap(),
        stiff
    );
    for (text, word) in [
        ("[node]\nlatent = 0", "latent"),
        ("[node]\nstages = []", "stages"),
        ("[node.solver]\natol = 0.0", "atol"),
        ("[node]\nrandom_starts = 2.0", "random_starts"),
        (
            "[node]\nstages = [{ epochs = 3, warmup = 4, window = 0 }]",
            "warm-up",
        ),
        ("[node]\nwidths = 3", "widths"),
    ] {
        let text = format!("family = \"node\"\n{text}");
        let error = RayConfig::parse(&text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}
