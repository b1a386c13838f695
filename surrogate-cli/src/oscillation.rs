//! Which models end in an oscillation: found from a tight solve, since a loose one steps over it.

use crate::error::Error;
use crate::initial::InitialStates;
use crate::interrupt;
use crate::options::Tolerances;
use crate::solver::{self, Along, Batching, Task};
use chem_network::{Network, RateOptions};

/// Species below this number density (cm⁻³) are not looked at.
const LOWEST: f64 = 1e-10;
/// A turn counts where the density has moved by this fraction since the one before.
const SWING: f64 = 0.01;
/// Turns that make an oscillation.
const TURNS: usize = 4;
/// Outputs, uniform in time, over the last decade of time.
const OUTPUTS: usize = 512;
/// Models solved at a time.
const MODELS: usize = 256;

/// Rows, from 0, in which some species above [`LOWEST`] turns at least [`TURNS`] times in the last decade of time, each turn at
/// least [`SWING`] away from the one before. Rows that fail are left out: the ordinary solve has reported them.
pub fn rows(
    network: &Network,
    initial: &InitialStates,
    rates: &RateOptions,
    times: &[f64],
    tight: Tolerances,
) -> Result<Vec<usize>, Error> {
    let (Some(&start), Some(&end)) = (times.first(), times.last()) else {
        return Ok(Vec::new());
    };
    let from = (end / 10.0).max(start);
    let mut late: Vec<f64> = (0..OUTPUTS)
        .map(|i| from + (end - from) * i as f64 / (OUTPUTS - 1) as f64)
        .collect();
    // The first output is the initial state, whatever the window.
    if from > start {
        late.insert(0, start);
    }
    let skip = usize::from(from > start);
    let species = network.species().len();
    let mut found = Vec::new();
    // A few models at a time: their outputs are many and needed only here.
    let chunks = initial
        .states
        .chunks(MODELS * species)
        .zip(initial.environments.chunks(MODELS));
    for (chunk, (states, environments)) in chunks.enumerate() {
        let task = Task {
            network,
            initial: states,
            conditions: Along::Constant(environments),
            rates,
            times: &late,
            tolerances: tight,
            batching: Batching::Lanes,
            until_steady: None,
        };
        let batch = solver::solve(&task, &|_| (), interrupt::flag())?;
        for (row, data) in batch.data.chunks_exact(late.len() * species).enumerate() {
            let late = &data[skip * species..];
            if (0..species).any(|i| turns(late.iter().skip(i).step_by(species).copied()) >= TURNS) {
                found.push(MODELS * chunk + row);
            }
        }
    }
    Ok(found)
}

/// How often a series changes direction by more than [`SWING`] of its value, above [`LOWEST`].
fn turns(values: impl Iterator<Item = f64>) -> usize {
    let mut turns = 0;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    // +1 rising, −1 falling, 0 not known yet.
    let mut direction = 0;
    for value in values {
        if !(value.is_finite() && value > LOWEST) {
            continue;
        }
        low = low.min(value);
        high = high.max(value);
        if direction <= 0 && value > low * (1.0 + SWING) {
            turns += usize::from(direction < 0);
            direction = 1;
            high = value;
        } else if direction >= 0 && value < high * (1.0 - SWING) {
            turns += usize::from(direction > 0);
            direction = -1;
            low = value;
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_turns_and_a_decay_does_not() {
        let wave = |amplitude: f64| {
            (0..512).map(move |i| 1e-5 * (1.0 + amplitude * (0.2 * f64::from(i)).sin()))
        };
        // 512 × 0.2 rad is 16.3 periods, two turns each.
        assert!(
            (31..=33).contains(&turns(wave(0.5))),
            "{}",
            turns(wave(0.5))
        );
        assert_eq!(turns(wave(1e-3)), 0);
        assert_eq!(
            turns((0..512).map(|i| 1e-5 * (-0.01 * f64::from(i)).exp())),
            0
        );
        assert_eq!(
            turns((0..512).map(|i| 1e-5 * (1.0 - (-0.01 * f64::from(i)).exp()))),
            0
        );
    }

    #[test]
    fn below_the_lowest_density_nothing_counts() {
        assert_eq!(
            turns((0..512).map(|i| 1e-12 * (1.5 + (0.2 * f64::from(i)).sin()))),
            0
        );
        assert_eq!(turns(std::iter::repeat_n(f64::NAN, 100)), 0);
    }
}
