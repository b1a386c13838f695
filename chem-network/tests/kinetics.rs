//! Laws of `Kinetics`: dn/dt = S r, J = its derivative, elements and charge conserved, lanes and
//! single states equal, order of reactions and species without effect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{
    Environment, Error, Kinetics, LaneKinetics, Network, RateLaw, Reaction, Species, Workspace,
    embedded,
};
use proptest::prelude::*;

/// dn/dt as S r with dense loops, and Σ |S| r, the scale of its rounding errors.
fn plain_rhs(network: &Network, k: &[f64], n: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let s = network.stoichiometry();
    let orders = network.reactant_orders();
    let (mut f, mut scale) = (vec![0.0; n.len()], vec![0.0; n.len()]);
    for j in 0..k.len() {
        let mut rate = k[j];
        let column = orders.col(j);
        for (&i, order) in column.row_indices().iter().zip(column.values()) {
            rate *= n[i].powi(*order as i32);
        }
        let column = s.col(j);
        for (&i, change) in column.row_indices().iter().zip(column.values()) {
            f[i] += change * rate;
            scale[i] += (change * rate).abs();
        }
    }
    (f, scale)
}

/// Networks of made-up reactions among eight species: up to three reactants and five products,
/// repeated species, many reactions with the same reactants, catalysts.
fn networks() -> impl Strategy<Value = (Network, Vec<f64>)> {
    let members = |most: usize| prop::collection::vec(0..8usize, 1..=most);
    let reaction =
        (members(3), members(5), 1e-3..1e3f64).prop_map(|(mut reactants, products, k)| {
            if reactants.len() > 1 && k > 1.0 {
                reactants[0] %= 3; // more reactions with reactants in common
                reactants[1] %= 2;
            }
            let rate = RateLaw::Kooij {
                alpha: k,
                beta: 0.0,
                gamma: 0.0,
            };
            Reaction::new(reactants, products, rate)
        });
    let state = prop::collection::vec(1e-2..1e2f64, 8);
    (prop::collection::vec(reaction, 0..400), state).prop_map(|(reactions, n)| {
        let names = ["H", "H2", "O", "OH", "H2O", "C", "CO", "e-"];
        let species = names
            .iter()
            .map(|name| Species::from_name(name).unwrap())
            .collect();
        (Network::new(species, reactions).unwrap(), n)
    })
}

