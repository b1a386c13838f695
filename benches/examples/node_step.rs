//! Milliseconds per training step of the paper's default latent neural ODE on whole rays, the counterpart of benches/peers/jax_node.py:
//! `RAYON_NUM_THREADS=1 taskset -c 1 cargo run --release -p benches --example node_step -- GRID.h5`; also rays predicted per second.
//!
//! Batch 32, 300 points, 33 species, latent 16, encoder and decoder 3 × 128, right-hand side 3 × 32, softplus, f32, three losses, AdamW, clipping.

use autodiff_ae::train::Record;
use latent_ode::rays::{
    DrivenBy, Family, LossWeight, NodeConfig, NodeStage, RayConfig, RayControl, SeriesSource,
    train_on_rays,
};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    // 46 models: 70 % of them are a batch of 32.
    let source = benches::rays::grid(benches::rays::grid_path(), 46)?;
    let all: Result<Vec<_>, _> = (0..32).map(|i| source.series(i)).collect();
    let all = all?;
    let paper = NodeConfig {
        stages: vec![NodeStage {
            epochs: 12,
            warmup: 2,
            window: 0,
        }],
        weights: vec![LossWeight {
            epoch: 0.0,
            auto: 0.25,
            rollout: 1.0,
            latent: 1e-3,
        }],
        review_epochs: 1,
        ..NodeConfig::paper()
    };
    let mut grid_steps = paper.clone();
    grid_steps.solver.stops = true;
    (grid_steps.solver.rtol, grid_steps.solver.atol) = (1e3, 1e3);
    let mut linear = paper.clone();
    linear.driven_by = DrivenBy::Linear;
    for (name, node) in [
        ("adaptive", &paper),
        ("one step per interval", &grid_steps),
        ("adaptive, driven linearly", &linear),
    ] {
        let config = RayConfig {
            family: Family::Node,
            node: node.clone(),
            ..RayConfig::default()
        };
        // Time from step to step, validations left out: the best of twelve.
        let (mut best, mut steps) = (f64::INFINITY, 0.0);
        let last = std::cell::Cell::new(Instant::now());
        let mut progress = |_: u64, _: u64| {
            best = best.min(last.get().elapsed().as_secs_f64());
        };
        let mut report = |r: &Record| {
            steps = r.losses.get("steps").copied().unwrap_or(f64::NAN);
            last.set(Instant::now());
        };
        let mut control = RayControl {
            progress: Some(&mut progress),
            report: Some(&mut report),
            ..RayControl::default()
        };
        let trained = train_on_rays(&source, "grid", &config, &mut control)?;
        println!(
            "{name}: best {:.1} ms a training step, {steps:.1} solver steps a ray",
            1e3 * best
        );
        let rays: Vec<_> = std::iter::repeat_n(all.clone(), 8).flatten().collect();
        let mut seconds = f64::INFINITY;
        for _ in 0..3 {
            let started = Instant::now();
            trained.model.predict(&rays, source.quantities())?;
            seconds = seconds.min(started.elapsed().as_secs_f64());
        }
        println!(
            "  {:.0} rays predicted a second",
            rays.len() as f64 / seconds
        );
    }
    Ok(())
}
