//! Training on derivatives on a CUDA device follows the CPU's: on a GPU where there is one, else on the CUDA device on the host.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used)]

#[path = "../../autodiff-ae/tests/cuda/host.rs"]
mod host;

use autodiff_ae::cuda::CudaDevice;
use latent_ode::{
    Dataset, Error, Stop, TrainConfig, TrainControl, Trained, Trajectories, log_spaced, train,
};

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
    println!("RESULT training on derivatives");
}

#[test]
fn training_on_derivatives_follows_the_cpu() {
    match CudaDevice::open(0) {
        Ok(device) => return compare(&device),
        Err(e) => eprintln!("no GPU ({e}): on the CUDA device on the host"),
    }
    match host::Libraries::build() {
        Some(libraries) => assert_eq!(libraries.run("all", 1, None).lines().count(), 1),
        None => eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host"),
    }
}

/// What the test above starts; alone it does nothing.
#[test]
#[ignore = "started by training_on_derivatives_follows_the_cpu"]
fn in_a_process_of_its_own() {
    if std::env::var(host::WHICH).is_ok() {
        compare(&CudaDevice::open(0).unwrap());
    }
}
