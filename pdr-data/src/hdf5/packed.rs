//! Rays of unequal length in one data set: `points` (rows of the columns of a line of sight), `offsets` into it, and for every
//! ray its cell, the number of its direction and, as a grid's models have them, its parameters (`model_df`).

use super::{
    columns,
    grid::{self, Parameters},
    grid_writer::PARAMETER_COLUMNS,
    store::Reader,
    writer::Writer,
};
use crate::{
    Error,
    sightline::{LineOfSight, PHYSICS_COLUMNS},
};
use std::path::Path;

/// Rows gathered before they are written.
const ROWS: usize = 1 << 16;

/// Where a packed ray comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RayOrigin {
    /// Cell it ends in, z fastest.
    pub cell: usize,
    /// Number of its direction from that cell outwards.
    pub direction: usize,
}

/// A packed set that is being written; what is at its path stays until [`PackedWriter::finish`].
pub struct PackedWriter {
    writer: Writer,
    species: Vec<String>,
    rows: Vec<f64>,
    offsets: Vec<u64>,
    cells: Vec<u64>,
    directions: Vec<u64>,
    parameters: Vec<f64>,
    without_parameters: usize,
}

impl std::fmt::Debug for PackedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackedWriter")
            .field("rays", &self.cells.len())
            .finish_non_exhaustive()
    }
}

impl PackedWriter {
    /// Begins a set at `path` of rays with these species.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: impl AsRef<Path>, species: &[String]) -> Result<Self, Error> {
        let mut writer = Writer::create(path.as_ref())?;
        writer.rows("points", PHYSICS_COLUMNS.len() + species.len())?;
        Ok(Self {
            writer,
            species: species.to_vec(),
            rows: Vec::new(),
            offsets: vec![0],
            cells: Vec::new(),
            directions: Vec::new(),
            parameters: Vec::new(),
            without_parameters: 0,
        })
    }

    /// Adds a ray; its parameters are the field that lights the cloud, n_H where the ray ends, and ζ.
    ///
    /// # Errors
    /// Its columns differ in length, its species in number from the set's, or the file cannot be written.
    pub fn write(
        &mut self,
        origin: RayOrigin,
        parameters: Option<Parameters>,
        points: &LineOfSight,
    ) -> Result<(), Error> {
        points.check_lengths()?;
        if points.species() != self.species.len() {
            return Err(Error::Length {
                what: "species of the set and of a ray",
                left: self.species.len(),
                right: points.species(),
            });
        }
        for i in 0..points.len() {
            self.rows.extend_from_slice(&points.physics(i));
            self.rows.extend_from_slice(points.point(i));
        }
        let end = self.offsets.last().copied().unwrap_or(0) + points.len() as u64;
        self.offsets.push(end);
        self.cells.push(origin.cell as u64);
        self.directions.push(origin.direction as u64);
        match parameters {
            Some(p) => self
                .parameters
                .extend([p.field, p.density, p.ionisation_rate]),
            None => self.without_parameters += 1,
        }
        if self.rows.len() >= ROWS * (PHYSICS_COLUMNS.len() + self.species.len()) {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.writer.append("points", &self.rows)?;
        self.rows.clear();
        Ok(())
    }

    /// Number of rays so far.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no ray yet.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Completes the file and gives it its name. `model_df` is left out where a ray had no parameters.
    ///
    /// # Errors
    /// There is no ray, or the file cannot be written.
    pub fn finish(mut self, source: &str) -> Result<(), Error> {
        if self.is_empty() {
            return Err(Error::Argument {
                what: "number of rays",
                value: 0.0,
                expected: "at least 1",
            });
        }
        if !self.rows.is_empty() {
            self.flush()?;
        }
        self.writer.counts("offsets", &self.offsets)?;
        self.writer.counts("cells", &self.cells)?;
        self.writer.counts("directions", &self.directions)?;
        if self.without_parameters == 0 {
            self.writer.matrix("model_df", 3, &self.parameters)?;
            self.writer.text("model_df_columns", PARAMETER_COLUMNS)?;
        }
        self.writer.strings("species", &self.species)?;
        let all = format!("{} {}", PHYSICS_COLUMNS.join(" "), self.species.join(" "));
        self.writer.text("columns", &all)?;
        self.writer.text("source", source)?;
        self.writer.finish()
    }
}

