//! A grid of one-dimensional models in NeuralPDR's layout: `{model}/pdr`, `heat`, `cool`, `line`, `model_df`, `model_ids`, `species`.

use super::store::Reader;
use crate::{
    Error,
    sightline::{LineOfSight, PHYSICS_COLUMNS},
    table::Table,
};
use std::path::Path;

/// What a model was computed for: a row of `model_df`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    /// Radiation field at the illuminated face (Draine).
    pub field: f64,
    /// n_H (cm⁻³).
    pub density: f64,
    /// Cosmic-ray ionisation rate (s⁻¹).
    pub ionisation_rate: f64,
}

/// One model of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Name of its group.
    pub id: String,
    /// What it was computed for, where the file says.
    pub parameters: Option<Parameters>,
    /// Conditions and abundances along the line of sight.
    pub points: LineOfSight,
    /// Heating rates (erg cm⁻³ s⁻¹), a row per point.
    pub heat: Option<Table>,
    /// Cooling rates (erg cm⁻³ s⁻¹), a row per point.
    pub cool: Option<Table>,
    /// Local emissivities of lines (erg cm⁻³ s⁻¹), a row per point.
    pub line: Option<Table>,
}

/// What to do with a model that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUnreadable {
    /// Stop with its error.
    #[default]
    Fail,
    /// Leave it out and count it.
    Skip,
}

/// How many models were read, and which were left out and why.
#[derive(Debug, Default)]
pub struct Tally {
    /// Models handed out.
    pub read: usize,
    /// Models left out, with the reason.
    pub skipped: Vec<(String, Error)>,
}

/// An open grid; models are read one at a time, so that a set larger than memory works.
pub struct GridFile {
    reader: Reader,
    species: Vec<String>,
    ids: Vec<String>,
    parameters: Option<Vec<Parameters>>,
}

impl std::fmt::Debug for GridFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GridFile")
            .field("path", &self.reader.path())
            .field("models", &self.ids.len())
            .field("species", &self.species.len())
            .finish_non_exhaustive()
    }
}

