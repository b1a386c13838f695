//! Every rate law, its derivative and the rule for temperature ranges against independent values
//! (50-digit arithmetic; see `fixtures/README.md`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use chem_network::{
    CoShielding, Environment, Error, Extrapolation, Kinetics, Rate, RateLaw, RateOptions,
    ReactionKind, dust_extinction, extinction_ratio, h2_self_shielding, parse_network,
    read_network,
};

/// The rate of a reaction written in the native format.
fn rate(text: &str) -> Rate {
    let network = format!("chem-network 1\n[species]\nH\nH2\n[reactions]\nH + H -> H2 ; {text}\n");
    let network = parse_network(&network, "test").unwrap();
    network.reactions()[0].rate.clone()
}

/// Rows of a fixture: the first column as text, all others by name.
fn rows(text: &'static str) -> Vec<(&'static str, BTreeMap<&'static str, &'static str>)> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), header.len(), "{line}");
            let named = header.iter().copied().zip(fields.iter().copied());
            (fields[0], named.collect())
        })
        .collect()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-12 * expected.abs()
}

#[test]
fn every_law_and_its_derivative() {
    let options = RateOptions::default()
        .with_co_shielding(|co, h2| 1.0 / (1.0 + co / 1e15) / (1.0 + h2 / 1e22));
    let mut temperatures: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (law, row) in rows(include_str!("fixtures/rate_laws.csv")) {
        let number = |name: &str| -> f64 { row[name].parse().unwrap() };
        let environment = Environment::new(number("temperature"), number("zeta"))
            .with_density(number("n_h"))
            .with_visual_extinction(number("av"))
            .with_radiation_field(number("chi"))
            .with_grain_albedo(number("albedo"))
            .with_dust_temperature(number("t_d"))
            .with_doppler_width(number("b"))
            .with_h2_column(number("n_h2"))
            .with_co_column(number("n_co"))
            .with_c_column(number("n_c"));
        environment.validate().unwrap();
        let rate = rate(law);
        let text = || law.to_owned();
        let k = rate.coefficient(&environment, &options, text).unwrap();
        let slope = rate.derivative(&environment, &options, text).unwrap();
        assert!(close(k, number("k")), "{law}, {row:?}: {k:e}");
        assert!(close(slope, number("dk_dT")), "{law}, {row:?}: {slope:e}");
        let name = rate.law().unwrap().name();
        temperatures
            .entry(name)
            .or_default()
            .insert(row["temperature"].to_owned());
    }
    // Every law that the native format can write is here, at six temperatures or more.
    for law in [
        "kooij",
        "cosmic-ray",
        "cosmic-ray-photon",
        "photo",
        "ion-polar-1",
        "ion-polar-2",
        "grain-h2-simple",
        "grain-h2-r07",
        "grain-h2-ct02",
        "photo-h2",
        "photo-co",
        "photo-c",
    ] {
        assert!(temperatures[law].len() >= 6, "{law}");
    }
}

#[test]
fn the_rule_for_temperature_ranges() {
    let mut cases = 0;
    for (text, row) in rows(include_str!("fixtures/rate_ranges.csv")) {
        let policy = match row["policy"] {
            "extrapolate" => Extrapolation::Extrapolate,
            "clamp" => Extrapolation::Clamp,
            "zero" => Extrapolation::Zero,
            other => panic!("{other}"),
        };
        let options = RateOptions::default().with_extrapolation(policy);
        let number = |name: &str| -> f64 { row[name].parse().unwrap() };
        let environment = Environment::new(number("temperature"), 1e-17);
        let rate = rate(text);
        let name = || text.to_owned();
        let k = rate.coefficient(&environment, &options, name).unwrap();
        let slope = rate.derivative(&environment, &options, name).unwrap();
        assert!(close(k, number("k")), "{row:?}: {k:e}");
        assert!(close(slope, number("dk_dT")), "{row:?}: {slope:e}");
        cases += 1;
    }
    assert_eq!(cases, 8 * 14 * 3);
}

