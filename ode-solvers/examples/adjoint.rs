//! Three gradients of one number: the adjoint of `Kvaerno5`, with all stages kept and with checkpoints, and forward sensitivities with `Rodas5p`; the time
//! of each, and how far they are apart. The system is a stiff chain of n decays with its n rates as parameters.
//! `cargo run --release -p stiff-ode-solvers --example adjoint [N]`
use std::time::Instant;

use stiff_ode_solvers::{
    Each, Jacobian, Kvaerno5, Of, Options, ParameterDerivative, Rodas5p, Rollout, Sensitivities,
    SparsityPattern, System, VectorJacobian, solve,
};

/// y_i' = k_(i-1) y_(i-1) − k_i y_i.
struct Chain(Vec<f64>);
impl System for Chain {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let mut before = 0.0;
        for (i, k) in self.0.iter().enumerate() {
            let flow = k * y[i];
            (d[i], before) = (before - flow, flow);
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Chain {
    fn sparsity(&self) -> SparsityPattern {
        let n = self.0.len();
        let rows = (0..n).flat_map(|j| j..(j + 2).min(n)).collect();
        let offsets = (0..=n)
            .map(|j| (2 * j).min((2 * n).saturating_sub(1)))
            .collect();
        SparsityPattern::new(offsets, rows).unwrap_or_else(|_| SparsityPattern::dense(n))
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        for (pair, k) in v.chunks_mut(2).zip(&self.0) {
            for (value, sign) in pair.iter_mut().zip([-1.0, 1.0]) {
                *value = sign * k;
            }
        }
    }
}
impl VectorJacobian for Chain {
    fn parameter_len(&self) -> usize {
        self.0.len()
    }
    fn vjp(&self, _t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        for (i, k) in self.0.iter().enumerate() {
            let push = v.get(i + 1).copied().unwrap_or(0.0) - v[i];
            y_bar[i] += k * push;
            p_bar[i] += y[i] * push;
        }
    }
}
impl ParameterDerivative for Chain {
    fn parameter_len(&self) -> usize {
        self.0.len()
    }
    fn parameter_derivative(&self, _t: f64, y: &[f64], parameter: usize, d: &mut [f64]) {
        d.fill(0.0);
        d[parameter] = -y[parameter];
        if let Some(next) = d.get_mut(parameter + 1) {
            *next = y[parameter];
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n = std::env::args().nth(1).map_or(Ok(20), |n| n.parse())?;
    let rates: Vec<f64> = (0..n).map(|i| 10f64.powi(i as i32 % 7 - 2)).collect();
    let mut y0 = vec![0.0; n];
    y0[0] = 1.0;
    let span = (0.0, 10.0);
    let options = Options::default().rtol(1e-6).atol(1e-10);
    let systems = [Chain(rates.clone())];
    let mut gradients = Vec::new();
    for checkpointed in [false, true] {
        let mut lanes = Each::<f64, _, 1>::new(&systems);
        let mut rollout = Rollout::<f64, 1, Kvaerno5>::with(&Kvaerno5);
        if checkpointed {
            rollout = rollout.checkpointed();
        }
        let start: Vec<[f64; 1]> = y0.iter().map(|&y| [y]).collect();
        let mut best = (f64::INFINITY, f64::INFINITY);
        let mut p_bar = Vec::new();
        for _ in 0..200 {
            let begin = Instant::now();
            rollout.forward(
                &mut lanes,
                span,
                &start,
                &options.clone().outputs(vec![]),
                &mut [],
            )?;
            best.0 = best.0.min(begin.elapsed().as_secs_f64());
            let (mut y_bar, mut end_bar) = (vec![[0.0]; n], vec![[0.0]; n]);
            end_bar[n - 1] = [1.0];
            p_bar = vec![[0.0]; n];
            let begin = Instant::now();
            rollout.backward(&mut lanes, &[], Some(&end_bar), &mut y_bar, &mut p_bar)?;
            best.1 = best.1.min(begin.elapsed().as_secs_f64());
        }
        println!(
            "Kvaerno5, {}: {} steps, {} states kept, forward {:.1} µs, reverse {:.1} µs",
            if checkpointed {
                "checkpoints"
            } else {
                "all stages"
            },
            rollout.steps()[0],
            rollout.kept_states(),
            best.0 * 1e6,
            best.1 * 1e6
        );
        gradients.push(p_bar.iter().map(|p| p[0]).collect::<Vec<f64>>());
    }
    let of: Vec<Of> = (0..n).map(Of::Parameter).collect();
    let system = Sensitivities::new(Chain(rates.clone()), &of).scales(rates.clone());
    let (start, all) = (system.start(&y0), system.options(&options));
    let mut best = f64::INFINITY;
    let mut forward = Vec::new();
    for _ in 0..50 {
        let begin = Instant::now();
        let found = solve(&system, &Rodas5p, span, &start, &all)?;
        best = best.min(begin.elapsed().as_secs_f64());
        forward = (0..n)
            .map(|j| system.sensitivity(&found.y_end, j)[n - 1])
            .collect();
    }
    println!("Rodas5p with {n} sensitivities: {:.1} µs", best * 1e6);
    gradients.push(forward);
    let scaled = |g: &[f64]| {
        g.iter()
            .zip(&rates)
            .map(|(g, k)| g * k)
            .collect::<Vec<f64>>()
    };
    let reference = scaled(&gradients[2]);
    for (name, g) in ["all stages", "checkpoints"].iter().zip(&gradients) {
        let apart =
            (scaled(g).iter().zip(&reference)).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
        println!(
            "{name} against forward sensitivities, largest difference of k ∂y/∂k: {apart:.1e}"
        );
    }
    Ok(())
}
