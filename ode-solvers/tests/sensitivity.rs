//! Forward sensitivities against exact solutions, the adjoint, and over lanes (against differences of solves: forward_sensitivities.rs); Jacobians by
//! differences against analytic ones; the spaces a solve may work in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::problems::{Hires, Robertson};
use stiff_ode_solvers::{
    ColouredDifferences, Each, InSpace, Jacobian, Kvaerno5, Of, Options, ParameterDerivative,
    Rodas5p, Scaled, Sensitivities, Solution, SolveError, Space, SparsityPattern, System, Tsit5,
    Watch, fewest_steps, solve, solve_lanes,
};

/// Robertson's problem with its three rate coefficients as parameters.
#[derive(Clone)]
struct Rates([f64; 3]);
impl System for Rates {
    fn dim(&self) -> usize {
        3
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let [a, b, c] = [
            self.0[0] * y[0],
            self.0[1] * y[1] * y[1],
            self.0[2] * y[1] * y[2],
        ];
        (d[0], d[1], d[2]) = (c - a, a - b - c, b);
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Rates {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(3)
    }
    fn jacobian(&self, _t: f64, y: &[f64], v: &mut [f64]) {
        let [k1, k2, k3] = self.0;
        v.copy_from_slice(&[
            -k1,
            k1,
            0.0,
            k3 * y[2],
            -2.0 * k2 * y[1] - k3 * y[2],
            2.0 * k2 * y[1],
            k3 * y[1],
            -k3 * y[1],
            0.0,
        ]);
    }
}
impl ParameterDerivative for Rates {
    fn parameter_len(&self) -> usize {
        3
    }
    fn parameter_derivative(&self, _t: f64, y: &[f64], parameter: usize, d: &mut [f64]) {
        let (a, b, c) = (y[0], y[1] * y[1], y[1] * y[2]);
        let row = match parameter {
            0 => [-a, a, 0.0],
            1 => [0.0, -b, b],
            _ => [c, -c, 0.0],
        };
        d.copy_from_slice(&row);
    }
}

const RATES: [f64; 3] = [0.04, 3e7, 1e4];
const OF: [Of; 5] = [
    Of::Initial(0),
    Of::Initial(2),
    Of::Parameter(0),
    Of::Parameter(1),
    Of::Parameter(2),
];

/// y' = −k (y − cos ωt): driven, with ∂²f/∂y∂k ≠ 0.
struct Driven {
    k: f64,
    omega: f64,
}
impl System for Driven {
    fn dim(&self) -> usize {
        1
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        d[0] = -self.k * (y[0] - (self.omega * t).cos());
    }
}
impl Jacobian for Driven {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(1)
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        v[0] = -self.k;
    }
}
impl ParameterDerivative for Driven {
    fn parameter_len(&self) -> usize {
        2
    }
    fn parameter_derivative(&self, t: f64, y: &[f64], parameter: usize, d: &mut [f64]) {
        let phase = self.omega * t;
        d[0] = match parameter {
            0 => -(y[0] - phase.cos()),
            _ => -self.k * t * phase.sin(),
        };
    }
}
impl Driven {
    /// y0 e^(−kt) + k (k cos ωt + ω sin ωt − k e^(−kt)) / (k² + ω²), as an expression of y0, k, ω.
    fn exact(y0: f64, k: f64, omega: f64, t: f64) -> f64 {
        let decay = (-k * t).exp();
        let (s, c) = (omega * t).sin_cos();
        y0 * decay + k * (k * c + omega * s - k * decay) / (k * k + omega * omega)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Against the exact solution, its derivatives by differences, at several outputs, by each method, at its tolerance.
    #[test]
    fn driven_decay_has_its_exact_sensitivities(y0 in -2.0..2.0f64, k in 0.3..30.0f64, omega in 0.2..3.0f64) {
        let system = Sensitivities::new(Driven { k, omega }, &[Of::Initial(0), Of::Parameter(0), Of::Parameter(1)]);
        let options = system.options(&Options::default().rtol(1e-8).atol(1e-10).outputs(vec![0.1, 1.0, 3.0]));
        let start = system.start(&[y0]);
        for found in [
            solve(&system, &Rodas5p, (0.0, 3.0), &start, &options).unwrap(),
            solve(&system, &Kvaerno5, (0.0, 3.0), &start, &options).unwrap(),
            solve(&system, &Tsit5, (0.0, 3.0), &start, &options).unwrap(),
        ] {
            for (at, &t) in found.t.iter().enumerate() {
                let d = 1e-5;
                let exact = [
                    (-k * t).exp(),
                    (Driven::exact(y0, k + d, omega, t) - Driven::exact(y0, k - d, omega, t)) / (2.0 * d),
                    (Driven::exact(y0, k, omega + d, t) - Driven::exact(y0, k, omega - d, t)) / (2.0 * d),
                ];
                for j in 0..3 {
                    let s = system.sensitivity(found.state(at), j)[0];
                    prop_assert!((s - exact[j]).abs() < 1e-5, "{j} at {t}: {s} {}", exact[j]);
                }
            }
        }
    }

    /// Coloured differences of random sparse polynomial systems equal the analytic Jacobian, one-sided and central, with as many right-hand sides as colours.
    #[test]
    fn coloured_differences_are_the_jacobian(n in 1usize..25, density in 0.05..0.6f64, seed in any::<u64>()) {
        let system = Sparse::random(n, density, seed);
        let y: Vec<f64> = (0..n).map(|i| 0.3 + 0.05 * i as f64).collect();
        let mut exact = vec![0.0; system.pattern.nnz()];
        system.jacobian(0.0, &y, &mut exact);
        let largest = exact.iter().fold(1e-3, |m: f64, v| m.max(v.abs()));
        for (differences, tolerance) in [
            (ColouredDifferences::new(&system, system.pattern.clone()), 1e-6),
            (ColouredDifferences::new(&system, system.pattern.clone()).central(), 1e-8),
        ] {
            let mut found = vec![0.0; exact.len()];
            differences.jacobian(0.0, &y, &mut found);
            for (a, b) in found.iter().zip(&exact) {
                prop_assert!((a - b).abs() < tolerance * largest, "{a} {b}");
            }
            let widest = (0..n).map(|i| (0..n).filter(|&j| system.pattern.position(i, j).is_some()).count()).max().unwrap();
            prop_assert!(differences.colours() >= widest && differences.colours() <= n);
        }
        let dense = ColouredDifferences::dense(&system);
        prop_assert_eq!(dense.colours(), n);
        let mut full = vec![0.0; n * n];
        dense.jacobian(0.0, &y, &mut full);
        for j in 0..n {
            for i in 0..n {
                let value = system.pattern.position(i, j).map_or(0.0, |k| exact[k]);
                prop_assert!((full[j * n + i] - value).abs() < 1e-6 * largest);
            }
        }
    }
}

/// f_i = Σ_j a_ij y_j² over a random pattern.
struct Sparse {
    pattern: SparsityPattern,
    a: Vec<f64>,
}
impl Sparse {
    fn random(n: usize, density: f64, seed: u64) -> Self {
        let mut state = seed;
        let mut next = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..n {
            rows.extend((0..n).filter(|&i| i == j || next() < density));
            offsets.push(rows.len());
        }
        let a = rows.iter().map(|_| next() - 0.5).collect();
        Self {
            pattern: SparsityPattern::new(offsets, rows).unwrap(),
            a,
        }
    }
}
impl System for Sparse {
    fn dim(&self) -> usize {
        self.pattern.dim()
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        d.fill(0.0);
        for j in 0..y.len() {
            for (k, &i) in self.pattern.column(j).iter().enumerate() {
                d[i] += self.a[self.pattern.col_offsets()[j] + k] * y[j] * y[j];
            }
        }
    }
}
impl Jacobian for Sparse {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, _t: f64, y: &[f64], v: &mut [f64]) {
        for j in 0..y.len() {
            for k in self.pattern.col_offsets()[j]..self.pattern.col_offsets()[j + 1] {
                v[k] = 2.0 * self.a[k] * y[j];
            }
        }
    }
}

