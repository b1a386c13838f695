//! Random models of the 224 network under random conditions: does any fail, are elements and charge kept, do those that do not oscillate hold
//! their tolerance? `cargo run --release -p chem-network --features measure --example random_models -- [MODELS [CHECKED [SEED [RTOL [METHOD]]]]]`,
//! METHOD one of rodas5p, radau, bdf.
//!
//! Half the models start from either distribution of initial states; T is log-uniform in 10–300 K, n_tot in 1e2–1e7 cm⁻³, ζ in 1e-18–1e-14 s⁻¹.

use chem_network::sampling::Distribution;
use chem_network::{Environment, Kinetics, KineticsBatch, Network, YEAR, embedded};
use stiff_ode_solvers::{
    BatchResults, Bdf, Options, RadauIia5, Rodas5p, Solution, Watch, solve_batch, solve_lanes,
};

const LANES: usize = 8;
/// What counts as off: ten times the default tolerance.
const OFF: f64 = 1e-2;
/// Outputs for the comparison, uniform in log t, and after them the ones that show oscillations, uniform in time over the last decade.
const OUTPUTS: usize = 100;
const LATE: usize = 400;
/// A model whose tight solve takes more steps than this oscillates.
const MOST_STEPS: usize = 8000;
/// Species below this number density [cm⁻³] are not judged.
const LOWEST: f64 = 1e-10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |k: usize, default: usize| -> Result<usize, std::num::ParseIntError> {
        std::env::args().nth(k).map_or(Ok(default), |a| a.parse())
    };
    let (models, checked) = (argument(1, 10_000)?, argument(2, 300)?);
    let mut random = Random(argument(3, 1)? as u64);
    let rtol: f64 = std::env::args().nth(4).map_or(Ok(1e-3), |a| a.parse())?;
    let method = std::env::args().nth(5).unwrap_or("rodas5p".into());
    let network = embedded("osu224").ok_or("no such network")?;
    let (mut initial, mut environments) = (Vec::new(), Vec::new());
    for model in 0..models {
        let density = random.between(1e2, 1e7);
        let distribution = if model % 2 == 0 {
            Distribution::grassi()
        } else {
            Distribution::codes()
        };
        let states = distribution.with_total_density(density)?;
        initial.extend_from_slice(states.sample(&network, 1, random.next())?.states());
        environments.push(Environment::new(
            random.between(10.0, 300.0),
            random.between(1e-18, 1e-14),
        ));
    }
    let options = options(&times(), rtol, 1e-14);
    let found = match method.as_str() {
        "rodas5p" => solve(&network, &initial, &environments, &options)?,
        other => solve_alone(&network, &initial, &environments, &options, other)?,
    };
    let steps: usize = found
        .iter()
        .flatten()
        .map(|f| f.stats.steps + f.stats.rejected)
        .sum();
    println!(
        "{:.1} attempted steps a model",
        steps as f64 / models as f64
    );
    let failed = found.iter().filter(|result| result.is_err()).count();
    println!("{models} models, {failed} failed");
    conservation(&network, &found);

    let dim = network.species().len();
    let sample = checked.min(models);
    let (initial, environments) = (&initial[..sample * dim], &environments[..sample]);
    let mut all = times();
    let end = all[OUTPUTS - 1];
    all.pop();
    all.extend((0..LATE).map(|i| end * (0.1 + 0.9 * i as f64 / (LATE - 1) as f64)));
    all.sort_by(f64::total_cmp);
    let tight = solve(
        &network,
        initial,
        environments,
        &self::options(&all, 1e-8, 1e-20).max_steps(MOST_STEPS),
    )?;
    let outside = judge(&found[..sample], &tight, &all);
    // From where a model outside was still within one tolerance it is continued tightly: one that leaves the truth all the same amplifies what any solver errs by.
    let mut amplifying = 0;
    for &(model, output) in &outside {
        let (Ok(found), Ok(tight)) = (&found[model], &tight[model]) else {
            continue;
        };
        let from = (1..output)
            .rev()
            .find(|&k| error_at(found, tight, k) <= rtol);
        let from = from.unwrap_or(0);
        let later: Vec<f64> = found.t[from..].to_vec();
        let tight_options = self::options(&later, 1e-8, 1e-20).max_steps(10 * MOST_STEPS);
        let environment = &environments[model..=model];
        let continued = solve(&network, found.state(from), environment, &tight_options)?;
        let error = match &continued[0] {
            Ok(continued) => worst(continued, tight).0,
            Err(_) => f64::INFINITY,
        };
        amplifying += usize::from(error > 10.0 * rtol);
        let there = error_at(found, tight, from);
        println!(
            "  model {model}, off by {there:.1e} at output {from}, from there solved tightly: off by {error:.1e}"
        );
    }
    println!(
        "{amplifying} of these {} amplify an error of one tolerance to more than ten",
        outside.len()
    );
    Ok(())
}

