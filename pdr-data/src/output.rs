//! Abundances that 3D-PDR writes (`.pdr.fin`): physical conditions and abundances at every point or cell.

use crate::{Error, text};
use std::path::Path;

/// One point of a `.pdr.fin` file.
#[derive(Debug, Clone, PartialEq)]
pub struct PdrPoint {
    /// Position (x, y, z) (pc); y = z = 0 along a single line of sight.
    pub position_pc: [f64; 3],
    /// Visual extinction from the illuminated face (mag); only a single line of sight has it.
    pub visual_extinction: Option<f64>,
    /// Gas temperature (K).
    pub gas_temperature: f64,
    /// Dust temperature (K).
    pub dust_temperature: f64,
    /// Kind of the element (1: inside the PDR).
    pub element_type: i64,
    /// n_H (cm⁻³).
    pub density: f64,
    /// Attenuated radiation field (Draine).
    pub radiation_field: f64,
    /// Abundances relative to n_H, in the order of the species file.
    pub abundances: Vec<f64>,
}

/// What a `.pdr.fin` file holds: one line of sight or the cells of a cube.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// One line of sight: index, x, A_V, …
    LineOfSight,
    /// A cube: index, x, y, z, …
    Cube,
}

/// Reads a `.pdr.fin` file (`.gz` too) of `species` species, points in the file's order.
///
/// # Errors
/// The file cannot be read or is empty, a line has not the right number of fields, or a field is not a finite number
/// (temperatures, density, field and abundances: not negative).
pub fn read_pdr(
    path: impl AsRef<Path>,
    geometry: Geometry,
    species: usize,
) -> Result<Vec<PdrPoint>, Error> {
    let path = path.as_ref();
    parse_pdr(
        &text::read(path)?,
        &path.display().to_string(),
        geometry,
        species,
    )
}

/// As [`read_pdr`], from text; `file` is the name that errors show.
///
/// # Errors
/// As [`read_pdr`].
pub fn parse_pdr(
    source: &str,
    file: &str,
    geometry: Geometry,
    species: usize,
) -> Result<Vec<PdrPoint>, Error> {
    let points = text::lines(source, file)
        .map(|l| point(&l, geometry, species))
        .collect::<Result<Vec<_>, _>>()?;
    if points.is_empty() {
        return Err(Error::RowCount {
            file: file.into(),
            found: 0,
            expected: "at least one point".into(),
        });
    }
    Ok(points)
}

fn point(line: &text::Line, geometry: Geometry, species: usize) -> Result<PdrPoint, Error> {
    let (first, names) = match geometry {
        Geometry::LineOfSight => (
            3,
            "index, x, A_V, T_gas, T_dust, type, n_H, field, abundances",
        ),
        Geometry::Cube => (
            4,
            "index, x, y, z, T_gas, T_dust, type, n_H, field, abundances",
        ),
    };
    line.expect_fields(first + 5 + species, names)?;
    line.count(0, "an index")?;
    let x = line.number(1, "x [pc]")?;
    let (position_pc, visual_extinction) = match geometry {
        Geometry::LineOfSight => ([x, 0.0, 0.0], Some(line.non_negative(2, "A_V [mag]")?)),
        Geometry::Cube => (
            [x, line.number(2, "y [pc]")?, line.number(3, "z [pc]")?],
            None,
        ),
    };
    let kind = line.fields[first + 2]
        .parse()
        .map_err(|_| line.refuse(first + 2, "an element type, a whole number"))?;
    let abundance = |i| line.non_negative(first + 5 + i, "an abundance relative to n_H");
    Ok(PdrPoint {
        position_pc,
        visual_extinction,
        gas_temperature: line.non_negative(first, "T_gas [K]")?,
        dust_temperature: line.non_negative(first + 1, "T_dust [K]")?,
        element_type: kind,
        density: line.non_negative(first + 3, "n_H [cm^-3]")?,
        radiation_field: line.non_negative(first + 4, "radiation field [Draine]")?,
        abundances: (0..species).map(abundance).collect::<Result<_, _>>()?,
    })
}
