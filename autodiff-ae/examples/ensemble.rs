//! Many seeds of one model at once, the best kept: L0–L3 (Grassi et al. 2021) on a toy chemistry A ⇌ B whose latent law is known.
//!
//! `cargo run --release -p autodiff-ae --example ensemble [MEMBERS [THREADS]]`; with `--features cuda` and no THREADS, on a GPU where
//! there is one: a member a block of its threads.

use autodiff_ae::train::{Derivatives, SampleTable, Trainer, TrainerOptions, train_ensemble_on};
use autodiff_ae::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// ż₀ = −p₀ z₀ + p₁ z₁, ż₁ the opposite.
#[derive(Clone)]
struct Exchange;

impl LatentDynamics<f32> for Exchange {
    fn latent_dim(&self) -> usize {
        2
    }
    fn param_len(&self) -> usize {
        2
    }
    fn value(&self, p: &[f32], z: &[[f32; LANES]], _: &[[f32; LANES]], g: &mut [[f32; LANES]]) {
        for l in 0..LANES {
            g[1][l] = p[0] * z[0][l] - p[1] * z[1][l];
            g[0][l] = -g[1][l];
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
        let bar: [f32; LANES] = std::array::from_fn(|l| g_bar[1][l] - g_bar[0][l]);
        for l in 0..LANES {
            z_bar[0][l] += p[0] * bar[l];
            z_bar[1][l] -= p[1] * bar[l];
        }
        p_bar[0] += lane_sum(&std::array::from_fn(|l| z[0][l] * bar[l]));
        p_bar[1] -= lane_sum(&std::array::from_fn(|l| z[1][l] * bar[l]));
    }
    /// The same for a GPU, one sample at a time.
    fn cuda_source(&self) -> Option<String> {
        let source = "
__device__ inline void latent_value(const real* p, const real* z, const real* c, real* g) {
    g[1] = p[0] * z[0] - p[1] * z[1];
    g[0] = -g[1];
}
__device__ inline void latent_vjp(const real* p, const real* z, const real* c, const real* g_bar, real* z_bar,
                                  real* p_bar, real* c_bar) {
    const real bar = g_bar[1] - g_bar[0];
    z_bar[0] += p[0] * bar;
    z_bar[1] -= p[1] * bar;
    p_bar[0] += z[0] * bar;
    p_bar[1] -= z[1] * bar;
}
";
        Some(source.into())
    }
}

/// Six observed quantities of a relaxing pair, with their derivatives in time.
fn table(samples: usize, rng: &mut ChaCha8Rng) -> Result<SampleTable<f32>, Error> {
    let (mut x, mut xdot) = (Vec::new(), Vec::new());
    for _ in 0..samples {
        let (total, decay) = (0.5 + rng.random::<f32>(), rng.random::<f32>());
        let (a, da) = (total * (0.4 + 0.6 * decay), -total * 0.6 * decay);
        for k in 0..6 {
            let w = 0.3 + 0.25 * k as f32;
            let (s, c) = (w * a - 0.5 * (total - a)).sin_cos();
            x.push(s);
            xdot.push(c * (w + 0.5) * da);
        }
    }
    SampleTable::new(6, x, xdot)
}

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let members: u64 = arguments.next().and_then(|a| a.parse().ok()).unwrap_or(8);
    let device = match arguments.next().and_then(|a| a.parse().ok()) {
        Some(threads) => Device::cpu(threads)?,
        None => Device::auto()?,
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let train = Arc::new(table(4000, &mut rng)?);
    let held_back = Arc::new(table(500, &mut rng)?);
    let encoder = Mlp::new(&[6, 24, 12, 2], Activation::Silu, Activation::Softplus)?;
    let decoder = Mlp::new(&[2, 12, 24, 6], Activation::Silu, Activation::Tanh)?;
    let model = Autoencoder::new(encoder, decoder)?;
    let config = LossConfig {
        weights: LossWeights {
            latent_rate: 0.1,
            decoded_rate: 0.1,
            ..LossWeights::default()
        },
        reduction: Reduction::Mean,
        masses: vec![1.0, 1.0],
    };
    let member = |seed: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut params = vec![0.0; model.param_len()];
        model.initialise(Initialiser::Glorot, &mut rng, &mut params)?;
        params.extend([rng.random::<f32>(), rng.random::<f32>()]);
        let objective =
            Derivatives::new(model.clone(), Exchange, config.clone(), Arc::clone(&train))?
                .with_validation(Arc::clone(&held_back))?;
        let options = TrainerOptions::new(2000, 64).with_seed(seed);
        Trainer::new(objective, options, params)
    };
    let trainers = (1..=members).map(member).collect::<Result<Vec<_>, _>>()?;
    let ensemble = train_ensemble_on(trainers, &device, None)?;
    for (trainer, outcome) in ensemble.members.iter().zip(&ensemble.outcomes) {
        let seed = trainer.options().seed;
        match outcome {
            Ok(o) => println!(
                "seed {seed}: {:.3e} at step {}",
                o.best_score.unwrap_or(f64::NAN),
                o.best_step
            ),
            Err(e) => println!("seed {seed}: {e}"),
        }
    }
    if let (Some(best), Some(s)) = (ensemble.best(), ensemble.spread) {
        println!(
            "best seed {}: {:.3e}; median {:.3e}, worst {:.3e}, standard deviation {:.1e}, on {}",
            best.options().seed,
            s.best,
            s.median,
            s.worst,
            s.deviation,
            device.describe()
        );
    }
    Ok(())
}
