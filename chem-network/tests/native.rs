//! The native format: write ∘ read is the identity, and malformed files name line and column.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::format::native;
use chem_network::{
    Composition, Error, Extrapolation, Fit, GrainH2, Network, Rate, RateLaw, Reaction,
    ReactionKind, Species, TemperatureRange, embedded, parse_network, read_network,
};
use proptest::prelude::*;
use std::sync::Arc;

fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![
        Just(0.0),
        any::<f64>().prop_filter("finite", |x| x.is_finite()),
        -1e4..1e4f64,
    ]
}

fn laws() -> impl Strategy<Value = RateLaw> {
    let three = || (numbers(), numbers(), numbers());
    prop_oneof![
        three().prop_map(|(a, beta, gamma)| RateLaw::Kooij {
            alpha: a.abs(),
            beta,
            gamma
        }),
        (three(), references()).prop_map(|((a, beta, gamma), reference)| {
            RateLaw::CosmicRayPhoton {
                alpha: a.abs(),
                beta,
                gamma,
                reference,
            }
        }),
        (numbers(), references()).prop_map(|(a, reference)| RateLaw::CosmicRay {
            alpha: a.abs(),
            reference
        }),
        three().prop_map(|(a, beta, gamma)| RateLaw::IonPol1 {
            alpha: a.abs(),
            beta,
            gamma
        }),
        three().prop_map(|(a, beta, gamma)| RateLaw::IonPol2 {
            alpha: a.abs(),
            beta,
            gamma
        }),
        numbers().prop_map(|a| RateLaw::PhotoH2 { alpha: a.abs() }),
        numbers().prop_map(|a| RateLaw::PhotoCo { alpha: a.abs() }),
        (numbers(), numbers()).prop_map(|(a, gamma)| RateLaw::PhotoC {
            alpha: a.abs(),
            gamma
        }),
        (numbers(), numbers()).prop_map(|(a, gamma)| RateLaw::Photo {
            alpha: a.abs(),
            gamma
        }),
        (1e-30..1e-5f64, -3..3i32, 0.0..1e5f64).prop_map(|(a, b, c)| {
            let formula = format!("{a:e}*(Tgas/3d2)**({b})*exp(-{c:e}*invT)*user_x/2");
            RateLaw::Expression(Arc::new(formula.parse().unwrap()))
        }),
        "[a-z=.|]{1,8}( [a-z0-9|;=]{1,8}){0,2}".prop_map(|reason| RateLaw::Unsupported { reason }),
    ]
}

/// ζ₀ of a file.
fn references() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1.0), Just(1.3e-17), f64::MIN_POSITIVE..1e3]
}

fn ranges() -> impl Strategy<Value = Option<TemperatureRange>> {
    let end = || prop_oneof![Just(0.0), Just(f64::INFINITY), 0.1..1e5f64];
    prop::option::of((end(), end()))
        .prop_map(|ends| ends.and_then(|(a, b)| TemperatureRange::new(a.min(b), a.max(b)).ok()))
}

fn rates() -> impl Strategy<Value = Rate> {
    let fit = (laws(), ranges()).prop_map(|(law, range)| Fit::new(law, range));
    let grain = prop::sample::select(
        &[
            GrainH2::Simple,
            GrainH2::Rollig2007,
            GrainH2::CazauxTielens2002,
        ][..],
    );
    let grain = (grain, ranges()).prop_map(|(form, range)| Fit::new(RateLaw::GrainH2(form), range));
    let rate = prop_oneof![
        5 => laws().prop_map(Rate::from),
        5 => prop::collection::vec(fit, 1..4).prop_map(|fits| Rate::of(fits).unwrap()),
        1 => prop::collection::vec(grain, 1..3).prop_map(|fits| Rate::of(fits).unwrap()),
    ];
    let outside = prop::sample::select(
        &[
            None,
            Some(Extrapolation::Zero),
            Some(Extrapolation::Clamp),
            Some(Extrapolation::Extrapolate),
        ][..],
    );
    (rate, outside).prop_map(|(rate, outside)| match outside {
        Some(outside) => rate.with_outside(outside),
        None => rate,
    })
}

