//! Forward sensitivities of every stiff method against central differences of tight solves: Robertson's problem and a small stiff network, with respect to
//! initial values and to every rate coefficient.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use stiff_ode_solvers::{
    Bdf, Jacobian, Kvaerno5, Of, Options, ParameterDerivative, RadauIia5, Rodas5p, Sensitivities,
    Solution, SolveError, SparsityPattern, System, solve,
};

/// Mass-action kinetics, rate coefficients its parameters.
#[derive(Clone)]
struct Network {
    species: usize,
    /// Reactants and products.
    reactions: Vec<(Vec<usize>, Vec<usize>)>,
    k: Vec<f64>,
}

impl Network {
    /// Product of the reactants of reaction r but the one at `without`.
    fn product(&self, r: usize, y: &[f64], without: Option<usize>) -> f64 {
        let reactants = self.reactions[r].0.iter().enumerate();
        reactants
            .filter(|(at, _)| Some(*at) != without)
            .map(|(_, &i)| y[i])
            .product()
    }

    /// Adds the changes that reaction r makes at a rate.
    fn apply(&self, r: usize, rate: f64, mut add: impl FnMut(usize, f64)) {
        self.reactions[r].0.iter().for_each(|&i| add(i, -rate));
        self.reactions[r].1.iter().for_each(|&i| add(i, rate));
    }
}
impl System for Network {
    fn dim(&self) -> usize {
        self.species
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for r in 0..self.reactions.len() {
            self.apply(r, self.k[r] * self.product(r, y, None), |i, x| d[i] += x);
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Network {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.species)
    }
    fn jacobian(&self, _t: f64, y: &[f64], v: &mut [f64]) {
        v.fill(0.0);
        for r in 0..self.reactions.len() {
            for (at, &j) in self.reactions[r].0.iter().enumerate() {
                let rate = self.k[r] * self.product(r, y, Some(at));
                self.apply(r, rate, |i, x| v[j * self.species + i] += x);
            }
        }
    }
}
impl ParameterDerivative for Network {
    fn parameter_len(&self) -> usize {
        self.k.len()
    }
    fn parameter_derivative(&self, _t: f64, y: &[f64], parameter: usize, d: &mut [f64]) {
        d.fill(0.0);
        self.apply(parameter, self.product(parameter, y, None), |i, x| {
            d[i] += x
        });
    }
}

fn all_methods<S: Jacobian>(
    system: &S,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> [(&'static str, Result<Solution, SolveError>); 4] {
    [
        ("Rodas5p", solve(system, &Rodas5p, span, y0, options)),
        ("Kvaerno5", solve(system, &Kvaerno5, span, y0, options)),
        ("RadauIia5", solve(system, &RadauIia5, span, y0, options)),
        ("Bdf", solve(system, &Bdf::default(), span, y0, options)),
    ]
}

/// Checks ∂y/∂(initial values) and ∂y/∂(ln k) of all methods at the end of a span, at rtol 1e-7, to 1e-5 of themselves and 1e-8 absolutely; the
/// differences are good to about 1e-8.
fn check(network: &Network, initial: &[usize], span: (f64, f64), y0: &[f64]) {
    let of: Vec<Of> = initial
        .iter()
        .map(|&i| Of::Initial(i))
        .chain((0..network.k.len()).map(Of::Parameter))
        .collect();
    let tight = Options::default().rtol(1e-11).atol(1e-16);
    let moved = |of: Of, by: f64| {
        let (mut y0, mut network) = (y0.to_vec(), network.clone());
        match of {
            Of::Initial(i) => y0[i] += by,
            Of::Parameter(p) => network.k[p] *= 1.0 + by,
        }
        let found = solve(&network, &Rodas5p, span, &y0, &tight);
        found.unwrap().y_end
    };
    let scales: Vec<f64> = of
        .iter()
        .map(|of| match *of {
            Of::Initial(_) => 1.0,
            Of::Parameter(p) => network.k[p],
        })
        .collect();
    let system = Sensitivities::new(network.clone(), &of).scales(scales.clone());
    let options = system.options(&Options::default().rtol(1e-7).atol(1e-12));
    let found = all_methods(&system, span, &system.start(y0), &options);
    for (j, &of) in of.iter().enumerate() {
        // Fourth order: (8 (y₊ − y₋) − (y₊₊ − y₋₋)) / 12 d.
        let d = 1e-3;
        let [a, b, c, e] = [d, -d, 2.0 * d, -2.0 * d].map(|by| moved(of, by));
        for i in 0..network.species {
            let exact = (8.0 * (a[i] - b[i]) - (c[i] - e[i])) / (12.0 * d);
            for (name, found) in &found {
                let found = system.sensitivity(&found.as_ref().unwrap().y_end, j)[i] * scales[j];
                assert!(
                    (found - exact).abs() < 1e-5 * exact.abs() + 1e-8,
                    "{name}, component {i} by {of:?}: {found:e} {exact:e}"
                );
            }
        }
    }
    for (name, result) in &found {
        // The state beside the sensitivities is the state alone, and the small matrix is factorised at most once a step.
        let found = result.as_ref().unwrap();
        let alone = solve(network, &Rodas5p, span, y0, &tight).unwrap();
        for (a, b) in found.y_end.iter().zip(&alone.y_end) {
            assert!(
                (a - b).abs() < 1e-5 * b.abs() + 1e-10,
                "{name}: {a:e} {b:e}"
            );
        }
        let attempts = found.stats.steps + found.stats.rejected;
        assert!(found.stats.factorizations <= attempts, "{name}");
    }
}

#[test]
fn robertson() {
    let network = Network {
        species: 3,
        reactions: vec![
            (vec![0], vec![1]),
            (vec![1, 1], vec![1, 2]),
            (vec![1, 2], vec![0, 2]),
        ],
        k: vec![0.04, 3e7, 1e4],
    };
    check(&network, &[0, 2], (0.0, 40.0), &[0.9, 1e-5, 0.1]);
}

/// Five molecules of two elements, rate coefficients over six decades: a fast radical, slow stores.
#[test]
fn a_small_stiff_network() {
    let network = Network {
        species: 5,
        reactions: vec![
            (vec![0], vec![1, 1]),
            (vec![1, 1], vec![0]),
            (vec![1, 2], vec![3]),
            (vec![3], vec![1, 2]),
            (vec![1, 3], vec![4]),
            (vec![4], vec![0, 2]),
            (vec![3, 3], vec![2, 4]),
        ],
        k: vec![0.3, 2e4, 1e3, 0.05, 4e2, 1.0, 7.0],
    };
    check(
        &network,
        &[0, 1, 2, 3, 4],
        (0.0, 20.0),
        &[1.0, 1e-3, 0.6, 0.1, 0.01],
    );
}