/// The complete OSU network: all 4457 coefficients, grain rows included, and all indices.
#[test]
fn the_complete_osu_network_equals_the_peers() {
    let shared = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"));
    let file = shared.join("data/networks/osu_09_2008.osu");
    let (peer, names) = (
        shared.join("peers/osu4457.net.gz"),
        shared.join("peers/osu4457.csv"),
    );
    if !(file.exists() && peer.exists() && names.exists()) {
        eprintln!("skipped: {} is not here", shared.display());
        return;
    }
    let network = read_network(file).unwrap();
    let cloud = Environment::new(10.0, 1.3e-17)
        .with_visual_extinction(10.0)
        .with_radiation_field(1.0);
    let kinetics = Kinetics::new(&network, &cloud).unwrap();
    let names = std::fs::read_to_string(names).unwrap();
    let place: Vec<usize> = names
        .lines()
        .next()
        .unwrap()
        .split(',')
        .map(|name| network.species_index(name).unwrap())
        .collect();
    let mut text = String::new();
    let packed = std::fs::File::open(peer).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(packed), &mut text).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("449 4457"));
    let (mut rows, mut grains) = (0, 0);
    for ((line, reaction), ours) in lines
        .zip(network.reactions())
        .zip(kinetics.rate_coefficients())
    {
        let mut words = line.split_whitespace();
        let k: f64 = words.next().unwrap().parse().unwrap();
        assert!(close(*ours, k), "{line}: {ours:e}");
        let mut side = || -> Vec<usize> {
            let count = words.next().unwrap().parse().unwrap();
            let indices = words.by_ref().take(count);
            indices
                .map(|w| place[w.parse::<usize>().unwrap()])
                .collect()
        };
        assert_eq!(reaction.reactants, side(), "{line}");
        assert_eq!(reaction.products, side(), "{line}");
        rows += 1;
        grains += usize::from(reaction.kind == ReactionKind::Grain);
    }
    assert_eq!((rows, network.reactions().len()), (4457, 4457));
    assert!(grains > 1, "{grains}");
}

#[test]
fn shielding_and_extinction_at_their_ends() {
    // No dust: no extinction. The two pieces of S differ by less than 0.04 % where they meet.
    assert_eq!(dust_extinction(0.0, 1000.0), 1.0);
    let meeting = 1.086 / extinction_ratio(1000.0);
    let (below, above) = (
        dust_extinction(meeting * (1.0 - 1e-12), 1000.0),
        dust_extinction(meeting * (1.0 + 1e-12), 1000.0),
    );
    assert!((below / above - 1.0).abs() < 4e-4, "{below} {above}");
    // The extinction curve is 1 in the visual, its value at a node, constant beyond the ends.
    assert_eq!(extinction_ratio(5500.0), 1.0);
    assert_eq!(extinction_ratio(1e5), 0.05);
    assert_eq!(extinction_ratio(1000.0), 4.65);
    assert_eq!(extinction_ratio(500.0), 5.76);
    assert!(extinction_ratio(f64::NAN).is_nan());
    // Self-shielding falls with the column density and stays within what its wings allow.
    let mut last = h2_self_shielding(0.0, 1e5);
    assert!(last > 1.0 && last < 1.0025, "{last}");
    for exponent in 100..240 {
        let f = h2_self_shielding(10f64.powf(0.1 * f64::from(exponent)), 1e5);
        assert!(f > 0.0 && f <= last * 1.02, "{exponent}: {f} after {last}");
        last = f;
    }
}

