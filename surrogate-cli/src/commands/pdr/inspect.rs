//! `surrogate pdr inspect`: what a file of PDR data holds, and what is wrong with it.

use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;
use pdr_data::hdf5::{GridFile, OnUnreadable, cube_groups, read_cube};
use pdr_data::inspect::{CONDITIONS, Range, Survey};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Unreadable models that are listed; further ones are counted.
const LISTED: usize = 20;

/// Options of `pdr inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Grid of models or solved cubes (HDF5).
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Reads everything and reports; an unreadable model is a finding (exit code 3), not the end.
pub fn run(args: &Inspect, output: &Output) -> Result<Outcome, Error> {
    let groups = cube_groups(&args.file)?;
    if groups.is_empty() {
        return grid(&args.file, output);
    }
    let mut all = Vec::new();
    for group in groups {
        all.push(cube(&args.file, &group, output)?);
    }
    Ok(Outcome::done(json!({ "kind": "cubes", "cubes": all })))
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

fn cube(path: &Path, group: &str, output: &Output) -> Result<Value, Error> {
    let cube = read_cube(path, group)?;
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
