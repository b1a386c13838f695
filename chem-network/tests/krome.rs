//! KROME files: counts and rates against an independent evaluation in Python, the rules of the format,
//! refusals with line and column.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::path::PathBuf;

use chem_network::format::krome;
use chem_network::{
    Environment, Error, Extrapolation, Format, Network, RateLaw, RateOptions, ReactionKind,
    parse_network, read_network,
};
use proptest::prelude::*;

const FILES: [&str; 6] = [
    "COthin",
    "Semenov",
    "cloud",
    "primordial",
    "primordialZ_UV",
    "xrays",
];

/// A file of the shared data, or `None` with a printed reason.
fn shared(name: &str) -> Option<Network> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/networks");
    let path = folder.join(format!("krome_react_{name}"));
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(read_network(path).unwrap())
}

fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The conditions of the fixture (see make_krome_reference.py).
fn conditions() -> (Environment, RateOptions) {
    let options = [
        ("user_Av", 0.7),
        ("user_crate", 1.3e-17),
        ("user_crflux", 2.1e-17),
        ("user_Tdust", 12.5),
        ("user_gas_dust_ratio", 0.013),
        ("user_xdust", 1.9e-8),
        ("user_gsize", 1e-5),
        ("user_gsize2", 1e-10),
        ("user_J21", 0.4),
        ("user_redshift", 3.0),
    ]
    .into_iter()
    .fold(RateOptions::default(), |options, (name, value)| {
        options.with_variable(name, value)
    });
    (Environment::new(300.0, 0.0).with_density(2.5e4), options)
}

#[test]
fn counts_are_those_of_an_independent_reader() {
    for line in fixture("krome_counts.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let Some(network) = shared(cells[0]) else {
            continue;
        };
        let rows: usize = cells[1].parse().unwrap();
        let evaluable: usize = cells[2].parse().unwrap();
        let report = network.check().unwrap();
        assert_eq!(report.format, Some(Format::Krome));
        assert_eq!(report.rows, rows, "{line}");
        assert_eq!(report.rows - report.unsupported.len(), evaluable, "{line}");
        assert_eq!(report.unbalanced, 0, "{line}");
        let fits: usize = network
            .reactions()
            .iter()
            .map(|reaction| reaction.rate.fits().len())
            .sum();
        assert_eq!(fits, rows, "{line}");
    }
}

/// Sorted indices of names as the fixture spells them (`E+HE`, `C_DUST+H`).
fn members(network: &Network, text: &str) -> Vec<usize> {
    let plus = split_members(text);
    let mut found: Vec<usize> = plus
        .iter()
        .map(|name| match name.strip_suffix("_DUST") {
            Some(gas) => {
                let gas = chem_network::Species::from_name(gas).unwrap();
                network.species_index(&format!("#{}", gas.name())).unwrap()
            }
            None => network
                .species_index(name)
                .unwrap_or_else(|| panic!("{name} of {text}")),
        })
        .collect();
    found.sort_unstable();
    found
}

/// Cuts `H+E+H+` at the signs that join names: a charge ends a name, and a name follows a join.
fn split_members(text: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let letters: Vec<char> = text.chars().collect();
    for (i, &c) in letters.iter().enumerate() {
        let joins = c == '+'
            && letters
                .get(i + 1)
                .is_some_and(|next| next.is_alphanumeric());
        // `OCS+H2` is one species.
        let complex =
            letters[..i].ends_with(&['O', 'C', 'S']) && letters[i..].starts_with(&['+', 'H', '2']);
        if joins && !complex {
            names.push(String::new());
        } else if let Some(last) = names.last_mut() {
            last.push(c);
        }
    }
    names
}

