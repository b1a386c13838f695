//! Initial states: the distributions of the literature, closures, reproducibility, refusals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::sampling::Distribution;
use chem_network::{Error, Network, embedded};

fn network() -> Network {
    embedded("osu224").unwrap()
}

fn of(network: &Network, state: &[f64], name: &str) -> f64 {
    state[network.species_index(name).unwrap()]
}

fn check_carbon(distribution: &Distribution, most: f64, oxygen: f64, n_tot: f64) {
    let network = network();
    let initial = distribution.sample(&network, 4000, 7).unwrap();
    assert_eq!((initial.len(), initial.states().len()), (4000, 4000 * 29));
    assert_eq!(initial.parameter_names(), ["C", "C+"]);
    let mut below = [0; 2];
    for model in 0..initial.len() {
        let state = initial.state(model);
        let n = |name| of(&network, state, name);
        for (p, name) in ["C", "C+"].into_iter().enumerate() {
            assert_eq!(n(name), initial.parameters(model)[p]);
            assert!(n(name) >= 0.999_999 * 1e-6 * n_tot && n(name) <= 1.000_001 * most * n_tot);
            below[p] += usize::from(n(name) < (1e-6 * most).sqrt() * n_tot);
        }
        assert_eq!(n("H2"), n_tot);
        assert!((n("O") - oxygen * (n("C") + n("C+"))).abs() <= 1e-15 * n("O"));
        assert_eq!(n("e-"), n("C+"));
        for (i, species) in network.species().iter().enumerate() {
            if !["C", "C+", "H2", "O", "e-"].contains(&species.name()) {
                assert!((state[i] - 1e-20 * n_tot).abs() <= 1e-15 * state[i]);
            }
        }
    }
    // Half of the draws lie below the geometric mean of the bounds: 2000 ± 5 standard deviations.
    for count in below {
        assert!((1842..2158).contains(&count), "{count}");
    }
}

#[test]
fn distributions_of_the_literature() {
    check_carbon(&Distribution::grassi(), 1e-3, 1.0, 1e4);
    check_carbon(&Distribution::from_name("codes").unwrap(), 1e-4, 4.0, 1e4);
    check_carbon(
        &Distribution::grassi().with_total_density(20.0).unwrap(),
        1e-3,
        1.0,
        20.0,
    );
    assert!(Distribution::from_name("other").is_none());
    assert!(Distribution::grassi().with_total_density(-1.0).is_err());
}

#[test]
fn a_model_depends_on_seed_and_number_alone() {
    let network = network();
    let few = Distribution::grassi().sample(&network, 3, 42).unwrap();
    let many = Distribution::grassi().sample(&network, 10, 42).unwrap();
    let other = Distribution::grassi().sample(&network, 3, 43).unwrap();
    for model in 0..3 {
        assert_eq!(few.state(model), many.state(model));
        assert_ne!(few.state(model), other.state(model));
    }
    assert_ne!(many.parameters(0), many.parameters(1));
}

#[test]
fn totals_and_charge_are_closed() {
    let distribution = Distribution::from_toml(
        r#"
        units = "cm-3"
        floor = 0
        [species]
        CO = { log_uniform = [1e-3, 1e-1] }
        "H3O+" = { log_uniform = [1e-6, 1e-4] }
        H2O = { proportional_to = ["CO", "H3O+"], factor = 2 }
        OH = 0.01
        [closure]
        H = { total = 2e4, species = "H2" }
        C = { total = 1.0, species = "C+" }
        O = { total = 3.0, species = "O" }
        charge = "E"
        "#,
    )
    .unwrap();
    let network = network();
    let initial = distribution.sample(&network, 50, 3).unwrap();
    assert_eq!(distribution.parameter_names(), ["CO", "H3O+"]);
    for model in 0..50 {
        let state = initial.state(model);
        for (what, weights) in network.conserved_quantities() {
            let total: f64 = weights.iter().zip(state).map(|(w, n)| w * n).sum();
            let expected = [("H", 2e4), ("C", 1.0), ("O", 3.0), ("charge", 0.0)];
            let expected = expected.iter().find(|(name, _)| *name == what).unwrap().1;
            assert!(
                (total - expected).abs() <= 1e-12 * expected.max(1.0),
                "{what}: {total}"
            );
        }
        let n = |name| of(&network, state, name);
        assert!((n("H2O") - 2.0 * (n("CO") + n("H3O+"))).abs() < 1e-15);
        assert!(state.iter().all(|&x| x >= 0.0));
    }
}

