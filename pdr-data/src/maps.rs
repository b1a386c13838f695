//! Maps: mean abundances of cells from the rays through them, column densities along an axis, and how two maps differ.

use crate::{Error, column::PARSEC_CM, rays::Geometry};

/// An axis of the cube.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// x.
    X,
    /// y.
    Y,
    /// z.
    Z,
}

impl Axis {
    fn number(self) -> usize {
        self as usize
    }

    /// The two axes of a map along this one: rows, columns.
    pub fn others(self) -> [Axis; 2] {
        match self {
            Axis::X => [Axis::Y, Axis::Z],
            Axis::Y => [Axis::X, Axis::Z],
            Axis::Z => [Axis::X, Axis::Y],
        }
    }

    /// Its letter.
    pub fn letter(self) -> char {
        ['x', 'y', 'z'][self.number()]
    }
}

/// A map of column densities seen along an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Species, or `H nuclei`.
    pub name: String,
    /// Direction of sight.
    pub axis: Axis,
    /// Number of rows and columns of pixels: cells along [`Axis::others`].
    pub shape: [usize; 2],
    /// Size of a pixel along rows' and columns' axes (pc).
    pub pixel_pc: [f64; 2],
    /// Column densities (cm⁻²), rows × columns.
    pub values: Vec<f64>,
}

/// Column density of a species through the whole cube along an axis: N = Σ n_H x Δs over the cells of a pixel.
///
/// # Errors
/// `density` or `abundance` has not one entry per cell.
pub fn column_density(
    geometry: &Geometry,
    density: &[f64],
    abundance: &[f64],
    axis: Axis,
    name: &str,
) -> Result<Map, Error> {
    for right in [density.len(), abundance.len()] {
        if right != geometry.len() {
            return Err(Error::Length {
                what: "cells and their densities or abundances",
                left: geometry.len(),
                right,
            });
        }
    }
    let cells = geometry.cells();
    let width = geometry.width_pc();
    let [row, column] = axis.others().map(Axis::number);
    let shape = [cells[row], cells[column]];
    let path = width[axis.number()] * PARSEC_CM;
    let mut values = vec![0.0; shape[0] * shape[1]];
    for (cell, (n, x)) in density.iter().zip(abundance).enumerate() {
        let at = geometry.place(cell);
        values[at[row] * shape[1] + at[column]] += n * x * path;
    }
    Ok(Map {
        name: name.into(),
        axis,
        shape,
        pixel_pc: [width[row], width[column]],
        values,
    })
}

/// Absolute differences of the logarithms of two maps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Median of |Δ log10 N| over the pixels (dex).
    pub median: f64,
    /// Greatest of them (dex).
    pub greatest: f64,
    /// Pixels left out because one of the maps is not above zero there.
    pub without: usize,
}

impl Map {
    /// log10 of this map over `truth`, pixel by pixel (dex); NaN where one of them is not above zero.
    ///
    /// # Errors
    /// The maps differ in size.
    pub fn log_ratio(&self, truth: &Map) -> Result<Vec<f64>, Error> {
        if self.values.len() != truth.values.len() {
            return Err(Error::Length {
                what: "pixels of two maps",
                left: self.values.len(),
                right: truth.values.len(),
            });
        }
        let ratio = |(a, b): (&f64, &f64)| {
            if *a > 0.0 && *b > 0.0 {
                (a / b).log10()
            } else {
                f64::NAN
            }
        };
        Ok(self.values.iter().zip(&truth.values).map(ratio).collect())
    }

    /// How far this map is from `truth`.
    ///
    /// # Errors
    /// As [`Map::log_ratio`]; no pixel of both is above zero.
    pub fn difference(&self, truth: &Map) -> Result<Difference, Error> {
        let ratio = self.log_ratio(truth)?;
        let mut sizes: Vec<f64> = ratio
            .iter()
            .map(|r| r.abs())
            .filter(|r| !r.is_nan())
            .collect();
        sizes.sort_by(f64::total_cmp);
        let n = sizes.len();
        if n == 0 {
            return Err(Error::Argument {
                what: "number of pixels above zero in both maps",
                value: 0.0,
                expected: "at least 1",
            });
        }
        Ok(Difference {
            median: 0.5 * (sizes[(n - 1) / 2] + sizes[n / 2]),
            greatest: sizes[n - 1],
            without: ratio.len() - n,
        })
    }
}

/// Means over all rays through every cell, added up ray by ray.
#[derive(Debug, Clone)]
pub struct CellMeans {
    species: usize,
    sums: Vec<f64>,
    counts: Vec<u64>,
}

impl CellMeans {
    /// For so many cells and species.
    pub fn new(cells: usize, species: usize) -> Self {
        Self {
            species,
            sums: vec![0.0; cells * species],
            counts: vec![0; cells],
        }
    }

    /// Adds what a ray says of one cell.
    ///
    /// # Errors
    /// There is no such cell, or the number of abundances is not that of the species.
    pub fn add(&mut self, cell: usize, abundances: &[f64]) -> Result<(), Error> {
        if abundances.len() != self.species {
            return Err(Error::Length {
                what: "species and abundances",
                left: self.species,
                right: abundances.len(),
            });
        }
        let Some(count) = self.counts.get_mut(cell) else {
            return Err(Error::Argument {
                what: "number of the cell",
                value: cell as f64,
                expected: "one below the number of cells",
            });
        };
        *count += 1;
        let sums = &mut self.sums[cell * self.species..(cell + 1) * self.species];
        sums.iter_mut().zip(abundances).for_each(|(s, x)| *s += x);
        Ok(())
    }

    /// Rays seen in each cell.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The means, cells × species; NaN in cells that no ray has crossed.
    pub fn finish(self) -> Vec<f64> {
        let counts = self.counts;
        self.sums
            .chunks_exact(self.species.max(1))
            .zip(counts)
            .flat_map(|(sums, n)| sums.iter().map(move |s| s / n as f64).collect::<Vec<_>>())
            .collect()
    }
}
