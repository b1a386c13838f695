//! Batches: results independent of threads and lanes, failures kept apart, progress, cancellation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use stiff_ode_solvers::{
    Each, Jacobian, Options, Rodas5p, Solution, SolveError, SparsityPattern, System, Tsit5, Watch,
    solve, solve_batch, solve_lanes, solve_lanes_into,
};

/// Robertson's reaction with a factor on its rates; a negative factor explodes.
struct Rates(f64);
impl System for Rates {
    fn dim(&self) -> usize {
        3
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let (a, b, c) = (0.04 * self.0 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] * y[1]);
        d[0] = -a + b;
        d[1] = a - b - c;
        d[2] = c;
        if self.0 < 0.0 {
            d[0] = f64::NAN;
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Rates {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(3)
    }
    fn jacobian(&self, _t: f64, y: &[f64], v: &mut [f64]) {
        let (a, b, c) = (1e4 * y[2], 1e4 * y[1], 6e7 * y[1]);
        v.copy_from_slice(&[-0.04 * self.0, 0.04 * self.0, 0.0, a, -a - c, c, b, -b, 0.0]);
    }
}

const SPAN: (f64, f64) = (0.0, 1e5);

fn models(n: usize) -> (Vec<Rates>, Vec<f64>) {
    let factor = |m: usize| 0.2 + m as f64 * 0.31;
    (
        (0..n).map(|m| Rates(factor(m))).collect(),
        (0..n).flat_map(|m| [1.0, 0.0, 0.01 * m as f64]).collect(),
    )
}

fn options() -> Options {
    Options::default()
        .rtol(1e-5)
        .atol(1e-10)
        .outputs((0..20).map(|k| 10f64.powf(-3.0 + 0.4 * k as f64)).collect())
}

fn in_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(work)
}

