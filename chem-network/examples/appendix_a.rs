//! Appendix A of Grassi et al. (2021): how the number of reactions of a network grows with its number
//! of species, by taking random blocks of 400 reactions out of the complete OSU network.
//!
//! `cargo run --release -p chem-network --example appendix_a [NETWORK [REPEATS [FIGURE.svg]]]`
//!
//! The paper states N_R ∝ N^1.3. Printed are the least squares of log N_R on log N over all removals,
//! with the scatter between repeats, and the exponent between one block and the next: it falls from
//! several hundred (the first blocks cost hardly a species) to 2 (when most reactions are gone), so that
//! one power law describes no more than a part of it, and 1.3 is not what this experiment gives.

use std::collections::HashSet;
use std::error::Error;

use chem_network::{Network, read_network};
use plotters::prelude::*;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Reactions that are taken out at a time.
const BLOCK: usize = 400;
/// Exponent of the paper.
const PAPER: f64 = 1.3;

/// A network of `reactions` reactions that still name `species` species.
#[derive(Clone, Copy)]
struct Point {
    species: usize,
    reactions: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let default = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/networks/osu_09_2008.osu"
    );
    let file = arguments.next().unwrap_or_else(|| default.to_owned());
    let repeats: u64 = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let figure = arguments
        .next()
        .unwrap_or_else(|| "appendix_a.svg".to_owned());
    let network = read_network(&file)
        .map_err(|e| format!("{e}\nname a complete network as first argument"))?;

    let runs: Vec<Vec<Point>> = (0..repeats.max(1))
        .map(|seed| remove(&network, seed))
        .collect();
    let exponents: Vec<f64> = runs.iter().map(|run| fit(run).0).collect();
    let mean = exponents.iter().sum::<f64>() / exponents.len() as f64;
    let variance = exponents.iter().map(|e| (e - mean).powi(2)).sum::<f64>()
        / (exponents.len().max(2) - 1) as f64;
    let all: Vec<Point> = runs.concat();
    let (pooled, factor) = fit(&all);
    println!(
        "{file}: {} reactions, {} species that take part in one",
        network.reactions().len(),
        runs[0][0].species
    );
    println!(
        "blocks of {BLOCK} removed at random, {} repeats",
        runs.len()
    );
    println!("  reactions   mean number of species left   local exponent");
    let mut before: Option<(f64, f64)> = None;
    for (step, first) in runs[0].iter().enumerate() {
        let sum: usize = runs.iter().map(|run| run[step].species).sum();
        let (n, reactions) = (sum as f64 / runs.len() as f64, first.reactions as f64);
        let local = before.map_or(String::new(), |(n0, reactions0)| {
            format!("{:.2}", (reactions / reactions0).ln() / (n / n0).ln())
        });
        println!("  {reactions:9}   {n:27.1}   {local:>14}");
        before = Some((n, reactions));
    }
    println!(
        "exponent of N_R = c N^p: p = {mean:.3} ± {:.3} (one removal), {pooled:.3} (all points); the paper: {PAPER}",
        variance.sqrt()
    );
    draw(&figure, &runs, pooled, factor)?;
    println!("figure: {figure}");
    Ok(())
}

/// Takes blocks of reactions out, in random order, until none is left.
fn remove(network: &Network, seed: u64) -> Vec<Point> {
    let mut order: Vec<usize> = (0..network.reactions().len()).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut points = Vec::new();
    while !order.is_empty() {
        let members = order.iter().flat_map(|&j| {
            let reaction = &network.reactions()[j];
            reaction.reactants.iter().chain(&reaction.products)
        });
        points.push(Point {
            species: members.collect::<HashSet<_>>().len(),
            reactions: order.len(),
        });
        order.truncate(order.len().saturating_sub(BLOCK));
    }
    points
}

/// Least squares of log N_R = p log N + log c: (p, c).
fn fit(points: &[Point]) -> (f64, f64) {
    let x = |p: &Point| (p.species as f64).ln();
    let y = |p: &Point| (p.reactions as f64).ln();
    let count = points.len() as f64;
    let mean = |f: &dyn Fn(&Point) -> f64| points.iter().map(f).sum::<f64>() / count;
    let (mx, my) = (mean(&x), mean(&y));
    let covariance = mean(&|p| (x(p) - mx) * (y(p) - my));
    let slope = covariance / mean(&|p| (x(p) - mx).powi(2));
    (slope, (my - slope * mx).exp())
}

fn draw(path: &str, runs: &[Vec<Point>], exponent: f64, factor: f64) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (640, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || runs.iter().flatten();
    let most = |f: fn(&Point) -> usize| points().map(f).max().unwrap_or(1) as f64 * 1.2;
    let least = |f: fn(&Point) -> usize| points().map(f).min().unwrap_or(1) as f64 / 1.2;
    let (left, right) = (least(|p| p.species), most(|p| p.species));
    let (low, high) = (least(|p| p.reactions), most(|p| p.reactions));
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("species N")
        .y_desc("reactions N_R")
        .label_style(("sans-serif", 14))
        .draw()?;
    chart.draw_series(points().map(|p| {
        let at = (p.species as f64, p.reactions as f64);
        Circle::new(at, 2, BLUE.mix(0.25).filled())
    }))?;
    let line = |exponent: f64, factor: f64| {
        (0..=200)
            .map(move |i| {
                let n = left * (right / left).powf(f64::from(i) / 200.0);
                (n, factor * n.powf(exponent))
            })
            .filter(move |&(_, reactions)| (low..high).contains(&reactions))
    };
    chart
        .draw_series(LineSeries::new(
            line(exponent, factor),
            BLACK.stroke_width(2),
        ))?
        .label(format!("fit: N^{exponent:.2}"))
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK.stroke_width(2)));
    if let Some(full) = points().next() {
        let (n, reactions) = (full.species as f64, full.reactions as f64);
        chart
            .draw_series(LineSeries::new(
                line(PAPER, reactions / n.powf(PAPER)),
                RED.stroke_width(2),
            ))?
            .label(format!("Grassi et al. 2021: N^{PAPER}"))
            .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], RED.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 14))
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
