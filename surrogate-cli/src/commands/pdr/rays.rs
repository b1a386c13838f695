//! `surrogate pdr rays`: rays through a cube. Of a bare density cube N_H, A_V and the field; of a solved cube the series along
//! the rays of its cells.

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress;
use clap::{Args, ValueEnum};
use pdr_data::cube::SolvedCube;
use pdr_data::density::DensityCube;
use pdr_data::hdf5::{
    GridWriter, Kind, Model, PackedWriter, Parameters, RayOrigin, kind, read_cube,
    write_extinctions,
};
use pdr_data::rays::healpix::{Ordering, directions};
use pdr_data::rays::{Geometry, RaySeries, attenuated_field, extinctions};
use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Options of `pdr rays`.
#[derive(Debug, Args)]
pub struct Rays {
    /// Density cube of 3D-PDR (text), or a file of solved cubes (HDF5).
    #[arg(value_name = "FILE")]
    pub input: PathBuf,
    /// File to write (HDF5).
    #[arg(long, value_name = "FILE.h5")]
    pub out: PathBuf,
    /// The solved cube, where the file holds several.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// HEALPix level: 12 · 4^level rays a cell [default: 0, or the stored rays of a solved cube].
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(0..=4))]
    pub level: Option<u32>,
    /// Part of all rays, drawn by the seed.
    #[arg(long, value_name = "0..1", default_value_t = 1.0)]
    pub fraction: f64,
    /// Seed of the draw.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,
    /// Layout of the series [default: NeuralPDR's for a fraction, packed for all].
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    /// Fewest points of a series; shorter ones are left out and counted.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min_points: usize,
    /// Extent of the box along x, y, z (pc), where the header of the density file is not at hand.
    #[arg(long, value_name = "X,Y,Z", value_delimiter = ',')]
    pub box_pc: Vec<f64>,
    /// Field outside a bare cube (Draine): the attenuated field of every cell is written too.
    #[arg(long, value_name = "DRAINE")]
    pub field: Option<f64>,
    /// Metallicity of a bare cube relative to solar.
    #[arg(long, value_name = "Z", default_value_t = 1.0)]
    pub metallicity: f64,
}

/// How series are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// A group per ray.
    Neuralpdr,
    /// One data set with offsets.
    Packed,
}

/// Whether a file is HDF5; otherwise it is taken for text.
pub fn is_hdf5(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; 8];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut start));
    read.is_ok() && &start == b"\x89HDF\r\n\x1a\n"
}

