//! The bridge to dfdx: parameters there and back, equal values, equal losses and gradients, training by dfdx's own optimiser.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::bridge::*;
use autodiff_ae::{
    Activation, Autoencoder, Batch, Error, Initialiser, LossConfig, LossWeights, LossWorkspace,
    Mlp, Pass, Reduction, Samples,
};
use common::{MASSES, MassAction, uniform};
use dfdx::nn::modules::{BuildModule, Linear, Module, ReLU, Residual, Tanh, ZeroGrads};
use dfdx::optim::{Adam, AdamConfig, Optimizer};
use dfdx::prelude::{
    AsArray, Backward, Const, Cpu, Gradients, MeanTo, OwnedTape, Rank0, SumTo, Tensor,
    TensorFromVec, Trace, WithEmptyTape,
};
use rand::SeedableRng;
use std::sync::Arc;

const F: usize = 7;
type L<const I: usize, const O: usize> = Linear<I, O, f64, Cpu>;
/// As many layers as shapes, with every activation somewhere.
type Encoder = (
    (L<F, 11>, Silu),
    Residual<(L<11, 11>, Softplus)>,
    (L<11, 6>, ReLU),
    (L<6, 5>, Tanh),
);
type Decoder = ((L<5, 6>, Tanh), (L<6, 11>, Silu), L<11, F>);

fn encoder() -> Mlp {
    use Activation::*;
    Mlp::from_shape(&autodiff_ae::MlpShape {
        widths: vec![F, 11, 11, 6, 5],
        activations: vec![Silu, Softplus, Relu, Tanh],
        residual: true,
    })
    .unwrap()
}

fn decoder() -> Mlp {
    use Activation::*;
    Mlp::from_shape(&autodiff_ae::MlpShape {
        widths: vec![5, 6, 11, F],
        activations: vec![Tanh, Silu, Identity],
        residual: false,
    })
    .unwrap()
}

fn modules(params: &[f64], model: &Autoencoder) -> (Encoder, Decoder) {
    let dev = Cpu::default();
    let (mut e, mut d): (Encoder, Decoder) = (BuildModule::build(&dev), BuildModule::build(&dev));
    to_module(model.encoder(), &params[model.encoder_range()], &mut e).unwrap();
    to_module(model.decoder(), &params[model.decoder_range()], &mut d).unwrap();
    (e, d)
}

fn example(samples: usize) -> (Autoencoder, Vec<f64>, Batch<f64>, Batch<f64>, Batch<f64>) {
    let model = Autoencoder::new(encoder(), decoder()).unwrap();
    let params = uniform::<f64>(model.param_len() + 12, 3);
    let params = params.iter().map(|p| 0.6 * p).collect();
    let batch = |f: usize, s| Batch::from_columns(&uniform(f * samples, s), f, samples).unwrap();
    (model, params, batch(F, 1), batch(F, 2), batch(1, 3))
}

fn config() -> LossConfig {
    LossConfig {
        weights: LossWeights {
            reconstruction: 0.9,
            latent_rate: 0.7,
            decoded_rate: 0.5,
            mass: 0.3,
        },
        reduction: Reduction::Mean,
        masses: MASSES.to_vec(),
    }
}

#[test]
fn a_module_says_which_network_it_is() {
    assert_eq!(shape_of::<Encoder>().unwrap(), encoder());
    assert_eq!(shape_of::<Decoder>().unwrap(), decoder());
    assert!(matches!(
        shape_of::<(L<3, 2>, Tanh, Tanh)>(),
        Err(Error::Shape(_))
    ));
    assert!(matches!(
        shape_of::<(L<3, 2>, L<3, 2>)>(),
        Err(Error::Shape(_))
    ));
    type Two = Residual<(L<3, 4>, L<4, 3>)>;
    assert!(matches!(
        shape_of::<(L<2, 3>, Two, L<3, 1>)>(),
        Err(Error::Shape(_))
    ));
    // Residual here, plain there: our networks have all or none.
    type Some = (L<2, 3>, Residual<L<3, 3>>, L<3, 3>, L<3, 1>);
    assert!(matches!(shape_of::<Some>(), Err(Error::Shape(_))));
}

