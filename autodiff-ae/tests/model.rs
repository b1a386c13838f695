//! Shapes, views and initial values of a model; batches gathered from a table; bad data.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::*;
use common::{MASSES, MassAction, model, uniform};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[test]
fn views_tile_the_flat_vector_in_order() {
    let (model, params) =
        model::<f32>(29, &[32, 16, 8], Activation::Relu, [Activation::Tanh; 2], 1);
    let views = model.views_with_dynamics(12);
    let mut end = 0;
    for view in &views {
        assert_eq!(view.range.start, end, "{}", view.name);
        assert_eq!(view.range.len(), view.shape.iter().product::<usize>());
        end = view.range.end;
    }
    assert_eq!(end, params.len());
    let names: Vec<_> = views.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(
        (names[0], names[7], names[8]),
        ("encoder.0.weight", "encoder.3.bias", "decoder.0.weight")
    );
    assert_eq!(views[0].shape, [32, 29]);
    assert_eq!(names[names.len() - 1], "dynamics");
    // The paper's network by hand: 29·32+32 + 32·16+16 + 16·8+8 + 8·5+5, and mirrored.
    assert_eq!(model.encoder().param_len(), 1669);
    assert_eq!(model.decoder().param_len(), 1693);
    let shape = model.encoder().shape();
    let text = serde_json::to_string(&shape).unwrap();
    assert_eq!(
        Mlp::from_shape(&serde_json::from_str(&text).unwrap()).unwrap(),
        *model.encoder()
    );
}

#[test]
fn a_residual_network_keeps_its_parameters_and_says_so_in_its_shape() {
    let plain = Mlp::new(&[6, 6, 8, 8, 8], Activation::Silu, Activation::Identity).unwrap();
    let net = plain.clone().with_residual_layers();
    let residual: Vec<_> = net.layers().iter().map(|l| l.residual).collect();
    assert_eq!(
        residual,
        [true, false, true, false],
        "never the last, never where widths differ"
    );
    assert_eq!(net.views("m", 0), plain.views("m", 0));
    assert_eq!(Mlp::from_shape(&net.shape()).unwrap(), net);
    let old = r#"{"widths": [3, 3, 2], "activations": ["silu", "identity"]}"#;
    assert!(!serde_json::from_str::<MlpShape>(old).unwrap().residual);
    // With weights of zero and biases of zero a residual layer is the identity.
    let net = Mlp::new(&[4, 4, 4], Activation::Silu, Activation::Identity)
        .unwrap()
        .with_residual_layers();
    let mut params = vec![0.0_f64; net.param_len()];
    let last = net.layers()[1].weight_range();
    (0..4).for_each(|i| params[last.start + 5 * i] = 1.0);
    let x = Batch::from_columns(&uniform(4 * 40, 1), 4, 40).unwrap();
    let mut y = Batch::zeros(4, 40);
    Pass::new(&net).predict(&params, &x, &mut y).unwrap();
    assert_eq!(y.to_columns(), x.to_columns());
}

#[test]
fn initial_weights_fill_their_interval_and_depend_on_the_seed_alone() {
    let net = Mlp::new(&[50, 200, 3], Activation::Relu, Activation::Identity).unwrap();
    let draw = |initialiser, seed| {
        let mut p = vec![f64::NAN; net.param_len()];
        net.initialise(initialiser, &mut ChaCha8Rng::seed_from_u64(seed), &mut p)
            .unwrap();
        p
    };
    for (initialiser, limit) in [
        (Initialiser::Glorot, (6.0_f64 / 250.0).sqrt()),
        (Initialiser::He, (6.0_f64 / 50.0).sqrt()),
        (Initialiser::LeCun, (3.0_f64 / 50.0).sqrt()),
    ] {
        let p = draw(initialiser, 1);
        let w = &p[net.layers()[0].weight_range()];
        let greatest = w.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        assert!(greatest <= limit && greatest > 0.99 * limit);
        // Variance of a uniform distribution, limit² / 3, within six standard errors of 10,000 draws.
        let variance = w.iter().map(|x| x * x).sum::<f64>() / w.len() as f64;
        assert!((variance / (limit * limit / 3.0) - 1.0).abs() < 0.06);
        assert!(p[net.layers()[0].bias_range()].iter().all(|b| *b == 0.0));
        assert_eq!(p, draw(initialiser, 1));
        assert_ne!(p, draw(initialiser, 2));
    }
}

