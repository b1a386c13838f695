//! Column densities, extinctions and the attenuated field of cells, summed along rays through a cube of densities.

use super::{Geometry, healpix::Direction};
use crate::{
    Error,
    column::{AV_FACTOR, PARSEC_CM},
};
use rayon::prelude::*;

/// Extinction in the ultraviolet over A_V in the attenuation of the field, as 3D-PDR has it.
pub const FIELD_FACTOR: f64 = 3.02;

/// Column densities along the rays of every cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Extinction {
    /// Number of rays of a cell.
    pub rays: usize,
    /// N_H from each cell to the surface (cm⁻²), cells × rays.
    pub column_density: Vec<f64>,
}

impl Extinction {
    /// A_V from each cell to the surface (mag), cells × rays; `metallicity` relative to solar.
    pub fn visual(&self, metallicity: f64) -> Vec<f64> {
        let factor = AV_FACTOR * metallicity;
        self.column_density.iter().map(|n| n * factor).collect()
    }
}

/// N_H along every direction from every cell, on as many threads as rayon has.
///
/// # Errors
/// `starts_pc` or `density` has not one entry per cell, or there is no direction.
pub fn extinctions(
    geometry: &Geometry,
    starts_pc: &[[f64; 3]],
    density: &[f64],
    directions: &[Direction],
) -> Result<Extinction, Error> {
    check(geometry, starts_pc, density)?;
    let rays = directions.len();
    if rays == 0 {
        return Err(Error::Argument {
            what: "number of directions",
            value: 0.0,
            expected: "at least 1",
        });
    }
    let mut column_density = vec![0.0; density.len() * rays];
    column_density
        .par_chunks_mut(rays)
        .enumerate()
        .for_each(|(cell, out)| {
            for (sum, direction) in out.iter_mut().zip(directions) {
                let mut total = 0.0;
                geometry.walk(cell, starts_pc[cell], direction.vector, |c| {
                    total += density[c.cell] * c.length_pc;
                });
                *sum = total * PARSEC_CM;
            }
        });
    Ok(Extinction {
        rays,
        column_density,
    })
}

pub(super) fn check(
    geometry: &Geometry,
    starts_pc: &[[f64; 3]],
    density: &[f64],
) -> Result<(), Error> {
    for right in [starts_pc.len(), density.len()] {
        if right != geometry.len() {
            return Err(Error::Length {
                what: "cells and their positions or densities",
                left: geometry.len(),
                right,
            });
        }
    }
    if let Some(n) = density.iter().find(|n| !n.is_finite() || **n < 0.0) {
        return Err(Error::Argument {
            what: "n_H (cm^-3)",
            value: *n,
            expected: "finite and not negative",
        });
    }
    Ok(())
}

/// Field in every cell (Draine): the field `outside` spread over the rays and attenuated along each,
/// χ = Σ χ₀/n exp(−3.02 A_V); `visual` is A_V (mag), cells × rays.
pub fn attenuated_field(visual: &[f64], rays: usize, outside: f64) -> Vec<f64> {
    let share = outside / rays.max(1) as f64;
    visual
        .chunks_exact(rays.max(1))
        .map(|cell| cell.iter().map(|a| share * (-FIELD_FACTOR * a).exp()).sum())
        .collect()
}
