//! Lines of sight as a ray surrogate takes them, one at a time: of a file a grid of models, rays in the same layout, or packed rays;
//! without a file profiles of a formula.

use crate::error::Error;
use latent_ode::Error as LatentError;
use latent_ode::rays::{Quantity, Series, SeriesSource};
use pdr_data::hdf5::{GridFile, Kind, PackedFile, Parameters, kind};
use pdr_data::profile::EffectiveProfile;
use pdr_data::sightline::LineOfSight;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Packed rays that are read at once: about as many as share a compressed piece of the file.
const BLOCK: usize = 64;
/// Such blocks that are kept, so that rays asked for in order are decompressed once, by several threads too.
const KEPT: usize = 32;

/// Lines of sight of a file.
#[derive(Debug)]
pub struct LineSource {
    file: LineFile,
    points: Vec<usize>,
    quantities: Vec<Quantity>,
}

/// The file of a [`LineSource`].
#[derive(Debug)]
pub enum LineFile {
    /// A group per line of sight.
    Grid(GridFile),
    /// One data set for all.
    Packed(PackedRays),
    /// No file: one profile of density in several lights, of no known abundances.
    Profiles(Profiles),
}

/// Lines of sight made of a formula.
#[derive(Debug)]
pub struct Profiles {
    /// The profile.
    pub profile: EffectiveProfile,
    /// What each line is lit by.
    pub parameters: Vec<Parameters>,
    /// Species of the surrogate that is to predict.
    pub species: Vec<String>,
}

/// Packed rays and those read last.
#[derive(Debug)]
pub struct PackedRays {
    /// The file.
    pub file: PackedFile,
    recent: Mutex<VecDeque<(usize, Arc<Vec<LineOfSight>>)>>,
}

impl PackedRays {
    /// Opens a file of packed rays.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            file: PackedFile::open(path)?,
            recent: Mutex::default(),
        })
    }

    /// Ray `i`.
    pub fn ray(&self, i: usize) -> Result<LineOfSight, pdr_data::Error> {
        let block = i / BLOCK;
        let found = {
            let kept = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let hit = kept.iter().find(|(b, _)| *b == block);
            hit.map(|(_, rays)| Arc::clone(rays))
        };
        let rays = match found {
            Some(rays) => rays,
            None => {
                let rays = Arc::new(self.file.read(block * BLOCK, BLOCK)?);
                let mut kept = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
                kept.truncate(KEPT - 1);
                kept.push_front((block, Arc::clone(&rays)));
                rays
            }
        };
        rays.get(i % BLOCK)
            .cloned()
            .ok_or(pdr_data::Error::Argument {
                what: "number of the ray",
                value: i as f64,
                expected: "one below the number of rays",
            })
    }
}

