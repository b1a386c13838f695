//! A network block by block gives what it gives on a whole batch: values, products, gradients, Jacobians.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use autodiff_ae::{Activation, Batch, BlockPass, Initialiser, LANES, Mlp, Pass, Scalar};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn network(residual: bool) -> Mlp {
    let mlp = Mlp::new(&[5, 11, 11, 4], Activation::Softplus, Activation::Tanh).unwrap();
    if residual {
        mlp.with_residual_layers()
    } else {
        mlp
    }
}

fn agrees<T: Scalar>(residual: bool, blocks: usize, tolerance: f64) {
    let mlp = network(residual);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut params = vec![T::zero(); mlp.param_len()];
    mlp.initialise(Initialiser::Glorot, &mut rng, &mut params)
        .unwrap();
    let random = |features: usize, rng: &mut ChaCha8Rng| {
        let columns: Vec<T> = (0..features * blocks * LANES)
            .map(|_| T::of(2.0 * rng.random::<f64>() - 1.0))
            .collect();
        Batch::from_columns(&columns, features, blocks * LANES).unwrap()
    };
    let (x, y_bar) = (random(5, &mut rng), random(4, &mut rng));
    let (mut pass, mut y, mut x_bar) = (Pass::new(&mlp), Batch::zeros(4, 0), Batch::zeros(5, 0));
    let mut gradient = vec![T::zero(); mlp.param_len()];
    pass.forward(&params, &x, &mut y).unwrap();
    pass.reverse(&y_bar, Some(&mut x_bar), &mut gradient)
        .unwrap();
    let mut single = BlockPass::new(&mlp);
    single.load(&params).unwrap();
    let mut collected = vec![T::one(); mlp.param_len()];
    let close = |a: T, b: T| (a.f64() - b.f64()).abs() <= tolerance * (1.0 + b.f64().abs());
    for b in 0..blocks {
        let (mut out, mut bar) = ([[T::zero(); LANES]; 4], [[T::zero(); LANES]; 5]);
        single.evaluate(x.block(b), &mut out);
        single.product(x.block(b), y_bar.block(b), &mut bar);
        for l in 0..LANES {
            assert!((0..4).all(|i| close(out[i][l], y.block(b)[i][l])));
            assert!((0..5).all(|i| close(bar[i][l], x_bar.block(b)[i][l])));
        }
    }
    single.collect(&mut collected).unwrap();
    for (found, expected) in collected.iter().zip(&gradient) {
        assert!(
            close(*found - T::one(), *expected),
            "{found:?} {expected:?}"
        );
    }
    // Nothing is left to collect.
    let before = collected.clone();
    single.collect(&mut collected).unwrap();
    assert_eq!(collected, before);
}

#[test]
fn as_on_a_whole_batch() {
    for residual in [false, true] {
        for blocks in [1, 8, 19] {
            agrees::<f64>(residual, blocks, 1e-13);
            agrees::<f32>(residual, blocks, 3e-5);
        }
    }
}

#[test]
fn jacobians_are_differences_of_values() {
    let mlp = network(false);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut params = vec![0.0; mlp.param_len()];
    mlp.initialise(Initialiser::Glorot, &mut rng, &mut params)
        .unwrap();
    let mut single = BlockPass::new(&mlp);
    single.load(&params).unwrap();
    let x: [[f64; LANES]; 5] =
        std::array::from_fn(|_| std::array::from_fn(|_| rng.random::<f64>()));
    let (mut values, mut scratch) = (vec![[0.0; LANES]; 12], vec![[0.0; LANES]; 9]);
    single.jacobian(&x, 3, &mut values, &mut scratch);
    let h = 1e-5;
    for j in 0..3 {
        let shifted = |single: &mut BlockPass<f64>, d: f64| {
            let (mut x, mut out) = (x, [[0.0; LANES]; 4]);
            x[j].iter_mut().for_each(|x| *x += d);
            single.evaluate(&x, &mut out);
            out
        };
        let (a, b) = (shifted(&mut single, h), shifted(&mut single, -h));
        for i in 0..4 {
            for l in 0..LANES {
                let expected = (a[i][l] - b[i][l]) / (2.0 * h);
                assert!((values[j * 4 + i][l] - expected).abs() < 1e-9);
            }
        }
    }
    // A Jacobian leaves nothing behind in the gradient.
    let mut gradient = vec![0.0; mlp.param_len()];
    single.collect(&mut gradient).unwrap();
    assert!(gradient.iter().all(|g| *g == 0.0));
    assert!(single.load(&params[1..]).is_err());
}
