//! From a line of sight as a code wrote it to one a surrogate is trained on: points in order, smooth, on a grid of a given length.

use crate::{
    Error,
    sightline::LineOfSight,
    spline::{LEAST_POINTS, Smoothing, SmoothingSpline},
};

/// What to do with every line of sight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// Smoothing of log10 abundances over log10 (A_V + offset); none where `None`.
    pub smoothing: Option<Smoothing>,
    /// Bounds of log10 abundances, before smoothing and after it.
    pub bounds: [f64; 2],
    /// Number of points wanted, evenly spaced in log10 (A_V + offset); as they are where `None`.
    pub resample: Option<usize>,
    /// Fewest points; a shorter line of sight is left out.
    pub min_points: usize,
    /// Offset under A_V in its logarithm (mag).
    pub offset: f64,
}

impl Default for Preparation {
    /// Of the third set of NeuralPDR, without its resampling: λ = 1e-4, log10 abundances within [−30, 0], at least 48 points,
    /// offset 1e-4.
    fn default() -> Self {
        Self {
            smoothing: Some(Smoothing::Lambda(1e-4)),
            bounds: [-30.0, 0.0],
            resample: None,
            min_points: 48,
            offset: 1e-4,
        }
    }
}

/// What became of a line of sight.
#[derive(Debug, Clone, PartialEq)]
pub enum Prepared {
    /// It is ready; so many points were dropped because A_V did not increase.
    Ready(LineOfSight, usize),
    /// It has too few points once those are dropped.
    TooShort(usize),
}

/// Indices of the points whose A_V is above that of every point before them.
pub fn increasing(a_v: &[f64]) -> Vec<usize> {
    let mut keep = Vec::with_capacity(a_v.len());
    let mut last = f64::NEG_INFINITY;
    for (i, &a) in a_v.iter().enumerate() {
        if a > last {
            keep.push(i);
            last = a;
        }
    }
    keep
}

impl Preparation {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// Bounds are not in order, the offset is not above zero, or a length is too small.
    pub fn check(&self) -> Result<(), Error> {
        let [low, high] = self.bounds;
        if !(low < high && low.is_finite() && high.is_finite()) {
            return Err(Error::Argument {
                what: "upper bound of log10 abundances",
                value: high,
                expected: "finite and above the lower bound",
            });
        }
        if !(self.offset > 0.0 && self.offset.is_finite()) {
            return Err(Error::Argument {
                what: "offset of A_V (mag)",
                value: self.offset,
                expected: "finite and above zero",
            });
        }
        let least = if self.smoothing.is_some() {
            LEAST_POINTS
        } else {
            2
        };
        let lengths = [Some(self.min_points), self.resample];
        if let Some(n) = lengths.into_iter().flatten().find(|&n| n < least) {
            return Err(Error::Argument {
                what: "number of points of a line of sight",
                value: n as f64,
                expected: "at least 2, at least 5 with smoothing",
            });
        }
        Ok(())
    }

    /// Prepares one line of sight. Abundances are clipped, smoothed, taken at the new points, clipped again and turned back from
    /// their logarithms; temperatures and density are interpolated in the logarithm, the field and the position as they are.
    ///
    /// # Errors
    /// Those of [`Preparation::check`] and [`LineOfSight::check_lengths`]; a value that is not finite.
    pub fn apply(&self, line: &LineOfSight) -> Result<Prepared, Error> {
        self.check()?;
        line.check_lengths()?;
        let keep = increasing(&line.visual_extinction);
        if keep.len() < self.min_points {
            return Ok(Prepared::TooShort(keep.len()));
        }
        let dropped = line.len() - keep.len();
        let line = line.select(&keep);
        let s: Vec<f64> = line
            .visual_extinction
            .iter()
            .map(|a| (a + self.offset).log10())
            .collect();
        // Rounding may merge neighbours in the logarithm that A_V itself tells apart.
        let apart = increasing(&s);
        let (line, s) = if apart.len() == s.len() {
            (line, s)
        } else {
            (line.select(&apart), apart.iter().map(|&i| s[i]).collect())
        };
        if s.len() < self.min_points {
            return Ok(Prepared::TooShort(s.len()));
        }
        let target = self.grid(&s);
        let same = self.resample.is_none();
        let species = line.species();
        let mut columns = Vec::with_capacity(species);
        for j in 0..species {
            let y: Vec<f64> = (0..line.len())
                .map(|i| self.clip(line.point(i)[j].log10()))
                .collect();
            let new: Vec<f64> = match self.smoothing {
                Some(smoothing) => {
                    let spline = SmoothingSpline::fit(&s, &y, None, smoothing)?;
                    if same {
                        spline.values().to_vec()
                    } else {
                        target.iter().map(|&x| spline.at(x)).collect()
                    }
                }
                None if same => y,
                None => target.iter().map(|&x| linear(&s, &y, x)).collect(),
            };
            columns.push(new);
        }
        let mut out = LineOfSight::default();
        let mut x = vec![0.0; species];
        let logs = |v: &[f64]| {
            v.iter()
                .map(|v| v.max(f64::MIN_POSITIVE).log10())
                .collect::<Vec<_>>()
        };
        let (t_gas, t_dust, density) = (
            logs(&line.gas_temperature),
            logs(&line.dust_temperature),
            logs(&line.density),
        );
        for (i, &at) in target.iter().enumerate() {
            for (x, column) in x.iter_mut().zip(&columns) {
                *x = 10f64.powf(self.clip(column[i]));
            }
            let physics = if same {
                line.physics(i)
            } else {
                let a_v = match i {
                    0 => line.visual_extinction[0],
                    i if i + 1 == target.len() => line.visual_extinction[line.len() - 1],
                    _ => 10f64.powf(at) - self.offset,
                };
                [
                    (i + 1) as f64,
                    linear(&s, &line.position_pc, at),
                    a_v,
                    10f64.powf(linear(&s, &t_gas, at)),
                    10f64.powf(linear(&s, &t_dust, at)),
                    line.element_type[0],
                    10f64.powf(linear(&s, &density, at)),
                    linear(&s, &line.radiation_field, at),
                ]
            };
            out.push(&physics, &x);
        }
        Ok(Prepared::Ready(out, dropped))
    }

    /// A logarithm within the bounds; that of 0 is the lower one.
    fn clip(&self, v: f64) -> f64 {
        if v.is_nan() {
            v
        } else {
            v.clamp(self.bounds[0], self.bounds[1])
        }
    }

    fn grid(&self, s: &[f64]) -> Vec<f64> {
        let (Some(n), Some(first), Some(last)) = (self.resample, s.first(), s.last()) else {
            return s.to_vec();
        };
        (0..n)
            .map(|i| first + (last - first) * i as f64 / (n - 1).max(1) as f64)
            .collect()
    }
}

/// Linear interpolation at `at`; constant beyond the ends.
fn linear(x: &[f64], y: &[f64], at: f64) -> f64 {
    let n = x.len();
    if at <= x[0] {
        return y[0];
    }
    if at >= x[n - 1] {
        return y[n - 1];
    }
    let i = x.partition_point(|v| *v <= at) - 1;
    y[i] + (y[i + 1] - y[i]) * (at - x[i]) / (x[i + 1] - x[i])
}
