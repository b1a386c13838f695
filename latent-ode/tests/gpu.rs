//! Trainings on a CUDA device follow the CPU's: on a GPU where there is one, else on the CUDA device on the host.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

#[path = "../../autodiff-ae/tests/cuda/host.rs"]
mod host;
#[path = "gpu/rays.rs"]
mod rays;

use autodiff_ae::cuda::CudaDevice;
use latent_ode::train::{EnsembleControl, train_ensemble};
use latent_ode::{
    Dataset, Error, Stop, Surrogate, TrainConfig, TrainControl, Trained, Trajectories, log_spaced,
    train,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Three quantities that decay into each other.
fn data() -> Dataset {
    let times = log_spaced(1e-2, 1e2, 12).unwrap();
    let part = |n: usize, shift: f64| {
        let model = |m: usize| 1.0 + (m as f64 * 0.7 + shift).sin();
        let at = |m: usize, t: f64| {
            let (a, b) = ((-t).exp(), (-t / 30.0).exp());
            [
                1e3,
                model(m) * (a + 1e-4),
                model(m) * (b - a + 1e-6),
                2.1 - b,
            ]
        };
        let values = (0..n)
            .flat_map(|m| times.iter().flat_map(move |&t| at(m, t)))
            .collect();
        Trajectories::new(values, n, 12, 4).unwrap()
    };
    let labels = ["H2", "A", "B", "C"].map(String::from).to_vec();
    Dataset::new(
        labels,
        times.clone(),
        part(20, 0.0),
        part(0, 0.0),
        part(4, 0.3),
    )
    .unwrap()
}

fn config() -> TrainConfig {
    let mut config = TrainConfig::recipe("paper").unwrap();
    (config.steps, config.validate_every) = (50, 20);
    config.optimiser.average = 0.9;
    config.optimiser.clip_norm = 1.0;
    config.optimiser.rate = 1e-3;
    config
}

fn trained(
    config: &TrainConfig,
    gpu: Option<&CudaDevice>,
    steps: Option<u64>,
) -> Result<Trained, Error> {
    let mut control = TrainControl {
        gpu: gpu.cloned(),
        benchmark_steps: steps,
        ..TrainControl::default()
    };
    train(&data(), config, &mut control)
}

fn compare(device: &CudaDevice) {
    let states = data();
    let encode = |t: &Trained| t.surrogate.encode(states.val().values()).unwrap();
    let close = |a: &[f64], b: &[f64]| {
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!((a - b).abs() < 1e-4, "{a} against {b}");
        }
    };
    let (cpu, gpu) = (
        trained(&config(), None, None).unwrap(),
        trained(&config(), Some(device), None).unwrap(),
    );
    assert_eq!((gpu.stopped, gpu.steps), (Stop::Finished, 50));
    close(&encode(&gpu), &encode(&cpu));
    let (a, b) = (gpu.surrogate.history(), cpu.surrogate.history());
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!((a.step, a.epoch, a.rate), (b.step, b.epoch, b.rate));
        for (name, loss) in &b.losses {
            assert!(
                (a.losses[name] - loss).abs() <= 1e-4 * (1.0 + loss.abs()),
                "{name}"
            );
        }
        assert!((a.validation.unwrap() - b.validation.unwrap()).abs() < 1e-2);
    }
    // A timed run takes the steps it was asked for and no other.
    let timed = trained(&config(), Some(device), Some(7)).unwrap();
    assert_eq!((timed.stopped, timed.steps), (Stop::Benchmark, 7));
    close(
        &encode(&timed),
        &encode(&trained(&config(), None, Some(7)).unwrap()),
    );
    // What the device does not do is refused by name.
    let rollout = trained(&TrainConfig::default_recipe(), Some(device), None);
    assert!(matches!(rollout, Err(Error::Option { name: "device", .. })));
    ensemble(device);
    println!("RESULT training on derivatives");
}

