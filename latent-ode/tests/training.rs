//! Training: it learns, is reproducible whatever the threads and interruptions, and refuses what cannot be trained.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, Ordering};

use latent_ode::{
    Control, Dataset, Error, Evaluation, Start, Stop, Surrogate, TrainConfig, TrainControl,
    Trained, Trajectories, log_spaced, train,
    train::{Method, Objective, Penalty, RateSchedule},
};

/// A closed toy chemistry: A decays into B, which meets A and makes C; exact at every time.
fn data(models: [usize; 3]) -> Dataset {
    let times = log_spaced(1e-3, 1e3, 24).unwrap();
    let mut random = 7u64;
    let mut part = |n: usize| {
        let mut values = Vec::new();
        for _ in 0..n {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let total = 10f64.powf(1.0 + 2.0 * (random >> 11) as f64 / (1u64 << 53) as f64);
            for &t in &times {
                let (fast, slow) = ((-t).exp(), (-t / 100.0).exp());
                values.extend([
                    1e4,
                    total * (fast + 1e-6),
                    total * (slow - fast + 1e-9),
                    total * (1.0 - slow + 1e-12),
                ]);
            }
        }
        Trajectories::new(values, n, 24, 4).unwrap()
    };
    let (train, test, val) = (part(models[0]), part(models[1]), part(models[2]));
    let labels = ["H2", "A", "B", "C"].map(String::from).to_vec();
    Dataset::new(labels, times.clone(), train, test, val).unwrap()
}

fn small() -> TrainConfig {
    let mut config = TrainConfig::default_recipe();
    config.steps = 60;
    config.validate_every = 20;
    config.model.encoder = vec![16];
    config.model.decoder = vec![16, 16];
    config.optimiser.warmup = 5;
    config.optimiser.rate = 2.5e-2;
    if let Objective::Rollout(o) = &mut config.objective {
        (o.trajectories, o.outputs, o.reconstruction, o.consistency) = (20, 6, 0.2, 0.1);
    }
    config
}

fn run(dataset: &Dataset, config: &TrainConfig) -> Trained {
    train(dataset, config, &mut TrainControl::default()).unwrap()
}

/// The file of a surrogate: equal trainings leave equal files.
fn bytes(surrogate: &Surrogate) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m");
    surrogate.write(&path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn training_learns_and_predicts() {
    let dataset = data([40, 10, 10]);
    let mut config = small();
    config.steps = 600;
    config.validate_every = 100;
    let trained = run(&dataset, &config);
    assert_eq!(trained.stopped, Stop::Finished);
    let history = trained.surrogate.history();
    assert_eq!(history.len(), 6);
    assert!(
        history[5].losses["total"] < 0.3 * history[0].losses["total"],
        "{history:?}"
    );
    let (test, times) = (dataset.test(), dataset.timesteps());
    for start in [Start::Autoencoder, Start::First, Start::Random { seed: 3 }] {
        let p = trained
            .surrogate
            .predict(test, times, start, &Control::default())
            .unwrap();
        let e = Evaluation::new(dataset.labels(), test, &p.trajectories, &p.first).unwrap();
        assert!(
            p.failures.is_empty() && e.mae_dex < 0.15,
            "{start:?}: {} dex",
            e.mae_dex
        );
        if let Start::Random { .. } = start {
            assert!(
                p.first.iter().all(|&f| (2..24).contains(&f))
                    && p.first.iter().any(|&f| f != p.first[0])
            );
            assert_eq!(
                p.trajectories.state(0, p.first[0] - 2),
                test.state(0, p.first[0] - 2)
            );
        }
    }
    // One state at a time gives what all at once give, and times of one's own are allowed.
    let all = trained
        .surrogate
        .predict(test, times, Start::First, &Control::default())
        .unwrap();
    let one = trained.surrogate.rollout(test.state(2, 0), times).unwrap();
    assert_eq!(one.densities, all.trajectories.sample(2));
    assert_eq!(one.latent.len(), 24 * 5);
    let few = trained
        .surrogate
        .rollout(test.state(2, 0), &[times[0], times[10]])
        .unwrap();
    for (a, b) in few.densities[4..].iter().zip(all.trajectories.state(2, 10)) {
        assert!((a / b - 1.0).abs() < 1e-3);
    }
    // Latent mass is conserved along a rollout.
    let masses = trained.surrogate.network().masses();
    let mass = |z: &[f64]| z.iter().zip(&masses).map(|(z, m)| z * m).sum::<f64>();
    assert!((mass(&one.latent[..5]) / mass(&one.latent[23 * 5..]) - 1.0).abs() < 1e-9);
    let rates = trained
        .surrogate
        .latent_rates(test.sample(0), times)
        .unwrap();
    assert_eq!(
        [
            rates.latent.len(),
            rates.encoded.len(),
            rates.modelled.len()
        ],
        [120; 3]
    );
    assert!(
        trained
            .surrogate
            .rollout(&[1.0, -2.0, 3.0, 4.0], times)
            .is_err()
    );
    assert!(
        trained
            .surrogate
            .rollout(test.state(2, 0), &[1.0, 0.5])
            .is_err()
    );
}

#[test]
fn equal_for_any_number_of_threads_and_repeated() {
    let dataset = data([40, 0, 6]);
    for config in [small(), paper()] {
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            bytes(&pool.install(|| run(&dataset, &config)).surrogate)
        };
        let one = with(1);
        assert_eq!(one, with(1));
        assert_eq!(one, with(3));
        let mut other = config.clone();
        other.seed = 2;
        assert_ne!(one, bytes(&run(&dataset, &other).surrogate));
    }
}

