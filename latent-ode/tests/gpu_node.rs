//! Training of the family `node` on a CUDA device follows the CPU's: on a GPU where there is one, else on the CUDA device on the host.
#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../../autodiff-ae/tests/cuda/host.rs"]
mod host;

use autodiff_ae::cuda::CudaDevice;
use latent_ode::Error;
use latent_ode::rays::{
    Family, Inputs, LossWeight, NodeConfig, NodeStage, Precision, Quantity, RayConfig, RayControl,
    RayModel, Series, SeriesSet, SeriesSource, SolverMethod, train_on_rays,
};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

const QUANTITIES: [Quantity; 6] = [
    Quantity::GasTemperature,
    Quantity::DustTemperature,
    Quantity::Density,
    Quantity::Field,
    Quantity::IonisationRate,
    Quantity::SurfaceField,
];

/// Clouds of unequal lengths with a front where the field has fallen to a hundredth of the density.
fn clouds() -> SeriesSet {
    let series = (0..24).map(|m| {
        let wave = |f: f64| (f * m as f64 + 0.3).sin();
        let (surface, density) = (10f64.powf(1.5 + wave(2.1)), 10f64.powf(3.5 + wave(0.7)));
        let rate = 1e-16 * (1.0 + 0.5 * wave(1.3));
        let mut series = Series::default();
        for k in 0..12 - m % 5 {
            let av = match k {
                0 => 0.0,
                _ => 10f64.powf(-3.0 + 0.35 * f64::from(k)),
            };
            let field = surface * (-3.02 * av).exp();
            let atom = field / (field + 0.01 * density);
            series.s.push(av);
            series
                .x
                .extend([atom, 0.5 * (1.0 - atom), 1e-6 * (1.0 + atom)]);
            let gas = 10.0 + 100.0 * atom;
            series
                .aux
                .extend([gas, 10.0 + gas.sqrt(), density, field, rate, surface]);
        }
        (format!("model_{m}"), series)
    });
    let species = ["H", "H2", "X"].map(String::from).to_vec();
    SeriesSet::new(species, QUANTITIES.to_vec(), series).unwrap()
}

/// Six steps of windows, six of whole rays, all losses where there is an autoencoder.
fn config(inputs: Inputs, precision: Precision) -> RayConfig {
    let stage = |window| NodeStage {
        epochs: 3,
        warmup: 1,
        window,
    };
    RayConfig {
        family: Family::Node,
        inputs,
        precision,
        node: NodeConfig {
            latent: 4,
            depth: 1,
            width: 12,
            latent_width: 8,
            points: 6,
            batch: 9,
            rate: 1e-2,
            average: 0.5,
            review_epochs: 2,
            random_starts: 0.5,
            stages: vec![stage(7), stage(0)],
            weights: vec![LossWeight {
                epoch: 0.0,
                auto: 0.5,
                rollout: 1.0,
                latent: 0.1,
            }],
            ..NodeConfig::default()
        },
        ..RayConfig::default()
    }
}

fn train(config: &RayConfig, gpu: Option<&CudaDevice>) -> Result<RayModel, Error> {
    let mut control = RayControl {
        gpu: gpu.cloned(),
        ..RayControl::default()
    };
    train_on_rays(&clouds(), "clouds", config, &mut control).map(|trained| trained.model)
}

fn predicted(model: &RayModel) -> Vec<f64> {
    let set = clouds();
    let series: Vec<Series> = (0..5).map(|m| set.series(m).unwrap()).collect();
    let found = model.predict(&series, set.quantities()).unwrap();
    found.into_iter().flat_map(|p| p.abundances).collect()
}