#[test]
fn a_total_that_is_used_up_is_an_error() {
    let distribution = Distribution::from_toml(
        "[species]\nCO = 1e-4\n[closure]\nC = { total = 5e-5, species = \"C\" }\n",
    )
    .unwrap();
    match distribution.sample(&network(), 1, 0).unwrap_err() {
        Error::Closure {
            quantity,
            model,
            value,
            ..
        } => {
            assert_eq!((quantity.as_str(), model), ("C", 0));
            assert!((value + 0.5).abs() < 1e-12, "{value}");
        }
        other => panic!("{other}"),
    }
    // Positive ions are missing: electrons would have to be positive.
    let distribution =
        Distribution::from_toml("[closure]\ncharge = \"H+\"\n[species]\n\"C+\" = 1e-4\n").unwrap();
    assert!(matches!(
        distribution.sample(&network(), 1, 0),
        Err(Error::Closure { .. })
    ));
}

#[test]
fn refusals_name_the_key() {
    for (text, key) in [
        ("", "species"),
        ("[species\n", "TOML"),
        ("unit = 1\n", "unit"),
        ("units = \"m-3\"\n", "units"),
        ("total_density = 0\n[species]\nH = 1\n", "total_density"),
        (
            "units = \"cm-3\"\ntotal_density = 1\n[species]\nH = 1\n",
            "total_density",
        ),
        ("floor = -1\n[species]\nH = 1\n", "floor"),
        ("[species]\nH = -1\n", "species.H"),
        ("[species]\nH = nan\n", "species.H"),
        ("[species]\nH = \"much\"\n", "species.H"),
        (
            "[species]\nH = { log_uniform = [1, 2, 3] }\n",
            "species.H.log_uniform",
        ),
        (
            "[species]\nH = { log_uniform = [0, 1] }\n",
            "species.H.log_uniform",
        ),
        (
            "[species]\nH = { log_uniform = [2, 1] }\n",
            "species.H.log_uniform",
        ),
        (
            "[species]\nH = { log_uniform = [1, 2], factor = 2 }\n",
            "species.H",
        ),
        ("[species]\nH = { uniform = [1, 2] }\n", "species.H.uniform"),
        (
            "[species]\nH = { proportional_to = [] }\n",
            "species.H.proportional_to",
        ),
        ("[closure]\ncharge = 1\n", "closure.charge"),
        ("[closure]\nC = \"CO\"\n", "closure.C"),
        ("[closure]\nC = { total = 1 }\n", "closure.C"),
        (
            "[closure]\nC = { total = -1, species = \"C\" }\n",
            "closure.C.total",
        ),
    ] {
        let error = Distribution::from_toml(text).unwrap_err();
        let named = match &error {
            Error::Distribution { key, .. } => key.as_str(),
            Error::Toml(_) => "TOML",
            other => panic!("{other}"),
        };
        assert_eq!(named, key, "{text}: {error}");
    }
    for (text, part) in [
        ("[species]\nFe = 1\n", "Fe"),
        ("[species]\nH2 = { proportional_to = [\"He\"] }\n", "He"),
        (
            "[closure]\nXx = { total = 1, species = \"C\" }\n",
            "closure.Xx",
        ),
        (
            "[closure]\nC = { total = 1, species = \"O\" }\n",
            "contains C",
        ),
        ("[closure]\ncharge = \"H\"\n", "charged"),
        (
            "[species]\nC = 1\n[closure]\nC = { total = 1, species = \"C\" }\n",
            "closure.C",
        ),
        ("[species]\nE = 1\ne- = 1\n", "species.e-"),
        (
            "[closure]\nC = { total = 1, species = \"CO\" }\nO = { total = 1, species = \"O\" }\n",
            "",
        ),
        (
            "[species]\nH = { proportional_to = [\"O\"] }\nO = { proportional_to = [\"H\"] }\n",
            "wait for each other",
        ),
    ] {
        let result = Distribution::from_toml(text)
            .unwrap()
            .sample(&network(), 1, 0);
        if part.is_empty() {
            assert!(result.is_ok());
        } else {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
