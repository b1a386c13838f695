//! Time, steps and error of a full solve, one model at a time and in lanes, against the same solve at tight tolerance:
//! `cargo run --release -p chem-network --features measure --example solve_speed -- [KEY=VALUE …]`, keys and defaults in [`Settings`].

use std::time::Instant;

use chem_network::{
    Environment, KineticsBatch, KineticsLanes, Network, YEAR, embedded, read_network,
};
use stiff_ode_solvers::methods::{Method, Stepper};
use stiff_ode_solvers::{
    BatchResults, Bdf, Options, RadauIia5, Rodas5p, Statistics, Watch, solve_lanes,
};

/// What is solved and how.
struct Settings {
    network: String,
    initial: String,
    temperature: f64,
    zeta: f64,
    visual_extinction: f64,
    t_end: f64,
    points: usize,
    rtol: f64,
    atol: f64,
    tight: f64,
    repeats: usize,
    /// Rows of the table, from 0; empty for all.
    rows: Vec<usize>,
    /// Numbers of lanes to time: of 1, 4, 8.
    lanes: Vec<usize>,
    /// rodas5p, or bdf or radau, which have one lane.
    method: String,
}

impl Settings {
    fn read() -> Result<Self, Box<dyn std::error::Error>> {
        let mut settings = Self {
            network: "osu224".into(),
            initial: "../shared/peers/osu224_quiet.csv".into(),
            temperature: 50.0,
            zeta: 1e-16,
            visual_extinction: 10.0,
            t_end: 1e8,
            points: 100,
            rtol: 1e-3,
            atol: 1e-14,
            tight: 1e-9,
            repeats: 15,
            rows: Vec::new(),
            lanes: vec![1, 4, 8],
            method: "rodas5p".into(),
        };
        let numbers = |list: &str| list.split(',').map(str::parse).collect::<Result<_, _>>();
        for argument in std::env::args().skip(1) {
            let (key, value) = argument.split_once('=').ok_or("expected KEY=VALUE")?;
            match key {
                "network" => settings.network = value.into(),
                "initial" => settings.initial = value.into(),
                "temperature" => settings.temperature = value.parse()?,
                "zeta" => settings.zeta = value.parse()?,
                "av" => settings.visual_extinction = value.parse()?,
                "t_end" => settings.t_end = value.parse()?,
                "points" => settings.points = value.parse()?,
                "rtol" => settings.rtol = value.parse()?,
                "atol" => settings.atol = value.parse()?,
                "tight" => settings.tight = value.parse()?,
                "repeats" => settings.repeats = value.parse()?,
                "rows" => settings.rows = numbers(value)?,
                "lanes" => settings.lanes = numbers(value)?,
                "method" => settings.method = value.into(),
                other => return Err(format!("unknown key {other}").into()),
            }
        }
        Ok(settings)
    }

