//! What a second core brings: one training on one thread and on two, run in turn, with what two independent trainings on two
//! threads reach beside it, which is all the machine can give.
//!
//! `cargo run --release -p autodiff-ae --example scaling [BATCH [ROUNDS]]`

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
    let (one, two) = (CpuDevice::new(1)?, CpuDevice::new(2)?);
    let new = || training(hidden, activation, batch);
    let (mut single, mut double, mut left, mut right) = (new()?, new()?, new()?, new()?);
    let (mut alone, mut together, mut ratios) = (vec![], vec![], vec![]);
    let (mut first, mut second) = (vec![], vec![]);
    for _ in 0..rounds {
        let a = one.run(|| rate(&mut single))?;
        let b = two.run(|| rate(&mut double))?;
        let (l, r) = std::thread::scope(|scope| {
            let run = |t| scope.spawn(|| CpuDevice::new(1).and_then(|d| d.run(|| rate(t))));
            let (l, r) = (run(&mut left), run(&mut right));
            (l.join(), r.join())
        });
        let (Ok(l), Ok(r)) = (l, r) else { continue };
        alone.push(a);
        together.push(b);
        ratios.push(b / a);
        first.push(l?);
        second.push(r?);
    }
    let (a, l, r) = (median(alone), median(first), median(second));
    println!(
        "{name}, batch {batch}: one thread {a:.0} steps/s, two {:.0}, ratio {:.2}; two trainings of their own {l:.0} + {r:.0} = {:.2} of one",
        median(together),
        median(ratios),
        (l + r) / a
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
