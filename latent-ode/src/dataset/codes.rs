//! Data sets on disk in the layout of the CODES benchmark (Janssen et al. 2024), with attributes of our own beside it.
//!
//! Datasets `train`, `test`, `val` (samples × times × quantities), `timesteps`, optionally `train_params`, …; root attributes
//! `n_train_samples`, `n_test_samples`, `n_val_samples`, `n_timesteps`, `n_quantities`, `labels`, `n_parameters`. Ours:
//! `parameter_labels` and whatever [`Dataset::attributes`] holds.

use std::path::Path;

use super::{
    Dataset, Part, Trajectories,
    hdf5::{Reader, Writer},
};
use crate::Error;

const LAYOUT: &str = "CODES: train, test, val, timesteps, attribute labels";
const COUNTS: [&str; 3] = ["n_train_samples", "n_test_samples", "n_val_samples"];
const KNOWN: [&str; 8] = [
    "n_train_samples",
    "n_test_samples",
    "n_val_samples",
    "n_timesteps",
    "n_quantities",
    "labels",
    "n_parameters",
    "parameter_labels",
];

impl Dataset {
    /// Writes the data set to `path` (HDF5, CODES layout), under a temporary name until it is complete.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Hdf5`]; a file that was there before is then unchanged.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut file = Writer::new();
        for (part, count) in Part::ALL.into_iter().zip(COUNTS) {
            let data = self.part(part);
            file.array(
                part.name(),
                &[data.samples(), data.times(), data.quantities()],
                data.values(),
            );
            file.integer(count, data.samples());
            if !self.parameter_names.is_empty() {
                let name = format!("{}_params", part.name());
                file.array(
                    &name,
                    &[data.samples(), self.parameter_names.len()],
                    self.parameters(part),
                );
            }
        }
        file.array("timesteps", &[self.timesteps.len()], &self.timesteps);
        file.integer("n_timesteps", self.timesteps.len());
        file.integer("n_quantities", self.labels.len());
        file.integer("n_parameters", self.parameter_names.len());
        file.strings("labels", &self.labels);
        if !self.parameter_names.is_empty() {
            file.strings("parameter_labels", &self.parameter_names);
        }
        for (name, value) in &self.attributes {
            if !KNOWN.contains(&name.as_str()) {
                file.attribute(name, value);
            }
        }
        file.finish(path.as_ref())
    }

    /// Reads a data set in CODES layout. Absent: any of `train`, `test`, `val` counts as 0 samples (not all three), absent
    /// `labels` are named `q0`, `q1`, …; attributes that are not ours need not be there.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Hdf5`] for a foreign, truncated or damaged file, [`Error::Missing`], [`Error::Shape`], and those of
    /// [`Dataset::new`], all naming what they found.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = Reader::open(path, LAYOUT)?;
        let (_, timesteps) = file.array("timesteps", 1)?;
        let mut raw = Vec::new();
        for part in Part::ALL {
            let array = file.array_if_present(part.name())?;
            if let Some((shape, _)) = &array {
                file.check_rank(part.name(), 3, shape)?;
            }
            raw.push(array);
        }
        let Some(quantities) = raw.iter().flatten().map(|(shape, _)| shape[2]).next() else {
            return Err(Error::Missing {
                path: path.into(),
                what: "dataset `train`, `test` or `val`".into(),
                layout: LAYOUT,
            });
        };
        let labels = file
            .strings("labels")?
            .unwrap_or_else(|| (0..quantities).map(|i| format!("q{i}")).collect());
        let mut parts = Vec::new();
        for (part, array) in Part::ALL.into_iter().zip(raw) {
            let data = match array {
                Some((shape, values)) => Trajectories::new(values, shape[0], shape[1], shape[2])?,
                None => Trajectories::empty(timesteps.len(), quantities),
            };
            if let Some(count) = file.integer(COUNTS[part as usize])
                && count != data.samples() as i64
            {
                return Err(Error::Shape {
                    what: format!("{}: dataset `{}`", path.display(), part.name()),
                    found: vec![data.samples(), data.times(), data.quantities()],
                    expected: format!("{count} samples (attribute {})", COUNTS[part as usize]),
                });
            }
            parts.push(data);
        }
        let mut parts = parts.into_iter();
        let mut next = || {
            parts
                .next()
                .unwrap_or_else(|| Trajectories::empty(timesteps.len(), quantities))
        };
        let (train, test, val) = (next(), next(), next());
        let mut dataset =
            Self::new(labels, timesteps, train, test, val).map_err(|error| match error {
                Error::Value {
                    dataset,
                    sample,
                    time,
                    species,
                    value,
                } => Error::Value {
                    dataset: format!("{}: {dataset}", path.display()),
                    sample,
                    time,
                    species,
                    value,
                },
                other => other,
            })?;
        dataset.attributes = file.attributes_except(&KNOWN);
        dataset.read_parameters(&file)
    }

    fn read_parameters(self, file: &Reader) -> Result<Self, Error> {
        let mut parameters = [Vec::new(), Vec::new(), Vec::new()];
        let mut count = 0;
        for part in Part::ALL {
            let name = format!("{}_params", part.name());
            if let Some((shape, values)) = file.array_if_present(&name)? {
                file.check_rank(&name, 2, &shape)?;
                count = count.max(shape[1]);
                parameters[part as usize] = values;
            }
        }
        if count == 0 {
            return Ok(self);
        }
        let names = file
            .strings("parameter_labels")?
            .filter(|n| n.len() == count)
            .unwrap_or_else(|| (0..count).map(|i| format!("p{i}")).collect());
        self.with_parameters(names, parameters)
    }
}
