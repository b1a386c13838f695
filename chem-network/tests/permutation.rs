//! Results do not depend on the order of species and reactions, and balanced reactions conserve
//! elements and charge, whatever their laws.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{
    Environment, Fit, GrainH2, Kinetics, Network, Rate, RateLaw, Reaction, Species,
    TemperatureRange, embedded,
};
use proptest::prelude::*;

/// Every quantity that a law may need.
fn cloud(t: f64) -> Environment {
    Environment::new(t, 1e-15)
        .with_density(1e4)
        .with_visual_extinction(0.7)
        .with_radiation_field(3.0)
        .with_grain_albedo(0.4)
        .with_dust_temperature(15.0)
        .with_doppler_width(1e5)
        .with_h2_column(1e17)
        .with_c_column(1e15)
}

fn laws() -> impl Strategy<Value = RateLaw> {
    let alpha = || 1e-12..1e-8f64;
    prop_oneof![
        4 => (alpha(), -2.0..2.0f64, 0.0..100.0f64)
            .prop_map(|(alpha, beta, gamma)| RateLaw::Kooij { alpha, beta, gamma }),
        1 => alpha().prop_map(|alpha| RateLaw::CosmicRay { alpha, reference: 1.3e-17 }),
        1 => (alpha(), 0.0..2.0f64, 1.0..900.0f64).prop_map(|(alpha, beta, gamma)| {
            RateLaw::CosmicRayPhoton { alpha, beta, gamma, reference: 1.3e-17 }
        }),
        1 => (alpha(), 0.0..4.0f64).prop_map(|(alpha, gamma)| RateLaw::Photo { alpha, gamma }),
        1 => alpha().prop_map(|alpha| RateLaw::PhotoH2 { alpha }),
        1 => (alpha(), 0.0..4.0f64).prop_map(|(alpha, gamma)| RateLaw::PhotoC { alpha, gamma }),
        1 => (0.1..1.0f64, alpha(), 0.1..6.0f64)
            .prop_map(|(alpha, beta, gamma)| RateLaw::IonPol1 { alpha, beta, gamma }),
        1 => (0.1..1.0f64, alpha(), 0.1..6.0f64)
            .prop_map(|(alpha, beta, gamma)| RateLaw::IonPol2 { alpha, beta, gamma }),
    ]
}

fn rates() -> impl Strategy<Value = Rate> {
    prop_oneof![
        3 => laws().prop_map(Rate::from),
        1 => (laws(), laws(), 20.0..200.0f64).prop_map(|(cold, warm, t)| {
            let range = |min, max| TemperatureRange::new(min, max).unwrap();
            Rate::of(vec![
                Fit::new(cold, range(0.0, t)),
                Fit::new(warm, range(1.2 * t, f64::INFINITY)),
            ])
            .unwrap()
        }),
        1 => Just(Rate::from(RateLaw::GrainH2(GrainH2::CazauxTielens2002))),
    ]
}

/// Reactions of the 224-reaction network, all balanced, with other laws, and a state.
fn networks() -> impl Strategy<Value = (Network, Vec<f64>)> {
    let all = embedded("osu224").unwrap();
    let state = prop::collection::vec(-6.0..4.0f64, all.species().len());
    let chosen = prop::collection::vec((0..all.reactions().len(), rates()), 1..80);
    (chosen, state).prop_map(move |(chosen, n)| {
        let reactions = chosen.into_iter().map(|(j, rate)| {
            let Reaction {
                reactants,
                products,
                ..
            } = all.reactions()[j].clone();
            Reaction::new(reactants, products, rate)
        });
        let network = Network::new(all.species().to_vec(), reactions.collect()).unwrap();
        (network, n.into_iter().map(|x| 10f64.powf(x)).collect())
    })
}

/// dn/dt, the dense Jacobian by columns, and the sums of the magnitudes that make up each.
struct Evaluated {
    f: Vec<f64>,
    f_scale: Vec<f64>,
    jacobian: Vec<Vec<f64>>,
    jacobian_scale: Vec<Vec<f64>>,
}