#[test]
fn parameters_come_back_as_they_were() {
    let (model, params, ..) = example(1);
    let (e, d) = modules(&params, &model);
    let mut back = vec![0.0; params.len()];
    from_module(model.encoder(), &e, &mut back[model.encoder_range()]).unwrap();
    from_module(model.decoder(), &d, &mut back[model.decoder_range()]).unwrap();
    assert_eq!(back[..model.param_len()], params[..model.param_len()]);
    // Another network, too few parameters.
    let mut e = e;
    let n = model.decoder().param_len();
    let wrong = to_module(model.decoder(), &params[..n], &mut e);
    assert!(matches!(wrong, Err(Error::Shape(_))));
    let short = to_module(model.encoder(), &params[..n], &mut e);
    assert!(matches!(short, Err(Error::Length { .. })));
    let plain = Mlp::new(&[F, 11, 11, 6, 5], Activation::Silu, Activation::Tanh).unwrap();
    let wrong = to_module(&plain, &params[..plain.param_len()], &mut e);
    assert!(matches!(wrong, Err(Error::Shape(_))));
}

#[test]
fn values_and_tangents_are_ours() {
    let (model, params, x, v, _) = example(41);
    let w = Batch::from_columns(&uniform::<f64>(F * 41, 9), F, 41).unwrap();
    let (e, _) = modules(&params, &model);
    let dev = Cpu::default();
    let row = |b: &Batch<f64>| tensor_of::<F, _, _>(b, &dev).unwrap();
    let dual = Dual::new(row(&x), vec![row(&v), row(&w)], Gradients::leaky());
    let theirs = e.forward_tangents(dual).unwrap();
    let (mut y, mut t) = (Batch::zeros(5, 0), vec![Batch::zeros(5, 0); 2]);
    Pass::new(model.encoder())
        .forward_tangents(&params[model.encoder_range()], &x, &[v, w], &mut y, &mut t)
        .unwrap();
    let pairs = [
        (&y, &theirs.value),
        (&t[0], &theirs.tangents[0]),
        (&t[1], &theirs.tangents[1]),
    ];
    for (ours, theirs) in pairs {
        let theirs = batch_of(theirs).unwrap().to_columns();
        for (a, b) in ours.to_columns().iter().zip(theirs) {
            assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} against {b}");
        }
    }
    // The module's own forward is the same value.
    let plain = batch_of(&e.forward(row(&x))).unwrap().to_columns();
    for (a, b) in y.to_columns().iter().zip(plain) {
        assert!((a - b).abs() < 1e-12);
    }
    assert!(tensor_of::<5, _, _>(&x, &dev).is_err());
}

#[test]
fn losses_and_gradients_on_the_tape_equal_ours_to_1e_10() {
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let samples = 45;
        let (model, params, x, xdot, c) = example(samples);
        let config = LossConfig {
            reduction,
            ..config()
        };
        let dynamics = Arc::new(MassAction::new(true));
        let mut gradient = vec![0.0; params.len()];
        let values = model
            .loss_and_gradient(
                &*dynamics,
                &params,
                Samples {
                    x: &x,
                    xdot: &xdot,
                    conditions: Some(&c),
                },
                &config,
                &mut LossWorkspace::new(&model),
                &mut gradient,
            )
            .unwrap();
        let dev = Cpu::default();
        let (e, d) = modules(&params, &model);
        let p = dev.tensor_from_vec(params[model.dynamics_range(12)].to_vec(), (12,));
        let (total, theirs) = losses(
            &e,
            &d,
            |z: Tensor<(usize, Const<5>), f64, Cpu, OwnedTape<f64, Cpu>>| {
                rate(&dynamics, &p, Some(&c), z)
            },
            tensor_of::<F, _, _>(&x, &dev).unwrap(),
            tensor_of::<F, _, _>(&xdot, &dev).unwrap(),
            &config,
            Gradients::leaky(),
        )
        .unwrap();
        let pairs = values.losses.iter().zip(theirs.losses);
        for (a, b) in pairs.chain([
            (&values.total, theirs.total),
            (&values.total, total.array()),
        ]) {
            assert!((a - b).abs() < 1e-10 * b.abs(), "{a} against {b}");
        }
        let tape = total.backward();
        let mut expected = vec![0.0; params.len()];
        let (mut ge, mut gd) = (e.clone(), d.clone());
        macro_rules! take {
            ($($to:expr, $from:expr;)*) => {$(
                $to.weight = tape.get(&$from.weight);
                $to.bias = tape.get(&$from.bias);
            )*};
        }
        take!(ge.0.0, e.0.0; ge.1.0.0, e.1.0.0; ge.2.0, e.2.0; ge.3.0, e.3.0;
              gd.0.0, d.0.0; gd.1.0, d.1.0; gd.2, d.2;);
        from_module(model.encoder(), &ge, &mut expected[model.encoder_range()]).unwrap();
        from_module(model.decoder(), &gd, &mut expected[model.decoder_range()]).unwrap();
        expected[model.dynamics_range(12)].copy_from_slice(&tape.get(&p).as_vec());
        let scale = expected.iter().fold(0.0_f64, |m, g| m.max(g.abs()));
        for (i, (a, b)) in gradient.iter().zip(&expected).enumerate() {
            assert!(
                (a - b).abs() < 1e-10 * scale,
                "parameter {i}: {a} against {b}"
            );
        }
    }
}

