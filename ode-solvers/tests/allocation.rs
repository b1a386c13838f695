//! No allocation per step: a counting allocator around solves whose memory has been used before, of every method, wrapper and option.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::alloc::{GlobalAlloc, Layout, System as Heap};
use std::cell::Cell;

use stiff_ode_solvers::methods::{Method, Stepper};
use stiff_ode_solvers::problems::{Hires, Robertson};
use stiff_ode_solvers::{
    Bdf, ColouredDifferences, Controller, Each, Event, Jacobian, Kvaerno5, LogSpace, Of, Options,
    ParameterDerivative, RadauIia5, Rodas5p, Rollout, Scaled, Sensitivities, Solution, Solver,
    SparsityPattern, SteadyState, System, Tsit5, VectorJacobian, Watch, solve_lanes,
};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting per thread.
struct Counting;
// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { Heap.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { Heap.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { Heap.realloc(pointer, layout, size) }
    }
}
#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

/// One type for all systems, so that the methods are compiled once.
type Any<'a> = &'a (dyn Jacobian + Sync);

/// Allocations of a second solve with the same memory, which takes at least so many steps; the pattern a system describes anew is not counted.
fn second<'a, M>(
    system: &'a Any<'a>,
    method: &M,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> (usize, usize)
where
    M: Method<f64>,
    M::Stepper: Stepper<f64, Each<'a, f64, Any<'a>, 1>, 1>,
{
    let mut solver = Solver::new(method);
    let mut solution = Solution::default();
    solver
        .solve_into(system, span, y0, options, &mut solution)
        .unwrap();
    let count = allocations(|| {
        solver
            .solve_into(system, span, y0, options, &mut solution)
            .unwrap();
    });
    (count, solution.stats.steps)
}

/// As many allocations at loose as at tight tolerance, although the latter takes many more steps.
fn check<'a, M>(
    name: &str,
    system: &'a Any<'a>,
    method: &M,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) where
    M: Method<f64>,
    M::Stepper: Stepper<f64, Each<'a, f64, Any<'a>, 1>, 1>,
{
    let (few, short) = second(system, method, span, y0, &options.clone().rtol(1e-3));
    let (many, long) = second(system, method, span, y0, &options.clone().rtol(1e-7));
    assert!(long > short + 10, "{name}: {short} and {long} steps");
    assert_eq!(few, many, "{name}: {short} and {long} steps");
    // Those that remain describe the pattern, once per solve.
    assert!(few < 16, "{name}: {few} allocations");
}

fn every_stiff(name: &str, system: Any, span: (f64, f64), y0: &[f64], options: &Options) {
    check(
        &format!("{name} Rodas5p"),
        &system,
        &Rodas5p,
        span,
        y0,
        options,
    );
    check(
        &format!("{name} Kvaerno5"),
        &system,
        &Kvaerno5,
        span,
        y0,
        options,
    );
    check(
        &format!("{name} RadauIia5"),
        &system,
        &RadauIia5,
        span,
        y0,
        options,
    );
    check(
        &format!("{name} Bdf"),
        &system,
        &Bdf::default(),
        span,
        y0,
        options,
    );
}

#[test]
fn no_method_allocates_per_step() {
    let times: Vec<f64> = (0..50).map(|k| 6.0 * f64::from(k)).collect();
    let options = Options::default().atol(1e-9).outputs(times);
    every_stiff("Hires", &Hires, (0.0, 300.0), &Hires::START, &options);
    check(
        "Tsit5",
        &(&Hires as Any),
        &Tsit5,
        (0.0, 300.0),
        &Hires::START,
        &options,
    );
}

#[test]
fn no_option_allocates_per_step() {
    let start = [1.0, 0.0, 0.0];
    let base = Options::default().atol(1e-9).outputs(vec![1.0, 1e2, 1e4]);
    let options = [
        (
            "controller",
            base.clone().controller(Controller::proportional_integral()),
        ),
        ("events", base.clone().event(Event::new(|_, y| y[0] + 1.0))),
        (
            "steady",
            base.clone()
                .stop_at_steady_state(SteadyState::default().over(1e9)),
        ),
        (
            "nonnegative",
            base.clone().keep_nonnegative(vec![vec![1.0; 3]]),
        ),
        ("conserved", base.clone().conserve(vec![vec![1.0; 3]])),
        ("invariant", base.clone().invariant(vec![1.0; 3], 0)),
        ("stops", base.clone().stops(vec![3.0, 4.0])),
    ];
    for (name, options) in options {
        check(
            name,
            &(&Robertson as Any),
            &Rodas5p,
            (0.0, 1e4),
            &start,
            &options,
        );
        check(
            name,
            &(&Robertson as Any),
            &Kvaerno5,
            (0.0, 1e4),
            &start,
            &options,
        );
    }
}

