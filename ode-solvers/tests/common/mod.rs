//! A mass-action network read from a plain table (`N NR`, then `k reactants… products…` per reaction), for tests and measurements.
#![allow(dead_code, clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::path::PathBuf;

use stiff_ode_solvers::{Jacobian, LaneJacobian, LaneSystem, SparsityPattern, System};

/// Seconds of a year.
pub const YEAR: f64 = 3.15576e7;

/// A file of the shared test data, or `None` with a printed reason.
pub fn shared(name: &str) -> Option<String> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/peers")).join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) => {
            println!("skipped: {}: {error}", path.display());
            None
        }
    }
}

/// dn/dt = Σ k Π n, terms merged by equal reactants. Species index `dim` stands for "no reactant", value 1.
pub struct Network {
    pub dim: usize,
    products: Vec<[u32; 2]>,
    /// Per species: range of `terms`.
    offsets: Vec<usize>,
    terms: Vec<(u32, f64)>,
    pattern: SparsityPattern,
    jacobian_offsets: Vec<usize>,
    jacobian_terms: Vec<(u32, f64)>,
    scratch: std::sync::Mutex<Vec<f64>>,
}

impl Network {
    pub fn parse(text: &str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let mut index = || words.next().unwrap().parse::<f64>().unwrap();
        let (dim, reactions) = (index() as usize, index() as usize);
        let mut net: BTreeMap<Vec<usize>, BTreeMap<usize, f64>> = BTreeMap::new();
        for _ in 0..reactions {
            let k = index();
            let count = index() as usize;
            let mut reactants: Vec<usize> = (0..count).map(|_| index() as usize).collect();
            reactants.sort_unstable();
            let row = net.entry(reactants.clone()).or_default();
            for r in reactants {
                *row.entry(r).or_default() -= k;
            }
            let count = index() as usize;
            for _ in 0..count {
                *row.entry(index() as usize).or_default() += k;
            }
        }
        let mut by_species = vec![Vec::new(); dim];
        let mut by_slot: BTreeMap<(usize, usize), Vec<(u32, f64)>> =
            (0..dim).map(|i| ((i, i), Vec::new())).collect();
        let mut products = Vec::new();
        for (p, (reactants, row)) in net.iter().enumerate() {
            let one = dim;
            let pair = [reactants[0], reactants.get(1).copied().unwrap_or(one)];
            products.push(pair.map(|x| x as u32));
            for (&i, &coefficient) in row {
                by_species[i].push((p as u32, coefficient));
                for (a, b) in [(0, 1), (1, 0)] {
                    if pair[a] != one {
                        by_slot
                            .entry((pair[a], i))
                            .or_default()
                            .push((pair[b] as u32, coefficient));
                    }
                }
            }
        }
        let (mut col_offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..dim {
            rows.extend(by_slot.keys().filter(|k| k.0 == j).map(|k| k.1));
            col_offsets.push(rows.len());
        }
        let flat = |lists: Vec<Vec<(u32, f64)>>| {
            let mut offsets = vec![0];
            let mut all = Vec::new();
            for list in lists {
                all.extend(list);
                offsets.push(all.len());
            }
            (offsets, all)
        };
        let (offsets, terms) = flat(by_species);
        let (jacobian_offsets, jacobian_terms) = flat(by_slot.into_values().collect());
        let pattern = SparsityPattern::new(col_offsets, rows).unwrap();
        let scratch = std::sync::Mutex::new(Vec::new());
        Self {
            dim,
            products,
            offsets,
            terms,
            pattern,
            jacobian_offsets,
            jacobian_terms,
            scratch,
        }
    }
}

impl System for Network {
    fn dim(&self) -> usize {
        self.dim
    }
    fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
        let mut fluxes = [0.0; 512];
        let value = |i: u32| y.get(i as usize).copied().unwrap_or(1.0);
        for (flux, p) in fluxes.iter_mut().zip(&self.products) {
            *flux = value(p[0]) * value(p[1]);
        }
        for i in 0..self.dim {
            let terms = &self.terms[self.offsets[i]..self.offsets[i + 1]];
            dydt[i] = terms
                .iter()
                .map(|&(p, k)| k * fluxes[p as usize & 511])
                .sum();
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl Jacobian for Network {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        let value = |i: u32| y.get(i as usize).copied().unwrap_or(1.0);
        for (slot, out) in values.iter_mut().enumerate() {
            let terms =
                &self.jacobian_terms[self.jacobian_offsets[slot]..self.jacobian_offsets[slot + 1]];
            *out = terms.iter().map(|&(i, k)| k * value(i)).sum();
        }
    }
}

/// The same network over lanes; every model has the same coefficients.
pub struct Lanes<'a, const W: usize> {
    pub net: &'a Network,
    y: Vec<[f64; W]>,
    fluxes: Vec<[f64; W]>,
}

impl<'a, const W: usize> Lanes<'a, W> {
    pub fn new(net: &'a Network) -> Self {
        Self {
            net,
            y: vec![[1.0; W]; net.dim + 1],
            fluxes: vec![[0.0; W]; net.products.len()],
        }
    }
}

impl<const W: usize> LaneSystem<f64, W> for Lanes<'_, W> {
    fn dim(&self) -> usize {
        self.net.dim
    }
    fn load(&mut self, _lane: usize, _model: usize) {}
    #[inline(always)]
    fn rhs(&mut self, _t: &[f64; W], y: &[[f64; W]], dydt: &mut [[f64; W]]) {
        let net = self.net;
        self.y[..net.dim].copy_from_slice(y);
        for (flux, p) in self.fluxes.iter_mut().zip(&net.products) {
            let (a, b) = (&self.y[p[0] as usize], &self.y[p[1] as usize]);
            for l in 0..W {
                flux[l] = a[l] * b[l];
            }
        }
        for i in 0..net.dim {
            let mut sum = [0.0; W];
            for &(p, k) in &net.terms[net.offsets[i]..net.offsets[i + 1]] {
                for l in 0..W {
                    sum[l] += k * self.fluxes[p as usize][l];
                }
            }
            dydt[i] = sum;
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}

impl<const W: usize> LaneJacobian<f64, W> for Lanes<'_, W> {
    fn sparsity(&self) -> SparsityPattern {
        self.net.pattern.clone()
    }
    #[inline(always)]
    fn jacobian(&mut self, _t: &[f64; W], y: &[[f64; W]], values: &mut [[f64; W]]) {
        let net = self.net;
        self.y[..net.dim].copy_from_slice(y);
        for (slot, out) in values.iter_mut().enumerate() {
            let mut sum = [0.0; W];
            for &(i, k) in
                &net.jacobian_terms[net.jacobian_offsets[slot]..net.jacobian_offsets[slot + 1]]
            {
                for l in 0..W {
                    sum[l] += k * self.y[i as usize][l];
                }
            }
            *out = sum;
        }
    }
}

/// The 224 network, its initial states, and 100 log-spaced times [s] from 1e-6 to 1e8 yr.
pub struct Osu224 {
    pub network: Network,
    pub initial: Vec<Vec<f64>>,
    pub times: Vec<f64>,
}

pub fn osu224(states: &str) -> Option<Osu224> {
    let network = Network::parse(&shared("osu224.net")?);
    let text = shared(states)?;
    let mut lines = text.lines();
    lines.next();
    let initial = lines
        .map(|line| {
            line.split_ascii_whitespace()
                .map(|x| x.parse().unwrap())
                .collect()
        })
        .collect();
    let times = (0..100)
        .map(|k| YEAR * 10f64.powf(-6.0 + 14.0 * k as f64 / 99.0))
        .collect();
    Some(Osu224 {
        network,
        initial,
        times,
    })
}

/// Composition over H, C, O and charge of the 29 species, in the order of the file.
pub const SPECIES: [(&str, [f64; 4]); 29] = [
    ("H", [1., 0., 0., 0.]),
    ("H+", [1., 0., 0., 1.]),
    ("H2", [2., 0., 0., 0.]),
    ("H2+", [2., 0., 0., 1.]),
    ("H3+", [3., 0., 0., 1.]),
    ("O", [0., 0., 1., 0.]),
    ("O+", [0., 0., 1., 1.]),
    ("OH+", [1., 0., 1., 1.]),
    ("OH", [1., 0., 1., 0.]),
    ("O2", [0., 0., 2., 0.]),
    ("O2+", [0., 0., 2., 1.]),
    ("H2O", [2., 0., 1., 0.]),
    ("H2O+", [2., 0., 1., 1.]),
    ("H3O+", [3., 0., 1., 1.]),
    ("C", [0., 1., 0., 0.]),
    ("C+", [0., 1., 0., 1.]),
    ("CH", [1., 1., 0., 0.]),
    ("CH+", [1., 1., 0., 1.]),
    ("CH2", [2., 1., 0., 0.]),
    ("CH2+", [2., 1., 0., 1.]),
    ("CH3", [3., 1., 0., 0.]),
    ("CH3+", [3., 1., 0., 1.]),
    ("CH4", [4., 1., 0., 0.]),
    ("CH4+", [4., 1., 0., 1.]),
    ("CH5+", [5., 1., 0., 1.]),
    ("CO", [0., 1., 1., 0.]),
    ("CO+", [0., 1., 1., 1.]),
    ("HCO+", [1., 1., 1., 1.]),
    ("e-", [0., 0., 0., -1.]),
];
