//! What a pointwise network is told of a point of a ray.
//!
//! Beside the logarithms of the inputs themselves it gets forms of them that the chemistry answers to: linear A_V and its
//! exponentials (photo-rates fall as exp(−γ A_V)), and along the ray the mean of temperature up to the point (columns that shield
//! are integrals of it). All follow from the inputs alone.

use super::super::config::Inputs;
use super::super::scaling::EXTINCTION_OFFSET;
use super::super::series::{Quantity, Series, position};
use crate::Error;

/// Number of features of a point.
pub fn width(inputs: Inputs) -> usize {
    match inputs {
        Inputs::Local => 12,
        Inputs::Standalone => 8,
    }
}

/// Features of every point of a series with the columns `found`, row-major.
pub fn of_series(inputs: Inputs, series: &Series, found: &[Quantity]) -> Result<Vec<f64>, Error> {
    let columns = inputs
        .quantities()
        .iter()
        .map(|q| position(found, *q))
        .collect::<Result<Vec<_>, _>>()?;
    let mut out = Vec::with_capacity(series.len() * width(inputs));
    // ∫ T dA_V up to the point, by trapezia.
    let mut integral = 0.0;
    let mut before: Option<(f64, f64)> = None;
    for (k, &av) in series.s.iter().enumerate() {
        let row = series.quantities(k);
        let log = |i: usize| {
            let quantity = inputs.quantities()[i];
            (row[columns[i]] + quantity.offset()).log10()
        };
        let depth = (av + EXTINCTION_OFFSET).log10();
        out.extend([depth, 0.1 * av, (-av).exp(), (-3.0 * av).exp()]);
        match inputs {
            Inputs::Local => {
                let temperature = row[columns[0]];
                let (density, field) = (log(2), log(3));
                if let Some((a, t)) = before {
                    integral += 0.5 * (av - a) * (temperature + t);
                }
                before = Some((av, temperature));
                let mean = (integral + EXTINCTION_OFFSET * series.quantities(0)[columns[0]])
                    .log10()
                    - depth;
                out.extend([log(0), log(1), density, field, log(4)]);
                out.extend([field - density, 100.0 / temperature, mean]);
            }
            Inputs::Standalone => {
                let (density, rate, surface) = (log(0), log(1), log(2));
                out.extend([
                    density,
                    rate,
                    surface,
                    surface - 3.02 * av / std::f64::consts::LN_10,
                ]);
            }
        }
    }
    Ok(out)
}