/// Losses, validations and predictions after twelve steps.
fn follows(device: &CudaDevice) {
    for (inputs, precision, tolerance) in [
        (Inputs::Local, Precision::F64, 1e-7),
        (Inputs::Standalone, Precision::F64, 1e-7),
        // Adam magnifies what rounding leaves of small gradients.
        (Inputs::Local, Precision::F32, 5e-3),
    ] {
        let config = config(inputs, precision);
        let (cpu, gpu) = (
            train(&config, None).unwrap(),
            train(&config, Some(device)).unwrap(),
        );
        let (a, b) = (&cpu.description().history, &gpu.description().history);
        assert!(a.len() == b.len() && a.len() > 1);
        for (a, b) in a.iter().zip(b) {
            assert_eq!((a.step, a.epoch, a.rate), (b.step, b.epoch, b.rate));
            for (name, loss) in &a.losses {
                let off = (b.losses[name] - loss).abs();
                // In single precision rounding decides about a step now and then.
                let flips = name == "steps" && precision == Precision::F32;
                let most = if flips { 0.5 } else { tolerance };
                assert!(off <= most * (1.0 + loss.abs()), "{name}: {off}");
            }
            let off = a.validation.unwrap() - b.validation.unwrap();
            assert!(off.abs() < tolerance, "validation: {off}");
        }
        for (a, b) in predicted(&cpu).iter().zip(predicted(&gpu)) {
            assert!((a / b).ln().abs() <= 10.0 * tolerance, "{a} {b}");
        }
    }
}

/// A training that is interrupted and taken up again ends with the same bits.
fn resumes(device: &CudaDevice, folder: &Path) {
    let config = config(Inputs::Local, Precision::F32);
    let whole = train(&config, Some(device)).unwrap();
    let cancel = AtomicBool::new(false);
    let mut stop = |done: u64, _: u64| cancel.store(done == 7, Ordering::Relaxed);
    let mut control = RayControl {
        progress: Some(&mut stop),
        cancel: Some(&cancel),
        checkpoint: Some(folder.join("checkpoint")),
        gpu: Some(device.clone()),
        ..RayControl::default()
    };
    let cut = train_on_rays(&clouds(), "clouds", &config, &mut control);
    assert!(matches!(cut, Err(Error::Cancelled)));
    let mut control = RayControl {
        checkpoint: Some(folder.join("checkpoint")),
        resume: true,
        gpu: Some(device.clone()),
        ..RayControl::default()
    };
    let resumed = train_on_rays(&clouds(), "clouds", &config, &mut control).unwrap();
    assert_eq!(predicted(&resumed.model), predicted(&whole));
}

/// A solver that gives most rays up ends the training as on the CPU; what the device does not do is refused by name.
fn refuses(device: &CudaDevice) {
    let mut hopeless = config(Inputs::Local, Precision::F32);
    hopeless.node.solver.max_steps = 1;
    (hopeless.node.solver.rtol, hopeless.node.solver.atol) = (1e-9, 1e-9);
    let [cpu, gpu] = [None, Some(device)].map(|d| train(&hopeless, d).unwrap_err().to_string());
    assert!(gpu.contains("diverged"), "{gpu}");
    assert_eq!(cpu, gpu);
    let mut implicit = config(Inputs::Local, Precision::F32);
    implicit.node.solver.method = SolverMethod::Kvaerno5;
    assert!(train(&implicit, None).is_ok());
    match train(&implicit, Some(device)).unwrap_err() {
        Error::Option { name, value, .. } => {
            assert_eq!((name, &value[..]), ("node.solver.method", "kvaerno5"));
        }
        other => panic!("{other}"),
    }
}

fn checks(device: &CudaDevice) {
    follows(device);
    resumes(device, tempfile::tempdir().unwrap().path());
    refuses(device);
    println!("RESULT training of the family node");
}

#[test]
fn training_of_the_family_node_follows_the_cpu() {
    match CudaDevice::open(0) {
        Ok(device) => return checks(&device),
        Err(e) => eprintln!("no GPU ({e}): on the CUDA device on the host"),
    }
    match host::Libraries::build() {
        Some(libraries) => assert_eq!(libraries.run("all", 1, None).lines().count(), 1),
        None => eprintln!("SKIPPED: no C++ compiler to build the CUDA device on the host"),
    }
}

/// What the test above starts; alone it does nothing.
#[test]
#[ignore = "started by training_of_the_family_node_follows_the_cpu"]
fn in_a_process_of_its_own() {
    if std::env::var(host::WHICH).is_ok() {
        checks(&CudaDevice::open(0).unwrap());
    }
}
