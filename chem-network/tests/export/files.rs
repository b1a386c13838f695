//! Matrices, KROME files, tables and the own format: read back and compared.

use chem_network::format::{krome, native};
use chem_network::{Error, ExportOptions, Extrapolation, Network, RateLaw, Target, embedded};
use proptest::prelude::*;

use crate::{cases, environment, laws, shared};

fn export(network: &Network, target: Target) -> String {
    let files = network.export(target, &ExportOptions::default()).unwrap();
    files[0].text.clone()
}

/// Rows, columns and entries (from 0) of a Matrix Market file.
fn read_matrix(text: &str) -> (usize, usize, Vec<(usize, usize, i64)>) {
    let mut lines = text.lines();
    let head = lines.next().unwrap();
    assert_eq!(head, "%%MatrixMarket matrix coordinate integer general");
    let mut numbers = lines.filter(|line| !line.starts_with('%')).map(|line| {
        line.split(' ')
            .map(|word| word.parse::<i64>().unwrap())
            .collect::<Vec<_>>()
    });
    let size = numbers.next().unwrap();
    let entries: Vec<_> = numbers
        .map(|entry| (entry[0] as usize - 1, entry[1] as usize - 1, entry[2]))
        .collect();
    assert_eq!(entries.len(), size[2] as usize);
    (size[0] as usize, size[1] as usize, entries)
}

#[test]
fn matrices_are_those_in_memory() {
    for case in cases() {
        let network = &case.network;
        let files = network
            .export(Target::MatrixMarket, &ExportOptions::default())
            .unwrap();
        let matrices = [
            network.reactant_orders(),
            network.products(),
            network.stoichiometry(),
        ];
        let suffixes: Vec<&str> = files.iter().map(|file| file.suffix).collect();
        assert_eq!(suffixes, [".reactants.mtx", ".products.mtx", ".net.mtx"]);
        for (file, matrix) in files.iter().zip(&matrices) {
            let (rows, columns, entries) = read_matrix(&file.text);
            assert_eq!((rows, columns), (matrix.nrows(), matrix.ncols()));
            let expected: Vec<_> = matrix
                .triplet_iter()
                .filter(|(_, _, value)| **value != 0.0)
                .map(|(i, j, value)| (i, j, *value as i64))
                .collect();
            assert_eq!(entries, expected);
        }
    }
}

#[test]
fn the_own_format_reads_back() {
    for case in cases() {
        let text = export(&case.network, Target::Native);
        assert_eq!(native::parse(&text, "file").unwrap(), case.network);
    }
}

/// What a KROME file holds of a network: all but title and source, which name the file.
fn without_names(network: &Network) -> Network {
    let reactions = network
        .reactions()
        .iter()
        .map(|reaction| chem_network::Reaction {
            source: String::new(),
            ..reaction.clone()
        });
    Network::new(network.species().to_vec(), reactions.collect()).unwrap()
}

