//! A cube with its geometry, for every command that predicts in one: solved, or bare and lit from outside as the user says.

use crate::error::Error;
use clap::Args;
use latent_ode::rays::Cells;
use pdr_data::cube::{SolvedCube, Surroundings};
use pdr_data::density::DensityCube;
use pdr_data::hdf5::read_cube;
use pdr_data::rays::healpix::{Ordering, directions};
use pdr_data::rays::{Geometry, attenuated_field, extinctions};
use std::path::Path;

/// What a bare cube of densities does not say of itself.
#[derive(Debug, Clone, Args)]
pub struct Light {
    /// Of a bare cube: field at its surface (Draine), all directions together.
    #[arg(long, value_name = "DRAINE")]
    pub field: Option<f64>,
    /// Of a bare cube: cosmic-ray ionisation rate (s⁻¹).
    #[arg(long, value_name = "S^-1", visible_aliases = ["zeta", "cosmic-ray-rate"])]
    pub ionisation_rate: Option<f64>,
    /// Of a bare cube: HEALPix level of the rays, 12 · 4^level of them.
    #[arg(long, value_name = "LEVEL", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=4))]
    pub level: u32,
}

/// A cube to predict in.
#[derive(Debug)]
pub struct Cube {
    /// Its group in the file; `predicted` for a bare one.
    pub group: String,
    /// The cells; of a bare cube without abundances, and with temperatures of 0 K, which are not known.
    pub cells: SolvedCube,
    /// Its grid of cells.
    pub geometry: Geometry,
    /// Whether temperatures and abundances are there.
    pub solved: bool,
    /// The file and the group, for messages.
    what: String,
}

impl Cube {
    /// Reads a solved cube; `box_pc` is its extent where the file does not say and the stored extinctions do not tell.
    pub fn read(path: &Path, group: &str, box_pc: Option<[f64; 3]>) -> Result<Self, Error> {
        let cells = read_cube(path, group)?;
        Ok(Self {
            geometry: cells.geometry(box_pc)?,
            what: format!("{}: {group}", path.display()),
            group: group.to_owned(),
            solved: true,
            cells,
        })
    }

    /// Reads a bare cube of densities and traces the rays of its cells.
    pub fn bare(path: &Path, box_pc: Option<[f64; 3]>, light: &Light) -> Result<Self, Error> {
        let (Some(field), Some(ionisation_rate)) = (light.field, light.ionisation_rate) else {
            let text = "a bare cube does not say what lights it: give --field (Draine) and --ionisation-rate (s^-1)";
            return Err(Error::Usage(text.into()));
        };
        let density = DensityCube::read(path)?;
        let extent = box_pc.unwrap_or(density.box_pc);
        let geometry = Geometry::new(density.cells, extent, [0.0; 3])?;
        let rays = directions(light.level, Ordering::Nested)?;
        let along = extinctions(&geometry, &density.centres_pc, &density.density, &rays)?;
        let (extinction, n) = (along.visual(1.0), density.density.len());
        Ok(Self {
            group: "predicted".into(),
            what: path.display().to_string(),
            geometry,
            solved: false,
            cells: SolvedCube {
                cells: density.cells,
                box_pc: Some(extent),
                positions_pc: density.centres_pc,
                gas_temperature: vec![0.0; n],
                dust_temperature: vec![0.0; n],
                element_type: vec![1.0; n],
                density: density.density,
                radiation_field: attenuated_field(&extinction, along.rays, field),
                ray_extinction: extinction,
                ray_directions: rays.iter().map(|d| [d.theta, d.phi]).collect(),
                surroundings: Some(Surroundings {
                    field,
                    ionisation_rate,
                    metallicity: 1.0,
                }),
                ..SolvedCube::default()
            },
        })
    }

    /// What lights the cube.
    pub fn surroundings(&self) -> Result<Surroundings, Error> {
        self.cells.surroundings.ok_or_else(|| {
            Error::Usage(format!(
                "{} does not say what lights it (attribute `surroundings` of the group, or `params` of the file)",
                self.what
            ))
        })
    }

    /// The cells as a surrogate takes them; of a bare cube for one of these species.
    pub fn as_cells(&self, species: &[String]) -> Result<Cells, Error> {
        let light = self.surroundings()?;
        let cube = &self.cells;
        if cube.rays() == 0 {
            return Err(Error::Usage(format!(
                "{} has no `rayAV`, the extinctions along the rays of each cell",
                self.what
            )));
        }
        let own = self.solved.then_some(cube);
        let cells = Cells {
            species: own.map_or(species, |c| &c.species).to_vec(),
            density: cube.density.clone(),
            extinction: cube.ray_extinction.clone(),
            gas_temperature: own.map(|c| c.gas_temperature.clone()).unwrap_or_default(),
            abundances: own.map(|c| c.abundances.clone()).unwrap_or_default(),
            surface_field: light.field,
            ionisation_rate: light.ionisation_rate,
        };
        cells.check()?;
        Ok(cells)
    }
}
