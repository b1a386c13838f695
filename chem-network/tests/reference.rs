//! The 224 network against an independent integration (SciPy Radau at 1e-10; see `fixtures/README.md`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "ode")]

use chem_network::{Environment, Kinetics, YEAR, embedded};
use stiff_ode_solvers::{Options, Rodas5p, solve};

const SPECIES: usize = 29;
const FIXTURE: &str = include_str!("fixtures/osu224_reference.csv");

struct Model {
    oscillates: bool,
    times: Vec<f64>,
    states: Vec<Vec<f64>>,
}

fn models() -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    for line in FIXTURE.lines().skip(1) {
        let fields: Vec<f64> = line.split(',').map(|f| f.parse().unwrap()).collect();
        if fields[0] as usize == models.len() {
            let oscillates = fields[1] == 1.0;
            models.push(Model {
                oscillates,
                times: Vec::new(),
                states: Vec::new(),
            });
        }
        let model = models.last_mut().unwrap();
        model.times.push(fields[3] * YEAR);
        model.states.push(fields[4..].to_vec());
    }
    models
}

/// Largest relative error over all outputs of the species above 1e-10 cm⁻³, and where it is.
fn worst(model: &Model, options: &Options<f64>) -> (f64, usize, usize) {
    let network = embedded("osu224").unwrap();
    let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16)).unwrap();
    let span = (model.times[0], *model.times.last().unwrap());
    let options = options.clone().outputs(model.times.clone());
    let solution = solve(&kinetics, &Rodas5p, span, &model.states[0], &options).unwrap();
    let mut worst = (0.0, 0, 0);
    for (k, truth) in model.states.iter().enumerate() {
        assert_eq!(truth.len(), SPECIES);
        for (i, (&n, &found)) in truth.iter().zip(solution.state(k)).enumerate() {
            let error = (found / n - 1.0).abs();
            if n > 1e-10 && (error > worst.0 || error.is_nan()) {
                worst = (error, i, k);
            }
        }
    }
    worst
}

/// The species of the fixture are those of the network, in its order.
#[test]
fn columns_are_the_networks_species() {
    let header: Vec<&str> = FIXTURE.lines().next().unwrap().split(',').skip(4).collect();
    let network = embedded("osu224").unwrap();
    assert_eq!(header, network.species_names().collect::<Vec<_>>());
    assert_eq!(models().len(), 23);
}

#[test]
fn default_tolerances_hold_every_species_within_one_per_cent() {
    let options = Options::default().rtol(1e-3).atol(1e-14);
    let quiet: Vec<_> = models()
        .into_iter()
        .enumerate()
        .filter(|(_, m)| !m.oscillates)
        .collect();
    assert_eq!(quiet.len(), 19);
    for (row, model) in quiet {
        let (error, species, output) = worst(&model, &options);
        println!("model {row}: {error:.1e} (species {species}, output {output})");
        assert!(
            error < 1e-2,
            "model {row}: {error:e} in species {species} at output {output}"
        );
    }
}

#[test]
fn oscillating_models_hold_at_tight_tolerances() {
    let options = Options::default().rtol(1e-8).atol(1e-18);
    let oscillating: Vec<_> = models()
        .into_iter()
        .enumerate()
        .filter(|(_, m)| m.oscillates)
        .collect();
    assert_eq!(oscillating.len(), 4);
    for (row, model) in oscillating {
        let (error, species, output) = worst(&model, &options);
        println!("model {row}: {error:.1e} (species {species}, output {output})");
        assert!(
            error < 1e-2,
            "model {row}: {error:e} in species {species} at output {output}"
        );
    }
}
