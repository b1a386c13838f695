//! Between physical values and what networks see: log10 with an offset, then affine, per column or with one pair for all.

use super::moments::Moments;
use super::series::{Quantity, Series, SeriesSource, position};
use crate::Error;
use autodiff_ae::Scalar;
use serde::{Deserialize, Serialize};

/// Added to abundances before the logarithm (Vermariën et al. 2025).
pub const ABUNDANCE_OFFSET: f64 = 1e-20;
/// Added to A_V \[mag\] before the logarithm, for series whose second point lies at 1e-6 or so.
pub const EXTINCTION_OFFSET: f64 = 1e-8;

/// Whether each column has a mean and deviation of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Each its own (the paper's v1 and v2).
    #[default]
    PerColumn,
    /// One pair for all (the paper's v3).
    Pooled,
}

/// z = (log10(x + offset) − shift) / scale, column by column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogScaling {
    offset: Vec<f64>,
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl LogScaling {
    /// Given numbers, one of each per column.
    ///
    /// # Errors
    /// [`Error::Shape`] for lists of unequal length, [`Error::Option`] for a number that cannot be used.
    pub fn new(offset: Vec<f64>, shift: Vec<f64>, scale: Vec<f64>) -> Result<Self, Error> {
        let scaling = Self {
            offset,
            shift,
            scale,
        };
        scaling.check()?;
        Ok(scaling)
    }

    /// The same numbers for every column: (1e-20, −10, 2.5) are those of the paper's v3 for abundances.
    ///
    /// # Errors
    /// As [`LogScaling::new`].
    pub fn uniform(columns: usize, offset: f64, shift: f64, scale: f64) -> Result<Self, Error> {
        Self::new(
            vec![offset; columns],
            vec![shift; columns],
            vec![scale; columns],
        )
    }

    /// Refuses what a file may hold but no scaling is.
    ///
    /// # Errors
    /// As [`LogScaling::new`].
    pub fn check(&self) -> Result<(), Error> {
        let n = self.scale.len();
        if self.offset.len() != n || self.shift.len() != n {
            return Err(Error::Shape {
                what: "scaling".into(),
                found: vec![self.offset.len(), self.shift.len(), n],
                expected: "as many offsets as shifts and scales".into(),
            });
        }
        let refuse = |name, value: f64, reason: &str| {
            Err(Error::Option {
                name,
                value: value.to_string(),
                reason: reason.into(),
            })
        };
        for i in 0..n {
            if !(self.scale[i] > 0.0 && self.scale[i].is_finite()) {
                return refuse("scale", self.scale[i], "positive and finite");
            }
            if !(self.offset[i] >= 0.0 && self.offset[i].is_finite()) {
                return refuse("offset", self.offset[i], "not negative, finite");
            }
            if !self.shift[i].is_finite() {
                return refuse("shift", self.shift[i], "finite");
            }
        }
        Ok(())
    }

    /// From the moments of log10(x + offset); a column that never changes gets scale 1.
    pub(crate) fn from_moments(offset: Vec<f64>, moments: &Moments, pooling: Pooling) -> Self {
        let usable = |scale: f64| if scale > 1e-9 { scale } else { 1.0 };
        let pairs: Vec<(f64, f64)> = match pooling {
            Pooling::PerColumn => moments.per_column(),
            Pooling::Pooled => vec![moments.pooled(); offset.len()],
        };
        let (shift, scale) = pairs.into_iter().map(|(m, s)| (m, usable(s))).unzip();
        Self {
            offset,
            shift,
            scale,
        }
    }

    /// With further columns after these.
    pub(crate) fn with(mut self, further: &Self) -> Self {
        self.offset.extend_from_slice(&further.offset);
        self.shift.extend_from_slice(&further.shift);
        self.scale.extend_from_slice(&further.scale);
        self
    }

    /// What is added before the logarithm, by column.
    pub fn offsets(&self) -> &[f64] {
        &self.offset
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.scale.len()
    }

    /// Shift and scale of a column \[dex\].
    ///
    /// # Panics
    /// Beyond the last column, as indexing does.
    pub fn column(&self, i: usize) -> (f64, f64) {
        (self.shift[i], self.scale[i])
    }

    /// Standardised values of a row-major table; values below −offset count as zero.
    pub fn forward<T: Scalar>(&self, values: &[f64]) -> Vec<T> {
        let n = self.columns().max(1);
        values
            .iter()
            .enumerate()
            .map(|(i, x)| {
                let j = i % n;
                let log = (x.max(0.0) + self.offset[j]).log10();
                T::of((log - self.shift[j]) / self.scale[j])
            })
            .collect()
    }

    /// log10(x + offset) from standardised values.
    pub fn logarithms<T: Scalar>(&self, values: &[T]) -> Vec<f64> {
        let n = self.columns().max(1);
        let undo = |(i, z): (usize, &T)| z.f64() * self.scale[i % n] + self.shift[i % n];
        values.iter().enumerate().map(undo).collect()
    }

    /// Physical values from standardised ones; what comes out below zero is zero.
    pub fn inverse<T: Scalar>(&self, values: &[T]) -> Vec<f64> {
        let n = self.columns().max(1);
        let mut out = self.logarithms(values);
        for (i, v) in out.iter_mut().enumerate() {
            // max would turn NaN into 0.
            let x = 10f64.powf(*v) - self.offset[i % n];
            *v = if x < 0.0 { 0.0 } else { x };
        }
        out
    }
}

