//! `surrogate pdr predict`: abundances along lines of sight, in the cells of a cube, or in a bare cube of densities.

use crate::error::Error;
use crate::folder;
use crate::output::{Outcome, Output};
use crate::rays::data::{self, GridSource};
use crate::report::duration;
use clap::Args;
use latent_ode::Error as LatentError;
use latent_ode::rays::{Cells, Family, RayModel, RayPrediction, SeriesSource};
use pdr_data::cube::{SolvedCube, Surroundings};
use pdr_data::density::DensityCube;
use pdr_data::hdf5::{GridFile, GridWriter, Model, cube_groups, read_cube, write_cubes};
use pdr_data::rays::healpix::{Ordering, directions};
use pdr_data::rays::{Geometry, attenuated_field, extinctions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Options of `pdr predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Model that `pdr train` wrote.
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: PathBuf,
    /// Grid of lines of sight or solved cubes (HDF5), or a bare cube of densities in 3D-PDR's format (.dat, .dat.gz).
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Result, in the layout of the data; of a bare cube a solved one. Quantities the model does not predict are those of the data.
    #[arg(long, value_name = "OUT.h5")]
    pub out: PathBuf,
    /// The solved cube, where the file holds several.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Of a bare cube: field at its surface (Draine), all directions together.
    #[arg(long, value_name = "DRAINE")]
    pub field: Option<f64>,
    /// Of a bare cube: cosmic-ray ionisation rate (s⁻¹).
    #[arg(long, value_name = "S^-1", visible_aliases = ["zeta", "cosmic-ray-rate"])]
    pub ionisation_rate: Option<f64>,
    /// Of a bare cube: HEALPix level of the rays, 12 · 4^level of them.
    #[arg(long, value_name = "LEVEL", default_value_t = 0)]
    pub level: u32,
}

/// Predicts and writes.
pub fn run(args: &Predict, output: &Output) -> Result<Outcome, Error> {
    folder::check_target(&args.out)?;
    let model = RayModel::read(&args.model)?;
    let clock = Instant::now();
    let count = if is_density(&args.data) {
        bare(args, &model)?
    } else if cube_groups(&args.data)?.is_empty() {
        lines(args, &model)?
    } else {
        solved(args, &model)?
    };
    let seconds = clock.elapsed().as_secs_f64();
    output.say(&format!(
        "{count} {} in {}: {}",
        if model.family() == Family::Cell {
            "cells"
        } else {
            "series"
        },
        duration(seconds),
        args.out.display()
    ))?;
    Ok(Outcome::done(
        json!({ "predicted": count, "seconds": seconds, "out": args.out }),
    ))
}

fn is_density(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".dat") || name.ends_with(".dat.gz")
}

/// Series read and predicted at a time.
const BLOCK: usize = 256;

fn lines(args: &Predict, model: &RayModel) -> Result<usize, Error> {
    let grid = GridFile::open(&args.data)?;
    let source = GridSource::open(&args.data)?;
    data::known_species(model, source.species())?;
    let mut writer = GridWriter::create(&args.out, model.species())?;
    for start in (0..source.len()).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(source.len());
        let series: Result<Vec<_>, LatentError> = rows.clone().map(|i| source.series(i)).collect();
        let predicted = model.predict(&series?, source.quantities())?;
        for (i, p) in rows.zip(predicted) {
            let read = grid.read_model(i)?;
            let mut points = read.points;
            points.abundances = p.abundances;
            if let Some(t) = p.gas_temperature {
                points.gas_temperature = t;
            }
            writer.write(&Model {
                points,
                heat: None,
                cool: None,
                line: None,
                ..read
            })?;
        }
    }
    writer.finish(&source_text(args, model))?;
    Ok(source.len())
}

fn solved(args: &Predict, model: &RayModel) -> Result<usize, Error> {
    let data::Data::Cube(cube) = data::open(&args.data, args.group.as_deref())? else {
        return Err(Error::Usage(format!(
            "{} holds no cube",
            args.data.display()
        )));
    };
    data::known_species(model, &cube.cells.species)?;
    let prediction = model.predict_cells(&cube.cells)?;
    let mut out = read_cube(&args.data, &cube.group)?;
    put(&mut out, model, prediction);
    write_cubes(&args.out, &[(cube.group.as_str(), &out)])?;
    Ok(out.len())
}

/// Puts a prediction where the solution was; what was solved beside it goes.
fn put(cube: &mut SolvedCube, model: &RayModel, prediction: RayPrediction) {
    cube.species = model.species().to_vec();
    cube.abundances = prediction.abundances;
    if let Some(t) = prediction.gas_temperature {
        cube.gas_temperature = t;
    }
    cube.heat = None;
    cube.cool = None;
    cube.populations = None;
}

fn bare(args: &Predict, model: &RayModel) -> Result<usize, Error> {
    if model.family() != Family::Cell {
        return Err(Error::Usage(format!(
            "{} is a bare cube: it has densities and no temperatures, so that it asks for a standalone model of cells \
             (`surrogate pdr train --family cell`), not for `{}` with {} inputs",
            args.data.display(),
            model.family().name(),
            model.inputs().name()
        )));
    }
    let (Some(field), Some(ionisation_rate)) = (args.field, args.ionisation_rate) else {
        let text = "a bare cube does not say what lights it: give --field (Draine) and --ionisation-rate (s^-1)";
        return Err(Error::Usage(text.into()));
    };
    let density = DensityCube::read(&args.data)?;
    let geometry = Geometry::new(density.cells, density.box_pc, [0.0; 3])?;
    let chosen = directions(args.level, Ordering::Nested)?;
    let along = extinctions(&geometry, &density.centres_pc, &density.density, &chosen)?;
    let extinction = along.visual(1.0);
    let cells = Cells {
        species: model.species().to_vec(),
        density: density.density.clone(),
        extinction: extinction.clone(),
        surface_field: field,
        ionisation_rate,
        ..Cells::default()
    };
    let prediction = model.predict_cells(&cells)?;
    let n = cells.len();
    let mut out = SolvedCube {
        cells: density.cells,
        box_pc: Some(density.box_pc),
        positions_pc: density.centres_pc,
        // Not predicted.
        dust_temperature: vec![0.0; n],
        element_type: vec![1.0; n],
        density: density.density,
        radiation_field: attenuated_field(&extinction, along.rays, field),
        ray_extinction: extinction,
        ray_directions: chosen.iter().map(|d| [d.theta, d.phi]).collect(),
        surroundings: Some(Surroundings {
            field,
            ionisation_rate,
            metallicity: 1.0,
        }),
        ..SolvedCube::default()
    };
    put(&mut out, model, prediction);
    write_cubes(&args.out, &[("predicted", &out)])?;
    Ok(n)
}

fn source_text(args: &Predict, model: &RayModel) -> String {
    format!(
        "predicted by the surrogate {} ({}, {} inputs, trained on {}) from {}",
        args.model.display(),
        model.family().name(),
        model.inputs().name(),
        model.description().data,
        args.data.display()
    )
}
