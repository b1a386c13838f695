//! The gradient of a training step against differences, and where its time goes.

use std::time::Instant;

use super::*;
use crate::{
    Dataset, Normalisation, Trajectories,
    train::{Objective, Penalty, TrainConfig, muon::Muon},
};

/// Smooth trajectories of `species` species.
fn dataset(models: usize, times: usize, species: usize) -> Dataset {
    let value = |m: usize, t: usize, s: usize| {
        let (m, t, s) = (m as f64, t as f64 / times as f64, s as f64);
        10f64.powf(2.0 * (0.3 * m + s).sin() * (1.0 - t) + t * (s * 0.7 + 0.1 * m).cos())
    };
    let values = (0..models * times * species)
        .map(|i| value(i / (times * species), i / species % times, i % species))
        .collect();
    let labels = (0..species).map(|s| format!("S{s}")).collect();
    let grid = crate::log_spaced(1e-6, 1e8, times).unwrap();
    let none = || Trajectories::empty(times, species);
    Dataset::new(
        labels,
        grid,
        Trajectories::new(values, models, times, species).unwrap(),
        none(),
        none(),
    )
    .unwrap()
}

struct Setup {
    network: Network,
    data: TrainingData,
    trainer: RolloutTrainer,
    params: Vec<f32>,
}

fn setup(dataset: &Dataset, change: impl FnOnce(&mut RolloutObjective)) -> Setup {
    let mut config = TrainConfig::default_recipe();
    if let Objective::Rollout(o) = &mut config.objective {
        change(o);
    }
    let normalisation = Normalisation::fit(dataset.train(), config.model.scaling).unwrap();
    let data =
        TrainingData::new(dataset, &normalisation, &config.model, &config.objective).unwrap();
    let network = Network::new(&config.model, data.quantities).unwrap();
    let Objective::Rollout(objective) = &config.objective else {
        unreachable!()
    };
    let trainer = RolloutTrainer::new(objective, &network, &data, 1).unwrap();
    let params = network
        .initialise(
            config.model.coefficient_start,
            &mut ChaCha8Rng::seed_from_u64(3),
        )
        .unwrap();
    Setup {
        network,
        data,
        trainer,
        params,
    }
}

#[test]
fn gradient_is_that_of_the_loss() {
    let dataset = dataset(40, 20, 6);
    let penalties = [
        Penalty::Square,
        Penalty::Absolute { epsilon: 0.3 },
        Penalty::LogCosh,
        Penalty::LogSquare { epsilon: 0.5 },
    ];
    for (n, penalty) in penalties.into_iter().enumerate() {
        let mut s = setup(&dataset, |o| {
            (o.trajectories, o.outputs, o.penalty) = (20, 5, penalty);
            if n % 2 == 1 {
                (o.reconstruction, o.consistency) = (0.7, 0.4);
                o.species_weights = vec![1.0, 0.5, 2.0, 1.0, 0.0, 1.0];
            }
        });
        let mut gradient = vec![0f32; s.params.len()];
        s.trainer
            .step(5, &s.network, &s.data, &s.params, &mut gradient)
            .unwrap();
        // Along the gradient of each part, and along an arbitrary direction.
        let ranges = [
            s.network.encoder_range(),
            s.network.decoder_range(),
            s.network.dynamics_range(),
            0..s.params.len(),
        ];
        for range in ranges {
            let norm = gradient[range.clone()]
                .iter()
                .map(|g| f64::from(*g).powi(2))
                .sum::<f64>()
                .sqrt();
            let mut loss = |h: f64| {
                let mut p = s.params.clone();
                for i in range.clone() {
                    p[i] += (h * f64::from(gradient[i]) / norm) as f32;
                }
                let mut unused = vec![0f32; p.len()];
                s.trainer
                    .step(5, &s.network, &s.data, &p, &mut unused)
                    .unwrap()
                    .total
            };
            let h = 2e-2;
            let (near, far) = (
                (loss(h / 2.0) - loss(-h / 2.0)) / h,
                (loss(h) - loss(-h)) / (2.0 * h),
            );
            // Richardson: the loss is single precision, so the step must be large.
            let slope = (4.0 * near - far) / 3.0;
            // A loss of order 1 in single precision leaves noise of a few 1e-6 in the quotient.
            assert!(
                (slope - norm).abs() < 5e-3 * norm + 1e-5,
                "{penalty:?} {range:?}: {slope} {norm}"
            );
        }
    }
}

/// Where the time of a default step goes: `cargo test --release -p latent-ode --lib -- --ignored --nocapture step_time`.
#[test]
#[ignore = "a measurement"]
fn step_time() {
    let dataset = dataset(450, 100, 29);
    let mut s = setup(&dataset, |_| ());
    let (network, data, trainer, params) = (&s.network, &s.data, &mut s.trainer, &mut s.params);
    let mut muon = Muon::new(&network.views(), params.len()).unwrap();
    let mut gradient = vec![0f32; params.len()];
    let names = [
        "draw",
        "encode",
        "roll",
        "targets",
        "decode+reverse",
        "lift reverse",
        "whole step",
        "muon",
    ];
    let mut best = [f64::INFINITY; 8];
    for step in 0..200 {
        gradient.fill(0.0);
        let mut times = [0.0; 8];
        let mut clock = Instant::now();
        let mut lap = |i: usize| {
            times[i] = clock.elapsed().as_secs_f64();
            clock = Instant::now();
        };
        trainer.draw(step, data);
        lap(0);
        trainer.encode(network, data, params).unwrap();
        lap(1);
        trainer.roll(network, data, params);
        lap(2);
        trainer.gather_targets(data).unwrap();
        lap(3);
        trainer.decode(network, params, &mut gradient).unwrap();
        lap(4);
        trainer
            .latent_bar
            .reshape(network.latent_dim(), trainer.latent.samples());
        for block in 0..trainer.latent.blocks() {
            network.lift_reverse(
                trainer.latent.block(block),
                trainer.lifted_bar.block(block),
                trainer.latent_bar.block_mut(block),
            );
        }
        lap(5);
        gradient.fill(0.0);
        trainer
            .step(step, network, data, params, &mut gradient)
            .unwrap();
        lap(6);
        muon.step(1e-3, params, &gradient).unwrap();
        lap(7);
        for i in 0..8 {
            best[i] = best[i].min(times[i]);
        }
    }
    for (name, t) in names.iter().zip(best) {
        println!("{name:15} {:8.1} µs", t * 1e6);
    }
}
