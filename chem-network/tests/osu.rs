//! The complete OSU file, and files that are not quite one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;

use chem_network::{
    Environment, Error, Format, Kinetics, Rate, RateLaw, parse_network, read_network,
};

fn shared(path: &str) -> Option<std::path::PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared");
    let path = std::path::PathBuf::from(root).join(path);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} is not here", path.display());
        None
    }
}

#[test]
fn the_complete_file() {
    let Some(path) = shared("data/networks/osu_09_2008.osu") else {
        return;
    };
    let network = read_network(path).unwrap();
    let report = network.check().unwrap();
    assert_eq!(report.format, Some(Format::Osu));
    assert_eq!((report.rows, report.reactions), (4457, 4457));
    assert_eq!(report.species, 449);
    assert_eq!((report.unbalanced, report.duplicates), (0, 0));
    assert!(report.unsupported.is_empty());
    // Composition and charge of every species in the block agree with those read from its name.
    for species in network.species() {
        let read = chem_network::Species::from_name(species.name()).unwrap();
        assert_eq!(&read, species);
    }
    // 13 elements, grains, charge: independent laws, all of them in the null space.
    assert!(
        report.conservation_laws >= 15,
        "{}",
        report.conservation_laws
    );
    for law in network.conservation_laws().unwrap() {
        for reaction in network.reactions() {
            let change: i128 = reaction
                .net()
                .iter()
                .map(|&(i, v)| law[i] * i128::from(v))
                .sum();
            assert_eq!(change, 0);
        }
    }
    // Without A_V and a radiation field photoreactions are refused, by name.
    let error = Kinetics::new(&network, &Environment::new(10.0, 1.3e-17)).unwrap_err();
    assert!(matches!(error, Error::MissingQuantity { .. }));
    assert!(error.to_string().contains("A_V"), "{error}");
}

#[test]
fn rate_coefficients_of_the_complete_file() {
    let (Some(path), Some(peer)) = (
        shared("data/networks/osu_09_2008.osu"),
        shared("peers/osu4457.net.gz"),
    ) else {
        return;
    };
    let network = read_network(path).unwrap();
    let cloud = Environment::new(10.0, 1.3e-17)
        .with_visual_extinction(10.0)
        .with_radiation_field(1.0);
    let kinetics = Kinetics::new(&network, &cloud).unwrap();
    let mut text = String::new();
    let file = std::fs::File::open(peer).unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
    for (j, line) in text.lines().skip(1).enumerate() {
        let k: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        let ours = kinetics.rate_coefficients()[j];
        assert!((ours - k).abs() <= 1e-12 * k, "{j}: {ours:e} {k:e}");
    }
}

#[test]
fn a_gzipped_file_is_unpacked() {
    let Some(path) = shared("data/networks/osu_09_2008.osu") else {
        return;
    };
    let text = std::fs::read(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("osu_09_2008.osu.gz");
    let file = std::fs::File::create(&packed).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(&text).unwrap();
    encoder.finish().unwrap();
    assert_eq!(read_network(&packed).unwrap(), read_network(&path).unwrap());
    // Cut short: an error, not half a network.
    let bytes = std::fs::read(&packed).unwrap();
    std::fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(read_network(&packed), Err(Error::Io { .. })));
}

/// A reaction line in the columns of the format.
fn row(names: [&str; 8], numbers: &str, kind: &str) -> String {
    let names: String = names.iter().map(|name| format!("{name:<8}")).collect();
    format!("{names}{numbers}{kind:>2}")
}

const NUMBERS: &str = " 1.00e-10 5.00e-01 2.00e+01";

fn at(text: &str) -> (usize, usize, String, String) {
    match parse_network(text, "test.osu").unwrap_err() {
        Error::Syntax {
            at,
            found,
            expected,
        } => {
            assert_eq!(at.file, "test.osu");
            (at.line, at.column, found, expected)
        }
        other => panic!("{other}"),
    }
}

#[test]
fn rows_without_a_species_block() {
    let text = [
        "! no species block",
        &row(["H", "CH", "", "C", "H2", "", "", ""], NUMBERS, "7"),
        "",
        &row(
            ["HE", "", "", "HE+", "E", "", "", ""],
            " 5.00e-01 0.00e+00 0.00e+00",
            "1",
        ),
    ]
    .join("\n");
    let network = parse_network(&text, "folder/mine.osu").unwrap();
    assert_eq!(
        network.species_names().collect::<Vec<_>>(),
        ["H", "CH", "C", "H2", "He", "He+", "e-"]
    );
    assert_eq!(network.reactions()[0].source, "mine:1");
    assert_eq!(
        network.reactions()[1].rate,
        Rate::from(RateLaw::CosmicRay {
            alpha: 0.5,
            reference: 1.0
        })
    );
}

