//! Gradients against central differences, and the adjoint identity ⟨u, J v⟩ = ⟨Jᵀ u, v⟩.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};
use proptest::prelude::*;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Central difference of `f` along direction `v`, error of fourth order in the step.
fn difference(params: &[f64], v: &[f64], f: impl Fn(&[f64]) -> f64) -> f64 {
    // Short, so that the kinks of L3 are rarely crossed; rounding still leaves ten digits.
    let h = 1e-5;
    let at = |s: f64| {
        f(&params
            .iter()
            .zip(v)
            .map(|(p, v)| p + s * h * v)
            .collect::<Vec<_>>())
    };
    (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h)
}

/// Each loss alone, so that none hides behind another.
fn each_loss() -> Vec<LossWeights> {
    (0..4)
        .map(|k| LossWeights {
            reconstruction: f64::from(k == 0),
            latent_rate: f64::from(k == 1),
            decoded_rate: f64::from(k == 2),
            mass: f64::from(k == 3),
        })
        .collect()
}

#[test]
fn every_loss_has_the_gradient_that_central_differences_give() {
    for activation in [
        Activation::Tanh,
        Activation::Silu,
        Activation::Softplus,
        Activation::Identity,
    ] {
        let (features, samples) = (7, 45);
        let (model, params) = model::<f64>(
            features,
            &[11, 6],
            activation,
            [Activation::Softplus, Activation::Tanh],
            3,
        );
        let x = Batch::from_columns(&uniform(features * samples, 1), features, samples).unwrap();
        let xdot = Batch::from_columns(&uniform(features * samples, 2), features, samples).unwrap();
        let c = Batch::from_columns(&uniform(samples, 3), 1, samples).unwrap();
        let dynamics = MassAction::new(true);
        let samples = Samples {
            x: &x,
            xdot: &xdot,
            conditions: Some(&c),
        };
        for weights in each_loss() {
            let config = LossConfig {
                weights,
                reduction: Reduction::Mean,
                masses: MASSES.to_vec(),
            };
            let mut gradient = vec![0.0; params.len()];
            let mut workspace = LossWorkspace::new(&model);
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
            let loss = |p: &[f64]| {
                model
                    .loss(
                        &dynamics,
                        p,
                        samples,
                        &config,
                        &mut LossWorkspace::new(&model),
                    )
                    .unwrap()
                    .total
            };
            for seed in 0..8 {
                let v = uniform::<f64>(params.len(), 100 + seed);
                let (a, b) = (dot(&gradient, &v), difference(&params, &v, loss));
                assert!(
                    (a - b).abs() <= 1e-6 * (1.0 + b.abs()),
                    "{activation:?} {weights:?}: {a} against {b}"
                );
            }
        }
    }
}

#[test]
fn relu_network_matches_central_differences_away_from_kinks() {
    let net = Mlp::new(&[6, 20, 9, 4], Activation::Relu, Activation::Identity).unwrap();
    let mut params = uniform::<f64>(net.param_len(), 5);
    // Large positive and negative biases keep every unit clearly on or off.
    for layer in &net.layers()[..2] {
        for (i, b) in params[layer.bias_range()].iter_mut().enumerate() {
            *b = if i % 3 == 0 { -60.0 } else { 60.0 };
        }
    }
    let x = Batch::from_columns(&uniform(6 * 37, 6), 6, 37).unwrap();
    let u = Batch::from_columns(&uniform(4 * 37, 7), 4, 37).unwrap();
    let (mut pass, mut y, mut x_bar) = (Pass::new(&net), Batch::zeros(4, 37), Batch::zeros(6, 37));
    let mut gradient = vec![0.0; net.param_len()];
    pass.forward(&params, &x, &mut y).unwrap();
    pass.reverse(&u, Some(&mut x_bar), &mut gradient).unwrap();
    let value = |p: &[f64]| {
        let (mut pass, mut y) = (Pass::new(&net), Batch::zeros(4, 37));
        pass.predict(p, &x, &mut y).unwrap();
        dot(&y.to_columns(), &u.to_columns())
    };
    for seed in 0..5 {
        let v = uniform::<f64>(params.len(), 50 + seed);
        let (a, b) = (dot(&gradient, &v), difference(&params, &v, value));
        assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{a} against {b}");
    }
}

