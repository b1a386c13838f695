//! `surrogate pdr column-density`: maps of column densities, of a solved cube or of what a surrogate predicts for a cube.

use crate::commands::pdr::rays::{choose, extent, is_hdf5};
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::raster::{Frame, Panel, draw};
use crate::rays::cube::{Cube, Light};
use crate::rays::cube_prediction::predict;
use clap::{Args, ValueEnum};
use latent_ode::rays::RayModel;
use pdr_data::cube::SolvedCube;
use pdr_data::fits;
use pdr_data::hdf5::{CellAbundances, read_cube, write_maps};
use pdr_data::maps::{Axis, Map, column_density};
use pdr_data::rays::Geometry;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Options of `pdr column-density`.
#[derive(Debug, Args)]
pub struct ColumnDensity {
    /// File of solved cubes (HDF5), or a density cube of 3D-PDR (text).
    #[arg(value_name = "FILE")]
    pub input: PathBuf,
    /// Folder for maps.h5, maps.fits and a PNG per species.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The solved cube, where the file holds several.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// Surrogate that predicts the abundances [default: the solved cube's own].
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: Option<PathBuf>,
    /// File of the solved cube to compare with [default: the input itself, where it is solved and a model predicts].
    #[arg(long, value_name = "FILE.h5")]
    pub truth: Option<PathBuf>,
    /// The solved cube in the file of the truth, where it holds several [default: as --group].
    #[arg(long, value_name = "NAME")]
    pub truth_group: Option<String>,
    /// Axis looked along.
    #[arg(long, value_enum, default_value_t = Sight::X)]
    pub axis: Sight,
    /// Species, separated by commas.
    #[arg(
        long,
        value_name = "SPECIES",
        value_delimiter = ',',
        default_value = "H,H2,CO"
    )]
    pub species: Vec<String>,
    /// Extent of the box along x, y, z (pc), where the header of the density file is not at hand.
    #[arg(long, value_name = "X,Y,Z", value_delimiter = ',')]
    pub box_pc: Vec<f64>,
    /// What lights a bare cube.
    #[command(flatten)]
    pub light: Light,
}

/// An axis.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Sight {
    /// x.
    X,
    /// y.
    Y,
    /// z.
    Z,
}

impl From<Sight> for Axis {
    fn from(sight: Sight) -> Self {
        match sight {
            Sight::X => Axis::X,
            Sight::Y => Axis::Y,
            Sight::Z => Axis::Z,
        }
    }
}

/// Abundances of all cells and the maps made from them.
struct Maps {
    species: Vec<String>,
    abundances: Vec<f64>,
    maps: Vec<Map>,
}

/// Makes the maps and writes them in every format.
pub fn run(args: &ColumnDensity, output: &Output) -> Result<Outcome, Error> {
    let hdf5 = is_hdf5(&args.input);
    if !hdf5 && args.model.is_none() {
        return Err(Error::Usage(format!(
            "{} is a bare density cube: its abundances have to be predicted (--model) by a model of standalone inputs \
             (`pdr train --inputs standalone`, or --family cell)",
            args.input.display()
        )));
    }
    let extent = extent(&args.box_pc)?;
    let cube = if hdf5 {
        let group = choose(&args.input, args.group.as_deref())?;
        Cube::read(&args.input, &group, extent)?
    } else {
        Cube::bare(&args.input, extent, &args.light)?
    };
    let (species, abundances) = match &args.model {
        Some(path) => {
            let model = RayModel::read(path)?;
            let predicted = predict(&model, &cube, output)?;
            (model.species().to_vec(), predicted.cells.abundances)
        }
        None => (cube.cells.species.clone(), cube.cells.abundances.clone()),
    };
    let (cube, geometry) = (cube.cells, cube.geometry);
    let made = maps(args, &cube, &geometry, species, abundances)?;
    let truth = truth(args, &cube, &geometry, hdf5)?;
    std::fs::create_dir_all(&args.out).map_err(Error::io(&args.out))?;
    let cells = CellAbundances {
        species: &made.species,
        values: &made.abundances,
    };
    write_maps(args.out.join("maps.h5"), &made.maps, &truth, Some(cells))?;
    let mut all = made.maps.clone();
    all.extend(truth.iter().map(|m| Map {
        name: format!("{} truth", m.name),
        ..m.clone()
    }));
    fits::write_maps(args.out.join("maps.fits"), &all)?;
    let mut found = Vec::new();
    for (i, map) in made.maps.iter().enumerate() {
        let truth = truth.get(i);
        let path = args
            .out
            .join(format!("{}_{}.png", map.name, map.axis.letter()));
        figure(&path, map, truth, args.model.is_some())?;
        found.push(describe(map, truth, output)?);
    }
    output.say(&format!(
        "{}: maps.h5, maps.fits and {} pictures",
        args.out.display(),
        made.maps.len()
    ))?;
    Ok(Outcome::done(json!({
        "out": args.out, "axis": made.maps.first().map(|m| m.axis.letter().to_string()), "maps": found,
    })))
}

