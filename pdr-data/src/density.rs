//! Density input of 3D-PDR: a line of sight or a uniform cube, number density of hydrogen nuclei (cm⁻³) at positions (pc).

use crate::{Error, text};
use std::{io, path::Path};

/// One line of sight: points on the x axis, the first one at the illuminated face.
#[derive(Debug, Clone, PartialEq)]
pub struct DensityProfile {
    /// Positions (x, y, z) (pc).
    pub points_pc: Vec<[f64; 3]>,
    /// n_H at each point (cm⁻³).
    pub density: Vec<f64>,
}

/// A uniform cube of cells; z runs fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct DensityCube {
    /// Number of cells along x, y, z.
    pub cells: [usize; 3],
    /// Extent along x, y, z (pc).
    pub box_pc: [f64; 3],
    /// Cell centres (x, y, z) (pc), z fastest.
    pub centres_pc: Vec<[f64; 3]>,
    /// n_H of each cell (cm⁻³), z fastest.
    pub density: Vec<f64>,
}

const ROW: &str = "x y z [pc] n_H [cm^-3]";

fn row(line: &text::Line) -> Result<([f64; 3], f64), Error> {
    line.expect_fields(4, ROW)?;
    let position = [
        line.number(0, "x [pc]")?,
        line.number(1, "y [pc]")?,
        line.number(2, "z [pc]")?,
    ];
    Ok((position, line.non_negative(3, "n_H [cm^-3]")?))
}

fn rows(out: &mut dyn io::Write, points: &[[f64; 3]], density: &[f64]) -> io::Result<()> {
    for (p, n) in points.iter().zip(density) {
        let fields = [p[0], p[1], p[2], *n].map(|v| text::scientific(v, 16, 8));
        writeln!(out, "{}", fields.concat())?;
    }
    Ok(())
}

fn same(left: usize, right: usize) -> Result<(), Error> {
    if left == right {
        return Ok(());
    }
    Err(Error::Length {
        what: "cells or points and their positions or densities",
        left,
        right,
    })
}

impl DensityProfile {
    /// Reads a file of lines `x y z n_H`, `.gz` too.
    ///
    /// # Errors
    /// The file cannot be read, a line has not four finite numbers, a density is negative, or there is no line.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::parse(&text::read(path)?, &path.display().to_string())
    }

    /// As [`DensityProfile::read`], from text; `file` is the name that errors show.
    ///
    /// # Errors
    /// As [`DensityProfile::read`].
    pub fn parse(source: &str, file: &str) -> Result<Self, Error> {
        text::check_end(source, file)?;
        let rows = text::lines(source, file)
            .map(|l| row(&l))
            .collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            return Err(Error::RowCount {
                file: file.into(),
                found: 0,
                expected: format!("lines of {ROW}"),
            });
        }
        let (points_pc, density) = rows.into_iter().unzip();
        Ok(Self { points_pc, density })
    }

    /// Writes the profile as 3D-PDR reads it (eight digits), under a temporary name until complete.
    ///
    /// # Errors
    /// The file cannot be written, or positions and densities differ in number.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        same(self.points_pc.len(), self.density.len())?;
        crate::atomic::write(path.as_ref(), |out| {
            rows(out, &self.points_pc, &self.density)
        })
    }

    /// x of each point (pc).
    pub fn position_pc(&self) -> Vec<f64> {
        self.points_pc.iter().map(|p| p[0]).collect()
    }
}

impl DensityCube {
    /// Reads a cube: a line of cell counts, a line of extents (pc), then `x y z n_H` per cell with z fastest; `.gz` too.
    ///
    /// # Errors
    /// The file cannot be read, a field is not what it should be (a negative density included), or the number of cells
    /// is not the product of the counts.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::parse(&text::read(path)?, &path.display().to_string())
    }

    /// As [`DensityCube::read`], from text; `file` is the name that errors show.
    ///
    /// # Errors
    /// As [`DensityCube::read`].
    pub fn parse(source: &str, file: &str) -> Result<Self, Error> {
        text::check_end(source, file)?;
        let mut lines = text::lines(source, file);
        let mut head = |what: &str| {
            lines.next().ok_or_else(|| Error::RowCount {
                file: file.into(),
                found: 0,
                expected: what.to_string(),
            })
        };
        let counts = head("a line of cell counts nx ny nz")?;
        counts.expect_fields(3, "nx ny nz")?;
        let cells = [
            counts.count(0, "nx")?,
            counts.count(1, "ny")?,
            counts.count(2, "nz")?,
        ];
        let extents = head("a line of extents x y z [pc]")?;
        extents.expect_fields(3, "extents x y z [pc]")?;
        let box_pc = [
            extents.number(0, "extent [pc]")?,
            extents.number(1, "extent [pc]")?,
            extents.number(2, "extent [pc]")?,
        ];
        if let Some(i) = box_pc.iter().position(|&e| e <= 0.0) {
            return Err(extents.refuse(i, "an extent [pc] above zero"));
        }
        let (centres_pc, density): (Vec<_>, Vec<_>) = lines
            .map(|l| row(&l))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .unzip();
        let expected = cells.iter().try_fold(1usize, |p, &n| p.checked_mul(n));
        if expected != Some(density.len()) {
            let [x, y, z] = cells;
            return Err(Error::RowCount {
                file: file.into(),
                found: density.len(),
                expected: format!("{x} x {y} x {z} cells"),
            });
        }
        Ok(Self {
            cells,
            box_pc,
            centres_pc,
            density,
        })
    }

    /// Writes the cube as 3D-PDR reads it (eight digits), under a temporary name until complete.
    ///
    /// # Errors
    /// The file cannot be written, or there is not a centre and a density for every cell.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let cells = self.cells.iter().product();
        same(cells, self.centres_pc.len())?;
        same(cells, self.density.len())?;
        crate::atomic::write(path.as_ref(), |out| {
            let [nx, ny, nz] = self.cells;
            writeln!(out, "{nx:>12}{ny:>12}{nz:>12}")?;
            let extent = self.box_pc.map(|e| text::scientific(e, 16, 8));
            writeln!(out, "{}", extent.concat())?;
            rows(out, &self.centres_pc, &self.density)
        })
    }

    /// Column densities of hydrogen nuclei through the whole cube along one axis (0 x, 1 y, 2 z) (cm⁻²); the other two
    /// axes in their order, the later one fastest.
    pub fn column_density(&self, axis: usize) -> Vec<f64> {
        let [nx, ny, nz] = self.cells;
        let axis = axis.min(2);
        let path = self.box_pc[axis] / self.cells[axis] as f64 * crate::column::PARSEC_CM;
        let (rows, columns) = [(ny, nz), (nx, nz), (nx, ny)][axis];
        let mut map = vec![0.0; rows * columns];
        for (cell, n) in self.density.iter().enumerate() {
            let (x, y, z) = (cell / (ny * nz), cell / nz % ny, cell % nz);
            let pixel = [y * nz + z, x * nz + z, x * ny + y][axis];
            map[pixel] += n * path;
        }
        map
    }
}
