//! The matrices of a solve factorised along the pattern and by faer: milliseconds per attempted step of a dark cloud to 1e7 yr, and how far the results
//! are apart. `cargo run --release -p chem-network --features faer --example factorizations -- NETWORK_FILE …`
use std::time::Instant;

use chem_network::{Environment, Kinetics, YEAR, read_network};
use stiff_ode_solvers::{
    Factorization, Jacobian, Options, Rodas5p, Solution, Solver, SparsityPattern, System,
};

/// A network whose matrices are factorised in a given way.
struct Factorized<'a>(&'a Kinetics, Factorization);
impl System for Factorized<'_> {
    fn dim(&self) -> usize {
        System::dim(self.0)
    }
    fn rhs(&self, t: f64, y: &[f64], dydt: &mut [f64]) {
        System::rhs(self.0, t, y, dydt);
    }
    fn is_autonomous(&self) -> bool {
        true
    }
    fn conserved(&self) -> Vec<Vec<f64>> {
        System::conserved(self.0)
    }
}
impl Jacobian for Factorized<'_> {
    fn sparsity(&self) -> SparsityPattern {
        Jacobian::sparsity(self.0).factorized_by(self.1)
    }
    fn jacobian(&self, t: f64, y: &[f64], values: &mut [f64]) {
        Jacobian::jacobian(self.0, t, y, values);
    }
}

/// Abundances of a dark cloud; everything else starts at zero.
const CLOUD: [(&str, f64); 8] = [
    ("H2", 1e4),
    ("He", 2.8e3),
    ("N", 0.428),
    ("O", 3.52),
    ("C+", 1.46),
    ("S+", 1.6e-3),
    ("Si+", 1.6e-4),
    ("e-", 1.461_76),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in std::env::args().skip(1) {
        let network = read_network(&file)?;
        let cloud = Environment::new(10.0, 1.3e-17)
            .with_visual_extinction(10.0)
            .with_radiation_field(1.0)
            .with_grain_albedo(0.6);
        let kinetics = Kinetics::new(&network, &cloud)?;
        let mut start = vec![0.0; network.species().len()];
        for (name, n) in CLOUD {
            let index = network.species_index(name).ok_or("species missing")?;
            start[index] = n;
        }
        let pattern = Jacobian::sparsity(&kinetics);
        println!("{file}: {} species, {} entries", start.len(), pattern.nnz());
        let choices = [
            ("along the pattern", Factorization::Sparse),
            ("faer", Factorization::Faer),
        ];
        let mut best = [f64::INFINITY; 2];
        let mut ends = [Vec::new(), Vec::new()];
        for _ in 0..5 {
            for (k, (_, by)) in choices.iter().enumerate() {
                let (seconds, end) = step(&Factorized(&kinetics, *by), &start)?;
                best[k] = best[k].min(seconds);
                ends[k] = end;
            }
        }
        for ((name, _), seconds) in choices.iter().zip(best) {
            println!("  {name}: {:.3} ms per attempted step", seconds * 1e3);
        }
        let pairs = ends[0].iter().zip(&ends[1]).filter(|(a, _)| **a > 1e-10);
        let apart = pairs.fold(0f64, |m, (a, b)| m.max((b / a - 1.0).abs()));
        println!("  results differ by {apart:.1e} in species above 1e-10 cm⁻³");
        if apart > 1e-3 {
            return Err("the factorisations disagree".into());
        }
    }
    Ok(())
}

/// Seconds per attempted step once the pattern is analysed, and the state at the end.
fn step(
    system: &Factorized<'_>,
    start: &[f64],
) -> Result<(f64, Vec<f64>), stiff_ode_solvers::SolveError> {
    let options = Options::default()
        .rtol(1e-3)
        .atol(1e-14)
        .outputs(vec![1e7 * YEAR]);
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let mut found = Solution::default();
    let span = |years: f64| (1e-6 * YEAR, years * YEAR);
    // The first solve analyses the pattern.
    let first = Options::default().rtol(1e-3).atol(1e-14);
    solver.solve_into(system, span(1e-5), start, &first, &mut found)?;
    let clock = Instant::now();
    solver.solve_into(system, span(1e7), start, &options, &mut found)?;
    let steps = found.stats.steps + found.stats.rejected;
    Ok((clock.elapsed().as_secs_f64() / steps as f64, found.y_end))
}
