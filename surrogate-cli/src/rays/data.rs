//! A data file as a ray surrogate takes it: lines of sight, read one at a time, or the cells of a solved cube.

use super::cube::Cube;
use super::lines::LineSource;
use crate::error::Error;
use latent_ode::Error as LatentError;
use latent_ode::rays::Cells;
use pdr_data::hdf5::{Kind, kind};
use std::path::Path;

/// The cells of a solved cube, and the cube itself for its geometry.
#[derive(Debug)]
pub struct CubeData {
    /// The cube.
    pub cube: Cube,
    /// Its cells as a surrogate takes them.
    pub cells: Cells,
}

/// What a file holds.
#[derive(Debug)]
pub enum Data {
    /// A grid of models, or rays.
    Lines(Box<LineSource>),
    /// A solved cube.
    Cube(Box<CubeData>),
}

/// Opens a file; `group` names a solved cube where there are several.
pub fn open(path: &Path, group: Option<&str>) -> Result<Data, Error> {
    let groups = match kind(path)? {
        Kind::Cubes(groups) => groups,
        Kind::Grid | Kind::Packed => Vec::new(),
    };
    let file = path.display();
    let group = match (group, groups.as_slice()) {
        (None, []) => return Ok(Data::Lines(Box::new(LineSource::open(path)?))),
        (Some(group), []) => {
            return Err(Error::Usage(format!(
                "--group {group}: {file} holds lines of sight, no solved cubes"
            )));
        }
        (None, [only]) => only.as_str(),
        (None, several) => {
            return Err(Error::Usage(format!(
                "{file} holds the solved cubes {}; choose one with --group",
                several.join(", ")
            )));
        }
        (Some(group), known) if !known.iter().any(|g| g == group) => {
            return Err(Error::Usage(format!(
                "--group {group}: {file} holds {}",
                known.join(", ")
            )));
        }
        (Some(group), _) => group,
    };
    let cube = Cube::read(path, group, None)?;
    Ok(Data::Cube(Box::new(CubeData {
        cells: cube.as_cells(&[])?,
        cube,
    })))
}

impl Data {
    /// Whether a small part of the data is learned from unless told otherwise: what a cube holds is much alike.
    pub fn is_of_a_cube(&self) -> bool {
        match self {
            Self::Lines(lines) => lines.is_packed(),
            Self::Cube(_) => true,
        }
    }
}

/// How a model's file names the data it learned from.
pub fn label(path: &Path, data: &Data) -> String {
    let file = path.file_name().map_or_else(
        || path.display().to_string(),
        |n| n.to_string_lossy().into_owned(),
    );
    match data {
        Data::Lines(_) => file,
        Data::Cube(data) => format!("{file}:{}", data.cube.group),
    }
}

/// Refuses data of other species than the model's: families may start from the data's abundances.
pub fn known_species(model: &latent_ode::rays::RayModel, found: &[String]) -> Result<(), Error> {
    if model.species() == found {
        return Ok(());
    }
    let text = format!(
        "the model predicts {}, the data have {}",
        model.species().join(" "),
        found.join(" ")
    );
    Err(LatentError::Species(text).into())
}
