//! Every loss and its gradient against dfdx's tape: an implementation that shares nothing with ours.
#![allow(clippy::unwrap_used)]

mod common;

use autodiff_ae::{
    Activation, Autoencoder, Batch, LossConfig, LossWeights, LossWorkspace, Mlp, Reduction, Samples,
};
use common::{MASSES, MassAction, model, reactions, stoichiometry, uniform};
use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

type Shape2 = (usize, usize);
type Traced<E> = Tensor<Shape2, E, Cpu, OwnedTape<E, Cpu>>;
type Plain<E> = Tensor<Shape2, E, Cpu>;
/// Weight and bias.
type Dense<E> = (Plain<E>, Tensor<(usize,), E, Cpu>);

/// The same tensor again, to be used a second time: the tape goes with the first use alone.
fn again<E: Dtype>(t: &Traced<E>) -> Traced<E>
where
    Cpu: Device<E>,
{
    t.retaped()
}

/// σ(u) and σ'(u) in dfdx's operations.
fn activate<E: Dtype + num_traits::Float>(
    kind: Activation,
    u: Traced<E>,
    dev: &Cpu,
) -> (Traced<E>, Traced<E>)
where
    Cpu: Device<E>,
{
    let shape = *u.shape();
    let mask = || -> Plain<E> {
        let m = u
            .as_vec()
            .into_iter()
            .map(|x| if x > E::zero() { E::one() } else { E::zero() })
            .collect();
        dev.tensor_from_vec(m, shape)
    };
    let ones = || -> Plain<E> { dev.tensor_from_vec(vec![E::one(); shape.0 * shape.1], shape) };
    match kind {
        Activation::Relu => {
            let m = mask();
            (u.relu(), m.retaped())
        }
        Activation::Tanh => {
            let a = u.tanh();
            let slope = again(&a).square().negate() + ones();
            (a, slope)
        }
        Activation::Silu => {
            let s = again(&u).sigmoid();
            let slope = again(&s) * (again(&u) * (again(&s).negate() + ones()) + ones());
            (u * s, slope)
        }
        Activation::Softplus => {
            let slope = again(&u).sigmoid();
            ((u.exp() + ones()).ln(), slope)
        }
        Activation::Identity => (u, ones().retaped()),
    }
}

/// The tensors of a network: weights outputs × inputs, biases 1 × outputs.
fn tensors<E: Dtype>(mlp: &Mlp, params: &[E], dev: &Cpu) -> Vec<Dense<E>>
where
    Cpu: Device<E>,
{
    mlp.layers()
        .iter()
        .map(|l| {
            let w = dev.tensor_from_vec(params[l.weight_range()].to_vec(), (l.outputs, l.inputs));
            (
                w,
                dev.tensor_from_vec(params[l.bias_range()].to_vec(), (l.outputs,)),
            )
        })
        .collect()
}

fn network<E: Dtype + num_traits::Float>(
    mlp: &Mlp,
    layers: &[Dense<E>],
    mut x: Traced<E>,
    mut t: Traced<E>,
    dev: &Cpu,
) -> (Traced<E>, Traced<E>)
where
    Cpu: Device<E>,
{
    for (layer, (w, b)) in mlp.layers().iter().zip(layers) {
        let shape = (x.shape().0, layer.outputs);
        let transposed = || w.retaped::<OwnedTape<E, Cpu>>().permute::<_, Axes2<1, 0>>();
        let skip = layer.residual.then(|| (again(&x), again(&t)));
        let u = x.matmul(transposed())
            + b.retaped::<OwnedTape<E, Cpu>>()
                .broadcast_like::<_, Axis<0>>(&shape);
        let ut = t.matmul(transposed());
        let (a, slope) = activate(layer.activation, u, dev);
        (x, t) = (a, ut * slope);
        if let Some((sx, st)) = skip {
            (x, t) = (x + sx, t + st);
        }
    }
    (x, t)
}

