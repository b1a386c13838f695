//! Conditions that vary in time: interpolation, compression, and solves against closed forms and
//! against chains of solves at constant conditions.
#![cfg(feature = "ode")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{
    Environment, Error, Kinetics, Network, RateLaw, Reaction, Species, Track, TrackedKinetics,
    YEAR, embedded, sampling::Distribution,
};
use proptest::prelude::*;
use stiff_ode_solvers::{Options, Rodas5p, Solution, Watch, solve, solve_lanes};

fn tracked(
    tracked: &TrackedKinetics,
    span: (f64, f64),
    initial: &[f64],
    options: Options,
) -> Vec<Solution> {
    let options = options.stops(tracked.track().times().to_vec());
    let watch = Watch::default();
    solve_lanes::<f64, _, _, 4>(
        || tracked.lanes(),
        &Rodas5p,
        span,
        initial,
        &options,
        &watch,
    )
    .unwrap()
    .into_iter()
    .map(Result::unwrap)
    .collect()
}

/// C -> C+ + e- by photons, C + C -> C2 at 1e-10 cm³ s⁻¹, whatever T.
fn small() -> Network {
    let species = ["C", "C+", "e-", "C2"].map(|name| Species::from_name(name).unwrap());
    let photo = RateLaw::Photo {
        alpha: 1e-10,
        gamma: 2.0,
    };
    let pairing = RateLaw::Kooij {
        alpha: 1e-10,
        beta: 0.0,
        gamma: 0.0,
    };
    let reactions = vec![
        Reaction::new(vec![0], vec![1, 2], photo),
        Reaction::new(vec![0, 0], vec![3], pairing),
    ];
    Network::new(species.to_vec(), reactions).unwrap()
}

#[test]
fn photons_fade_as_the_extinction_rises() {
    // dx/dt = -k0 exp(-γ A t/τ) x: a closed form, without pairing.
    let network = small();
    let network = network
        .filter_reactions(|r| r.reactants.len() == 1)
        .unwrap();
    let tau = 1e11;
    let at = |extinction| {
        Environment::new(10.0, 0.0)
            .with_visual_extinction(extinction)
            .with_radiation_field(3.0)
    };
    let track = Track::new(vec![0.0, tau], vec![at(0.0), at(4.0)]).unwrap();
    let system = TrackedKinetics::new(&network, track).unwrap();
    let options = Options::default().rtol(1e-9).atol(1e-20);
    let end = &tracked(&system, (0.0, tau), &[1.0, 0.0, 0.0, 0.0], options)[0];
    let rate = 3e-10 * tau / 8.0;
    let exact = (-rate * (1.0 - (-8.0f64).exp())).exp();
    assert!(
        (end.y_end[0] / exact - 1.0).abs() < 1e-8,
        "{} {exact}",
        end.y_end[0]
    );
}

#[test]
fn pairing_in_a_gas_that_is_compressed() {
    // x = n/n_H obeys dx/dt = -2 k n_H(t) x² with n_H = n0 e^(t/τ): 1/x = 1 + 2 k n0 τ (e^(t/τ) - 1).
    let network = small();
    let tau = 1e10;
    let at = |n| {
        Environment::new(10.0, 0.0)
            .with_visual_extinction(0.0)
            .with_radiation_field(0.0)
            .with_density(n)
    };
    // Rows in between lie on the same exponential: they must make no difference.
    let rows: [f64; 5] = [0.0, 0.3, 0.35, 1.0, 2.0];
    let track = Track::new(
        rows.iter().map(|r| r * tau).collect(),
        rows.iter().map(|r| at(2.0 * r.exp())).collect(),
    );
    let system = TrackedKinetics::new(&network, track.unwrap()).unwrap();
    let options = Options::default().rtol(1e-9).atol(1e-20);
    let times = [0.0, 0.5 * tau, 2.0 * tau];
    let outputs = options.outputs(times.to_vec());
    let mut solution = tracked(&system, (0.0, 2.0 * tau), &[2.0, 0.0, 0.0, 0.0], outputs).remove(0);
    system.expand(&times, &mut solution.y).unwrap();
    for (i, t) in times.iter().enumerate() {
        let growth = (t / tau).exp();
        let x = 1.0 / (1.0 + 2.0 * 1e-10 * 2.0 * tau * (growth - 1.0));
        let n = solution.state(i)[0];
        assert!((n / (2.0 * growth * x) - 1.0).abs() < 1e-8, "{t}: {n}");
        let atoms = n + 2.0 * solution.state(i)[3];
        assert!((atoms / (2.0 * growth) - 1.0).abs() < 1e-13, "{t}");
    }
    assert!(system.expand(&times, &mut [0.0; 5]).is_err());
}

#[test]
fn a_constant_track_is_a_constant_environment() {
    let network = embedded("osu224").unwrap();
    let environment = Environment::new(20.0, 1e-17).with_density(2e4);
    let initial = Distribution::grassi().sample(&network, 5, 3).unwrap();
    let span = (1e-6 * YEAR, 1e6 * YEAR);
    let options = Options::default().rtol(1e-7).atol(1e-18);
    let track = Track::new(vec![0.0, 1e5 * YEAR], vec![environment; 2]).unwrap();
    let system = TrackedKinetics::new(&network, track).unwrap();
    let kinetics = Kinetics::new(&network, &environment).unwrap();
    for (m, along) in tracked(&system, span, initial.states(), options.clone())
        .iter()
        .enumerate()
    {
        let at_rest = solve(&kinetics, &Rodas5p, span, initial.state(m), &options).unwrap();
        for (a, b) in along.y_end.iter().zip(&at_rest.y_end) {
            assert!((a - b).abs() <= 1e-5 * b.abs() + 1e-12, "{a} {b}");
        }
    }
}