    /// Initial states, species × models.
    fn states(&self, network: &Network) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
        let text = std::fs::read_to_string(&self.initial)?;
        let mut lines = text.lines();
        let names = lines.next().ok_or("empty table")?.split(',');
        let index = |name: &str| {
            let spelled = match name.trim() {
                "E" => "e-",
                other => other,
            };
            network
                .species_index(spelled)
                .or_else(|| {
                    network
                        .species_names()
                        .position(|s| s.eq_ignore_ascii_case(spelled))
                })
                .ok_or_else(|| format!("unknown species {name}"))
        };
        let columns: Vec<usize> = names.map(index).collect::<Result<_, _>>()?;
        let mut states = Vec::new();
        for (row, line) in lines.enumerate() {
            if !self.rows.is_empty() && !self.rows.contains(&row) {
                continue;
            }
            let mut state = vec![0.0; network.species().len()];
            for (value, &column) in line.split(',').zip(&columns) {
                state[column] = value.trim().parse()?;
            }
            states.extend(state);
        }
        Ok(states)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::read()?;
    let network = match settings.network.as_str() {
        name if embedded(name).is_some() => embedded(name).ok_or("no such network")?,
        path => read_network(path)?,
    };
    let environment = Environment::new(settings.temperature, settings.zeta)
        .with_visual_extinction(settings.visual_extinction)
        .with_radiation_field(1.0);
    let initial = settings.states(&network)?;
    let batch = KineticsBatch::new(&network, vec![environment])?;
    let decades = (settings.t_end / 1e-6).log10();
    let times: Vec<f64> = (0..settings.points)
        .map(|i| 1e-6 * YEAR * 10f64.powf(decades * i as f64 / (settings.points - 1) as f64))
        .collect();
    let options = Options::default().outputs(times);
    let loose = options.clone().rtol(settings.rtol).atol(settings.atol);
    let tight = options.rtol(settings.tight).atol(1e-22);
    let truth = lanes::<8>(&batch, &initial, &tight)?.1;
    let alone = |options: &Options<f64>| match settings.method.as_str() {
        "rodas5p" => lanes_of::<1, _>(&batch, &Rodas5p, &initial, options),
        "bdf" => lanes_of::<1, _>(&batch, &Bdf::default(), &initial, options),
        "radau" => lanes_of::<1, _>(&batch, &RadauIia5, &initial, options),
        other => Err(format!("unknown method {other}").into()),
    };
    let many = settings.method == "rodas5p";
    let found = match many {
        true => lanes::<8>(&batch, &initial, &loose)?.1,
        false => alone(&loose)?.1,
    };
    accuracy(&network, &found, &truth);
    let mut best = vec![f64::INFINITY; settings.lanes.len()];
    for _ in 0..settings.repeats {
        for (best, width) in best.iter_mut().zip(&settings.lanes) {
            let seconds = match width {
                _ if !many => alone(&loose)?.0,
                1 => alone(&loose)?.0,
                4 => lanes::<4>(&batch, &initial, &loose)?.0,
                _ => lanes::<8>(&batch, &initial, &loose)?.0,
            };
            *best = best.min(seconds);
        }
    }
    let models = found.len() as f64;
    for (width, seconds) in settings.lanes.iter().zip(best) {
        println!("{width} lanes: {:.4} ms a model", seconds / models * 1e3);
    }
    Ok(())
}

/// Seconds for all models (in one thread, if the pool has one), and what they gave.
fn lanes<const W: usize>(
    batch: &KineticsBatch<'_>,
    initial: &[f64],
    options: &Options<f64>,
) -> Result<(f64, BatchResults<f64>), Box<dyn std::error::Error>> {
    lanes_of::<W, _>(batch, &Rodas5p, initial, options)
}

fn lanes_of<'b, const W: usize, M>(
    batch: &'b KineticsBatch<'_>,
    method: &M,
    initial: &[f64],
    options: &Options<f64>,
) -> Result<(f64, BatchResults<f64>), Box<dyn std::error::Error>>
where
    M: Method<f64, W> + Sync,
    M::Stepper: Stepper<f64, KineticsLanes<'b, W>, W>,
{
    let times = options.output_times();
    let span = (times[0], times[times.len() - 1]);
    let start = Instant::now();
    let watch = Watch::default();
    let results = solve_lanes(|| batch.lanes(), method, span, initial, options, &watch)?;
    Ok((start.elapsed().as_secs_f64(), results))
}

/// Prints steps and the largest relative errors of species above 1e-10 cm⁻³ over all outputs.
fn accuracy(network: &Network, found: &BatchResults<f64>, truth: &BatchResults<f64>) {
    let names: Vec<&str> = network.species_names().collect();
    let (mut above, mut worst) = (0usize, Vec::new());
    let mut work = Statistics::default();
    for (row, (found, truth)) in found.iter().zip(truth).enumerate() {
        let (Ok(found), Ok(truth)) = (found, truth) else {
            println!("model {row} failed");
            continue;
        };
        work += found.stats;
        let mut largest = (0.0, row, 0, 0);
        for k in 0..truth.t.len() {
            for (i, (&n, &m)) in truth.state(k).iter().zip(found.state(k)).enumerate() {
                let error = (m / n - 1.0).abs();
                if n > 1e-10 {
                    above += usize::from(error > 1e-2);
                    if error > largest.0 {
                        largest = (error, row, i, k);
                    }
                }
            }
        }
        worst.push(largest);
    }
    let models = found.len() as f64;
    println!(
        "{} models: {:.1} steps accepted, {:.1} rejected a model; {above} values off by more than 1e-2",
        found.len(),
        work.steps as f64 / models,
        work.rejected as f64 / models
    );
    println!(
        "  {:.1} right-hand sides, {:.1} Jacobians, {:.1} factorisations",
        work.rhs_evaluations as f64 / models,
        work.jacobian_evaluations as f64 / models,
        work.factorizations as f64 / models
    );
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (error, row, species, output) in worst.iter().take(4) {
        println!(
            "  {error:.2e} {} in model {row} at output {output}",
            names[*species]
        );
    }
}
