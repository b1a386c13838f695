//! Every file of ../shared/data/networks against counts that an independent program made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use chem_network::{
    Environment, Extrapolation, Format, Kinetics, Network, RateLaw, RateOptions, read_network,
};
use serde_json::Value;

fn shared(name: &str) -> Option<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/networks");
    let path = PathBuf::from(root).join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

/// The counts of the fixture.
fn all_counts() -> Vec<(String, Value)> {
    let text = include_str!("fixtures/network_counts.json");
    let all: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
    all.into_iter().collect()
}

/// The same without the KROME files, which are compared where that reader is tested.
fn counts() -> Vec<(String, Value)> {
    let mut all = all_counts();
    all.retain(|(_, counts)| counts["format"] != "krome");
    all
}

fn fits_by_law(network: &Network) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for law in network.reactions().iter().flat_map(|r| r.rate.laws()) {
        *found.entry(law.name().to_owned()).or_default() += 1;
    }
    found
}

fn skipped(network: &Network, what: &str) -> usize {
    let class = network.skipped().iter().find(|class| class.what == what);
    class.map_or(0, |class| class.lines)
}

#[test]
fn counts_of_every_file_agree_with_the_independent_ones() {
    for (name, expected) in counts() {
        let Some(path) = shared(&name) else { continue };
        let network = read_network(&path).unwrap_or_else(|error| panic!("{error}"));
        let report = network.check().unwrap();
        let count = |key: &str| usize::try_from(expected[key].as_u64().unwrap()).unwrap();
        assert_eq!(report.format.unwrap().name(), expected["format"], "{name}");
        assert_eq!(report.rows, count("rows"), "{name}: rows");
        assert_eq!(network.reactions().len(), count("reactions"), "{name}");
        assert_eq!(report.reactions, count("distinct"), "{name}: distinct");
        assert_eq!(report.duplicates, count("duplicates"), "{name}: duplicates");
        assert_eq!(report.species, count("species"), "{name}: species");
        assert_eq!(report.unbalanced, count("unbalanced"), "{name}: unbalanced");
        assert_eq!(skipped(&network, "comment"), count("comments"), "{name}");
        assert_eq!(skipped(&network, "blank line"), count("blank"), "{name}");
        let fits: BTreeMap<String, u64> = serde_json::from_value(expected["fits"].clone()).unwrap();
        assert_eq!(fits_by_law(&network), fits, "{name}: fits by law");
        // Every line is a row, a species or was counted.
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let rest: usize = network.skipped().iter().map(|class| class.lines).sum();
        let rest = rest - skipped(&network, "row without a product: no reaction");
        let block = if report.format == Some(Format::Osu) {
            report.species
        } else {
            0
        };
        assert_eq!(lines, report.rows + block + rest, "{name}: lines");
        let unsupported = fits.get("unsupported").copied().unwrap_or_default();
        assert_eq!(network.unsupported().len() as u64, unsupported, "{name}");
        let zeros = network.reactions().iter().flat_map(|r| r.rate.laws());
        let zeros = zeros.filter(|law| law.parameters().first() == Some(&("alpha", 0.0)));
        assert_eq!(zeros.count(), count("zero_alpha"), "{name}: fits of rate 0");
    }
}

#[test]
fn rows_species_and_balance_of_krome_files() {
    for (name, expected) in all_counts() {
        if expected["format"] != "krome" {
            continue;
        }
        let Some(path) = shared(&name) else { continue };
        let network = read_network(path).unwrap_or_else(|error| panic!("{error}"));
        let count = |key: &str| usize::try_from(expected[key].as_u64().unwrap()).unwrap();
        assert_eq!(network.format(), Some(Format::Krome), "{name}");
        let report = network.check().unwrap();
        assert_eq!(report.rows, count("rows"), "{name}: rows");
        assert_eq!(report.species, count("species"), "{name}: species");
        assert_eq!(report.unbalanced, count("unbalanced"), "{name}");
    }
}

#[test]
fn one_format_alone_recognises_each_file() {
    for (name, expected) in all_counts() {
        let Some(path) = shared(&name) else { continue };
        let text = std::fs::read_to_string(path).unwrap();
        for &format in Format::ALL {
            let right = format.name() == expected["format"];
            assert_eq!(format.recognises(&text), right, "{name} as {format}");
        }
        // From any place on, too: files are cut and comments removed. (A KROME file needs its header.)
        if expected["format"] == "krome" {
            continue;
        }
        let at = text.len() / 2;
        let half = &text[at + text[at..].find('\n').unwrap() + 1..];
        assert_eq!(
            Format::detect(half).unwrap().name(),
            expected["format"],
            "{name}, second half"
        );
    }
}

