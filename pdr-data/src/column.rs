//! Column densities and visual extinction along a line of sight, by the rule of 3D-PDR in one dimension.

use crate::Error;

/// One parsec (cm), as 3D-PDR has it.
pub const PARSEC_CM: f64 = 3.085_680_25e18;
/// Visual extinction per column density of hydrogen nuclei at solar metallicity (mag cm²), as 3D-PDR has it.
pub const AV_FACTOR: f64 = 6.289e-22;

/// Column density of `density` (cm⁻³) from the first point to each point (cm⁻²): the trapezoid rule over `position_pc` (pc).
///
/// # Errors
/// Lengths differ, or a position does not increase.
pub fn column_density(position_pc: &[f64], density: &[f64]) -> Result<Vec<f64>, Error> {
    if position_pc.len() != density.len() {
        return Err(Error::Length {
            what: "positions and densities",
            left: position_pc.len(),
            right: density.len(),
        });
    }
    let mut total = 0.0;
    let mut columns = Vec::with_capacity(density.len());
    for i in 0..density.len() {
        if i > 0 {
            let step = position_pc[i] - position_pc[i - 1];
            if step.is_nan() || step <= 0.0 {
                return Err(Error::NotIncreasing {
                    index: i,
                    value: position_pc[i],
                    previous: position_pc[i - 1],
                });
            }
            total += 0.5 * (density[i] + density[i - 1]) * step * PARSEC_CM;
        }
        columns.push(total);
    }
    Ok(columns)
}

/// Visual extinction from the first point to each point (mag); `metallicity` relative to solar.
///
/// # Errors
/// As [`column_density`].
pub fn visual_extinction(
    position_pc: &[f64],
    density: &[f64],
    metallicity: f64,
) -> Result<Vec<f64>, Error> {
    let columns = column_density(position_pc, density)?;
    Ok(columns
        .into_iter()
        .map(|n| n * AV_FACTOR * metallicity)
        .collect())
}
