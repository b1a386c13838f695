//! Trains a ray surrogate on the grid of one-dimensional clouds and judges it on models it has not seen:
//! `cargo run --release -p benches --example node_train -- CONFIG.toml [GRID.h5] [--models N] [--out MODEL.safetensors]`.
//! `--validation` judges the validation part instead, for choosing among settings.

use latent_ode::rays::{RayConfig, RayControl, RayScores, evaluate_rays, train_on_rays};
use std::error::Error;

fn option(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|a| a != name);
    args.nth(1)
}

fn line(what: &str, s: &RayScores) {
    let show = |x: Option<f64>| x.map_or("-".into(), |x| format!("{x:.4}"));
    let bins: Vec<String> = s.mae_dex_by_av.iter().map(|b| show(*b)).collect();
    println!(
        "{what}: mae_dex {} (above 1e-12: {}), by A_V {}, T_gas {}, not finite {}",
        show(s.mae_dex),
        show(s.mae_dex_above_1e_12),
        bins.join(" "),
        show(s.mae_dex_gas_temperature),
        s.non_finite
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let text = match std::env::args().skip(1).find(|a| a.ends_with(".toml")) {
        Some(path) => std::fs::read_to_string(path)?,
        None => "family = \"node\"".into(),
    };
    let config = RayConfig::parse(&text)?;
    let models = option("--models").map_or(Ok(usize::MAX), |n| n.parse())?;
    let source = benches::rays::grid(benches::rays::grid_path(), models)?;
    let started = std::time::Instant::now();
    let mut report = |r: &autodiff_ae::train::Record| {
        println!(
            "step {:6}  {:6.1} s  loss {:.4}  validation {:.4}  rate {:.2e}",
            r.step,
            started.elapsed().as_secs_f64(),
            r.losses.get("total").copied().unwrap_or(f64::NAN),
            r.validation.unwrap_or(f64::NAN),
            r.rate
        );
    };
    let mut control = RayControl {
        report: Some(&mut report),
        ..RayControl::default()
    };
    let trained = train_on_rays(&source, "grid", &config, &mut control)?;
    println!("{:?}", trained.outcome);
    let split = trained
        .model
        .split(latent_ode::rays::SeriesSource::len(&source))?;
    let judged = if std::env::args().any(|a| a == "--validation") {
        &split.validation
    } else {
        &split.test
    };
    let started = std::time::Instant::now();
    let found = evaluate_rays(&trained.model, &source, judged)?;
    let seconds = started.elapsed().as_secs_f64() / judged.len() as f64;
    line("rollout", &found.scores);
    if let Some(a) = &found.autoencoder {
        line("autoencoder", a);
    }
    println!(
        "{} parameters, {seconds:.2e} s a ray",
        trained.model.parameters()
    );
    if let Some(path) = option("--out") {
        trained.model.write(path)?;
    }
    Ok(())
}
