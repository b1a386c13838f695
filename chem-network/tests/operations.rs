//! Laws of selecting, merging and reducing networks, of reachability and of pathways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{
    Environment, Error, Kinetics, Network, RateLaw, Reaction, ReactionKind, Species, embedded,
};
use proptest::prelude::*;

fn osu224() -> Network {
    embedded("osu224").unwrap()
}

/// What makes a reaction recognisable whatever the numbering.
fn texts(network: &Network) -> Vec<String> {
    (0..network.reactions().len())
        .map(|j| network.reaction_text(j))
        .collect()
}

fn at_50_kelvin(network: &Network) -> Kinetics {
    Kinetics::new(network, &Environment::new(50.0, 1e-16)).unwrap()
}

/// A network of `n` species that only isomerise, along the given edges.
fn isomerisations(n: usize, edges: &[(usize, usize)]) -> Network {
    let names: Vec<String> = (0..n).map(|i| format!("C{}", i + 1)).collect();
    let species = names.iter().map(|n| Species::from_name(n).unwrap());
    let law = RateLaw::Kooij {
        alpha: 1.0,
        beta: 0.0,
        gamma: 0.0,
    };
    let reactions = edges
        .iter()
        .map(|&(a, b)| Reaction::new(vec![a], vec![b], law.clone()));
    Network::new(species.collect(), reactions.collect()).unwrap()
}

#[test]
fn reachable_from_atoms_and_cosmic_rays_is_everything() {
    let network = osu224();
    assert!(network.unreachable(&["H2", "C", "O"]).unwrap().is_empty());
    // Without oxygen nothing that holds it can appear.
    for name in network.unreachable(&["H2", "C"]).unwrap() {
        assert!(name.contains('O'), "{name}");
    }
    let reduced = network.reduced_to_reachable(&["H2", "C"]).unwrap();
    let oxygen = network.species_names().filter(|n| n.contains('O')).count();
    assert_eq!(reduced.species().len(), 29 - oxygen);
    // Electrons alone react with nothing.
    assert_eq!(network.unreachable(&["e-"]).unwrap().len(), 28);
    assert!(matches!(
        network.reachable(&["Xx"]),
        Err(Error::UnknownSpecies { .. })
    ));
}

#[test]
fn parts_and_wholes() {
    let network = osu224();
    let without = network.without_species(&["CO", "E"]).unwrap();
    assert_eq!(without.species().len(), 27);
    assert!(
        texts(&without)
            .iter()
            .all(|t| !t.split_whitespace().any(|w| w == "CO" || w == "e-"))
    );
    let ions = network
        .without_kinds(&[ReactionKind::NeutralNeutral, ReactionKind::CosmicRay])
        .unwrap();
    let count = |kind| {
        network
            .reactions()
            .iter()
            .filter(|r| r.kind == kind)
            .count()
    };
    assert_eq!(
        ions.reactions().len(),
        224 - count(ReactionKind::NeutralNeutral) - count(ReactionKind::CosmicRay)
    );
    let few = network
        .filter_reactions(|r| r.kind == ReactionKind::ChemiIonisation)
        .unwrap();
    assert_eq!(few.reactions().len(), 1);
    assert_eq!(few.without_idle_species().unwrap().species().len(), 4);
}

#[test]
fn merging_what_was_split_gives_the_network_back() {
    let network = osu224();
    let halves: [Network; 2] = std::array::from_fn(|half| {
        let mut j = 0;
        let kept = network.filter_reactions(|_| true).unwrap();
        let reactions = kept.reactions().iter().filter(|_| {
            j += 1;
            j % 2 == half
        });
        Network::new(network.species().to_vec(), reactions.cloned().collect()).unwrap()
    });
    let merged = halves[0].merged_with(&halves[1]).unwrap();
    assert!(merged.already_there.is_empty());
    let mut all = texts(&merged.network);
    let mut expected = texts(&network);
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
    // With itself: nothing is added, everything is named as there.
    let twice = network.merged_with(&network).unwrap();
    assert_eq!(texts(&twice.network), texts(&network));
    assert_eq!(twice.already_there.len(), 224);
    let impostor = Species::with_composition(
        "CO",
        chem_network::Composition::from_formula("Fe").unwrap(),
        0,
        None,
    );
    let other = Network::new(vec![impostor.unwrap()], Vec::new()).unwrap();
    assert!(matches!(
        network.merged_with(&other),
        Err(Error::ConflictingSpecies { .. })
    ));
}

#[test]
fn ends_and_isomers_are_found() {
    // 0 -> 1 -> 2, 3 idle; C1 … C4 are no isomers.
    let network = isomerisations(4, &[(0, 1), (1, 2)]);
    assert_eq!(network.never_formed(), [0, 3]);
    assert_eq!(network.never_destroyed(), [2, 3]);
    assert!(network.isomers().is_empty());
    let names = ["HCN", "HNC", "CO", "HCO+", "HOC+", "C3H2", "c-C3H2"];
    let species = names.map(|n| Species::from_name(n).unwrap());
    let network = Network::new(species.to_vec(), Vec::new()).unwrap();
    assert_eq!(network.isomers(), [vec![0, 1], vec![3, 4], vec![5, 6]]);
    let report = network.check().unwrap();
    assert_eq!(report.never_formed.len(), 7);
    assert_eq!(report.elements, ["H", "C", "N", "O"]);
    // Nothing happens: every species is a law of its own.
    assert_eq!(report.conservation_basis.len(), 7);
    assert!(report.conservation_basis.iter().all(|law| law.len() == 1));
}

