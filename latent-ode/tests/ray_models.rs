//! Families of ray surrogates: what they learn of a known law, their files, their resumption, and the baselines beside them.
#![allow(clippy::unwrap_used)]

use latent_ode::Error;
use latent_ode::rays::{
    Cells, Conservation, Family, Inputs, Interpolated, PointLoss, Precision, Quantity, RayConfig,
    RayControl, RayModel, Series, SeriesSet, SeriesSource, SplitRule, evaluate_baseline,
    evaluate_cells, evaluate_rays, train_on_cells, train_on_rays,
};
use proptest::prelude::*;
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

/// Clouds whose abundances follow from field and density by a formula: a front at field/density = 0.01, and a trace of it.
fn clouds(models: usize, points: usize, seed: u64) -> SeriesSet {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let series: Vec<_> = (0..models)
        .map(|m| {
            let mut power =
                |low: f64, high: f64| 10f64.powf(low + (high - low) * rng.random::<f64>());
            let (surface, density, rate) = (power(0.0, 3.0), power(2.0, 5.0), power(-17.0, -15.0));
            let mut series = Series::default();
            for k in 0..points {
                let av = if k == 0 {
                    0.0
                } else {
                    10f64.powf(-3.0 + 4.0 * k as f64 / points as f64)
                };
                let field = surface * (-3.02 * av).exp();
                let gas = 10.0 + 100.0 * (field / (field + 1.0));
                let atom = field / (field + 0.01 * density);
                series.s.push(av);
                series
                    .x
                    .extend([atom, 0.5 * (1.0 - atom), 1e-6 * atom * (rate * 1e17).sqrt()]);
                series.aux.extend([
                    gas,
                    10.0 + 5.0 * field.powf(0.2),
                    density,
                    field,
                    rate,
                    surface,
                ]);
            }
            (format!("model_{m}"), series)
        })
        .collect();
    let species = ["H", "H2", "CO"].map(String::from).to_vec();
    SeriesSet::new(species, QUANTITIES.to_vec(), series).unwrap()
}

fn small(inputs: Inputs) -> RayConfig {
    let mut config = RayConfig {
        inputs,
        ..RayConfig::default()
    };
    config.pointwise.width = 32;
    config.pointwise.depth = 2;
    config.pointwise.members = 2;
    config.pointwise.epochs = 40;
    config.pointwise.batch = 64;
    config.pointwise.warmup = 20;
    config.pointwise.average = 0.98;
    config.pointwise.reviews = 10;
    config
}

fn train(set: &SeriesSet, config: &RayConfig) -> RayModel {
    train_on_rays(set, "clouds", config, &mut RayControl::default())
        .unwrap()
        .model
}

#[test]
fn a_law_is_learned_from_either_inputs_and_better_than_by_interpolation() {
    let set = clouds(80, 40, 3);
    for inputs in [Inputs::Local, Inputs::Standalone] {
        let model = train(&set, &small(inputs));
        let split = model.split(set.len()).unwrap();
        let ours = evaluate_rays(&model, &set, &split.test).unwrap();
        let fit = Interpolated::fit(&set, &split.train).unwrap();
        let plain = evaluate_baseline(&fit, &set, &split.test).unwrap();
        let (mae, theirs) = (ours.scores.mae_dex.unwrap(), plain.scores.mae_dex.unwrap());
        println!("{inputs:?}: {mae:.4} dex, interpolation {theirs:.4}");
        assert!(
            mae < 0.06 && mae < 0.5 * theirs,
            "{inputs:?}: {mae}, interpolation {theirs}"
        );
        let temperature = ours.scores.mae_dex_gas_temperature;
        assert_eq!(temperature.is_some(), inputs == Inputs::Standalone);
        assert!(temperature.unwrap_or(0.0) < 0.03, "{temperature:?}");
        assert_eq!(ours.scores.non_finite, 0);
        // H and H₂ hold all hydrogen in these clouds; CO varies, so that nothing is taken to conserve carbon or oxygen.
        let series = [set.series(split.test[0]).unwrap()];
        for x in model.predict(&series, set.quantities()).unwrap()[0]
            .abundances
            .chunks_exact(3)
        {
            assert!((x[0] + 2.0 * x[1] - 1.0).abs() < 1e-9, "{x:?}");
        }
        // The validation the training kept is that of its own model, but for the first points, the floor and what conservation
        // makes better.
        let seen = evaluate_rays(&model, &set, &split.validation).unwrap();
        let (kept, found) = (
            model.description().validation.unwrap(),
            seen.scores.mae_dex.unwrap(),
        );
        assert!(found < 1.1 * kept && found > 0.3 * kept, "{kept} {found}");
    }
}