fn dense_jacobian(kinetics: &Kinetics, n: &[f64]) -> Vec<Vec<f64>> {
    let (offsets, rows) = kinetics.sparsity();
    let mut values = vec![f64::NAN; rows.len()];
    kinetics.jacobian(n, &mut values);
    let mut dense = vec![vec![0.0; n.len()]; n.len()];
    for column in 0..n.len() {
        for entry in offsets[column]..offsets[column + 1] {
            dense[rows[entry]][column] = values[entry];
        }
    }
    dense
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rhs_is_s_times_rates((network, n) in networks()) {
        let kinetics = Kinetics::new(&network, &Environment::default()).unwrap();
        let mut f = vec![f64::NAN; n.len()];
        kinetics.rhs(&n, &mut f);
        let (expected, scale) = plain_rhs(&network, kinetics.rate_coefficients(), &n);
        for i in 0..n.len() {
            prop_assert!((f[i] - expected[i]).abs() <= 1e-13 * scale[i], "{i}: {} {}", f[i], expected[i]);
        }
    }

    #[test]
    fn jacobian_is_the_derivative((network, n) in networks()) {
        let kinetics = Kinetics::new(&network, &Environment::default()).unwrap();
        let jacobian = dense_jacobian(&kinetics, &n);
        let k = kinetics.rate_coefficients();
        for column in 0..n.len() {
            // The right-hand side is a polynomial of degree 3 at most: with step h central
            // differences of plain sums are off by the third derivative times h²/6.
            let h = 1e-4 * n[column];
            let (mut up, mut down) = (n.clone(), n.clone());
            up[column] += h;
            down[column] -= h;
            let ((f_up, scale), (f_down, _)) = (plain_rhs(&network, k, &up), plain_rhs(&network, k, &down));
            for row in 0..n.len() {
                let difference = (f_up[row] - f_down[row]) / (up[column] - down[column]);
                let tolerance = scale[row] / n[column] * 1e-7;
                prop_assert!(
                    (jacobian[row][column] - difference).abs() <= tolerance,
                    "{row}, {column}: {} {difference}", jacobian[row][column]
                );
            }
        }
    }

    #[test]
    fn lanes_equal_single_states((network, n) in networks(), factor in 1.1..2.0f64) {
        const W: usize = 4;
        let mut kinetics = Kinetics::new(&network, &Environment::default()).unwrap();
        let dim = n.len();
        let wide: Vec<[f64; W]> = n.iter().map(|x| [1.0, 2.0, 3.0, 4.0].map(|l| l * x)).collect();
        let nnz = kinetics.sparsity().1.len();
        let (mut f, mut values) = (vec![[f64::NAN; W]; dim], vec![[f64::NAN; W]; nnz]);
        kinetics.rhs_lanes(&wide, &mut f);
        kinetics.jacobian_lanes(&wide, &mut values);
        let mut workspace = Workspace::new();
        let (mut g, mut w) = (vec![[f64::NAN; W]; dim], vec![[f64::NAN; W]; nnz]);
        kinetics.rhs_lanes_dispatched(&wide, &mut g, &mut workspace);
        kinetics.jacobian_lanes_dispatched(&wide, &mut w, &mut workspace);
        prop_assert_eq!(&f, &g);
        prop_assert_eq!(&values, &w);

        // Lane 2 has rate coefficients of its own.
        let mut lanes = LaneKinetics::<W>::new(&kinetics);
        let other: Vec<f64> = kinetics.rate_coefficients().iter().map(|k| k * factor).collect();
        let first = kinetics.clone();
        kinetics.set_rate_coefficients(&other).unwrap();
        lanes.set_lane(2, &kinetics).unwrap();
        lanes.rhs(&wide, &mut f);
        lanes.jacobian(&wide, &mut values);
        lanes.rhs_dispatched(&wide, &mut g, &mut workspace);
        lanes.jacobian_dispatched(&wide, &mut w, &mut workspace);
        prop_assert_eq!(&f, &g);
        prop_assert_eq!(&values, &w);
        for lane in 0..W {
            let one = if lane == 2 { &kinetics } else { &first };
            let state: Vec<f64> = wide.iter().map(|x| x[lane]).collect();
            let (mut f_one, mut values_one) = (vec![0.0; dim], vec![0.0; nnz]);
            one.rhs(&state, &mut f_one);
            one.jacobian(&state, &mut values_one);
            // One state alone adds its terms in another order.
            let (_, scale) = plain_rhs(&network, one.rate_coefficients(), &state);
            for i in 0..dim {
                let difference = (f_one[i] - f[i][lane]).abs();
                prop_assert!(difference <= 1e-13 * scale[i], "{i}: {} {}", f_one[i], f[i][lane]);
            }
            prop_assert_eq!(values_one, values.iter().map(|x| x[lane]).collect::<Vec<_>>());
        }
    }

    #[test]
    fn order_of_reactions_and_species_does_not_matter((network, n) in networks(), seed in any::<u64>()) {
        let dim = n.len();
        // Species in reverse, reactions rotated.
        let at = |i: usize| dim - 1 - i;
        let species: Vec<Species> = network.species().iter().rev().cloned().collect();
        let mut reactions: Vec<Reaction> = network.reactions().iter().map(|r| Reaction {
            reactants: r.reactants.iter().map(|&i| at(i)).collect(),
            products: r.products.iter().map(|&i| at(i)).collect(),
            ..r.clone()
        }).collect();
        let turn = (seed % (reactions.len() as u64 + 1)) as usize;
        reactions.rotate_left(turn);
        let permuted = Network::new(species, reactions).unwrap();
        let environment = Environment::default();
        let (a, b) = (Kinetics::new(&network, &environment).unwrap(), Kinetics::new(&permuted, &environment).unwrap());
        let m: Vec<f64> = n.iter().rev().copied().collect();
        let (mut f, mut g) = (vec![0.0; dim], vec![0.0; dim]);
        a.rhs(&n, &mut f);
        b.rhs(&m, &mut g);
        let (_, scale) = plain_rhs(&network, a.rate_coefficients(), &n);
        for i in 0..dim {
            prop_assert!((f[i] - g[at(i)]).abs() <= 1e-13 * scale[i]);
        }
        prop_assert_eq!(network.jacobian_pattern().1.len(), permuted.jacobian_pattern().1.len());
        prop_assert_eq!(network.conservation_laws().unwrap().len(), permuted.conservation_laws().unwrap().len());
    }

    #[test]
    fn conservation_laws_are_a_basis_of_the_left_null_space((network, _) in networks()) {
        let laws = network.conservation_laws().unwrap();
        for law in &laws {
            for reaction in network.reactions() {
                let change: i128 = reaction.net().iter().map(|&(i, v)| law[i] * i128::from(v)).sum();
                prop_assert_eq!(change, 0);
            }
        }
        // Their number is species − rank S, the rank by singular values.
        let s = nalgebra::DMatrix::from(&network.stoichiometry());
        let rank = if s.ncols() == 0 { 0 } else { s.rank(1e-9) };
        prop_assert_eq!(laws.len(), network.species().len() - rank);
    }

    #[test]
    fn osu224_conserves_elements_and_charge(n in prop::collection::vec(-20.0..4.0f64, 29), t in 5.0..500.0f64) {
        let network = embedded("osu224").unwrap();
        let n: Vec<f64> = n.into_iter().map(|x| 10f64.powf(x)).collect();
        let kinetics = Kinetics::new(&network, &Environment::new(t, 1e-16)).unwrap();
        let mut f = vec![0.0; 29];
        kinetics.rhs(&n, &mut f);
        let (plain, scale) = plain_rhs(&network, kinetics.rate_coefficients(), &n);
        let ions: f64 = (0..29).filter(|&i| network.species()[i].charge() != 0).map(|i| scale[i]).sum();
        for i in 0..29 {
            // Electrons are counted by the ions.
            let scale = if i == 28 { ions } else { scale[i] };
            prop_assert!((f[i] - plain[i]).abs() <= 1e-13 * scale, "{i}: {} {}", f[i], plain[i]);
        }
        let charge: f64 = network.species().iter().zip(&f).map(|(s, f)| f64::from(s.charge()) * f).sum();
        let net: f64 = network.species().iter().zip(&f).map(|(s, f)| (f64::from(s.charge()) * f).abs()).sum();
        prop_assert!(charge.abs() <= 1e-14 * net, "{charge} {net}");
        let jacobian = dense_jacobian(&kinetics, &n);
        for (what, weights) in network.conserved_quantities() {
            let total = |column: &dyn Fn(usize) -> f64| -> f64 { (0..29).map(|i| weights[i] * column(i)).sum() };
            let gross: f64 = (0..29).map(|i| weights[i].abs() * scale[i]).sum();
            prop_assert!(total(&|i| f[i]).abs() <= 1e-14 * gross, "{what}");
            for j in 0..29 {
                let gross: f64 = (0..29).map(|i| weights[i].abs() * jacobian[i][j].abs()).sum();
                prop_assert!(total(&|i| jacobian[i][j]).abs() <= 1e-13 * gross, "{what}, column {j}");
            }
        }
    }
}