#[test]
fn steps_of_temperature_are_chained_solves() {
    // 50 K, a quick drop to 20 K, then 20 K: against two solves at constant temperature.
    let network = embedded("osu224").unwrap();
    let at = |kelvin| Environment::new(kelvin, 1e-16);
    let (jump, end) = (1e4 * YEAR, 1e6 * YEAR);
    let times = vec![0.0, jump, jump * (1.0 + 1e-9), end];
    let rows = vec![at(50.0), at(50.0), at(20.0), at(20.0)];
    let system = TrackedKinetics::new(&network, Track::new(times, rows).unwrap()).unwrap();
    let initial = Distribution::grassi().sample(&network, 1, 3).unwrap();
    let options = Options::default().rtol(1e-7).atol(1e-18);
    let along = &tracked(&system, (0.0, end), initial.states(), options.clone())[0];
    let mut state = initial.state(0).to_vec();
    for (kelvin, span) in [(50.0, (0.0, jump)), (20.0, (jump, end))] {
        let kinetics = Kinetics::new(&network, &at(kelvin)).unwrap();
        state = solve(&kinetics, &Rodas5p, span, &state, &options)
            .unwrap()
            .y_end;
    }
    for (a, b) in along.y_end.iter().zip(&state) {
        assert!((a - b).abs() <= 1e-5 * b.abs() + 1e-12, "{a} {b}");
    }
}

#[test]
fn tracks_that_are_none_are_refused() {
    let cold = Environment::new(10.0, 1e-17);
    let refused = |times: Vec<f64>, rows: Vec<Environment>| Track::new(times, rows).unwrap_err();
    assert!(matches!(refused(vec![], vec![]), Error::Length { .. }));
    assert!(matches!(
        refused(vec![0.0], vec![cold; 2]),
        Error::Length { .. }
    ));
    for times in [vec![0.0, 0.0], vec![1.0, 0.5], vec![0.0, f64::NAN]] {
        let error = refused(times, vec![cold; 2]);
        assert!(matches!(error, Error::Track { row: 1, .. }), "{error}");
    }
    let dense = cold.with_density(1e4);
    let error = refused(vec![0.0, 1.0], vec![cold, dense]);
    assert!(matches!(error, Error::Track { row: 1, .. }), "{error}");
    let error = refused(vec![0.0], vec![cold.with_density(0.0)]);
    assert!(matches!(error, Error::Track { row: 0, .. }), "{error}");
    let error = refused(vec![0.0], vec![cold.with_temperature(-1.0)]);
    assert!(matches!(error, Error::Environment { .. }), "{error}");
}

proptest! {
    #[test]
    fn interpolation_meets_rows_stays_between_and_is_continuous(
        rows in prop::collection::vec((0.1..3.0f64, 1.0..4.0f64, -2.0..6.0f64, 0.0..10.0f64), 2..8),
        w in 0.0..1.0f64,
    ) {
        let mut t = 0.0;
        let mut times = Vec::new();
        let mut environments = Vec::new();
        for (gap, kelvin, density, extinction) in rows {
            t += gap;
            times.push(t);
            environments.push(
                Environment::new(10f64.powf(kelvin), 1e-17)
                    .with_density(10f64.powf(density))
                    .with_visual_extinction(extinction),
            );
        }
        let track = Track::new(times.clone(), environments.clone()).unwrap();
        prop_assert_eq!(track.at(times[0] - 1.0), environments[0]);
        prop_assert_eq!(&track.at(t + 1.0), environments.last().unwrap());
        for (i, pair) in environments.windows(2).enumerate() {
            prop_assert_eq!(track.at(times[i]), pair[0]);
            let between = track.at(times[i] + w * (times[i + 1] - times[i]));
            let inside = |x: f64, a: f64, b: f64| {
                x >= a.min(b) * (1.0 - 1e-12) && x <= a.max(b) * (1.0 + 1e-12) + 1e-300
            };
            prop_assert!(inside(between.temperature, pair[0].temperature, pair[1].temperature));
            let n = |e: &Environment| e.density.unwrap();
            prop_assert!(inside(n(&between), n(&pair[0]), n(&pair[1])));
            let a_v = |e: &Environment| e.visual_extinction.unwrap();
            prop_assert!(inside(a_v(&between), a_v(&pair[0]), a_v(&pair[1])));
            let just_before = track.at(times[i + 1] * (1.0 - 1e-13));
            prop_assert!((just_before.temperature / pair[1].temperature - 1.0).abs() < 1e-9);
            let expected = n(&between) / n(&environments[0]);
            let c = track.compression(times[i] + w * (times[i + 1] - times[i]));
            prop_assert!((c / expected - 1.0).abs() < 1e-12);
        }
    }
}