/// What a scaling is fitted by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScalingRule {
    /// Added to A_V \[mag\]; 1e-4 in the paper's v3.
    pub extinction_offset: f64,
    /// Added to abundances.
    pub abundance_offset: f64,
    /// Of the abundances.
    pub abundances: Pooling,
}

impl Default for ScalingRule {
    fn default() -> Self {
        Self {
            extinction_offset: EXTINCTION_OFFSET,
            abundance_offset: ABUNDANCE_OFFSET,
            abundances: Pooling::PerColumn,
        }
    }
}

/// The scaling of whole series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesScaling {
    /// Of A_V, one column.
    pub s: LogScaling,
    /// Of the abundances.
    pub x: LogScaling,
    /// The quantities used, in this order.
    pub quantities: Vec<Quantity>,
    /// Of these.
    pub aux: LogScaling,
}

/// A series as a network sees it; row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScaledSeries<T> {
    /// Standardised log10 A_V.
    pub s: Vec<T>,
    /// Standardised log10 abundances, n × species.
    pub x: Vec<T>,
    /// Standardised log10 quantities, n × those of the scaling.
    pub aux: Vec<T>,
}

impl SeriesScaling {
    /// Fits to the series `members` of a source, read one after the other. μ is the mean of the series' means,
    /// σ = √(mean of variances + variance of means).
    ///
    /// # Errors
    /// [`Error::Empty`] for no members, [`Error::MissingQuantity`], and what reading runs into.
    pub fn fit(
        source: &dyn SeriesSource,
        members: &[usize],
        quantities: &[Quantity],
        rule: ScalingRule,
    ) -> Result<Self, Error> {
        if members.is_empty() {
            return Err(Error::Empty("train"));
        }
        let chosen = quantities
            .iter()
            .map(|q| position(source.quantities(), *q))
            .collect::<Result<Vec<_>, _>>()?;
        let species = source.species().len();
        let offsets: Vec<f64> = quantities.iter().map(|q| q.offset()).collect();
        let (mut s, mut x, mut aux) = (
            Moments::new(1),
            Moments::new(species),
            Moments::new(chosen.len()),
        );
        for &i in members {
            let series = source.series(i)?;
            s.push(
                series
                    .s
                    .iter()
                    .map(|v| (v + rule.extinction_offset).log10()),
            );
            x.push(
                series
                    .x
                    .iter()
                    .map(|v| (v.max(0.0) + rule.abundance_offset).log10()),
            );
            let columns = pick(&series, &chosen);
            let offset = |(i, v): (usize, f64)| (v + offsets[i % offsets.len()]).log10();
            aux.push(columns.into_iter().enumerate().map(offset));
        }
        let per = Pooling::PerColumn;
        Ok(Self {
            s: LogScaling::from_moments(vec![rule.extinction_offset], &s, per),
            x: LogScaling::from_moments(vec![rule.abundance_offset; species], &x, rule.abundances),
            aux: LogScaling::from_moments(offsets, &aux, per),
            quantities: quantities.to_vec(),
        })
    }

    /// A series of a source with the columns `found`, as a network sees it.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`].
    pub fn scale<T: Scalar>(
        &self,
        series: &Series,
        found: &[Quantity],
    ) -> Result<ScaledSeries<T>, Error> {
        let chosen = self
            .quantities
            .iter()
            .map(|q| position(found, *q))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ScaledSeries {
            s: self.s.forward(&series.s),
            x: self.x.forward(&series.x),
            aux: self.aux.forward(&pick(series, &chosen)),
        })
    }
}

/// Columns of the quantities of a series, row-major.
fn pick(series: &Series, chosen: &[usize]) -> Vec<f64> {
    (0..series.len())
        .flat_map(|k| {
            let row = series.quantities(k);
            chosen.iter().map(move |&j| row[j])
        })
        .collect()
}