fn maps(
    args: &ColumnDensity,
    cube: &SolvedCube,
    geometry: &Geometry,
    species: Vec<String>,
    abundances: Vec<f64>,
) -> Result<Maps, Error> {
    let mut list = Vec::new();
    for name in &args.species {
        let Some(index) = species.iter().position(|s| s == name) else {
            return Err(Error::Usage(format!(
                "--species {name}: there are {}",
                species.join(" ")
            )));
        };
        let column = abundances.iter().skip(index).step_by(species.len());
        let x: Vec<f64> = column.copied().collect();
        let axis = args.axis.into();
        list.push(column_density(geometry, &cube.density, &x, axis, name)?);
    }
    Ok(Maps {
        species,
        abundances,
        maps: list,
    })
}

/// Maps of the truth, in the order of the species; none where there is none.
fn truth(
    args: &ColumnDensity,
    cube: &SolvedCube,
    geometry: &Geometry,
    hdf5: bool,
) -> Result<Vec<Map>, Error> {
    let other;
    let solved = match &args.truth {
        Some(path) => {
            let wanted = args.truth_group.as_deref().or(args.group.as_deref());
            other = read_cube(path, &choose(path, wanted)?)?;
            if other.cells != cube.cells {
                return Err(Error::Usage(format!(
                    "--truth {}: {:?} cells, the cube has {:?}",
                    path.display(),
                    other.cells,
                    cube.cells
                )));
            }
            &other
        }
        None if hdf5 && args.model.is_some() => cube,
        None => return Ok(Vec::new()),
    };
    let (species, x) = (solved.species.clone(), solved.abundances.clone());
    Ok(maps(args, solved, geometry, species, x)?.maps)
}

fn describe(map: &Map, truth: Option<&Map>, output: &Output) -> Result<Value, Error> {
    let (low, high) = span([&map.values]);
    let difference = truth.map(|t| map.difference(t)).transpose()?;
    let beside = difference.map_or(String::new(), |d| {
        format!(
            ", median |dlog10 N| to the truth {:.4} dex, greatest {:.3}",
            d.median, d.greatest
        )
    });
    output.say(&format!(
        "N({}) along {}: {:.3e} to {:.3e} cm^-2{beside}",
        map.name,
        map.axis.letter(),
        10f64.powf(low),
        10f64.powf(high)
    ))?;
    Ok(json!({
        "species": map.name, "shape": map.shape,
        "log10_n": [low, high],
        "median_dex": difference.map(|d| d.median), "greatest_dex": difference.map(|d| d.greatest),
    }))
}

/// Least and greatest logarithm of what is above zero.
fn span<const N: usize>(lists: [&Vec<f64>; N]) -> (f64, f64) {
    let logs = lists.into_iter().flatten().filter(|v| **v > 0.0);
    logs.map(|v| v.log10())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| {
            (a.min(v), b.max(v))
        })
}

fn figure(
    path: &std::path::Path,
    map: &Map,
    truth: Option<&Map>,
    predicted: bool,
) -> Result<(), Error> {
    let [row, column] = map.axis.others();
    let frame = Frame {
        shape: map.shape,
        extent_pc: [0, 1].map(|a| map.pixel_pc[a] * map.shape[a] as f64),
        axes: [row.letter(), column.letter()],
    };
    let logs = |m: &Map| -> Vec<f64> { m.values.iter().map(|v| v.log10()).collect() };
    let (low, high) = match truth {
        Some(t) => span([&map.values, &t.values]),
        None => span([&map.values]),
    };
    let (here, there) = (logs(map), truth.map(logs));
    let label = format!("log10 N({}) [cm^-2]", map.name);
    let panel = |title: &str, values| Panel {
        title: format!("{} {title}", map.name),
        values,
        range: [low, high],
        label: label.clone(),
        diverging: false,
    };
    let mut panels = vec![panel(
        if predicted { "predicted" } else { "" },
        here.as_slice(),
    )];
    let ratio = truth.map(|t| map.log_ratio(t)).transpose()?;
    if let (Some(there), Some(ratio)) = (&there, &ratio) {
        panels.push(panel("truth", there));
        let most = ratio
            .iter()
            .filter(|r| r.is_finite())
            .fold(1e-3f64, |m, r| m.max(r.abs()));
        panels.push(Panel {
            title: format!("{} difference", map.name),
            values: ratio,
            range: [-most, most],
            label: "dlog10 N [dex]".into(),
            diverging: true,
        });
    }
    draw(path, &frame, &panels)
}
