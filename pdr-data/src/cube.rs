//! A cube of cells solved by a PDR code: conditions and abundances of every cell, z fastest.

use crate::{Error, table::Table};

/// What lights the cube from outside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surroundings {
    /// Field at the surface, all directions together (Draine).
    pub field: f64,
    /// Cosmic-ray ionisation rate (s⁻¹).
    pub ionisation_rate: f64,
    /// Metallicity relative to solar.
    pub metallicity: f64,
}

/// Cells of a solved cube, z fastest; every vector has one entry per cell unless said otherwise.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SolvedCube {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// Extent along x, y, z (pc) as the density file's header has it, where known.
    pub box_pc: Option<[f64; 3]>,
    /// Positions the code was given for the cells (pc); not always their centres.
    pub positions_pc: Vec<[f64; 3]>,
    /// Gas temperature (K).
    pub gas_temperature: Vec<f64>,
    /// Dust temperature (K).
    pub dust_temperature: Vec<f64>,
    /// Kind of the element (1: inside the PDR).
    pub element_type: Vec<f64>,
    /// n_H (cm⁻³).
    pub density: Vec<f64>,
    /// Attenuated radiation field (Draine).
    pub radiation_field: Vec<f64>,
    /// Abundances relative to n_H, cells × species, a cell's species one after another.
    pub abundances: Vec<f64>,
    /// Names of the species.
    pub species: Vec<String>,
    /// A_V from each cell to the surface along each ray (mag), cells × rays; empty where not stored.
    pub ray_extinction: Vec<f64>,
    /// Directions of the rays: (θ, φ) (rad) of HEALPix.
    pub ray_directions: Vec<[f64; 2]>,
    /// Field and cosmic rays outside, where known.
    pub surroundings: Option<Surroundings>,
    /// Heating rates (erg cm⁻³ s⁻¹), a row per cell.
    pub heat: Option<Table>,
    /// Cooling rates (erg cm⁻³ s⁻¹), a row per cell.
    pub cool: Option<Table>,
    /// Level populations (cm⁻³), a row per cell.
    pub populations: Option<Table>,
}

impl SolvedCube {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.density.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.density.is_empty()
    }

    /// Number of rays of a cell in [`SolvedCube::ray_extinction`].
    pub fn rays(&self) -> usize {
        self.ray_extinction
            .len()
            .checked_div(self.len())
            .unwrap_or(0)
    }

    /// Abundances of one cell.
    pub fn cell(&self, cell: usize) -> &[f64] {
        let n = self.species.len();
        self.abundances.get(cell * n..(cell + 1) * n).unwrap_or(&[])
    }

    /// Index of a species.
    ///
    /// # Errors
    /// [`Error::Unknown`], naming those there are.
    pub fn species_index(&self, name: &str) -> Result<usize, Error> {
        self.species
            .iter()
            .position(|s| s == name)
            .ok_or_else(|| Error::Unknown {
                what: "species",
                name: name.to_string(),
                known: self.species.join(" "),
            })
    }

    /// Abundance of a species in every cell.
    ///
    /// # Errors
    /// As [`SolvedCube::species_index`].
    pub fn abundance(&self, name: &str) -> Result<Vec<f64>, Error> {
        let index = self.species_index(name)?;
        let column = self.abundances.iter().skip(index);
        Ok(column.step_by(self.species.len()).copied().collect())
    }
}

/// Counts of cells along x, y, z of positions on a grid, z fastest; `None` where they are on none. Every plane of cells must
/// share its coordinate to a tenth of the mean spacing.
pub fn grid_of(positions: &[[f64; 3]]) -> Option<[usize; 3]> {
    let total = positions.len();
    // A fast axis runs upwards until it starts again.
    let restart = |axis: usize, stride: usize| {
        let mut n = 1;
        while n * stride < total && positions[n * stride][axis] > positions[(n - 1) * stride][axis]
        {
            n += 1;
        }
        n
    };
    positions.first()?;
    let nz = restart(2, 1);
    let ny = restart(1, nz);
    let nx = restart(0, ny * nz);
    if nx * ny * nz != total {
        return None;
    }
    let near = |a: f64, b: f64, axis: usize, n: usize| {
        let extent = positions[total - 1][axis] - positions[0][axis];
        (a - b).abs() <= 0.1 * extent / n as f64
    };
    for (i, p) in positions.iter().enumerate() {
        let (x, y, z) = (i / (ny * nz), i / nz % ny, i % nz);
        let same = near(p[0], positions[x * ny * nz][0], 0, nx)
            && near(p[1], positions[y * nz][1], 1, ny)
            && near(p[2], positions[z][2], 2, nz);
        if !same {
            return None;
        }
    }
    Some([nx, ny, nz])
}

#[cfg(test)]
mod tests {
    use super::grid_of;

    #[test]
    fn grids_are_recognised() {
        let grid = |n: [usize; 3]| {
            (0..n[0] * n[1] * n[2])
                .map(|i| [i / (n[1] * n[2]), i / n[2] % n[1], i % n[2]].map(|k| k as f64 + 0.5))
                .collect::<Vec<_>>()
        };
        for n in [[1, 1, 1], [2, 3, 4], [4, 1, 2], [1, 5, 1]] {
            assert_eq!(grid_of(&grid(n)), Some(n));
        }
        let mut broken = grid([2, 3, 4]);
        broken[7][1] += 0.6;
        assert_eq!(grid_of(&broken), None);
        broken.pop();
        assert_eq!(grid_of(&broken), None);
        assert_eq!(grid_of(&[]), None);
    }
}