#[test]
fn fused_pass_equals_forward_then_reverse() {
    let net = Mlp::new(&[29, 40, 5], Activation::Silu, Activation::Softplus).unwrap();
    let params = uniform::<f64>(net.param_len(), 1);
    for samples in [1, 31, 32, 33, 200, 1000] {
        let x = Batch::from_columns(&uniform(29 * samples, 2), 29, samples).unwrap();
        let target = Batch::from_columns(&uniform(5 * samples, 3), 5, samples).unwrap();
        let (mut pass, mut y) = (Pass::new(&net), Batch::zeros(5, 1));
        let mut fused = vec![0.0; net.param_len()];
        let mut fused_bar = Batch::zeros(29, 1);
        let error = |b: usize, w: &_, out: &_, bar: &mut _| {
            losses::square_error(out, target.block(b), w, 0.5, bar)
        };
        let loss = pass
            .forward_reverse(&params, &x, error, Some(&mut fused_bar), &mut fused)
            .unwrap();
        // Without the input's cotangent the chunks share one workspace; the gradient must not notice.
        let mut lean = vec![0.0; net.param_len()];
        assert_eq!(
            pass.forward_reverse(&params, &x, error, None, &mut lean)
                .unwrap(),
            loss
        );
        assert_eq!(lean, fused);

        pass.forward(&params, &x, &mut y).unwrap();
        let mut bar = Batch::zeros(5, samples);
        let mut expected = 0.0;
        for s in 0..samples {
            for f in 0..5 {
                let d = y.get(f, s) - target.get(f, s);
                expected += 0.5 * d * d;
                bar.set(f, s, d);
            }
        }
        let mut plain = vec![0.0; net.param_len()];
        let mut plain_bar = Batch::zeros(29, samples);
        pass.reverse(&bar, Some(&mut plain_bar), &mut plain)
            .unwrap();
        assert!((loss - expected).abs() <= 1e-12 * expected);
        for (a, b) in fused.iter().zip(&plain) {
            assert!((a - b).abs() <= 1e-11 * (1.0 + b.abs()), "{a} against {b}");
        }
        for (a, b) in fused_bar.to_columns().iter().zip(plain_bar.to_columns()) {
            assert!((a - b).abs() <= 1e-12, "{a} against {b}");
        }
    }
}

