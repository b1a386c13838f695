//! What a second core brings: one training on one thread (on either core) and on two, run in turn, with what two independent trainings
//! on the two cores reach beside it, which is all the machine can give. Threads are tied to cores where there is `taskset`: schedulers
//! may leave two of them on one core for longer than a measurement takes.
//!
//! `cargo run --release -p autodiff-ae --features measure --example scaling [BATCH [ROUNDS]]`

use autodiff_ae::train::{Derivatives, SampleTable, Trainer, TrainerOptions};
use autodiff_ae::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Instant;

// The test suite's plain latent network.
#[path = "../tests/common/mod.rs"]
mod common;
use common::{MASSES, MassAction, uniform};

/// Milliseconds of steps in one measurement.
const MEASURE: f64 = 40.0;

type Training = Trainer<f32, Derivatives<f32, MassAction>>;

/// The first method's training, or one of wide layers, over random samples.
fn training(hidden: &[usize], activation: Activation, batch: usize) -> Result<Training, Error> {
    let mut widths = [&[29], hidden, &[5]].concat();
    let encoder = Mlp::new(&widths, activation, Activation::Tanh)?;
    widths.reverse();
    let decoder = Mlp::new(&widths, activation, Activation::Tanh)?;
    let model = Autoencoder::new(encoder, decoder)?;
    let mut params = vec![0.0; model.param_len()];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    model.initialise(Initialiser::Glorot, &mut rng, &mut params)?;
    params.extend(uniform::<f32>(12, 2).iter().map(|p| 0.05 * p));
    let samples = 20_000;
    let table = SampleTable::new(29, uniform(29 * samples, 3), uniform(29 * samples, 4))?;
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses: MASSES.to_vec(),
    };
    let objective = Derivatives::new(model, MassAction::new(false), config, Arc::new(table))?;
    let mut options = TrainerOptions::new(u64::MAX, batch);
    options.schedule = Schedule::Constant { rate: 1e-4 };
    Trainer::new(objective, options, params)
}

/// Ties this thread to a core; where that is not possible it stays free.
fn tie_to(core: usize) {
    let thread = std::fs::read_link("/proc/thread-self");
    if let Some(thread) = thread.ok().as_deref().and_then(|t| t.file_name()) {
        let mut command = std::process::Command::new("taskset");
        let _ = command
            .arg("-cp")
            .arg(core.to_string())
            .arg(thread)
            .output();
    }
}

/// Steps per second over a measurement.
fn rate(training: &mut Training) -> Result<f64, Error> {
    let (start, mut steps) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() * 1e3 < MEASURE {
        for _ in 0..4 {
            training.step()?;
        }
        steps += 4;
    }
    Ok(f64::from(steps) / start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(
    name: &str,
    hidden: &[usize],
    activation: Activation,
    batch: usize,
    rounds: usize,
) -> Result<(), Error> {
    let (cores, two) = ([CpuDevice::new(1)?, CpuDevice::new(1)?], CpuDevice::new(2)?);
    for (core, device) in cores.iter().enumerate() {
        device.run(|| tie_to(core));
    }
    two.run(|| rayon::broadcast(|thread| tie_to(thread.index())));
    let new = || training(hidden, activation, batch);
    let (mut single, mut double, mut left, mut right) = (new()?, new()?, new()?, new()?);
    let (mut alone, mut together, mut ratios) = ([vec![], vec![]], vec![], vec![]);
    let mut independent = vec![];
    for _ in 0..rounds {
        let own = [
            cores[0].run(|| rate(&mut single))?,
            cores[1].run(|| rate(&mut single))?,
        ];
        let both = two.run(|| rate(&mut double))?;
        let (l, r) = std::thread::scope(|scope| {
            let l = scope.spawn(|| cores[0].run(|| rate(&mut left)));
            let r = scope.spawn(|| cores[1].run(|| rate(&mut right)));
            (l.join(), r.join())
        });
        let (Ok(l), Ok(r)) = (l, r) else { continue };
        let one = 0.5 * (own[0] + own[1]);
        ratios.push(both / one);
        independent.push((l? + r?) / one);
        together.push(both);
        alone.iter_mut().zip(own).for_each(|(all, x)| all.push(x));
    }
    let [first, second] = alone.map(median);
    println!(
        "{name}, batch {batch}: one thread {first:.0} and {second:.0} steps/s on either core, two {:.0}, ratio {:.2}; two trainings of their own {:.2}",
        median(together),
        median(ratios),
        median(independent)
    );
    Ok(())
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse().ok());
    let batch: Option<usize> = arguments.next().flatten();
    let rounds = arguments.next().flatten().unwrap_or(15);
    let batches = batch.map_or(vec![512, 1024, 4096], |b| vec![b]);
    for batch in batches {
        compare(
            "paper's network",
            &[32, 16, 8],
            Activation::Relu,
            batch,
            rounds,
        )?;
        compare("128 × 128", &[128, 128], Activation::Silu, batch, rounds)?;
    }
    Ok(())
}
