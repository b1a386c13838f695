//! What the benchmarks share: the 224 network with initial states, and the straightforward right-hand side to measure against.
//!
//! `cargo bench -p benches` runs all; `cargo bench -p benches --bench kinetics` one of them.

pub mod rays;

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

/// The complete OSU network (osu_09_2008.osu) as a dark cloud, from the shared test data beside the workspace; `None` where that is absent.
pub fn complete_osu() -> Option<(Network, Kinetics)> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/networks/osu_09_2008.osu"
    );
    let network = chem_network::read_network(path).ok()?;
    let cloud = Environment::new(10.0, 1.3e-17)
        .with_visual_extinction(10.0)
        .with_radiation_field(1.0);
    let kinetics = Kinetics::new(&network, &cloud).ok()?;
    Some((network, kinetics))
}

/// The initial state (cm⁻³) of the shared dark cloud in the order of a network's species; `None` where the shared test data are absent.
pub fn dark_cloud(network: &Network) -> Option<Vec<f64>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/peers/osu4457.csv"
    );
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines().map(|line| line.split(','));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut state = vec![0.0; network.species().len()];
    for (name, value) in names.zip(values) {
        // The table spells HE, E and FE+ what the network calls He, e- and Fe+: a name that is not found is no 0 but another cloud.
        state[network.species_index(name)?] = value.parse().ok()?;
    }
    Some(state)
}

/// Right-hand side and Jacobian as one writes them first: a loop over reactions, a product over reactants, sums into species; the entries of the
/// Jacobian found beforehand.
pub struct Straightforward {
    k: Vec<f64>,
    reactants: Vec<Vec<usize>>,
    products: Vec<Vec<usize>>,
    /// Entries of the Jacobian that a derivative is taken from, and added to, one after the other.
    slots: Vec<usize>,
}

impl Straightforward {
    /// The reactions of `kinetics`, with its rate coefficients and the pattern of its Jacobian.
    pub fn new(kinetics: &Kinetics) -> Self {
        let (offsets, rows) = kinetics.sparsity();
        let reactions = kinetics.network().reactions();
        let mut slots = Vec::new();
        for reaction in reactions {
            for &column in &reaction.reactants {
                for row in reaction.reactants.iter().chain(&reaction.products) {
                    let range = offsets[column]..offsets[column + 1];
                    let at = rows[range.clone()].partition_point(|r| r < row);
                    slots.push(range.start + at);
                }
            }
        }
        Self {
            k: kinetics.rate_coefficients().to_vec(),
            reactants: reactions.iter().map(|r| r.reactants.clone()).collect(),
            products: reactions.iter().map(|r| r.products.clone()).collect(),
            slots,
        }
    }

    /// dn/dt (cm⁻³ s⁻¹) at number densities `n` (cm⁻³).
    pub fn rhs(&self, n: &[f64], dndt: &mut [f64]) {
        dndt.fill(0.0);
        let reactions = self.k.iter().zip(&self.reactants).zip(&self.products);
        for ((k, reactants), products) in reactions {
            let rate = reactants.iter().fold(*k, |rate, &i| rate * n[i]);
            reactants.iter().for_each(|&i| dndt[i] -= rate);
            products.iter().for_each(|&i| dndt[i] += rate);
        }
    }

    /// ∂(dn/dt)/∂n, in the order of the pattern of [`Kinetics::sparsity`].
    pub fn jacobian(&self, n: &[f64], values: &mut [f64]) {
        values.fill(0.0);
        let mut slots = self.slots.iter();
        let reactions = self.k.iter().zip(&self.reactants).zip(&self.products);
        for ((k, reactants), products) in reactions {
            for a in 0..reactants.len() {
                let others = reactants.iter().enumerate().filter(|(b, _)| *b != a);
                let rate = others.fold(*k, |rate, (_, &i)| rate * n[i]);
                for &slot in slots.by_ref().take(reactants.len()) {
                    values[slot] -= rate;
                }
                for &slot in slots.by_ref().take(products.len()) {
                    values[slot] += rate;
                }
            }
        }
    }
}

/// The code of the workspace's README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