#[test]
fn conservation_basis_spans_elements_and_charge() {
    let network = osu224();
    let report = network.check().unwrap();
    assert_eq!(report.conservation_basis.len(), report.conservation_laws);
    let laws = network.conservation_laws().unwrap();
    for (by_name, law) in report.conservation_basis.iter().zip(&laws) {
        for (i, name) in network.species_names().enumerate() {
            assert_eq!(i128::from(by_name.get(name).copied().unwrap_or(0)), law[i]);
        }
        for reaction in network.reactions() {
            let change: i128 = reaction
                .net()
                .iter()
                .map(|&(i, c)| law[i] * i128::from(c))
                .sum();
            assert_eq!(change, 0);
        }
    }
}

proptest! {
    #[test]
    fn reachability_is_the_closure_of_the_reactions(
        edges in prop::collection::vec((0..12usize, 0..12usize), 0..30),
        start in 0..12usize,
    ) {
        let network = isomerisations(12, &edges);
        let name = format!("C{}", start + 1);
        let present = network.reachable(&[&name]).unwrap();
        // By brute force: apply all edges twelve times.
        let mut expected = [false; 12];
        expected[start] = true;
        for _ in 0..12 {
            for &(a, b) in &edges {
                expected[b] |= expected[a];
            }
        }
        prop_assert_eq!(&present[..], &expected[..]);
    }

    #[test]
    fn reduction_keeps_the_right_hand_side(
        exponents in prop::collection::vec(-10.0..4.0f64, 29),
    ) {
        let network = osu224();
        let initial = ["H2", "C", "C+"];
        let present = network.reachable(&initial).unwrap();
        let reduced = network.reduced_to_reachable(&initial).unwrap();
        let n: Vec<f64> = exponents
            .iter()
            .zip(&present)
            .map(|(x, &p)| if p { 10f64.powf(*x) } else { 0.0 })
            .collect();
        let mut full = vec![0.0; 29];
        at_50_kelvin(&network).rhs(&n, &mut full);
        let kept: Vec<f64> = n.iter().zip(&present).filter_map(|(x, &p)| p.then_some(*x)).collect();
        let mut small = vec![0.0; kept.len()];
        let kinetics = at_50_kelvin(&reduced);
        kinetics.rhs(&kept, &mut small);
        let mut rates = vec![0.0; reduced.reactions().len()];
        kinetics.rates(&kept, &mut rates);
        let gross: f64 = rates.iter().sum();
        let mut next = small.iter();
        for i in 0..29 {
            let other = if present[i] { *next.next().unwrap() } else { 0.0 };
            prop_assert!((full[i] - other).abs() <= 1e-13 * gross, "{i}: {} {other}", full[i]);
        }
    }

    #[test]
    fn shares_of_a_species_sum_to_its_rate_of_change(
        exponents in prop::collection::vec(-10.0..4.0f64, 29),
    ) {
        let network = osu224();
        let kinetics = at_50_kelvin(&network);
        let n: Vec<f64> = exponents.iter().map(|x| 10f64.powf(*x)).collect();
        let mut dndt = vec![0.0; 29];
        kinetics.rhs(&n, &mut dndt);
        let rates = kinetics.rates_along(&n).unwrap();
        let gross: f64 = rates.iter().sum();
        let stoichiometry = network.stoichiometry();
        for i in 0..29 {
            let paths = kinetics.pathways(i, &n).unwrap();
            // To rounding: the electron's rate is the ions' sum, with the rounding of theirs.
            let scale = if network.species()[i].name() == "e-" {
                gross
            } else {
                paths.total_formation() + paths.total_destruction()
            };
            prop_assert!((paths.net() - dndt[i]).abs() <= 4e-15 * scale);
            for list in [&paths.formation, &paths.destruction] {
                for pair in list.windows(2) {
                    prop_assert!(pair[0].rate.abs() >= pair[1].rate.abs());
                }
                for share in list {
                    let entry = stoichiometry.get_entry(i, share.reaction).unwrap().into_value();
                    prop_assert_eq!(share.rate, entry * rates[share.reaction]);
                }
            }
        }
    }
}

#[test]
fn pathways_refuse_what_is_not_there() {
    let kinetics = at_50_kelvin(&osu224());
    assert!(matches!(
        kinetics.pathways(29, &[0.0; 29]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        kinetics.pathways(0, &[0.0; 28]),
        Err(Error::Length { .. })
    ));
    assert!(matches!(
        kinetics.rates_along(&[0.0; 30]),
        Err(Error::Length { .. })
    ));
}
