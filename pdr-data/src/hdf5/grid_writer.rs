//! Writing a grid of models in NeuralPDR's layout, one model at a time.

use super::{
    columns,
    grid::{Model, Parameters},
    writer::Writer,
};
use crate::{Error, sightline::PHYSICS_COLUMNS, table::Table};
use std::path::Path;

/// Columns of `model_df` with their units.
pub(super) const PARAMETER_COLUMNS: &str = "g_uv[Draine] n_H[cm-3] zeta_CR[s-1]";
const UNITS: [&str; 8] = ["", "[pc]", "", "[K]", "[K]", "", "[cm-3]", "[Draine]"];

/// A grid that is being written; what is at its path stays until [`GridWriter::finish`].
pub struct GridWriter {
    writer: Writer,
    species: Vec<String>,
    ids: Vec<String>,
    parameters: Vec<f64>,
    without_parameters: usize,
    tables: [Option<Vec<String>>; 3],
}

impl std::fmt::Debug for GridWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GridWriter")
            .field("models", &self.ids.len())
            .finish_non_exhaustive()
    }
}

impl GridWriter {
    /// Begins a grid at `path` of models with these species.
    ///
    /// # Errors
    /// The folder cannot be written to, or there is no species.
    pub fn create(path: impl AsRef<Path>, species: &[String]) -> Result<Self, Error> {
        if species.is_empty() {
            return Err(Error::Argument {
                what: "number of species",
                value: 0.0,
                expected: "at least 1",
            });
        }
        Ok(Self {
            writer: Writer::create(path.as_ref())?,
            species: species.to_vec(),
            ids: Vec::new(),
            parameters: Vec::new(),
            without_parameters: 0,
            tables: [None, None, None],
        })
    }

    /// Number of models written so far.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether no model has been written yet.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Adds a model as group `model.id`.
    ///
    /// # Errors
    /// Its columns differ in length or its species in number from the grid's; it has no point; its id is empty, has a `/` or
    /// stands twice; or the file cannot be written.
    pub fn write(&mut self, model: &Model) -> Result<(), Error> {
        let points = &model.points;
        points.check_lengths()?;
        if points.is_empty() || points.species() != self.species.len() {
            return Err(Error::Length {
                what: "species of the grid and of a model",
                left: self.species.len(),
                right: points.species(),
            });
        }
        if model.id.is_empty() || model.id.contains('/') || !model.id.is_ascii() {
            return Err(Error::Unknown {
                what: "model (a name of ASCII letters without `/`)",
                name: model.id.clone(),
                known: String::new(),
            });
        }
        let columns = PHYSICS_COLUMNS.len() + self.species.len();
        let mut values = Vec::with_capacity(points.len() * columns);
        for i in 0..points.len() {
            values.extend_from_slice(&points.physics(i));
            values.extend_from_slice(points.point(i));
        }
        self.writer.group(&model.id, &[])?;
        self.writer
            .matrix(&format!("{}/pdr", model.id), columns, &values)?;
        let tables = [
            ("heat", &model.heat),
            ("cool", &model.cool),
            ("line", &model.line),
        ];
        for (slot, (kind, table)) in tables.into_iter().enumerate() {
            if let Some(table) = table {
                self.table(slot, &format!("{}/{kind}", model.id), table, points.len())?;
            }
        }
        match model.parameters {
            Some(Parameters {
                field,
                density,
                ionisation_rate,
            }) => self
                .parameters
                .extend_from_slice(&[field, density, ionisation_rate]),
            None => self.without_parameters += 1,
        }
        self.ids.push(model.id.clone());
        Ok(())
    }

    fn table(
        &mut self,
        slot: usize,
        name: &str,
        table: &Table,
        points: usize,
    ) -> Result<(), Error> {
        if table.rows() != points {
            return Err(Error::Length {
                what: "points of a model and rows of a table beside it",
                left: points,
                right: table.rows(),
            });
        }
        self.writer
            .matrix(name, table.columns.len(), &table.values)?;
        self.tables[slot].get_or_insert_with(|| table.columns.clone());
        Ok(())
    }

    /// Writes the lists of species, models and parameters and gives the file its name. `model_df` is left out where a model
    /// had no parameters.
    ///
    /// # Errors
    /// There is no model, or the file cannot be written.
    pub fn finish(mut self, source: &str) -> Result<(), Error> {
        if self.ids.is_empty() {
            return Err(Error::Argument {
                what: "number of models",
                value: 0.0,
                expected: "at least 1",
            });
        }
        self.writer.strings("species", &self.species)?;
        self.writer.fixed_strings("model_ids", &self.ids)?;
        if self.without_parameters == 0 {
            self.writer.matrix("model_df", 3, &self.parameters)?;
            self.writer.text("model_df_columns", PARAMETER_COLUMNS)?;
        }
        let physics: Vec<String> = PHYSICS_COLUMNS
            .iter()
            .zip(UNITS)
            .map(|(name, unit)| format!("{name}{unit}"))
            .collect();
        let all = format!("{} {}", physics.join(" "), self.species.join(" "));
        self.writer.text("pdr_columns", &all)?;
        for (kind, names) in ["heat", "cool", "line"].iter().zip(&self.tables) {
            if let Some(names) = names {
                self.writer
                    .text(&format!("{kind}_columns"), &columns::attribute(names))?;
            }
        }
        self.writer.text("source", source)?;
        self.writer.finish()
    }
}
