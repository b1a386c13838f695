//! Regressions on the device: loss, gradient and score as the CPU's pass has them.

use super::checks::{bits, close, tolerance};
use super::common::uniform;
use super::dense::networks;
use autodiff_ae::cuda::CudaDevice;
use autodiff_ae::cuda::dense::{CudaRegression, DensePenalty, DenseRegression};
use autodiff_ae::*;

const POINTS: usize = 210;
const NETWORKS: usize = 2;

/// A regression of two networks, mini-batches of three tiles the last of which is not full.
pub fn regression<T: Scalar>(mlp: &Mlp, penalty: DensePenalty) -> DenseRegression<T> {
    let weights = (0..mlp.outputs()).map(|j| T::of(0.1 + 0.03 * j as f64));
    DenseRegression {
        mlp: mlp.clone(),
        networks: NETWORKS,
        penalty,
        weights: weights.collect(),
        batch: 70,
    }
}

pub fn all(device: &CudaDevice) {
    use DensePenalty::*;
    let networks = networks();
    compare::<f64>(device, &networks[0].1, Absolute);
    compare::<f32>(device, &networks[0].1, Huber(0.4));
    compare::<f64>(device, &networks[3].1, Square);
    compare::<f64>(device, &networks[3].1, Huber(0.4));
    refusals(device);
}

/// Value and slope of the loss of one output.
fn loss(penalty: DensePenalty, r: f64) -> (f64, f64) {
    match penalty {
        DensePenalty::Square => (r * r, 2.0 * r),
        DensePenalty::Huber(d) if r.abs() <= d => (0.5 * r * r / d, r / d),
        DensePenalty::Huber(d) => (r.abs() - 0.5 * d, r.signum()),
        DensePenalty::Absolute => (r.abs(), r.signum()),
    }
}

fn compare<T: Scalar>(device: &CudaDevice, mlp: &Mlp, penalty: DensePenalty) {
    let what = format!(
        "regression {:?} {} {penalty:?}",
        mlp.shape().widths,
        T::DTYPE
    );
    let regression = regression::<T>(mlp, penalty);
    let (inputs, outputs, len) = (mlp.inputs(), mlp.outputs(), mlp.param_len());
    let mut params: Vec<T> = uniform(NETWORKS * len, 3);
    params.iter_mut().for_each(|p| *p *= T::of(0.3));
    let features: Vec<T> = uniform(POINTS * inputs, 5);
    let targets: Vec<T> = uniform(POINTS * outputs, 7);
    let mut on_device = CudaRegression::new(device, regression.clone()).unwrap();
    let points = on_device.points(&features, &targets).unwrap();
    // A whole mini-batch, and a shorter one after it: nothing is left over.
    let mut lines = 0u64;
    for count in [70, 33] {
        let chosen: Vec<usize> = (0..count).map(|i| (11 * i + 3) % POINTS).collect();
        let (mut input, mut target) = (
            Batch::zeros(inputs, count),
            Batch::<T>::zeros(outputs, count),
        );
        input.gather(&features, &chosen).unwrap();
        target.gather(&targets, &chosen).unwrap();
        let mut expected = vec![T::one(); NETWORKS * len];
        let mut total = 0.0;
        for (params, gradient) in params.chunks(len).zip(expected.chunks_mut(len)) {
            let (mut pass, mut out) = (Pass::new(mlp), Batch::zeros(outputs, count));
            pass.forward(params, &input, &mut out).unwrap();
            let mut bar = Batch::zeros(outputs, count);
            for s in 0..count {
                for j in 0..outputs {
                    let r = (out.get(j, s) - target.get(j, s)).f64();
                    let (value, slope) = loss(penalty, r);
                    let weight = regression.weights[j].f64() / count as f64;
                    total += weight * value;
                    bar.set(j, s, T::of(weight * slope));
                }
            }
            pass.reverse(&bar, None, gradient).unwrap();
        }
        // Gradients are added to what is there.
        let mut gradient = vec![T::one(); NETWORKS * len];
        let mut evaluate = |gradient: &mut [T]| {
            on_device
                .evaluate(&params, &points, &chosen, gradient)
                .unwrap()
        };
        let found = evaluate(&mut gradient);
        assert!(
            (found - total).abs() <= tolerance::<T>() * total,
            "{what}: loss {found} against {total}"
        );
        let without = |g: &[T]| -> Vec<T> { g.iter().map(|x| *x - T::one()).collect() };
        close(
            &what,
            &without(&gradient),
            &without(&expected),
            tolerance::<T>(),
        );
        let mut again = vec![T::one(); NETWORKS * len];
        assert_eq!((evaluate(&mut again), again), (found, gradient.clone()));
        lines ^= bits(&gradient);
    }
    // How far the networks' mean is from the targets, over all outputs but the first.
    let weights: Vec<T> = (0..outputs).map(|j| T::of(j as f64)).collect();
    let input = Batch::from_columns(&features, inputs, POINTS).unwrap();
    let mut mean = vec![0.0; POINTS * outputs];
    for params in params.chunks(len) {
        let mut out = Batch::zeros(outputs, 0);
        Pass::new(mlp).predict(params, &input, &mut out).unwrap();
        let columns = out.to_columns();
        mean.iter_mut()
            .zip(columns)
            .for_each(|(m, x)| *m += x.f64() / NETWORKS as f64);
    }
    let each = mean.iter().zip(&targets).enumerate();
    let expected: f64 = each
        .map(|(i, (m, t))| (m - t.f64()).abs() * (i % outputs) as f64)
        .sum();
    let found = on_device.score(&params, &points, &weights).unwrap();
    assert!(
        (found - expected).abs() <= tolerance::<T>() * expected,
        "{what}: score {found} against {expected}"
    );
    println!("RESULT {what} {lines:016x} {:016x}", found.to_bits());
}