#[test]
fn a_loss_may_use_the_tangent_alone() {
    // The history of the value is on the tape even where a loss leaves the value out.
    let (model, params, x, v, _) = example(33);
    let (e, _) = modules(&params, &model);
    let dev = Cpu::default();
    let row = |b: &Batch<f64>| tensor_of::<F, _, _>(b, &dev).unwrap();
    let dual = Dual::new(row(&x), vec![row(&v)], Gradients::leaky());
    let loss = e
        .forward_tangents(dual)
        .unwrap()
        .loss(|_, t| t[0].with_empty_tape().try_square()?.try_sum::<Rank0, _>())
        .unwrap();
    let theirs = loss.backward().get(&e.0.0.weight).as_vec();
    let (mut y, mut t) = (Batch::zeros(5, 0), Batch::zeros(5, 0));
    let mut pass = Pass::new(model.encoder());
    let encoder = &params[model.encoder_range()];
    pass.forward_tangent(encoder, &x, &v, &mut y, &mut t)
        .unwrap();
    let bar: Vec<f64> = t.to_columns().iter().map(|t| 2.0 * t).collect();
    let bar = Batch::from_columns(&bar, 5, 33).unwrap();
    let mut gradient = vec![0.0; encoder.len()];
    pass.reverse_tangent(&Batch::zeros(5, 33), &bar, None, &mut gradient)
        .unwrap();
    let ours = &gradient[model.encoder().layers()[0].weight_range()];
    for (a, b) in ours.iter().zip(theirs) {
        assert!((a - b).abs() < 1e-10 * (1.0 + b.abs()), "{a} against {b}");
    }
}

#[test]
fn dfdx_trains_our_network_with_a_loss_of_its_own() {
    let net = Mlp::new(&[2, 16, 1], Activation::Tanh, Activation::Identity).unwrap();
    let mut params = vec![0.0; net.param_len()];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    net.initialise(Initialiser::Glorot, &mut rng, &mut params)
        .unwrap();
    let dev = Cpu::default();
    let mut module: ((L<2, 16>, Tanh), L<16, 1>) = BuildModule::build(&dev);
    to_module(&net, &params, &mut module).unwrap();
    let points = uniform::<f64>(2 * 64, 5);
    let x: Tensor<(usize, Const<2>), f64, Cpu> =
        dev.tensor_from_vec(points.clone(), (64, Const::<2>));
    let targets: Vec<f64> = points
        .chunks(2)
        .map(|p| (2.0 * p[0]).sin() * p[1])
        .collect();
    let y: Tensor<(usize, Const<1>), f64, Cpu> =
        dev.tensor_from_vec(targets.clone(), (64, Const::<1>));
    let settings = AdamConfig {
        lr: 1e-2,
        ..AdamConfig::default()
    };
    let mut adam = Adam::new(&module, settings);
    let mut gradients = module.alloc_grads();
    let mut seen = Vec::new();
    for _ in 0..300 {
        // A mean absolute error: none of ours.
        let loss = (module.forward(x.trace(gradients)) - y.clone())
            .abs()
            .mean();
        seen.push(loss.array());
        gradients = loss.backward();
        adam.update(&mut module, &gradients).unwrap();
        module.zero_grads(&mut gradients);
    }
    assert!(seen[299] < 0.2 * seen[0], "{} from {}", seen[299], seen[0]);
    // Back with us it is the very network dfdx trained.
    from_module(&net, &module, &mut params).unwrap();
    let input = Batch::from_columns(&points, 2, 64).unwrap();
    let mut output = Batch::zeros(1, 0);
    Pass::new(&net)
        .predict(&params, &input, &mut output)
        .unwrap();
    let ours = output.to_columns().into_iter().zip(targets);
    let error = ours.map(|(a, b)| (a - b).abs()).sum::<f64>() / 64.0;
    assert!((error - seen[299]).abs() < 0.1 * seen[299]);
}