fn times() -> Vec<f64> {
    let exponent = |i: usize| -6.0 + 14.0 * i as f64 / (OUTPUTS - 1) as f64;
    (0..OUTPUTS)
        .map(|i| YEAR * 10f64.powf(exponent(i)))
        .collect()
}

fn options(times: &[f64], rtol: f64, atol: f64) -> Options {
    let options = Options::default().rtol(rtol).atol(atol);
    options.outputs(times.to_vec())
}

fn span(options: &Options) -> (f64, f64) {
    let times = options.output_times();
    (times[0], times[times.len() - 1])
}

fn solve(
    network: &Network,
    initial: &[f64],
    environments: &[Environment],
    options: &Options,
) -> Result<BatchResults<f64>, Box<dyn std::error::Error>> {
    let batch = KineticsBatch::new(network, environments)?;
    let (make, span) = (|| batch.lanes::<LANES>(), span(options));
    let watch = Watch::default();
    Ok(solve_lanes(make, &Rodas5p, span, initial, options, &watch)?)
}

/// The same by a method that has one lane.
fn solve_alone(
    network: &Network,
    initial: &[f64],
    environments: &[Environment],
    options: &Options,
    method: &str,
) -> Result<BatchResults<f64>, Box<dyn std::error::Error>> {
    let systems: Vec<Kinetics> = environments
        .iter()
        .map(|e| Kinetics::new(network, e))
        .collect::<Result<_, _>>()?;
    let (span, watch) = (span(options), Watch::default());
    Ok(match method {
        "radau" => solve_batch(&systems, &RadauIia5, span, initial, options, &watch)?,
        "bdf" => solve_batch(&systems, &Bdf::default(), span, initial, options, &watch)?,
        other => return Err(format!("unknown method {other}").into()),
    })
}

/// Prints the largest change of an element relative to its total, and of the charge relative to Σ|q|n.
fn conservation(network: &Network, found: &BatchResults<f64>) {
    let mut worst = [(0.0f64, 0); 2];
    for (model, solution) in found
        .iter()
        .enumerate()
        .filter_map(|(m, r)| Some((m, r.as_ref().ok()?)))
    {
        for (what, weights) in network.conserved_quantities() {
            let start = total(&weights, solution.state(0));
            for k in 0..solution.t.len() {
                let now = total(&weights, solution.state(k));
                let gross: f64 = weights
                    .iter()
                    .zip(solution.state(k))
                    .map(|(w, n)| (w * n).abs())
                    .sum();
                let change = ((now.0 - start.0) + (now.1 - start.1)).abs() / gross;
                let worst = &mut worst[usize::from(what == "charge")];
                if change > worst.0 {
                    *worst = (change, model);
                }
            }
        }
    }
    for (what, (change, model)) in ["elements", "charge"].iter().zip(worst) {
        println!("{what}: largest change {change:.1e} of the total (model {model})");
    }
}

