//! Solves with stiff-ode-solvers: conservation over the paper's time span, lanes, environments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![cfg(feature = "ode")]

use chem_network::sampling::Distribution;
use chem_network::{Environment, Kinetics, KineticsBatch, YEAR, embedded, read_network};
use stiff_ode_solvers::{
    LaneJacobian, LaneSystem, Options, RadauIia5, Rodas5p, Watch, solve, solve_lanes,
};

fn times() -> Vec<f64> {
    (0..100)
        .map(|i| YEAR * 10f64.powf(-6.0 + 14.0 * f64::from(i) / 99.0))
        .collect()
}

fn options() -> Options<f64> {
    Options::default().rtol(1e-3).atol(1e-14).outputs(times())
}

fn span() -> (f64, f64) {
    (times()[0], times()[99])
}

#[test]
fn elements_and_charge_are_conserved_without_clipping() {
    let network = embedded("osu224").unwrap();
    let initial = Distribution::grassi().sample(&network, 12, 20).unwrap();
    let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16)).unwrap();
    let (mut worst_element, mut worst_charge) = (0f64, 0f64);
    for model in 0..initial.len() {
        let start = initial.state(model);
        let solution = solve(&kinetics, &Rodas5p, span(), start, &options()).unwrap();
        for state in solution.y.chunks(29) {
            for (what, weights) in network.conserved_quantities() {
                let total = |n: &[f64]| -> f64 { weights.iter().zip(n).map(|(w, n)| w * n).sum() };
                let gross: f64 = weights.iter().zip(state).map(|(w, n)| (w * n).abs()).sum();
                let change = (total(state) - total(start)).abs();
                if what == "charge" {
                    worst_charge = worst_charge.max(change / gross);
                } else {
                    worst_element = worst_element.max(change / total(start));
                }
            }
        }
    }
    println!("worst element {worst_element:e}, worst charge {worst_charge:e}");
    assert!(worst_element < 1e-10, "{worst_element:e}");
    // 1e-9 is wanted; electrons closed by the ions give far less.
    assert!(worst_charge < 1e-10, "{worst_charge:e}");
}

/// Largest change of an element (of its total) and of the charge (of Σ|q| n) over all models, outputs included.
fn largest_changes(
    network: &chem_network::Network,
    found: &stiff_ode_solvers::BatchResults<f64>,
) -> (f64, f64) {
    let (mut element, mut charge) = (0f64, 0f64);
    for solution in found.iter().map(|found| found.as_ref().unwrap()) {
        for (what, weights) in network.conserved_quantities() {
            let start = solution.state(0);
            for state in solution.y.chunks(weights.len()) {
                let gross: f64 = weights.iter().zip(state).map(|(w, n)| (w * n).abs()).sum();
                // Σ|q| n at the end may be 1e-6 of that at the start: differences and sum without rounding that would show.
                let mut terms: Vec<f64> = Vec::new();
                for ((w, n), n0) in weights.iter().zip(state).zip(start) {
                    terms.extend([w * n, -w * n0]);
                }
                let change = exact_sum(&terms).abs() / gross;
                let worst = if what == "charge" {
                    &mut charge
                } else {
                    &mut element
                };
                *worst = worst.max(change);
            }
        }
    }
    (element, charge)
}

/// Sum with what rounding takes from it (Neumaier).
fn exact_sum(terms: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0f64, 0f64);
    for &x in terms {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() {
            (sum - next) + x
        } else {
            (x - next) + sum
        };
        sum = next;
    }
    sum + lost
}

/// Models under conditions of their own, in lanes: the solver keeps what `Kinetics` names as conserved, without any option.
#[test]
fn random_models_keep_elements_and_charge_by_default() {
    let network = embedded("osu224").unwrap();
    let models = 128u32;
    let part = |m: u32, step: f64| (f64::from(m) * step).fract();
    let mut initial = Vec::new();
    let mut environments = Vec::new();
    for m in 0..models {
        let distribution = if m % 2 == 0 {
            Distribution::grassi()
        } else {
            Distribution::codes()
        };
        let states = distribution
            .with_total_density(10f64.powf(2.0 + 5.0 * part(m, 0.618_034)))
            .unwrap();
        initial.extend_from_slice(states.sample(&network, 1, u64::from(m)).unwrap().states());
        environments.push(Environment::new(
            10f64.powf(1.0 + 1.477 * part(m, 0.414_214)),
            10f64.powf(-18.0 + 4.0 * part(m, 0.732_051)),
        ));
    }
    let batch = KineticsBatch::new(&network, &environments[..]).unwrap();
    let run = |options: &Options<f64>| {
        let make = || batch.lanes::<8>();
        let found = solve_lanes::<f64, _, _, 8>(
            make,
            &Rodas5p,
            span(),
            &initial,
            options,
            &Watch::default(),
        );
        largest_changes(&network, &found.unwrap())
    };
    let (element, charge) = run(&options());
    assert!(element < 1e-11, "{element:e}");
    assert!(charge < 1e-11, "{charge:e}");
    let without = run(&options().conserve(Vec::new()));
    println!("{element:e} {charge:e}, without: {without:?}");
    assert!(
        without.0.max(without.1) > 3e-12,
        "nothing is lost without it: the test shows nothing"
    );
}