#[test]
fn malformed_rows_name_line_and_column() {
    let good = row(["H", "CH", "", "C", "H2", "", "", ""], NUMBERS, "7");
    let many = format!("{good}\n{good}\n");
    let cases = [
        // (line, column, part of what was expected)
        (
            row(["Q", "CH", "", "C", "H2", "", "", ""], NUMBERS, "7"),
            1,
            "species",
        ),
        (
            row(["", "CH", "", "C", "H2", "", "", ""], NUMBERS, "7"),
            1,
            "reactant",
        ),
        (
            row(["H", "", "CH", "C", "H2", "", "", ""], NUMBERS, "7"),
            17,
            "gap",
        ),
        (
            row(["H", "CH", "", "", "H2", "", "", ""], NUMBERS, "7"),
            25,
            "product",
        ),
        (
            row(["H", "C H", "", "C", "H2", "", "", ""], NUMBERS, "7"),
            9,
            "8 columns",
        ),
        (
            row(
                ["H", "CH", "", "C", "H2", "", "", ""],
                " 1.00e-1x 5.00e-01 2.00e+01",
                "7",
            ),
            65,
            "α",
        ),
        (
            row(
                ["H", "CH", "", "C", "H2", "", "", ""],
                "-1.00e-10 5.00e-01 2.00e+01",
                "7",
            ),
            65,
            "α",
        ),
        (
            row(
                ["H", "CH", "", "C", "H2", "", "", ""],
                "      NaN 5.00e-01 2.00e+01",
                "7",
            ),
            65,
            "α",
        ),
        (
            row(
                ["H", "CH", "", "C", "H2", "", "", ""],
                " 1.00e-10      inf 2.00e+01",
                "7",
            ),
            74,
            "β",
        ),
        (
            row(
                ["H", "CH", "", "C", "H2", "", "", ""],
                " 1.00e-10 5.00e-01         ",
                "7",
            ),
            83,
            "γ",
        ),
        (
            row(["H", "CH", "", "C", "H2", "", "", ""], NUMBERS, "x"),
            92,
            "type",
        ),
        (
            row(["H", "CH", "", "C", "H2", "", "", ""], NUMBERS, "1"),
            74,
            "0",
        ),
        (format!("{good}   1  junk  *   1*  1.00"), 97, "number"),
        (good[..80].to_owned(), 74, "β"),
        ("something else".to_owned(), 1, "species"),
        (good.replace("CH", "C\t"), 10, "printable"),
        (good.replace("CH", "Cé"), 10, "printable"),
    ];
    for (line, column, expected) in cases {
        let found = at(&format!("{many}{line}\n{many}"));
        assert_eq!(found.0, 3, "{line}: {found:?}");
        assert_eq!(found.1, column, "{line}: {found:?}");
        assert!(found.3.contains(expected), "{line}: {found:?}");
    }
}

#[test]
fn a_type_without_a_law_is_listed_and_never_evaluated() {
    let good = row(["H", "CH", "", "C", "H2", "", "", ""], NUMBERS, "7");
    let odd = row(["CO", "", "", "C", "O", "", "", ""], NUMBERS, "99");
    let network = parse_network(&format!("{good}\n{odd}\n"), "test").unwrap();
    let report = network.check().unwrap();
    assert_eq!(report.unsupported.len(), 1);
    assert_eq!(report.unsupported[0].line, 2);
    assert!(report.unsupported[0].reason.contains("99"));
    let error = Kinetics::new(&network, &Environment::default()).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}

#[test]
fn what_is_no_network_file() {
    for text in [
        "",
        "\n\n",
        "H + H -> H2",
        "a,b,c\n1,2,3\n",
        "[species]\nH\n",
    ] {
        let error = parse_network(text, "x.dat").unwrap_err();
        assert!(matches!(error, Error::UnknownFormat { .. }), "{error}");
        assert!(error.to_string().contains("osu, kida, "), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.osu");
    assert!(matches!(read_network(&path), Err(Error::Io { .. })));
    std::fs::write(&path, b"abc\nde\xff").unwrap();
    let error = read_network(&path).unwrap_err();
    assert!(
        error.to_string().contains(":2:3: found \"byte 0xff\""),
        "{error}"
    );
}

#[test]
fn a_species_block_that_contradicts_a_name_is_refused() {
    let Some(path) = shared("data/networks/osu_09_2008.osu") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let wrong = text.replacen("CO         0  0  0  1", "CO         0  0  0  2", 1);
    assert_ne!(wrong, text);
    let found = at(&wrong);
    assert_eq!(found.1, 1);
    assert!(found.2.contains("C2O"), "{found:?}");
}