#[test]
fn lanes_of_sensitivities_give_what_single_ones_give() {
    let systems: Vec<Sensitivities<Rates>> = (0..3)
        .map(|l| {
            let mut rates = RATES;
            rates[0] *= 1.0 + 0.2 * l as f64;
            Sensitivities::new(Rates(rates), &OF)
        })
        .collect();
    let options = systems[0].options(&Options::default().rtol(1e-5).atol(1e-10));
    let start = systems[0].start(&[1.0, 0.0, 0.0]);
    let together = solve_lanes::<f64, _, _, 2>(
        || Each::new(&systems),
        &Rodas5p,
        (0.0, 10.0),
        &start.repeat(3),
        &options,
        &Watch::default(),
    )
    .unwrap();
    for (system, found) in systems.iter().zip(together) {
        let (found, alone) = (
            found.unwrap(),
            solve(system, &Rodas5p, (0.0, 10.0), &start, &options).unwrap(),
        );
        // The same steps, but for the order in which norms are added up.
        assert_eq!(found.stats, alone.stats);
        for (a, b) in found.y_end.iter().zip(&alone.y_end) {
            assert!((a - b).abs() < 1e-9 * b.abs() + 1e-18, "{a} and {b}");
        }
    }
}

/// Problems solved without their Jacobians end where they end with them.
#[test]
fn solves_with_differenced_jacobians_keep_the_tolerance() {
    let options = Options::default().rtol(1e-6).atol(1e-12);
    let robertson = ColouredDifferences::dense(&Robertson);
    let hires = ColouredDifferences::new(&Hires, Hires.sparsity());
    assert!(hires.colours() < 8);
    let close = |a: &Solution, b: &Solution, tolerance: f64| {
        for (a, b) in a.y_end.iter().zip(&b.y_end) {
            assert!((a - b).abs() < tolerance * b.abs(), "{a:e} {b:e}");
        }
    };
    let tight = Options::default().rtol(1e-10).atol(1e-16);
    let truth = solve(&Robertson, &Rodas5p, (0.0, 1e6), &[1.0, 0.0, 0.0], &tight).unwrap();
    for found in [
        solve(&robertson, &Rodas5p, (0.0, 1e6), &[1.0, 0.0, 0.0], &options).unwrap(),
        solve(
            &robertson,
            &Kvaerno5,
            (0.0, 1e6),
            &[1.0, 0.0, 0.0],
            &options,
        )
        .unwrap(),
    ] {
        close(&found, &truth, 1e-4);
    }
    let (end, start) = (321.8122, Hires::START);
    let truth = solve(&Hires, &Rodas5p, (0.0, end), &start, &tight).unwrap();
    let found = solve(&hires, &Kvaerno5, (0.0, end), &start, &options).unwrap();
    close(&found, &truth, 1e-4);
}