#[test]
fn rates_are_those_of_an_independent_evaluation() {
    let (environment, options) = conditions();
    let mut networks: HashMap<String, Network> = HashMap::new();
    let (mut compared, mut worst) = (0, 0.0f64);
    for line in fixture("krome_reference.csv").lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let network = match networks.get(cells[0]) {
            Some(network) => network,
            None => match shared(cells[0]) {
                Some(network) => networks.entry(cells[0].to_owned()).or_insert(network),
                None => return,
            },
        };
        let (reactants, products) = (members(network, cells[1]), members(network, cells[2]));
        let at = environment.with_temperature(cells[3].parse().unwrap());
        let reference: f64 = cells[4].parse().unwrap();
        let sorted = |side: &[usize]| {
            let mut side = side.to_vec();
            side.sort_unstable();
            side
        };
        let same = network.reactions().iter().filter(|reaction| {
            sorted(&reaction.reactants) == reactants && sorted(&reaction.products) == products
        });
        let rates: Vec<f64> = same
            .map(|reaction| {
                reaction
                    .rate
                    .coefficient(&at, &options, String::new)
                    .unwrap()
            })
            .collect();
        assert!(!rates.is_empty(), "{line}");
        let k: f64 = rates.iter().sum();
        let error = (k - reference).abs() / reference.abs().max(f64::MIN_POSITIVE);
        assert!(error <= 1e-10 || k == reference, "{line}: {k}");
        worst = worst.max(if k == reference { 0.0 } else { error });
        compared += 1;
    }
    assert!(compared > 2500, "{compared}");
    eprintln!("{compared} rates, worst relative difference {worst:e}");
}

#[test]
fn derivatives_are_those_of_the_values() {
    let (environment, options) = conditions();
    for network in FILES.iter().filter_map(|name| shared(name)) {
        for (j, reaction) in network.reactions().iter().enumerate() {
            if reaction.rate.unsupported().is_some() {
                continue;
            }
            for temperature in [21.0, 130.0, 910.0, 9100.0] {
                let at = |t: f64| {
                    let here = environment.with_temperature(t);
                    reaction
                        .rate
                        .coefficient(&here, &options, String::new)
                        .unwrap()
                };
                let here = environment.with_temperature(temperature);
                let slope = reaction
                    .rate
                    .derivative(&here, &options, String::new)
                    .unwrap();
                let k = at(temperature);
                if k.abs() < 1e-290 {
                    continue;
                }
                let steepness = (temperature * slope / k).abs().max(1.0);
                let h = 1e-3 * temperature / steepness;
                let ends = reaction.rate.fits().iter().filter_map(|fit| fit.range);
                let mut ends = ends.flat_map(|range| [range.min(), range.max()]);
                if ends.any(|end| (end - temperature).abs() < 3.0 * h) {
                    continue;
                }
                let difference = |h: f64| (at(temperature + h) - at(temperature - h)) / (2.0 * h);
                let reference = (4.0 * difference(h) - difference(2.0 * h)) / 3.0;
                let scale = slope.abs().max(k.abs() / temperature);
                assert!(
                    (slope - reference).abs() <= 1e-7 * scale,
                    "{} at {temperature}: {slope} {reference}",
                    network.reaction_text(j)
                );
            }
        }
    }
}

#[test]
fn unsupported_rows_name_what_they_need() {
    let Some(network) = shared("xrays") else {
        return;
    };
    let reasons: Vec<(usize, &str)> = network
        .unsupported()
        .iter()
        .map(|row| (row.line, row.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            (72, "dissH2_Martin96(n,Tgas) has no implementation"),
            (99, "auto, a rate from tables of X-ray ionisation of KROME"),
            (100, "auto, a rate from tables of X-ray ionisation of KROME"),
            (109, "krome_fshield(n,Tgas) has no implementation"),
        ]
    );
    let (environment, options) = conditions();
    let refused = chem_network::Kinetics::with_options(&network, &environment, options);
    assert!(matches!(refused, Err(Error::Unsupported { .. })));
}

fn read(text: &str) -> Network {
    krome::parse(text, "test").unwrap()
}

fn k(network: &Network, j: usize, temperature: f64) -> f64 {
    let (environment, options) = conditions();
    let at = environment.with_temperature(temperature);
    let rate = &network.reactions()[j].rate;
    rate.coefficient(&at, &options, String::new).unwrap()
}

