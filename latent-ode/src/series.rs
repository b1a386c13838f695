//! Normalised series for training: times on [0, 1], derivatives by differences, and reproducible shuffling.

use rand::{Rng, RngExt};

/// log10 of the times, mapped linearly to [0, 1] between the first and the last.
pub fn normalised_times(times: &[f64]) -> Vec<f64> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Vec::new();
    };
    let (a, b) = (first.log10(), last.log10());
    times.iter().map(|t| (t.log10() - a) / (b - a)).collect()
}

/// d`values`/d`grid` of one trajectory (times × quantities, row-major) by differences of second order inside and first order
/// at both ends, on any grid: what NumPy's `gradient` gives with its defaults.
pub fn derivatives(values: &[f64], grid: &[f64], quantities: usize) -> Vec<f64> {
    let times = grid.len();
    let mut out = vec![0.0; values.len()];
    if times < 2 {
        return out;
    }
    let row = |k: usize| &values[k * quantities..(k + 1) * quantities];
    for k in 0..times {
        let target = &mut out[k * quantities..(k + 1) * quantities];
        if k == 0 || k == times - 1 {
            let (a, b) = if k == 0 {
                (0, 1)
            } else {
                (times - 2, times - 1)
            };
            for (i, d) in target.iter_mut().enumerate() {
                *d = (row(b)[i] - row(a)[i]) / (grid[b] - grid[a]);
            }
            continue;
        }
        let (h1, h2) = (grid[k] - grid[k - 1], grid[k + 1] - grid[k]);
        let (a, c) = (-h2 / (h1 * (h1 + h2)), h1 / (h2 * (h1 + h2)));
        let b = -(a + c);
        for (i, d) in target.iter_mut().enumerate() {
            *d = a * row(k - 1)[i] + b * row(k)[i] + c * row(k + 1)[i];
        }
    }
    out
}

/// A random order of 0 … n − 1 (Fisher–Yates).
pub fn shuffled(n: usize, rng: &mut (impl Rng + ?Sized)) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parabolas_are_differentiated_exactly_inside(
            steps in proptest::collection::vec(0.1f64..2.0, 3..8), a in -2.0f64..2.0, b in -2.0f64..2.0,
        ) {
            let mut grid = vec![0.0];
            for h in &steps { grid.push(grid[grid.len() - 1] + h); }
            let values: Vec<f64> = grid.iter().flat_map(|t| [a * t * t + b * t, b * t]).collect();
            let d = derivatives(&values, &grid, 2);
            for k in 0..grid.len() {
                prop_assert!((d[2 * k + 1] - b).abs() < 1e-9);
                if k > 0 && k + 1 < grid.len() {
                    prop_assert!((d[2 * k] - (2.0 * a * grid[k] + b)).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn as_numpy() {
        // numpy.gradient([1, 2, 4, 7, 11, 16], [0, 1, 1.5, 3.5, 4, 6])
        let d = derivatives(
            &[1.0, 2.0, 4.0, 7.0, 11.0, 16.0],
            &[0.0, 1.0, 1.5, 3.5, 4.0, 6.0],
            1,
        );
        for (a, b) in d.iter().zip([1.0, 3.0, 3.5, 6.7, 6.9, 2.5]) {
            assert!((a - b).abs() < 1e-12, "{d:?}");
        }
    }
}
