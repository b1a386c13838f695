//! Sums that a system names as conserved are kept at steps, outputs, events and in between, by every method, whatever is lost on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use stiff_ode_solvers::{
    Bdf, Each, Event, Jacobian, Kvaerno5, Options, RadauIia5, Rodas5p, Solution, SolveError,
    SparsityPattern, System, Tsit5, Watch, solve, solve_lanes,
};

/// A ⇌ B ⇌ C with a leak of 1e-7 of the rates: what rounding does to the sums of chemistry, made large enough to see. Sum and a second law (y₀ + y₁ + y₂, 2 y₃ + y₄).
struct Leaky {
    leak: f64,
    named: bool,
}
const RATES: [f64; 4] = [1.0, 3.0, 20.0, 0.5];
const LAWS: [[f64; 5]; 2] = [[1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0, 1.0]];
const START: [f64; 5] = [1.0, 0.0, 1e-3, 1.0, 0.2];

impl System for Leaky {
    fn dim(&self) -> usize {
        5
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        let ab = RATES[0] * y[0] - RATES[1] * y[1];
        let bc = RATES[2] * y[1] - RATES[3] * y[2];
        let de = y[3] - 0.1 * y[4];
        d.copy_from_slice(&[-ab, ab - bc, bc, -de, 2.0 * de]);
        for (d, y) in d.iter_mut().zip(y) {
            *d -= self.leak * y;
        }
    }
    fn is_autonomous(&self) -> bool {
        true
    }
    fn conserved(&self) -> Vec<Vec<f64>> {
        if self.named {
            LAWS.map(|law| law.to_vec()).to_vec()
        } else {
            Vec::new()
        }
    }
}
impl Jacobian for Leaky {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(5)
    }
    fn jacobian(&self, t: f64, _y: &[f64], v: &mut [f64]) {
        for j in 0..5 {
            let mut unit = [0.0; 5];
            unit[j] = 1.0;
            self.rhs(t, &unit, &mut v[5 * j..5 * j + 5]);
        }
    }
}

/// Largest change of a sum over all that a solution holds, relative to the sum.
fn change(found: &Solution) -> f64 {
    let mut states: Vec<Vec<f64>> = found.y.chunks(5).map(<[f64]>::to_vec).collect();
    states.push(found.y_end.clone());
    states.extend(found.events.iter().map(|e| e.y.clone()));
    if let Some(dense) = &found.dense {
        states.extend((0..=97).map(|k| {
            let mut y = vec![0.0; 5];
            dense.at(40.0 * f64::from(k) / 97.0, &mut y).unwrap();
            y
        }));
    }
    let mut worst = 0f64;
    for law in LAWS {
        let sum = |y: &[f64]| -> f64 { law.iter().zip(y).map(|(w, y)| w * y).sum() };
        for y in &states {
            worst = worst.max((sum(y) / sum(&START) - 1.0).abs());
        }
    }
    worst
}

fn every_method(
    system: &Leaky,
    options: &Options,
) -> [(&'static str, Result<Solution, SolveError>); 5] {
    let span = (0.0, 40.0);
    [
        ("Rodas5p", solve(system, &Rodas5p, span, &START, options)),
        ("Kvaerno5", solve(system, &Kvaerno5, span, &START, options)),
        (
            "RadauIia5",
            solve(system, &RadauIia5, span, &START, options),
        ),
        ("Bdf", solve(system, &Bdf::default(), span, &START, options)),
        ("Tsit5", solve(system, &Tsit5, span, &START, options)),
    ]
}

fn options() -> Options {
    Options::default().rtol(1e-4).atol(1e-8)
}

#[test]
fn named_sums_are_kept_everywhere_by_every_method() {
    let leaky = |named| Leaky { leak: 1e-7, named };
    let outputs = options().outputs((0..30).map(|k| 1.3 * f64::from(k)).collect());
    let crossing = options()
        .dense_output()
        .event(Event::new(|_, y| y[0] - 0.3));
    for options in [options(), outputs, crossing] {
        for (name, found) in every_method(&leaky(false), &options) {
            let lost = change(&found.unwrap());
            assert!(lost > 1e-6, "{name} loses {lost:e}: the test shows nothing");
        }
        for (name, found) in every_method(&leaky(true), &options) {
            let found = found.unwrap();
            assert!(options.output_times().is_empty() || found.t.len() == 30);
            let lost = change(&found);
            assert!(lost < 4e-12, "{name}: {lost:e}");
        }
        // Laws of the caller's instead of the system's; none at all.
        let laws = LAWS.map(|law| law.to_vec()).to_vec();
        for (name, found) in every_method(&leaky(false), &options.clone().conserve(laws)) {
            let lost = change(&found.unwrap());
            assert!(lost < 4e-12, "{name}: {lost:e}");
        }
        for (name, found) in every_method(&leaky(true), &options.clone().conserve(Vec::new())) {
            assert!(change(&found.unwrap()) > 1e-6, "{name}");
        }
    }
}

/// What keeps a sum changes no more than the sum: the solution is that of the system without a leak.
#[test]
fn the_solution_stays_within_the_tolerance() {
    let tight = Options::default().rtol(1e-10).atol(1e-13);
    let sound = Leaky {
        leak: 0.0,
        named: false,
    };
    let truth = solve(&sound, &Rodas5p, (0.0, 40.0), &START, &tight).unwrap();
    for (name, found) in every_method(
        &Leaky {
            leak: 1e-7,
            named: true,
        },
        &options(),
    ) {
        for (a, b) in found.unwrap().y_end.iter().zip(&truth.y_end) {
            assert!((a / b - 1.0).abs() < 1e-3, "{name}: {a:e} {b:e}");
        }
    }
}

#[test]
fn lanes_keep_each_their_own_sums() {
    let systems = [Leaky {
        leak: 1e-7,
        named: true,
    }];
    let initial: Vec<f64> = (0..7)
        .flat_map(|m| START.map(|y| y * (1.0 + f64::from(m))))
        .collect();
    let found = solve_lanes::<f64, _, _, 4>(
        || Each::new(&systems),
        &Rodas5p,
        (0.0, 40.0),
        &initial,
        &options().outputs(vec![1.0, 7.0, 40.0]),
        &Watch::default(),
    )
    .unwrap();
    for (m, found) in found.into_iter().enumerate() {
        let mut found = found.unwrap();
        let size = 1.0 + m as f64;
        found
            .y
            .iter_mut()
            .chain(&mut found.y_end)
            .for_each(|y| *y /= size);
        assert!(change(&found) < 4e-12, "{m}: {:e}", change(&found));
    }
}

#[test]
fn laws_of_the_wrong_length_are_refused() {
    let options = options().conserve(vec![vec![1.0; 4]]);
    for (name, found) in every_method(
        &Leaky {
            leak: 0.0,
            named: false,
        },
        &options,
    ) {
        assert!(
            matches!(
                found,
                Err(SolveError::Dimension {
                    expected: 5,
                    found: 4,
                    ..
                })
            ),
            "{name}"
        );
    }
    struct Wrong;
    impl System for Wrong {
        fn dim(&self) -> usize {
            2
        }
        fn rhs(&self, _t: f64, _y: &[f64], d: &mut [f64]) {
            d.fill(0.0);
        }
        fn conserved(&self) -> Vec<Vec<f64>> {
            vec![vec![1.0]]
        }
    }
    let found = solve(&Wrong, &Tsit5, (0.0, 1.0), &[1.0, 1.0], &Options::default());
    assert!(matches!(
        found,
        Err(SolveError::Dimension {
            expected: 2,
            found: 1,
            ..
        })
    ));
}