#[test]
fn stoichiometry_of_osu224_conserves_exactly() {
    let network = embedded("osu224").unwrap();
    let s = network.stoichiometry();
    assert_eq!((s.nrows(), s.ncols()), (29, 224));
    let names: Vec<String> = network
        .conserved_quantities()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["H", "C", "O", "charge"]);
    for (what, weights) in network.conserved_quantities() {
        for column in s.col_iter() {
            let entries = column.row_indices().iter().zip(column.values());
            let change: f64 = entries.map(|(&i, v)| weights[i] * v).sum();
            assert_eq!(change, 0.0, "{what}");
        }
    }
    let net = &network.products() - &network.reactant_orders();
    assert_eq!(nalgebra::DMatrix::from(&net), nalgebra::DMatrix::from(&s));
}

fn one_reaction(rate: RateLaw) -> Network {
    let species = ["CO", "C", "O"]
        .map(|name| Species::from_name(name).unwrap())
        .to_vec();
    Network::new(species, vec![Reaction::new(vec![0], vec![1, 2], rate)]).unwrap()
}

#[test]
fn rate_laws_by_hand() {
    // Values computed independently (Python, math module) at T = 50 K, ζ = 1e-16, A_V = 2, χ = 3, ω = 0.6.
    let environment = Environment::default()
        .with_visual_extinction(2.0)
        .with_radiation_field(3.0)
        .with_grain_albedo(0.6);
    let (alpha, beta, gamma) = (2e-10, -0.5, 30.0);
    for (rate, expected) in [
        (
            RateLaw::Kooij { alpha, beta, gamma },
            2.688_616_946_664_744e-10,
        ),
        (
            RateLaw::CosmicRay {
                alpha: 5.0,
                reference: 1.0,
            },
            5e-16,
        ),
        (
            RateLaw::CosmicRayPhoton {
                alpha: 1.3,
                beta: 1.0,
                gamma: 100.0,
                reference: 1.0,
            },
            5.416_666_666_666_667e-15,
        ),
        (
            RateLaw::Photo {
                alpha: 2e-10,
                gamma: 2.5,
            },
            4.042_768_199_451_28e-12,
        ),
    ] {
        let kinetics = Kinetics::new(&one_reaction(rate.clone()), &environment).unwrap();
        let k = kinetics.rate_coefficients()[0];
        assert!((k - expected).abs() <= 1e-12 * expected, "{rate:?}: {k:e}");
    }
}