#[test]
fn every_space_returns_the_users_units() {
    // Positive over 40 < t: nothing there is zero.
    let start = [0.7158, 9.185e-6, 0.2842];
    let span = (40.0, 4e6);
    let times: Vec<f64> = (0..20)
        .map(|k| {
            if k == 19 {
                4e6
            } else {
                40.0 * 10f64.powf(5.0 * f64::from(k) / 19.0)
            }
        })
        .collect();
    let options = Options::default()
        .rtol(1e-7)
        .atol(1e-14)
        .outputs(times.clone());
    let truth = solve(
        &Robertson,
        &Rodas5p,
        span,
        &start,
        &options.clone().rtol(1e-10),
    )
    .unwrap();
    let spaces = [
        InSpace::new(&Robertson, Space::Linear).unwrap(),
        InSpace::new(&Robertson, Space::Scaled(vec![1.0, 1e-5, -1.0])).unwrap(),
        InSpace::new(&Robertson, Space::Log).unwrap(),
    ];
    let mut steps = Vec::new();
    for space in &spaces {
        let found = space.solve(&Rodas5p, span, &start, &options).unwrap();
        assert_eq!(found.t, times);
        assert_eq!(found.t_end, span.1);
        for (a, b) in found.y.iter().zip(&truth.y) {
            assert!((a - b).abs() < 1e-5 * b.abs(), "{a:e} {b:e}");
        }
        assert_eq!(found.y[57..], found.y_end[..]);
        steps.push(found.stats.steps + found.stats.rejected);
    }
    let best = fewest_steps(&spaces, &Rodas5p, span, &start, &options).unwrap();
    assert_eq!(steps[best], *steps.iter().min().unwrap());
    assert!(steps[0].abs_diff(steps[1]) <= 2, "{steps:?}");
    let refused = [
        InSpace::new(&Robertson, Space::Log)
            .unwrap()
            .solve(&Rodas5p, (0.0, 1.0), &start, &options)
            .map(drop),
        InSpace::new(&Robertson, Space::Log)
            .unwrap()
            .solve(&Rodas5p, span, &[1.0, 0.0, 0.0], &options)
            .map(drop),
        InSpace::new(&Robertson, Space::Log)
            .unwrap()
            .solve(
                &Rodas5p,
                span,
                &start,
                &options.clone().invariant(vec![1.0; 3], 0),
            )
            .map(drop),
        InSpace::new(&Robertson, Space::Scaled(vec![1.0, 0.0, 1.0])).map(drop),
        Scaled::new(&Robertson, vec![1.0]).map(drop),
    ];
    for result in refused {
        assert!(matches!(
            result,
            Err(SolveError::InvalidOption { .. }
                | SolveError::InvalidOutput { .. }
                | SolveError::Dimension { .. })
        ));
    }
}