fn paper() -> TrainConfig {
    let mut config = TrainConfig::paper();
    config.steps = 60;
    config.validate_every = 20;
    config
}

#[test]
fn interrupted_and_resumed_is_as_uninterrupted() {
    let dataset = data([40, 0, 6]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut averaged = small();
    averaged.optimiser.average = 0.9;
    let mut adam = small();
    adam.optimiser.method = Method::Adam;
    for config in [small(), averaged, adam, paper()] {
        let whole = bytes(&run(&dataset, &config).surrogate);
        for at in [1, 20, 33] {
            let cancel = AtomicBool::new(false);
            let mut progress = |step: u64, _: u64| cancel.store(step == at, Ordering::Relaxed);
            let mut control = TrainControl {
                progress: Some(&mut progress),
                cancel: Some(&cancel),
                checkpoint: Some(path.clone()),
                ..Default::default()
            };
            let part = train(&dataset, &config, &mut control).unwrap();
            assert_eq!((part.stopped, part.steps), (Stop::Cancelled, at));
            // The checkpoint is a surrogate, too.
            assert_eq!(Surrogate::read(&path).unwrap().summary().steps, at);
            let mut control = TrainControl {
                checkpoint: Some(path.clone()),
                resume: true,
                ..Default::default()
            };
            let resumed = train(&dataset, &config, &mut control).unwrap();
            assert_eq!(resumed.stopped, Stop::Finished);
            assert_eq!(
                bytes(&resumed.surrogate),
                whole,
                "interrupted at {at}: {config:?}"
            );
        }
    }
    // Another configuration, other data, a finished model, a truncated file: each refused.
    let resume = |dataset: &Dataset, config: &TrainConfig| {
        train(
            dataset,
            config,
            &mut TrainControl {
                checkpoint: Some(path.clone()),
                resume: true,
                ..Default::default()
            },
        )
        .unwrap_err()
    };
    let mut other = paper();
    other.seed = 9;
    assert!(
        resume(&dataset, &other)
            .to_string()
            .contains("another configuration")
    );
    assert!(
        resume(&data([39, 0, 6]), &paper())
            .to_string()
            .contains("other data")
    );
    let whole = std::fs::read(&path).unwrap();
    for keep in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..keep]).unwrap();
        assert!(matches!(resume(&dataset, &paper()), Error::Layers(_)));
        assert!(Surrogate::read(&path).is_err());
    }
    run(&dataset, &paper()).surrogate.write(&path).unwrap();
    assert!(
        resume(&dataset, &paper())
            .to_string()
            .contains("nothing to resume")
    );
}

#[test]
fn stops_by_itself_and_times_steps() {
    let dataset = data([40, 0, 6]);
    let mut config = small();
    config.steps = 5_000;
    config.validate_every = 5;
    config.patience = 2;
    // A rate too small to improve anything.
    (
        config.optimiser.rate,
        config.optimiser.schedule,
        config.optimiser.warmup,
    ) = (1e-12, RateSchedule::Constant, 0);
    let trained = run(&dataset, &config);
    assert_eq!((trained.stopped, trained.steps), (Stop::Plateau, 15));
    let timed = train(
        &dataset,
        &small(),
        &mut TrainControl {
            benchmark_steps: Some(7),
            ..Default::default()
        },
    )
    .unwrap();
    assert_eq!((timed.stopped, timed.steps), (Stop::Benchmark, 7));
    assert!(timed.steps_per_second > 0.0 && timed.surrogate.history().is_empty());
    config.max_seconds = 1e-9;
    assert_eq!(run(&dataset, &config).stopped, Stop::Time);
}

/// A timed run of n steps ends in the parameters of a training of n steps.
#[test]
fn timed_steps_are_those_of_training() {
    let dataset = data([40, 0, 6]);
    let whole = run(&dataset, &paper());
    let timed = train(
        &dataset,
        &paper(),
        &mut TrainControl {
            benchmark_steps: Some(paper().steps),
            ..Default::default()
        },
    )
    .unwrap();
    let states = data([3, 0, 0]);
    let latent = |t: &Trained| t.surrogate.encode(states.train().values()).unwrap();
    assert_eq!(latent(&timed), latent(&whole));
    assert_eq!(
        timed.surrogate.rate_coefficients(),
        whole.surrogate.rate_coefficients()
    );
    // L0 over the training set, by encoding and decoding it.
    let losses = timed.losses.unwrap();
    assert_eq!(timed.losses, whole.losses);
    assert!(losses.iter().all(|l| l.is_finite() && *l > 0.0));
    let normalisation = timed.surrogate.normalisation();
    let x = dataset.train().values();
    let decoded = timed
        .surrogate
        .decode(&timed.surrogate.encode(x).unwrap())
        .unwrap();
    let scaled = |n: &[f64]| {
        let mut x: Vec<f64> = n.iter().map(|n| n.max(1e-30).log10()).collect();
        normalisation.apply(&mut x);
        x
    };
    let pairs = scaled(x).into_iter().zip(scaled(&decoded));
    let l0 = pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / x.len() as f64;
    assert!((losses[0] / l0 - 1.0).abs() < 1e-3, "{} {l0}", losses[0]);
}

