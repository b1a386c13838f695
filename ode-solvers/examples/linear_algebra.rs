//! Which factorisation suits which matrix: reaction and diffusion of two species on square grids (much fill) and chains (none), by every factorisation;
//! time of a step of `Rodas5p`, which is one factorisation and eight solves.
//! `cargo run --release -p stiff-ode-solvers --features measure --example linear_algebra`
use std::time::Instant;

use stiff_ode_solvers::{
    Factorization, Jacobian, Options, Rodas5p, Solution, SolveError, Solver, SparsityPattern,
    System,
};

/// Schnakenberg's reactions with diffusion between neighbours of a grid of `width` × `height` cells, species u and v of a cell side by side.
struct Grid {
    width: usize,
    height: usize,
    pattern: SparsityPattern,
}
impl Grid {
    fn new(
        width: usize,
        height: usize,
        by: Factorization,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let n = 2 * width * height;
        let (mut offsets, mut rows) = (vec![0], Vec::new());
        for j in 0..n {
            let cell = j / 2;
            let mut column = vec![2 * cell, 2 * cell + 1];
            column.extend(neighbours(cell, width, height).map(|other| 2 * other + j % 2));
            column.sort_unstable();
            rows.extend(column);
            offsets.push(rows.len());
        }
        let pattern = SparsityPattern::new(offsets, rows)?.factorized_by(by);
        Ok(Self {
            width,
            height,
            pattern,
        })
    }
}
fn neighbours(cell: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (cell % width, cell / width);
    [
        (x > 0).then(|| cell - 1),
        (x + 1 < width).then_some(cell + 1),
        (y > 0).then(|| cell - width),
        (y + 1 < height).then_some(cell + width),
    ]
    .into_iter()
    .flatten()
}
const SPREAD: [f64; 2] = [1.0, 40.0];
impl System for Grid {
    fn dim(&self) -> usize {
        2 * self.width * self.height
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        for cell in 0..self.width * self.height {
            let (u, v) = (y[2 * cell], y[2 * cell + 1]);
            d[2 * cell] = 0.1 - u + u * u * v;
            d[2 * cell + 1] = 0.9 - u * u * v;
            for other in neighbours(cell, self.width, self.height) {
                for s in 0..2 {
                    d[2 * cell + s] += SPREAD[s] * (y[2 * other + s] - y[2 * cell + s]);
                }
            }
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Grid {
    fn sparsity(&self) -> SparsityPattern {
        self.pattern.clone()
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        let mut values = values.iter_mut();
        for j in 0..self.dim() {
            let (cell, s) = (j / 2, j % 2);
            let (u, v) = (y[2 * cell], y[2 * cell + 1]);
            let count = neighbours(cell, self.width, self.height).count() as f64;
            for (&i, value) in self.pattern.column(j).iter().zip(&mut values) {
                *value = match (i / 2 == cell, s, i % 2) {
                    (false, ..) => SPREAD[s],
                    (true, 0, 0) => -1.0 + 2.0 * u * v - SPREAD[0] * count,
                    (true, 0, _) => -2.0 * u * v,
                    (true, _, 0) => u * u,
                    (true, ..) => -u * u - SPREAD[1] * count,
                };
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("milliseconds per attempted step of Rodas5p, one lane");
    let choices = [
        ("dense", Factorization::Dense),
        ("sparse", Factorization::Sparse),
        ("automatic", Factorization::Automatic),
        #[cfg(feature = "faer")]
        ("faer", Factorization::Faer),
    ];
    let shapes = [
        (1, 2),
        (1, 3),
        (1, 4),
        (2, 3),
        (2, 4),
        (4, 4),
        (6, 6),
        (10, 10),
        (16, 16),
        (24, 24),
        (32, 32),
        (48, 48),
        (64, 64),
        (500, 1),
    ];
    for (width, height) in shapes {
        print!(
            "{width} × {height} cells, {} components:",
            2 * width * height
        );
        for (name, by) in &choices {
            if *name == "dense" && width * height > 300 {
                continue;
            }
            print!("  {name} {:.4}", step(width, height, *by)? * 1e3);
        }
        println!();
    }
    Ok(())
}

/// Seconds per attempted step, the least of several solves.
fn step(width: usize, height: usize, by: Factorization) -> Result<f64, Box<dyn std::error::Error>> {
    let grid = Grid::new(width, height, by)?;
    let y0: Vec<f64> = (0..grid.dim())
        .map(|i| 1.0 + 0.1 * (i as f64).sin())
        .collect();
    let options = Options::default()
        .rtol(1e-4)
        .atol(1e-6)
        .outputs(vec![1.0])
        .max_steps(20);
    let mut solver = Solver::<f64, Rodas5p>::new(&Rodas5p);
    let mut solution = Solution::default();
    let mut best = f64::INFINITY;
    let begin = Instant::now();
    for round in 0..2000 {
        let start = Instant::now();
        let result = solver.solve_into(&grid, (0.0, 1.0), &y0, &options, &mut solution);
        if let Err(error) = result
            && !matches!(error, SolveError::TooManySteps { .. })
        {
            return Err(error.into());
        }
        // The first solve analyses the pattern.
        if round > 0 {
            let steps = (solution.stats.steps + solution.stats.rejected) as f64;
            best = best.min(start.elapsed().as_secs_f64() / steps);
        }
        if round > 0 && begin.elapsed().as_secs_f64() > 0.7 {
            break;
        }
    }
    Ok(best)
}
