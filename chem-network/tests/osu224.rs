//! The embedded network against the OSU file it is selected from and against an independent list
//! of its rate coefficients and indices. Skipped where `../shared` is absent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use chem_network::{Environment, Kinetics, ReactionKind, embedded, read_network};

const SPECIES: [&str; 29] = [
    "H", "H+", "H2", "H2+", "H3+", "O", "O+", "OH+", "OH", "O2", "O2+", "H2O", "H2O+", "H3O+", "C",
    "C+", "CH", "CH+", "CH2", "CH2+", "CH3", "CH3+", "CH4", "CH4+", "CH5+", "CO", "CO+", "HCO+",
    "e-",
];

fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")).join(path);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} is not here", path.display());
        None
    }
}

#[test]
fn counts_and_order() {
    let network = embedded("osu224").unwrap();
    assert_eq!(network.species_names().collect::<Vec<_>>(), SPECIES);
    let report = network.check().unwrap();
    assert_eq!(report.rows, 224);
    assert_eq!(report.reactions, 224);
    assert_eq!(report.species, 29);
    assert_eq!(report.jacobian_nonzeros, 581);
    assert_eq!(report.unbalanced, 0);
    assert_eq!(report.duplicates, 0);
    // H, C, O and charge, and nothing else.
    assert_eq!(report.conservation_laws, 4);
    assert!(report.unsupported.is_empty());
    assert!(embedded("osu").is_none());
}

#[test]
fn the_selection_rule_gives_the_embedded_network() {
    let Some(path) = shared("data/networks/osu_09_2008.osu") else {
        return;
    };
    let complete = read_network(path).unwrap();
    let selected = complete.restricted_to(&SPECIES).unwrap();
    assert_eq!(selected.reactions().len(), 251);
    let selected = selected
        .filter_reactions(|reaction| reaction.kind != ReactionKind::Photo)
        .unwrap();
    let ours = embedded("osu224").unwrap();
    assert_eq!(selected.species(), ours.species());
    assert_eq!(selected.reactions(), ours.reactions());
}

#[test]
fn rate_coefficients_and_indices_equal_the_peers() {
    let Some(path) = shared("peers/osu224.net") else {
        return;
    };
    let network = embedded("osu224").unwrap();
    let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16)).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("29 224"));
    for (j, reaction) in network.reactions().iter().enumerate() {
        let words: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let k: f64 = words[0].parse().unwrap();
        let mut indices = words[1..].iter().map(|word| word.parse::<usize>().unwrap());
        let mut side = || -> Vec<usize> {
            let count = indices.next().unwrap();
            indices.by_ref().take(count).collect()
        };
        let ours = kinetics.rate_coefficients()[j];
        assert!((ours - k).abs() <= 1e-12 * k, "{j}: {ours:e} {k:e}");
        assert_eq!(reaction.reactants, side(), "{}", network.reaction_text(j));
        assert_eq!(reaction.products, side(), "{}", network.reaction_text(j));
    }
}