#[test]
fn the_rates_of_uclchem_are_not_zero() {
    let Some(path) = shared("uclchem_small_gas.csv") else {
        return;
    };
    let network = read_network(path).unwrap();
    let gas = network
        .filter_reactions(|reaction| reaction.rate.unsupported().is_none())
        .unwrap();
    assert_eq!(gas.reactions().len(), 562 - 183);
    let cloud = Environment::new(30.0, 1.3e-17)
        .with_density(1e4)
        .with_visual_extinction(1.0)
        .with_radiation_field(1.0)
        .with_grain_albedo(0.5)
        .with_dust_temperature(20.0)
        .with_doppler_width(1e5)
        .with_h2_column(1e20)
        .with_co_column(1e15)
        .with_c_column(1e16);
    let options = RateOptions::default()
        .with_co_shielding(|_, _| 0.5)
        .with_extrapolation(Extrapolation::Extrapolate);
    let kinetics = Kinetics::with_options(&gas, &cloud, options).unwrap();
    for (j, k) in kinetics.rate_coefficients().iter().enumerate() {
        let text = gas.reaction_text(j);
        assert!(k.is_finite() && *k >= 0.0, "{text}: {k}");
        // exp(-40200 K/30 K) and its like are too small for a double or nearly so.
        let steep = gas.reactions()[j].rate.laws().any(|law| match *law {
            RateLaw::Kooij { gamma, .. } => gamma > 20_000.0,
            _ => false,
        });
        assert!(steep || *k > 0.0, "{text}: {k}");
    }
    // Outside its range the file allows no rate: C + CH2 -> CH + CH begins at 1000 K.
    let options = RateOptions::default().with_co_shielding(|_, _| 0.5);
    let strict = Kinetics::with_options(&gas, &cloud, options).unwrap();
    let k = |text: &str| {
        let j = (0..gas.reactions().len()).find(|&j| gas.reaction_text(j) == text);
        strict.rate_coefficients()[j.unwrap()]
    };
    assert_eq!(k("C + CH2 -> CH + CH"), 0.0);
    assert!(k("CO -> O + C") > 0.0 && k("H + H -> H2") > 0.0);
    // Ionisation by cosmic rays scales with the rate for which the file is made: H, 0.46 per zeta.
    let h = (0..gas.reactions().len())
        .find(|&j| gas.reaction_text(j) == "H -> H+ + e-")
        .unwrap();
    assert!((kinetics.rate_coefficients()[h] - 5.98e-18).abs() < 1e-30);
}

#[test]
fn formulae_of_kida_that_contradict_their_reactant_are_told() {
    let Some(path) = shared("kida.uva.2024.dat") else {
        return;
    };
    let network = read_network(path).unwrap();
    let remarks = network.remarks();
    assert_eq!(remarks.len(), 25);
    assert_eq!(remarks[0].line, 248);
    assert!(remarks[0].remark.contains("formula 2"), "{:?}", remarks[0]);
    let j = network
        .reactions()
        .iter()
        .position(|reaction| reaction.source == "kida.uva.2024:247")
        .unwrap();
    assert_eq!(
        network.reactions()[j].rate.law(),
        Some(&RateLaw::CosmicRay {
            alpha: 4e3,
            reference: 1.0
        })
    );
}

#[test]
fn the_species_of_3d_pdr_fix_order_and_initial_abundances() {
    let Some(path) = shared("3dpdr_rates_reduced.d") else {
        return;
    };
    let network = read_network(&path).unwrap();
    let names: Vec<&str> = network.species_names().collect();
    assert_eq!((names[0], names[32]), ("H3+", "e-"));
    let abundances = network.initial_abundances().unwrap();
    let of = |name: &str| abundances[network.species_index(name).unwrap()];
    assert_eq!(
        (of("H"), of("H2"), of("He"), of("C+"), of("O"), of("Mg+")),
        (0.4, 0.3, 0.1, 1.4e-4, 3e-4, 2.7e-7)
    );
    // The rates alone: the same reactions, species as they come up.
    let text = std::fs::read_to_string(path).unwrap();
    let alone = chem_network::parse_network(&text, "3dpdr_rates_reduced.d").unwrap();
    assert_eq!(alone.initial_abundances(), None);
    assert_eq!(alone.species_names().next(), Some("H"));
    let texts = |network: &Network| -> Vec<String> {
        (0..network.reactions().len())
            .map(|j| network.reaction_text(j))
            .collect()
    };
    assert_eq!(texts(&alone), texts(&network));
    // A mass that is not in the name comes from the file.
    let full = read_network(shared("3dpdr_rates_full.d").unwrap()).unwrap();
    assert_eq!(
        full.species()[full.species_index("PAH-").unwrap()].mass(),
        420.0
    );
}
