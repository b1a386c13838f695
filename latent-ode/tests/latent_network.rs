//! The generated latent networks against the paper and against the laws they must obey.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use latent_ode::{Error, ExportFormat, LatentNetwork};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;

/// Sᵀ as printed in Grassi et al. 2021: columns A, AA, AB, B, BB.
const PAPER: [[i32; 5]; 12] = [
    [-2, 1, 0, 0, 0],
    [2, -1, 0, 0, 0],
    [-1, 0, 1, -1, 0],
    [1, 0, -1, 1, 0],
    [0, 0, 0, -2, 1],
    [0, 0, 0, 2, -1],
    [0, -1, 2, 0, -1],
    [0, 1, -2, 0, 1],
    [1, -1, 1, -1, 0],
    [-1, 1, -1, 1, 0],
    [-1, 0, 1, 1, -1],
    [1, 0, -1, -1, 1],
];

fn dense(network: &LatentNetwork) -> DMatrix<f64> {
    DMatrix::from(&network.stoichiometry())
}

#[test]
fn two_atoms_of_size_two_are_the_papers_network() {
    let network = LatentNetwork::generate(2, 2).unwrap();
    let names: Vec<&str> = network.molecules().iter().map(|m| m.name()).collect();
    assert_eq!(names, ["A", "B", "AA", "BB", "AB"]);
    assert_eq!(network.masses(), [1.0, 1.0, 2.0, 2.0, 2.0]);
    let columns = ["A", "AA", "AB", "B", "BB"].map(|n| names.iter().position(|m| *m == n).unwrap());
    // The paper's order of the forward reactions; each is followed by its reverse.
    let order = [
        "A + A -> AA",
        "A + B -> AB",
        "B + B -> BB",
        "AA + BB -> AB + AB",
        "B + AA -> A + AB",
        "A + BB -> B + AB",
    ];
    let s = dense(&network);
    let mut rows = Vec::new();
    for forward in order {
        let j = (0..12)
            .find(|&j| network.equation(j) == forward)
            .unwrap_or_else(|| panic!("no {forward}"));
        assert_eq!(j % 2, 0, "{forward} is a forward reaction");
        for j in [j, j + 1] {
            rows.push(columns.map(|i| s[(i, j)] as i32));
        }
    }
    assert_eq!(rows, PAPER);
}

#[test]
fn counts() {
    // Molecules: C(atoms + size, size) − 1. Reactions counted independently by a short Python script that enumerates
    // multisets of at most two compositions with itertools.
    for (atoms, size, molecules, reactions) in REACTION_COUNTS {
        let network = LatentNetwork::generate(atoms, size).unwrap();
        assert_eq!(
            (network.molecules().len(), network.reactions().len()),
            (molecules, reactions),
            "{atoms} atoms, size {size}"
        );
    }
}

const REACTION_COUNTS: [(usize, usize, usize, usize); 10] = [
    (1, 1, 1, 0),
    (1, 2, 2, 2),
    (1, 3, 3, 6),
    (2, 1, 2, 0),
    (2, 2, 5, 12),
    (2, 3, 9, 72),
    (2, 4, 14, 276),
    (3, 2, 9, 42),
    (3, 3, 19, 420),
    (4, 2, 14, 110),
];

#[test]
fn refused_sizes() {
    for (atoms, size) in [(0, 2), (2, 0), (27, 2), (2, 1_000_000), (26, 60), (12, 4)] {
        let error = LatentNetwork::generate(atoms, size).unwrap_err();
        assert!(matches!(error, Error::LatentNetwork { .. }), "{error}");
    }
}

