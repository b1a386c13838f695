//! Solutions of given initial states on disk: `data` (models × times × species), `timesteps`, attribute `labels`.

use std::{collections::BTreeMap, path::Path};

use super::{
    Attribute, Trajectories, check_labels, check_times,
    hdf5::{Reader, Writer},
};
use crate::Error;

const LAYOUT: &str = "data (models × times × species), timesteps, attribute labels";

/// Number densities \[cm⁻³\] over time \[yr\] of many models; a failed model is NaN throughout.
#[derive(Clone, Debug, PartialEq)]
pub struct Solutions {
    /// Names of the species.
    pub labels: Vec<String>,
    /// Output times \[yr\].
    pub timesteps: Vec<f64>,
    /// models × times × species.
    pub data: Trajectories,
    /// Descriptive attributes.
    pub attributes: BTreeMap<String, Attribute>,
}

impl Solutions {
    /// Writes the solutions to `path` (HDF5), under a temporary name until complete.
    ///
    /// # Errors
    /// [`Error::Shape`] when the parts do not fit together, [`Error::Io`], [`Error::Hdf5`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.check()?;
        let mut file = Writer::new();
        file.array(
            "data",
            &[
                self.data.samples(),
                self.data.times(),
                self.data.quantities(),
            ],
            self.data.values(),
        );
        file.array("timesteps", &[self.timesteps.len()], &self.timesteps);
        file.strings("labels", &self.labels);
        for (name, value) in &self.attributes {
            if name != "labels" {
                file.attribute(name, value);
            }
        }
        file.finish(path.as_ref())
    }

    /// Reads solutions written by [`Solutions::write`] or any program following the same layout. Values are not judged: NaN
    /// marks a failed model.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Hdf5`], [`Error::Missing`], [`Error::Shape`], [`Error::Times`], [`Error::Species`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = Reader::open(path.as_ref(), LAYOUT)?;
        let (shape, values) = file.array("data", 3)?;
        let (_, timesteps) = file.array("timesteps", 1)?;
        let labels = file.strings("labels")?.ok_or_else(|| Error::Missing {
            path: path.as_ref().into(),
            what: "attribute `labels`".into(),
            layout: LAYOUT,
        })?;
        let data = Trajectories::new(values, shape[0], shape[1], shape[2])?;
        let out = Self {
            labels,
            timesteps,
            data,
            attributes: file.attributes_except(&["labels"]),
        };
        out.check()?;
        Ok(out)
    }

    fn check(&self) -> Result<(), Error> {
        check_labels(&self.labels)?;
        check_times(&self.timesteps)?;
        if self.data.times() == self.timesteps.len() && self.data.quantities() == self.labels.len()
        {
            return Ok(());
        }
        Err(Error::Shape {
            what: "data".into(),
            found: vec![
                self.data.samples(),
                self.data.times(),
                self.data.quantities(),
            ],
            expected: format!(
                "models × {} times × {} species",
                self.timesteps.len(),
                self.labels.len()
            ),
        })
    }
}
