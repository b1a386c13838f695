//! The whole state of a training on disk, enough to go on bit for bit. The file is also a model: the best parameters by their names.

use super::objective::Objective;
use super::options::TrainerOptions;
use super::state::Good;
use super::trainer::Trainer;
use crate::optim::Memory;
use crate::{Checkpoint, Error, Scalar};
use std::path::Path;

/// Options that do not change what has been done so far.
fn past(options: &TrainerOptions) -> TrainerOptions {
    TrainerOptions {
        max_seconds: 0.0,
        ..options.clone()
    }
}

impl<T: Scalar, O: Objective<T>> Trainer<T, O> {
    /// The state as a checkpoint: the best parameters by name, everything else under `state.` and `good.`.
    ///
    /// # Errors
    /// What the objective's description returns.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let mut file = Checkpoint::new();
        let (state, good) = (&self.state, &self.state.good);
        file.insert_views(&self.objective.views(), &state.best)?;
        for (name, values) in [
            ("state.params", &state.params),
            ("state.average", &state.average),
            ("good.params", &good.params),
            ("good.average", &good.average),
        ] {
            file.insert(name, &[values.len()], values)?;
        }
        file.insert_memory("state.optimiser", &self.optimiser.memory())?;
        file.insert_memory("good.optimiser", &good.memory)?;
        let json = |what: serde_json::Result<String>| {
            what.map_err(|e| file_error("a checkpoint to be written", "state", e.to_string()))
        };
        let entries = [
            ("state.step", state.step.to_string()),
            ("good.step", good.step.to_string()),
            ("good.loss", json(serde_json::to_string(&good.loss))?),
            (
                "state.progress",
                json(serde_json::to_string(&state.progress))?,
            ),
            (
                "state.options",
                json(serde_json::to_string(&past(&self.options)))?,
            ),
            ("state.data", self.objective.fingerprint()),
        ];
        for (key, text) in entries {
            file.metadata.insert(key.into(), text);
        }
        self.objective.describe(&mut file)?;
        Ok(file)
    }

    /// Writes the state, whole or not at all, and with it the seconds it took: they are not the state's, which is the same for
    /// equal trainings.
    ///
    /// # Errors
    /// [`Error::Io`]; the old file, if any, is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut file = self.checkpoint()?;
        let seconds = self.state.progress.seconds.to_string();
        file.metadata.insert("state.seconds".into(), seconds);
        file.save(path)
    }

    /// Goes on where [`Trainer::save`] left off; the training must be one with the same objective, data and options (but for the time limit).
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Corrupt`] for a file that cannot be read, [`Error::MissingTensor`] and [`Error::TensorShape`]
    /// for one of another architecture, [`Error::TensorType`] for one in another precision, [`Error::Metadata`] for one of other
    /// options or data. The training is then as it was.
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let file = Checkpoint::load(path)?;
        let mut state = self.state.clone();
        let len = state.params.len();
        file.read_views(&self.objective.views(), &mut state.best)?;
        let options: TrainerOptions = parse(&file, path, "state.options")?;
        if options != past(&self.options) {
            return Err(file_error(
                path,
                "state.options",
                "of a training with other options",
            ));
        }
        if file.text("state.data")? != self.objective.fingerprint() {
            return Err(file_error(
                path,
                "state.data",
                "of a training on other data",
            ));
        }
        let average = state.average.len();
        state.step = file.parse("state.step")?;
        state.params = file.get("state.params", &[len])?;
        state.average = file.get("state.average", &[average])?;
        state.progress = parse(&file, path, "state.progress")?;
        // Checkpoints of earlier versions do not say.
        if file.metadata.contains_key("state.seconds") {
            state.progress.seconds = file.parse("state.seconds")?;
        }
        state.earlier = state.progress.seconds;
        state.good = Good {
            step: file.parse("good.step")?,
            params: file.get("good.params", &[len])?,
            average: file.get("good.average", &[average])?,
            memory: file.read_memory("good.optimiser", &self.state.good.memory)?,
            loss: parse(&file, path, "good.loss")?,
        };
        let memory: Memory<T> = file.read_memory("state.optimiser", &self.state.good.memory)?;
        self.optimiser.recall(&memory)?;
        self.state = state;
        Ok(())
    }
}

fn file_error(path: impl AsRef<Path>, key: &str, reason: impl Into<String>) -> Error {
    Error::Metadata {
        path: path.as_ref().into(),
        key: key.into(),
        reason: reason.into(),
    }
}

/// A metadata entry in JSON.
fn parse<V: serde::de::DeserializeOwned>(
    file: &Checkpoint,
    path: &Path,
    key: &str,
) -> Result<V, Error> {
    serde_json::from_str(file.text(key)?).map_err(|e| file_error(path, key, e.to_string()))
}
