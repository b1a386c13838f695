//! Solved cubes: groups with `pdr` [cells, 9 + species], `rayAV`, `rayDir`, `cool`, `heat`, `spop_nlte`, and `species` in the root.

use super::{grid, store::Reader};
use crate::{
    Error,
    cube::{SolvedCube, Surroundings, grid_of},
};
use std::path::Path;

/// Columns of a cube's `pdr` before the abundances.
pub(super) const CUBE_COLUMNS: [&str; 9] = [
    "p", "x", "y", "z", "tgas", "tdust", "etype", "n_H", "radfield",
];

/// Names of the groups of a file that hold a solved cube: those whose `pdr` has 9 + species columns.
///
/// # Errors
/// The file cannot be read, is no HDF5, or has no list of species.
pub fn cube_groups(path: impl AsRef<Path>) -> Result<Vec<String>, Error> {
    let reader = Reader::open(path.as_ref())?;
    let species = grid::species(&reader)?.len();
    let mut found = Vec::new();
    for group in reader.groups()? {
        // A grid of models has thousands of groups; all are alike.
        match reader.shape(&format!("{group}/pdr")) {
            Ok(shape) if shape.len() == 2 && shape[1] == CUBE_COLUMNS.len() + species => {
                found.push(group);
            }
            Ok(_) if found.is_empty() => break,
            Ok(_) | Err(Error::Missing { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

/// Reads the solved cube in `group`.
///
/// # Errors
/// The group or its `pdr` is missing; a shape is wrong; a value is not finite; a temperature, density, field, abundance or
/// extinction is negative; or the positions are no uniform grid with z fastest.
pub fn read_cube(path: impl AsRef<Path>, group: &str) -> Result<SolvedCube, Error> {
    let reader = Reader::open(path.as_ref())?;
    let species = grid::species(&reader)?;
    if reader.datasets(group)?.is_none() {
        return Err(reader.missing(format!("group `{group}`")));
    }
    let name = format!("{group}/pdr");
    let (shape, values) = reader.array(&name, 2)?;
    let columns = CUBE_COLUMNS.len() + species.len();
    if shape[1] != columns || shape[0] == 0 {
        let text = format!(
            "cells × {columns} (9 of physics, {} species)",
            species.len()
        );
        return Err(reader.shape_error(&name, &shape, text));
    }
    let mut cube = SolvedCube::default();
    for (row, v) in values.chunks_exact(columns).enumerate() {
        let column = |i: usize| match CUBE_COLUMNS.get(i) {
            Some(name) => *name,
            None => species[i - CUBE_COLUMNS.len()].as_str(),
        };
        if let Some(i) = v.iter().position(|x| !x.is_finite()) {
            return Err(reader.value(&name, row, column(i), v[i], "a finite number"));
        }
        let signed = [0, 1, 2, 3, 6];
        if let Some(i) = (0..columns).find(|i| v[*i] < 0.0 && !signed.contains(i)) {
            return Err(reader.value(&name, row, column(i), v[i], "not negative"));
        }
        cube.positions_pc.push([v[1], v[2], v[3]]);
        cube.gas_temperature.push(v[4]);
        cube.dust_temperature.push(v[5]);
        cube.element_type.push(v[6]);
        cube.density.push(v[7]);
        cube.radiation_field.push(v[8]);
        cube.abundances.extend_from_slice(&v[9..]);
    }
    cube.species = species;
    cube.cells = grid_of(&cube.positions_pc)
        .ok_or_else(|| reader.damaged(&name, "the positions are no uniform grid with z fastest"))?;
    cube.box_pc = header_box(&reader, group)?;
    cube.surroundings = surroundings(&reader, group)?;
    read_rays(&reader, group, &mut cube)?;
    let table = |name: &str, kind: &str| {
        let full = format!("{group}/{name}");
        match reader.table(&full, kind)? {
            Some(t) if t.rows() != cube.density.len() => {
                let found = [t.rows(), t.columns.len()];
                let text = format!("{} rows, as many as `{group}/pdr`", cube.density.len());
                Err(reader.shape_error(&full, &found, text))
            }
            other => Ok(other),
        }
    };
    let (heat, cool, populations) = (
        table("heat", "heat")?,
        table("cool", "cool")?,
        table("spop_nlte", "spop")?,
    );
    cube.heat = heat;
    cube.cool = cool;
    cube.populations = populations;
    Ok(cube)
}

fn header_box(reader: &Reader, group: &str) -> Result<Option<[f64; 3]>, Error> {
    let Some(extent) = reader.group_numbers(group, "box_pc")? else {
        return Ok(None);
    };
    match <[f64; 3]>::try_from(extent.as_slice()) {
        Ok(extent) if extent.iter().all(|e| e.is_finite() && *e > 0.0) => Ok(Some(extent)),
        _ => Err(reader.damaged(
            &format!("{group}@box_pc"),
            format!("{extent:?} are not three extents above zero"),
        )),
    }
}

/// From the attribute `surroundings` (field, rate, metallicity) of the group, else from the words of the root's `params`.
fn surroundings(reader: &Reader, group: &str) -> Result<Option<Surroundings>, Error> {
    if let Some(v) = reader.group_numbers(group, "surroundings")? {
        let &[field, ionisation_rate, metallicity] = v.as_slice() else {
            return Err(reader.damaged(
                &format!("{group}@surroundings"),
                format!("{v:?} are not field, ionisation rate and metallicity"),
            ));
        };
        return Ok(Some(Surroundings {
            field,
            ionisation_rate,
            metallicity,
        }));
    }
    let words: Vec<&str> = reader
        .text("params")
        .map(|t| t.split([' ', ',', ';']).filter(|w| !w.is_empty()).collect())
        .unwrap_or_default();
    let after = |key: &str| -> Option<f64> {
        let at = words.iter().position(|w| *w == key)?;
        words.get(at + 1)?.parse().ok()
    };
    Ok(after("Gext")
        .zip(after("zeta"))
        .map(|(field, ionisation_rate)| Surroundings {
            field,
            ionisation_rate,
            metallicity: after("Z").unwrap_or(1.0),
        }))
}

fn read_rays(reader: &Reader, group: &str, cube: &mut SolvedCube) -> Result<(), Error> {
    let cells = cube.density.len();
    let name = format!("{group}/rayAV");
    let Some((shape, values)) = reader.array_if_present(&name)? else {
        return Ok(());
    };
    if shape.len() != 2 || shape[0] != cells || shape[1] == 0 {
        return Err(reader.shape_error(&name, &shape, format!("{cells} cells × rays")));
    }
    let rays = shape[1];
    let wrong = |v: &f64| !v.is_finite() || *v < 0.0;
    if let Some(i) = values.iter().position(wrong) {
        let column = format!("ray {}", i % rays);
        let expected = "an A_V that is finite and not negative";
        return Err(reader.value(&name, i / rays, &column, values[i], expected));
    }
    cube.ray_extinction = values;
    let name = format!("{group}/rayDir");
    if let Some((shape, values)) = reader.array_if_present(&name)? {
        if shape != [rays, 2] {
            return Err(reader.shape_error(&name, &shape, format!("[{rays}, 2]: θ, φ")));
        }
        reader.finite(&name, &["theta".into(), "phi".into()], &values)?;
        cube.ray_directions = values.chunks_exact(2).map(|d| [d[0], d[1]]).collect();
    }
    Ok(())
}