/// An open packed set; rays are read one at a time or a block of them at once.
pub struct PackedFile {
    reader: Reader,
    species: Vec<String>,
    offsets: Vec<usize>,
    origins: Vec<RayOrigin>,
    parameters: Option<Vec<Parameters>>,
}

impl std::fmt::Debug for PackedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PackedFile")
            .field("path", &self.reader.path())
            .field("rays", &self.origins.len())
            .finish_non_exhaustive()
    }
}

impl PackedFile {
    /// Opens a packed set and reads its lists.
    ///
    /// # Errors
    /// The file is no HDF5 or lacks a list; offsets decrease or do not end at the number of points; `model_df` has not three
    /// columns of finite numbers and a row per ray; or the columns are not those of a line of sight of its species.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let reader = Reader::open(path.as_ref())?;
        let species = grid::species(&reader)?;
        let named = reader
            .text("columns")
            .map(columns::names)
            .ok_or_else(|| reader.missing("attribute `columns`"))?;
        let expected = PHYSICS_COLUMNS.iter().map(|s| (*s).to_string());
        if !named.iter().cloned().eq(expected.chain(species.clone())) {
            return Err(reader.damaged("columns", "not the columns of a line of sight"));
        }
        let rows = reader.row_count("points", named.len())?;
        let list = |name: &str| -> Result<Vec<usize>, Error> {
            let (_, values) = reader.array(name, 1)?;
            if let Some(i) = values.iter().position(|v| !(0.0..9e15).contains(v)) {
                return Err(reader.value(name, i, name, values[i], "a count"));
            }
            Ok(values.into_iter().map(|v| v as usize).collect())
        };
        let offsets = list("offsets")?;
        let (cells, directions) = (list("cells")?, list("directions")?);
        if offsets.len() != cells.len() + 1 || directions.len() != cells.len() {
            let text = format!(
                "{}: one more than `cells` and `directions`",
                cells.len() + 1
            );
            return Err(reader.shape_error("offsets", &[offsets.len()], text));
        }
        let whole = offsets.first() == Some(&0) && offsets.last() == Some(&rows);
        if !whole || offsets.windows(2).any(|w| w[1] < w[0]) {
            let text = format!("not rising from 0 to the {rows} points");
            return Err(reader.damaged("offsets", text));
        }
        let origins = cells
            .into_iter()
            .zip(directions)
            .map(|(cell, direction)| RayOrigin { cell, direction })
            .collect();
        let parameters = grid::parameters(&reader, offsets.len() - 1)?;
        Ok(Self {
            reader,
            species,
            offsets,
            origins,
            parameters,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// Names of the species.
    pub fn species(&self) -> &[String] {
        &self.species
    }

    /// What lights each ray, n_H where it ends, and ζ; none in files written before these were kept.
    pub fn parameters(&self) -> Option<&[Parameters]> {
        self.parameters.as_deref()
    }

    /// Number of rays.
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Whether there is no ray.
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// Where each ray comes from.
    pub fn origins(&self) -> &[RayOrigin] {
        &self.origins
    }

    /// First point of each ray, and the number of points at the end.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Reads rays `first..first + count`, fewer at the end.
    ///
    /// # Errors
    /// The points cannot be decoded, one is not finite, or one that cannot be negative is.
    pub fn read(&self, first: usize, count: usize) -> Result<Vec<LineOfSight>, Error> {
        let end = (first + count).min(self.len());
        if first >= end {
            return Ok(Vec::new());
        }
        let (from, to) = (self.offsets[first], self.offsets[end]);
        let columns = PHYSICS_COLUMNS.len() + self.species.len();
        let values = self.reader.row_values("points", from, to - from, columns)?;
        (first..end)
            .map(|ray| {
                let (a, b) = (self.offsets[ray] - from, self.offsets[ray + 1] - from);
                let part = &values[a * columns..b * columns];
                let object = format!("points of ray {ray}");
                grid::points(&self.reader, &object, &self.species, part)
            })
            .collect()
    }
}
