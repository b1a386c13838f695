//! Dense networks on the device: output, way back and gradient as the CPU's pass has them, whatever lies in shared memory.

use super::checks::{bits, close, tolerance};
use super::common::uniform;
use autodiff_ae::cuda::CudaDevice;
use autodiff_ae::cuda::dense::{CudaDense, head, source};
use autodiff_ae::*;

/// Residual layers of one width; wide enough for the largest squares of products, with ragged edges; every other activation; one layer.
pub fn networks() -> Vec<(&'static str, Mlp, usize)> {
    use Activation::*;
    let shape = |widths: &[usize], activations: &[Activation], residual| {
        let (widths, activations) = (widths.to_vec(), activations.to_vec());
        Mlp::from_shape(&MlpShape {
            widths,
            activations,
            residual,
        })
        .unwrap()
    };
    vec![
        (
            "residual",
            shape(&[12, 40, 40, 40, 33], &[Silu, Silu, Silu, Identity], true),
            200,
        ),
        (
            "wide",
            shape(&[9, 131, 131, 130, 6], &[Tanh, Silu, Softplus, Tanh], true),
            45,
        ),
        (
            "mixed",
            shape(&[7, 66, 19, 5], &[Relu, Softplus, Silu], false),
            32,
        ),
        ("one layer", shape(&[3, 5], &[Softplus], false), 1),
    ]
}

/// One kernel with two networks, to compile.
pub fn two_in_one<T: Scalar>() -> String {
    let networks = networks();
    let kernel = "extern \"C\" __global__ void __launch_bounds__(THREADS) both(const real* p, real* m, real* g) {\n\
        a_forward(p, m, m + 4096, m + 16384);\n b_value(p, m + 4096, m, m + 8192);\n\
        a_reverse(p, m, m + 16384, m + 4096, nullptr, g, m + 8192);\n}\n";
    [
        &head::<T>(128),
        &source("a", &networks[0].1),
        &source("b", &networks[2].1),
        kernel,
    ]
    .concat()
}

pub fn all(device: &CudaDevice) {
    for (name, mlp, samples) in networks() {
        product::<f64>(device, name, &mlp, samples);
        if mlp.layers().len() > 3 {
            product::<f32>(device, name, &mlp, samples);
        }
    }
    refusals(device);
}

fn batch<T: Scalar>(features: usize, samples: usize, seed: u64) -> Batch<T> {
    Batch::from_columns(&uniform(features * samples, seed), features, samples).unwrap()
}

fn product<T: Scalar>(device: &CudaDevice, name: &str, mlp: &Mlp, samples: usize) {
    let what = format!("dense {name} {}", T::DTYPE);
    let half = |n, seed| -> Vec<T> {
        let values: Vec<T> = uniform(n, seed);
        values.iter().map(|v| *v * T::of(0.3)).collect()
    };
    let params = half(mlp.param_len(), 3);
    let input = batch::<T>(mlp.inputs(), samples, 5);
    // Whatever the lanes without a sample hold is left out.
    let mut bar = batch::<T>(mlp.outputs(), samples, 7);
    if !samples.is_multiple_of(LANES) {
        let last = bar.blocks() - 1;
        bar.block_mut(last)
            .iter_mut()
            .for_each(|row| row[LANES - 1] = T::one());
    }
    let mut pass = Pass::new(mlp);
    let (mut output, mut input_bar) = (Batch::zeros(0, 0), Batch::zeros(0, 0));
    let mut gradient = vec![T::zero(); mlp.param_len()];
    pass.forward(&params, &input, &mut output).unwrap();
    pass.reverse(&bar, Some(&mut input_bar), &mut gradient)
        .unwrap();

    let dense = CudaDense::new(device, mlp).unwrap();
    let on_device = dense.product(&params, &input, &bar).unwrap();
    let (columns, most) = (Batch::to_columns, tolerance::<T>());
    for (part, found, expected) in [
        ("output", columns(&on_device.output), columns(&output)),
        (
            "input's cotangent",
            columns(&on_device.input_bar),
            columns(&input_bar),
        ),
        ("gradient", on_device.gradient.clone(), gradient),
    ] {
        close(&format!("{what}: {part}"), &found, &expected, most);
    }
    // The output alone is the same.
    let alone = dense.predict(&params, &input).unwrap();
    assert_eq!(columns(&alone), columns(&on_device.output), "{what}");
    println!("RESULT {what} {:016x}", bits(&on_device.gradient));
}

fn refusals(device: &CudaDevice) {
    let (_, mlp, _) = networks().remove(3);
    let dense = CudaDense::<f32>::new(device, &mlp).unwrap();
    let (params, input) = (vec![0.5; mlp.param_len()], batch(3, 4, 1));
    let length = |found: Result<Batch<f32>, Error>| matches!(found, Err(Error::Length { .. }));
    assert!(length(dense.predict(&params[1..], &input)));
    assert!(length(dense.predict(&params, &batch(4, 4, 1))));
    let bars = |bar| dense.product(&params, &input, &bar).map(|p| p.output);
    assert!(length(bars(batch(4, 4, 1))));
    assert!(length(bars(batch(5, 3, 1))));
    let none = dense.predict(&params, &Batch::zeros(3, 0));
    assert!(matches!(none, Err(Error::EmptyBatch)));
}
