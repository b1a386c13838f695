//! What must hold on any CUDA device: losses, gradients and whole trainings as on the CPU, members independent, errors typed.

use super::common::uniform;
use super::problem::{Data, Problem, Sourced, problems};
use autodiff_ae::cuda::*;
use autodiff_ae::*;

/// f32 against f32 on another device differs by rounding alone, f64 likewise.
pub fn tolerance<T: Scalar>() -> f64 {
    if T::DTYPE == "F64" { 1e-10 } else { 1e-4 }
}

/// Largest difference relative to the largest value.
fn distance<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().map(|x| x.f64().abs()).fold(1e-12, f64::max);
    let difference = |(x, y): (&T, &T)| (x.f64() - y.f64()).abs();
    a.iter()
        .zip(b)
        .map(difference)
        .fold(0.0, |m, d| if d <= m { m } else { d })
        / largest
}

pub fn close<T: Scalar>(what: &str, a: &[T], b: &[T], most: f64) {
    let d = distance(a, b);
    assert!(d <= most, "{what}: {d:e} apart, at most {most:e}");
}

fn losses_close(what: &str, a: &LossValues, b: &LossValues, most: f64) {
    for k in 0..4 {
        let (x, y) = (a.losses[k], b.losses[k]);
        // A network that conserves mass has nothing in L3's second term but rounding.
        assert!(
            (x - y).abs() <= most * (y.abs() + 1e-3),
            "{what}: L{k} {x} against {y}"
        );
    }
    assert!((a.total - b.total).abs() <= most * b.total, "{what}: total");
}

