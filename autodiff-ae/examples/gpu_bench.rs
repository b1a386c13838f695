//! How fast a GPU trains: the first method's whole training for one model and for many seeds at once, and layers of width 512 as a
//! fraction of the measured rate of matrix products. Losses and parameters are those of the training loop: see docs/gpu.md.
//!
//! `cargo run --release -p autodiff-ae --features cuda --example gpu_bench [EPOCHS [SEEDS [SAMPLES [BATCH]]]]`
//! with 100 epochs, 128 seeds, 50000 samples, and batches of 1024 and four times that for the wide layers.

use autodiff_ae::cuda::*;
use autodiff_ae::train::{Derivatives, SampleTable, Trainer, TrainerOptions};
use autodiff_ae::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Instant;

/// Latent variables that feed each other in a ring: ż_i = p_i z_{i−1} z_i − z_i.
#[derive(Clone)]
struct Ring(usize);

impl LatentDynamics<f32> for Ring {
    fn latent_dim(&self) -> usize {
        self.0
    }
    fn param_len(&self) -> usize {
        self.0
    }
    fn value(&self, p: &[f32], z: &[[f32; LANES]], _: &[[f32; LANES]], g: &mut [[f32; LANES]]) {
        for i in 0..self.0 {
            let before = (i + self.0 - 1) % self.0;
            for l in 0..LANES {
                g[i][l] = (p[i] * z[before][l] - 1.0) * z[i][l];
            }
        }
    }
    fn vjp(
        &self,
        p: &[f32],
        z: &[[f32; LANES]],
        _: &[[f32; LANES]],
        g_bar: &[[f32; LANES]],
        z_bar: &mut [[f32; LANES]],
        p_bar: &mut [f32],
        _: &mut [[f32; LANES]],
    ) {
        for i in 0..self.0 {
            let before = (i + self.0 - 1) % self.0;
            for l in 0..LANES {
                z_bar[i][l] += (p[i] * z[before][l] - 1.0) * g_bar[i][l];
                z_bar[before][l] += p[i] * z[i][l] * g_bar[i][l];
            }
            p_bar[i] += lane_sum(&std::array::from_fn(|l| {
                z[before][l] * z[i][l] * g_bar[i][l]
            }));
        }
    }
    fn cuda_source(&self) -> Option<String> {
        let n = self.0;
        Some(format!(
            "__device__ inline void latent_value(const real* p, const real* z, const real* c, real* g) {{
    for (int i = 0; i < {n}; i++) g[i] = (p[i] * z[(i + {n} - 1) % {n}] - real(1)) * z[i];
}}
__device__ inline void latent_vjp(const real* p, const real* z, const real* c, const real* g_bar, real* z_bar,
                                  real* p_bar, real* c_bar) {{
    for (int i = 0; i < {n}; i++) {{
        const int before = (i + {n} - 1) % {n};
        z_bar[i] += (p[i] * z[before] - real(1)) * g_bar[i];
        z_bar[before] += p[i] * z[i] * g_bar[i];
        p_bar[i] += z[before] * z[i] * g_bar[i];
    }}
}}
"
        ))
    }
}

/// Smooth curves through `features` quantities with their derivatives.
fn table(features: usize, samples: usize, phase: f32) -> Result<SampleTable<f32>, Error> {
    let (mut x, mut xdot) = (Vec::new(), Vec::new());
    for s in 0..samples {
        let (model, t) = ((s / 100) as f32 * 0.37 + phase, (s % 100) as f32 / 99.0);
        for f in 0..features {
            let w = 1.0 + 0.2 * (f as f32 + model).sin();
            let (sin, cos) = (w * t + model + f as f32).sin_cos();
            x.push(0.8 * sin);
            xdot.push(0.8 * w * cos);
        }
    }
    SampleTable::new(features, x, xdot)
}

/// The first method's network, losses, batch and optimiser, `seeds` members; seconds of everything but compiling.
fn paper(device: &CudaDevice, epochs: u64, seeds: u64, samples: usize) -> Result<(), Error> {
    let encoder = Mlp::new(&[29, 32, 16, 8, 5], Activation::Relu, Activation::Tanh)?;
    let decoder = Mlp::new(&[5, 8, 16, 32, 29], Activation::Relu, Activation::Tanh)?;
    let model = Autoencoder::new(encoder, decoder)?;
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses: vec![1.0, 1.0, 2.0, 2.0, 2.0],
    };
    let train = Arc::new(table(29, samples, 0.0)?);
    let held_back = Arc::new(table(29, samples.div_ceil(10), 0.2)?);
    let per_epoch = (samples / 32).max(1) as u64;
    let member = |seed: u64| {
        let mut params = vec![0.0; model.param_len()];
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        model.initialise(Initialiser::Glorot, &mut rng, &mut params)?;
        params.extend([0.1; 5]);
        let mut options = TrainerOptions::new(epochs * per_epoch, 32)
            .with_seed(seed)
            .with_schedule(Schedule::Constant { rate: 1e-4 });
        options.review_every = per_epoch;
        let objective =
            Derivatives::new(model.clone(), Ring(5), config.clone(), Arc::clone(&train))?
                .with_validation(Arc::clone(&held_back))?;
        Trainer::new(objective, options, params)
    };
    let members = (0..seeds).map(member).collect::<Result<Vec<_>, Error>>()?;
    let start = Instant::now();
    let ensemble = train_ensemble(members, device, None)?;
    let seconds = start.elapsed().as_secs_f64();
    let steps = (epochs * per_epoch) as f64;
    let first = ensemble
        .members
        .first()
        .and_then(|m| m.progress().history.first());
    println!(
        "paper's training, {seeds} seed(s), {epochs} epochs × {per_epoch} steps of 32: {seconds:.2} s, {:.2} µs a step of all, {:.3} µs a model; \
         loss after the first epoch {:.3e}, best score {:.3e}, median {:.3e}, {} of {seeds} finished",
        1e6 * seconds / steps,
        1e6 * seconds / steps / seeds as f64,
        first
            .and_then(|r| r.losses.get("total"))
            .copied()
            .unwrap_or(f64::NAN),
        ensemble.spread.map_or(f64::NAN, |s| s.best),
        ensemble.spread.map_or(f64::NAN, |s| s.median),
        ensemble.outcomes.iter().filter(|o| o.is_ok()).count(),
    );
    Ok(())
}

