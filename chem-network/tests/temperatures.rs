//! Accuracy of default tolerances at 10, 50 and 300 K: every species of models that do not oscillate within 1e-2 of a solve at tight
//! tolerance by another method. Which models oscillate depends on the temperature: they are told by the tight solve alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "ode")]

use chem_network::sampling::Distribution;
use chem_network::{Environment, Kinetics, Network, YEAR, embedded};
use stiff_ode_solvers::{Options, RadauIia5, Rodas5p, SolveError, solve};

const MODELS: usize = 40;
const OUTPUTS: usize = 100;
/// Outputs, uniform in time, over the last decade, in which an oscillation would show.
const LATE: usize = 256;
const LOWEST: f64 = 1e-10;

/// How often a series above [`LOWEST`] changes direction by more than 1 %.
fn turns(values: impl Iterator<Item = f64>) -> usize {
    let (mut count, mut direction, mut low, mut high) = (0, 0, f64::INFINITY, 0.0f64);
    for value in values.filter(|&v| v > LOWEST) {
        (low, high) = (low.min(value), high.max(value));
        if direction <= 0 && value > low * 1.01 {
            count += usize::from(direction < 0);
            (direction, high) = (1, value);
        } else if direction >= 0 && value < high * 0.99 {
            count += usize::from(direction > 0);
            (direction, low) = (-1, value);
        }
    }
    count
}

/// The models of the comparison with CVODE, from the shared test data beside the workspace; none, aloud, where that is absent.
fn shared_models(network: &Network) -> Vec<Vec<f64>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/peers/osu224_quiet.csv"
    );
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("the shared models are left out: no {path}");
        return Vec::new();
    };
    let mut lines = text.lines().map(|line| line.split(',').map(str::trim));
    let names: Vec<&str> = lines.next().unwrap().collect();
    let column = |name: &str| names.iter().position(|n| *n == name);
    let columns: Vec<usize> = network
        .species_names()
        .map(|n| column(n).unwrap())
        .collect();
    lines
        .map(|line| {
            let values: Vec<f64> = line.map(|v| v.parse().unwrap()).collect();
            columns.iter().map(|&c| values[c]).collect()
        })
        .collect()
}

#[test]
fn default_tolerances_hold_at_every_temperature() {
    let network = embedded("osu224").unwrap();
    let initial = Distribution::grassi().sample(&network, MODELS, 11).unwrap();
    let mut models: Vec<Vec<f64>> = (0..MODELS).map(|m| initial.state(m).to_vec()).collect();
    models.extend(shared_models(&network));
    let times: Vec<f64> = (0..OUTPUTS)
        .map(|i| YEAR * 10f64.powf(-6.0 + 14.0 * i as f64 / (OUTPUTS - 1) as f64))
        .collect();
    let (start, end) = (times[0], times[OUTPUTS - 1]);
    let mut outputs = times.clone();
    outputs.extend((0..LATE).map(|i| end * (0.1 + 0.9 * i as f64 / LATE as f64)));
    outputs.sort_by(f64::total_cmp);
    outputs.dedup();
    for temperature in [10.0, 50.0, 300.0] {
        let kinetics = Kinetics::new(&network, &Environment::new(temperature, 1e-16)).unwrap();
        let (mut worst, mut quiet) = (0f64, 0);
        for (model, state) in models.iter().enumerate() {
            // An oscillation takes 1e5 steps at this tolerance: beyond 4000 it is one, and the model is left out.
            let tight = Options::default()
                .rtol(1e-8)
                .atol(1e-20)
                .outputs(outputs.clone())
                .max_steps(4000);
            let truth = match solve(&kinetics, &RadauIia5, (start, end), state, &tight) {
                Ok(truth) => truth,
                Err(SolveError::TooManySteps { .. }) => continue,
                Err(error) => panic!("{temperature} K, model {model}: {error}"),
            };
            let late = || (0..truth.t.len()).filter(|&k| truth.t[k] >= 0.1 * end);
            if (0..truth.dim).any(|i| turns(late().map(|k| truth.state(k)[i])) >= 4) {
                continue;
            }
            quiet += 1;
            let options = Options::default()
                .rtol(1e-3)
                .atol(1e-14)
                .outputs(times.clone());
            let found = solve(&kinetics, &Rodas5p, (start, end), state, &options).unwrap();
            for (k, t) in times.iter().enumerate() {
                let at = truth.t.iter().position(|s| s == t).unwrap();
                for (n, m) in truth.state(at).iter().zip(found.state(k)) {
                    if *n > LOWEST {
                        worst = worst.max((m / n - 1.0).abs());
                    }
                }
            }
        }
        let all = models.len();
        println!("{temperature} K: {quiet} of {all} do not oscillate, worst error {worst:.1e}");
        assert!(
            quiet >= MODELS / 2,
            "{temperature} K: only {quiet} models are left"
        );
        assert!(worst < 1e-2, "{temperature} K: {worst:e}");
    }
}
