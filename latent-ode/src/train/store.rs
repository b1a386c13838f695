//! The whole state of a training on disk: enough to go on bit for bit. A checkpoint is also a surrogate file with the best state so far.

use std::path::Path;

use autodiff_ae::Checkpoint;

use super::{
    optimiser::{Memory, Optimiser},
    session::Session,
    state::{Good, State},
};
use crate::{Error, model::Surrogate};

impl Session<'_> {
    pub(super) fn save(&self, path: &Path, state: &State) -> Result<(), Error> {
        let mut file = Checkpoint::new();
        self.surrogate(state.best.clone(), state).store(&mut file)?;
        let put = |file: &mut Checkpoint, name: &str, values: &[f32]| {
            file.insert(name, &[values.len()], values)
        };
        put(&mut file, "state.params", &state.params)?;
        put(&mut file, "state.average", &state.average)?;
        state.memory.store("state", &mut file)?;
        put(&mut file, "good.params", &state.good.params)?;
        put(&mut file, "good.average", &state.good.average)?;
        state.good.memory.store("good", &mut file)?;
        file.metadata
            .insert("state.step".into(), state.step.to_string());
        file.metadata
            .insert("state.data".into(), self.fingerprint());
        file.metadata
            .insert("good.step".into(), state.good.step.to_string());
        let progress =
            serde_json::to_string(&state.progress).map_err(|e| Error::Config(e.to_string()))?;
        file.metadata.insert("state.progress".into(), progress);
        Ok(file.save(path)?)
    }

    /// A number that other data would hardly have (FNV-1a over labels, times and the values for training and validation).
    fn fingerprint(&self) -> String {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bits: u64| hash = (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        let d = self.dataset;
        d.labels()
            .iter()
            .flat_map(|l| l.bytes())
            .for_each(|b| add(u64::from(b)));
        let numbers = d
            .timesteps()
            .iter()
            .chain(d.train().values())
            .chain(d.val().values());
        numbers.for_each(|x| add(x.to_bits()));
        format!("{hash:016x}")
    }

    /// Takes up a training where [`Session::save`] left it; it must be one of the same data and configuration.
    pub(super) fn load(&self, path: &Path, optimiser: &Optimiser) -> Result<State, Error> {
        let file = Checkpoint::load(path)?;
        let wrong = |reason: &str| Error::Model {
            path: path.into(),
            reason: reason.into(),
        };
        if !file.metadata.contains_key("state.step") {
            return Err(wrong(
                "a finished surrogate, not the checkpoint of a training: nothing to resume",
            ));
        }
        let stored = Surrogate::load(&file, path)?;
        // How long to go on may change, what has been done so far must not.
        let alike = |a: &super::TrainConfig| super::TrainConfig {
            max_seconds: 0.0,
            ..a.clone()
        };
        if alike(&stored.config) != alike(&self.config) {
            return Err(wrong(
                "the checkpoint is of a training with another configuration",
            ));
        }
        if file.text("state.data")? != self.fingerprint() {
            return Err(wrong("the checkpoint is of a training with other data"));
        }
        let len = self.network.param_len();
        let average = if self.config.optimiser.average > 0.0 {
            len
        } else {
            0
        };
        Ok(State {
            step: file.parse("state.step")?,
            params: file.get("state.params", &[len])?,
            average: file.get("state.average", &[average])?,
            memory: Memory::load("state", &file, optimiser)?,
            progress: crate::model::parse_metadata(&file, "state.progress", path)?,
            best: stored.params,
            good: Box::new(Good {
                step: file.parse("good.step")?,
                params: file.get("good.params", &[len])?,
                average: file.get("good.average", &[average])?,
                memory: Memory::load("good", &file, optimiser)?,
            }),
        })
    }
}
