//! Measures recorded rollouts and their reverse pass on a network of 5 species and 12 reactions with 100 outputs, in one lane and in many.
//! `cargo run --release -p stiff-ode-solvers --features measure --example rollout`
#[path = "../tests/common/mass_action.rs"]
mod mass_action;

use std::time::Instant;

use mass_action::{MassAction, coefficients, start};
use stiff_ode_solvers::{Options, Rollout, Scalar, SolveError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure::<f64, 1>("f64")?;
    measure::<f32, 1>("f32")?;
    measure::<f64, 4>("f64")?;
    measure::<f64, 8>("f64")?;
    measure::<f32, 8>("f32")?;
    measure::<f32, 16>("f32")?;
    Ok(())
}

fn measure<T: Scalar, const W: usize>(name: &str) -> Result<(), SolveError> {
    let mut system = MassAction::<T, W> {
        k: std::array::from_fn(|r| std::array::from_fn(|l| T::of(3.0 * coefficients(l)[r]))),
    };
    let y0: [[T; W]; 5] = std::array::from_fn(|i| std::array::from_fn(|l| T::of(start(l)[i])));
    let times = (0..100).map(|k| T::of(10.0 * k as f64 / 99.0)).collect();
    let options = Options::default()
        .rtol(T::of(1e-5))
        .atol(T::of(1e-7))
        .outputs(times);
    let span = (T::zero(), T::of(10.0));
    let mut rollout = Rollout::<T, W>::new();
    let mut outputs = vec![[T::zero(); W]; 500];
    let bar = vec![[T::of(0.01); W]; 500];
    let (mut forward, mut backward) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..2000 {
        let begin = Instant::now();
        rollout.forward(&mut system, span, &y0, &options, &mut outputs)?;
        forward = forward.min(begin.elapsed().as_secs_f64());
        let (mut y0_bar, mut p_bar) = ([[T::zero(); W]; 5], [[T::zero(); W]; 12]);
        let begin = Instant::now();
        rollout.backward(&mut system, &bar, None, &mut y0_bar, &mut p_bar)?;
        backward = backward.min(begin.elapsed().as_secs_f64());
    }
    println!(
        "{name} × {W}: {} steps, forward {:.2} µs, reverse {:.2} µs per model",
        rollout.steps()[0],
        forward * 1e6 / W as f64,
        backward * 1e6 / W as f64
    );
    Ok(())
}
