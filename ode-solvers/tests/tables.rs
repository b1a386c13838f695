//! The exported table of Tsit5 and the numbers of a controller are enough to write the loop anew: it takes the library's steps.
#![allow(clippy::unwrap_used)]

use stiff_ode_solvers::{Controller, Each, Options, Rollout, System, Tsit5};

/// y' = −λ y + sin 3t.
struct Forced(f64);

impl System for Forced {
    fn dim(&self) -> usize {
        1
    }
    fn rhs(&self, t: f64, y: &[f64], dydt: &mut [f64]) {
        dydt[0] = -self.0 * y[0] + (3.0 * t).sin();
    }
}

/// Steps (t, h) from 0 to `end`, by the tables alone.
fn steps(system: &Forced, controller: Controller, y0: f64, end: f64, first: f64) -> Vec<[f64; 2]> {
    let (rtol, atol) = (1e-6, 1e-9);
    let control = controller.numbers(Tsit5::ORDER);
    let slope = |t: f64, y: f64| {
        let mut dydt = [0.0];
        system.rhs(t, &[y], &mut dydt);
        dydt[0]
    };
    let (mut t, mut y, mut h, mut past) = (0.0, y0, first, [0.0; 2]);
    let mut taken = Vec::new();
    while t < end {
        h = f64::min(h, end - t);
        let mut k = [0.0; 7];
        let mut state = y;
        for s in 0..7 {
            let weights = Tsit5::WEIGHTS[s].iter().zip(&k);
            state = y + h * weights.map(|(a, k)| a * k).sum::<f64>();
            k[s] = slope(t + Tsit5::NODES[s] * h, state);
        }
        let estimate = h * Tsit5::ERROR.iter().zip(&k).map(|(e, k)| e * k).sum::<f64>();
        let error = (estimate / (atol + rtol * y.abs().max(state.abs()))).abs();
        if error > 1.0 {
            let factor = control.safety * error.powf(-1.0 / Tsit5::ORDER as f64);
            h *= factor.max(control.least_after_rejected).min(0.9);
            continue;
        }
        taken.push([t, h]);
        let log = error.max(1e-10).log2();
        let [now, before, earlier] = control.gains;
        let exponent = before * past[0] - now * log - earlier * past[1];
        let factor = control.safety * exponent.exp2();
        past = [log, past[0]];
        t = if h == end - t { end } else { t + h };
        y = state;
        h *= factor.max(control.least_after_accepted).min(control.most);
    }
    taken
}

#[test]
fn a_loop_written_from_the_tables_takes_the_same_steps() {
    for controller in [
        Controller::integral(),
        Controller::proportional_integral(),
        Controller::pid(0.3, 0.4, -0.05).factors(0.3, 4.0),
    ] {
        let systems = [Forced(2.0)];
        let options = Options::default()
            .rtol(1e-6)
            .atol(1e-9)
            .initial_step(0.5)
            .controller(controller);
        let mut rollout = Rollout::<f64, 1>::new();
        rollout
            .forward(
                &mut Each::new(&systems),
                (0.0, 4.0),
                &[[1.0]],
                &options.outputs(vec![]),
                &mut [],
            )
            .unwrap();
        let taken = steps(&systems[0], controller, 1.0, 4.0, 0.5);
        assert_eq!(rollout.steps(), [taken.len()]);
        for (r, [t, h]) in taken.into_iter().enumerate() {
            let (expected_t, expected_h) = rollout.step(0, r).unwrap();
            // The library's logarithm is good to 1e-7.
            assert!((t - expected_t).abs() < 1e-5, "{t} {expected_t}");
            assert!((h - expected_h).abs() < 1e-5, "{h} {expected_h}");
        }
    }
}

/// The dense output begins at the state, ends at the step, and leaves with the slopes there.
#[test]
fn the_interpolant_joins_step_and_slopes() {
    for (j, row) in Tsit5::INTERPOLANT.iter().enumerate() {
        let (at_end, slope): (f64, f64) = (
            row.iter().sum(),
            row.iter()
                .zip(1..)
                .map(|(c, power)| c * f64::from(power))
                .sum(),
        );
        let weight = Tsit5::WEIGHTS[6].get(j).copied().unwrap_or(0.0);
        assert!((at_end - weight).abs() < 1e-11, "slope {j}");
        assert_eq!(row[0], if j == 0 { 1.0 } else { 0.0 });
        assert!(
            (slope - f64::from(u8::from(j == 6))).abs() < 1e-10,
            "slope {j}: {slope}"
        );
    }
}