#[test]
fn ranges_open_closed_and_apart() {
    let network = read(
        "1,H,E,,H+,E,E,,NONE,.LT.3d1,1d0\n\
         1,E,H,,E,H+,E,,.GE.3d1,1e2,2d0\n\
         7,H,E,,H+,E,E,,>1e2,.LE.2e2,3d0\n\
         8,H,E,,H+,E,E,,1.5e2,4e2,4d0\n",
    );
    // The last row overlaps, so it is a reaction of its own: both rates add.
    assert_eq!(network.reactions().len(), 2);
    let cases = [
        (29.9, 1.0),
        (30.0, 2.0),
        (99.9, 2.0),
        (100.0, 0.0),
        (100.1, 3.0),
        (200.0, 3.0),
        (200.1, 0.0),
    ];
    for (temperature, expected) in cases {
        assert_eq!(k(&network, 0, temperature), expected, "{temperature}");
    }
    assert_eq!(k(&network, 1, 150.0), 4.0);
    assert_eq!(k(&network, 1, 400.0), 0.0);
    // The caller may have it otherwise.
    let (environment, options) = conditions();
    let options = options.with_extrapolation(Extrapolation::Clamp);
    let at = environment.with_temperature(500.0);
    let rate = &network.reactions()[1].rate;
    assert_eq!(rate.coefficient(&at, &options, String::new).unwrap(), 4.0);
}

#[test]
fn formats_aliases_and_blocks() {
    let network = read(
        "# a comment\n\
         // another\n\
         /* and\n\
         one more */\n\
         1,H,E,,H+,E,E,,NONE,NONE,later*2d0\n\
         @var: later = early+1\n\
         @var:early2=2d0\n"
            .replace("early+1", "3d0")
            .as_str(),
    );
    assert_eq!(k(&network, 0, 10.0), 6.0);
    assert_eq!(
        network
            .skipped()
            .iter()
            .map(|class| class.lines)
            .sum::<usize>(),
        6
    );
    let network = read(
        "@common: user_Av, user_crate\n\
         @ghost:H2O\n\
         @format:idx,Tmin,Tmax,R,P,P,rate\n\
         @noTab_start\n\
         1,NONE,NONE,H2,H,H,1d-11*exp(-2*user_Av)\n\
         2,,,H2,H2+,E,user_crate\n\
         @noTab_end\n\
         @CR_START\n\
         3,N,NO,He,He+,E-,.5d0*user_crate\n\
         @cr_end\n\
         @PHOTO_BEGIN\n\
         4,13.6,1e4,H,H+,E,1d-18\n\
         @PHOTO_END\n\
         @format:idx,R,R,P,rate\n\
         5,H,CO_DUST,HCO_DUST,if(Tgas>5d1):1d-10\n\
         6,{H},CO,HCO,1d-10\n",
    );
    let kinds: Vec<ReactionKind> = network.reactions().iter().map(|r| r.kind).collect();
    assert_eq!(
        kinds,
        [
            ReactionKind::Photo,
            ReactionKind::CosmicRay,
            ReactionKind::CosmicRay,
            ReactionKind::Photo,
            ReactionKind::Unspecified,
            ReactionKind::Unspecified,
        ]
    );
    let names: Vec<&str> = network.species_names().collect();
    let expected = [
        "H2O", "H2", "H", "H2+", "e-", "He", "He+", "H+", "#CO", "#HCO", "CO", "HCO",
    ];
    assert_eq!(names, expected);
    assert_eq!(k(&network, 4, 50.0), 0.0);
    assert_eq!(k(&network, 4, 51.0), 1e-10);
    let lines: Vec<usize> = network.unsupported().iter().map(|row| row.line).collect();
    assert_eq!(lines, [12, 16]);
}

