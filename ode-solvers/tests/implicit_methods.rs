//! Methods that iterate (Kvaerno5, RadauIia5, Bdf) where things go wrong, backward, on the 224 network; and whether they count what they do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod common;

use std::cell::Cell;

use stiff_ode_solvers::problems::{Hires, Robertson, VanDerPol};
use stiff_ode_solvers::{
    Bdf, Jacobian, Kvaerno5, Options, RadauIia5, Rodas5p, Solution, SolveError, SparsityPattern,
    Statistics, System, Watch, solve, solve_lanes,
};

type Outcome = Result<Solution, SolveError>;

/// The same solve by every method that iterates. Behind a reference to a trait object, so that the loop is compiled once for all tests.
fn each(
    system: &dyn Jacobian,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> [(&'static str, Outcome); 3] {
    let system = &system;
    [
        ("Kvaerno5", solve(system, &Kvaerno5, span, y0, options)),
        ("RadauIia5", solve(system, &RadauIia5, span, y0, options)),
        ("Bdf", solve(system, &Bdf::default(), span, y0, options)),
    ]
}

/// A scalar or small system from closures, its Jacobian dense.
struct Given<F, J> {
    dim: usize,
    f: F,
    j: J,
}
impl<F: Fn(f64, &[f64], &mut [f64]), J> System for Given<F, J> {
    fn dim(&self) -> usize {
        self.dim
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        (self.f)(t, y, d);
    }
}
impl<F: Fn(f64, &[f64], &mut [f64]), J: Fn(&[f64], &mut [f64])> Jacobian for Given<F, J> {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(self.dim)
    }
    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        (self.j)(y, values);
    }
}

