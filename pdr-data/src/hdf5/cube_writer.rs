//! Writing a solved cube as one group of a file.

use super::{columns, cube::CUBE_COLUMNS, writer::Writer};
use crate::{Error, cube::SolvedCube};
use std::path::Path;

/// Writes cubes as groups of one file; they must have the same species.
///
/// # Errors
/// There is no cube, a vector has not an entry per cell, species differ, or the file cannot be written.
pub fn write_cubes(path: impl AsRef<Path>, cubes: &[(&str, &SolvedCube)]) -> Result<(), Error> {
    let Some((_, first)) = cubes.first() else {
        return Err(Error::Argument {
            what: "number of cubes",
            value: 0.0,
            expected: "at least 1",
        });
    };
    let mut writer = Writer::create(path.as_ref())?;
    let mut tables: [Option<Vec<String>>; 2] = [None, None];
    for (group, cube) in cubes {
        if cube.species != first.species {
            return Err(Error::Length {
                what: "species of cubes in one file",
                left: first.species.len(),
                right: cube.species.len(),
            });
        }
        check(cube)?;
        let mut attributes = Vec::new();
        if let Some(extent) = cube.box_pc {
            attributes.push(("box_pc", extent.to_vec()));
        }
        if let Some(s) = cube.surroundings {
            let values = vec![s.field, s.ionisation_rate, s.metallicity];
            attributes.push(("surroundings", values));
        }
        writer.group(group, &attributes)?;
        let columns = CUBE_COLUMNS.len() + cube.species.len();
        let mut values = Vec::with_capacity(cube.len() * columns);
        for i in 0..cube.len() {
            values.push((i + 1) as f64);
            values.extend_from_slice(&cube.positions_pc[i]);
            values.extend_from_slice(&[
                cube.gas_temperature[i],
                cube.dust_temperature[i],
                cube.element_type[i],
                cube.density[i],
                cube.radiation_field[i],
            ]);
            values.extend_from_slice(cube.cell(i));
        }
        writer.matrix(&format!("{group}/pdr"), columns, &values)?;
        if cube.rays() > 0 {
            let name = format!("{group}/rayAV");
            writer.matrix(&name, cube.rays(), &cube.ray_extinction)?;
        }
        if !cube.ray_directions.is_empty() {
            let angles = cube.ray_directions.as_flattened();
            writer.matrix(&format!("{group}/rayDir"), 2, angles)?;
        }
        let beside = [
            ("heat", &cube.heat),
            ("cool", &cube.cool),
            ("spop_nlte", &cube.populations),
        ];
        for (i, (kind, table)) in beside.into_iter().enumerate() {
            if let Some(table) = table {
                let name = format!("{group}/{kind}");
                writer.matrix(&name, table.columns.len(), &table.values)?;
                if let Some(slot) = tables.get_mut(i) {
                    slot.get_or_insert_with(|| table.columns.clone());
                }
            }
        }
    }
    writer.strings("species", &first.species)?;
    let all = format!(
        "p x y z[pc] tgas tdust etype n_H radfield[Draine] {}",
        first.species.join(" ")
    );
    writer.text("pdr_columns", &all)?;
    for (kind, names) in ["heat", "cool"].iter().zip(&tables) {
        if let Some(names) = names {
            writer.text(&format!("{kind}_columns"), &columns::attribute(names))?;
        }
    }
    writer.finish()
}

fn check(cube: &SolvedCube) -> Result<(), Error> {
    let cells = cube.cells.iter().product();
    let tables = [&cube.heat, &cube.cool, &cube.populations];
    let rows = tables.iter().filter_map(|t| t.as_ref().map(|t| t.rows()));
    let lengths = [
        cube.positions_pc.len(),
        cube.gas_temperature.len(),
        cube.dust_temperature.len(),
        cube.element_type.len(),
        cube.density.len(),
        cube.radiation_field.len(),
        cube.abundances
            .len()
            .checked_div(cube.species.len())
            .unwrap_or(0),
    ];
    for right in lengths.into_iter().chain(rows) {
        if right != cells {
            return Err(Error::Length {
                what: "cells of a cube and entries of one of its columns",
                left: cells,
                right,
            });
        }
    }
    if cube.ray_extinction.len() != cells * cube.rays() {
        return Err(Error::Length {
            what: "cells of a cube and extinctions of their rays (a multiple)",
            left: cells,
            right: cube.ray_extinction.len(),
        });
    }
    Ok(())
}