/// Σ w n with what rounding took from it: at late times Σ|q|n may be 1e-6 of what it was.
fn total(weights: &[f64], n: &[f64]) -> (f64, f64) {
    weights
        .iter()
        .zip(n)
        .fold((0.0, 0.0), |(sum, lost), (w, n)| {
            let x = w * n;
            let next = sum + x;
            let (large, small) = if f64::abs(sum) >= x.abs() {
                (sum, x)
            } else {
                (x, sum)
            };
            (next, lost + ((large - next) + small))
        })
}

/// Prints how many of the checked models oscillate, and the errors of the others; returns those outside, each with its worst output.
fn judge(
    found: &[Result<Solution<f64>, stiff_ode_solvers::SolveError>],
    tight: &BatchResults<f64>,
    all: &[f64],
) -> Vec<(usize, usize)> {
    let from = all[all.len() - 1] / 10.0;
    let (mut oscillating, mut errors) = (0, Vec::new());
    for (model, pair) in found.iter().zip(tight).enumerate() {
        let Ok(found) = pair.0 else { continue };
        let Ok(tight) = pair.1 else {
            oscillating += 1;
            continue;
        };
        let late = || (0..tight.t.len()).filter(|&k| tight.t[k] >= from);
        let swings = |i: usize| turns(late().map(|k| tight.state(k)[i])) >= 4;
        if (0..tight.dim).any(swings) {
            oscillating += 1;
            continue;
        }
        errors.push((worst(found, tight), model));
    }
    errors.sort_by(|a, b| b.0.0.total_cmp(&a.0.0));
    let outside = errors.iter().filter(|e| e.0.0 > OFF).count();
    println!(
        "{} checked at rtol 1e-8: {oscillating} oscillate; of the other {}, {outside} are off by more than {OFF} somewhere",
        found.len(),
        errors.len()
    );
    let shown = outside.clamp(5, 20);
    for ((error, species, output), model) in errors.iter().take(shown) {
        println!("  {error:.1e} in species {species} at output {output} of model {model}");
    }
    errors[..outside].iter().map(|e| (e.1, e.0.2)).collect()
}

/// Largest relative error of a species above [`LOWEST`] at one output.
fn error_at(found: &Solution<f64>, tight: &Solution<f64>, output: usize) -> f64 {
    let Some(at) = tight.t.iter().position(|&t| t == found.t[output]) else {
        return f64::INFINITY;
    };
    let pairs = tight.state(at).iter().zip(found.state(output));
    let errors = pairs
        .filter(|(n, _)| **n > LOWEST)
        .map(|(n, m)| (m / n - 1.0).abs());
    errors.fold(0.0, f64::max)
}

/// Largest relative error of a species above [`LOWEST`], the species and the output, at the times that both have.
fn worst(found: &Solution<f64>, tight: &Solution<f64>) -> (f64, usize, usize) {
    let mut worst = (0.0f64, 0, 0);
    for (k, t) in found.t.iter().enumerate() {
        let Some(at) = tight.t.iter().position(|s| s == t) else {
            continue;
        };
        for (i, (&n, &m)) in tight.state(at).iter().zip(found.state(k)).enumerate() {
            let error = (m / n - 1.0).abs();
            if n > LOWEST && error > worst.0 {
                worst = (error, i, k);
            }
        }
    }
    worst
}

/// How often a series changes direction by more than 1 % above [`LOWEST`].
fn turns(values: impl Iterator<Item = f64>) -> usize {
    let (mut count, mut direction, mut low, mut high) = (0, 0, f64::INFINITY, 0.0f64);
    for value in values.filter(|&v| v > LOWEST) {
        (low, high) = (low.min(value), high.max(value));
        if direction <= 0 && value > low * 1.01 {
            count += usize::from(direction < 0);
            (direction, high) = (1, value);
        } else if direction >= 0 && value < high * 0.99 {
            count += usize::from(direction > 0);
            (direction, low) = (-1, value);
        }
    }
    count
}

/// A small generator (SplitMix64), the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Log-uniform between two positive numbers.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        let part = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        low * (high / low).powf(part)
    }
}
