//! Series along the rays of a solved cube: what a surrogate is trained on, and the geometry such a cube was solved in.

use super::{Crossing, Geometry, healpix::Direction};
use crate::{
    Error,
    column::{AV_FACTOR, PARSEC_CM},
    cube::SolvedCube,
    sightline::LineOfSight,
};

/// Cells whose stored extinctions are held against those of a geometry.
const SAMPLE: usize = 512;

impl SolvedCube {
    /// The grid of cells the cube was solved in: over the box of the density file where it is known (`box_pc` here or in the
    /// cube), else over the box that reproduces the stored extinctions. Two are tried: cells of equal width centred on their
    /// positions, and a box that ends at the position of the last cell (3D-PDR takes the header of its input at its word,
    /// and some headers say that).
    ///
    /// # Errors
    /// No box reproduces the stored extinctions, or a box is not above zero.
    pub fn geometry(&self, box_pc: Option<[f64; 3]>) -> Result<Geometry, Error> {
        if let Some(extent) = box_pc.or(self.box_pc) {
            return Geometry::new(self.cells, extent, [0.0; 3]);
        }
        let (Some(first), Some(last)) = (self.positions_pc.first(), self.positions_pc.last())
        else {
            return Err(Error::Argument {
                what: "number of cells",
                value: 0.0,
                expected: "at least 1",
            });
        };
        let centred = Geometry::new(self.cells, [0, 1, 2].map(|a| last[a] + first[a]), [0.0; 3])?;
        if self.ray_extinction.is_empty() {
            return Ok(centred);
        }
        let ending = Geometry::new(self.cells, *last, [0.0; 3]);
        let mut best = f64::INFINITY;
        for geometry in [Ok(centred), ending].into_iter().flatten() {
            let error = self.extinction_error(&geometry)?;
            if error <= 1e-3 {
                return Ok(geometry);
            }
            best = best.min(error);
        }
        Err(Error::Argument {
            what: "relative error of the stored extinctions for the boxes tried",
            value: best,
            expected: "at most 1e-3: the box of the density file has to be given",
        })
    }

    /// Largest error of the stored extinctions under a geometry, relative to A_V + 0.1 mag, over a sample of the cells.
    fn extinction_error(&self, geometry: &Geometry) -> Result<f64, Error> {
        let directions = self.directions()?;
        let metallicity = self.metallicity();
        let step = (self.len() / SAMPLE).max(1);
        let mut worst = 0.0f64;
        for cell in (0..self.len()).step_by(step) {
            let stored = &self.ray_extinction[cell * self.rays()..];
            for (direction, stored) in directions.iter().zip(stored) {
                let mut total = 0.0;
                geometry.walk(cell, self.positions_pc[cell], direction.vector, |c| {
                    total += self.density[c.cell] * c.length_pc;
                });
                // 3D-PDR caps A_V at 100.
                let a_v = (total * PARSEC_CM * AV_FACTOR * metallicity).min(100.0);
                worst = worst.max((a_v - stored).abs() / (stored + 0.1));
            }
        }
        Ok(worst)
    }

    /// Directions of the stored rays.
    ///
    /// # Errors
    /// The cube has none, or one is no direction.
    pub fn directions(&self) -> Result<Vec<Direction>, Error> {
        if self.ray_directions.is_empty() {
            // 12 · 4^level rays without directions are those of HEALPix.
            let level = (0..=super::healpix::MAX_LEVEL).find(|l| 12usize << (2 * l) == self.rays());
            return match level {
                Some(level) => super::healpix::directions(level, super::healpix::Ordering::Nested),
                None => Err(Error::Argument {
                    what: "number of rays of a cell without directions",
                    value: self.rays() as f64,
                    expected: "12 · 4^level",
                }),
            };
        }
        // Stored in single precision: the nearest direction of HEALPix is meant where there is one.
        let level = (0..=4).find(|l| 12usize << (2 * l) == self.ray_directions.len());
        let exact = match level {
            Some(level) => super::healpix::directions(level, super::healpix::Ordering::Nested)?,
            None => Vec::new(),
        };
        self.ray_directions
            .iter()
            .map(|[theta, phi]| {
                let same =
                    |d: &&Direction| (d.theta - theta).abs() < 1e-6 && (d.phi - phi).abs() < 1e-6;
                match exact.iter().find(same) {
                    Some(d) => Ok(*d),
                    None => Direction::from_angles(*theta, *phi),
                }
            })
            .collect()
    }

    /// Metallicity relative to solar; 1 where the file does not say.
    pub fn metallicity(&self) -> f64 {
        self.surroundings.map_or(1.0, |s| s.metallicity)
    }
}

/// Makes series along rays; one for many rays, so that its memory is used again.
#[derive(Debug)]
pub struct RaySeries<'a> {
    cube: &'a SolvedCube,
    geometry: Geometry,
    factor: f64,
    path: Vec<Crossing>,
}

impl<'a> RaySeries<'a> {
    /// For the rays of a cube in a geometry of as many cells.
    ///
    /// # Errors
    /// The cube has not an entry per cell of the geometry.
    pub fn new(cube: &'a SolvedCube, geometry: Geometry) -> Result<Self, Error> {
        super::extinction::check(&geometry, &cube.positions_pc, &cube.density)?;
        Ok(Self {
            factor: PARSEC_CM * AV_FACTOR * cube.metallicity(),
            cube,
            geometry,
            path: Vec::new(),
        })
    }

    /// Number of cells that the ray from `cell` in `direction` crosses; 0 for a cell at the surface that it leaves at once.
    pub fn count(&mut self, cell: usize, direction: &Direction) -> usize {
        self.walk(cell, direction);
        self.path.len()
    }

    fn walk(&mut self, cell: usize, direction: &Direction) {
        self.path.clear();
        let path = &mut self.path;
        self.geometry
            .walk(cell, self.cube.positions_pc[cell], direction.vector, |c| {
                path.push(c)
            });
    }

    /// The series from the surface to `cell` along the ray that leaves it in `direction`: one point per cell crossed. A cell on
    /// the way stands at the middle of its piece of the path, the last one, `cell` itself, at its position, where A_V is that of
    /// the whole ray. Empty for a ray of zero length.
    pub fn series(&mut self, cell: usize, direction: &Direction) -> LineOfSight {
        self.walk(cell, direction);
        let cube = self.cube;
        let mut out = LineOfSight::default();
        let (mut position, mut a_v) = (0.0, 0.0);
        for (i, piece) in self.path.iter().rev().enumerate() {
            let c = piece.cell;
            let extinction = piece.length_pc * cube.density[c] * self.factor;
            let part = if i + 1 == self.path.len() { 1.0 } else { 0.5 };
            let physics = [
                (i + 1) as f64,
                position + part * piece.length_pc,
                a_v + part * extinction,
                cube.gas_temperature[c],
                cube.dust_temperature[c],
                cube.element_type[c],
                cube.density[c],
                cube.radiation_field[c],
            ];
            out.push(&physics, cube.cell(c));
            position += piece.length_pc;
            a_v += extinction;
        }
        out
    }

    /// Cells crossed by the ray from `cell` in `direction`, in the order of its series: from the surface inwards.
    pub fn cells(&mut self, cell: usize, direction: &Direction) -> impl Iterator<Item = Crossing> {
        self.walk(cell, direction);
        self.path.iter().rev().copied()
    }
}