fn refusals(device: &CudaDevice) {
    let (_, mlp, _) = networks().remove(3);
    let good = regression::<f32>(&mlp, DensePenalty::Absolute);
    let new = |change: fn(&mut DenseRegression<f32>)| {
        let mut bad = good.clone();
        change(&mut bad);
        CudaRegression::new(device, bad).map(|_| ())
    };
    assert!(matches!(
        new(|r| r.weights.truncate(1)),
        Err(Error::Length { .. })
    ));
    assert!(matches!(new(|r| r.networks = 0), Err(Error::EmptyEnsemble)));
    assert!(matches!(new(|r| r.batch = 0), Err(Error::EmptyBatch)));
    for delta in [0.0, f64::NAN, f64::INFINITY] {
        let mut bad = good.clone();
        bad.penalty = DensePenalty::Huber(delta);
        let refused = CudaRegression::new(device, bad).map(|_| ());
        assert!(matches!(refused, Err(Error::Range { what: "delta", .. })));
    }
    let (len, targets) = (NETWORKS * mlp.param_len(), vec![0.0; 4 * mlp.outputs()]);
    let mut on_device = CudaRegression::new(device, good).unwrap();
    let features = vec![0.0; 4 * mlp.inputs()];
    let unlike = [
        on_device.points(&features[1..], &targets).map(|_| ()),
        on_device.points(&features, &targets[1..]).map(|_| ()),
    ];
    let points = on_device.points(&features, &targets).unwrap();
    let mut evaluate = |params: usize, members: &[usize], gradient: usize| {
        let params = vec![0.0; params];
        let mut gradient = vec![0.0; gradient];
        on_device
            .evaluate(&params, &points, members, &mut gradient)
            .map(|_| ())
    };
    let others = [
        evaluate(len - 1, &[0], len),
        evaluate(len, &[0], len - 1),
        evaluate(len, &[4], len),
        evaluate(len, &[0; 71], len),
    ];
    for refused in unlike.into_iter().chain(others) {
        assert!(matches!(refused, Err(Error::Length { .. })), "{refused:?}");
    }
    assert!(matches!(evaluate(len, &[], len), Err(Error::EmptyBatch)));
}