impl GridFile {
    /// Opens a grid and reads its lists: species, models, parameters. Models are those of `model_ids`, or, where the file has
    /// no such list, all groups with a dataset `pdr`.
    ///
    /// # Errors
    /// The file cannot be read or is no HDF5; `species` is missing or empty; `model_df` has not three columns of finite numbers
    /// and a row per model; or there is no model.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let reader = Reader::open(path.as_ref())?;
        let species = species(&reader)?;
        let listed = reader.strings("model_ids")?;
        let ids = match listed {
            Some(ids) => ids,
            None => {
                let mut found = Vec::new();
                for group in reader.groups()? {
                    if reader
                        .datasets(&group)?
                        .is_some_and(|d| d.iter().any(|n| n == "pdr"))
                    {
                        found.push(group);
                    }
                }
                found
            }
        };
        if ids.is_empty() {
            return Err(
                reader.missing("a model (dataset `model_ids`, or a group with a dataset `pdr`)")
            );
        }
        let parameters = parameters(&reader, ids.len())?;
        Ok(Self {
            reader,
            species,
            ids,
            parameters,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// Names of the species, in the order of the abundances.
    pub fn species(&self) -> &[String] {
        &self.species
    }

    /// Names of the models, in the file's order.
    pub fn model_ids(&self) -> &[String] {
        &self.ids
    }

    /// Number of models.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no model; never so for an open grid.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// What each model was computed for, where the file says (`model_df`).
    pub fn parameters(&self) -> Option<&[Parameters]> {
        self.parameters.as_deref()
    }

    /// Number of points of model `i`, without reading its data.
    ///
    /// # Errors
    /// There is no such model or its `pdr` is missing or has not two dimensions.
    pub fn points(&self, i: usize) -> Result<usize, Error> {
        let name = format!("{}/pdr", self.id(i)?);
        let shape = self.reader.shape(&name)?;
        match shape.as_slice() {
            &[points, _] => Ok(points),
            _ => Err(self.reader.shape_error(&name, &shape, "points × columns")),
        }
    }

    /// Reads model `i` (from 0) with what stands beside it.
    ///
    /// # Errors
    /// As [`GridFile::read_points`]; `heat`, `cool` or `line` has another number of rows or a value that is not finite.
    pub fn read_model(&self, i: usize) -> Result<Model, Error> {
        let points = self.read_points(i)?;
        let id = self.id(i)?.to_string();
        let table = |kind: &str| {
            let name = format!("{id}/{kind}");
            match self.reader.table(&name, kind)? {
                Some(t) if t.rows() != points.len() => {
                    let shape = [t.rows(), t.columns.len()];
                    let text = format!("{} rows, as many as `{id}/pdr`", points.len());
                    Err(self.reader.shape_error(&name, &shape, text))
                }
                other => Ok(other),
            }
        };
        Ok(Model {
            parameters: self.parameters.as_ref().and_then(|p| p.get(i)).copied(),
            heat: table("heat")?,
            cool: table("cool")?,
            line: table("line")?,
            points,
            id,
        })
    }

    /// Reads the points of model `i` (from 0): its `pdr`.
    ///
    /// # Errors
    /// The group or its `pdr` is missing or cannot be decoded; its shape is not points × (8 + species); it has fewer than two
    /// points; a value is not finite; a temperature, density, field or abundance is negative; A_V is negative or decreases.
    pub fn read_points(&self, i: usize) -> Result<LineOfSight, Error> {
        let (object, points) = self.points_as_they_are(i)?;
        if points.len() < 2 {
            let shape = [points.len(), 8 + self.species.len()];
            return Err(self
                .reader
                .shape_error(&object, &shape, "at least two points"));
        }
        for (k, pair) in points.visual_extinction.windows(2).enumerate() {
            if pair[1] < pair[0] {
                return Err(self.reader.value(
                    &object,
                    k + 1,
                    PHYSICS_COLUMNS[2],
                    pair[1],
                    "an A_V not below the one before it",
                ));
            }
        }
        Ok(points)
    }

    /// As [`GridFile::read_points`], but A_V may decrease and one point is enough: for a preparation that drops such points.
    ///
    /// # Errors
    /// The others of [`GridFile::read_points`].
    pub fn read_points_unordered(&self, i: usize) -> Result<LineOfSight, Error> {
        self.points_as_they_are(i).map(|(_, points)| points)
    }

    /// Hands every model to `each`, one at a time, with its index.
    ///
    /// # Errors
    /// The first of a model that cannot be read unless they are to be skipped, or what `each` gives.
    pub fn for_each(
        &self,
        unreadable: OnUnreadable,
        mut each: impl FnMut(usize, Model) -> Result<(), Error>,
    ) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        for (i, id) in self.ids.iter().enumerate() {
            match (self.read_model(i), unreadable) {
                (Ok(model), _) => {
                    each(i, model)?;
                    tally.read += 1;
                }
                (Err(error), OnUnreadable::Fail) => return Err(error),
                (Err(error), OnUnreadable::Skip) => tally.skipped.push((id.clone(), error)),
            }
        }
        Ok(tally)
    }

    fn id(&self, i: usize) -> Result<&str, Error> {
        self.ids.get(i).map(String::as_str).ok_or(Error::Argument {
            what: "index of the model",
            value: i as f64,
            expected: "one below the number of models",
        })
    }

    fn points_as_they_are(&self, i: usize) -> Result<(String, LineOfSight), Error> {
        let id = self.id(i)?;
        let name = format!("{id}/pdr");
        let (shape, values) = match self.reader.array_if_present(&name)? {
            Some(array) => array,
            None if self.reader.datasets(id)?.is_none() => {
                return Err(self.reader.missing(format!("group `{id}`")));
            }
            None => return Err(self.reader.missing(format!("dataset `{name}`"))),
        };
        let columns = PHYSICS_COLUMNS.len() + self.species.len();
        if shape.len() != 2 || shape[1] != columns || shape[0] == 0 {
            let text = format!(
                "points × {columns} (8 of physics, {} species)",
                self.species.len()
            );
            return Err(self.reader.shape_error(&name, &shape, text));
        }
        let points = points(&self.reader, &name, &self.species, &values)?;
        Ok((name, points))
    }
}

/// The species of a file, a dataset of strings of any width.
pub(super) fn species(reader: &Reader) -> Result<Vec<String>, Error> {
    let list = reader
        .strings("species")?
        .ok_or_else(|| reader.missing("dataset `species`"))?;
    if list.is_empty() || list.iter().any(String::is_empty) {
        return Err(reader.damaged("species", "a name is empty, or there is none"));
    }
    for (i, name) in list.iter().enumerate() {
        if list[..i].contains(name) {
            return Err(reader.damaged("species", format!("`{name}` is listed twice")));
        }
    }
    Ok(list)
}

pub(super) fn parameters(reader: &Reader, models: usize) -> Result<Option<Vec<Parameters>>, Error> {
    let Some((shape, values)) = reader.array_if_present("model_df")? else {
        return Ok(None);
    };
    if shape != [models, 3] {
        let text = format!("[{models}, 3]: G_UV, n_H, zeta of each model");
        return Err(reader.shape_error("model_df", &shape, text));
    }
    let names = ["g_uv", "n_H", "zeta_CR"].map(str::to_string);
    reader.finite("model_df", &names, &values)?;
    let row = |v: &[f64]| Parameters {
        field: v[0],
        density: v[1],
        ionisation_rate: v[2],
    };
    Ok(Some(values.chunks_exact(3).map(row).collect()))
}

/// Rows of physics and abundances as a line of sight, every value checked.
pub(super) fn points(
    reader: &Reader,
    object: &str,
    species: &[String],
    values: &[f64],
) -> Result<LineOfSight, Error> {
    let columns = PHYSICS_COLUMNS.len() + species.len();
    let name = |i: usize| match PHYSICS_COLUMNS.get(i) {
        Some(name) => *name,
        None => species[i - PHYSICS_COLUMNS.len()].as_str(),
    };
    let mut out = LineOfSight::default();
    for (row, v) in values.chunks_exact(columns).enumerate() {
        if let Some(i) = v.iter().position(|x| !x.is_finite()) {
            return Err(reader.value(object, row, name(i), v[i], "a finite number"));
        }
        // All but the index, the position and the kind of the element.
        let signed = [0, 1, 5];
        if let Some(i) = (0..columns).find(|i| v[*i] < 0.0 && !signed.contains(i)) {
            return Err(reader.value(object, row, name(i), v[i], "not negative"));
        }
        let mut physics = [0.0; 8];
        physics.copy_from_slice(&v[..8]);
        out.push(&physics, &v[8..]);
    }
    Ok(out)
}