/// y' = −k (y − cos t).
struct Follow(f64);
impl System for Follow {
    fn dim(&self) -> usize {
        1
    }
    fn rhs(&self, t: f64, y: &[f64], d: &mut [f64]) {
        d[0] = -self.0 * (y[0] - t.cos());
    }
}
impl Jacobian for Follow {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(1)
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        v[0] = -self.0;
    }
}
impl ParameterDerivative for Follow {
    fn parameter_len(&self) -> usize {
        1
    }
    fn parameter_derivative(&self, t: f64, y: &[f64], _parameter: usize, d: &mut [f64]) {
        d[0] = -(y[0] - t.cos());
    }
}
impl VectorJacobian for Follow {
    fn parameter_len(&self) -> usize {
        1
    }
    fn vjp(&self, t: f64, y: &[f64], v: &[f64], y_bar: &mut [f64], p_bar: &mut [f64]) {
        y_bar[0] -= self.0 * v[0];
        p_bar[0] -= (y[0] - t.cos()) * v[0];
    }
}

#[test]
fn no_wrapper_allocates_per_step() {
    let options = Options::default().atol(1e-9).outputs(vec![1.0, 10.0, 30.0]);
    let (span, hires) = ((0.0, 300.0), Hires::START);
    let differenced = ColouredDifferences::new(&Hires, Hires.sparsity());
    check(
        "differences",
        &(&differenced as Any),
        &Kvaerno5,
        span,
        &hires,
        &options,
    );
    let scaled = Scaled::new(&Hires, vec![2.0; 8]).unwrap();
    check(
        "scaled",
        &(&scaled as Any),
        &Rodas5p,
        span,
        &hires,
        &options,
    );
    let log = LogSpace::new(&Hires);
    let in_log = Options::default().atol(1e-9).outputs(vec![0.0, 2.0]);
    check(
        "log",
        &(&log as Any),
        &Rodas5p,
        (-2.0, 2.0),
        &[-3.0; 8],
        &in_log,
    );
    let sensitive = Sensitivities::new(Follow(20.0), &[Of::Initial(0), Of::Parameter(0)]);
    let start = sensitive.start(&[0.0]);
    every_stiff("sensitivities", &sensitive, (0.0, 30.0), &start, &options);
}

#[test]
fn no_lane_and_no_recorded_solve_allocates_per_step() {
    let systems = [Follow(1.0), Follow(2.0), Follow(4.0)];
    let lanes = |rtol: f64| {
        let options = Options::default()
            .rtol(rtol)
            .atol(1e-9)
            .outputs(vec![1.0, 30.0]);
        let make = || Each::<f64, _, 2>::new(&systems);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        pool.install(|| {
            let run = || {
                solve_lanes(
                    make,
                    &Rodas5p,
                    (0.0, 30.0),
                    &[0.0; 3],
                    &options,
                    &Watch::default(),
                )
            };
            run().unwrap();
            let mut steps = 0;
            let count = allocations(|| {
                steps = run().unwrap()[0].as_ref().unwrap().stats.steps;
            });
            (count, steps)
        })
    };
    let ((few, short), (many, long)) = (lanes(1e-3), lanes(1e-8));
    assert!(long > 2 * short);
    assert_eq!(few, many);

    let options = Options::default()
        .rtol(1e-7)
        .atol(1e-9)
        .outputs(vec![1.0, 30.0]);
    for checkpointed in [false, true] {
        let mut lanes = Each::<f64, _, 1>::new(&systems);
        let mut rollout = Rollout::<f64, 1, Kvaerno5>::with(&Kvaerno5);
        if checkpointed {
            rollout = rollout.checkpointed();
        }
        let mut outputs = [[0.0]; 2];
        let (mut y_bar, mut p_bar) = ([[0.0]], [[0.0]]);
        let mut both = || {
            let outcome =
                rollout.forward(&mut lanes, (0.0, 30.0), &[[0.0]], &options, &mut outputs);
            assert!(outcome.unwrap().all_finished());
            let bar = [[1.0], [2.0]];
            rollout
                .backward(&mut lanes, &bar, None, &mut y_bar, &mut p_bar)
                .unwrap();
            rollout.steps()[0]
        };
        both();
        let mut steps = 0;
        let count = allocations(|| steps = both());
        assert!(
            steps > 50 && count < 20,
            "{count} allocations in {steps} steps"
        );
    }
}
