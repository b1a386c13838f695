//! Events: where the exact solution crosses, in the order of time, over lanes as alone; dense output of the whole trajectory within the method's order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use stiff_ode_solvers::{
    Each, Event, Jacobian, Kvaerno5, Options, Rodas5p, Solution, SolveError, SparsityPattern, Stop,
    System, Tsit5, Watch, solve, solve_lanes,
};

/// y = (cos ωt, −sin ωt).
struct Oscillator(f64);
impl System for Oscillator {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, _t: f64, y: &[f64], d: &mut [f64]) {
        (d[0], d[1]) = (self.0 * y[1], -self.0 * y[0]);
    }
    fn is_autonomous(&self) -> bool {
        true
    }
}
impl Jacobian for Oscillator {
    fn sparsity(&self) -> SparsityPattern {
        SparsityPattern::dense(2)
    }
    fn jacobian(&self, _t: f64, _y: &[f64], v: &mut [f64]) {
        v.copy_from_slice(&[0.0, -self.0, self.0, 0.0]);
    }
}

/// Place of `Rodas5p` in [`with_each_method`].
const RODAS5P: usize = 1;

fn with_each_method(
    system: &Oscillator,
    span: (f64, f64),
    y0: &[f64],
    options: &Options,
) -> [Result<Solution, SolveError>; 3] {
    [
        solve(system, &Tsit5, span, y0, options),
        solve(system, &Rodas5p, span, y0, options),
        solve(system, &Kvaerno5, span, y0, options),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// cos ωt = level at every crossing, each direction by itself, forward and backward.
    #[test]
    fn every_crossing_is_found(omega in 0.3..3.0f64, level in -0.9..0.9f64, backward in any::<bool>()) {
        let sign = if backward { -1.0 } else { 1.0 };
        let end = sign * 20.0;
        let options = Options::default().rtol(1e-9).atol(1e-11).max_step(0.4)
            .event(Event::new(move |_, y| y[0] - level).rising())
            .event(Event::new(move |_, y| y[0] - level).falling())
            .event(Event::new(move |_, y| y[0] - level));
        for found in with_each_method(&Oscillator(omega), (0.0, end), &[1.0, 0.0], &options) {
            let found = found.unwrap();
            // Falls through the level at phases φ + 2πk, rises at −φ + 2πk.
            let phi = level.acos();
            let mut exact: Vec<(usize, f64)> = Vec::new();
            for k in 0..20 {
                let turn = std::f64::consts::TAU * f64::from(k);
                exact.push((1, (phi + turn) / omega));
                exact.push((0, (std::f64::consts::TAU - phi + turn) / omega));
            }
            exact.retain(|x| x.1 < 20.0 - 1e-6);
            prop_assert_eq!(found.events.len(), 2 * exact.len());
            for (pair, (event, t)) in found.events.chunks(2).zip(exact) {
                prop_assert_eq!(pair[0].event, event);
                prop_assert_eq!(pair[1].event, 2);
                for located in pair {
                    prop_assert!((located.t - sign * t).abs() < 1e-6, "{} {t}", located.t);
                    prop_assert!((located.y[0] - level).abs() < 1e-12);
                }
            }
        }
    }

    /// A terminal event ends the solve at its time with its state; what was to come after is left out.
    #[test]
    fn a_terminal_event_ends_the_solve(omega in 0.3..3.0f64, level in -0.9..0.9f64) {
        let crossing = level.acos() / omega;
        let times: Vec<f64> = (0..200).map(|k| 0.05 * f64::from(k)).collect();
        let base = Options::default().rtol(1e-8).atol(1e-10)
            .event(Event::new(move |_, y| y[0] - level).terminal())
            .event(Event::new(move |_, y| y[1]));
        for options in [base.clone().outputs(times.clone()), base] {
            for found in with_each_method(&Oscillator(omega), (0.0, 10.0), &[1.0, 0.0], &options) {
                let found = found.unwrap();
                prop_assert_eq!(found.stop, Stop::Event(0));
                prop_assert!((found.t_end - crossing).abs() < 1e-6);
                prop_assert!((found.y_end[0] - level).abs() < 1e-12);
                prop_assert!((found.y_end[1] + (omega * found.t_end).sin()).abs() < 1e-5);
                prop_assert_eq!(found.events.len(), 1);
                if options.output_times().is_empty() {
                    prop_assert_eq!(found.t.last(), Some(&found.t_end));
                    prop_assert_eq!(found.y[found.y.len() - 2..].to_vec(), found.y_end);
                } else {
                    prop_assert_eq!(found.t.len(), times.iter().filter(|&&t| t <= found.t_end).count());
                }
            }
        }
    }
}

#[test]
fn the_tolerance_of_an_event_is_kept() {
    for width in [1e-1, 1e-4, 1e-8] {
        let options = Options::default()
            .rtol(1e-10)
            .atol(1e-12)
            .event(Event::new(|_, y| y[0]).terminal().tolerance(width));
        let found = solve(&Oscillator(1.0), &Tsit5, (0.0, 3.0), &[1.0, 0.0], &options).unwrap();
        let late = found.t_end - std::f64::consts::FRAC_PI_2;
        assert!((-1e-9..width + 1e-9).contains(&late), "{width}: {late}");
    }
}

#[test]
fn a_zero_at_the_start_is_no_event_and_solves_can_go_on_from_one() {
    // Bounces: restarted at each zero of y0 with the speed turned around, y0 = |cos t|.
    let options = Options::default()
        .rtol(1e-9)
        .atol(1e-11)
        .event(Event::new(|_, y| y[0]).falling().terminal());
    let (mut t, mut y) = (0.0, vec![1.0, 0.0]);
    for k in 0..4 {
        let found = solve(&Oscillator(1.0), &Tsit5, (t, 100.0), &y, &options).unwrap();
        (t, y) = (found.t_end, found.y_end);
        let exact = std::f64::consts::PI * (f64::from(k) + 0.5);
        assert!((t - exact).abs() < 1e-6, "{t} {exact}");
        (y[0], y[1]) = (0.0, -y[1]);
    }
}

#[test]
fn lanes_locate_what_single_models_locate() {
    let systems: Vec<Oscillator> = (0..7).map(|k| Oscillator(0.5 + 0.3 * k as f64)).collect();
    let initial: Vec<f64> = (0..7).flat_map(|_| [1.0, 0.0]).collect();
    let options = Options::default()
        .rtol(1e-7)
        .atol(1e-9)
        .dense_output()
        .event(Event::new(|_, y| y[1]))
        .event(Event::of_model(|model, t, _| t - 4.0 - model as f64).terminal());
    let together = solve_lanes::<f64, _, _, 4>(
        || Each::new(&systems),
        &Rodas5p,
        (0.0, 9.0),
        &initial,
        &options,
        &Watch::default(),
    )
    .unwrap();
    for (model, found) in together.into_iter().enumerate() {
        let found = found.unwrap();
        let end = 4.0 + model as f64;
        assert!((found.t_end - end.min(9.0)).abs() < 1e-12);
        assert_eq!(
            found.stop,
            if end <= 9.0 {
                Stop::Event(1)
            } else {
                Stop::End
            }
        );
        let alone_options = Options::default()
            .rtol(1e-7)
            .atol(1e-9)
            .dense_output()
            .event(Event::new(|_, y| y[1]))
            .event(Event::new(move |t, _| t - 4.0 - model as f64).terminal());
        let alone = solve(
            &systems[model],
            &Rodas5p,
            (0.0, 9.0),
            &[1.0, 0.0],
            &alone_options,
        )
        .unwrap();
        assert_eq!(found, alone);
    }
}

#[test]
fn the_dense_output_is_what_outputs_are() {
    for span in [(0.0, 12.0), (12.0, 0.0)] {
        let mut times: Vec<f64> = (0..=240).map(|k| 0.05 * f64::from(k)).collect();
        if span.1 < span.0 {
            times.reverse();
        }
        let options = Options::default().rtol(1e-6).atol(1e-8);
        let dense = options.clone().dense_output();
        let system = Oscillator(1.3);
        let at_times =
            with_each_method(&system, span, &[1.0, 0.0], &options.outputs(times.clone()));
        for (method, (found, with)) in with_each_method(&system, span, &[1.0, 0.0], &dense)
            .into_iter()
            .zip(at_times)
            .enumerate()
        {
            // A polynomial stands for the states that `Rodas5p` refines one by one.
            let refined = method == RODAS5P;
            let (found, with) = (found.unwrap(), with.unwrap());
            let trajectory = found.dense.unwrap();
            assert_eq!(trajectory.span(), Some(span));
            assert_eq!(trajectory.steps(), found.stats.steps);
            let mut y = [0.0; 2];
            for (k, &t) in times.iter().enumerate() {
                trajectory.at(t, &mut y).unwrap();
                for i in 0..2 {
                    let apart = (y[i] - with.state(k)[i]).abs();
                    assert!(apart < if refined { 1e-7 } else { 1e-13 }, "{t}: {y:?}");
                }
            }
            let outside = trajectory.at(12.1, &mut y);
            assert!(matches!(outside, Err(SolveError::OutsideSolution { .. })));
            let short = trajectory.at(1.0, &mut y[..1]);
            assert!(matches!(short, Err(SolveError::Dimension { .. })));
        }
    }
}