/// FNV-1a of bits: equal results print equal lines.
pub fn bits<T: Scalar>(values: &[T]) -> u64 {
    let step = |h: u64, v: &T| (h ^ v.f64().to_bits()).wrapping_mul(0x100_0000_01b3);
    values.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

const PATHS: [CudaPath; 2] = [CudaPath::Persistent, CudaPath::Wide];

pub fn all(device: &CudaDevice) {
    for problem in problems() {
        for path in PATHS {
            gradients::<f64>(device, &problem, path);
        }
    }
    for path in PATHS {
        gradients::<f32>(device, &problems()[0], path);
    }
    training(device);
    divergence(device);
    refusals(device);
    cache(device);
    super::ensemble::all(device);
    super::dense::all(device);
    super::regression::all(device);
}

/// Losses of a table and the gradient of a batch. With β₁ = β₂ = 0 the first moment after a step is the gradient.
fn gradients<T: Scalar>(device: &CudaDevice, problem: &Problem, path: CudaPath) {
    let what = format!("{} {} {path:?}", problem.name, T::DTYPE);
    let weights = LossWeights {
        reconstruction: 0.9,
        latent_rate: 0.3,
        decoded_rate: 0.2,
        mass: 0.1,
    };
    let loss = problem.loss_config(weights, Reduction::Sum);
    let mut options = CudaOptions::new(loss.clone(), problem.batch);
    options.adam = (0.0, 0.0, 1e-7);
    options.path = Some(path);
    let params = problem.params::<T>(5);
    let member = CudaMember::new(params.clone(), weights);
    let mut trainer = CudaTrainer::new(
        device,
        &problem.model,
        &problem.dynamics,
        &options,
        &[member],
    )
    .unwrap();
    assert_eq!(trainer.path(), path);
    let data = problem.data::<T>(11);
    let table = trainer.table(&data.0, &data.1, &data.2).unwrap();
    let everything: Vec<usize> = (0..problem.samples).collect();
    let (cpu, _) = problem.on_cpu(&params, &data, &everything, &loss);
    losses_close(
        &what,
        &trainer.losses(&table).unwrap()[0],
        &cpu,
        tolerance::<T>(),
    );

    let order: Vec<u32> = (0..problem.batch)
        .map(|i| ((7 * i + 3) % problem.samples) as u32)
        .collect();
    let chosen: Vec<usize> = order.iter().map(|&i| i as usize).collect();
    let (cpu, gradient) = problem.on_cpu(&params, &data, &chosen, &loss);
    let rate = StepRate {
        rate: 0.0,
        average: 0.0,
    };
    let report = trainer.run(&table, Order::Shared(&order), &[rate]).unwrap();
    losses_close(&what, &report[0].losses[0], &cpu, tolerance::<T>());
    let after = trainer.member(0).unwrap();
    close(
        &format!("{what}: gradient"),
        &after.adam.first,
        &gradient,
        tolerance::<T>(),
    );
    assert_eq!(after.params, params, "a rate of 0 moves nothing");
    println!("RESULT gradient {what} {:016x}", bits(&after.adam.first));
}

/// Ensembles on both paths.
pub fn training(device: &CudaDevice) {
    let problems = problems();
    for path in PATHS {
        train::<f64>(device, &problems[1], path);
        train::<f32>(device, &problems[0], path);
    }
    train::<f64>(device, &problems[2], CudaPath::Persistent);
}

/// The paper's network in the persistent kernel, for devices of many kinds.
pub fn small(device: &CudaDevice) {
    train::<f32>(device, &problems()[0], CudaPath::Persistent);
}

/// Three members with rates, factors, orders and starts of their own, two calls after one another, against three trainings on the
/// CPU: decay, clipping and average included.
fn train<T: Scalar>(device: &CudaDevice, problem: &Problem, path: CudaPath) {
    let what = format!("training {} {} {path:?}", problem.name, T::DTYPE);
    let mut options = CudaOptions::new(
        problem.loss_config(LossWeights::default(), Reduction::Mean),
        problem.batch,
    );
    options.weight_decay = 0.1;
    options.clip_norm = 0.02;
    options.average = true;
    options.path = Some(path);
    let weights = |k: usize| LossWeights {
        latent_rate: 0.01 * (k + 1) as f64,
        ..LossWeights::default()
    };
    let members: Vec<_> = (0..3)
        .map(|k| CudaMember::new(problem.params::<T>(20 + k as u64), weights(k)))
        .collect();
    let mut trainer = CudaTrainer::new(
        device,
        &problem.model,
        &problem.dynamics,
        &options,
        &members,
    )
    .unwrap();
    let data = problem.data::<T>(31);
    let table = trainer.table(&data.0, &data.1, &data.2).unwrap();
    let steps = 6;
    let order: Vec<u32> = uniform::<f64>(3 * 2 * steps * problem.batch, 41)
        .iter()
        .map(|u| ((u + 1.0) * 0.5 * problem.samples as f64) as u32)
        .collect();
    let rates: Vec<StepRate> = (0..3 * 2 * steps)
        .map(|i| StepRate {
            rate: 1e-2 / (1.0 + i as f64 / 9.0),
            average: 0.3,
        })
        .collect();
    // Call 0 takes the first half of every member's steps, call 1 the second.
    let mut reports = Vec::new();
    for call in 0..2 {
        let half = |all: &[u32]| -> Vec<u32> {
            all.chunks(steps * problem.batch)
                .skip(call)
                .step_by(2)
                .flatten()
                .copied()
                .collect()
        };
        let rates: Vec<_> = rates
            .chunks(steps)
            .skip(call)
            .step_by(2)
            .flatten()
            .copied()
            .collect();
        reports.push(
            trainer
                .run(&table, Order::PerMember(&half(&order)), &rates)
                .unwrap(),
        );
    }
    // Rounding grows with every step.
    let most = tolerance::<T>() * if T::DTYPE == "F64" { 10.0 } else { 1.0 };
    for (k, member) in members.iter().enumerate() {
        let mut params = member.params.clone();
        let part = k * 2 * steps;
        let (losses, norms, average) = problem.train_on_cpu(
            &mut params,
            &data,
            &options,
            weights(k),
            &order[part * problem.batch..(part + 2 * steps) * problem.batch],
            &rates[part..part + 2 * steps],
        );
        let after = trainer.member(k).unwrap();
        assert_eq!(after.adam.steps, 2 * steps as u64);
        close(
            &format!("{what}: parameters of {k}"),
            &after.params,
            &params,
            most,
        );
        close(
            &format!("{what}: average of {k}"),
            &after.average,
            &average,
            most,
        );
        for (i, (cpu, norm)) in losses.iter().zip(&norms).enumerate() {
            let report = &reports[i / steps][k];
            assert_eq!(report.stopped, None);
            losses_close(
                &format!("{what}: step {i} of {k}"),
                &report.losses[i % steps],
                cpu,
                most,
            );
            let found = report.gradient_norms[i % steps];
            assert!(
                (found - norm).abs() <= most * norm,
                "{what}: norm {found} against {norm}"
            );
        }
        assert!(
            norms.iter().any(|n| *n > options.clip_norm),
            "{what}: clipping is at work"
        );
        println!("RESULT {what} {k} {:016x}", bits(&after.params));
    }
}

/// A member whose samples are not finite stops and stays as it was; the others go on; it can be set going again.
fn divergence(device: &CudaDevice) {
    let problem = &problems()[0];
    for path in PATHS {
        let mut options = CudaOptions::new(
            problem.loss_config(LossWeights::default(), Reduction::Mean),
            problem.batch,
        );
        options.path = Some(path);
        let members: Vec<_> = (0..2)
            .map(|k| CudaMember::new(problem.params::<f32>(k), LossWeights::default()))
            .collect();
        let mut trainer = CudaTrainer::new(
            device,
            &problem.model,
            &problem.dynamics,
            &options,
            &members,
        )
        .unwrap();
        let (mut x, xdot, _): Data<f32> = problem.data(3);
        // Sample 95 is bad, and only member 1 takes it, in its third step.
        x[95 * problem.model.features() + 4] = f32::NAN;
        let table = trainer.table(&x, &xdot, &[]).unwrap();
        let mut order: Vec<u32> = (0..2 * 4 * problem.batch)
            .map(|i| (i % 90) as u32)
            .collect();
        order[(4 + 2) * problem.batch + 5] = 95;
        let rates = [StepRate {
            rate: 1e-3,
            average: 0.0,
        }; 4];
        let reports = trainer
            .run(&table, Order::PerMember(&order), &rates)
            .unwrap();
        assert_eq!((reports[0].stopped, reports[0].losses.len()), (None, 4));
        assert_eq!((reports[1].stopped, reports[1].losses.len()), (Some(2), 2));
        let (good, stopped) = (trainer.member(0).unwrap(), trainer.member(1).unwrap());
        assert_eq!((good.adam.steps, stopped.adam.steps), (4, 2));
        assert!(all_finite(&stopped.params) && all_finite(&stopped.adam.second));
        // Without that sample the same two steps lead to the same state.
        let mut alone = CudaTrainer::new(
            device,
            &problem.model,
            &problem.dynamics,
            &options,
            &members,
        )
        .unwrap();
        let two: Vec<u32> = order
            .chunks(4 * problem.batch)
            .flat_map(|o| &o[..2 * problem.batch])
            .copied()
            .collect();
        alone
            .run(&table, Order::PerMember(&two), &rates[..2])
            .unwrap();
        assert_eq!(alone.member(1).unwrap(), stopped);
        // It stays where it is until it is set going again.
        let again = trainer
            .run(&table, Order::Shared(&order[..4 * problem.batch]), &rates)
            .unwrap();
        assert_eq!((again[0].losses.len(), again[1].losses.len()), (4, 0));
        assert_eq!(trainer.member(1).unwrap(), stopped);
        trainer.set_member(1, &stopped).unwrap();
        let again = trainer
            .run(&table, Order::Shared(&order[..4 * problem.batch]), &rates)
            .unwrap();
        assert_eq!((again[1].losses.len(), again[1].stopped), (4, None));
        println!("RESULT divergence {path:?}");
    }
}

/// No shape that does not fit reaches the device.
fn refusals(device: &CudaDevice) {
    let problem = &problems()[0];
    let options = CudaOptions::new(
        problem.loss_config(LossWeights::default(), Reduction::Mean),
        problem.batch,
    );
    let member = |params| CudaMember::<f32>::new(params, LossWeights::default());
    let good = member(problem.params(1));
    let new = |dynamics: &Sourced, options: &CudaOptions, members: &[CudaMember<f32>]| {
        CudaTrainer::new(device, &problem.model, dynamics, options, members)
    };
    let length =
        |e: Result<_, Error>| matches!(e.map(|_: CudaTrainer<f32>| ()), Err(Error::Length { .. }));
    assert!(length(new(
        &problem.dynamics,
        &options,
        &[member(vec![0.0; 3])]
    )));
    assert!(matches!(
        new(&problem.dynamics, &options, &[]),
        Err(Error::EmptyBatch)
    ));
    let mut bad = options.clone();
    bad.batch = 0;
    assert!(matches!(
        new(&problem.dynamics, &bad, std::slice::from_ref(&good)),
        Err(Error::EmptyBatch)
    ));
    bad = options.clone();
    bad.adam.0 = 1.0;
    assert!(matches!(
        new(&problem.dynamics, &bad, std::slice::from_ref(&good)),
        Err(Error::Range { .. })
    ));
    bad = options.clone();
    bad.loss.masses.pop();
    assert!(length(new(
        &problem.dynamics,
        &bad,
        std::slice::from_ref(&good)
    )));
    // Without source the CPU is the only device.
    let unsourced = CudaTrainer::new(
        device,
        &problem.model,
        &problem.dynamics.0,
        &options,
        std::slice::from_ref(&good),
    );
    assert!(matches!(unsourced, Err(Error::NoCudaSource)));

    let mut trainer = new(&problem.dynamics, &options, &[good]).unwrap();
    let (x, xdot, _): Data<f32> = problem.data(3);
    assert!(matches!(
        trainer.table(&[], &[], &[]),
        Err(Error::EmptyBatch)
    ));
    assert!(matches!(
        trainer.table(&x, &xdot[1..], &[]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        trainer.table(&x[1..], &xdot[1..], &[]),
        Err(Error::Length { .. })
    ));
    let table = trainer.table(&x, &xdot, &[]).unwrap();
    let rate = StepRate {
        rate: 1e-3,
        average: 0.0,
    };
    let mut order = vec![0u32; problem.batch];
    assert!(matches!(
        trainer.run(&table, Order::Shared(&order[1..]), &[rate]),
        Err(Error::EmptyBatch)
    ));
    assert!(matches!(
        trainer.run(&table, Order::Shared(&order), &[rate; 2]),
        Err(Error::Length { .. })
    ));
    order[3] = problem.samples as u32;
    assert!(matches!(
        trainer.run(&table, Order::Shared(&order), &[rate]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(trainer.member(1), Err(Error::Length { .. })));
    println!("RESULT refusals");
}

/// What was compiled once is found on disk; a damaged file is replaced.
fn cache(device: &CudaDevice) {
    let folder = tempfile::tempdir().unwrap();
    let source = "extern \"C\" __global__ void nothing(int* a) { a[0] = 1; }";
    let build = |source: &str| {
        compile(
            "test",
            source,
            device.compute_capability(),
            Some(folder.path()),
        )
        .unwrap()
    };
    let first = build(source);
    let second = build(source);
    assert!(!first.cached && second.cached);
    assert_eq!(first.image, second.image);
    assert!(
        !build(&format!("{source}\n")).cached,
        "another source is another kernel"
    );
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files(), 2, "nothing temporary is left");
    println!("RESULT cache");
}