#[test]
fn an_ensemble_is_its_members_and_keeps_the_best() {
    use latent_ode::train::{EnsembleControl, train_ensemble};
    let dataset = data([40, 0, 6]);
    let folder = tempfile::tempdir().unwrap();
    let path = |seed: u64| folder.path().join(format!("{seed}.safetensors"));
    let seeds = [3, 1, 2];
    let alone: Vec<Surrogate> = seeds
        .iter()
        .map(|&seed| run(&dataset, &TrainConfig { seed, ..small() }).surrogate)
        .collect();
    let score = |s: &Surrogate| s.summary().best_validation.unwrap();
    let best = alone.iter().map(score).fold(f64::INFINITY, f64::min);
    let mut control = EnsembleControl {
        member: Some(&path),
        ..Default::default()
    };
    let check = |ensemble: &latent_ode::train::SeedEnsemble| {
        for (m, a) in ensemble.members.iter().zip(&alone) {
            assert_eq!(bytes(m.surrogate.as_ref().unwrap()), bytes(a));
        }
        let spread = ensemble.spread.unwrap();
        assert_eq!((spread.members, spread.best), (3, best));
        assert_eq!(ensemble.members[ensemble.best.unwrap()].score(), Some(best));
    };
    check(&train_ensemble(&dataset, &small(), &seeds, &control).unwrap());
    // Taken up again with one member missing, it trains that one alone.
    std::fs::remove_file(path(1)).unwrap();
    let trained = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let note = |position: usize, _: u64| {
        trained.lock().unwrap().insert(position);
    };
    control.progress = Some(&note);
    control.resume = true;
    check(&train_ensemble(&dataset, &small(), &seeds, &control).unwrap());
    assert_eq!(
        trained.lock().unwrap().iter().copied().collect::<Vec<_>>(),
        [1]
    );
    // Members of another configuration are not taken for this one's; the others are no worse for it.
    let mut other = small();
    other.steps = 40;
    let mixed = train_ensemble(&dataset, &other, &seeds, &control).unwrap();
    assert!(
        mixed
            .members
            .iter()
            .all(|m| matches!(m.surrogate, Err(Error::Model { .. })))
    );
    assert!(mixed.best.is_none() && mixed.spread.is_none());
    assert!(train_ensemble(&dataset, &small(), &[], &control).is_err());
}

#[test]
fn divergence_is_an_error_in_the_end() {
    let dataset = data([40, 0, 6]);
    let mut config = small();
    // Coefficients so large that the latent solve overflows at once.
    config.model.coefficient_start = [80.0, 88.0];
    assert!(matches!(
        train(&dataset, &config, &mut TrainControl::default()),
        Err(Error::Diverged { step: 0, .. })
    ));
}

#[test]
fn impossible_settings_are_refused() {
    let dataset = data([40, 0, 6]);
    let refused = |change: &dyn Fn(&mut TrainConfig)| {
        let mut config = small();
        change(&mut config);
        train(&dataset, &config, &mut TrainControl::default())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&|c| c.steps = 0).contains("steps = 0"));
    assert!(refused(&|c| c.optimiser.rate = f64::NAN).contains("optimiser.rate"));
    assert!(refused(&|c| c.model.encoder = vec![0]).contains("model.encoder"));
    assert!(refused(&|c| c.model.atoms = 0).contains("latent network"));
    let rollout = |change: &'static dyn Fn(&mut latent_ode::train::RolloutObjective)| {
        refused(&|c| {
            if let Objective::Rollout(o) = &mut c.objective {
                change(o);
            }
        })
    };
    assert!(rollout(&|o| o.outputs = 0).contains("objective.outputs"));
    assert!(rollout(&|o| o.species_weights = vec![1.0]).contains("species_weights"));
    assert!(rollout(&|o| o.penalty = Penalty::Absolute { epsilon: 0.0 }).contains("epsilon"));
    let nothing = data([0, 1, 1]);
    assert!(matches!(
        train(&nothing, &small(), &mut TrainControl::default()),
        Err(Error::Empty("train"))
    ));
}

#[test]
fn configurations_survive_toml() {
    for config in [TrainConfig::default_recipe(), TrainConfig::paper(), small()] {
        assert_eq!(
            TrainConfig::from_toml(&config.to_toml().unwrap()).unwrap(),
            config
        );
    }
    let text = TrainConfig::paper()
        .to_toml()
        .unwrap()
        .replace("steps", "stepps");
    assert!(
        TrainConfig::from_toml(&text)
            .unwrap_err()
            .to_string()
            .contains("stepps")
    );
}
