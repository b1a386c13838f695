//! One step of training on one core, in f32: losses L0–L3 of the first method's network with gradient and Adam, mini-batch gathered; the
//! second method's layers; and, with `--features peers`, the first in dfdx, on its tape and by its Adam.
//!
//! `cargo bench -p benches --bench training_step [--features peers]`
#![allow(missing_docs, clippy::unwrap_used)]

use autodiff_ae::train::{Derivatives, SampleTable, Trainer, TrainerOptions};
use autodiff_ae::{
    Activation, Autoencoder, Batch, CpuDevice, Initialiser, LossConfig, LossWeights, Mlp, Pass,
    Reduction, Schedule, losses::square_error,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use latent_ode::{Coefficients, LatentNetwork, MassAction};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const SPECIES: usize = 29;
const SAMPLES: usize = 45_000;

fn uniform(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
}

fn loss_config(masses: Vec<f64>) -> LossConfig {
    LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses,
    }
}

/// The first method's training over random samples.
fn paper(batch: usize) -> Trainer<f32, Derivatives<f32, MassAction>> {
    let encoder = Mlp::new(&[SPECIES, 32, 16, 8, 5], Activation::Relu, Activation::Tanh).unwrap();
    let decoder = Mlp::new(&[5, 8, 16, 32, SPECIES], Activation::Relu, Activation::Tanh).unwrap();
    let model = Autoencoder::new(encoder, decoder).unwrap();
    let network = LatentNetwork::generate(2, 2).unwrap();
    let config = loss_config(network.masses());
    let dynamics = MassAction::new(network, Coefficients::Free);
    let mut params = vec![0.0; model.param_len()];
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    model
        .initialise(Initialiser::Glorot, &mut rng, &mut params)
        .unwrap();
    params.extend(uniform(dynamics.reactions(), 2).iter().map(|p| 0.05 * p));
    let (x, xdot) = (uniform(SPECIES * SAMPLES, 3), uniform(SPECIES * SAMPLES, 4));
    let table = Arc::new(SampleTable::new(SPECIES, x, xdot).unwrap());
    let objective = Derivatives::new(model, dynamics, config, table).unwrap();
    let options = TrainerOptions::new(u64::MAX, batch);
    let options = options.with_schedule(Schedule::Constant { rate: 1e-4 });
    Trainer::new(objective, options, params).unwrap()
}

fn first_method(c: &mut Criterion) {
    let mut group = c.benchmark_group("first_method_step");
    for batch in [32, 512] {
        let mut trainer = paper(batch);
        let core = CpuDevice::new(1).unwrap();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("batch_{batch}"), |b| {
            core.run(|| b.iter(|| trainer.step().unwrap()))
        });
    }
    #[cfg(feature = "peers")]
    for batch in [32, 512] {
        let core = CpuDevice::new(1).unwrap();
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("dfdx_batch_{batch}"), |b| {
            core.run(|| b.iter(peer::training(batch)))
        });
    }
    group.finish();
}

/// Forward and reverse of an encoder under a squared error, 1024 samples; the throughput is floating point operations, to be
/// read beside the peak that is printed.
fn second_method(c: &mut Criterion) {
    let core = CpuDevice::new(1).unwrap();
    let peak = core
        .run(|| autodiff_ae::measure::peak_gflops::<f32>(std::time::Duration::from_millis(200)));
    println!("peak of one core, register-only multiply-adds: {peak:.0} GFLOP/s");
    let samples = 1024;
    let mut group = c.benchmark_group("second_method_layers");
    for (name, widths) in [
        ("v1_encoder", [19, 128, 128, 128, 16]),
        ("v3_encoder", [31, 512, 512, 512, 128]),
    ] {
        let net = Mlp::new(&widths, Activation::Softplus, Activation::Identity).unwrap();
        let mut params = vec![0.0_f32; net.param_len()];
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        net.initialise(Initialiser::NEURAL_PDR, &mut rng, &mut params)
            .unwrap();
        let batch =
            |f: usize, s| Batch::from_columns(&uniform(f * samples, s), f, samples).unwrap();
        let (x, target) = (batch(net.inputs(), 3), batch(net.outputs(), 4));
        let mut pass = Pass::new(&net);
        let mut gradient = vec![0.0; net.param_len()];
        let mut x_bar = Batch::zeros(net.inputs(), samples);
        let operations = 6 * net.multiply_adds() * samples;
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(name, |b| {
            core.run(|| {
                b.iter(|| {
                    gradient.fill(0.0);
                    pass.forward_reverse(
                        &params,
                        &x,
                        |b, w, out, bar| square_error(out, target.block(b), w, 1e-4, bar),
                        Some(&mut x_bar),
                        &mut gradient,
                    )
                    .unwrap()
                })
            })
        });
    }
    group.finish();
}

