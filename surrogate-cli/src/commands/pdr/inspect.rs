//! `surrogate pdr inspect`: what a file of PDR data holds, and what is wrong with it.

use crate::commands::pdr::rays::is_hdf5;
use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;
use pdr_data::cube::SolvedCube;
use pdr_data::density::{DensityCube, DensityProfile};
use pdr_data::fin::pdr::{Geometry, geometry, read_cube as read_cells, read_line};
use pdr_data::hdf5::{GridFile, Kind, OnUnreadable, PackedFile, kind, read_cube};
use pdr_data::inspect::{CONDITIONS, Range, Survey};
use pdr_data::species::REDUCED;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Unreadable models that are listed; further ones are counted.
const LISTED: usize = 20;

/// Rays read at a time.
const BLOCK: usize = 4096;

/// Options of `pdr inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Grid of models, solved cubes or packed rays (HDF5), a `.pdr.fin` file, or a density file of 3D-PDR.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Reads everything and reports; an unreadable model is a finding (exit code 3), not the end.
pub fn run(args: &Inspect, output: &Output) -> Result<Outcome, Error> {
    if !is_hdf5(&args.file) {
        return text(&args.file, output);
    }
    match kind(&args.file)? {
        Kind::Grid => grid(&args.file, output),
        Kind::Packed => packed(&args.file, output),
        Kind::Cubes(groups) => {
            let mut all = Vec::new();
            for group in groups {
                let solved = read_cube(&args.file, &group)?;
                all.push(cube(&solved, &group, output)?);
            }
            Ok(Outcome::done(json!({ "kind": "cubes", "cubes": all })))
        }
    }
}

/// A `.pdr.fin` file by its name, else a density cube by its three counts in the first line, else a density profile.
fn text(path: &Path, output: &Output) -> Result<Outcome, Error> {
    let name = path.to_string_lossy();
    let species = REDUCED.map(str::to_string);
    if name.trim_end_matches(".gz").ends_with(".pdr.fin") {
        if geometry(path, species.len())? == Geometry::Cube {
            let object = cube(&read_cells(path, &species)?, &name, output)?;
            return Ok(Outcome::done(json!({ "kind": "cubes", "cubes": [object] })));
        }
        let line = read_line(path, species.len())?;
        let mut survey = Survey::new(&species);
        survey.add(&line);
        say(&survey, output)?;
        let mut object = report(&survey);
        object["kind"] = json!("line of sight");
        return Ok(Outcome::done(object));
    }
    let mut range = Range::default();
    let cells = match DensityProfile::read(path) {
        Ok(profile) => {
            profile.density.iter().for_each(|n| range.add(*n));
            output.say(&fact("points", profile.density.len()))?;
            json!([profile.density.len()])
        }
        // A line of four numbers at the start is a profile; whatever is wrong further on is its own.
        Err(error @ pdr_data::Error::FieldCount { line: 1, .. }) => {
            let cube = DensityCube::read(path).map_err(|e| match e {
                pdr_data::Error::FieldCount { line: 1, .. } => error,
                other => other,
            })?;
            cube.density.iter().for_each(|n| range.add(*n));
            let [nx, ny, nz] = cube.cells;
            output.say(&fact("cells", format!("{nx} x {ny} x {nz}")))?;
            json!(cube.cells)
        }
        Err(other) => return Err(other.into()),
    };
    output.say(&fact("n_H [cm^-3]", span(range)))?;
    Ok(Outcome::done(
        json!({ "kind": "density", "cells": cells, "n_H": pair(range) }),
    ))
}

fn packed(path: &Path, output: &Output) -> Result<Outcome, Error> {
    let file = PackedFile::open(path)?;
    let mut survey = Survey::new(file.species());
    for first in (0..file.len()).step_by(BLOCK) {
        for ray in file.read(first, BLOCK)? {
            survey.add(&ray);
        }
    }
    output.say(&fact("rays", file.len()))?;
    output.say(&fact("points per ray", span(survey.lengths)))?;
    say(&survey, output)?;
    let mut object = report(&survey);
    object["kind"] = json!("packed rays");
    object["rays"] = json!(file.len());
    object["points_per_ray"] = pair(survey.lengths);
    Ok(Outcome::done(object))
}

fn grid(path: &Path, output: &Output) -> Result<Outcome, Error> {
    let grid = GridFile::open(path)?;
    let mut survey = Survey::new(grid.species());
    let tally = grid.for_each(OnUnreadable::Skip, |_, model| {
        survey.add(&model.points);
        Ok(())
    })?;
    let mut parameters = [Range::default(); 3];
    for p in grid.parameters().unwrap_or(&[]) {
        let values = [p.field, p.density, p.ionisation_rate];
        for (range, value) in parameters.iter_mut().zip(values) {
            range.add(value);
        }
    }
    output.say(&fact("models", grid.len()))?;
    output.say(&fact("unreadable", tally.skipped.len()))?;
    output.say(&fact("points per model", span(survey.lengths)))?;
    let names = ["G_UV [Draine]", "n_H [cm^-3] of model_df", "zeta [s^-1]"];
    if grid.parameters().is_some() {
        for (name, range) in names.iter().zip(parameters) {
            output.say(&fact(name, span(range)))?;
        }
    }
    say(&survey, output)?;
    for (id, reason) in tally.skipped.iter().take(LISTED) {
        output.say(&format!("unreadable {id}: {reason}"))?;
    }
    let unreadable: Vec<Value> = tally
        .skipped
        .iter()
        .map(|(id, reason)| json!({ "model": id, "reason": reason.to_string() }))
        .collect();
    let mut object = report(&survey);
    object["kind"] = json!("grid");
    object["models"] = json!(grid.len());
    object["points_per_model"] = pair(survey.lengths);
    object["parameters"] = match grid.parameters() {
        None => Value::Null,
        Some(_) => json!({
            "g_uv": pair(parameters[0]), "n_H": pair(parameters[1]), "zeta": pair(parameters[2]),
        }),
    };
    object["unreadable"] = json!(unreadable);
    Ok(Outcome {
        partial: !unreadable.is_empty(),
        ..Outcome::done(object)
    })
}