const NAMES: [&str; 10] = [
    "H", "e-", "H3+", "l-C3H2", "c-C3H2", "GRAIN-", "OCS+H2", "SiO", "HC2NC", "#CO",
];

fn networks() -> impl Strategy<Value = Network> {
    let species = (
        0..NAMES.len(),
        prop::option::of(0.0..500.0f64),
        prop::option::of(-2..3i32),
    );
    let members = || prop::collection::vec(0..64usize, 1..5);
    let kind = prop::sample::select(ReactionKind::ALL);
    let reaction = (
        members(),
        members(),
        rates(),
        kind,
        "([!-:<-~]{1,6}( [!-\"$-:<-~]{1,6}){0,2})?",
    );
    let text = "([!-~]{1,6}( [!-\"$-~]{1,9}){0,3})?";
    (
        prop::collection::vec(species, 1..10),
        prop::collection::vec(reaction, 0..12),
        text,
        text,
    )
        .prop_map(|(chosen, rows, title, source)| {
            let mut species: Vec<Species> = Vec::new();
            for (i, mass, charge) in chosen {
                if species.iter().any(|s| s.name() == NAMES[i]) {
                    continue;
                }
                let plain = Species::from_name(NAMES[i].trim_start_matches('#')).unwrap();
                let charge = charge.unwrap_or(plain.charge());
                let composition = plain.composition().clone();
                species
                    .push(Species::with_composition(NAMES[i], composition, charge, mass).unwrap());
            }
            let count = species.len();
            let reactions = rows
                .into_iter()
                .map(|(reactants, products, rate, kind, source)| Reaction {
                    reactants: reactants.into_iter().map(|i| i % count).collect(),
                    products: products.into_iter().map(|i| i % count).collect(),
                    rate,
                    kind,
                    source,
                });
            let reactions = reactions.collect();
            Network::new(species, reactions)
                .unwrap()
                .with_title(title)
                .with_source(source)
        })
}