/// The shared dark cloud with the complete OSU network, 449 species to 1e7 yr: elements and charge, and every species above 1e-10 cm⁻³ against another
/// method at a tight tolerance.
#[test]
fn the_complete_network_keeps_its_sums_and_its_tolerance() {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/");
    let table = std::fs::read_to_string(format!("{shared}peers/osu4457.csv"));
    let (Ok(table), Ok(network)) = (
        table,
        read_network(format!("{shared}data/networks/osu_09_2008.osu")),
    ) else {
        eprintln!("skipped: no {shared}");
        return;
    };
    let mut rows = table.lines().map(|line| line.split(','));
    let mut start = vec![0.0; network.species().len()];
    for (name, value) in rows.next().unwrap().zip(rows.next().unwrap()) {
        start[network.species_index(name).unwrap()] = value.parse().unwrap();
    }
    let cloud = Environment::new(10.0, 1.3e-17)
        .with_visual_extinction(10.0)
        .with_radiation_field(1.0);
    let kinetics = Kinetics::new(&network, &cloud).unwrap();
    let times: Vec<f64> = (0..60)
        .map(|i| YEAR * 10f64.powf(-6.0 + 13.0 * f64::from(i) / 59.0))
        .collect();
    let span = (times[0], times[59]);
    let options = Options::default().outputs(times);
    let loose = options.clone().rtol(1e-3).atol(1e-14);
    let found = solve(&kinetics, &Rodas5p, span, &start, &loose).unwrap();
    let tight = options.rtol(1e-6).atol(1e-18);
    let truth = solve(&kinetics, &RadauIia5, span, &start, &tight).unwrap();
    let pairs = truth.y.iter().zip(&found.y).filter(|(n, _)| **n > 1e-10);
    let worst = pairs.fold(0f64, |worst, (n, m)| worst.max((m / n - 1.0).abs()));
    let (element, charge) = largest_changes(&network, &vec![Ok(found)]);
    println!("worst error {worst:.1e}, elements {element:.1e}, charge {charge:.1e}");
    assert!(worst < 5e-3, "{worst:e}");
    assert!(element < 1e-10, "{element:e}");
    assert!(charge < 1e-10, "{charge:e}");
}

#[test]
fn lanes_with_environments_of_their_own_equal_single_models() {
    const W: usize = 4;
    let network = embedded("osu224").unwrap();
    let initial = Distribution::codes().sample(&network, 7, 1).unwrap();
    let environments: Vec<Environment> = (0..7)
        .map(|m| Environment::new(20.0 + 10.0 * f64::from(m), 1e-16))
        .collect();
    let batch = KineticsBatch::new(&network, &environments[..]).unwrap();
    let mut lanes = batch.lanes::<W>();
    let nnz = LaneJacobian::<f64, W>::sparsity(&lanes).nnz();
    for models in [[0, 1, 2, 3], [4, 1, 6, 5]] {
        for (lane, &model) in models.iter().enumerate() {
            lanes.load(lane, model);
        }
        let wide: Vec<[f64; W]> = (0..29)
            .map(|i| models.map(|m| initial.state(m)[i]))
            .collect();
        let (mut f, mut values) = (vec![[0.0; W]; 29], vec![[0.0; W]; nnz]);
        LaneSystem::rhs(&mut lanes, &[0.0; W], &wide, &mut f);
        LaneJacobian::jacobian(&mut lanes, &[0.0; W], &wide, &mut values);
        for (lane, &model) in models.iter().enumerate() {
            let one = Kinetics::new(&network, &environments[model]).unwrap();
            let (mut f_one, mut values_one) = (vec![0.0; 29], vec![0.0; nnz]);
            one.rhs(initial.state(model), &mut f_one);
            one.jacobian(initial.state(model), &mut values_one);
            // One state alone adds its terms in another order: equal to the rounding of Σ |S| r.
            let mut rates = vec![0.0; network.reactions().len()];
            one.rates(initial.state(model), &mut rates);
            let gross: f64 = rates.iter().sum();
            for (f_one, f) in f_one.iter().zip(&f) {
                assert!((f_one - f[lane]).abs() <= 1e-14 * gross);
            }
            for (one, lanes) in values_one.iter().zip(&values) {
                assert!((one - lanes[lane]).abs() <= 1e-13 * lanes[lane].abs());
            }
        }
    }
    // A model that does not exist is not-a-number, not another model.
    lanes.load(1, 99);
    let wide = vec![[1.0; W]; 29];
    let mut f = vec![[0.0; W]; 29];
    LaneSystem::rhs(&mut lanes, &[0.0; W], &wide, &mut f);
    assert!(f[0][1].is_nan() && !f[0][0].is_nan());
}

#[test]
fn a_batch_gives_what_single_solves_give() {
    let network = embedded("osu224").unwrap();
    let initial = Distribution::grassi().sample(&network, 5, 2).unwrap();
    let environments: Vec<Environment> = (0..5)
        .map(|m| Environment::new(30.0 + 10.0 * f64::from(m), 1e-16))
        .collect();
    let batch = KineticsBatch::new(&network, environments.clone()).unwrap();
    let make = || batch.lanes::<4>();
    let results = solve_lanes::<f64, _, _, 4>(
        make,
        &Rodas5p,
        span(),
        initial.states(),
        &options(),
        &Watch::default(),
    )
    .unwrap();
    for (model, result) in results.iter().enumerate() {
        let kinetics = Kinetics::new(&network, &environments[model]).unwrap();
        let single = solve(
            &kinetics,
            &Rodas5p,
            span(),
            initial.state(model),
            &options(),
        )
        .unwrap();
        let lanes = result.as_ref().unwrap();
        for (a, b) in single.y.iter().zip(&lanes.y) {
            assert!(
                (a - b).abs() <= 1e-6 * a.abs() + 1e-12,
                "{model}: {a:e} {b:e}"
            );
        }
    }
}

#[test]
fn empty_batches_and_bad_environments_are_refused() {
    let network = embedded("osu224").unwrap();
    assert!(KineticsBatch::new(&network, Vec::new()).is_err());
    let environments = vec![Environment::default(), Environment::new(-1.0, 1e-16)];
    assert!(KineticsBatch::new(&network, environments).is_err());
}
