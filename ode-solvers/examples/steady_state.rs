//! Where a network comes to rest: Robertson's reactions with an inflow that balances them, until no species changes by a thousandth in 1e6 s.
//! `cargo run --release -p stiff-ode-solvers --example steady_state`
use stiff_ode_solvers::{
    Jacobian, Options, Rodas5p, SolveError, SparsityPattern, SteadyState, System, solve,
};

/// A → B, 2 B → B + C, B + C → A + C and C → A: the last closes the cycle.
struct Cycle;
const RATES: [f64; 4] = [0.04, 3e7, 1e4, 1e-3];
impl System for Cycle {
    fn dim(&self) -> usize {
        3
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let (a, b) = (RATES[0] * y[0], RATES[1] * y[1] * y[1]);
        let (c, e) = (RATES[2] * y[1] * y[2], RATES[3] * y[2]);
        (d[0], d[1], d[2]) = (c + e - a, a - b - c, b - e);
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Cycle {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(3)
    }
    fn jacobian(&self, _t: f64, y: &[f64], v: &mut [f64]) {
        let [k1, k2, k3, k4] = RATES;
        let (b, c) = (2.0 * k2 * y[1], k3 * y[1]);
        v.copy_from_slice(&[-k1, k1, 0.0, k3 * y[2], -b - k3 * y[2], b, c + k4, -c, -k4]);
    }
}

fn main() -> Result<(), SolveError> {
    let rest = SteadyState::default().relative_change(1e-3).over(1e6);
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-14)
        .stop_at_steady_state(rest);
    let found = solve(&Cycle, &Rodas5p, (0.0, 1e12), &[1.0, 0.0, 0.0], &options)?;
    println!(
        "{:?} at {:.3e} s after {} steps: {:?}",
        found.stop, found.t_end, found.stats.steps, found.y_end
    );
    Ok(())
}