#[test]
fn refusals_with_line_and_column() {
    let row = "1,H,E,,H+,E,E,,NONE,NONE,1d0\n";
    for (text, line, column, expected) in [
        ("1,H,E,,H+,E,E,,NONE,NONE\n", 1, 1, "11 columns"),
        ("x,H,E,,H+,E,E,,NONE,NONE,1d0\n", 1, 1, "index"),
        ("1,,,,H+,E,E,,NONE,NONE,1d0\n", 1, 1, "one reactant"),
        ("1,H,E,,g,,,,NONE,NONE,1d0\n", 1, 1, "one product"),
        ("1,H,Qx,,H+,E,E,,NONE,NONE,1d0\n", 1, 5, "name of a species"),
        ("1,H,E,,H+,E,E,,cold,NONE,1d0\n", 1, 16, "Tmin"),
        ("1,H,E,,H+,E,E,,.LE.3,NONE,1d0\n", 1, 16, "Tmin with"),
        ("1,H,E,,H+,E,E,,NONE,>3,1d0\n", 1, 21, "Tmax above"),
        ("1,H,E,,H+,E,E,,NONE,NONE,\n", 1, 26, "a rate"),
        ("1,H,E,,H+,E,E,,NONE,NONE,1d0*(2\n", 1, 32, "`)`"),
        ("1,H,E,,H+,E,E,,NONE,NONE,1d0*wat\n", 1, 30, "@var"),
        (
            "1,H,E,,H+,E,E,,NONE,NONE,1d0,2d0\n",
            1,
            29,
            "end of the expression",
        ),
        ("@format:idx,R,Q,rate\n", 1, 15, "idx, R, P"),
        ("@format:idx,R,P\n", 1, 9, "a column rate"),
        ("@format:idx,R,P,rate,rate\n", 1, 22, "each column once"),
        ("@var:x\n", 1, 6, "name=expression"),
        ("@var:2x=1\n", 1, 6, "a name"),
        ("@var:Tgas=1\n", 1, 6, "keep for itself"),
        ("@var:x=1d0+\n", 1, 12, "a number"),
        ("@var:x=y\n@var:y=1d0\n", 1, 8, "@var"),
        ("@var:x=1\n@var:X=2\n", 2, 6, "not defined before"),
        ("@common:x\n", 1, 9, "user_"),
        ("@wat\n", 1, 1, "a directive"),
        ("@wat_start\n", 1, 1, "a directive"),
        ("@CR_start\n@photo_start\n", 2, 1, "@CR_stop first"),
        ("@CR_stop\n", 1, 1, "the beginning of a block"),
        ("@ODEModifier_start\n", 1, 1, "no Fortran statements"),
        ("/* open\n", 1, 8, "*/"),
    ] {
        match krome::parse(&format!("{text}{row}"), "file") {
            Err(Error::Syntax {
                at, expected: why, ..
            }) => {
                assert!(why.contains(expected), "{text}: {why}");
                // An open comment shows at the end of the file.
                if expected != "*/" {
                    assert_eq!((at.line, at.column), (line, column), "{text}: {why}");
                }
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let open = krome::parse(&format!("@CR_start\n{row}"), "file");
    assert!(matches!(open, Err(Error::Syntax { at, .. }) if at.line == 1));
    let nothing = krome::parse("@var:x=1\n", "file");
    assert!(matches!(nothing, Err(Error::Syntax { at, .. }) if at.line == 2));
}

#[test]
fn variables_that_are_not_set_are_named() {
    let network = parse_network("1,H2,,,H,H,,,NONE,NONE,1d-11*user_J21\n", "file").unwrap();
    let environment = Environment::new(10.0, 1e-17);
    match chem_network::Kinetics::new(&network, &environment) {
        Err(error @ Error::ExpressionVariable { .. }) => {
            let text = error.to_string();
            assert!(
                text.contains("H2 -> H + H") && text.contains("--set user_J21="),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        network.reactions()[0].rate.law(),
        Some(RateLaw::Expression(expression)) if expression.variables() == ["user_J21"]
    ));
}

proptest! {
    #[test]
    fn any_text_ends_in_a_network_or_an_error(
        lines in prop::collection::vec("[-@#/*,.:_=(){}<>+0-9A-Za-z ]{0,40}", 0..6),
        mutation in (0usize..200, "[ -~]"),
    ) {
        let _ = krome::parse(&lines.join("\n"), "file");
        let mut text = "@var:a=1d0\n@format:idx,R,R,P,P,Tmin,Tmax,rate\n1,H,E,H+,E,>1d1,NONE,a*exp(-2d0*invT)\n".to_owned();
        let at = mutation.0.min(text.len() - 1);
        text.replace_range(at..=at, &mutation.1);
        let _ = krome::parse(&text, "file");
        let _ = parse_network(&text, "file");
    }
}
