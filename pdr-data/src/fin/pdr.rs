//! `.pdr.fin`: conditions and abundances at every point of a line of sight or in every cell of a cube.

use crate::{
    Error,
    cube::{SolvedCube, grid_of},
    sightline::LineOfSight,
    text::{self, Line, scientific},
};
use std::{io, path::Path};

const LINE: &str = "index, x, A_V, T_gas, T_dust, type, n_H, field, abundances";
const CUBE: &str = "index, x, y, z, T_gas, T_dust, type, n_H, field, abundances";

/// What a `.pdr.fin` file holds, told from the number of fields of its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// One line of sight: index, x, A_V, ….
    LineOfSight,
    /// A cube: index, x, y, z, ….
    Cube,
}

/// Whether a `.pdr.fin` file of `species` species holds a line of sight or a cube.
///
/// # Errors
/// The file cannot be read, is empty, or its first line fits neither.
pub fn geometry(path: impl AsRef<Path>, species: usize) -> Result<Geometry, Error> {
    let path = path.as_ref();
    let source = text::read(path)?;
    let file = path.display().to_string();
    let Some(first) = text::lines(&source, &file).next() else {
        return Err(empty(&file));
    };
    match first.fields.len().checked_sub(species) {
        Some(8) => Ok(Geometry::LineOfSight),
        Some(9) => Ok(Geometry::Cube),
        _ => Err(Error::FieldCount {
            file: file.clone(),
            line: first.number,
            found: first.fields.len(),
            expected: format!(
                "{} (a line of sight) or {} (a cube) for {species} species",
                8 + species,
                9 + species
            ),
        }),
    }
}

/// Reads the `.pdr.fin` file (`.gz` too) of a line of sight.
///
/// # Errors
/// The file cannot be read, is empty or cut, a line has not the right number of fields, or a field is not a finite number
/// (temperatures, density, field, A_V and abundances: not negative).
pub fn read_line(path: impl AsRef<Path>, species: usize) -> Result<LineOfSight, Error> {
    let path = path.as_ref();
    parse_line(&text::read(path)?, &path.display().to_string(), species)
}

/// As [`read_line`], from text; `file` is the name that errors show.
///
/// # Errors
/// As [`read_line`].
pub fn parse_line(source: &str, file: &str, species: usize) -> Result<LineOfSight, Error> {
    text::check_end(source, file)?;
    let mut out = LineOfSight::default();
    for line in text::lines(source, file) {
        line.expect_fields(8 + species, LINE)?;
        line.count(0, "an index")?;
        let x = line.number(1, "x [pc]")?;
        let a_v = line.non_negative(2, "A_V [mag]")?;
        let [t_gas, t_dust, kind, density, field] = conditions(&line, 3)?;
        let physics = [0.0, x, a_v, t_gas, t_dust, kind, density, field];
        out.push(&physics, &abundances(&line, 8, species)?);
    }
    if out.is_empty() {
        return Err(empty(file));
    }
    Ok(out)
}

/// Reads the `.pdr.fin` file (`.gz` too) of a cube; what stands in other files is left empty.
///
/// # Errors
/// As [`read_line`]; the positions are no uniform grid with z fastest.
pub fn read_cube(path: impl AsRef<Path>, species: &[String]) -> Result<SolvedCube, Error> {
    let path = path.as_ref();
    let file = path.display().to_string();
    let source = text::read_whole(path)?;
    let mut cube = SolvedCube {
        species: species.to_vec(),
        ..SolvedCube::default()
    };
    for line in text::lines(&source, &file) {
        line.expect_fields(9 + species.len(), CUBE)?;
        line.count(0, "an index")?;
        let mut position = [0.0; 3];
        for (a, name) in ["x [pc]", "y [pc]", "z [pc]"].iter().enumerate() {
            position[a] = line.number(a + 1, name)?;
        }
        let [t_gas, t_dust, kind, density, field] = conditions(&line, 4)?;
        cube.positions_pc.push(position);
        cube.gas_temperature.push(t_gas);
        cube.dust_temperature.push(t_dust);
        cube.element_type.push(kind);
        cube.density.push(density);
        cube.radiation_field.push(field);
        cube.abundances.extend(abundances(&line, 9, species.len())?);
    }
    if cube.is_empty() {
        return Err(empty(&file));
    }
    cube.cells = grid_of(&cube.positions_pc).ok_or_else(|| Error::RowCount {
        file,
        found: cube.len(),
        expected: "the cells of a uniform grid with z fastest".into(),
    })?;
    Ok(cube)
}

fn conditions(line: &Line, first: usize) -> Result<[f64; 5], Error> {
    let kind = line.number(first + 2, "an element type")?;
    if kind.fract() != 0.0 {
        return Err(line.refuse(first + 2, "an element type, a whole number"));
    }
    Ok([
        line.non_negative(first, "T_gas [K]")?,
        line.non_negative(first + 1, "T_dust [K]")?,
        kind,
        line.non_negative(first + 3, "n_H [cm^-3]")?,
        line.non_negative(first + 4, "radiation field [Draine]")?,
    ])
}

fn abundances(line: &Line, first: usize, species: usize) -> Result<Vec<f64>, Error> {
    (0..species)
        .map(|i| line.non_negative(first + i, "an abundance relative to n_H"))
        .collect()
}

fn empty(file: &str) -> Error {
    Error::RowCount {
        file: file.into(),
        found: 0,
        expected: "at least one point".into(),
    }
}

/// Writes a line of sight as 3D-PDR does.
///
/// # Errors
/// Columns differ in length, or the file cannot be written.
pub fn write_line(path: impl AsRef<Path>, line: &LineOfSight) -> Result<(), Error> {
    line.check_lengths()?;
    crate::atomic::write(path.as_ref(), |out| {
        for i in 0..line.len() {
            let [index, x, a_v, t_gas, t_dust, kind, density, field] = line.physics(i);
            write!(out, "{index:>7}")?;
            numbers(out, &[x, a_v, t_gas, t_dust])?;
            write!(out, "{kind:>5}")?;
            numbers(out, &[density, field])?;
            numbers(out, line.point(i))?;
            writeln!(out)?;
        }
        Ok(())
    })
}

/// Writes the cells of a cube as 3D-PDR does.
///
/// # Errors
/// The file cannot be written.
pub fn write_cube(path: impl AsRef<Path>, cube: &SolvedCube) -> Result<(), Error> {
    crate::atomic::write(path.as_ref(), |out| {
        for i in 0..cube.len() {
            write!(out, "{:>7}", i + 1)?;
            numbers(out, &cube.positions_pc[i])?;
            numbers(out, &[cube.gas_temperature[i], cube.dust_temperature[i]])?;
            write!(out, "{:>5}", cube.element_type[i])?;
            numbers(out, &[cube.density[i], cube.radiation_field[i]])?;
            numbers(out, cube.cell(i))?;
            writeln!(out)?;
        }
        Ok(())
    })
}

pub(super) fn numbers(out: &mut dyn io::Write, values: &[f64]) -> io::Result<()> {
    for v in values {
        out.write_all(scientific(*v, 15, 7).as_bytes())?;
    }
    Ok(())
}