#[test]
fn exports_hold_every_reaction() {
    let network = LatentNetwork::generate(2, 2).unwrap();
    let k: Vec<f64> = (0..12).map(|j| 0.5 + j as f64).collect();
    for format in ExportFormat::ALL {
        for k in [None, Some(&k[..])] {
            let text = network.export(format, k).unwrap();
            for j in 0..12 {
                let equation = network.equation(j);
                let equation = match format {
                    ExportFormat::Latex => {
                        equation.replace("->", "$\\rightarrow$").replace('+', "$+$")
                    }
                    _ => equation,
                };
                assert!(text.contains(&equation), "{format}: {equation} in\n{text}");
            }
        }
        assert!(network.export(format, Some(&k[1..])).is_err());
        assert_eq!(format.name().parse::<ExportFormat>().unwrap(), format);
    }
    assert!("fortran".parse::<ExportFormat>().is_err());
}

/// Evaluates the exported right-hand side by reading its text: rates `k[j] * z[i] …`, sums `± n * r[j]`.
fn evaluate(source: &str, z: &[f64], k: &[f64]) -> Vec<f64> {
    let number = |text: &str| {
        text.trim_matches(|c: char| !c.is_ascii_digit())
            .parse::<usize>()
            .unwrap()
    };
    let mut rates = Vec::new();
    let mut dzdt = Vec::new();
    for line in source.lines().map(str::trim) {
        let code = line.split([',', '#', ';']).next().unwrap();
        if code.starts_with("k[") {
            rates.push(
                code.split('*')
                    .map(|f| {
                        if f.trim().starts_with('k') {
                            k[number(f)]
                        } else {
                            z[number(f)]
                        }
                    })
                    .product::<f64>(),
            );
        } else if let Some(at) = code.find("0.0 ").filter(|_| code.contains("r[")) {
            let words: Vec<&str> = code[at + 3..].split_whitespace().collect();
            let mut sum = 0.0;
            let (mut sign, mut factor) = (1.0, 1.0);
            for word in words {
                match word {
                    "+" | "-" => (sign, factor) = (if word == "-" { -1.0 } else { 1.0 }, 1.0),
                    "*" => {}
                    r if r.starts_with("r[") => sum += sign * factor * rates[number(r)],
                    n => factor = n.parse().unwrap(),
                }
            }
            dzdt.push(sum);
        }
    }
    dzdt
}

proptest! {
    #[test]
    fn every_atom_is_conserved(atoms in 1usize..5, size in 1usize..4) {
        let network = LatentNetwork::generate(atoms, size).unwrap();
        for reaction in network.reactions() {
            for atom in 0..atoms {
                let count = |side: &[usize]| side.iter().map(|&i| network.molecules()[i].composition()[atom]).sum::<u32>();
                prop_assert_eq!(count(reaction.reactants()), count(reaction.products()));
            }
            prop_assert!(reaction.reactants().iter().all(|i| !reaction.products().contains(i)));
        }
        if !network.reactions().is_empty() {
            let total = DVector::from_vec(network.masses()).transpose() * dense(&network);
            prop_assert!(total.iter().all(|&x| x == 0.0));
        }
    }

    #[test]
    fn exported_sources_compute_mass_action(
        (atoms, size) in (1usize..4, 2usize..4),
        seed in proptest::collection::vec(0.1f64..3.0, 600),
    ) {
        let network = LatentNetwork::generate(atoms, size).unwrap();
        let (n, m) = (network.molecules().len(), network.reactions().len());
        let z = &seed[..n];
        let k: Vec<f64> = seed.iter().cycle().skip(n).take(m).copied().collect();
        let rates = network.reactions().iter().zip(&k).map(|(r, k)| r.reactants().iter().map(|&i| z[i]).product::<f64>() * k);
        let expected = dense(&network) * DVector::from_iterator(m, rates);
        for format in [ExportFormat::Rust, ExportFormat::Python] {
            let found = evaluate(&network.export(format, None).unwrap(), z, &k);
            prop_assert_eq!(found.len(), n);
            for (a, b) in found.iter().zip(expected.iter()) {
                prop_assert!((a - b).abs() < 1e-10 * (1.0 + b.abs()), "{} {} {}", format, a, b);
            }
        }
    }
}
