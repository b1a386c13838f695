//! How the time of a full solve grows with the number of species: a complete network restricted to molecules of at most so many atoms.
//! `cargo run --release -p chem-network --features measure --example solve_scaling -- [NETWORK_FILE [FIGURE.svg]]`
//!
//! A dark cloud of T = 10 K, n_H = 2e4 cm⁻³, ζ = 1.3e-17 s⁻¹, A_V = 10, χ = 1 to 1e7 yr, 60 outputs, rtol 1e-3, one model at a time.

use std::error::Error;
use std::time::Instant;

use chem_network::{Environment, Kinetics, Network, YEAR, read_network};
use plotters::prelude::*;
use stiff_ode_solvers::{Options, Rodas5p, Solver};

/// Abundances at the start, relative to n_H: hydrogen molecular, metals ionised.
const START: [(&str, f64); 11] = [
    ("H2", 0.5),
    ("He", 0.14),
    ("C+", 1.2e-4),
    ("N", 6e-5),
    ("O", 2.6e-4),
    ("S+", 8e-8),
    ("Si+", 8e-9),
    ("Fe+", 3e-9),
    ("Na+", 2e-9),
    ("Mg+", 7e-9),
    ("Cl+", 4e-9),
];
const DENSITY: f64 = 2e4;

fn main() -> Result<(), Box<dyn Error>> {
    let default = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/networks/umist_rate22.rates"
    );
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| default.to_owned());
    let figure = arguments
        .next()
        .unwrap_or_else(|| "solve_scaling.svg".to_owned());
    let network = read_network(&file)
        .map_err(|e| format!("{e}\nname a complete network as first argument"))?;
    println!("species reactions entries-of-J steps milliseconds");
    let mut points: Vec<(f64, f64)> = Vec::new();
    for most in 2..=24 {
        let names: Vec<&str> = network
            .species()
            .iter()
            .filter(|s| s.composition().iter().map(|(_, n)| n).sum::<u32>() <= most)
            .map(|s| s.name())
            .collect();
        let part = network.restricted_to(&names)?;
        let species = part.species().len() as f64;
        if points.last().is_some_and(|p| p.0 == species) {
            continue;
        }
        points.push((species, solve(&part)?));
    }
    let (exponent, factor) = fit(&points);
    println!("time = {factor:.2e} ms · N^{exponent:.2}");
    draw(&figure, &points, exponent, factor)
}

/// Milliseconds of a solve, the least of a few.
fn solve(network: &Network) -> Result<f64, Box<dyn Error>> {
    let environment = Environment::new(10.0, 1.3e-17)
        .with_density(DENSITY)
        .with_visual_extinction(10.0)
        .with_radiation_field(1.0)
        .with_grain_albedo(0.5);
    let kinetics = Kinetics::new(network, &environment)?;
    let mut y0 = vec![0.0; network.species().len()];
    for (name, abundance) in START {
        if let Some(i) = network.species_index(name) {
            y0[i] = abundance * DENSITY;
        }
    }
    let electron = network.species_index("e-").ok_or("no electrons")?;
    y0[electron] = network
        .species()
        .iter()
        .zip(&y0)
        .map(|(s, n)| f64::from(s.charge()) * n)
        .sum();
    let times: Vec<f64> = (0..60)
        .map(|i| YEAR * 10f64.powf(-6.0 + 13.0 * f64::from(i) / 59.0))
        .collect();
    let span = (times[0], times[59]);
    let options = Options::default().rtol(1e-3).atol(1e-14).outputs(times);
    let mut solver = Solver::new(&Rodas5p);
    let (mut best, mut steps) = (f64::INFINITY, 0);
    for _ in 0..4 {
        let start = Instant::now();
        steps = solver
            .solve(&kinetics, span, &y0, &options)
            .map_err(|e| e.to_string())?
            .stats
            .steps;
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "{:7} {:9} {:12} {steps:5} {best:9.2}",
        y0.len(),
        network.reactions().len(),
        kinetics.sparsity().1.len()
    );
    Ok(best)
}

/// Least squares of log time against log N, above 50 species: (exponent, factor).
fn fit(points: &[(f64, f64)]) -> (f64, f64) {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|p| p.0 > 50.0)
        .map(|p| (p.0.ln(), p.1.ln()))
        .collect();
    let n = logs.len().max(1) as f64;
    let (x, y) = logs.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0, s.1 + p.1));
    let (x, y) = (x / n, y / n);
    let slope = logs.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>()
        / logs.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>();
    (slope, (y - slope * x).exp())
}

fn draw(
    path: &str,
    points: &[(f64, f64)],
    exponent: f64,
    factor: f64,
) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (640, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let range = |pick: fn(&(f64, f64)) -> f64| {
        let values = || points.iter().map(pick);
        values().fold(f64::INFINITY, f64::min) / 1.3..values().fold(0.0, f64::max) * 1.3
    };
    let (across, up) = (range(|p| p.0), range(|p| p.1));
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(across.log_scale(), up.log_scale())?;
    chart
        .configure_mesh()
        .x_desc("species N")
        .y_desc("time of a solve to 1e7 yr [ms]")
        .label_style(("sans-serif", 14))
        .draw()?;
    chart.draw_series(points.iter().map(|&p| Circle::new(p, 4, BLUE.filled())))?;
    let line = points.iter().map(|p| (p.0, factor * p.0.powf(exponent)));
    chart
        .draw_series(LineSeries::new(line, BLACK.stroke_width(2)))?
        .label(format!("N^{exponent:.2}"))
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK.stroke_width(2)));
    chart.configure_series_labels().border_style(BLACK).draw()?;
    root.present()?;
    Ok(())
}