#[test]
fn what_the_environment_lacks_is_named() {
    let photo = one_reaction(RateLaw::Photo {
        alpha: 1e-10,
        gamma: 1.0,
    });
    let induced = one_reaction(RateLaw::CosmicRayPhoton {
        alpha: 1.3,
        beta: 0.0,
        gamma: 100.0,
        reference: 1.0,
    });
    let shielded = Environment::default().with_visual_extinction(1.0);
    for (network, environment, name) in [
        (&photo, Environment::default(), "A_V"),
        (&photo, shielded, "χ"),
        (&induced, shielded, "ω"),
    ] {
        let error = Kinetics::new(network, &environment).unwrap_err();
        assert!(matches!(error, Error::MissingQuantity { .. }));
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.to_string().contains("CO -> C + O"), "{error}");
    }
}

#[test]
fn a_refused_environment_leaves_the_old_one() {
    let network = one_reaction(RateLaw::Photo {
        alpha: 1e-10,
        gamma: 1.0,
    });
    let lit = Environment::default()
        .with_visual_extinction(1.0)
        .with_radiation_field(1.0);
    let mut kinetics = Kinetics::new(&network, &lit).unwrap();
    let before = kinetics.rate_coefficients().to_vec();
    for bad in [
        Environment::default(),
        lit.with_temperature(-1.0),
        lit.with_temperature(f64::NAN),
        lit.with_cosmic_ray_rate(-1e-17),
        lit.with_visual_extinction(f64::INFINITY),
        lit.with_density(-1.0),
        lit.with_radiation_field(f64::NAN),
        lit.with_grain_albedo(1.0),
    ] {
        assert!(kinetics.set_environment(&bad).is_err(), "{bad:?}");
        assert_eq!(kinetics.environment(), &lit);
        assert_eq!(kinetics.rate_coefficients(), before);
    }
    assert!(kinetics.set_rate_coefficients(&[-1.0]).is_err());
    assert!(kinetics.set_rate_coefficients(&[1.0, 2.0]).is_err());
}

#[test]
fn networks_that_are_refused() {
    let species = || {
        vec![
            Species::from_name("H").unwrap(),
            Species::from_name("H2").unwrap(),
        ]
    };
    let kooij = |alpha, beta| RateLaw::Kooij {
        alpha,
        beta,
        gamma: 0.0,
    };
    let network = |reactants, products, rate| {
        Network::new(species(), vec![Reaction::new(reactants, products, rate)])
    };
    assert!(network(vec![0, 0], vec![1], kooij(1.0, 0.0)).is_ok());
    for (result, variant) in [
        (network(vec![], vec![1], kooij(1.0, 0.0)), "reactant"),
        (network(vec![0], vec![], kooij(1.0, 0.0)), "product"),
        (network(vec![0], vec![2], kooij(1.0, 0.0)), "species 2 of 2"),
        (network(vec![0, 0], vec![1], kooij(-1.0, 0.0)), "alpha = -1"),
        (
            network(vec![0, 0], vec![1], kooij(1.0, f64::NAN)),
            "beta = NaN",
        ),
        (
            network(vec![0, 0], vec![1], kooij(f64::INFINITY, 0.0)),
            "alpha = inf",
        ),
        (
            Network::new([species(), species()].concat(), vec![]),
            "twice",
        ),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(variant), "{error}");
    }
}

#[test]
fn lanes_of_another_network_are_refused() {
    let network = embedded("osu224").unwrap();
    let one = Kinetics::new(&network, &Environment::default()).unwrap();
    let other = Kinetics::new(&network, &Environment::default()).unwrap();
    let mut lanes = LaneKinetics::<2>::new(&one);
    assert!(matches!(lanes.set_lane(2, &one), Err(Error::Length { .. })));
    assert!(matches!(
        lanes.set_lane(0, &other),
        Err(Error::OtherNetwork)
    ));
}

#[test]
fn kinetics_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Kinetics>();
    check::<LaneKinetics<8>>();
    check::<Network>();
    check::<Error>();
}
