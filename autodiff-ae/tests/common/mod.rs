//! The first method's latent network written out plainly, and random problems around it.
#![allow(dead_code, clippy::unwrap_used)]

use autodiff_ae::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Reactants and products of the twelve reactions among (A, B, AA, BB, AB).
pub fn reactions() -> Vec<(Vec<usize>, Vec<usize>)> {
    let forward = [
        (vec![0, 0], vec![2]),
        (vec![0, 1], vec![4]),
        (vec![1, 1], vec![3]),
        (vec![2, 3], vec![4, 4]),
        (vec![2, 1], vec![4, 0]),
        (vec![3, 0], vec![4, 1]),
    ];
    let reverse: Vec<_> = forward
        .iter()
        .map(|(a, b)| (b.clone(), a.clone()))
        .collect();
    forward.into_iter().chain(reverse).collect()
}

pub const MASSES: [f64; 5] = [1.0, 1.0, 2.0, 2.0, 2.0];

/// Net production of each species by each reaction.
pub fn stoichiometry() -> Vec<[f64; 5]> {
    reactions()
        .iter()
        .map(|(reactants, products)| {
            let mut s = [0.0; 5];
            reactants.iter().for_each(|&i| s[i] -= 1.0);
            products.iter().for_each(|&i| s[i] += 1.0);
            s
        })
        .collect()
}

/// Mass action with free coefficients. With `driven`, a condition c adds c·z₀ to the first component, which also
/// spoils the conservation of mass, so that both terms of L3 have a gradient.
pub struct MassAction {
    pub reactions: Vec<(Vec<usize>, Vec<usize>)>,
    pub stoichiometry: Vec<[f64; 5]>,
    pub driven: bool,
}

impl MassAction {
    pub fn new(driven: bool) -> Self {
        Self {
            reactions: reactions(),
            stoichiometry: stoichiometry(),
            driven,
        }
    }
}

impl<T: Scalar> LatentDynamics<T> for MassAction {
    fn latent_dim(&self) -> usize {
        5
    }
    fn param_len(&self) -> usize {
        12
    }
    fn condition_dim(&self) -> usize {
        usize::from(self.driven)
    }
    fn value(&self, p: &[T], z: &[[T; LANES]], c: &[[T; LANES]], g: &mut [[T; LANES]]) {
        g.iter_mut().for_each(|row| row.fill(T::zero()));
        for (j, (reactants, _)) in self.reactions.iter().enumerate() {
            let rate = product(p[j], reactants.iter().map(|&i| &z[i]));
            for (row, s) in g.iter_mut().zip(&self.stoichiometry[j]) {
                if *s != 0.0 {
                    (0..LANES).for_each(|l| row[l] += T::of(*s) * rate[l]);
                }
            }
        }
        if self.driven {
            for l in 0..LANES {
                g[0][l] += c[0][l] * z[0][l];
            }
        }
    }
    fn vjp(
        &self,
        p: &[T],
        z: &[[T; LANES]],
        c: &[[T; LANES]],
        g_bar: &[[T; LANES]],
        z_bar: &mut [[T; LANES]],
        p_bar: &mut [T],
        c_bar: &mut [[T; LANES]],
    ) {
        for (j, (reactants, _)) in self.reactions.iter().enumerate() {
            let mut rate_bar = [T::zero(); LANES];
            for (row, s) in g_bar.iter().zip(&self.stoichiometry[j]) {
                if *s != 0.0 {
                    (0..LANES).for_each(|l| rate_bar[l] += T::of(*s) * row[l]);
                }
            }
            let all = product(T::one(), reactants.iter().map(|&i| &z[i]));
            p_bar[j] += lane_sum(&std::array::from_fn(|l| rate_bar[l] * all[l]));
            for (k, &i) in reactants.iter().enumerate() {
                let others = reactants.iter().enumerate().filter(|(m, _)| *m != k);
                let others = product(p[j], others.map(|(_, &i)| &z[i]));
                (0..LANES).for_each(|l| z_bar[i][l] += rate_bar[l] * others[l]);
            }
        }
        if self.driven {
            for l in 0..LANES {
                z_bar[0][l] += c[0][l] * g_bar[0][l];
                c_bar[0][l] += z[0][l] * g_bar[0][l];
            }
        }
    }
}

/// `factor` times the product of rows, lane by lane.
fn product<'a, T: Scalar>(factor: T, rows: impl Iterator<Item = &'a [T; LANES]>) -> [T; LANES] {
    let mut result = [factor; LANES];
    rows.for_each(|row| (0..LANES).for_each(|l| result[l] *= row[l]));
    result
}

/// Numbers in [-1, 1).
pub fn uniform<T: Scalar>(len: usize, seed: u64) -> Vec<T> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len)
        .map(|_| T::of(2.0 * rng.random::<f64>() - 1.0))
        .collect()
}

/// A model through the given hidden widths, with random parameters (biases too) of encoder, decoder and dynamics.
pub fn model<T: Scalar>(
    features: usize,
    hidden: &[usize],
    activation: Activation,
    last: [Activation; 2],
    seed: u64,
) -> (Autoencoder, Vec<T>) {
    let mut widths = vec![features];
    widths.extend(hidden);
    widths.push(5);
    let encoder = Mlp::new(&widths, activation, last[0]).unwrap();
    widths.reverse();
    let decoder = Mlp::new(&widths, activation, last[1]).unwrap();
    let model = Autoencoder::new(encoder, decoder).unwrap();
    let n = model.param_len();
    let mut params = vec![T::zero(); n];
    model
        .initialise(
            Initialiser::Glorot,
            &mut ChaCha8Rng::seed_from_u64(seed),
            &mut params,
        )
        .unwrap();
    for view in model.views().iter().filter(|v| v.name.ends_with("bias")) {
        let noise = uniform::<T>(view.range.len(), seed ^ view.range.start as u64);
        params[view.range.clone()]
            .copy_from_slice(&noise.iter().map(|x| *x * T::of(0.3)).collect::<Vec<_>>());
    }
    params.extend(uniform::<T>(12, seed + 1));
    (model, params)
}