/// The name of the solved cube meant, of those in a file.
pub fn choose(path: &Path, wanted: Option<&str>) -> Result<String, Error> {
    let file = path.display();
    let groups = match kind(path)? {
        Kind::Cubes(groups) => groups,
        _ => {
            return Err(Error::Usage(format!(
                "{file} holds lines of sight, no solved cube"
            )));
        }
    };
    match (wanted, groups.as_slice()) {
        (Some(name), known) if known.iter().any(|g| g == name) => Ok(name.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (wanted, known) => Err(Error::Usage(format!(
            "--group {}: {file} holds {}",
            wanted.unwrap_or("NAME"),
            known.join(", ")
        ))),
    }
}

/// Three extents, or none.
pub fn extent(values: &[f64]) -> Result<Option<[f64; 3]>, Error> {
    match values {
        [] => Ok(None),
        &[x, y, z] => Ok(Some([x, y, z])),
        _ => Err(Error::Usage("--box-pc: three extents, X,Y,Z".into())),
    }
}

/// Traces.
pub fn run(args: &Rays, output: &Output) -> Result<Outcome, Error> {
    if !(args.fraction > 0.0 && args.fraction <= 1.0) {
        return Err(Error::Usage(format!(
            "--fraction {}: a part of all rays, above 0 and at most 1",
            args.fraction
        )));
    }
    if is_hdf5(&args.input) {
        solved(args, output)
    } else {
        bare(args, output)
    }
}

fn bare(args: &Rays, output: &Output) -> Result<Outcome, Error> {
    if args.fraction < 1.0 || args.layout.is_some() || args.group.is_some() {
        return Err(Error::Usage(
            "--fraction, --layout and --group are for solved cubes; of a bare density cube the columns of all rays are written"
                .into(),
        ));
    }
    let mut cube = DensityCube::read(&args.input)?;
    if let Some(given) = extent(&args.box_pc)? {
        cube.box_pc = given;
    }
    let geometry = Geometry::new(cube.cells, cube.box_pc, [0.0; 3])?;
    let rays = directions(args.level.unwrap_or(0), Ordering::Nested)?;
    let start = Instant::now();
    let found = extinctions(&geometry, &cube.centres_pc, &cube.density, &rays)?;
    let seconds = start.elapsed().as_secs_f64();
    let visual = found.visual(args.metallicity);
    let field = args.field.map(|f| attenuated_field(&visual, rays.len(), f));
    write_extinctions(
        &args.out,
        &cube,
        &rays,
        &found,
        args.metallicity,
        field.as_deref(),
    )?;
    let greatest = visual.iter().copied().fold(0.0, f64::max);
    output.say(&format!(
        "{}: N_H and A_V of {} rays ({} cells x {}), A_V up to {greatest:.3} mag, traced in {seconds:.2} s",
        args.out.display(),
        visual.len(),
        cube.density.len(),
        rays.len()
    ))?;
    output.note(
        "a bare cube has no temperatures and abundances: to predict on it, `pdr column-density` wants a model of standalone \
         inputs (`pdr train --inputs standalone`, or --family cell)",
    );
    Ok(Outcome::done(json!({
        "out": args.out, "kind": "density", "cells": cube.cells, "rays_per_cell": rays.len(),
        "rays": visual.len(), "greatest_a_v": greatest, "seconds": seconds,
    })))
}

enum Writer {
    Grid(GridWriter),
    Packed(PackedWriter),
}

fn solved(args: &Rays, output: &Output) -> Result<Outcome, Error> {
    let group = choose(&args.input, args.group.as_deref())?;
    let cube = read_cube(&args.input, &group)?;
    let geometry = cube.geometry(extent(&args.box_pc)?)?;
    let rays = match args.level {
        Some(level) => directions(level, Ordering::Nested)?,
        None if cube.rays() > 0 => cube.directions()?,
        None => directions(0, Ordering::Nested)?,
    };
    let total = cube.len() * rays.len();
    let chosen = chosen(total, args);
    let layout = args.layout.unwrap_or(if args.fraction < 1.0 {
        Layout::Neuralpdr
    } else {
        Layout::Packed
    });
    let mut writer = match layout {
        Layout::Neuralpdr => Writer::Grid(GridWriter::create(&args.out, &cube.species)?),
        Layout::Packed => Writer::Packed(PackedWriter::create(&args.out, &cube.species)?),
    };
    if cube.surroundings.is_none() {
        output.note("the file does not say what lights the cube, so the series have no parameters (`model_df`)");
    }
    let start = Instant::now();
    let mut series = RaySeries::new(&cube, geometry)?;
    let (mut zero, mut short, mut points, mut longest) = (0usize, 0usize, 0usize, 0usize);
    let bar = progress::bar(output, chosen.len() as u64, "rays");
    for (done, ray) in chosen.iter().copied().enumerate() {
        if done % 1024 == 0 {
            bar.set_position(done as u64);
        }
        let (cell, k) = (ray / rays.len(), ray % rays.len());
        let line = series.series(cell, &rays[k]);
        if line.is_empty() {
            zero += 1;
        } else if line.len() < args.min_points {
            short += 1;
        } else {
            points += line.len();
            longest = longest.max(line.len());
            write(&mut writer, &cube, cell, k, line)?;
        }
    }
    bar.finish_and_clear();
    let name = args.input.file_name().unwrap_or_default();
    let source = format!("rays through {}:{group}", name.to_string_lossy());
    let written = match writer {
        Writer::Grid(w) => {
            let n = w.len();
            w.finish(&source)?;
            n
        }
        Writer::Packed(w) => {
            let n = w.len();
            w.finish(&source)?;
            n
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    output.say(&format!(
        "{}: {written} series of {total} rays, {points} points, longest {longest}; {zero} rays of zero length and {short} shorter \
         than {} points left out; {seconds:.1} s",
        args.out.display(),
        args.min_points
    ))?;
    Ok(Outcome::done(json!({
        "out": args.out, "kind": "series", "group": group, "layout": format!("{layout:?}").to_lowercase(),
        "rays": total, "drawn": chosen.len(), "written": written, "points": points, "longest": longest,
        "zero_length": zero, "too_short": short, "seconds": seconds,
    })))
}

/// Numbers of the rays drawn, rising.
fn chosen(total: usize, args: &Rays) -> Vec<usize> {
    if args.fraction >= 1.0 {
        return (0..total).collect();
    }
    let wanted = ((total as f64 * args.fraction).round() as usize).clamp(1, total);
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut list = index::sample(&mut rng, total, wanted).into_vec();
    list.sort_unstable();
    list
}

fn write(
    writer: &mut Writer,
    cube: &SolvedCube,
    cell: usize,
    direction: usize,
    points: pdr_data::sightline::LineOfSight,
) -> Result<(), Error> {
    let parameters = cube.surroundings.map(|s| Parameters {
        field: s.field,
        density: cube.density[cell],
        ionisation_rate: s.ionisation_rate,
    });
    match writer {
        Writer::Packed(w) => w.write(RayOrigin { cell, direction }, parameters, &points)?,
        Writer::Grid(w) => w.write(&Model {
            id: format!("cell_{cell}_ray_{direction}"),
            parameters,
            points,
            heat: None,
            cool: None,
            line: None,
        })?,
    }
    Ok(())
}