#[test]
fn what_cannot_be_evaluated_names_what_it_needs() {
    let full = Environment::new(50.0, 1e-17)
        .with_density(1e3)
        .with_visual_extinction(1.0)
        .with_radiation_field(1.0)
        .with_grain_albedo(0.5)
        .with_dust_temperature(15.0)
        .with_doppler_width(1e5)
        .with_h2_column(1e20)
        .with_co_column(1e15)
        .with_c_column(1e15);
    let shielded = RateOptions::default().with_co_shielding(|_, _| 0.5);
    type Without = fn(&mut Environment);
    let cases: [(&str, &str, Without); 16] = [
        ("photo 1e-10 1", "--visual-extinction", |e| {
            e.visual_extinction = None;
        }),
        ("photo 1e-10 1", "--radiation-field", |e| {
            e.radiation_field = None
        }),
        ("cosmic-ray-photon 1 0 1", "--grain-albedo", |e| {
            e.grain_albedo = None
        }),
        ("grain-h2-simple", "--density", |e| e.density = None),
        ("grain-h2-r07", "--density", |e| e.density = None),
        ("grain-h2-ct02", "--density", |e| e.density = None),
        ("grain-h2-ct02", "--dust-temperature", |e| {
            e.dust_temperature = None
        }),
        ("photo-h2 1e-11", "--h2-column", |e| e.h2_column = None),
        ("photo-h2 1e-11", "--doppler-width", |e| {
            e.doppler_width = None
        }),
        ("photo-h2 1e-11", "--visual-extinction", |e| {
            e.visual_extinction = None;
        }),
        ("photo-co 1e-10", "--co-column", |e| e.co_column = None),
        ("photo-co 1e-10", "--h2-column", |e| e.h2_column = None),
        ("photo-co 1e-10", "--radiation-field", |e| {
            e.radiation_field = None
        }),
        ("photo-c 1e-10 3", "--c-column", |e| e.c_column = None),
        ("photo-c 1e-10 3", "--h2-column", |e| e.h2_column = None),
        ("photo-c 1e-10 3", "--visual-extinction", |e| {
            e.visual_extinction = None;
        }),
    ];
    for (text, option, without) in cases {
        let rate = rate(text);
        let name = || "A -> B".to_owned();
        rate.coefficient(&full, &shielded, name).unwrap();
        let mut environment = full;
        without(&mut environment);
        for error in [
            rate.coefficient(&environment, &shielded, name).unwrap_err(),
            rate.derivative(&environment, &shielded, name).unwrap_err(),
        ] {
            assert!(matches!(error, Error::MissingQuantity { option: o, .. } if o == option));
            let message = error.to_string();
            assert!(
                message.contains(option) && message.contains("A -> B"),
                "{message}"
            );
        }
    }
    let error = rate("photo-co 1e-10")
        .coefficient(&full, &RateOptions::default(), || "CO".to_owned())
        .unwrap_err();
    assert!(error.to_string().contains("with_co_shielding"), "{error}");
    // Unsupported, even where the policy would make it zero.
    let zero = shielded.with_extrapolation(Extrapolation::Zero);
    for text in ["unsupported formula 8", "T=1..2 unsupported formula 8"] {
        let error = rate(text)
            .coefficient(&full, &zero, || "A -> B".to_owned())
            .unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}

#[test]
fn a_table_of_co_shielding_interpolates_in_logarithms() {
    // A function bilinear in the logarithms is reproduced everywhere inside, and constant beyond.
    let f = |co: f64, h2: f64| {
        let (u, v) = (co.log10() - 12.0, h2.log10() - 18.0);
        10f64.powf(-0.3 * u - 0.05 * v - 0.02 * u * v)
    };
    let (co, h2) = ([1e12, 3e14, 1e16, 1e19], [1e18, 5e20, 1e23]);
    let factors: Vec<f64> = co
        .iter()
        .flat_map(|&a| h2.iter().map(move |&b| f(a, b)))
        .collect();
    let table = CoShielding::from_table(&co, &h2, &factors).unwrap();
    for (a, b) in [
        (1e12, 1e18),
        (2e13, 3e19),
        (1e16, 5e20),
        (7e18, 9e22),
        (1e19, 1e23),
    ] {
        let (found, expected) = (table.at(a, b), f(a, b));
        assert!(
            close(found, expected),
            "{a:e} {b:e}: {found:e} {expected:e}"
        );
    }
    assert_eq!(table.at(0.0, 1e20), table.at(1e12, 1e20));
    assert_eq!(table.at(1e25, 1e30), table.at(1e19, 1e23));
    assert!(table.at(f64::NAN, 1e20).is_nan());
    let one = CoShielding::from_table(&[1e15], &[1e20], &[0.25]).unwrap();
    assert!(close(one.at(0.0, 1e30), 0.25));
    for (co, h2, factors) in [
        (&[][..], &[1e18][..], &[][..]),
        (&[1e12, 1e12], &[1e18], &[1.0, 1.0]),
        (&[0.0, 1e12], &[1e18], &[1.0, 1.0]),
        (&[1e12, 1e13], &[1e18], &[1.0, 0.0]),
    ] {
        let error = CoShielding::from_table(co, h2, factors).unwrap_err();
        assert!(matches!(error, Error::ShieldingTable { .. }), "{error}");
    }
    let error = CoShielding::from_table(&[1e12], &[1e18], &[]).unwrap_err();
    assert!(
        matches!(error, Error::Length { expected: 1, .. }),
        "{error}"
    );
}

#[test]
fn conditions_outside_their_domain_are_refused() {
    let cloud = Environment::new(50.0, 1e-17);
    for (environment, what) in [
        (cloud.with_dust_temperature(0.0), "T_d"),
        (cloud.with_dust_temperature(f64::NAN), "T_d"),
        (cloud.with_doppler_width(0.0), "Doppler"),
        (cloud.with_h2_column(-1.0), "N(H2)"),
        (cloud.with_co_column(f64::INFINITY), "N(CO)"),
        (cloud.with_c_column(-1e-300), "N(C)"),
    ] {
        let error = environment.validate().unwrap_err();
        assert!(matches!(error, Error::Environment { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
    cloud
        .with_h2_column(0.0)
        .with_co_column(0.0)
        .with_c_column(0.0)
        .validate()
        .unwrap();
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let kooij = |alpha, beta, gamma| RateLaw::Kooij { alpha, beta, gamma };
    for (law, parameter) in [
        (kooij(-1.0, 0.0, 0.0), "alpha"),
        (kooij(1.0, f64::NAN, 0.0), "beta"),
        (kooij(1.0, 0.0, f64::INFINITY), "gamma"),
        (
            RateLaw::CosmicRay {
                alpha: 1.0,
                reference: 0.0,
            },
            "reference",
        ),
    ] {
        let error = law.validate("A -> B").unwrap_err();
        assert!(
            matches!(error, Error::RateParameter { parameter: p, .. } if p == parameter),
            "{error}"
        );
    }
}
