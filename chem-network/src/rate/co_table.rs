//! Shielding of CO from a table over the column densities of CO and H2.

use super::options::CoShielding;
use crate::error::Error;

/// log10 f over log10 N, row by row of equal N(CO).
struct Table {
    co: Vec<f64>,
    h2: Vec<f64>,
    factors: Vec<f64>,
}

impl CoShielding {
    /// Interpolates factors f on a grid of column densities \[cm⁻²\], bilinearly in the logarithms of
    /// all three; beyond the grid f is that of its edge. `factors[i * h2_columns.len() + j]` belongs
    /// to `co_columns[i]` and `h2_columns[j]`.
    ///
    /// # Errors
    /// [`Error::Length`] for a number of factors that is not that of the grid's points;
    /// [`Error::ShieldingTable`] for an empty grid, for column densities that do not ascend or are
    /// not above 0, and for factors that are not above 0.
    ///
    /// ```
    /// use chem_network::CoShielding;
    /// let f = CoShielding::from_table(&[1e12, 1e16], &[1e18, 1e22], &[1.0, 0.1, 1e-4, 1e-5])?;
    /// assert!((f.at(1e14, 1e18) - 1e-2).abs() < 1e-12);
    /// assert_eq!(f.at(0.0, 0.0), 1.0);
    /// # Ok::<(), chem_network::Error>(())
    /// ```
    pub fn from_table(
        co_columns: &[f64],
        h2_columns: &[f64],
        factors: &[f64],
    ) -> Result<Self, Error> {
        if factors.len() != co_columns.len() * h2_columns.len() {
            return Err(Error::Length {
                what: "factors of a table of CO shielding",
                found: factors.len(),
                expected: co_columns.len() * h2_columns.len(),
            });
        }
        let table = Table {
            co: axis(co_columns)?,
            h2: axis(h2_columns)?,
            factors: factors
                .iter()
                .map(|&f| log10(f, "shielding factors above 0"))
                .collect::<Result<_, _>>()?,
        };
        Ok(Self::new(move |co, h2| table.at(co, h2)))
    }
}

fn log10(value: f64, expected: &'static str) -> Result<f64, Error> {
    if value.is_finite() && value > 0.0 {
        Ok(value.log10())
    } else {
        Err(Error::ShieldingTable { value, expected })
    }
}

fn axis(columns: &[f64]) -> Result<Vec<f64>, Error> {
    let expected = "column densities above 0 that ascend";
    let refuse = |value| Error::ShieldingTable { value, expected };
    if columns.is_empty() {
        return Err(refuse(f64::NAN));
    }
    if let Some(pair) = columns.windows(2).find(|pair| pair[1] <= pair[0]) {
        return Err(refuse(pair[1]));
    }
    columns.iter().map(|&n| log10(n, expected)).collect()
}

/// The interval of an ascending axis that holds `x`, and how far into it `x` lies, 0 to 1.
fn locate(axis: &[f64], x: f64) -> (usize, usize, f64) {
    let last = axis.len() - 1;
    let x = x.max(axis[0]).min(axis[last]);
    let upper = axis.partition_point(|&at| at < x).clamp(last.min(1), last);
    let lower = upper.saturating_sub(1);
    let width = axis[upper] - axis[lower];
    let weight = if width > 0.0 {
        (x - axis[lower]) / width
    } else {
        0.0
    };
    (lower, upper, weight)
}

impl Table {
    fn at(&self, co: f64, h2: f64) -> f64 {
        if co.is_nan() || h2.is_nan() {
            return f64::NAN;
        }
        let (i, i_next, u) = locate(&self.co, co.log10());
        let (j, j_next, v) = locate(&self.h2, h2.log10());
        let value = |i: usize, j: usize| self.factors[i * self.h2.len() + j];
        let near = value(i, j) * (1.0 - v) + value(i, j_next) * v;
        let far = value(i_next, j) * (1.0 - v) + value(i_next, j_next) * v;
        10f64.powf(near * (1.0 - u) + far * u)
    }
}
