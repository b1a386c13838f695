//! Observed order of every method and of its dense output, on problems with known solutions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use stiff_ode_solvers::problems::Kepler;
use stiff_ode_solvers::{
    Bdf, Jacobian, Kvaerno5, Options, RadauIia5, Rodas5p, Solution, SparsityPattern, System, Tsit5,
    solve,
};

/// A non-linear, non-autonomous system with solution (sin t + 2, cos t + 2).
struct Swing;
impl System for Swing {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        let (u, v) = (y[0] - 2.0, y[1] - 2.0);
        d[0] = v * (u * u + v * v) + 0.5 * (u - t.sin()) * v;
        d[1] = -u * (u * u + v * v) + (v - t.cos()) * u;
    }
}
impl Jacobian for Swing {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(2)
    }
    fn jacobian(&self, t: f64, y: &[f64], j: &mut [f64]) {
        let (u, v) = (y[0] - 2.0, y[1] - 2.0);
        j[0] = 2.0 * u * v + 0.5 * v;
        j[1] = -(3.0 * u * u + v * v) + (v - t.cos());
        j[2] = u * u + 3.0 * v * v + 0.5 * (u - t.sin());
        j[3] = -2.0 * u * v + u;
    }
    fn time_derivative(&self, t: f64, y: &[f64], d: &mut [f64]) -> bool {
        let (u, v) = (y[0] - 2.0, y[1] - 2.0);
        d[0] = -0.5 * t.cos() * v;
        d[1] = t.sin() * u;
        true
    }
}

fn exact(t: f64) -> [f64; 2] {
    [t.sin() + 2.0, t.cos() + 2.0]
}

/// Largest errors over the first two components, at the ends of steps and between them, with `n` equal steps to `end`.
fn errors(
    n: usize,
    end: f64,
    exact: impl Fn(f64) -> [f64; 2],
    run: impl Fn(&Options) -> Solution,
) -> (f64, f64) {
    let h = end / n as f64;
    // Tolerances so wide that no step is rejected, and a longest step that fixes them all.
    let options = Options::default()
        .rtol(1e3)
        .atol(1e3)
        .newton_tolerance(1e-18)
        .initial_step(h)
        .max_step(h);
    let at_ends = run(&options);
    assert_eq!(at_ends.stats.rejected, 0);
    let between: Vec<f64> = (0..n)
        .flat_map(|k| [0.21, 0.5, 0.83].map(|x| (k as f64 + x) * h))
        .collect();
    let dense = run(&options.outputs(between));
    let worst = |s: &Solution| {
        let error = |k: usize| {
            (0..2)
                .map(|i| (s.state(k)[i] - exact(s.t[k])[i]).abs())
                .fold(0.0, f64::max)
        };
        (0..s.t.len()).map(error).fold(0.0, f64::max)
    };
    (worst(&at_ends), worst(&dense))
}

/// The order between the last two of three halvings.
fn check(n: usize, end: f64, exact: impl Fn(f64) -> [f64; 2], run: impl Fn(&Options) -> Solution) {
    let table: Vec<(f64, f64)> = [n, 2 * n, 4 * n]
        .iter()
        .map(|&n| errors(n, end, &exact, &run))
        .collect();
    let order = |a: f64, b: f64| (a / b).log2();
    let (steps, dense) = (order(table[1].0, table[2].0), order(table[1].1, table[2].1));
    println!("{table:?}: {steps:.2}, dense {dense:.2}");
    assert!((steps - 5.0).abs() < 0.2, "{steps}");
    // An interpolant of order 4 has a local error of h⁵: between steps the error may fall like h⁴ or faster.
    assert!(dense > 4.0 - 0.2, "{dense}");
}

#[test]
fn tsit5_has_order_5_and_dense_order_4() {
    let orbit = Kepler { eccentricity: 0.3 };
    let exact = |t: f64| [orbit.exact(t)[0], orbit.exact(t)[1]];
    check(150, 10.0, exact, |o| {
        solve(&orbit, &Tsit5, (0.0, 10.0), &orbit.start(), o).unwrap()
    });
}

#[test]
fn rodas5p_has_order_5_and_dense_order_4() {
    check(16, 2.0, exact, |o| {
        solve(&Swing, &Rodas5p, (0.0, 2.0), &exact(0.0), o).unwrap()
    });
}