/// The second method's layers of width 512 on value and tangent, L0–L3, one model; against the products' own rate.
fn wide(device: &CudaDevice, products: Products, batch: usize) -> Result<(), Error> {
    let encoder = Mlp::new(
        &[31, 512, 512, 512, 128],
        Activation::Softplus,
        Activation::Identity,
    )?;
    let decoder = Mlp::new(
        &[128, 512, 512, 512, 31],
        Activation::Softplus,
        Activation::Identity,
    )?;
    let model = Autoencoder::new(encoder, decoder)?;
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses: vec![1.0; 128],
    };
    let mut params = vec![0.0f32; model.param_len()];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    model.initialise(Initialiser::Glorot, &mut rng, &mut params)?;
    params.extend([0.1; 128]);
    let mut options = CudaOptions::new(config, batch);
    options.products = products;
    options.path = Some(CudaPath::Wide);
    let member = CudaMember::new(params, LossWeights::default());
    let mut trainer = CudaTrainer::new(device, &model, &Ring(128), &options, &[member])?;
    let data = table(31, 4 * batch, 0.0)?;
    let table = trainer.table(data.x(), data.xdot(), &[])?;
    let steps = if batch >= 256 { 200 } else { 3 };
    let order: Vec<u32> = (0..steps * batch)
        .map(|i| ((i * 7) % (4 * batch)) as u32)
        .collect();
    let rates = vec![
        StepRate {
            rate: 1e-4,
            average: 0.0
        };
        steps
    ];
    // The first run warms up: cuBLAS chooses and loads its kernels.
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let start = Instant::now();
        trainer.run(&table, Order::Shared(&order), &rates)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    let macs = model.encoder().multiply_adds() + model.decoder().multiply_adds();
    // Forward, gradients of weights and of inputs (not of the first layer's), each on value and tangent.
    let products_of_a_step = 2 * batch * (3 * macs - 31 * 512);
    let rate = 2e-9 * products_of_a_step as f64 / (best / steps as f64);
    let large = if batch >= 256 { 4096 } else { 64 };
    let peak = product_gflops::<f32>(device, products, [large; 3], 0.5)?;
    let own = product_gflops::<f32>(device, products, [512, 2 * batch, 512], 0.5)?;
    println!(
        "width 512, batch {batch}, {products:?}: {:.1} µs a step, {rate:.0} GFLOP/s in products = {:.0} % of {peak:.0} ({large}³), {:.0} % of {own:.0} (512 × {} × 512)",
        1e6 * best / steps as f64,
        100.0 * rate / peak,
        100.0 * rate / own,
        2 * batch,
    );
    Ok(())
}

fn main() -> Result<(), Error> {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let number = |i: usize, default| numbers.get(i).copied().unwrap_or(default);
    let device = match Device::cuda(0)? {
        Device::Cuda(device) => device,
        other => {
            return Err(Error::NoCudaDevice {
                reason: other.describe(),
            });
        }
    };
    let (major, minor) = device.compute_capability();
    let nvrtc = nvrtc_version()?;
    println!(
        "{}, compute capability {major}.{minor}, {} multiprocessors, {} KiB of shared memory a block, NVRTC {}.{}",
        device.name(),
        device.multiprocessors(),
        device.shared_memory_per_block() >> 10,
        nvrtc.0,
        nvrtc.1
    );
    let (epochs, samples) = (number(0, 100) as u64, number(2, 50_000));
    // A short training first, so that compiling is not timed.
    paper(&device, 1, 1, 320)?;
    paper(&device, epochs, 1, samples)?;
    paper(&device, epochs, number(1, 128) as u64, samples)?;
    let batch = number(3, 1024);
    for batch in [batch, 4 * batch] {
        for products in [Products::F32, Products::Tf32, Products::Bf16] {
            wide(&device, products, batch)?;
        }
    }
    Ok(())
}
