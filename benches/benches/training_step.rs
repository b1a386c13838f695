//! One step of training: losses L0–L3 of the paper's network (batch 32, f32), their gradient, and the Adam update, on one core.
#![allow(missing_docs, clippy::unwrap_used)]

use autodiff_ae::{
    Activation, Adam, Autoencoder, Batch, Initialiser, LossConfig, LossWeights, LossWorkspace, Mlp,
    Reduction, Samples,
};
use criterion::{Criterion, criterion_group, criterion_main};
use latent_ode::{Coefficients, LatentNetwork, MassAction};
use rand::SeedableRng;

const BATCH: usize = 32;
const SPECIES: usize = 29;

fn step(c: &mut Criterion) {
    let encoder = Mlp::new(&[SPECIES, 32, 16, 8, 5], Activation::Relu, Activation::Tanh).unwrap();
    let decoder = Mlp::new(&[5, 8, 16, 32, SPECIES], Activation::Relu, Activation::Tanh).unwrap();
    let model = Autoencoder::new(encoder, decoder).unwrap();
    let network = LatentNetwork::generate(2, 2).unwrap();
    let masses = network.masses();
    let dynamics = MassAction::new(network, Coefficients::Free);
    let mut params = vec![0.01_f32; model.param_len() + dynamics.reactions()];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let networks = model.param_len();
    model
        .initialise(Initialiser::Glorot, &mut rng, &mut params[..networks])
        .unwrap();
    let values: Vec<f32> = (0..SPECIES * BATCH)
        .map(|i| ((i * 7919 % 1000) as f32 / 500.0) - 1.0)
        .collect();
    let x = Batch::from_columns(&values, SPECIES, BATCH).unwrap();
    let xdot = Batch::from_columns(
        &values.iter().rev().copied().collect::<Vec<_>>(),
        SPECIES,
        BATCH,
    )
    .unwrap();
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses,
    };
    let mut workspace = LossWorkspace::new(&model);
    let mut adam = Adam::new(params.len());
    let mut gradient = vec![0.0; params.len()];
    c.bench_function("training_step_paper_batch_32", |b| {
        b.iter(|| {
            gradient.fill(0.0);
            let samples = Samples {
                x: &x,
                xdot: &xdot,
                conditions: None,
            };
            model
                .loss_and_gradient(
                    &dynamics,
                    &params,
                    samples,
                    &config,
                    &mut workspace,
                    &mut gradient,
                )
                .unwrap();
            adam.step(1e-4, &mut params, &gradient).unwrap();
        })
    });
}

criterion_group!(all, step);
criterion_main!(all);
