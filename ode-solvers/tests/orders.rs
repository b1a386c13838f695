//! Observed order of every method and of its dense output, on problems with known solutions.
use stiff_ode_solvers::{Jacobian, Options, Rodas5p, SparsityPattern, System, Tsit5, solve};

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

/// Largest errors at the end of steps and between them, with `n` equal steps to t = 2.
fn errors(n: usize, run: impl Fn(&Options) -> stiff_ode_solvers::Solution) -> (f64, f64) {
    let h = 2.0 / n as f64;
    // Tolerances so wide that no step is rejected, and a longest step that fixes them all.
    let options = Options::default()
        .rtol(1e3)
        .atol(1e3)
        .initial_step(h)
        .max_step(h);
    let at_ends = run(&options);
    assert_eq!(at_ends.stats.rejected, 0);
    let between: Vec<f64> = (0..n)
        .flat_map(|k| [0.21, 0.5, 0.83].map(|x| (k as f64 + x) * h))
        .collect();
    let dense = run(&options.outputs(between));
    let worst = |s: &stiff_ode_solvers::Solution| {
        let error = |k: usize| {
            (0..2)
                .map(|i| (s.state(k)[i] - exact(s.t[k])[i]).abs())
                .fold(0.0, f64::max)
        };
        (0..s.t.len()).map(error).fold(0.0, f64::max)
    };
    (worst(&at_ends), worst(&dense))
}

fn observed(name: &str, run: impl Fn(&Options) -> stiff_ode_solvers::Solution) -> (f64, f64) {
    let table: Vec<(f64, f64)> = [16, 32, 64].iter().map(|&n| errors(n, &run)).collect();
    let order = |a: f64, b: f64| (a / b).log2();
    println!("{name}: {table:?}");
    (order(table[1].0, table[2].0), order(table[1].1, table[2].1))
}

#[test]
fn tsit5_has_order_5_and_dense_order_4() {
    let y0 = exact(0.0);
    let (order, dense) = observed("Tsit5", |o| {
        solve(&Swing, &Tsit5, (0.0, 2.0), &y0, o).unwrap()
    });
    println!("{order} {dense}");
    // Order 4 of an interpolant is a local error of h⁵.
    assert!((order - 5.0).abs() < 0.2, "{order}");
    assert!(dense > 4.0 - 0.2, "{dense}");
}

#[test]
fn rodas5p_has_order_5_and_dense_order_4() {
    let y0 = exact(0.0);
    let (order, dense) = observed("Rodas5p", |o| {
        solve(&Swing, &Rodas5p, (0.0, 2.0), &y0, o).unwrap()
    });
    println!("{order} {dense}");
    assert!((order - 5.0).abs() < 0.2, "{order}");
    assert!(dense > 4.0 - 0.2, "{dense}");
}
