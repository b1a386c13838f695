//! Cells of a cube, and what the family `cell` is told of one: n_H and the extinctions of its rays, whatever their order and number.

use super::PointSource;
use crate::Error;

/// Cells of a solved or bare cube. Arrays are row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    /// Names of the species.
    pub species: Vec<String>,
    /// n_H \[cm⁻³\], one per cell.
    pub density: Vec<f64>,
    /// A_V \[mag\] along each of the cell's rays, cells × rays; rays share the sky equally, as HEALPix directions do.
    pub extinction: Vec<f64>,
    /// Gas temperature \[K\] of a solved cube, else empty.
    pub gas_temperature: Vec<f64>,
    /// Abundances of a solved cube, cells × species, else empty.
    pub abundances: Vec<f64>,
    /// Field at the surface of the cube χ₀ \[Draine\], all directions together.
    pub surface_field: f64,
    /// Cosmic-ray ionisation rate ζ \[s⁻¹\].
    pub ionisation_rate: f64,
}

/// Levels of the quantiles over the rays.
const QUANTILES: [f64; 9] = [0.0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0];
/// γ of the mean attenuations ⟨exp(−γ A_V)⟩: from the weakest to the strongest of photo-rates.
const ATTENUATIONS: [f64; 6] = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0];
/// Added to A_V \[mag\] before the logarithm.
const OFFSET: f64 = 1e-3;
/// Features of a cell.
pub const WIDTH: usize = 4 + QUANTILES.len() + ATTENUATIONS.len();

impl Cells {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.density.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.density.is_empty()
    }

    /// Rays per cell.
    pub fn rays(&self) -> usize {
        self.extinction.len() / self.len().max(1)
    }

    /// Whether abundances and temperatures are there to learn from or to compare with.
    pub fn is_solved(&self) -> bool {
        !self.abundances.is_empty() && !self.gas_temperature.is_empty()
    }

    /// A_V \[mag\] whose attenuation of the field exp(−3.02 A_V) is the mean of the rays': what depth a cell counts as having.
    pub fn depth(&self, cell: usize) -> f64 {
        softest(self.of(cell), 3.02)
    }

    fn of(&self, cell: usize) -> &[f64] {
        let rays = self.rays();
        &self.extinction[cell * rays..(cell + 1) * rays]
    }

    /// Refuses arrays that do not belong together, and values no cloud has.
    ///
    /// # Errors
    /// [`Error::Series`] with the cell and the value.
    pub fn check(&self) -> Result<(), Error> {
        let fail = |name: String, reason: String| Err(Error::Series { name, reason });
        let (n, rays) = (self.len(), self.rays());
        if n == 0 || rays == 0 {
            return fail("cells".into(), format!("{n} cells of {rays} rays"));
        }
        for (what, found, width, optional) in [
            ("extinctions", self.extinction.len(), rays, false),
            ("temperatures", self.gas_temperature.len(), 1, true),
            (
                "abundances",
                self.abundances.len(),
                self.species.len(),
                true,
            ),
        ] {
            if found != n * width && !(optional && found == 0) {
                return fail(
                    "cells".into(),
                    format!("{found} {what} for {n} cells of {width}"),
                );
            }
        }
        let scan = |what: &str, values: &[f64], width: usize, good: fn(f64) -> bool| match values
            .iter()
            .position(|v| !good(*v))
        {
            Some(i) => fail(
                format!("cell {}", i / width),
                format!("{what} = {:e}", values[i]),
            ),
            None => Ok(()),
        };
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let not_negative = |v: f64| v.is_finite() && v >= 0.0;
        scan("n_H", &self.density, 1, positive)?;
        scan("A_V", &self.extinction, rays, not_negative)?;
        scan("T_gas", &self.gas_temperature, 1, positive)?;
        scan(
            "abundance",
            &self.abundances,
            self.species.len().max(1),
            not_negative,
        )?;
        scan("χ₀", &[self.surface_field], 1, positive)?;
        scan("ζ", &[self.ionisation_rate], 1, positive)
    }

    /// Features of a range of cells, row-major.
    pub(crate) fn features(&self, cells: std::ops::Range<usize>) -> Vec<f64> {
        let mut out = Vec::with_capacity(cells.len() * WIDTH);
        let (surface, rate) = (self.surface_field.log10(), self.ionisation_rate.log10());
        let mut sorted = Vec::new();
        for i in cells {
            sorted.clear();
            sorted.extend_from_slice(self.of(i));
            sorted.sort_by(f64::total_cmp);
            let density = self.density[i].log10();
            let seen = (softest(&sorted, 3.02) * 3.02) / std::f64::consts::LN_10;
            out.extend([density, surface, rate, surface - seen - density]);
            out.extend(QUANTILES.map(|q| (quantile(&sorted, q) + OFFSET).log10()));
            out.extend(ATTENUATIONS.map(|g| (softest(&sorted, g) + OFFSET).log10()));
        }
        out
    }
}

/// −ln⟨exp(−γ A)⟩ / γ over some extinctions: their mean for small γ, the least for large.
fn softest(extinctions: &[f64], gamma: f64) -> f64 {
    let least = extinctions.iter().copied().fold(f64::INFINITY, f64::min);
    let sum: f64 = extinctions
        .iter()
        .map(|a| (-gamma * (a - least)).exp())
        .sum();
    least - (sum / extinctions.len() as f64).ln() / gamma
}

/// Linear between the sorted values at the middles of their equal shares, so that it tends to the sky's quantile as rays grow many.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let n = sorted.len();
    let at = (q * n as f64 - 0.5).clamp(0.0, (n - 1) as f64);
    let (low, part) = (at as usize, at.fract());
    sorted[low] + part * (sorted[(low + 1).min(n - 1)] - sorted[low])
}

/// The cells as points to learn from.
pub(crate) struct CellSet<'a>(pub &'a Cells);

impl PointSource for CellSet<'_> {
    fn features(&self) -> usize {
        WIDTH
    }

    fn targets(&self) -> usize {
        self.0.species.len() + 1
    }

    fn points(&self, _: usize) -> usize {
        1
    }

    fn load(&self, i: usize) -> Result<(Vec<f64>, Vec<f64>), Error> {
        let species = self.0.species.len();
        let mut targets = self.0.abundances[i * species..(i + 1) * species].to_vec();
        targets.push(self.0.gas_temperature[i]);
        Ok((self.0.features(i..i + 1), targets))
    }
}
