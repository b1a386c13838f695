//! A bouncing ball: a terminal event at the ground, a restart from it, the top of every arc as an event that does not end the solve.
//! `cargo run --release -p stiff-ode-solvers --example events`
use stiff_ode_solvers::{Event, Options, SolveError, Stop, System, Tsit5, solve};

/// Height and speed of a ball in m and m/s.
struct Ball;
impl System for Ball {
    fn dim(&self) -> usize {
        2
    }
    fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
        (dydt[0], dydt[1]) = (y[1], -9.81);
    }
}

fn main() -> Result<(), SolveError> {
    let options = Options::default()
        .rtol(1e-9)
        .atol(1e-12)
        .event(Event::new(|_t, y| y[1]).falling())
        .event(Event::new(|_t, y| y[0]).falling().terminal());
    let (mut t, mut state) = (0.0, vec![0.0, 10.0]);
    while t < 10.0 {
        let arc = solve(&Ball, &Tsit5, (t, 10.0), &state, &options)?;
        for top in arc.events.iter().filter(|located| located.event == 0) {
            println!("top at {:.6} s, {:.6} m", top.t, top.y[0]);
        }
        (t, state) = (arc.t_end, arc.y_end);
        if arc.stop == Stop::Event(1) {
            println!("ground at {t:.6} s, {:.3} m/s", state[1]);
            state = vec![0.0, -0.8 * state[1]];
        }
    }
    Ok(())
}
