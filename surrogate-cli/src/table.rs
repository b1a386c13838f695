//! Writes trajectories of many models: HDF5 or CSV, by the extension of the file.

use crate::error::Error;
use latent_ode::{Attribute, Solutions, Trajectories};
use std::io::Write;
use std::path::Path;

/// Format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// HDF5: `data`, `timesteps`, attribute `labels`.
    Hdf5,
    /// CSV: model, time, one column per species.
    Csv,
}

impl Format {
    /// The format that a file's extension names.
    pub fn of(path: &Path) -> Result<Self, Error> {
        match path
            .extension()
            .and_then(|e| e.to_str())
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("h5" | "hdf5") => Ok(Self::Hdf5),
            Some("csv") => Ok(Self::Csv),
            _ => Err(Error::Usage(format!(
                "--out {}: expected a name that ends in .h5, .hdf5 or .csv",
                path.display()
            ))),
        }
    }
}

/// Writes `data` (models × times × species, row-major) under a temporary name and renames it.
pub fn write(
    path: &Path,
    format: Format,
    labels: Vec<String>,
    times: &[f64],
    data: &[f64],
    attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
) -> Result<(), Error> {
    let models = data.len() / (times.len() * labels.len()).max(1);
    match format {
        Format::Hdf5 => {
            let data = Trajectories::new(data.to_vec(), models, times.len(), labels.len())?;
            let attributes = attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            Solutions {
                labels,
                timesteps: times.to_vec(),
                data,
                attributes,
            }
            .write(path)?;
        }
        Format::Csv => latent_ode::write_atomically(path, |w| csv(w, &labels, times, data))?,
    }
    Ok(())
}

fn csv(w: &mut dyn Write, labels: &[String], times: &[f64], data: &[f64]) -> std::io::Result<()> {
    writeln!(w, "model,time_yr,{}", labels.join(","))?;
    for (i, state) in data.chunks_exact(labels.len().max(1)).enumerate() {
        write!(w, "{},{:e}", i / times.len(), times[i % times.len()])?;
        for n in state {
            write!(w, ",{n:e}")?;
        }
        writeln!(w)?;
    }
    Ok(())
}