/// The same step in dfdx: its layers, its tape, its Adam; the latent network as products with selection matrices.
#[cfg(feature = "peers")]
mod peer {
    use super::{SAMPLES, SPECIES, loss_config, uniform};
    use autodiff_ae::bridge::losses;
    use dfdx::nn::modules::{BuildModule, Linear, ReLU, Tanh, ZeroGrads};
    use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection};
    use dfdx::optim::{Adam, AdamConfig, Optimizer};
    use dfdx::prelude::*;
    use dfdx::tensor_ops::Device;

    type Dense<const I: usize, const O: usize> = Linear<I, O, f32, Cpu>;
    type Encoder = (
        (Dense<SPECIES, 32>, ReLU),
        (Dense<32, 16>, ReLU),
        (Dense<16, 8>, ReLU),
        (Dense<8, 5>, Tanh),
    );
    type Decoder = (
        (Dense<5, 8>, ReLU),
        (Dense<8, 16>, ReLU),
        (Dense<16, 32>, ReLU),
        (Dense<32, SPECIES>, Tanh),
    );
    type Latents = Tensor<(usize, Const<5>), f32, Cpu, OwnedTape<f32, Cpu>>;

    /// Encoder, decoder and the twelve coefficients, trained together.
    #[derive(Clone, Debug)]
    struct Model {
        encoder: Encoder,
        decoder: Decoder,
        p: Tensor<Rank1<12>, f32, Cpu>,
    }

    impl TensorCollection<f32, Cpu> for Model {
        type To<E2: Dtype, D2: Device<E2>> = Model;
        fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
            visitor: &mut V,
        ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
            // Only walked through, never rebuilt.
            visitor.visit_module("encoder", |m| &m.encoder, |m| &mut m.encoder)?;
            visitor.visit_module("decoder", |m| &m.decoder, |m| &mut m.decoder)?;
            visitor.visit_module("p", |m| &m.p, |m| &mut m.p)?;
            Ok(None)
        }
    }

    /// A closure that takes one step.
    pub fn training(batch: usize) -> impl FnMut() {
        let dev = Cpu::default();
        let mut model = Model {
            encoder: BuildModule::build(&dev),
            decoder: BuildModule::build(&dev),
            p: dev.tensor_from_vec(uniform(12, 2).iter().map(|p| 0.05 * p).collect(), (Const,)),
        };
        let table = [3, 4].map(|seed| uniform(SPECIES * SAMPLES, seed));
        let forward: [(&[usize], &[usize]); 6] = [
            (&[0, 0], &[2]),
            (&[0, 1], &[4]),
            (&[1, 1], &[3]),
            (&[2, 3], &[4, 4]),
            (&[2, 1], &[4, 0]),
            (&[3, 0], &[4, 1]),
        ];
        let reactions = forward.into_iter().chain(forward.map(|(a, b)| (b, a)));
        let (mut first, mut second, mut one, mut s) =
            (vec![0.0; 60], vec![0.0; 60], vec![0.0; 12], vec![0.0; 60]);
        for (j, (reactants, products)) in reactions.enumerate() {
            first[reactants[0] * 12 + j] = 1.0;
            match reactants.get(1) {
                Some(i) => second[i * 12 + j] = 1.0,
                None => one[j] = 1.0,
            }
            reactants.iter().for_each(|i| s[j * 5 + i] -= 1.0);
            products.iter().for_each(|i| s[j * 5 + i] += 1.0);
        }
        let choose = |m: Vec<f32>| -> Tensor<Rank2<5, 12>, f32, Cpu> {
            dev.tensor_from_vec(m, (Const, Const))
        };
        let (first, second) = (choose(first), choose(second));
        let one: Tensor<Rank1<12>, f32, Cpu> = dev.tensor_from_vec(one, (Const,));
        let s: Tensor<Rank2<12, 5>, f32, Cpu> = dev.tensor_from_vec(s, (Const, Const));
        let config = loss_config(vec![1.0, 1.0, 2.0, 2.0, 2.0]);
        let settings = AdamConfig {
            lr: 1e-4,
            eps: 1e-7,
            ..AdamConfig::default()
        };
        let mut adam = Adam::new(&model, settings);
        let mut gradients = Some(model.alloc_grads());
        let mut at = 0;
        move || {
            // Batches one after the other: gathering costs dfdx nothing here.
            at = (at + batch) % (SAMPLES - batch);
            let range = at * SPECIES..(at + batch) * SPECIES;
            let rows = |t: &[f32]| {
                dev.tensor_from_vec(t[range.clone()].to_vec(), (batch, Const::<SPECIES>))
            };
            let rate = |z: Latents| {
                let shape = (batch, Const::<12>);
                let p = model.p.retaped::<OwnedTape<f32, Cpu>>();
                let b = z.with_empty_tape().matmul(second.clone())
                    + one.clone().broadcast_like::<_, Axis<0>>(&shape);
                let rate = z.matmul(first.clone()) * b * p.broadcast_like::<_, Axis<0>>(&shape);
                Ok(rate.matmul(s.clone()))
            };
            let (x, xdot) = (rows(&table[0]), rows(&table[1]));
            let tape = gradients.take().unwrap();
            let (loss, _) =
                losses(&model.encoder, &model.decoder, rate, x, xdot, &config, tape).unwrap();
            let mut after = loss.backward();
            adam.update(&mut model, &after).unwrap();
            model.zero_grads(&mut after);
            gradients = Some(after);
        }
    }
}

criterion_group!(all, first_method, second_method);
criterion_main!(all);