fn activations() -> impl Strategy<Value = Activation> {
    proptest::sample::select(Activation::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The reverse pass is the adjoint of the forward tangent, for input and tangent alike.
    #[test]
    fn reverse_is_the_adjoint_of_the_tangent(
        widths in proptest::collection::vec(1_usize..40, 2..5),
        hidden in activations(),
        last in activations(),
        samples in 1_usize..300,
        residual in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let mut net = Mlp::new(&widths, hidden, last).unwrap();
        if residual {
            // One layer twice makes the second residual.
            let mut widths = widths.clone();
            widths.insert(1, widths[1]);
            net = Mlp::new(&widths, hidden, last).unwrap().with_residual_layers();
        }
        let (fi, fo) = (net.inputs(), net.outputs());
        let params = uniform::<f64>(net.param_len(), seed);
        let batch = |f: usize, s: u64| Batch::from_columns(&uniform::<f64>(f * samples, seed + s), f, samples).unwrap();
        let (x, v, u) = (batch(fi, 1), batch(fi, 2), batch(fo, 3));
        let (mut pass, mut y, mut jv) = (Pass::new(&net), Batch::zeros(fo, samples), Batch::zeros(fo, samples));
        pass.forward_tangent(&params, &x, &v, &mut y, &mut jv).unwrap();
        let mut gradient = vec![0.0; net.param_len()];
        let (mut ju, mut jut) = (Batch::zeros(fi, samples), Batch::zeros(fi, samples));
        // Cotangent of the tangent alone: its reverse to the tangent of the input is Jᵀu as well.
        let zero = Batch::zeros(fo, samples);
        pass.reverse_tangent(&zero, &u, Some((&mut ju, &mut jut)), &mut gradient).unwrap();
        let a = dot(&u.to_columns(), &jv.to_columns());
        let b = dot(&jut.to_columns(), &v.to_columns());
        prop_assert!((a - b).abs() <= 1e-11 * (1.0 + a.abs()), "{} against {}", a, b);

        let mut y2 = Batch::zeros(fo, samples);
        pass.forward(&params, &x, &mut y2).unwrap();
        pass.reverse(&u, Some(&mut ju), &mut gradient).unwrap();
        let c = dot(&ju.to_columns(), &v.to_columns());
        prop_assert!((a - c).abs() <= 1e-11 * (1.0 + a.abs()), "{} against {}", a, c);
        prop_assert_eq!(y.to_columns(), y2.to_columns());
    }

    /// Columns → blocks → columns is the identity for every ragged size.
    #[test]
    fn batches_keep_their_columns(features in 1_usize..20, samples in 0_usize..150) {
        let columns = uniform::<f32>(features * samples, 9);
        let batch = Batch::from_columns(&columns, features, samples).unwrap();
        prop_assert_eq!(batch.to_columns(), columns.clone());
        prop_assert_eq!(Batch::from_matrix(&batch.to_matrix()).to_columns(), columns);
    }
}

#[test]
fn value_only_loss_equals_the_loss_with_gradient_and_padding_carries_no_weight() {
    let (model, params) = model::<f64>(
        29,
        &[16],
        Activation::Silu,
        [Activation::Softplus, Activation::Tanh],
        1,
    );
    let config = LossConfig {
        weights: LossWeights::default(),
        reduction: Reduction::Mean,
        masses: MASSES.to_vec(),
    };
    let (x, xdot) = (uniform::<f64>(29 * 33, 1), uniform::<f64>(29 * 33, 2));
    let bx = Batch::from_columns(&x, 29, 33).unwrap();
    let mut bxdot = Batch::from_columns(&xdot, 29, 33).unwrap();
    let mut workspace = LossWorkspace::new(&model);
    let mut run = |xdot: &Batch<f64>| {
        let mut gradient = vec![0.0; params.len()];
        let samples = Samples {
            x: &bx,
            xdot,
            conditions: None,
        };
        let dynamics = MassAction::new(false);
        let with = model
            .loss_and_gradient(
                &dynamics,
                &params,
                samples,
                &config,
                &mut workspace,
                &mut gradient,
            )
            .unwrap();
        let without = model
            .loss(&dynamics, &params, samples, &config, &mut workspace)
            .unwrap();
        assert_eq!(with, without);
        (with, gradient)
    };
    let clean = run(&bxdot);
    for row in bxdot.block_mut(1) {
        row[1..].fill(1e3);
    }
    assert_eq!(run(&bxdot), clean);
}

#[test]
fn mass_conserving_network_has_no_second_term_in_l3() {
    let dynamics = MassAction::new(false);
    let z = uniform::<f64>(5 * LANES, 4);
    let mut g = [[0.0; LANES]; 5];
    dynamics.value(&uniform::<f64>(12, 5), z.as_chunks().0, &[], &mut g);
    for lane in 0..LANES {
        let mass: f64 = (0..5).map(|i| MASSES[i] * g[i][lane]).sum();
        assert!(mass.abs() < 1e-14);
    }
}

#[test]
fn wrong_shapes_and_empty_batches_are_errors() {
    let net = Mlp::new(&[3, 4, 2], Activation::Silu, Activation::Tanh).unwrap();
    let params = vec![0.0_f32; net.param_len()];
    let (mut pass, mut y) = (Pass::new(&net), Batch::zeros(2, 1));
    assert!(matches!(
        pass.forward(&params[1..], &Batch::zeros(3, 1), &mut y),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        pass.forward(&params, &Batch::zeros(2, 1), &mut y),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        pass.forward(&params, &Batch::zeros(3, 0), &mut y),
        Err(Error::EmptyBatch)
    ));
    let mut gradient = vec![0.0; net.param_len()];
    assert!(matches!(
        pass.reverse(&y, None, &mut gradient),
        Err(Error::NoForward(_))
    ));
    pass.forward(&params, &Batch::zeros(3, 4), &mut y).unwrap();
    assert!(matches!(
        pass.reverse(&Batch::zeros(2, 5), None, &mut gradient),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        Mlp::new(&[3], Activation::Relu, Activation::Relu),
        Err(Error::Shape(_))
    ));
    assert!(matches!(
        Mlp::new(&[3, 0, 2], Activation::Relu, Activation::Relu),
        Err(Error::Shape(_))
    ));
    assert!(Batch::<f32>::from_columns(&[0.0; 5], 2, 3).is_err());
    assert!(
        Batch::<f32>::zeros(2, 1)
            .gather(&[0.0; 6], &[0, 3])
            .is_err()
    );
    let mut bad = Batch::from_columns(&[0.0_f64, f64::NAN], 1, 2).unwrap();
    assert!(matches!(
        bad.check_finite("x"),
        Err(Error::NotFinite { index: 1, .. })
    ));
    bad.set(0, 1, 2.0);
    assert!(bad.check_finite("x").is_ok());
}

/// What single precision computes is what double precision computes, to four digits of the greatest entry.
#[test]
fn single_precision_agrees_with_double_to_1e_4() {
    fn gradient<T: Scalar>(activation: Activation, samples: usize) -> (Vec<f64>, [f64; 4]) {
        let (model, params) = model::<T>(
            29,
            &[32, 16, 8],
            activation,
            [Activation::Tanh, Activation::Tanh],
            3,
        );
        let batch = |s| Batch::from_columns(&uniform(29 * samples, s), 29, samples).unwrap();
        let (x, xdot) = (batch(1), batch(2));
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: MASSES.to_vec(),
        };
        let mut gradient = vec![T::zero(); params.len()];
        let samples = Samples {
            x: &x,
            xdot: &xdot,
            conditions: None,
        };
        let values = model
            .loss_and_gradient(
                &MassAction::new(false),
                &params,
                samples,
                &config,
                &mut LossWorkspace::new(&model),
                &mut gradient,
            )
            .unwrap();
        (gradient.iter().map(|g| g.f64()).collect(), values.losses)
    }
    for activation in Activation::ALL {
        for samples in [32, 500] {
            let (single, a) = gradient::<f32>(activation, samples);
            let (double, b) = gradient::<f64>(activation, samples);
            let scale = double.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
            for (s, d) in single.iter().zip(&double) {
                assert!(
                    (s - d).abs() <= 1e-4 * scale,
                    "{activation:?}: {s} against {d}"
                );
            }
            for (s, d) in a.iter().zip(b) {
                assert!(
                    (s - d).abs() <= 1e-4 * d.abs(),
                    "{activation:?}: {s} against {d}"
                );
            }
        }
    }
}
