//! A data file as a ray surrogate takes it: a grid of lines of sight, read one at a time, or the cells of a solved cube.

use crate::error::Error;
use latent_ode::Error as LatentError;
use latent_ode::rays::{Cells, Quantity, Series, SeriesSource};
use pdr_data::column::PARSEC_CM;
use pdr_data::cube::SolvedCube;
use pdr_data::hdf5::{GridFile, cube_groups, read_cube};
use std::path::Path;

/// Lines of sight of a grid file.
#[derive(Debug)]
pub struct GridSource {
    grid: GridFile,
    points: Vec<usize>,
    quantities: Vec<Quantity>,
}

/// The cells of a solved cube, and the cube itself for its geometry.
#[derive(Debug)]
pub struct CubeData {
    /// Its group in the file.
    pub group: String,
    /// As a surrogate takes them.
    pub cells: Cells,
    /// Cells along x, y, z.
    pub grid: [usize; 3],
    /// Extent of a cell along x \[cm\].
    pub depth_cm: f64,
}

/// What a file holds.
#[derive(Debug)]
pub enum Data {
    /// A grid of models, or rays in the same layout.
    Grid(GridSource),
    /// A solved cube.
    Cube(Box<CubeData>),
}

impl GridSource {
    /// Opens a grid.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let grid = GridFile::open(path)?;
        let points: Result<Vec<usize>, _> = (0..grid.len()).map(|i| grid.points(i)).collect();
        let mut quantities = vec![
            Quantity::GasTemperature,
            Quantity::DustTemperature,
            Quantity::Density,
            Quantity::Field,
        ];
        if grid.parameters().is_some() {
            quantities.extend([Quantity::IonisationRate, Quantity::SurfaceField]);
        }
        Ok(Self {
            points: points?,
            grid,
            quantities,
        })
    }
}

impl SeriesSource for GridSource {
    fn species(&self) -> &[String] {
        self.grid.species()
    }

    fn quantities(&self) -> &[Quantity] {
        &self.quantities
    }

    fn len(&self) -> usize {
        self.points.len()
    }

    fn points(&self, i: usize) -> usize {
        self.points.get(i).copied().unwrap_or(0)
    }

    fn series(&self, i: usize) -> Result<Series, LatentError> {
        let read = self.grid.read_points(i);
        let line = read.map_err(|e| LatentError::Source(Box::new(e)))?;
        let parameters = self.grid.parameters().and_then(|p| p.get(i));
        let mut aux = Vec::with_capacity(line.len() * self.quantities.len());
        for k in 0..line.len() {
            aux.extend([
                line.gas_temperature[k],
                line.dust_temperature[k],
                line.density[k],
                line.radiation_field[k],
            ]);
            aux.extend(parameters.iter().flat_map(|p| [p.ionisation_rate, p.field]));
        }
        let series = Series {
            s: line.visual_extinction,
            x: line.abundances,
            aux,
        };
        series.check(&self.name(i), self.species().len(), &self.quantities)?;
        Ok(series)
    }

    fn name(&self, i: usize) -> String {
        let ids = self.grid.model_ids();
        let id = ids.get(i).map_or("", String::as_str);
        format!("{}: {id}", self.grid.path().display())
    }
}

/// Opens a file; `group` names a solved cube where there are several.
pub fn open(path: &Path, group: Option<&str>) -> Result<Data, Error> {
    let groups = cube_groups(path)?;
    let file = path.display();
    let group = match (group, groups.as_slice()) {
        (None, []) => return Ok(Data::Grid(GridSource::open(path)?)),
        (Some(group), []) => {
            return Err(Error::Usage(format!(
                "--group {group}: {file} holds a grid of lines of sight, no solved cubes"
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
    let cube = read_cube(path, group)?;
    let what = format!("{file}: {group}");
    let width = cube.geometry(cube.box_pc)?.width_pc()[0];
    Ok(Data::Cube(Box::new(CubeData {
        group: group.to_owned(),
        grid: cube.cells,
        depth_cm: width * PARSEC_CM,
        cells: cells(cube, &what)?,
    })))
}

fn cells(cube: SolvedCube, what: &str) -> Result<Cells, Error> {
    if cube.rays() == 0 {
        return Err(Error::Usage(format!(
            "{what} has no `rayAV`, the extinctions along the rays of each cell"
        )));
    }
    let Some(surroundings) = cube.surroundings else {
        return Err(Error::Usage(format!(
            "{what} does not say what lights it (attribute `surroundings` of the group, or `params` of the file)"
        )));
    };
    let cells = Cells {
        species: cube.species,
        density: cube.density,
        extinction: cube.ray_extinction,
        gas_temperature: cube.gas_temperature,
        abundances: cube.abundances,
        surface_field: surroundings.field,
        ionisation_rate: surroundings.ionisation_rate,
    };
    cells.check()?;
    Ok(cells)
}

impl Data {
    /// Series or cells.
    pub fn len(&self) -> usize {
        match self {
            Self::Grid(grid) => grid.len(),
            Self::Cube(cube) => cube.cells.len(),
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
        Data::Grid(_) => file,
        Data::Cube(cube) => format!("{file}:{}", cube.group),
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
