//! Ray surrogates of the point families trained with losses and gradients on a CUDA device follow the CPU's, and go on where they were
//! interrupted.

use autodiff_ae::cuda::CudaDevice;
use autodiff_ae::{Checkpoint, Scalar};
use latent_ode::Error;
use latent_ode::rays::{
    Cells, Family, Inputs, PointLoss, Precision, Quantity, RayConfig, RayControl, RayModel,
    RayTrained, Series, SeriesSet, SplitRule, train_on_cells, train_on_rays,
};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Clouds whose abundances follow from depth and density.
fn clouds(models: usize, points: usize) -> SeriesSet {
    let series = (0..models).map(|m| {
        let mut series = Series::default();
        let density = 10f64.powf(2.0 + (0.7 * m as f64).sin());
        for k in 0..points {
            let av = 10f64.powf(-2.0 + 3.0 * k as f64 / points as f64);
            let atom = 1.0 / (1.0 + 1e-3 * density * av * av);
            series.s.push(av);
            series.x.extend([atom, 0.5 * (1.0 - atom), 1e-5 * atom]);
            series
                .aux
                .extend([10.0 + 90.0 * atom, density, 1e-17 * (1 + m) as f64, 10.0]);
        }
        (format!("model_{m}"), series)
    });
    let species = ["H", "H2", "CO"].map(String::from).to_vec();
    let quantities = vec![
        Quantity::GasTemperature,
        Quantity::Density,
        Quantity::IonisationRate,
        Quantity::SurfaceField,
    ];
    SeriesSet::new(species, quantities, series).unwrap()
}

/// Cells whose abundances follow from density and the mean of their extinctions.
fn cube(cells: usize) -> Cells {
    let mut out = Cells {
        species: ["H", "H2"].map(String::from).to_vec(),
        surface_field: 10.0,
        ionisation_rate: 1e-16,
        ..Cells::default()
    };
    for i in 0..cells {
        let density = 10f64.powf(2.0 + (0.9 * i as f64).sin());
        let own = [0, 1, 2].map(|r| 10f64.powf((1.3 * i as f64 + f64::from(r)).cos()));
        let atom = 1.0 / (1.0 + 1e-3 * density * own.iter().sum::<f64>());
        out.density.push(density);
        out.extinction.extend(own);
        out.gas_temperature.push(10.0 + 90.0 * atom);
        out.abundances.extend([atom, 0.5 * (1.0 - atom)]);
    }
    out
}

/// Two members with residual layers, mini-batches of two tiles; points in several parts of memory.
fn config(precision: Precision) -> RayConfig {
    let mut config = RayConfig {
        inputs: Inputs::Standalone,
        precision,
        split: SplitRule::Fraction {
            fraction: 0.5,
            seed: 1,
        },
        ..RayConfig::default()
    };
    for point in [&mut config.pointwise, &mut config.cell] {
        (point.width, point.depth, point.members) = (12, 3, 2);
        (point.epochs, point.batch, point.reviews) = (6, 40, 3);
        (point.average, point.warmup, point.pool) = (0.8, 2, 100);
        point.clip_norm = 1.0;
    }
    if precision == Precision::F64 {
        config.pointwise.loss = PointLoss::Huber { delta: 0.3 };
    }
    config
}

type Training<'a> = dyn Fn(&RayConfig, &mut RayControl<'_>) -> Result<RayTrained, Error> + 'a;

/// The members' parameters, from the model's file.
fn parameters<T: Scalar>(model: &RayModel, folder: &Path) -> Vec<T> {
    let path = folder.join("model.safetensors");
    model.write(&path).unwrap();
    let file = Checkpoint::load(&path).unwrap();
    let names: Vec<String> = file
        .tensors()
        .map(|(name, _)| name.to_owned())
        .filter(|name| name.starts_with("member."))
        .collect();
    assert_eq!(names.len(), 2 * 2 * 4);
    let values = names.iter().map(|n| {
        let shape = file.tensors().find(|(name, _)| name == n).unwrap().1;
        file.get::<T>(n, shape).unwrap()
    });
    values.flatten().collect()
}

fn compare<T: Scalar>(device: &CudaDevice, config: &RayConfig, most: f64, train: &Training<'_>) {
    let folder = tempfile::tempdir().unwrap();
    let on_device = || RayControl {
        gpu: Some(device.clone()),
        ..RayControl::default()
    };
    let cpu = train(config, &mut RayControl::default()).unwrap();
    let gpu = train(config, &mut on_device()).unwrap();
    assert_eq!(gpu.outcome.steps, cpu.outcome.steps);
    assert_eq!(gpu.outcome.best_step, cpu.outcome.best_step);
    let (a, b) = (
        parameters::<T>(&gpu.model, folder.path()),
        parameters::<T>(&cpu.model, folder.path()),
    );
    let apart = a.iter().zip(&b).map(|(a, b)| (*a - *b).f64().abs());
    let apart = apart.fold(0.0, f64::max);
    assert!(apart <= most, "{apart:e} apart");
    let histories = [&gpu, &cpu].map(|t| &t.model.description().history);
    assert_eq!(histories[0].len(), histories[1].len());
    for (a, b) in histories[0].iter().zip(histories[1]) {
        let near = |a: f64, b: f64| (a - b).abs() <= most * b;
        assert!(near(a.losses["total"], b.losses["total"]));
        assert!(near(a.validation.unwrap(), b.validation.unwrap()));
    }
    // It has learned: otherwise equality would say little.
    let first = histories[0][0].losses["total"];
    assert!(histories[0].last().unwrap().losses["total"] < 0.9 * first);

    // Interrupted and taken up again, it ends in the same bits.
    let cancel = AtomicBool::new(false);
    let mut stop = |done: u64, of: u64| {
        if done == of / 2 + 1 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let path = folder.path().join("checkpoint");
    let mut control = RayControl {
        progress: Some(&mut stop),
        cancel: Some(&cancel),
        checkpoint: Some(path.clone()),
        ..on_device()
    };
    let cut = train(config, &mut control);
    assert!(matches!(cut, Err(Error::Cancelled)));
    let mut control = RayControl {
        checkpoint: Some(path),
        resume: true,
        ..on_device()
    };
    let resumed = train(config, &mut control).unwrap();
    assert_eq!(parameters::<T>(&resumed.model, folder.path()), a);
    println!("RESULT rays {} {apart:e}", T::DTYPE);
}

pub fn all(device: &CudaDevice) {
    let clouds = clouds(16, 20);
    let rays: &Training<'_> = &|config, control| train_on_rays(&clouds, "clouds", config, control);
    compare::<f64>(device, &config(Precision::F64), 1e-9, rays);
    compare::<f32>(device, &config(Precision::F32), 2e-4, rays);
    let (cube, mut of_cells) = (cube(200), config(Precision::F32));
    of_cells.family = Family::Cell;
    let cells: &Training<'_> = &|config, control| train_on_cells(&cube, "cube", config, control);
    compare::<f32>(device, &of_cells, 2e-4, cells);
}
