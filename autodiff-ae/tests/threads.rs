//! Results do not depend on the number of threads, bit for bit.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::train::{Derivatives, Draw, Objective, SampleTable};
use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};
use std::sync::Arc;

/// Everything a training step computes, run on so many threads.
fn results(threads: usize, samples: usize) -> (LossValues, Vec<f32>, f64, Vec<f32>, Vec<f32>) {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| {
        let (model, params) = model::<f32>(
            29,
            &[48, 16],
            Activation::Silu,
            [Activation::Softplus, Activation::Tanh],
            1,
        );
        let x = Batch::from_columns(&uniform(29 * samples, 1), 29, samples).unwrap();
        let xdot = Batch::from_columns(&uniform(29 * samples, 2), 29, samples).unwrap();
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: MASSES.to_vec(),
        };
        let mut gradient = vec![0.0; params.len()];
        let values = model
            .loss_and_gradient(
                &MassAction::new(false),
                &params,
                Samples {
                    x: &x,
                    xdot: &xdot,
                    conditions: None,
                },
                &config,
                &mut LossWorkspace::new(&model),
                &mut gradient,
            )
            .unwrap();
        let encoder = model.encoder();
        let mut pass = Pass::new(encoder);
        let (mut fused, mut bar) = (vec![0.0; encoder.param_len()], Batch::zeros(29, 1));
        let target = Batch::zeros(5, samples);
        let loss = pass
            .forward_reverse(
                &params[model.encoder_range()],
                &x,
                |b, w, out, bar| losses::square_error(out, target.block(b), w, 0.1, bar),
                Some(&mut bar),
                &mut fused,
            )
            .unwrap();
        (values, gradient, loss, fused, bar.to_columns())
    })
}

#[test]
fn one_two_and_three_threads_agree_bit_for_bit() {
    for samples in [32, 129, 1000, 5000] {
        let one = results(1, samples);
        assert!(one.0.total.is_finite() && one.1.iter().any(|g| *g != 0.0));
        assert_eq!(one, results(2, samples));
        assert_eq!(one, results(3, samples));
    }
}

/// Losses and gradient of samples of a table under conditions: gathered by the threads that need them, or before, into batches.
fn of_members(threads: usize, count: usize, early: bool) -> (f64, Vec<f64>, Vec<f32>) {
    CpuDevice::new(threads).unwrap().run(|| {
        let last = [Activation::Softplus, Activation::Tanh];
        let (model, params) = model::<f32>(11, &[16], Activation::Silu, last, 3);
        let (rows, samples) = (11 * 3000, 3000);
        let (x, xdot, c) = (uniform(rows, 4), uniform(rows, 5), uniform(samples, 6));
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: MASSES.to_vec(),
        };
        let members: Vec<usize> = (0..count).map(|i| (i * 1117 + 5) % samples).collect();
        let mut gradient = vec![0.0; params.len()];
        if early {
            let batch = |table: &[f32], features: usize| {
                let mut batch = Batch::zeros(features, 0);
                batch.gather(table, &members).unwrap();
                batch
            };
            let values = model
                .loss_and_gradient(
                    &MassAction::new(true),
                    &params,
                    Samples {
                        x: &batch(&x, 11),
                        xdot: &batch(&xdot, 11),
                        conditions: Some(&batch(&c, 1)),
                    },
                    &config,
                    &mut LossWorkspace::new(&model),
                    &mut gradient,
                )
                .unwrap();
            return (values.total, values.losses.to_vec(), gradient);
        }
        let table = SampleTable::new(11, x, xdot).unwrap();
        let table = Arc::new(table.with_conditions(1, c).unwrap());
        let mut losses = Derivatives::new(model, MassAction::new(true), config, table).unwrap();
        let mut terms = vec![0.0; 4];
        let draw = |members, next| Draw {
            step: 0,
            part: 0,
            members,
            next,
        };
        let mut evaluate = |draw: Draw<'_>, gradient: &mut [f32]| {
            losses.evaluate(&params, &draw, &mut terms, gradient)
        };
        let outside = [samples];
        assert!(matches!(
            evaluate(draw(&outside, &[]), &mut gradient),
            Err(Error::Length { .. })
        ));
        // What comes next is a hint: even a wrong one changes nothing.
        let total = evaluate(draw(&members, &outside), &mut gradient).unwrap();
        (total, terms, gradient)
    })
}

#[test]
fn samples_of_a_table_give_what_their_batch_gives() {
    for count in [1, 31, 32, 129, 700, 2500] {
        let batch = of_members(1, count, true);
        assert!(batch.2.iter().any(|g| *g != 0.0));
        for threads in 1..4 {
            assert_eq!(batch, of_members(threads, count, false), "{count}");
        }
    }
}
