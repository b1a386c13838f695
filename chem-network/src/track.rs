//! `Track`: physical conditions that vary in time, such as the history of a fluid parcel in a
//! hydrodynamics run.

use crate::environment::Environment;
use crate::error::Error;

/// Conditions tabulated against time, interpolated in between.
///
/// Between two rows, quantities that are positive in both (temperatures, n_H, χ, ζ, columns) are
/// linear in their logarithm, A_V and everything that vanishes in a row is linear itself; before the
/// first and after the last row the conditions are those of that row. Where n_H changes, all number
/// densities follow it by the factor [`compression`](Self::compression), so that abundances per
/// hydrogen nucleus change by chemistry alone.
///
/// ```
/// use chem_network::{Environment, Track, YEAR};
/// let at = |t, n| Environment::new(t, 1e-17).with_density(n);
/// let track = Track::new(vec![0.0, 1e5 * YEAR], vec![at(100.0, 1e2), at(10.0, 1e4)])?;
/// let halfway = track.at(5e4 * YEAR);
/// assert!((halfway.temperature / 1000f64.sqrt() - 1.0).abs() < 1e-12);
/// assert!((halfway.density.unwrap() / 1e3 - 1.0).abs() < 1e-12);
/// # Ok::<(), chem_network::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    times: Vec<f64>,
    environments: Vec<Environment>,
}

impl Track {
    /// A track through these conditions at these times \[s\].
    ///
    /// # Errors
    /// [`Error::Length`] if there is no row or the lengths differ; [`Error::Track`] if a time is not
    /// finite or not after the one before, if a density is 0, or if a quantity is given in one row and
    /// missing in another; [`Error::Environment`] for conditions outside their domain.
    pub fn new(times: Vec<f64>, environments: Vec<Environment>) -> Result<Self, Error> {
        if environments.len() != times.len() || times.is_empty() {
            return Err(Error::Length {
                what: "conditions of a track",
                found: environments.len(),
                expected: times.len().max(1),
            });
        }
        let refuse = |row: usize, reason: &'static str| Err(Error::Track { row, reason });
        for (row, environment) in environments.iter().enumerate() {
            environment.validate()?;
            if !times[row].is_finite() {
                return refuse(row, "its time is not finite");
            }
            if row > 0 && times[row] <= times[row - 1] {
                return refuse(row, "its time is not after that of the row before");
            }
            if environment.density == Some(0.0) {
                return refuse(row, "its density is 0");
            }
            if given(environment) != given(&environments[0]) {
                return refuse(row, "it does not give the same quantities as the first row");
            }
        }
        Ok(Self {
            times,
            environments,
        })
    }

    /// Times of the rows \[s\]; conditions have a kink at each.
    #[must_use]
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// Conditions of the rows.
    #[must_use]
    pub fn environments(&self) -> &[Environment] {
        &self.environments
    }

    /// The row before a time (strictly inside the table) and the fraction of the way to the next.
    fn locate(&self, t: f64) -> Option<(usize, f64)> {
        let after = self.times.partition_point(|&row| row <= t);
        if after == 0 || after == self.times.len() {
            return None;
        }
        let (t0, t1) = (self.times[after - 1], self.times[after]);
        Some((after - 1, (t - t0) / (t1 - t0)))
    }

    /// Conditions at a time \[s\].
    #[must_use]
    pub fn at(&self, t: f64) -> Environment {
        let Some((row, w)) = self.locate(t) else {
            let row = if t < self.times[0] {
                0
            } else {
                self.times.len() - 1
            };
            return self.environments[row];
        };
        let (a, b) = (&self.environments[row], &self.environments[row + 1]);
        let log = |a: f64, b: f64| {
            if a == b {
                a
            } else if a > 0.0 && b > 0.0 {
                a * (w * (b / a).ln()).exp()
            } else {
                a + w * (b - a)
            }
        };
        let maybe = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| log(a, b));
        let linear = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + w * (b - a));
        Environment {
            temperature: log(a.temperature, b.temperature),
            cosmic_ray_rate: log(a.cosmic_ray_rate, b.cosmic_ray_rate),
            density: maybe(a.density, b.density),
            visual_extinction: linear(a.visual_extinction, b.visual_extinction),
            radiation_field: maybe(a.radiation_field, b.radiation_field),
            grain_albedo: linear(a.grain_albedo, b.grain_albedo),
            dust_temperature: maybe(a.dust_temperature, b.dust_temperature),
            doppler_width: maybe(a.doppler_width, b.doppler_width),
            h2_column: maybe(a.h2_column, b.h2_column),
            co_column: maybe(a.co_column, b.co_column),
            c_column: maybe(a.c_column, b.c_column),
        }
    }

    /// n_H at a time \[s\] relative to that of the first row; 1 where no density is given.
    #[must_use]
    pub fn compression(&self, t: f64) -> f64 {
        let first = self.environments[0].density;
        self.at(t)
            .density
            .zip(first)
            .map_or(1.0, |(n, first)| n / first)
    }
}

/// Which optional quantities an environment gives.
fn given(environment: &Environment) -> [bool; 9] {
    let e = environment;
    [
        e.density,
        e.visual_extinction,
        e.radiation_field,
        e.grain_albedo,
        e.dust_temperature,
        e.doppler_width,
        e.h2_column,
        e.co_column,
        e.c_column,
    ]
    .map(|quantity| quantity.is_some())
}