/// The same model with residual hidden layers.
fn with_residual_layers(model: &Autoencoder) -> Autoencoder {
    let [e, d] = [model.encoder(), model.decoder()].map(|m| m.clone().with_residual_layers());
    assert!(e.layers().iter().any(|l| l.residual) && d.layers().iter().any(|l| l.residual));
    Autoencoder::new(e, d).unwrap()
}

macro_rules! against_dfdx {
    ($name:ident, $t:ty, $tolerance:expr) => {
        fn $name(
            activation: Activation,
            last: [Activation; 2],
            reduction: Reduction,
            [features, samples]: [usize; 2],
            hidden: &[usize],
        ) {
            let residual = hidden.windows(2).any(|w| w[0] == w[1]);
            let (dev, seed) = (Cpu::default(), 7);
            let (model, params) = model::<$t>(features, hidden, activation, last, seed);
            let model = if residual {
                with_residual_layers(&model)
            } else {
                model
            };
            let x = uniform::<$t>(features * samples, 11);
            let xdot = uniform::<$t>(features * samples, 12);
            let c = uniform::<$t>(samples, 13);
            let weights = LossWeights {
                reconstruction: 0.9,
                latent_rate: 0.7,
                decoded_rate: 0.5,
                mass: 0.3,
            };
            let config = LossConfig {
                weights,
                reduction,
                masses: MASSES.to_vec(),
            };

            // Ours.
            let batch = |v: &[$t], f| Batch::from_columns(v, f, samples).unwrap();
            let (bx, bxdot, bc) = (batch(&x, features), batch(&xdot, features), batch(&c, 1));
            let mut gradient = vec![0.0; params.len()];
            let values = model
                .loss_and_gradient(
                    &MassAction::new(true),
                    &params,
                    Samples {
                        x: &bx,
                        xdot: &bxdot,
                        conditions: Some(&bc),
                    },
                    &config,
                    &mut LossWorkspace::new(&model),
                    &mut gradient,
                )
                .unwrap();

            // dfdx's. A sample is a row here, so that column-major features × samples is row-major samples × features.
            let matrix = |v: &[f64], shape: Shape2| -> Plain<$t> {
                dev.tensor_from_vec(v.iter().map(|x| *x as $t).collect(), shape)
            };
            let x: Plain<$t> = dev.tensor_from_vec(x, (samples, features));
            let xdot: Plain<$t> = dev.tensor_from_vec(xdot, (samples, features));
            let e = tensors(model.encoder(), &params[model.encoder_range()], &dev);
            let d = tensors(model.decoder(), &params[model.decoder_range()], &dev);
            let p: Tensor<(usize,), $t, Cpu> =
                dev.tensor_from_vec(params[model.dynamics_range(12)].to_vec(), (12,));
            let (z, zdot) = network(model.encoder(), &e, x.leaky_trace(), xdot.retaped(), &dev);

            // g by selection matrices: rate = p · z[first] · z[second], one for a missing second reactant.
            let (mut first, mut second, mut missing) =
                (vec![0.0; 60], vec![0.0; 60], vec![0.0; 12 * samples]);
            for (j, (r, _)) in reactions().iter().enumerate() {
                first[r[0] * 12 + j] = 1.0;
                match r.get(1) {
                    Some(i) => second[i * 12 + j] = 1.0,
                    None => (0..samples).for_each(|s| missing[s * 12 + j] = 1.0),
                }
            }
            let s: Vec<f64> = stoichiometry().into_iter().flatten().collect();
            let driven: Vec<f64> = c
                .iter()
                .flat_map(|c| [f64::from(*c), 0.0, 0.0, 0.0, 0.0])
                .collect();
            let rate = again(&z).matmul(matrix(&first, (5, 12)))
                * (again(&z).matmul(matrix(&second, (5, 12))) + matrix(&missing, (samples, 12)))
                * p.retaped::<OwnedTape<$t, Cpu>>()
                    .broadcast_like::<_, Axis<0>>(&(samples, 12));
            let g = rate.matmul(matrix(&s, (12, 5))) + again(&z) * matrix(&driven, (samples, 5));
            let (xr, xrdot) = network(model.decoder(), &d, z, again(&g), &dev);
            let mass = matrix(&MASSES, (5, 1));
            let total = |t: Traced<$t>| t.sum::<Rank0, _>();
            let (nf, nz) = match reduction {
                Reduction::Mean => ((samples * features) as $t, (samples * 5) as $t),
                Reduction::Sum => (samples as $t, samples as $t),
            };
            let l0 = total((xr - x.clone()).square()) / nf;
            let l1 = total((again(&g) - again(&zdot)).square()) / nz;
            let l2 = total((xrdot - xdot.clone()).square()) / nf;
            let l3 = total(zdot.matmul(mass.clone()).abs()) / samples as $t
                + total(g.matmul(mass).abs()) / samples as $t;
            let reference = [l0.array(), l1.array(), l2.array(), l3.array()];
            let loss = l0 * (0.9 as $t) + l1 * (0.7 as $t) + l2 * (0.5 as $t) + l3 * (0.3 as $t);
            let total_reference = loss.array();
            let tape = loss.backward();

            let mut expected = vec![0.0; params.len()];
            for (mlp, tensors, offset) in [
                (model.encoder(), &e, 0),
                (model.decoder(), &d, model.encoder().param_len()),
            ] {
                for (l, (w, b)) in mlp.layers().iter().zip(tensors) {
                    let at = |r: std::ops::Range<usize>| r.start + offset..r.end + offset;
                    expected[at(l.weight_range())].copy_from_slice(&tape.get(w).as_vec());
                    expected[at(l.bias_range())].copy_from_slice(&tape.get(b).as_vec());
                }
            }
            expected[model.dynamics_range(12)].copy_from_slice(&tape.get(&p).as_vec());

            for k in 0..4 {
                let (a, b) = (values.losses[k], f64::from(reference[k]));
                assert!(
                    (a - b).abs() <= $tolerance * b.abs(),
                    "L{k}: {a} against {b} ({activation:?})"
                );
            }
            assert!((values.total - f64::from(total_reference)).abs() <= $tolerance * values.total);
            let scale = expected
                .iter()
                .fold(0.0, |m: f64, g| m.max(f64::from(*g).abs()));
            for (i, (a, b)) in gradient.iter().zip(&expected).enumerate() {
                let difference = f64::from(a - b).abs();
                assert!(
                    difference <= $tolerance * scale,
                    "gradient {i}: {a} against {b} ({activation:?})"
                );
            }
        }
    };
}
against_dfdx!(check_f64, f64, 1e-10);
against_dfdx!(check_f32, f32, 1e-4);

const LASTS: [[Activation; 2]; 2] = [
    [Activation::Tanh, Activation::Tanh],
    [Activation::Softplus, Activation::Identity],
];

#[test]
fn f64_losses_and_gradients_equal_dfdx_to_1e_10() {
    for activation in Activation::ALL {
        for last in LASTS {
            check_f64(activation, last, Reduction::Mean, [7, 41], &[13, 8]);
            check_f64(activation, last, Reduction::Mean, [7, 41], &[14, 14, 14, 9]);
        }
    }
    check_f64(
        Activation::Silu,
        LASTS[1],
        Reduction::Sum,
        [29, 300],
        &[13, 8],
    );
}

#[test]
fn f32_losses_and_gradients_equal_dfdx_to_1e_4() {
    for activation in Activation::ALL {
        for last in LASTS {
            check_f32(activation, last, Reduction::Mean, [7, 41], &[13, 8]);
            check_f32(activation, last, Reduction::Mean, [7, 41], &[14, 14, 9]);
        }
    }
}