#[test]
fn kvaerno5_has_order_5_and_dense_order_4() {
    check(16, 2.0, exact, |o| {
        solve(&Swing, &Kvaerno5, (0.0, 2.0), &exact(0.0), o).unwrap()
    });
}

#[test]
fn radau_has_order_5_and_dense_order_3() {
    let run = |o: &Options| solve(&Swing, &RadauIia5, (0.0, 2.0), &exact(0.0), o).unwrap();
    let table = [16, 32].map(|n| errors(n, 2.0, exact, run));
    let observed = |a: f64, b: f64| (a / b).log2();
    let steps = observed(table[0].0, table[1].0);
    let dense = observed(table[0].1, table[1].1);
    println!("{table:?} {steps:.2}, dense {dense:.2}");
    assert!((steps - 5.0).abs() < 0.2, "{steps}");
    // A cubic through four exact values is off by h⁴ between them.
    assert!(dense > 3.0 - 0.2, "{dense}");
}

/// A stiff, non-linear system that rests until t = 0 and then follows t⁷/(1 + t⁷): formulae of several steps find the past they assume.
struct Awakening;
impl Awakening {
    fn path(t: f64) -> (f64, f64) {
        let p = t.powi(7);
        (p / (1.0 + p), 7.0 * t.powi(6) / (1.0 + p).powi(2))
    }
    fn exact(t: f64) -> [f64; 2] {
        let (x, _) = Self::path(t);
        [x, 1.0 - 0.5 * x * x]
    }
}
impl System for Awakening {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        let (x, slope) = Self::path(t);
        d[0] = slope * (1.0 + y[0] - x) - 2.0 * (y[0] - x);
        d[1] = -y[0] * slope - 30.0 * (y[1] - 1.0 + 0.5 * y[0] * y[0]);
    }
}
impl Jacobian for Awakening {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(2)
    }
    fn jacobian(&self, t: f64, y: &[f64], j: &mut [f64]) {
        let (_, slope) = Self::path(t);
        j.copy_from_slice(&[slope - 2.0, -slope - 30.0 * y[0], 0.0, -30.0]);
    }
}

#[test]
fn bdf_has_each_of_its_orders_and_dense_output_of_the_same() {
    for order in 1..=5 {
        let run = |o: &Options| {
            let method = Bdf::of_order(order);
            solve(&Awakening, &method, (0.0, 2.0), &Awakening::exact(0.0), o).unwrap()
        };
        let table = [128, 256].map(|n| errors(n, 2.0, Awakening::exact, run));
        let observed = |a: f64, b: f64| (a / b).log2();
        let steps = observed(table[0].0, table[1].0);
        let dense = observed(table[0].1, table[1].1);
        println!("order {order}: {table:?} {steps:.2}, dense {dense:.2}");
        assert!((steps - order as f64).abs() < 0.2, "{order}: {steps}");
        assert!((dense - order as f64).abs() < 0.2, "{order}: dense {dense}");
    }
}

/// The same system without its ∂f/∂t, which is then differenced.
struct Differenced;
impl System for Differenced {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        Swing.rhs(t, y, d);
    }
}
impl Jacobian for Differenced {
    fn sparsity(&self) -> SparsityPattern {
        Swing.sparsity()
    }
    fn jacobian(&self, t: f64, y: &[f64], j: &mut [f64]) {
        Swing.jacobian(t, y, j);
    }
}

#[test]
fn rodas5p_nearly_keeps_its_accuracy_when_the_time_derivative_is_differenced() {
    // A difference is exact to 1e-8 only; above that the errors must be those of the exact derivative.
    for n in [8, 16, 32] {
        let given = errors(n, 2.0, exact, |o| {
            solve(&Swing, &Rodas5p, (0.0, 2.0), &exact(0.0), o).unwrap()
        });
        let differenced = errors(n, 2.0, exact, |o| {
            solve(&Differenced, &Rodas5p, (0.0, 2.0), &exact(0.0), o).unwrap()
        });
        println!("{given:?} {differenced:?}");
        assert!((given.0 - differenced.0).abs() < 0.1 * given.0 + 3e-8);
    }
}
