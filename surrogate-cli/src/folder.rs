//! The folder of a run: its name, its files, and never over an earlier run.

use crate::config::RunConfig;
use crate::error::Error;
use crate::output::Output;
use latent_ode::write_atomically;
use std::path::{Path, PathBuf};

/// Paths of everything a run writes.
#[derive(Debug)]
pub struct Files {
    /// Trajectories.
    pub data: PathBuf,
    /// Complete configuration.
    pub config: PathBuf,
    /// State of an unfinished training.
    pub checkpoint: PathBuf,
    /// The surrogate.
    pub model: PathBuf,
    /// Every score and timing.
    pub metrics: PathBuf,
    /// The report; there once the run is finished.
    pub report: PathBuf,
    /// Folder of the report's figures as SVG files.
    pub figures: PathBuf,
}

impl Files {
    /// The files of a run in `dir`.
    pub fn new(dir: &Path) -> Self {
        Self {
            data: dir.join("data.h5"),
            config: dir.join("config.toml"),
            checkpoint: dir.join("model.checkpoint"),
            model: dir.join("model.safetensors"),
            metrics: dir.join("metrics.json"),
            report: dir.join("report.html"),
            figures: dir.join("figures"),
        }
    }

    /// Whether any of a run's files is there.
    fn any(&self) -> bool {
        [
            &self.data,
            &self.config,
            &self.checkpoint,
            &self.model,
            &self.metrics,
            &self.report,
        ]
        .iter()
        .any(|p| p.exists())
    }
}

/// Creates the folder of a new run: the one asked for, which must not hold a run, or the next free `runs/<recipe>-seed<seed>`.
pub fn create(asked: Option<&Path>, config: &RunConfig, output: &Output) -> Result<PathBuf, Error> {
    if let Some(dir) = asked {
        if Files::new(dir).any() {
            let dir = dir.display();
            return Err(Error::Usage(format!(
                "--out {dir} holds a run already; choose another folder, or --resume {dir}"
            )));
        }
        std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
        return Ok(dir.to_owned());
    }
    let name = format!("{}-seed{}", config.training.recipe, config.data.seed);
    let base = Path::new("runs").join(&name);
    std::fs::create_dir_all("runs").map_err(Error::io("runs"))?;
    for number in 1..10_000 {
        let dir = if number == 1 {
            base.clone()
        } else {
            Path::new("runs").join(format!("{name}-{number}"))
        };
        // Creating it is the test, so that two runs at once do not share a folder.
        match std::fs::create_dir(&dir) {
            Ok(()) => {
                if number > 1 {
                    let earlier = base.display();
                    let report = Files::new(&base).report.exists();
                    let state = if report {
                        "holds a finished run".into()
                    } else {
                        format!("holds an unfinished run (--resume {earlier})")
                    };
                    output.note(&format!(
                        "{earlier} {state}; this one goes to {}",
                        dir.display()
                    ));
                }
                return Ok(dir);
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io(dir)(e)),
        }
    }
    Err(Error::Usage(format!(
        "{} and 9,998 more exist already; name a folder with --out",
        base.display()
    )))
}

/// Refuses a file that cannot be written because its folder does not exist or it is a folder: before the work, not after.
pub fn check_target(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::io(path)(std::io::ErrorKind::IsADirectory.into()));
    }
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match std::fs::metadata(parent) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Error::io(parent)(std::io::ErrorKind::NotADirectory.into())),
        Err(error) => Err(Error::io(parent)(error)),
    }
}

/// Writes the figures as SVG files.
pub fn write_figures(dir: &Path, figures: &[(String, String)]) -> Result<(), Error> {
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    for (name, svg) in figures {
        write_atomically(&dir.join(format!("{name}.svg")), |w| {
            w.write_all(svg.as_bytes())
        })?;
    }
    Ok(())
}
