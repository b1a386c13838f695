//! What the benchmarks share: the 224 network with initial states, and the straightforward right-hand side to measure against.
//!
//! `cargo bench -p benches` runs all; `cargo bench -p benches --bench kinetics` one of them.

use chem_network::{Environment, Kinetics, Network, embedded, sampling::Distribution};

/// Conditions of Grassi et al. 2021: T = 50 K, ζ = 1e-16 s⁻¹.
pub fn conditions() -> Environment {
    Environment::new(50.0, 1e-16)
}

/// The embedded 224-reaction network and its kinetics at [`conditions`]; `None` should the network be gone.
pub fn osu224() -> Option<(Network, Kinetics)> {
    let network = embedded("osu224")?;
    let kinetics = Kinetics::new(&network, &conditions()).ok()?;
    Some((network, kinetics))
}

/// `models` initial states (cm⁻³) of the distribution of Grassi et al. 2021, one after the other.
pub fn initial_states(network: &Network, models: usize) -> Vec<f64> {
    Distribution::grassi()
        .sample(network, models, 1)
        .map(|s| s.states().to_vec())
        .unwrap_or_default()
}

/// The right-hand side as one writes it first: a loop over reactions, a product over reactants, sums into species.
pub struct Straightforward {
    reactions: Vec<(f64, Vec<usize>, Vec<usize>)>,
}

impl Straightforward {
    /// The reactions of `kinetics`, with its rate coefficients.
    pub fn new(kinetics: &Kinetics) -> Self {
        let row =
            |(k, r): (&f64, &chem_network::Reaction)| (*k, r.reactants.clone(), r.products.clone());
        Self {
            reactions: kinetics
                .rate_coefficients()
                .iter()
                .zip(kinetics.network().reactions())
                .map(row)
                .collect(),
        }
    }

    /// dn/dt (cm⁻³ s⁻¹) at number densities `n` (cm⁻³).
    pub fn rhs(&self, n: &[f64], dndt: &mut [f64]) {
        dndt.fill(0.0);
        for (k, reactants, products) in &self.reactions {
            let rate = reactants.iter().fold(*k, |rate, &i| rate * n[i]);
            reactants.iter().for_each(|&i| dndt[i] -= rate);
            products.iter().for_each(|&i| dndt[i] += rate);
        }
    }

    /// ∂(dn/dt)/∂n as a dense matrix, column-major.
    pub fn jacobian(&self, n: &[f64], dense: &mut [f64]) {
        dense.fill(0.0);
        let dim = n.len();
        for (k, reactants, products) in &self.reactions {
            for (a, &column) in reactants.iter().enumerate() {
                let others = reactants.iter().enumerate().filter(|(b, _)| *b != a);
                let rate = others.fold(*k, |rate, (_, &i)| rate * n[i]);
                reactants
                    .iter()
                    .for_each(|&row| dense[column * dim + row] -= rate);
                products
                    .iter()
                    .for_each(|&row| dense[column * dim + row] += rate);
            }
        }
    }
}

/// The code of the workspace's README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
