//! Mass action of latent networks: against S R formed independently, its derivatives against differences, its conservation laws.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use autodiff_ae::{LANES, LatentDynamics};
use latent_ode::{Coefficients, LatentNetwork, MassAction};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use stiff_ode_solvers::{Jacobian, Options, System, Tsit5, VectorJacobian, solve};

fn dynamics(atoms: usize, size: usize, exponential: bool) -> MassAction {
    let kind = if exponential {
        Coefficients::Exponential
    } else {
        Coefficients::Free
    };
    MassAction::new(LatentNetwork::generate(atoms, size).unwrap(), kind)
}

fn rhs(d: &MassAction, p: &[f64], z: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; z.len()];
    d.system(p).rhs(0.0, z, &mut g);
    g
}

proptest! {
    #[test]
    fn equals_stoichiometry_times_rates(
        (atoms, size) in prop_oneof![Just((2, 2)), Just((1, 3)), Just((3, 2)), Just((2, 3))],
        exponential: bool,
        numbers in proptest::collection::vec(-1.5f64..1.5, 120),
    ) {
        let d = dynamics(atoms, size, exponential);
        let (n, m) = (d.molecules(), d.reactions());
        let (z, p) = (&numbers[..n], &numbers[n..n + m]);
        let network = d.network();
        let k = |j: usize| if exponential { p[j].exp() } else { p[j] };
        let rates = DVector::from_fn(m, |j, _| k(j) * network.reactions()[j].reactants().iter().map(|&i| z[i]).product::<f64>());
        let expected = DMatrix::from(&network.stoichiometry()) * rates;
        let found = rhs(&d, p, z);
        for (a, b) in found.iter().zip(expected.iter()) {
            prop_assert!((a - b).abs() < 1e-11 * (1.0 + b.abs()), "{} {}", a, b);
        }
        // Latent mass is conserved (second term of L3).
        let mass: f64 = found.iter().zip(network.masses()).map(|(g, m)| g * m).sum();
        prop_assert!(mass.abs() < 1e-10);

        // Jacobian and cotangent products against central differences.
        let system = d.system(p);
        let mut jacobian = vec![0.0; n * n];
        system.jacobian(0.0, z, &mut jacobian);
        let v: Vec<f64> = (0..n).map(|i| (1.0 + i as f64).sin()).collect();
        let (mut z_bar, mut k_bar) = (vec![0.0; n], vec![0.0; m]);
        system.vjp(0.0, z, &v, &mut z_bar, &mut k_bar);
        system.parameter_gradient(&mut k_bar);
        let h = 1e-5;
        for c in 0..n + m {
            let shifted = |s: f64| {
                let (mut z, mut p) = (z.to_vec(), p.to_vec());
                if c < n { z[c] += s } else { p[c - n] += s }
                rhs(&d, &p, &z)
            };
            let slope: Vec<f64> = shifted(h).iter().zip(shifted(-h)).map(|(a, b)| (a - b) / (2.0 * h)).collect();
            let along: f64 = slope.iter().zip(&v).map(|(a, b)| a * b).sum();
            let found = if c < n { z_bar[c] } else { k_bar[c - n] };
            prop_assert!((found - along).abs() < 1e-7 * (1.0 + along.abs()), "{} {}", found, along);
            if c < n {
                for i in 0..n {
                    prop_assert!((jacobian[c * n + i] - slope[i]).abs() < 1e-7 * (1.0 + slope[i].abs()));
                }
            }
        }
    }

    #[test]
    fn lanes_agree_with_one_state(numbers in proptest::collection::vec(0.1f64..1.5, 5 * LANES + 12), exponential: bool) {
        let d = dynamics(2, 2, exponential);
        let p = &numbers[5 * LANES..];
        let z: &[[f64; LANES]] = numbers[..5 * LANES].as_chunks().0;
        let mut g = [[0.0; LANES]; 5];
        d.value(p, z, &[], &mut g);
        let bar: Vec<[f64; LANES]> = z.iter().map(|row| row.map(|x| x.cos())).collect();
        let (mut z_bar, mut p_bar) = ([[0.0; LANES]; 5], [0.0; 12]);
        d.vjp(p, z, &[], &bar, &mut z_bar, &mut p_bar, &mut []);
        let system = d.system(p);
        let mut total = [0.0; 12];
        for l in 0..LANES {
            let column = |rows: &[[f64; LANES]]| rows.iter().map(|r| r[l]).collect::<Vec<f64>>();
            prop_assert_eq!(column(&g), rhs(&d, p, &column(z)));
            let mut one = vec![0.0; 5];
            system.vjp(0.0, &column(z), &column(&bar), &mut one, &mut total);
            prop_assert_eq!(column(&z_bar), one);
        }
        system.parameter_gradient(&mut total);
        for (a, b) in p_bar.iter().zip(total) {
            prop_assert!((a - b).abs() < 1e-10 * (1.0 + b.abs()));
        }
    }

    #[test]
    fn rollouts_conserve_latent_mass(z in proptest::collection::vec(0.05f64..2.0, 5), p in proptest::collection::vec(-2.0f64..1.5, 12)) {
        let d = dynamics(2, 2, true);
        let solution = solve(&d.system(&p), &Tsit5, (0.0, 1.0), &z, &Options::default().rtol(1e-8).atol(1e-10)).unwrap();
        let mass = |z: &[f64]| z.iter().zip(d.network().masses()).map(|(z, m)| z * m).sum::<f64>();
        prop_assert!((mass(&solution.y_end) - mass(&z)).abs() < 1e-9 * mass(&z));
        prop_assert!(solution.y_end.iter().all(|&z| z > -1e-8), "molecules stay non-negative");
    }
}