#[test]
fn the_truncated_normal_has_its_variance_and_its_bounds() {
    let net = Mlp::new(&[50, 400], Activation::Relu, Activation::Identity).unwrap();
    // Variance of a standard normal cut at ±a is 1 − 2 a φ(a) / (2 Φ(a) − 1); the values for a = 0.5, 2 are from tables of Φ.
    for (truncation, variance) in [(0.5, 0.080_589), (2.0, 0.773_741), (10.0, 1.0)] {
        let initialiser = Initialiser::TruncatedNormal {
            scale: 2.0,
            truncation,
        };
        let mut p = vec![f64::NAN; net.param_len()];
        net.initialise(initialiser, &mut ChaCha8Rng::seed_from_u64(3), &mut p)
            .unwrap();
        let w = &p[net.layers()[0].weight_range()];
        let unit = (2.0_f64 / 50.0).sqrt();
        assert!(w.iter().all(|w| w.abs() <= truncation * unit));
        let n = w.len() as f64;
        let (mean, square) = (
            w.iter().sum::<f64>() / n / unit,
            w.iter().map(|w| w * w).sum::<f64>() / n / (unit * unit),
        );
        // 20,000 draws: the standard error of the variance is below 1 %.
        assert!(
            (square / variance - 1.0).abs() < 0.04,
            "{square} {variance}"
        );
        assert!(mean.abs() < 5.0 * (variance / n).sqrt());
    }
    let mut p = vec![0.0; net.param_len()];
    for (scale, truncation) in [(-1.0, 2.0), (1.0, 0.0), (f64::NAN, 1.0)] {
        let broken = Initialiser::TruncatedNormal { scale, truncation };
        assert!(matches!(
            net.initialise(broken, &mut ChaCha8Rng::seed_from_u64(3), &mut p),
            Err(Error::Range { .. })
        ));
    }
    assert_eq!(
        Initialiser::NEURAL_PDR.limit(100, 3),
        10.0 * (1.0_f64 / 100.0).sqrt()
    );
}

#[test]
fn gather_picks_columns_and_clears_the_padding() {
    let table = uniform::<f32>(7 * 100, 1);
    // Sizes that are gathered in one piece and in several.
    for samples in [1, 32, 45, 300, 1000, 4097] {
        let mut batch = Batch::zeros(7, 64);
        batch.fill(9.0);
        let indices: Vec<usize> = (0..samples).map(|i| (i * 37) % 100).collect();
        batch.gather(&table, &indices).unwrap();
        assert_eq!(
            (batch.samples(), batch.blocks()),
            (samples, samples.div_ceil(32))
        );
        for (s, &i) in indices.iter().enumerate() {
            for f in 0..7 {
                assert_eq!(batch.get(f, s), table[i * 7 + f]);
            }
        }
        let used = samples - 32 * (batch.blocks() - 1);
        let last = batch.block(batch.blocks() - 1);
        assert!(last.iter().all(|row| row[used..].iter().all(|x| *x == 0.0)));
    }
    assert!(Batch::zeros(7, 1).gather(&table, &[100]).is_err());
}

#[test]
fn not_a_number_in_the_data_shows_in_loss_and_gradient() {
    for activation in Activation::ALL {
        let (model, params) = model::<f32>(
            6,
            &[8],
            activation,
            [Activation::Softplus, Activation::Tanh],
            1,
        );
        let mut x = uniform::<f32>(6 * 40, 1);
        x[6 * 35 + 2] = f32::NAN;
        let xdot = Batch::from_columns(&uniform(6 * 40, 2), 6, 40).unwrap();
        let x = Batch::from_columns(&x, 6, 40).unwrap();
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: MASSES.to_vec(),
        };
        let mut gradient = vec![0.0; params.len()];
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
        assert!(values.total.is_nan(), "{activation:?}");
        assert!(!all_finite(&gradient), "{activation:?}");
    }
}

#[test]
fn losses_refuse_what_does_not_fit() {
    let (model_a, params) = model::<f32>(6, &[8], Activation::Silu, [Activation::Tanh; 2], 1);
    let (model_b, _) = model::<f32>(6, &[9], Activation::Silu, [Activation::Tanh; 2], 1);
    let x = Batch::zeros(6, 4);
    let run = |params: &[f32], x: &Batch<f32>, masses: usize, driven: bool, of: &Autoencoder| {
        let config = LossConfig {
            weights: LossWeights::default(),
            reduction: Reduction::Mean,
            masses: vec![1.0; masses],
        };
        let samples = Samples {
            x,
            xdot: x,
            conditions: None,
        };
        model_a.loss(
            &MassAction::new(driven),
            params,
            samples,
            &config,
            &mut LossWorkspace::new(of),
        )
    };
    assert!(run(&params, &x, 5, false, &model_a).is_ok());
    assert!(matches!(
        run(&params[1..], &x, 5, false, &model_a),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        run(&params, &Batch::zeros(5, 4), 5, false, &model_a),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        run(&params, &Batch::zeros(6, 0), 5, false, &model_a),
        Err(Error::EmptyBatch)
    ));
    assert!(matches!(
        run(&params, &x, 4, false, &model_a),
        Err(Error::Length { .. })
    ));
    assert!(
        matches!(
            run(&params, &x, 5, true, &model_a),
            Err(Error::Length { .. })
        ),
        "conditions are missing"
    );
    assert!(matches!(
        run(&params, &x, 5, false, &model_b),
        Err(Error::Shape(_))
    ));
    assert!(Autoencoder::new(model_a.encoder().clone(), model_a.encoder().clone()).is_err());
}