/// Seeds trained together are those trained alone, bit for bit; interrupted and taken up again, too.
fn ensemble(device: &CudaDevice) {
    let (folder, data, seeds) = (tempfile::tempdir().unwrap(), data(), [7, 2, 5]);
    let path = |seed: u64| folder.path().join(format!("{seed}.safetensors"));
    let alone: Vec<Trained> = seeds
        .iter()
        .map(|&seed| trained(&TrainConfig { seed, ..config() }, Some(device), None).unwrap())
        .collect();
    let bytes = |s: &Surrogate| s.encode(data.val().values()).unwrap();
    let (cancel, last) = (AtomicBool::new(false), AtomicU64::new(0));
    let stop_at_the_first_review = |position: usize, done: u64| {
        if position == 1 {
            last.store(done, Ordering::Relaxed);
        }
        if done == 20 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let mut control = EnsembleControl {
        member: Some(&path),
        cancel: Some(&cancel),
        progress: Some(&stop_at_the_first_review),
        gpu: Some(device.clone()),
        ..EnsembleControl::default()
    };
    let cut = train_ensemble(&data, &config(), &seeds, &control).unwrap();
    assert!(cut.members.iter().all(|m| m.cancelled));
    assert_eq!(last.load(Ordering::Relaxed), 20);
    for seed in seeds {
        assert!(path(seed).with_extension("checkpoint").exists() && !path(seed).exists());
    }
    // One of them was finished elsewhere.
    alone[2].surrogate.write(path(5)).unwrap();
    (control.cancel, control.progress, control.resume) = (None, None, true);
    let whole = train_ensemble(&data, &config(), &seeds, &control).unwrap();
    for ((member, alone), seed) in whole.members.iter().zip(&alone).zip(seeds) {
        let surrogate = member.surrogate.as_ref().unwrap();
        assert!(member.seed == seed && !member.cancelled);
        assert_eq!(bytes(surrogate), bytes(&alone.surrogate), "seed {seed}");
        assert_eq!(surrogate.summary().steps, 50);
        let (a, b) = (member.score(), alone.surrogate.summary().best_validation);
        assert_eq!(a, b);
        assert!(path(seed).exists() && !path(seed).with_extension("checkpoint").exists());
    }
    let best = whole.best.unwrap();
    let scores: Vec<f64> = whole.members.iter().map(|m| m.score().unwrap()).collect();
    assert!(scores.iter().all(|s| scores[best] <= *s));
    assert_eq!(whole.spread.unwrap().members, 3);
    // What the device does not do is refused by name.
    let rollout = train_ensemble(&data, &TrainConfig::default_recipe(), &[1], &control);
    assert!(matches!(rollout, Err(Error::Option { name: "device", .. })));
}

/// Runs checks on a GPU where there is one, else those of that name on the device on the host, which leave so many results.
fn on_a_device(which: &str, checks: fn(&CudaDevice), results: usize) {
    match CudaDevice::open(0) {
        Ok(device) => return checks(&device),
        Err(e) => eprintln!("no GPU ({e}): on the CUDA device on the host"),
    }
    match host::Libraries::build() {
        Some(libraries) => assert_eq!(libraries.run(which, 1, None).lines().count(), results),
        None => eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host"),
    }
}

#[test]
fn training_on_derivatives_follows_the_cpu() {
    on_a_device("derivatives", compare, 1);
}

#[test]
fn training_on_points_of_rays_and_on_cells_follows_the_cpu() {
    on_a_device("rays", rays::all, 3);
}

/// What the tests above start; alone it does nothing.
#[test]
#[ignore = "started by the tests above"]
fn in_a_process_of_its_own() {
    match std::env::var(host::WHICH).as_deref() {
        Ok("rays") => rays::all(&CudaDevice::open(0).unwrap()),
        Ok(_) => compare(&CudaDevice::open(0).unwrap()),
        Err(_) => {}
    }
}
