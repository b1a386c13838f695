//! The folder of a training of a ray surrogate: its files, and never over an earlier training.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// Paths of everything `pdr train` writes.
#[derive(Debug)]
pub struct Files {
    /// Complete configuration.
    pub config: PathBuf,
    /// The surrogate.
    pub model: PathBuf,
    /// Every score.
    pub metrics: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// Its figures as SVG files.
    pub figures: PathBuf,
    folder: PathBuf,
}

impl Files {
    /// The files in `dir`, created where it is not there; one that holds a training is refused unless it is to be resumed.
    pub fn create(dir: &Path, resume: bool) -> Result<Self, Error> {
        let files = Self {
            config: dir.join("config.toml"),
            model: dir.join("model.safetensors"),
            metrics: dir.join("metrics.json"),
            report: dir.join("report.html"),
            figures: dir.join("figures"),
            folder: dir.to_owned(),
        };
        let shown = dir.display();
        if resume {
            if files.model.exists() {
                return Err(Error::Usage(format!(
                    "--resume: the training in {shown} is finished"
                )));
            }
            if !files.config.exists() {
                return Err(Error::Usage(format!(
                    "--resume: there is no training in {shown}"
                )));
            }
            return Ok(files);
        }
        if [&files.config, &files.model].iter().any(|p| p.exists()) {
            return Err(Error::Usage(format!(
                "--out {shown} holds a training already; choose another folder, or --resume to go on with it"
            )));
        }
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        Ok(files)
    }

    /// State of the unfinished training of a candidate.
    pub fn checkpoint(&self, candidate: &str) -> PathBuf {
        self.folder.join(format!("{candidate}.checkpoint"))
    }

    /// Model of a candidate that is finished while others are not.
    pub fn candidate(&self, candidate: &str) -> PathBuf {
        self.folder.join(format!("{candidate}.safetensors"))
    }

    /// Configuration of a candidate as it was planned.
    pub fn plan(&self, candidate: &str) -> PathBuf {
        self.folder.join(format!("{candidate}.toml"))
    }
}