/// States go to one array, the same as into solutions; a model that fails spoils no other, and wrong lengths are refused.
#[test]
fn states_are_written_to_one_array() {
    let (mut systems, initial) = models(11);
    systems[4] = Rates(-1.0);
    let watch = Watch::default();
    let make = || Each::<f64, Rates, 4>::new(&systems);
    let apart = solve_lanes::<f64, _, _, 4>(make, &Rodas5p, SPAN, &initial, &options(), &watch);
    let width = 3 * 20;
    for threads in [1, 2] {
        let mut states = vec![f64::NAN; 11 * width];
        let found = in_pool(threads, || {
            let (options, states) = (options(), &mut states);
            solve_lanes_into::<f64, _, _, 4>(
                make, &Rodas5p, SPAN, &initial, &options, &watch, states,
            )
        })
        .unwrap();
        for (m, (found, apart)) in found.iter().zip(apart.as_ref().unwrap()).enumerate() {
            let states = &states[m * width..][..width];
            let (Ok(found), Ok(apart)) = (found, apart) else {
                assert_eq!((m, found.is_err(), apart.is_err()), (4, true, true));
                continue;
            };
            assert!(found.y.is_empty());
            assert_eq!(states, apart.y);
            assert_eq!((&found.t, &found.y_end), (&apart.t, &apart.y_end));
        }
    }
    let mut short = vec![0.0; 11 * width - 1];
    for options in [options(), options().outputs(Vec::new()), Options::default()] {
        let refused = solve_lanes_into::<f64, _, _, 4>(
            make, &Rodas5p, SPAN, &initial, &options, &watch, &mut short,
        );
        assert!(
            matches!(refused, Err(SolveError::Dimension { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn results_do_not_depend_on_threads_or_lanes() {
    let (systems, initial) = models(23);
    let alone: Vec<Solution> = (0..23)
        .map(|m| {
            solve(
                &systems[m],
                &Rodas5p,
                SPAN,
                &initial[3 * m..3 * m + 3],
                &options(),
            )
            .unwrap()
        })
        .collect();
    let watch = Watch::default();
    for threads in [1, 3] {
        in_pool(threads, || {
            let batch =
                solve_batch(&systems, &Rodas5p, SPAN, &initial, &options(), &watch).unwrap();
            let four = solve_lanes::<_, _, _, 4>(
                || Each::new(&systems),
                &Rodas5p,
                SPAN,
                &initial,
                &options(),
                &watch,
            )
            .unwrap();
            let eight = solve_lanes::<_, _, _, 8>(
                || Each::new(&systems),
                &Rodas5p,
                SPAN,
                &initial,
                &options(),
                &watch,
            )
            .unwrap();
            for m in 0..23 {
                for found in [&batch[m], &four[m], &eight[m]] {
                    assert_eq!(found.as_ref().unwrap(), &alone[m], "model {m}");
                }
            }
        });
    }
}

#[test]
fn explicit_lanes_agree_with_single_solves() {
    let (systems, initial) = models(9);
    let options = Options::default()
        .rtol(1e-4)
        .atol(1e-8)
        .outputs(vec![0.01, 0.1]);
    let lanes = solve_lanes::<_, _, _, 4>(
        || Each::new(&systems),
        &Tsit5,
        (0.0, 0.1),
        &initial,
        &options,
        &Watch::default(),
    )
    .unwrap();
    for (m, found) in lanes.iter().enumerate() {
        let alone = solve(
            &systems[m],
            &Tsit5,
            (0.0, 0.1),
            &initial[3 * m..3 * m + 3],
            &options,
        )
        .unwrap();
        assert_eq!(found.as_ref().unwrap(), &alone, "model {m}");
    }
}

#[test]
fn failures_stay_in_their_place() {
    let (mut systems, mut initial) = models(10);
    systems[4] = Rates(-1.0);
    initial[3 * 7] = f64::NAN;
    let results = solve_batch(
        &systems,
        &Rodas5p,
        SPAN,
        &initial,
        &options(),
        &Watch::default(),
    )
    .unwrap();
    for (m, result) in results.iter().enumerate() {
        match m {
            4 => assert!(
                matches!(result, Err(SolveError::NotFinite { component: 0, .. })),
                "{result:?}"
            ),
            7 => assert!(
                matches!(result, Err(SolveError::InitialState { component: 0, .. })),
                "{result:?}"
            ),
            _ => assert!(result.is_ok(), "{m}: {result:?}"),
        }
    }
}

#[test]
fn progress_counts_every_model_and_a_flag_cancels() {
    let (systems, initial) = models(40);
    let (calls, flag) = (AtomicUsize::new(0), AtomicBool::new(false));
    let most = AtomicUsize::new(0);
    let count = |done: usize| {
        calls.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(done, Ordering::Relaxed);
    };
    let watch = Watch {
        progress: Some(&count),
        cancel: Some(&flag),
    };
    assert!(
        solve_batch(&systems, &Rodas5p, SPAN, &initial, &options(), &watch)
            .unwrap()
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(
        (calls.load(Ordering::Relaxed), most.load(Ordering::Relaxed)),
        (40, 40)
    );
    let stop_after_three = |done: usize| flag.store(done >= 3, Ordering::Relaxed);
    let watch = Watch {
        progress: Some(&stop_after_three),
        cancel: Some(&flag),
    };
    let results = in_pool(1, || {
        solve_batch(&systems, &Rodas5p, SPAN, &initial, &options(), &watch)
    })
    .unwrap();
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 3);
    assert!(
        results[3..]
            .iter()
            .all(|r| r == &Err(SolveError::Cancelled))
    );
}

#[test]
fn wrong_lengths_are_refused() {
    let (systems, initial) = models(3);
    for wrong in [&initial[1..], &initial[..3]] {
        let result = solve_batch(
            &systems,
            &Rodas5p,
            SPAN,
            wrong,
            &options(),
            &Watch::default(),
        );
        assert!(
            matches!(result, Err(SolveError::Dimension { .. })),
            "{result:?}"
        );
    }
    // One system serves any number of states.
    assert_eq!(
        solve_batch(
            &systems[..1],
            &Rodas5p,
            SPAN,
            &initial,
            &options(),
            &Watch::default()
        )
        .unwrap()
        .len(),
        3
    );
    assert!(
        solve_batch::<f64, Rates, _>(&[], &Rodas5p, SPAN, &[], &options(), &Watch::default())
            .unwrap()
            .is_empty()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    /// A model's result is the same to the last bit whoever its neighbours are.
    #[test]
    fn neighbours_do_not_matter(order in Just((0..9usize).collect::<Vec<_>>()).prop_shuffle()) {
        let (systems, initial) = models(9);
        let shuffled: Vec<Rates> = order.iter().map(|&m| Rates(systems[m].0)).collect();
        let states: Vec<f64> = order.iter().flat_map(|&m| initial[3 * m..3 * m + 3].to_vec()).collect();
        let watch = Watch::default();
        let plain = solve_lanes::<_, _, _, 4>(|| Each::new(&systems), &Rodas5p, SPAN, &initial, &options(), &watch).unwrap();
        let mixed = solve_lanes::<_, _, _, 4>(|| Each::new(&shuffled), &Rodas5p, SPAN, &states, &options(), &watch).unwrap();
        for (at, &m) in order.iter().enumerate() {
            prop_assert_eq!(&mixed[at], &plain[m]);
        }
    }
}
