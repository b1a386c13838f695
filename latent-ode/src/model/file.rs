//! A surrogate as one safetensors file: tensors of parameters, scaling and times; labels, configuration and history as metadata.

use std::path::Path;

use autodiff_ae::Checkpoint;
use serde::de::DeserializeOwned;

use super::{Network, Surrogate};
use crate::{Error, Normalisation};

/// Value of the metadata entry `format`; a reader refuses others.
const FORMAT: &str = "latent-ode surrogate 1";

impl Surrogate {
    /// Writes the surrogate to `path`, under a temporary name until it is complete.
    ///
    /// # Errors
    /// [`Error::Layers`] around the system's error, [`Error::Config`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut file = Checkpoint::new();
        self.store(&mut file)?;
        Ok(file.save(path)?)
    }

    /// Reads a surrogate.
    ///
    /// # Errors
    /// [`Error::Layers`] for a file that is no safetensors file, truncated, or lacks a tensor; [`Error::Model`] for one that holds
    /// something else.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = Checkpoint::load(&path)?;
        Self::load(&file, path.as_ref())
    }

    /// Puts the surrogate into a checkpoint, beside whatever it holds.
    pub(crate) fn store(&self, file: &mut Checkpoint) -> Result<(), Error> {
        let text = |e: serde_json::Error| Error::Config(e.to_string());
        file.metadata.insert("format".into(), FORMAT.into());
        file.metadata.insert(
            "labels".into(),
            serde_json::to_string(&self.labels).map_err(text)?,
        );
        file.metadata.insert(
            "config".into(),
            serde_json::to_string(&self.config).map_err(text)?,
        );
        file.metadata.insert(
            "history".into(),
            serde_json::to_string(&self.history).map_err(text)?,
        );
        file.metadata.insert(
            "summary".into(),
            serde_json::to_string(&self.summary).map_err(text)?,
        );
        file.metadata.insert(
            "units".into(),
            "densities cm^-3, times yr, latent time log10(t) mapped to [0, 1]".into(),
        );
        file.insert("times", &[self.times.len()], &self.times)?;
        file.insert(
            "normalisation.shift",
            &[self.labels.len()],
            self.normalisation.shift(),
        )?;
        file.insert(
            "normalisation.scale",
            &[self.labels.len()],
            self.normalisation.scale(),
        )?;
        Ok(file.insert_views(&self.network.views(), &self.params)?)
    }

    /// Takes a surrogate out of a checkpoint.
    pub(crate) fn load(file: &Checkpoint, path: &Path) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Model {
            path: path.into(),
            reason,
        };
        match file.metadata.get("format") {
            Some(format) if format == FORMAT => {}
            other => {
                let found = other.map_or("none", String::as_str);
                return Err(wrong(format!(
                    "not a surrogate (format {found:?}, expected {FORMAT:?})"
                )));
            }
        }
        let labels: Vec<String> = parse(file, "labels", path)?;
        let config: crate::train::TrainConfig = parse(file, "config", path)?;
        let times = file.get_vector::<f64>("times")?;
        if times.len() < 2
            || times.windows(2).any(|w| w[1].is_nan() || w[1] <= w[0])
            || times[0] <= 0.0
        {
            return Err(wrong(format!("times {times:?} do not rise")));
        }
        let shift = file.get("normalisation.shift", &[labels.len()])?;
        let scale = file.get("normalisation.scale", &[labels.len()])?;
        let normalisation = Normalisation::from_parts(shift, scale)?;
        let network = Network::new(&config.model, labels.len())?;
        let mut params = vec![0f32; network.param_len()];
        file.read_views(&network.views(), &mut params)?;
        if let Some(i) = params.iter().position(|p| !p.is_finite()) {
            return Err(wrong(format!("parameter {i} is {}", params[i])));
        }
        let history = parse(file, "history", path)?;
        let summary = parse(file, "summary", path)?;
        Ok(Self {
            labels,
            times,
            normalisation,
            network,
            params,
            config,
            history,
            summary,
        })
    }
}

/// A metadata entry holding JSON.
pub(crate) fn parse<V: DeserializeOwned>(
    file: &Checkpoint,
    key: &str,
    path: &Path,
) -> Result<V, Error> {
    serde_json::from_str(file.text(key)?).map_err(|e| Error::Model {
        path: path.into(),
        reason: format!("metadata `{key}`: {e}"),
    })
}