#[test]
fn a_file_holds_all_that_predicts() {
    let set = clouds(30, 20, 4);
    let folder = tempfile::tempdir().unwrap();
    for precision in [Precision::F32, Precision::F64] {
        let mut config = small(Inputs::Standalone);
        config.precision = precision;
        config.pointwise.epochs = 2;
        config.pointwise.loss = PointLoss::Huber { delta: 0.5 };
        config.split = SplitRule::Shuffled { seed: 9 };
        let model = train(&set, &config);
        let path = folder.path().join("model.safetensors");
        model.write(&path).unwrap();
        let read = RayModel::read(&path).unwrap();
        assert!(read == model, "another model is read than was written");
        let series = [set.series(3).unwrap(), set.series(17).unwrap()];
        let one = read.predict(&series[1..], set.quantities()).unwrap();
        let both = model.predict(&series, set.quantities()).unwrap();
        assert_eq!(one[0], both[1]);
        assert_eq!(read.split(30).unwrap(), config.split.split(30).unwrap());
        let error = read.split(31).unwrap_err().to_string();
        assert!(
            error.contains("31") && error.contains("30") && error.contains("clouds"),
            "{error}"
        );
        // Damage is refused, not predicted with.
        let bytes = std::fs::read(&path).unwrap();
        for cut in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert!(RayModel::read(&path).is_err(), "{cut}");
        }
    }
}

#[test]
fn the_data_a_model_needs_are_asked_for_by_name() {
    let set = clouds(30, 10, 5);
    let mut config = small(Inputs::Local);
    config.pointwise.epochs = 1;
    let model = train(&set, &config);
    let bare = [
        Quantity::Density,
        Quantity::IonisationRate,
        Quantity::SurfaceField,
    ];
    let series = [Series {
        s: vec![0.0, 0.1],
        x: vec![0.0; 6],
        aux: vec![1e3, 1e-17, 1.0, 1e3, 1e-17, 1.0],
    }];
    let error = model.predict(&series, &bare).unwrap_err();
    assert!(
        matches!(error, Error::MissingQuantity { .. }) && error.to_string().contains("T_gas"),
        "{error}"
    );
    let other = SeriesSet::new(vec!["H".into()], bare.to_vec(), []).unwrap();
    let error = evaluate_rays(&model, &other, &[]).unwrap_err().to_string();
    assert!(error.contains("H H2 CO"), "{error}");
    let error = model
        .predict_cells(&cube(4, 12, 1))
        .unwrap_err()
        .to_string();
    assert!(error.contains("pointwise"), "{error}");
}