fn evaluate(network: &Network, environment: &Environment, n: &[f64]) -> Evaluated {
    let kinetics = Kinetics::new(network, environment).unwrap();
    let dim = n.len();
    let mut f = vec![f64::NAN; dim];
    kinetics.rhs(n, &mut f);
    let (offsets, rows) = kinetics.sparsity();
    let mut values = vec![f64::NAN; rows.len()];
    kinetics.jacobian(n, &mut values);
    let mut jacobian = vec![vec![0.0; dim]; dim];
    for column in 0..dim {
        for entry in offsets[column]..offsets[column + 1] {
            jacobian[column][rows[entry]] = values[entry];
        }
    }
    let (mut f_scale, mut jacobian_scale) = (vec![0.0; dim], vec![vec![0.0; dim]; dim]);
    for (reaction, k) in network.reactions().iter().zip(kinetics.rate_coefficients()) {
        let factors = reaction.factors();
        let rate = factors.iter().fold(*k, |r, &i| r * n[i]);
        for (i, change) in reaction.net() {
            let size = f64::from(change.abs()) * rate;
            f_scale[i] += size;
            for &j in factors {
                jacobian_scale[j][i] += size / n[j];
            }
        }
    }
    // The electrons' change is that of all ions.
    let charged: Vec<usize> = (0..dim)
        .filter(|&i| network.species()[i].charge() != 0)
        .collect();
    if let Some(e) = network.species_index("e-") {
        f_scale[e] = charged.iter().map(|&i| f_scale[i]).sum();
        for column in &mut jacobian_scale {
            column[e] = charged.iter().map(|&i| column[i]).sum();
        }
    }
    Evaluated {
        f,
        f_scale,
        jacobian,
        jacobian_scale,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn order_of_species_and_reactions_does_not_matter(
        (network, n) in networks(),
        place in Just((0..29usize).collect::<Vec<_>>()).prop_shuffle(),
        seed in any::<u64>(),
        t in 10.0..400.0f64,
    ) {
        // Species i goes to place[i]; reactions are sorted by a hash of their number.
        let mut species: Vec<Option<Species>> = vec![None; 29];
        let mut m = vec![0.0; 29];
        for (i, &to) in place.iter().enumerate() {
            species[to] = Some(network.species()[i].clone());
            m[to] = n[i];
        }
        let mut order: Vec<usize> = (0..network.reactions().len()).collect();
        order.sort_by_key(|&j| (j as u64 + 1).wrapping_mul(seed | 1).rotate_left(23));
        let moved = |side: &[usize]| side.iter().map(|&i| place[i]).collect();
        let reactions = order.iter().map(|&j| {
            let reaction = &network.reactions()[j];
            Reaction {
                reactants: moved(&reaction.reactants),
                products: moved(&reaction.products),
                ..reaction.clone()
            }
        });
        let permuted = Network::new(species.into_iter().flatten().collect(), reactions.collect()).unwrap();
        let (a, b) = (evaluate(&network, &cloud(t), &n), evaluate(&permuted, &cloud(t), &m));
        for i in 0..29 {
            let tolerance = 1e-13 * a.f_scale[i];
            prop_assert!((a.f[i] - b.f[place[i]]).abs() <= tolerance, "{i}: {} {}", a.f[i], b.f[place[i]]);
            for j in 0..29 {
                let (x, y) = (a.jacobian[j][i], b.jacobian[place[j]][place[i]]);
                prop_assert!((x - y).abs() <= 1e-13 * a.jacobian_scale[j][i], "{i}, {j}: {x} {y}");
            }
        }
    }

    #[test]
    fn balanced_reactions_conserve_elements_and_charge((network, n) in networks(), t in 10.0..400.0f64) {
        prop_assert!(network.unbalanced().is_empty());
        let s = network.stoichiometry();
        let found = evaluate(&network, &cloud(t), &n);
        for (what, weights) in network.conserved_quantities() {
            for column in s.col_iter() {
                let entries = column.row_indices().iter().zip(column.values());
                let change: f64 = entries.map(|(&i, v)| weights[i] * v).sum();
                prop_assert_eq!(change, 0.0, "{}", what);
            }
            let total: f64 = weights.iter().zip(&found.f).map(|(w, f)| w * f).sum();
            let gross: f64 = weights.iter().zip(&found.f_scale).map(|(w, f)| w.abs() * f).sum();
            prop_assert!(total.abs() <= 1e-13 * gross, "{what}: {total} of {gross}");
        }
    }

    #[test]
    fn the_jacobian_is_the_derivative_under_every_law((network, n) in networks(), t in 10.0..400.0f64) {
        let found = evaluate(&network, &cloud(t), &n);
        let kinetics = Kinetics::new(&network, &cloud(t)).unwrap();
        for j in 0..29 {
            // Rates are polynomials of degree 2 at most: central differences are exact but for
            // rounding, of the whole right-hand side over the step.
            let h = 0.25 * n[j];
            let (mut up, mut down) = (n.clone(), n.clone());
            up[j] += h;
            down[j] -= h;
            let (mut f_up, mut f_down) = (vec![0.0; 29], vec![0.0; 29]);
            kinetics.rhs(&up, &mut f_up);
            kinetics.rhs(&down, &mut f_down);
            for i in 0..29 {
                let difference = (f_up[i] - f_down[i]) / (up[j] - down[j]);
                let tolerance = 1e-13 * found.f_scale[i] / h + 1e-13 * found.jacobian_scale[j][i];
                let value = found.jacobian[j][i];
                prop_assert!((value - difference).abs() <= tolerance, "{i}, {j}: {value} {difference}");
            }
        }
    }
}

#[test]
fn h2_formation_on_grains_is_of_first_order_in_atoms() {
    let species = ["H", "H2"]
        .map(|name| Species::from_name(name).unwrap())
        .to_vec();
    let rate = RateLaw::GrainH2(GrainH2::Rollig2007);
    let reaction = Reaction::new(vec![0, 0], vec![1], rate);
    assert_eq!(reaction.factors(), [0]);
    let network = Network::new(species, vec![reaction]).unwrap();
    let found = evaluate(&network, &cloud(100.0), &[7.0, 1.0]);
    // dn(H2)/dt = R n_H n(H), twice as many atoms gone; R = 3e-18 √T, n_H = 1e4.
    let k = 3e-18 * 10.0 * 1e4;
    assert!((found.f[1] - 7.0 * k).abs() <= 1e-15 * k * 7.0);
    assert_eq!(found.f[0], -2.0 * found.f[1]);
    assert!((found.jacobian[0][1] - k).abs() <= 1e-15 * k);
    assert_eq!(network.jacobian_pattern().1.len(), 3);
}
