//! The first method from end to end on the embedded 224-reaction network: generate, train, evaluate.
//!
//! usage: train_osu224 [DATA.h5] [RECIPE] [STEPS]     DATA.h5 is generated (550 models) unless it exists

use std::path::Path;

use chem_network::{Environment, Kinetics, embedded, sampling::Distribution};
use latent_ode::{
    Control, Dataset, Evaluation, GenerateOptions, Interpolation, Start, TrainConfig, TrainControl,
    generate, train,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let path = args.first().map_or("osu224.h5", String::as_str);
    let recipe = args.get(1).map_or("default", String::as_str);
    let dataset = if Path::new(path).exists() {
        Dataset::read(path)?
    } else {
        let network = embedded("osu224").ok_or("osu224 is not embedded")?;
        let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16))?;
        let made = generate(
            &kinetics,
            &Distribution::grassi(),
            &GenerateOptions::default(),
            &Control::default(),
        )?;
        println!(
            "generated in {:.1} s, {} failed, {:?}",
            made.seconds,
            made.failures.len(),
            made.statistics
        );
        made.dataset.write(path)?;
        made.dataset
    };
    let mut config = match std::fs::read_to_string(recipe) {
        Ok(text) => TrainConfig::from_toml(&text)?,
        Err(_) => TrainConfig::recipe(recipe)?,
    };
    if let Some(steps) = args.get(2) {
        config.steps = steps.parse()?;
    }
    let mut report = |r: &latent_ode::Record| {
        println!(
            "{:7} {:7.1} s  rate {:.2e}  val {:?}  {:?}",
            r.step, r.seconds, r.rate, r.validation, r.losses
        );
    };
    let trained = train(
        &dataset,
        &config,
        &mut TrainControl {
            report: Some(&mut report),
            ..Default::default()
        },
    )?;
    println!(
        "{:?} after {} steps, {:.1} s, {:.0} steps/s",
        trained.stopped, trained.steps, trained.seconds, trained.steps_per_second
    );
    let surrogate = &trained.surrogate;
    println!("k = {:.3?}", surrogate.rate_coefficients());
    let (test, times) = (dataset.test(), dataset.timesteps());
    for start in [Start::Autoencoder, Start::First, Start::Random { seed: 1 }] {
        let predicted = surrogate.predict(test, times, start, &Control::default())?;
        let e = Evaluation::new(
            dataset.labels(),
            test,
            &predicted.trajectories,
            &predicted.first,
        )?;
        println!(
            "{start:?}: mean log10 Δr {:.3}, better than the paper in {:?}, mae {:.4} dex, 99 % {:.3} dex, median Δr {:.2e}, {} failed",
            e.average(),
            e.better_than_paper(),
            e.mae_dex,
            e.lae99_dex,
            e.median_relative_error,
            predicted.failures.len()
        );
    }
    let clock = std::time::Instant::now();
    for m in 0..test.samples() {
        surrogate.rollout(test.state(m, 0), times)?;
    }
    let one = clock.elapsed().as_secs_f64() / test.samples() as f64;
    let clock = std::time::Instant::now();
    surrogate.predict(test, times, Start::First, &Control::default())?;
    let all = clock.elapsed().as_secs_f64() / test.samples() as f64;
    println!(
        "prediction of {} outputs: {:.0} µs one by one, {:.0} µs per model together",
        times.len(),
        one * 1e6,
        all * 1e6
    );
    let baseline = Interpolation::fit(&dataset)?;
    let e = Evaluation::new(dataset.labels(), test, &baseline.predict_all(test)?, &[])?;
    println!(
        "interpolation over {:?}: mean log10 Δr {:.3}, mae {:.5} dex",
        baseline.parameters(),
        e.average(),
        e.mae_dex
    );
    Ok(())
}