#[test]
fn an_interrupted_training_ends_as_an_uninterrupted_one_also_in_parts_of_memory() {
    let set = clouds(30, 20, 6);
    let folder = tempfile::tempdir().unwrap();
    // All points at once, and a third of them at a time.
    for pool in [10_000, 150] {
        let mut config = small(Inputs::Local);
        config.pointwise.epochs = 6;
        config.pointwise.pool = pool;
        let whole = train(&set, &config);
        let path = folder.path().join(format!("{pool}.checkpoint"));
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let mut stop = |done: u64, _: u64| {
            if done == 17 {
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
        // Another configuration is no continuation.
        config.pointwise.width = 33;
        assert!(train_on_rays(&set, "clouds", &config, &mut control).is_err());
    }
}

/// Cells whose abundances follow from density and mean attenuation.
fn cube(cells: usize, rays: usize, seed: u64) -> Cells {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut out = Cells {
        species: ["H", "H2"].map(String::from).to_vec(),
        surface_field: 10.0,
        ionisation_rate: 1e-16,
        ..Cells::default()
    };
    for _ in 0..cells {
        let density = 10f64.powf(1.0 + 3.0 * rng.random::<f64>());
        let own: Vec<f64> = (0..rays)
            .map(|_| 10f64.powf(-2.0 + 2.5 * rng.random::<f64>()))
            .collect();
        let field = 10.0 * own.iter().map(|a| (-3.02 * a).exp()).sum::<f64>() / rays as f64;
        let atom = field / (field + 0.01 * density);
        out.density.push(density);
        out.extinction.extend(own);
        out.gas_temperature.push(20.0 + 50.0 * atom);
        out.abundances.extend([atom, 0.5 * (1.0 - atom)]);
    }
    out
}

fn small_cell() -> RayConfig {
    let mut config = RayConfig {
        family: Family::Cell,
        split: SplitRule::Fraction {
            fraction: 0.3,
            seed: 2,
        },
        ..RayConfig::default()
    };
    config.cell.width = 32;
    config.cell.depth = 2;
    config.cell.members = 1;
    config.cell.epochs = 60;
    config.cell.batch = 32;
    config.cell.average = 0.98;
    config
}

#[test]
fn cells_are_learned_and_other_numbers_of_rays_predicted() {
    let solved = cube(2000, 12, 7);
    let trained =
        train_on_cells(&solved, "cube", &small_cell(), &mut RayControl::default()).unwrap();
    let split = trained.model.split(2000).unwrap();
    let all = trained.model.predict_cells(&solved).unwrap();
    let evaluation = evaluate_cells(&all, &solved, &split.test).unwrap();
    let mae = evaluation.scores.mae_dex.unwrap();
    println!("{mae}");
    assert!(mae < 0.03, "{mae}");
    assert_eq!(all.abundances.len(), 2 * 2000);
    // A finer HEALPix level of the same sky: every ray four times.
    let mut finer = solved.clone();
    finer.extinction = solved.extinction.iter().flat_map(|a| [*a; 4]).collect();
    let of_finer = trained.model.predict_cells(&finer).unwrap();
    let evaluation = evaluate_cells(&of_finer, &finer, &split.test).unwrap();
    let fine = evaluation.scores.mae_dex.unwrap();
    assert!(fine < 0.05, "{fine}");
    let other = trained.model.predict_cells(&cube(3, 12, 1)).unwrap();
    assert!(evaluate_cells(&other, &solved, &split.test).is_err());
    let mut bare = solved;
    bare.abundances.clear();
    bare.gas_temperature.clear();
    assert_eq!(trained.model.predict_cells(&bare).unwrap(), all);
    let error =
        train_on_cells(&bare, "cube", &small_cell(), &mut RayControl::default()).unwrap_err();
    assert!(error.to_string().contains("learn from"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn the_order_of_a_cells_rays_does_not_matter(seed in 0u64..1000) {
        let solved = cube(60, 12, seed);
        let mut config = small_cell();
        config.cell.epochs = 1;
        let model = train_on_cells(&solved, "cube", &config, &mut RayControl::default()).unwrap().model;
        let mut turned = solved.clone();
        for rays in turned.extinction.chunks_exact_mut(12) {
            rays.rotate_left(5);
            rays.swap(0, 7);
        }
        let (a, b) = (model.predict_cells(&solved).unwrap(), model.predict_cells(&turned).unwrap());
        for (x, y) in a.abundances.iter().zip(&b.abundances) {
            prop_assert!((x - y).abs() <= 1e-5 * x, "{x:e} {y:e}");
        }
    }

    #[test]
    fn the_nearest_abundances_conserve_and_are_their_own_nearest(
        logs in proptest::collection::vec(-12.0f64..0.0, 7), pulls in proptest::collection::vec(-1.0f64..1.0, 2),
    ) {
        // H, H2, H+, CO, C+, e-, O with the sums of some abundances as totals.
        let counts = [[1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0]];
        let mut truth: Vec<f64> = logs.iter().map(|l| 10f64.powf(*l)).collect();
        truth[5] = truth[2] + truth[4];
        let total = |row: &[f64; 7], x: &[f64]| row.iter().zip(x).map(|(a, x)| a * x).sum::<f64>();
        let totals: Vec<f64> = vec![total(&counts[0], &truth), total(&counts[1], &truth), 0.0];
        let conservation: Conservation =
            serde_json::from_value(serde_json::json!({ "names": ["H", "C", "charge"], "counts": counts, "totals": totals })).unwrap();
        conservation.check(7).unwrap();
        let mut same = truth.clone();
        conservation.project(&mut same);
        for (a, b) in same.iter().zip(&truth) {
            prop_assert!((a - b).abs() <= 1e-9 * b, "{same:?} {truth:?}");
        }
        // Off by up to e in whatever direction.
        let mut off = truth.clone();
        off.iter_mut().enumerate().for_each(|(j, x)| *x *= (pulls[j % 2] * (1.0 + j as f64) / 7.0).exp());
        let start = off.clone();
        conservation.project(&mut off);
        for (row, t) in counts.iter().zip(&totals) {
            let size: f64 = row.iter().zip(&off).map(|(a, x)| (a * x).abs()).sum();
            prop_assert!((total(row, &off) - t).abs() <= 1e-9 * size, "{off:?}");
        }
        // Nearest: towards any other conserving state, such as the truth, the divergence from the start does not fall.
        let divergence = |x: &[f64]| x.iter().zip(&start).map(|(x, s)| if *x > 0.0 { x * (x / s).ln() - x + s } else { *s }).sum::<f64>();
        let towards: Vec<f64> = off.iter().zip(&truth).map(|(a, b)| a + 1e-3 * (b - a)).collect();
        // Known to the rounding of the abundances, whose terms cancel, and to that of the sums they are held to.
        let (before, after) = (divergence(&off), divergence(&towards));
        let rounding = 1e-11 * before + 1e-14 * start.iter().sum::<f64>();
        prop_assert!(after >= before - rounding, "{after:e} {before:e} {rounding:e}");
        let once = off.clone();
        conservation.project(&mut off);
        prop_assert_eq!(once, off);
    }

    #[test]
    fn a_configuration_survives_its_text(
        width in 1usize..512, rate in 1e-6f64..1.0, seed in 0u64..1 << 40, fraction in 0.01f64..0.99, cell in any::<bool>(),
    ) {
        let mut config = RayConfig { seed, ..RayConfig::default() };
        config.split = SplitRule::Fraction { fraction, seed };
        config.family = if cell { Family::Cell } else { Family::Pointwise };
        config.pointwise.width = width;
        config.cell.rate = rate;
        config.cell.loss = PointLoss::Square;
        let text = config.to_toml().unwrap();
        prop_assert_eq!(RayConfig::parse(&text).unwrap(), config);
    }
}

#[test]
fn a_configuration_names_what_differs_and_is_refused_with_its_key() {
    let config = RayConfig::parse(
        "inputs = \"standalone\"\n[pointwise]\nwidth = 7\nloss = { kind = \"square\" }",
    )
    .unwrap();
    let mut expected = RayConfig {
        inputs: Inputs::Standalone,
        ..RayConfig::default()
    };
    expected.pointwise.width = 7;
    expected.pointwise.loss = PointLoss::Square;
    assert_eq!(config, expected);
    for (text, word) in [
        ("[pointwise]\nwdith = 7", "wdith"),
        ("[pointwise]\nwidth = 0", "width"),
        ("[pointwise]\nwidth = \"x\"", "width"),
        ("family = \"tree\"", "tree"),
        ("[pointwise]\nrate = -1.0", "rate"),
        ("seed = ", "line 1"),
    ] {
        let error = RayConfig::parse(text).unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn the_interpolation_is_scipys() {
    // references/rbf.py: RBFInterpolator(nodes, values, kernel="linear") of SciPy 1.17 at three points.
    let nodes = [
        [1.0, 2.0, -17.0],
        [2.0, 3.0, -16.5],
        [3.5, 2.5, -16.0],
        [0.5, 5.0, -15.2],
        [2.2, 4.1, -16.8],
        [4.0, 6.0, -15.9],
    ];
    let values = [-1.0, -3.5, -2.25, -7.0, -4.0, -0.5];
    let constant = |p: [f64; 3], log: f64| {
        let aux = [
            100.0,
            10.0,
            10f64.powf(p[1]),
            1.0,
            10f64.powf(p[2]),
            10f64.powf(p[0]),
        ];
        Series {
            s: vec![0.0, 1.0],
            x: vec![0.0, 10f64.powf(log)],
            aux: [aux, aux].concat(),
        }
    };
    let all = nodes
        .iter()
        .zip(values)
        .map(|(p, v)| (String::new(), constant(*p, v)));
    let set = SeriesSet::new(vec!["H".into()], QUANTITIES.to_vec(), all).unwrap();
    let fit = Interpolated::fit(&set, &[0, 1, 2, 3, 4, 5]).unwrap();
    for (point, expected) in REFERENCE {
        let found = fit.predict(&constant(point, -9.0), &QUANTITIES).unwrap()[1].log10();
        assert!(
            (found - expected).abs() < 1e-9,
            "{point:?}: {found} {expected}"
        );
    }
    let mut other = constant([1.0, 2.0, -17.0], -1.0);
    other.s[1] = 1.1;
    assert!(matches!(
        fit.predict(&other, &QUANTITIES),
        Err(Error::Interpolation(_))
    ));
}

const REFERENCE: [([f64; 3], f64); 3] = [
    ([1.5, 2.5, -16.2], -2.8634603638589597),
    ([3.0, 5.0, -16.0], -2.8333280558123057),
    ([0.0, 0.0, -18.0], -1.2782184050186078),
];
