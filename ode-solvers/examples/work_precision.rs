//! Work against precision of every stiff method on the test problems: a diagram of each (docs/images/work_precision.svg) and a table of errors in units of
//! rtol. `cargo run --release -p stiff-ode-solvers --features measure --example work_precision`; the 224-reaction network is among them where the shared test data are.
#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::time::Instant;

use plotters::prelude::*;
use stiff_ode_solvers::methods::{Method, Stepper};
use stiff_ode_solvers::problems::stiff_problems;
use stiff_ode_solvers::{
    Bdf, Each, Jacobian, Kvaerno5, Options, RadauIia5, Rodas5p, Solution, SolveError, Solver, solve,
};

const METHODS: [&str; 4] = ["Rodas5p", "Kvaerno5", "RadauIia5", "Bdf"];
/// Every problem is solved again until this time [s] is used up; the fastest solve counts.
const TIME: f64 = 0.02;

type Any<'a> = &'a dyn Jacobian;
/// Error of a solve at an rtol, as the diagram shows it and in units of the tolerance.
type ErrorOf = Box<dyn Fn(&Solution, f64) -> (f64, f64)>;

/// What a diagram needs of a problem.
struct Case {
    name: &'static str,
    system: Box<dyn Jacobian>,
    span: (f64, f64),
    start: Vec<f64>,
    options: Box<dyn Fn(f64) -> Options>,
    error: ErrorOf,
}

/// One solve, measured: rtol, seconds, error, error in units of rtol.
type Point = (f64, f64, f64, f64);

fn main() -> Result<(), Box<dyn Error>> {
    let mut panels = Vec::new();
    println!("| problem | method | error / rtol at 1e-3 | 1e-6 | 1e-9 | time at 1e-6 [ms] |");
    println!("|---|---|---|---|---|---|");
    for case in cases()? {
        let mut curves = Vec::new();
        for name in METHODS {
            let curve: Vec<Point> = (4..=20)
                .filter_map(|k| point(&case, name, 10f64.powf(-0.5 * f64::from(k))))
                .collect();
            let at = |rtol: f64| curve.iter().find(|p| (p.0 / rtol - 1.0).abs() < 1e-6);
            let error = |rtol| at(rtol).map_or("fails".to_owned(), |p| format!("{:.2}", p.3));
            println!(
                "| {} | {name} | {} | {} | {} | {} |",
                case.name,
                error(1e-3),
                error(1e-6),
                error(1e-9),
                at(1e-6).map_or("fails".to_owned(), |p| format!("{:.3}", 1e3 * p.1)),
            );
            curves.push(curve);
        }
        panels.push((case.name, curves));
    }
    draw(&panels)
}

fn point(case: &Case, method: &str, rtol: f64) -> Option<Point> {
    let system: Any = &*case.system;
    let (seconds, solution) = match method {
        "Rodas5p" => measure(case, &system, &Rodas5p, rtol),
        "Kvaerno5" => measure(case, &system, &Kvaerno5, rtol),
        "RadauIia5" => measure(case, &system, &RadauIia5, rtol),
        _ => measure(case, &system, &Bdf::default(), rtol),
    }
    .ok()?;
    let (error, units) = (case.error)(&solution, rtol);
    Some((rtol, seconds, error, units))
}

fn measure<'a, M>(
    case: &Case,
    system: &'a Any<'a>,
    method: &M,
    rtol: f64,
) -> Result<(f64, Solution), SolveError>
where
    M: Method<f64>,
    M::Stepper: Stepper<f64, Each<'a, f64, Any<'a>, 1>, 1>,
{
    let options = (case.options)(rtol);
    let mut solver = Solver::<f64, M>::new(method);
    let mut solution = Solution::default();
    let (mut best, mut used) = (f64::INFINITY, 0.0);
    while used < TIME {
        let start = Instant::now();
        solver.solve_into(system, case.span, &case.start, &options, &mut solution)?;
        let seconds = start.elapsed().as_secs_f64();
        best = best.min(seconds);
        used += seconds;
    }
    Ok((best, solution))
}

fn cases() -> Result<Vec<Case>, Box<dyn Error>> {
    let mut cases = Vec::new();
    for problem in stiff_problems() {
        let problem = std::rc::Rc::new(problem);
        let (for_options, for_error) = (problem.clone(), problem.clone());
        cases.push(Case {
            name: problem.name,
            span: (0.0, problem.end),
            start: problem.start.clone(),
            options: Box::new(move |rtol| {
                for_options
                    .options(rtol)
                    .max_steps(200_000)
                    .outputs(Vec::new())
            }),
            error: Box::new(move |s, rtol| {
                let units = for_error.error(&s.y_end, rtol) / rtol;
                (for_error.error(&s.y_end, 1.0), units)
            }),
            system: Box::new(Shared(problem)),
        });
    }
    cases.extend(network()?);
    Ok(cases)
}

