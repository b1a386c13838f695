//! From here to dfdx and back: a network begun with this crate trains on dfdx's tape, by dfdx's optimiser, with a loss that neither
//! crate has (value and slope, absolute errors), and goes on here with the fused losses' speed.
//!
//! `cargo run --release -p autodiff-ae --features dfdx --example dfdx_round_trip`

use autodiff_ae::bridge::{Dual, ForwardTangents, Softplus, from_module, tensor_of, to_module};
use autodiff_ae::{Activation, Batch, Error, Initialiser, Mlp, Pass};
use dfdx::nn::modules::{BuildModule, Linear, ZeroGrads};
use dfdx::optim::{Adam, AdamConfig, Optimizer};
use dfdx::prelude::*;
use rand::SeedableRng;

type Module = (
    (Linear<1, 32, f32, Cpu>, Softplus),
    (Linear<32, 32, f32, Cpu>, Softplus),
    Linear<32, 1, f32, Cpu>,
);

const SAMPLES: usize = 256;

/// Mean absolute errors of value and slope against sin 3x at the samples.
fn errors(net: &Mlp, params: &[f32], x: &Batch<f32>) -> Result<[f32; 2], Error> {
    let one = Batch::from_columns(&[1.0; SAMPLES], 1, SAMPLES)?;
    let (mut y, mut slope) = (Batch::zeros(1, 0), Batch::zeros(1, 0));
    Pass::new(net).forward_tangent(params, x, &one, &mut y, &mut slope)?;
    let mean = |f: &dyn Fn(usize) -> f32| (0..SAMPLES).map(f).sum::<f32>() / SAMPLES as f32;
    Ok([
        mean(&|s| (y.get(0, s) - (3.0 * x.get(0, s)).sin()).abs()),
        mean(&|s| (slope.get(0, s) - 3.0 * (3.0 * x.get(0, s)).cos()).abs()),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let net = Mlp::new(&[1, 32, 32, 1], Activation::Softplus, Activation::Identity)?;
    let mut params = vec![0.0; net.param_len()];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    net.initialise(Initialiser::LeCun, &mut rng, &mut params)?;
    let points: Vec<f32> = (0..SAMPLES)
        .map(|i| 2.0 * i as f32 / (SAMPLES - 1) as f32 - 1.0)
        .collect();
    let x = Batch::from_columns(&points, 1, SAMPLES)?;
    let [value, slope] = errors(&net, &params, &x)?;
    println!("begun here: mean absolute error {value:.3}, of the slope {slope:.3}");

    let device = Cpu::default();
    let mut module: Module = BuildModule::build(&device);
    to_module(&net, &params, &mut module)?;
    let rows = tensor_of::<1, _, _>(&x, &device)?;
    let shape = (SAMPLES, Const::<1>);
    let column = |f: &dyn Fn(f32) -> f32| -> Tensor<(usize, Const<1>), f32, Cpu> {
        device.tensor_from_vec(points.iter().map(|x| f(*x)).collect(), shape)
    };
    let (target, target_slope) = (
        column(&|x| (3.0 * x).sin()),
        column(&|x| 3.0 * (3.0 * x).cos()),
    );
    let one = column(&|_| 1.0);
    let mut adam = Adam::new(
        &module,
        AdamConfig {
            lr: 3e-3,
            ..AdamConfig::default()
        },
    );
    let mut gradients = module.alloc_grads();
    for step in 0..1500 {
        let dual = Dual::new(rows.clone(), vec![one.clone()], gradients);
        let loss = module.forward_tangents(dual)?.loss(|y, slopes| {
            let value = y
                .try_sub(target.clone())?
                .try_abs()?
                .try_mean::<Rank0, _>()?;
            let slope = slopes
                .into_iter()
                .next()
                .ok_or(CpuError::WrongNumElements)?;
            let slope = slope.try_sub(target_slope.clone())?.try_abs()?;
            value.try_add(slope.try_mean()?.try_mul(0.1)?)
        })?;
        if step % 500 == 0 {
            println!("dfdx step {step}: loss {:.4}", loss.array());
        }
        gradients = loss.try_backward()?;
        adam.update(&mut module, &gradients)
            .map_err(|e| format!("{e:?}"))?;
        module.try_zero_grads(&mut gradients)?;
    }
    from_module(&net, &module, &mut params)?;
    let [value, slope] = errors(&net, &params, &x)?;
    println!("back here: mean absolute error {value:.3}, of the slope {slope:.3}");
    Ok(())
}
