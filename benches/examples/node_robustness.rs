//! Trains the latent neural ODE from ten seeds × {f32, f64} × {latent 4, 8, 16, 32} on 24 models, windows of 64 points at most, 20 epochs: no run may end
//! non-finite, each must at least halve its first validation score. Prints a line per run and a summary; exit code 1 where a run fails.
//! `cargo run --release -p benches --example node_robustness -- [GRID.h5] [SEEDS] [paper]`: with `paper` the networks, losses and tolerances of the
//! paper instead of the defaults.

use autodiff_ae::train::Record;
use latent_ode::rays::{
    Family, NodeConfig, NodeStage, Precision, RayConfig, RayControl, SeriesSource, train_on_rays,
};
use std::error::Error;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let seeds = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(10);
    // 35 models: 24 of them to train on.
    let source = benches::rays::grid(benches::rays::grid_path(), 35)?;
    let held = source.series(30)?;
    let paper = std::env::args().any(|a| a == "paper");
    let base = if paper {
        // Its course of weights in 20 epochs instead of 100.
        let mut node = NodeConfig::paper();
        node.set_epochs(20);
        node
    } else {
        NodeConfig::default()
    };
    let (mut runs, mut bad, mut worst) = (0, 0, 0.0f64);
    for latent in [4, 8, 16, 32] {
        for precision in [Precision::F32, Precision::F64] {
            for seed in 0..seeds {
                let node = NodeConfig {
                    latent,
                    batch: 2,
                    rate: 3e-3,
                    stages: vec![NodeStage {
                        epochs: 20,
                        warmup: 2,
                        window: 64,
                    }],
                    review_epochs: 1,
                    average: 0.0,
                    ..base.clone()
                };
                let config = RayConfig {
                    family: Family::Node,
                    precision,
                    seed,
                    node,
                    ..RayConfig::default()
                };
                let mut scores = Vec::new();
                let mut report = |r: &Record| scores.push(r.validation.unwrap_or(f64::NAN));
                let mut control = RayControl {
                    report: Some(&mut report),
                    ..RayControl::default()
                };
                let trained = train_on_rays(&source, "grid", &config, &mut control)?;
                let predicted = trained
                    .model
                    .predict(std::slice::from_ref(&held), source.quantities())?;
                let finite = predicted[0].abundances.iter().all(|x| x.is_finite())
                    && scores.iter().all(|s| s.is_finite());
                let (first, last) = (scores[0], scores[scores.len() - 1]);
                let fine = finite && last <= 0.5 * first;
                runs += 1;
                bad += i32::from(!fine);
                worst = worst.max(last / first);
                println!(
                    "latent {latent:2} {precision:?} seed {seed}: {first:.3} -> {last:.3} dex{}",
                    if fine { "" } else { "  FAILED" }
                );
            }
        }
    }
    println!("{runs} runs, {bad} failed, largest ratio of last to first validation {worst:.3}");
    Ok(if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