/// A problem's system, kept alive by its owner.
struct Shared(std::rc::Rc<stiff_ode_solvers::problems::StiffProblem>);
impl stiff_ode_solvers::System for Shared {
    fn dim(&self) -> usize {
        self.0.system.dim()
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        self.0.system.rhs(t, y, d);
    }
    fn is_autonomous(&self) -> bool {
        self.0.system.is_autonomous()
    }
}
impl Jacobian for Shared {
    fn sparsity(&self) -> stiff_ode_solvers::SparsityPattern {
        self.0.system.sparsity()
    }
    fn jacobian(&self, t: f64, y: &[f64], values: &mut [f64]) {
        self.0.system.jacobian(t, y, values);
    }
}

/// One model of the 224-reaction network over 1e8 yr, judged over all species above 1e-10 cm⁻³ at 100 outputs.
fn network() -> Result<Option<Case>, SolveError> {
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return Ok(None);
    };
    let span = (problem.times[0], problem.times[99]);
    let start = problem.initial[0].clone();
    let times = problem.times.clone();
    let options = move |rtol: f64| {
        Options::default()
            .rtol(rtol)
            .atol(1e-11 * rtol)
            .outputs(times.clone())
    };
    let truth = solve(
        &problem.network,
        &RadauIia5,
        span,
        &start,
        &options(1e-12).atol(1e-24),
    )?;
    Ok(Some(Case {
        name: "224 reactions, 1e8 yr",
        system: Box::new(problem.network),
        span,
        start,
        options: Box::new(options),
        error: Box::new(move |s, rtol| {
            let pairs = s.y.iter().zip(&truth.y).filter(|(_, r)| **r > 1e-10);
            let worst = pairs.fold(0.0f64, |w, (y, r)| w.max((y - r).abs() / r));
            (worst, worst / rtol)
        }),
    }))
}

fn draw(panels: &[(&str, Vec<Vec<Point>>)]) -> Result<(), Box<dyn Error>> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/images/work_precision.svg"
    );
    let colours = [
        RGBColor(200, 60, 40),
        RGBColor(30, 110, 180),
        RGBColor(40, 140, 70),
        RGBColor(120, 120, 120),
    ];
    let root =
        SVGBackend::new(path, (1080, 270 * panels.len().div_ceil(4) as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((panels.len().div_ceil(4), 4));
    for ((name, curves), area) in panels.iter().zip(&areas) {
        let points = || curves.iter().flatten().filter(|p| p.2 > 0.0);
        let bounds = |value: fn(&Point) -> f64| {
            let low = points().map(value).fold(f64::INFINITY, f64::min);
            let high = points().map(value).fold(0.0, f64::max);
            (low / 1.5, high * 1.5)
        };
        let (x, y) = (bounds(|p| p.2), bounds(|p| 1e3 * p.1));
        let mut chart = ChartBuilder::on(area)
            .caption(name, ("sans-serif", 14))
            .margin(6)
            .x_label_area_size(30)
            .y_label_area_size(42)
            .build_cartesian_2d((x.0..x.1).log_scale(), (y.0..y.1).log_scale())?;
        chart
            .configure_mesh()
            .disable_mesh()
            .x_labels(4)
            .y_labels(4)
            .x_desc("error at the end")
            .y_desc("time [ms]")
            .label_style(("sans-serif", 10))
            .x_label_formatter(&|v| format!("{v:.0e}"))
            .y_label_formatter(&|v| format!("{v:.2}"))
            .draw()?;
        for ((curve, colour), method) in curves.iter().zip(colours).zip(METHODS) {
            let line: Vec<(f64, f64)> = curve
                .iter()
                .filter(|p| p.2 > 0.0)
                .map(|p| (p.2, 1e3 * p.1))
                .collect();
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(2))?
                .label(method)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 12, y)], colour));
        }
        // Curves fall from the upper left to the lower right; one key serves all panels.
        if *name == panels[0].0 {
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperRight)
                .label_font(("sans-serif", 10))
                .border_style(BLACK.mix(0.2))
                .draw()?;
        }
    }
    root.present()?;
    println!("wrote {path}");
    Ok(())
}