#[test]
fn krome_files_read_back_as_the_same_network() {
    for name in [
        "COthin",
        "cloud",
        "primordial",
        "primordialZ_UV",
        "xrays",
        "Semenov",
    ] {
        let Some(network) = shared(&format!("krome_react_{name}")) else {
            return;
        };
        let text = export(&network, Target::Krome);
        let again = krome::parse(&text, name).unwrap();
        assert_eq!(without_names(&again), without_names(&network), "{name}");
        assert!(again.unsupported().is_empty());
        // And writing what was read gives the same rows.
        let rows = |text: &str| {
            text.lines()
                .filter(|l| !l.starts_with('#'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&export(&again, Target::Krome)), rows(&text), "{name}");
    }
}

/// Rates of a network in another format are the same after a way through KROME's.
#[test]
fn krome_files_keep_the_rates_of_other_formats() {
    for case in cases().into_iter().filter(|case| case.name != "COthin") {
        let network = case
            .network
            .filter_reactions(|reaction| !matches!(reaction.rate.law(), Some(RateLaw::GrainH2(_))))
            .unwrap();
        let text = export(&network, Target::Krome);
        let again = krome::parse(&text, "again").unwrap();
        assert_eq!(again.species(), network.species());
        let conditions = [
            ("user_crate", 2.3e-17),
            ("user_Av", 0.8),
            ("user_chi", 1.7),
            ("user_albedo", 0.6),
            ("user_Tdust", 14.0),
            ("user_b", 1.5e5),
            ("user_NH2", 3e19),
            ("user_NCO", 2e14),
            ("user_NC", 1e15),
            ("user_fCO", 0.37),
        ];
        let with = conditions
            .into_iter()
            .fold(case.options.clone(), |options, (name, value)| {
                options.with_variable(name, value)
            });
        for &temperature in &case.temperatures {
            let at = environment(temperature);
            // Ranges may make one reaction several: rates add.
            let sums = |network: &Network, options: &chem_network::RateOptions| {
                let mut sums = std::collections::BTreeMap::new();
                for reaction in network.reactions() {
                    let k = reaction
                        .rate
                        .coefficient(&at, options, String::new)
                        .unwrap();
                    let key = (reaction.reactants.clone(), reaction.products.clone());
                    *sums.entry(key).or_insert(0.0) += k;
                }
                sums
            };
            let (expected, found) = (sums(&network, &case.options), sums(&again, &with));
            assert_eq!(expected.len(), found.len());
            for (key, k) in expected {
                let there = found[&key];
                assert!(
                    (there - k).abs() <= 1e-13 * k,
                    "{key:?} at {temperature}: {there:e} {k:e}"
                );
            }
        }
    }
}

#[test]
fn what_krome_cannot_hold_is_refused() {
    let grains = laws().export(Target::Krome, &ExportOptions::default());
    assert!(
        matches!(grains, Err(Error::NotRepresentable { .. })),
        "{grains:?}"
    );
    let text = "chem-network 1\n[species]\nl-C3H\nC3H+\ne-\n[reactions]\nC3H+ + e- -> l-C3H ; kooij 1 0 0\n";
    let linear = native::parse(text, "file").unwrap();
    let refused = linear.export(Target::Krome, &ExportOptions::default());
    assert!(matches!(
        refused,
        Err(Error::NotRepresentable {
            what: "species",
            ..
        })
    ));
}

#[test]
fn unsupported_rates_are_refused_where_rates_are_formulae() {
    let text = "chem-network 1\n[species]\nH\nH2\n[reactions]\nH + H -> H2 ; unsupported no idea\n";
    let network = native::parse(text, "file").unwrap();
    for &target in Target::ALL {
        let result = network.export(target, &ExportOptions::default());
        match target {
            Target::Native | Target::MatrixMarket | Target::Latex => assert!(result.is_ok()),
            _ => assert!(
                matches!(&result, Err(Error::Unsupported { reason, .. }) if reason == "no idea"),
                "{target:?}"
            ),
        }
    }
}

/// A number of a LaTeX cell: `$1.2\times 10^{-10}$`.
fn latex_number(cell: &str) -> Option<f64> {
    let inner = cell.trim().strip_prefix('$')?.strip_suffix('$')?;
    let plain = inner.replace("\\times 10^{", "e").replace('}', "");
    plain.parse().ok()
}

#[test]
fn tables_hold_every_fit_and_parameter() {
    let network = embedded("osu224").unwrap();
    let text = export(&network, Target::Latex);
    let rows: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert_eq!(rows.len(), 224);
    for (row, reaction) in rows.iter().zip(network.reactions()) {
        let cells: Vec<&str> = row.split(" & ").collect();
        assert_eq!(cells.len(), 7, "{row}");
        let law = reaction.rate.law().unwrap();
        for (name, value) in law.parameters() {
            let at = match name {
                "alpha" => 3,
                "beta" => 4,
                "gamma" => 5,
                _ => continue,
            };
            assert_eq!(latex_number(cells[at]), Some(value), "{row}");
        }
    }
    assert!(
        rows[0].contains("H + H $\\rightarrow$ H$_{2}$"),
        "{}",
        rows[0]
    );
    for case in cases() {
        let text = export(&case.network, Target::Latex);
        let count = |c: char| text.matches(c).count();
        assert_eq!(count('{'), count('}'), "{}", case.name);
        assert_eq!(count('$') % 2, 0);
        let fits: usize = case
            .network
            .reactions()
            .iter()
            .map(|r| r.rate.fits().len())
            .sum();
        assert_eq!(
            text.lines().filter(|line| line.ends_with("\\\\")).count(),
            fits + 1
        );
    }
}

proptest! {
    /// Ranges, gaps and overlaps of any kind survive the way through KROME's format.
    #[test]
    fn any_ranges_survive(
        ends in prop::collection::vec((1.0f64..1e4, 1.0f64..1e4), 1..4),
        policy in prop::sample::select(vec![Extrapolation::Zero, Extrapolation::Clamp, Extrapolation::Extrapolate]),
        temperatures in prop::collection::vec(0.5f64..2e4, 20),
    ) {
        let fits: Vec<String> = ends
            .iter()
            .enumerate()
            .map(|(i, (a, b))| format!("T={}..{} kooij {}e-10 0.{} 0", a.min(*b), a.max(*b), i + 1, i))
            .collect();
        let text = format!(
            "chem-network 1\n[species]\nH\nH2\n[reactions]\nH + H -> H2 ; outside={} {}\n",
            policy.name(),
            fits.join(" | ")
        );
        let network = native::parse(&text, "file").unwrap();
        let again = krome::parse(&export(&network, Target::Krome), "again").unwrap();
        prop_assert_eq!(again.reactions().len(), 1);
        let ends = ends.iter().flat_map(|&(a, b)| [a, b, a.next_up(), b.next_down(), b.next_up()]);
        for temperature in temperatures.into_iter().chain(ends) {
            let k = |network: &Network| {
                let rate = &network.reactions()[0].rate;
                rate.coefficient(&environment(temperature), &chem_network::RateOptions::default(), String::new).unwrap()
            };
            let (found, expected) = (k(&again), k(&network));
            prop_assert!((found - expected).abs() <= 1e-13 * expected, "{}: {} {}", temperature, found, expected);
        }
    }
}