proptest! {
    #[test]
    fn write_then_read_is_the_identity(network in networks()) {
        match native::write(&network) {
            Ok(text) => {
                let read = parse_network(&text, "test").unwrap();
                prop_assert_eq!(&read, &network, "{}", text);
                prop_assert_eq!(native::write(&read).unwrap(), text);
            }
            // Only a text with a comment mark in it, or a reason that would end too early, cannot be written.
            Err(error) => {
                prop_assert!(matches!(error, Error::NotRepresentable { .. }), "{error}");
                let marks = ["comment mark", "it holds ` | `", "it holds `;`"];
                prop_assert!(marks.iter().any(|mark| error.to_string().contains(mark)), "{error}");
            }
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(lines in prop::collection::vec("[ -~é\\t;>+#=\\[\\]]{0,40}", 0..12)) {
        let body = lines.join("\n");
        let _ = parse_network(&body, "x");
        let _ = parse_network(&format!("chem-network 1\n[species]\nH\nH2\n{body}"), "x");
        let _ = parse_network(&format!("chem-network 1\n[species]\nH\nH2\n[reactions]\n{body}"), "x");
    }
}

#[test]
fn the_embedded_network_survives() {
    let network = embedded("osu224").unwrap();
    let text = native::write(&network).unwrap();
    assert_eq!(native::parse(&text, "copy").unwrap(), network);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    std::fs::write(&path, text).unwrap();
    assert_eq!(read_network(path).unwrap(), network);
}

/// Whatever format a network was read from, the native format holds it.
#[test]
fn networks_of_every_format_survive() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/networks");
    let Ok(files) = std::fs::read_dir(folder) else {
        eprintln!("skipped: {folder} is not here");
        return;
    };
    let mut formats = std::collections::BTreeSet::new();
    for file in files {
        let path = file.unwrap().path();
        if path.to_str().unwrap().contains("species") {
            continue;
        }
        let network = read_network(&path).unwrap();
        let text = native::write(&network).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let read =
            native::parse(&text, "copy").unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(read == network, "{}", path.display());
        // One row here for every reaction, whatever the number of rows it had in its file.
        let without_a_rate = network.reactions().iter();
        let without_a_rate = without_a_rate.filter(|r| r.rate.unsupported().is_some());
        assert_eq!(read.unsupported().len(), without_a_rate.count());
        formats.insert(network.format().unwrap().name());
    }
    assert!(formats.len() >= 6, "{formats:?}");
}

#[test]
fn parameters_by_position_and_by_name() {
    let text = "# first\n\nchem-network 1 # version\ntitle: a: b\n[species]\nHE\nHE+ # ion\nE\nPAH composition=C54H18 mass=600\n\
                [reactions]\nHE -> He+ + e- ; cosmic-ray 0.5\nHe+ + E -> HE ; kooij 1e-12 gamma=3 beta=-0.5 ; radiative-recombination\n";
    let network = parse_network(text, "test").unwrap();
    assert_eq!(network.title(), "a: b");
    assert_eq!(
        network.species_names().collect::<Vec<_>>(),
        ["He", "He+", "e-", "PAH"]
    );
    assert_eq!(network.species()[3].mass(), 600.0);
    assert_eq!(
        network.species()[3].composition(),
        &Composition::from_formula("C54H18").unwrap()
    );
    assert_eq!(network.species_index("HE+"), Some(1));
    assert_eq!(network.species_index("PAH"), Some(3));
    let second = &network.reactions()[1];
    assert_eq!(
        second.rate,
        Rate::from(RateLaw::Kooij {
            alpha: 1e-12,
            beta: -0.5,
            gamma: 3.0
        })
    );
    assert_eq!(second.kind, ReactionKind::RadiativeRecombination);
}

#[test]
fn malformed_files_name_line_and_column() {
    let head = "chem-network 1\n[species]\nH\nH2\n[reactions]\n";
    for (text, line, column, expected) in [
        ("chem-network 2\n".to_owned(), 1, 14, "version 1"),
        ("chem-network\n".to_owned(), 1, 13, "version 1"),
        ("chem-network 1 2\n".to_owned(), 1, 16, "end of the line"),
        ("chem-network 1\nauthor: x\n".to_owned(), 2, 1, "title"),
        (
            "chem-network 1\ntitle: x\ntitle: y\n".to_owned(),
            3,
            1,
            "once",
        ),
        (
            "chem-network 1\n[reactions]\n".to_owned(),
            2,
            1,
            "[species]",
        ),
        (
            "chem-network 1\n[species]\nH\n".to_owned(),
            4,
            1,
            "[reactions]",
        ),
        (
            "chem-network 1\n[species]\n  XYZ\n".to_owned(),
            3,
            3,
            "composition",
        ),
        (
            "chem-network 1\n[species]\nHE\nHe\n".to_owned(),
            4,
            1,
            "not listed before",
        ),
        (
            "chem-network 1\n[species]\nH charge=a\n".to_owned(),
            3,
            10,
            "charge",
        ),
        (
            "chem-network 1\n[species]\nH mass=-1\n".to_owned(),
            3,
            8,
            "mass",
        ),
        (
            "chem-network 1\n[species]\nH weight=1\n".to_owned(),
            3,
            3,
            "composition",
        ),
        (
            "chem-network 1\n[species]\nX composition=Xy\n".to_owned(),
            3,
            15,
            "formula",
        ),
        (format!("{head}[species]\n"), 6, 1, "once each"),
        (format!("{head}H + H -> H2\n"), 6, 12, "rate law"),
        (format!("{head}H + H = H2 ; kooij 1 0 0\n"), 6, 1, "->"),
        (format!("{head}H + H -> ; kooij 1 0 0\n"), 6, 1, "->"),
        (format!("{head}H + -> H2 ; kooij 1 0 0\n"), 6, 1, "species"),
        (format!("{head}H H -> H2 ; kooij 1 0 0\n"), 6, 3, "+"),
        (
            format!("{head}H + O -> H2 ; kooij 1 0 0\n"),
            6,
            5,
            "[species] block",
        ),
        (
            format!("{head}H + H -> H2 ; arrhenius 1 0 0\n"),
            6,
            15,
            "kooij",
        ),
        (format!("{head}H + H -> H2 ; kooij 1 0\n"), 6, 15, "gamma"),
        (
            format!("{head}H + H -> H2 ; kooij 1 0 0 0\n"),
            6,
            27,
            "once each",
        ),
        (
            format!("{head}H + H -> H2 ; kooij -1 0 0\n"),
            6,
            21,
            "0 or more",
        ),
        (
            format!("{head}H + H -> H2 ; kooij nan 0 0\n"),
            6,
            21,
            "finite",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 inf 0\n"),
            6,
            23,
            "finite",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 beta=x gamma=0\n"),
            6,
            28,
            "finite",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 alpha=1 gamma=0\n"),
            6,
            23,
            "once each",
        ),
        (
            format!("{head}H + H -> H2 ; T=10-20 kooij 1 0 0\n"),
            6,
            17,
            "temperature range",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 0 0 | T=20..10 kooij 1 0 0\n"),
            6,
            31,
            "0 ≤ T_min ≤ T_max",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 0 0 | \n"),
            6,
            28,
            "rate law",
        ),
        (format!("{head}H + H -> H2 ; T=10..20\n"), 6, 23, "rate law"),
        (
            format!("{head}H + H -> H2 ; kooij 1 0 0 | grain-h2-r07\n"),
            6,
            15,
            "cannot be mixed",
        ),
        (
            format!("{head}H + H -> H2 ; grain-h2-r07 1\n"),
            6,
            28,
            "no parameters",
        ),
        (
            format!("{head}H -> H2 ; cosmic-ray 1 reference=0\n"),
            6,
            34,
            "above 0",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 0 0 ; slow\n"),
            6,
            29,
            "kind",
        ),
        (
            format!("{head}H + H -> H2 ; kooij 1 0 0 ; grain ; a ; b\n"),
            6,
            39,
            "four parts",
        ),
    ] {
        match parse_network(&text, "bad.network") {
            Err(Error::Syntax {
                at,
                found,
                expected: what,
            }) => {
                assert_eq!(
                    (at.line, at.column),
                    (line, column),
                    "{text}: {found:?}, {what}"
                );
                assert!(what.contains(expected), "{text}: {what}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let network = embedded("osu224").unwrap();
    for title in ["two\nlines", " blank", "a # comment"] {
        let error = native::write(&network.clone().with_title(title)).unwrap_err();
        assert!(matches!(error, Error::NotRepresentable { .. }), "{error}");
    }
}

#[test]
fn unsupported_laws_are_listed_with_their_line() {
    let text =
        "chem-network 1\n[species]\nH\nH2\n[reactions]\nH + H -> H2 ; unsupported formula 7\n";
    let report = parse_network(text, "x").unwrap().check().unwrap();
    assert_eq!(report.unsupported[0].line, 6);
    assert_eq!(report.unsupported[0].reason, "formula 7");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["format"], "native");
    assert_eq!(json["duplicates"], 0);
    assert_eq!(json["unsupported"][0]["line"], 6);
}

#[test]
fn findings_of_the_check() {
    let text = "chem-network 1\n[species]\nH\nH2\nO\nOH\n[reactions]\n\
                H + H -> H2 ; kooij 1 0 0\nO + H -> OH ; kooij 1 0 0\nH + O -> OH ; kooij 2 0 0\nO + H2 -> OH ; kooij 1 0 0\n";
    let network = parse_network(text, "x").unwrap();
    let report = network.check().unwrap();
    assert_eq!(
        (report.rows, report.reactions, report.duplicates),
        (4, 3, 1)
    );
    assert_eq!(report.unbalanced, 1);
    assert_eq!(network.duplicates(), [(1, 2)]);
    let imbalance = &network.unbalanced()[0];
    assert_eq!(
        (imbalance.reaction, imbalance.gains.as_slice()),
        (3, [("H".to_owned(), -1)].as_slice())
    );
    // S has rank 3 (O + H2 -> OH is independent): one law, n(O) + n(OH).
    assert_eq!(network.conservation_laws().unwrap(), [[0, 0, 1, 1]]);
    // Diagonal 4; H: H2, O, OH; H2: O, OH; O: H, H2, OH.
    assert_eq!(report.jacobian_nonzeros, 4 + 3 + 2 + 3);
}