impl LineSource {
    /// Opens a grid or packed rays; the latter must say what lights them, which every surrogate is given.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (file, points) = match kind(path)? {
            Kind::Packed => {
                let rays = PackedRays::open(path)?;
                if rays.file.parameters().is_none() {
                    return Err(Error::Usage(format!(
                        "{} does not say what lights its rays (dataset `model_df`: field and ionisation rate): the cube they were \
                         traced through did not, or an earlier version wrote it; make it again with `surrogate pdr rays`",
                        path.display()
                    )));
                }
                let offsets = rays.file.offsets().windows(2);
                let points = offsets.map(|pair| pair[1] - pair[0]).collect();
                (LineFile::Packed(rays), points)
            }
            Kind::Grid | Kind::Cubes(_) => {
                let grid = GridFile::open(path)?;
                let points: Result<Vec<usize>, _> =
                    (0..grid.len()).map(|i| grid.points(i)).collect();
                (LineFile::Grid(grid), points?)
            }
        };
        Self::of(file, points)
    }

    /// Profiles in several lights.
    pub fn profiles(profiles: Profiles) -> Result<Self, Error> {
        let points = vec![profiles.profile.density.len(); profiles.parameters.len()];
        Self::of(LineFile::Profiles(profiles), points)
    }

    fn of(file: LineFile, points: Vec<usize>) -> Result<Self, Error> {
        let mut source = Self {
            file,
            points,
            quantities: Vec::new(),
        };
        source.quantities = source.given()?;
        Ok(source)
    }

    /// What is given along the lines; a temperature of 0 K says that it is not known (profiles of density alone have none).
    fn given(&self) -> Result<Vec<Quantity>, Error> {
        let mut out = Vec::new();
        if self.points.is_empty() {
            return Ok(out);
        }
        let first = self.line(0)?;
        if first.gas_temperature.iter().all(|t| *t > 0.0) {
            out.push(Quantity::GasTemperature);
        }
        if first.dust_temperature.iter().all(|t| *t > 0.0) {
            out.push(Quantity::DustTemperature);
        }
        out.extend([Quantity::Density, Quantity::Field]);
        if self.parameters().is_some() {
            out.extend([Quantity::IonisationRate, Quantity::SurfaceField]);
        }
        Ok(out)
    }

    /// The file.
    pub fn file(&self) -> &LineFile {
        &self.file
    }

    /// Whether the lines are all the rays of a cube, packed; they follow each other cell by cell.
    pub fn is_packed(&self) -> bool {
        matches!(self.file, LineFile::Packed(_))
    }

    /// What each line was computed for, where the file says.
    pub fn parameters(&self) -> Option<&[Parameters]> {
        match &self.file {
            LineFile::Grid(grid) => grid.parameters(),
            LineFile::Packed(rays) => rays.file.parameters(),
            LineFile::Profiles(made) => Some(&made.parameters),
        }
    }

    /// Line `i` as the file has it.
    pub fn line(&self, i: usize) -> Result<LineOfSight, pdr_data::Error> {
        match &self.file {
            LineFile::Grid(grid) => grid.read_points(i),
            LineFile::Packed(rays) => rays.ray(i),
            LineFile::Profiles(made) => {
                let field = made.parameters.get(i).map_or(0.0, |p| p.field);
                Ok(made.profile.lit(field, made.species.len()))
            }
        }
    }

    /// Name of line `i` in its file.
    pub fn id(&self, i: usize) -> String {
        match &self.file {
            LineFile::Grid(grid) => grid.model_ids().get(i).cloned().unwrap_or_default(),
            LineFile::Packed(rays) => match rays.file.origins().get(i) {
                Some(o) => format!("cell_{}_ray_{}", o.cell, o.direction),
                None => format!("ray {i}"),
            },
            LineFile::Profiles(_) => format!("profile_{i}"),
        }
    }
}

impl SeriesSource for LineSource {
    fn species(&self) -> &[String] {
        match &self.file {
            LineFile::Grid(grid) => grid.species(),
            LineFile::Packed(rays) => rays.file.species(),
            LineFile::Profiles(made) => &made.species,
        }
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
        let line = self.line(i).map_err(|e| LatentError::Source(Box::new(e)))?;
        let parameters = self.parameters().and_then(|p| p.get(i)).copied();
        let mut aux = Vec::with_capacity(line.len() * self.quantities.len());
        for k in 0..line.len() {
            aux.extend(self.quantities.iter().map(|q| match q {
                Quantity::GasTemperature => line.gas_temperature[k],
                Quantity::DustTemperature => line.dust_temperature[k],
                Quantity::Density => line.density[k],
                Quantity::Field => line.radiation_field[k],
                Quantity::IonisationRate => parameters.map_or(f64::NAN, |p| p.ionisation_rate),
                Quantity::SurfaceField => parameters.map_or(f64::NAN, |p| p.field),
            }));
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
        let path = match &self.file {
            LineFile::Grid(grid) => grid.path(),
            LineFile::Packed(rays) => rays.file.path(),
            LineFile::Profiles(_) => return self.id(i),
        };
        format!("{}: {}", path.display(), self.id(i))
    }
}
