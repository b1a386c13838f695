//! Results do not depend on the number of threads, bit for bit.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};

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
