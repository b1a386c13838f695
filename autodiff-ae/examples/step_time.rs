//! How long a training step takes: the first method's network at batch 32 on one core, and wide layers at training size.
//!
//! `cargo run --release -p autodiff-ae --features measure --example step_time [THREADS [paper]]`

use autodiff_ae::measure::peak_gflops;
use autodiff_ae::train::{Derivatives, SampleTable, Trainer, TrainerOptions};
use autodiff_ae::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::{Duration, Instant};

// The test suite's plain latent network.
#[path = "../tests/common/mod.rs"]
mod common;
use common::{MASSES, MassAction, uniform};

/// Seconds per call over about a second: median and best. The best is what the code needs when nothing else runs
/// on the core, the median what it got.
fn time(mut step: impl FnMut()) -> (f64, f64) {
    let (start, mut seconds) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_secs(1) || seconds.len() < 20 {
        let t = Instant::now();
        step();
        seconds.push(t.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    (seconds[seconds.len() / 2], seconds[0])
}

/// The first method's step in the training loop: mini-batch gathered, L0–L3 with gradient, Adam.
fn paper_step<T: Scalar>(batch: usize, peak: f64) -> Result<(), Error> {
    let encoder = Mlp::new(&[29, 32, 16, 8, 5], Activation::Relu, Activation::Tanh)?;
    let decoder = Mlp::new(&[5, 8, 16, 32, 29], Activation::Relu, Activation::Tanh)?;
    let model = Autoencoder::new(encoder, decoder)?;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut params = vec![T::zero(); model.param_len()];
    model.initialise(Initialiser::Glorot, &mut rng, &mut params)?;
    params.extend(uniform::<T>(12, 2).iter().map(|x| *x * T::of(0.05)));
    let samples = 50_000;
    let table = SampleTable::new(29, uniform(29 * samples, 3), uniform(29 * samples, 4))?;
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses: MASSES.to_vec(),
    };
    let macs = 6 * (model.encoder().multiply_adds() + model.decoder().multiply_adds())
        - 2 * model.encoder().layers()[0].inputs * model.encoder().layers()[0].outputs;
    let objective = Derivatives::new(model, MassAction::new(false), config, Arc::new(table))?;
    let options =
        TrainerOptions::new(u64::MAX, batch).with_schedule(Schedule::Constant { rate: 1e-4 });
    let mut trainer = Trainer::new(objective, options, params)?;
    let (median, best) = time(|| assert!(trainer.step().is_ok()));
    let gflops = 2e-9 * (macs * batch) as f64 / best;
    println!(
        "paper network {} batch {batch}: {:.1} µs a step (best {:.1}), {gflops:.0} GFLOP/s of {peak:.0}",
        T::DTYPE,
        median * 1e6,
        best * 1e6
    );
    Ok(())
}

/// Forward and reverse through one network under a squared error, as training through a rollout does three times a step.
fn wide<T: Scalar>(name: &str, widths: &[usize], samples: usize, peak: f64) -> Result<(), Error> {
    let net = Mlp::new(widths, Activation::Softplus, Activation::Identity)?;
    let mut params = vec![T::zero(); net.param_len()];
    net.initialise(
        Initialiser::Glorot,
        &mut ChaCha8Rng::seed_from_u64(1),
        &mut params,
    )?;
    let x = Batch::from_columns(
        &uniform::<T>(net.inputs() * samples, 3),
        net.inputs(),
        samples,
    )?;
    let target = Batch::from_columns(
        &uniform::<T>(net.outputs() * samples, 4),
        net.outputs(),
        samples,
    )?;
    let mut pass = Pass::new(&net);
    let mut gradient = vec![T::zero(); net.param_len()];
    let mut x_bar = Batch::zeros(net.inputs(), samples);
    let (median, best) = time(|| {
        gradient.fill(T::zero());
        let result = pass.forward_reverse(
            &params,
            &x,
            |b, w, out, bar| losses::square_error(out, target.block(b), w, T::of(1e-4), bar),
            Some(&mut x_bar),
            &mut gradient,
        );
        assert!(result.is_ok());
    });
    let mut y = Batch::zeros(net.outputs(), samples);
    let (_, forward) = time(|| assert!(pass.predict(&params, &x, &mut y).is_ok()));
    let operations = 2e-9 * (net.multiply_adds() * samples) as f64;
    let (both, alone) = (3.0 * operations / best, operations / forward);
    println!(
        "{name} {widths:?} {} × {samples}: {:.0} µs (best {:.0}), {both:.0} GFLOP/s = {:.0} % of {peak:.0}; forward alone {:.0} µs = {:.0} %",
        T::DTYPE,
        median * 1e6,
        best * 1e6,
        100.0 * both / peak,
        forward * 1e6,
        100.0 * alone / peak,
    );
    Ok(())
}

fn on_threads<T: Scalar>(threads: usize, only_paper: bool) -> Result<(), Error> {
    let peak = peak_gflops::<T>(Duration::from_millis(200));
    println!(
        "{threads} thread(s), {:?}, peak of one core {peak:.0} GFLOP/s ({})",
        Isa::detected(),
        T::DTYPE
    );
    let all = peak * threads as f64;
    if threads == 1 {
        paper_step::<T>(32, peak)?;
    }
    paper_step::<T>(512, all)?;
    if only_paper {
        return Ok(());
    }
    // The second method's encoders and decoders (Vermariën et al. 2025): v1 of width 128, v3 of width 512.
    wide::<T>("v1 encoder", &[19, 128, 128, 128, 16], 1024, all)?;
    wide::<T>("v1 decoder", &[16, 128, 128, 128, 19], 1024, all)?;
    wide::<T>("v3 encoder", &[31, 512, 512, 512, 128], 1024, all)?;
    wide::<T>("v3 decoder", &[128, 512, 512, 512, 31], 1024, all)
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let threads = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(1);
    let paper = arguments.next().is_some_and(|a| a == "paper");
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(|| {
            on_threads::<f32>(threads, paper).and_then(|()| on_threads::<f64>(threads, paper))
        }),
        Err(e) => Err(Error::Shape(e.to_string())),
    }
}