#[test]
fn not_a_number_names_component_and_time() {
    let system = Given {
        dim: 2,
        f: |t: f64, _: &[f64], d: &mut [f64]| {
            d[0] = 1.0;
            d[1] = if t > 0.5 { f64::NAN } else { 0.0 };
        },
        j: |_: &[f64], v: &mut [f64]| v.fill(0.0),
    };
    let options = Options::default().atol(1e-6);
    for (name, result) in each(&system, (0.0, 1.0), &[0.0, 0.0], &options) {
        match result {
            Err(SolveError::NotFinite {
                component: 1,
                t,
                partial,
            }) => {
                assert!((0.4..=0.5).contains(&t), "{name} {t}");
                assert!((partial.y_end[0] - t).abs() < 1e-6, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn not_a_number_in_a_trial_state_only_shrinks_the_step() {
    // √(1 - y) is not a number beyond y = 1, which the solution 1 - (1 - t/2)² approaches and never crosses.
    let system = Given {
        dim: 1,
        f: |_: f64, y: &[f64], d: &mut [f64]| d[0] = (1.0 - y[0]).sqrt(),
        j: |y: &[f64], v: &mut [f64]| v[0] = -0.5 / (1.0 - y[0]).sqrt(),
    };
    let options = Options::default().rtol(1e-6).atol(1e-9).initial_step(5.0);
    for (name, result) in each(&system, (0.0, 1.9), &[0.0], &options) {
        let error = (result.unwrap().y_end[0] - (1.0 - 0.05f64.powi(2))).abs();
        assert!(error < 1e-4, "{name}: {error:e}");
    }
}

#[test]
fn blow_up_ends_near_the_singularity() {
    let system = Given {
        dim: 1,
        f: |_: f64, y: &[f64], d: &mut [f64]| d[0] = y[0] * y[0],
        j: |y: &[f64], v: &mut [f64]| v[0] = 2.0 * y[0],
    };
    // Implicit stages have solutions beyond the singularity too; a limit of steps ends what jumps over it.
    let options = Options::default()
        .rtol(1e-8)
        .max_steps(20_000)
        .outputs(vec![0.5, 1.5]);
    for (name, result) in each(&system, (0.0, 2.0), &[1.0], &options) {
        let error = result.unwrap_err();
        let partial = error.partial().unwrap();
        assert!((partial.t_end - 1.0).abs() < 1e-3, "{name}: {error}");
        assert_eq!(partial.t, [0.5], "{name}");
        assert!((partial.y[0] - 2.0).abs() < 1e-4, "{name}");
    }
}

#[test]
fn an_infinite_jacobian_is_a_singular_matrix() {
    let system = Given {
        dim: 1,
        f: |_: f64, _: &[f64], d: &mut [f64]| d[0] = 1.0,
        j: |_: &[f64], v: &mut [f64]| v[0] = f64::INFINITY,
    };
    for (name, result) in each(&system, (0.0, 1.0), &[0.0], &Options::default()) {
        assert!(
            matches!(result, Err(SolveError::SingularMatrix { .. })),
            "{name}: {result:?}"
        );
    }
}

#[test]
fn a_singular_matrix_is_met_with_another_step() {
    // shift − J is singular for the first step chosen: shift = 1/(0.26 h), γ/h and α₁/h with the growth of y' = y.
    let system = Given {
        dim: 1,
        f: |_: f64, y: &[f64], d: &mut [f64]| d[0] = y[0],
        j: |_: &[f64], v: &mut [f64]| v[0] = 1.0,
    };
    for h in [1.0 / 0.26, 3.637_834_252_744_496, 1.185] {
        let options = Options::default().rtol(1e-4).atol(1e-8).initial_step(h);
        for (name, result) in each(&system, (0.0, 10.0), &[1.0], &options) {
            let error = (result.unwrap().y_end[0] / 10f64.exp() - 1.0).abs();
            assert!(error < 2e-2, "{name} from {h}: {error:e}");
        }
    }
}

#[test]
fn an_approximate_jacobian_costs_iterations_not_accuracy() {
    // Only the diagonal of a coupled system.
    let system = Given {
        dim: 2,
        f: |_: f64, y: &[f64], d: &mut [f64]| {
            d[0] = -100.0 * y[0] + 20.0 * y[1];
            d[1] = y[0] - y[1];
        },
        j: |_: &[f64], v: &mut [f64]| v.copy_from_slice(&[-100.0, 0.0, 0.0, -1.0]),
    };
    let exact = solve(
        &system,
        &stiff_ode_solvers::Tsit5,
        (0.0, 2.0),
        &[1.0, 1.0],
        &Options::default().rtol(1e-11).atol(1e-14),
    )
    .unwrap();
    let options = Options::default().rtol(1e-6).atol(1e-9);
    for (name, result) in each(&system, (0.0, 2.0), &[1.0, 1.0], &options) {
        for (a, b) in result.unwrap().y_end.iter().zip(&exact.y_end) {
            assert!((a / b - 1.0).abs() < 2e-5, "{name}: {a} {b}");
        }
    }
}

#[test]
fn an_iteration_that_cannot_converge_is_a_typed_error() {
    // A slope that jumps against the state: at y = 0 no implicit stage has a solution.
    let system = Given {
        dim: 1,
        f: |_: f64, y: &[f64], d: &mut [f64]| d[0] = if y[0] > 0.0 { -1.0 } else { 1.0 },
        j: |_: &[f64], v: &mut [f64]| v[0] = 0.0,
    };
    let options = Options::default().rtol(1e-6).atol(1e-9).max_steps(50_000);
    for (name, result) in each(&system, (0.0, 2.0), &[1.0], &options) {
        let error = result.unwrap_err();
        println!("{name}: {error}");
        assert!(
            matches!(
                error,
                SolveError::NotConverged { .. }
                    | SolveError::StepTooSmall { .. }
                    | SolveError::TooManySteps { .. }
            ),
            "{name}: {error}"
        );
        assert!(
            (error.partial().unwrap().t_end - 1.0).abs() < 1e-3,
            "{name}"
        );
    }
}

#[test]
fn a_discontinuous_slope_is_crossed() {
    let system = Given {
        dim: 1,
        f: |t: f64, _: &[f64], d: &mut [f64]| d[0] = if t < 1.0 { 1.0 } else { -3.0 },
        j: |_: &[f64], v: &mut [f64]| v[0] = 0.0,
    };
    let options = Options::default().rtol(1e-6).atol(1e-8);
    for (name, result) in each(&system, (0.0, 2.0), &[0.0], &options) {
        let error = (result.unwrap().y_end[0] + 2.0).abs();
        assert!(error < 1e-4, "{name}: {error:e}");
    }
}

#[test]
fn stiff_backward_in_time() {
    // y' = 1e5 (y - cos t) is stiff when t runs backward; to first order the solution is cos t − 1e-5 sin t.
    let system = Given {
        dim: 1,
        f: |t: f64, y: &[f64], d: &mut [f64]| d[0] = 1e5 * (y[0] - t.cos()),
        j: |_: &[f64], v: &mut [f64]| v[0] = 1e5,
    };
    let options = Options::default()
        .rtol(1e-6)
        .atol(1e-9)
        .max_step(0.5)
        .outputs(vec![4.0, 1.0, 0.0]);
    for (name, result) in each(&system, (5.0, 0.0), &[0.0], &options) {
        let solution = result.unwrap();
        for k in 0..3 {
            let t = solution.t[k];
            let error = (solution.state(k)[0] - t.cos() + 1e-5 * t.sin()).abs();
            // Between steps, which the error test alone would let grow to several units, a slaved component is as good as the interpolant.
            let bound = if k == 2 { 1e-5 } else { 1e-3 };
            assert!(error < bound, "{name} at {t}: {error:e}");
        }
        assert!(solution.stats.steps < 300, "{name}: {:?}", solution.stats);
    }
}

#[test]
fn there_and_back_again() {
    let options = Options::default().rtol(1e-8).atol(1e-10);
    let system = VanDerPol { epsilon: 1.0 };
    for (name, there) in each(&system, (0.0, 3.0), &[2.0, 0.0], &options) {
        let end = there.unwrap().y_end;
        for (other, back) in each(&system, (3.0, 0.0), &end, &options) {
            for (a, b) in back.unwrap().y_end.iter().zip([2.0, 0.0]) {
                assert!((a - b).abs() < 1e-4, "{name}, back with {other}: {a} {b}");
            }
        }
    }
}

/// Counts what a solve really asks for.
struct Counting<'a> {
    system: &'a dyn Jacobian,
    rhs: Cell<usize>,
    jacobians: Cell<usize>,
}
impl System for Counting<'_> {
    fn dim(&self) -> usize {
        self.system.dim()
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        self.rhs.set(self.rhs.get() + 1);
        self.system.rhs(t, y, d);
    }
    fn is_autonomous(&self) -> bool {
        self.system.is_autonomous()
    }
}
impl Jacobian for Counting<'_> {
    fn sparsity(&self) -> SparsityPattern {
        self.system.sparsity()
    }
    fn jacobian(&self, t: f64, y: &[f64], values: &mut [f64]) {
        self.jacobians.set(self.jacobians.get() + 1);
        self.system.jacobian(t, y, values);
    }
}

#[test]
fn statistics_are_exact() {
    fn check(name: &str, counting: &Counting<'_>, stats: Statistics) {
        assert_eq!(stats.rhs_evaluations, counting.rhs.take(), "{name}");
        assert_eq!(
            stats.jacobian_evaluations,
            counting.jacobians.take(),
            "{name}"
        );
        // New factors for every new Jacobian, and for steps of another length; never more than one set an attempt.
        let attempts = stats.steps + stats.rejected;
        assert!(stats.factorizations <= attempts, "{name}: {stats:?}");
        assert!(
            stats.factorizations >= stats.jacobian_evaluations,
            "{name}: {stats:?}"
        );
        assert!(
            stats.factorizations < attempts || name == "Rodas5p",
            "{name}: {stats:?}"
        );
    }
    fn run(system: &dyn Jacobian, end: f64, y0: &[f64]) {
        let counting = Counting {
            system,
            rhs: Cell::new(0),
            jacobians: Cell::new(0),
        };
        let asked: &dyn Jacobian = &counting;
        let options = Options::default().rtol(1e-5).atol(1e-9);
        let span = (0.0, end);
        let kvaerno = solve(&asked, &Kvaerno5, span, y0, &options).unwrap().stats;
        check("Kvaerno5", &counting, kvaerno);
        // One right-hand side an iteration, one for the start, one for the first step.
        assert_eq!(kvaerno.rhs_evaluations, kvaerno.newton_iterations + 2);
        let bdf = solve(&asked, &Bdf::default(), span, y0, &options)
            .unwrap()
            .stats;
        check("Bdf", &counting, bdf);
        assert_eq!(bdf.rhs_evaluations, bdf.newton_iterations + 2);
        let radau = solve(&asked, &RadauIia5, span, y0, &options).unwrap().stats;
        check("RadauIia5", &counting, radau);
        // Three an iteration, one for every state, some for sharpened error estimates.
        let least = 3 * radau.newton_iterations + radau.steps;
        assert!((least..=least + radau.rejected + 2).contains(&radau.rhs_evaluations));
        let rodas = solve(&asked, &Rodas5p, span, y0, &options).unwrap().stats;
        check("Rodas5p", &counting, rodas);
        assert_eq!(rodas.newton_iterations, 0);
    }
    run(&Robertson, 1e5, &Robertson::START);
    run(&Hires, Hires::END, &Hires::START);
    run(&VanDerPol { epsilon: 1e-3 }, 2.0, &VanDerPol::START);
}

#[test]
fn every_stiff_method_solves_the_224_network() {
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return;
    };
    let span = (problem.times[0], problem.times[99]);
    let tight = Options::default()
        .rtol(1e-9)
        .atol(1e-20)
        .outputs(problem.times.clone());
    let options = Options::default()
        .rtol(1e-5)
        .atol(1e-16)
        .outputs(problem.times.clone());
    for y0 in &problem.initial[..3] {
        let network: &dyn Jacobian = &problem.network;
        let truth = solve(&network, &Rodas5p, span, y0, &tight).unwrap();
        for (name, result) in each(&problem.network, span, y0, &options) {
            let found = result.unwrap();
            let pairs = found.y.iter().zip(&truth.y).filter(|(_, b)| **b > 1e-10);
            let worst = pairs.fold(0.0f64, |w, (a, b)| w.max((a - b).abs() / b));
            println!("{name}: worst {worst:.1e}, {:?}", found.stats);
            assert!(worst < 1e-2, "{name}: {worst:e}");
        }
    }
}

#[test]
fn lanes_of_kvaerno_do_not_know_their_neighbours() {
    let Some(problem) = common::osu224("osu224_quiet.ic") else {
        return;
    };
    let span = (problem.times[0], problem.times[99]);
    let options = Options::default().outputs(problem.times.clone());
    let make = || common::Lanes::<4>::new(&problem.network);
    let watch = Watch::default();
    let run = |initial: &[f64]| {
        solve_lanes(make, &Kvaerno5, span, initial, &options, &watch)
            .unwrap()
            .into_iter()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    let together = run(&problem.initial[..7].concat());
    for (m, y0) in problem.initial[..7].iter().enumerate() {
        assert_eq!(together[m], run(y0)[0], "model {m}");
        // A lane on its own sums in another order, no more.
        let alone = solve(&problem.network, &Kvaerno5, span, y0, &options).unwrap();
        for (a, b) in together[m]
            .y
            .iter()
            .zip(&alone.y)
            .filter(|(_, b)| **b > 1e-10)
        {
            assert!((a - b).abs() < 1e-2 * b, "model {m}: {a} {b}");
        }
    }
}