fn cube(cube: &SolvedCube, group: &str, output: &Output) -> Result<Value, Error> {
    let mut survey = Survey::new(&cube.species);
    for i in 0..cube.len() {
        let conditions = [
            cube.gas_temperature[i],
            cube.dust_temperature[i],
            cube.density[i],
            cube.radiation_field[i],
            f64::NAN,
        ];
        survey.add_point(conditions, cube.cell(i));
    }
    let mut rays = Range::default();
    cube.ray_extinction.iter().for_each(|&a| rays.add(a));
    let [nx, ny, nz] = cube.cells;
    output.say(&fact("group", group))?;
    output.say(&fact("cells", format!("{nx} x {ny} x {nz}")))?;
    output.say(&fact("rays per cell", cube.rays()))?;
    if cube.rays() > 0 {
        output.say(&fact("A_V of rays [mag]", span(rays)))?;
    }
    if let Some(s) = cube.surroundings {
        let text = format!(
            "field {} Draine, zeta {:e} s^-1, Z {}",
            s.field, s.ionisation_rate, s.metallicity
        );
        output.say(&fact("surroundings", text))?;
    }
    say(&survey, output)?;
    output.say("")?;
    let mut object = report(&survey);
    object["group"] = json!(group);
    object["cells"] = json!(cube.cells);
    object["rays"] = json!(cube.rays());
    object["ray_a_v"] = pair(rays);
    object["surroundings"] = cube.surroundings.map_or(
        Value::Null,
        |s| json!({ "g_uv": s.field, "zeta": s.ionisation_rate, "metallicity": s.metallicity }),
    );
    Ok(object)
}

fn say(survey: &Survey, output: &Output) -> Result<(), Error> {
    output.say(&fact("points", survey.points))?;
    for (name, range) in CONDITIONS.iter().zip(survey.conditions) {
        if range.least <= range.greatest {
            output.say(&fact(name, span(range)))?;
        }
    }
    let floor = format!("{:.1} % of all values", 100.0 * survey.floor_fraction());
    output.say(&fact("abundances <= 1e-20", floor))?;
    output.say(&fact("A_V not increasing", survey.not_increasing))?;
    if !survey.no_formula.is_empty() {
        output.say(&fact("names without formula", survey.no_formula.join(" ")))?;
    }
    output.say(&fact("species", survey.species.len()))?;
    for s in &survey.species {
        let share = 100.0 * s.at_floor as f64 / survey.points.max(1) as f64;
        let text = format!("{}, {share:.1} % at the floor", span(s.range));
        output.say(&format!("  {:<24}{text}", s.name))?;
    }
    output.say("nuclei per n_H")?;
    for e in &survey.elements {
        output.say(&format!("  {:<24}{}", e.element, exact_span(e.range)))?;
    }
    Ok(())
}

fn report(survey: &Survey) -> Value {
    let conditions: serde_json::Map<String, Value> = ["t_gas", "t_dust", "n_H", "field", "a_v"]
        .iter()
        .zip(survey.conditions)
        .map(|(name, range)| ((*name).to_string(), pair(range)))
        .collect();
    let species: Vec<Value> = survey
        .species
        .iter()
        .map(|s| json!({ "name": s.name, "range": pair(s.range), "at_floor": s.at_floor }))
        .collect();
    let elements: serde_json::Map<String, Value> = survey
        .elements
        .iter()
        .map(|e| (e.element.to_string(), pair(e.range)))
        .collect();
    json!({
        "points": survey.points,
        "conditions": conditions,
        "species": species,
        "elements": elements,
        "floor_fraction": survey.floor_fraction(),
        "a_v_not_increasing": survey.not_increasing,
        "no_formula": survey.no_formula,
    })
}

fn fact(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name:<26}{value}")
}

fn span(range: Range) -> String {
    format!("{} to {}", number(range.least), number(range.greatest))
}

fn exact_span(range: Range) -> String {
    format!("{:.7e} to {:.7e}", range.least, range.greatest)
}

/// Plain where that is short, else in powers of ten.
fn number(v: f64) -> String {
    if v == 0.0 || (1e-3..1e6).contains(&v.abs()) {
        format!("{}", (v * 1e4).round() / 1e4)
    } else {
        format!("{v:.3e}")
    }
}

fn pair(range: Range) -> Value {
    if range.least <= range.greatest {
        json!([range.least, range.greatest])
    } else {
        Value::Null
    }
}
