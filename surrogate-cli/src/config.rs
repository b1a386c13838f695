//! The configuration of a run: a TOML file, complete enough to repeat it, and the options that change it.

use crate::commands::device::Device;
use crate::error::Error;
use crate::options::{
    ConditionArgs, Conditions, FileArgs, TimeArgs, ToleranceArgs, network_format,
};
use crate::rates::{RateArgs, Rates};
use chem_network::sampling::Distribution;
use chem_network::{Format, Network};
use clap::Args;
use latent_ode::{GenerateOptions, TrainConfig, train::Objective};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Everything that determines a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Embedded network or network file.
    #[serde(default = "default_network")]
    pub network: String,
    /// Format of the network file; told from the content if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `grassi`, `codes`, or a table as `chem_network::sampling` reads it.
    #[serde(default = "default_distribution")]
    pub distribution: toml::Value,
    /// Physical conditions.
    #[serde(default)]
    pub conditions: Conditions,
    /// Evaluation of the rate coefficients.
    #[serde(default)]
    pub rates: Rates,
    /// Split, seed, times and tolerances of the trajectories.
    #[serde(default)]
    pub data: GenerateOptions,
    /// Architecture, objective, optimiser.
    pub training: TrainConfig,
}

fn default_network() -> String {
    "osu224".into()
}

fn default_distribution() -> toml::Value {
    toml::Value::String("grassi".into())
}

/// Options that say which trajectories are wanted.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Data")]
pub struct DataArgs {
    /// Embedded network (osu224) or network file [default: osu224].
    #[arg(long, value_name = "NAME|FILE")]
    pub network: Option<String>,
    /// Format of the network file: osu, kida, umist, krome, uclchem, 3dpdr or native [default: told from the content].
    #[arg(long, value_name = "NAME", value_parser = network_format)]
    pub format: Option<Format>,
    /// Distribution of initial states: grassi, codes or a TOML file [default: grassi].
    #[arg(long, value_name = "grassi|codes|FILE.toml")]
    pub distribution: Option<String>,
    /// Number of models; split 9 : 1 : 1 unless --split says otherwise [default: 550].
    #[arg(long, value_name = "N")]
    pub models: Option<usize>,
    /// Models for training, testing and validation [default: 450,50,50].
    #[arg(long, value_name = "TRAIN,TEST,VAL", value_delimiter = ',')]
    pub split: Option<Vec<usize>>,
    /// Let every sampled state evolve for a random time first.
    #[arg(long)]
    pub random_start: bool,
    /// Conditions.
    #[command(flatten)]
    pub conditions: ConditionArgs,
    /// Rate coefficients.
    #[command(flatten)]
    pub rates: RateArgs,
    /// Output times.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Tolerances.
    #[command(flatten)]
    pub tolerances: ToleranceArgs,
}

/// Options that say how a surrogate is trained.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Recipe: default, or paper (Grassi et al. 2021) [default: default].
    #[arg(long, value_parser = ["default", "paper"])]
    pub recipe: Option<String>,
    /// Steps of the optimiser, over which the learning rate follows its schedule.
    #[arg(long, visible_alias = "max-steps", value_name = "N")]
    pub steps: Option<u64>,
    /// Samples per step; with the rollout recipe, trajectories per step [default: the recipe's].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// Stop training after this time, wherever it is then.
    #[arg(long, value_name = "MINUTES")]
    pub max_minutes: Option<f64>,
    /// What computes the training's steps.
    #[arg(long, value_enum, default_value_t)]
    pub device: Device,
}

impl RunConfig {
    /// The defaults of a recipe.
    pub fn recipe(name: &str) -> Result<Self, Error> {
        Ok(Self {
            network: default_network(),
            format: None,
            distribution: default_distribution(),
            conditions: Conditions::default(),
            rates: Rates::default(),
            data: GenerateOptions::default(),
            training: TrainConfig::recipe(name)?,
        })
    }

    /// Reads a file; `[training]` may be left out, or name only its recipe and what differs from it.
    pub fn read(path: &Path, recipe: Option<&str>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let refuse = |source: toml::de::Error| Error::Config {
            path: path.to_owned(),
            source: Box::new(source),
        };
        let mut table: toml::Table = toml::from_str(&text).map_err(refuse)?;
        let training = table
            .remove("training")
            .unwrap_or_else(|| toml::Value::Table(toml::Table::new()));
        let named = training
            .get("recipe")
            .and_then(toml::Value::as_str)
            .unwrap_or("default");
        let mut base = toml::Value::try_from(TrainConfig::recipe(recipe.unwrap_or(named))?)
            .map_err(|e| Error::Usage(format!("{}: {e}", path.display())))?;
        // A recipe named on the command line replaces the training of the file.
        if recipe.is_none() {
            merge(&mut base, training);
        }
        table.insert("training".into(), base);
        toml::Value::Table(table)
            .try_into()
            .map_err(|error| located(path, &text, error))
    }

    /// The configuration of a file, or of a recipe where there is none.
    pub fn load(path: Option<&PathBuf>, recipe: Option<&str>) -> Result<Self, Error> {
        match path {
            Some(path) => Self::read(path, recipe),
            None => Self::recipe(recipe.unwrap_or("default")),
        }
    }

    /// Replaces what the command line says about data.
    pub fn set_data(&mut self, args: &DataArgs, seed: Option<u64>) -> Result<(), Error> {
        if let Some(network) = &args.network {
            // A file is named so that the configuration finds it from any folder.
            let file = chem_network::embedded(network)
                .is_none()
                .then(|| std::fs::canonicalize(network).ok())
                .flatten();
            self.network = file.map_or_else(|| network.clone(), |path| path.display().to_string());
        }
        if args.network.is_some() || args.format.is_some() {
            self.format = args.format.map(|format| format.name().to_owned());
        }
        if let Some(name) = &args.distribution {
            self.distribution = match Distribution::from_name(name) {
                Some(_) => toml::Value::String(name.clone()),
                None => toml::Value::Table(read_table(Path::new(name))?),
            };
        }
        self.conditions = self.conditions.clone().overridden(&args.conditions);
        self.rates = self.rates.clone().overridden(&args.rates);
        let data = &mut self.data;
        data.split = split(args.models, args.split.as_deref(), data.split)?;
        data.seed = seed.unwrap_or(data.seed);
        data.t_start = args.times.t_start.unwrap_or(data.t_start);
        data.t_end = args.times.t_end.unwrap_or(data.t_end);
        data.points = args.times.points.unwrap_or(data.points);
        data.rtol = args.tolerances.rtol.unwrap_or(data.rtol);
        data.atol = args.tolerances.atol.unwrap_or(data.atol);
        data.random_start |= args.random_start;
        Ok(())
    }

    /// Replaces what the command line says about training.
    pub fn set_training(&mut self, args: &TrainingArgs, seed: Option<u64>) -> Result<(), Error> {
        let training = &mut self.training;
        training.seed = seed.unwrap_or(training.seed);
        training.steps = args.steps.unwrap_or(training.steps);
        if let Some(batch) = args.batch {
            match &mut training.objective {
                Objective::Derivatives(o) => o.batch = batch as usize,
                Objective::Rollout(o) => o.trajectories = batch as usize,
            }
        }
        if let Some(minutes) = args.max_minutes {
            if !(minutes.is_finite() && minutes > 0.0) {
                return Err(Error::Usage(format!(
                    "--max-minutes {minutes}: expected a finite number above 0"
                )));
            }
            training.max_seconds = 60.0 * minutes;
        }
        Ok(())
    }

    /// The distribution of initial states.
    pub fn distribution(&self) -> Result<Distribution, Error> {
        match &self.distribution {
            toml::Value::String(name) => Distribution::from_name(name).ok_or_else(|| {
                Error::Usage(format!(
                    "distribution “{name}”: expected grassi, codes or a table of its own"
                ))
            }),
            table => {
                let text = toml::to_string(table)
                    .map_err(|e| Error::Usage(format!("distribution: {e}")))?;
                Ok(Distribution::from_toml(&text)?)
            }
        }
    }

    /// The network, without the reactions that the configuration leaves out, and their number.
    pub fn network(&self) -> Result<(Network, usize), Error> {
        let format = self.format.as_deref().map(network_format).transpose();
        let file = FileArgs {
            format: format.map_err(|e| Error::Usage(format!("format: {e}")))?,
            species_list: None,
        };
        let network = crate::options::network(&self.network, &file)?;
        self.rates.evaluable(network, &self.network)
    }

    /// The complete configuration as TOML.
    pub fn to_toml(&self) -> Result<String, Error> {
        let body =
            toml::to_string(self).map_err(|e| Error::Usage(format!("configuration: {e}")))?;
        let body: String = body.lines().map(|line| tidy(line) + "\n").collect();
        Ok(format!(
            "# Complete configuration: `surrogate run --config` with this file repeats the run.\n{body}"
        ))
    }
}

/// `atol = 1e-20` for `atol = 0.00000000000000000001`: the same number, readable.
fn tidy(line: &str) -> String {
    match line.split_once(" = ") {
        Some((key, value)) if value.contains('.') && value.len() > 7 => {
            match value.parse::<f64>() {
                Ok(number) => format!("{key} = {number:e}"),
                Err(_) => line.to_owned(),
            }
        }
        _ => line.to_owned(),
    }
}

fn read_table(path: &Path) -> Result<toml::Table, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let table = toml::from_str(&text).map_err(|source| Error::Config {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    // Refused here already, while the file's name is known.
    Distribution::from_toml(&text).map_err(|source| Error::Distribution {
        path: path.to_owned(),
        source,
    })?;
    Ok(table)
}

/// A refusal with the line of its key. The table that was refused is no longer tied to the text, and the refusal holds the key in
/// words only; where these are not found it is left as it is.
fn located(path: &Path, text: &str, error: toml::de::Error) -> Error {
    let find = || -> Option<(usize, String)> {
        let shown = error.to_string();
        let mut keys: Vec<&str> = match shown.rsplit_once("in `") {
            Some((_, keys)) => keys.split_once('`')?.0.split('.').collect(),
            None => Vec::new(),
        };
        if let Some(rest) = error.message().strip_prefix("unknown field `") {
            keys.push(rest.split_once('`')?.0);
        }
        let document = toml::de::DeTable::parse(text).ok()?;
        let mut table = document.get_ref();
        let mut start = None;
        for key in &keys {
            let (name, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
            start = Some(name.span().start);
            match value.get_ref() {
                toml::de::DeValue::Table(inner) => table = inner,
                _ => break,
            }
        }
        let line = 1 + text.get(..start?)?.matches('\n').count();
        Some((line, keys.join(".")))
    };
    match find() {
        Some((line, key)) => Error::Key {
            path: path.to_owned(),
            line,
            key,
            reason: error.message().to_owned(),
        },
        None => Error::Config {
            path: path.to_owned(),
            source: Box::new(error),
        },
    }
}

/// Lays the values of `over` onto `base`, table by table; a table that names another `kind` or `shape` replaces the whole.
fn merge(base: &mut toml::Value, over: toml::Value) {
    match (base, over) {
        (toml::Value::Table(base), toml::Value::Table(over)) => {
            let tag = |t: &toml::Table| t.get("kind").or_else(|| t.get("shape")).cloned();
            if tag(&over).is_some_and(|new| tag(base).is_some_and(|old| old != new)) {
                *base = over;
                return;
            }
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(slot) => merge(slot, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (slot, value) => *slot = value,
    }
}

/// The split from `--models` and `--split`, each optional.
fn split(
    models: Option<usize>,
    split: Option<&[usize]>,
    default: [usize; 3],
) -> Result<[usize; 3], Error> {
    let given = match split {
        Some(&[train, test, val]) => Some([train, test, val]),
        Some(other) => {
            return Err(Error::Usage(format!(
                "--split {other:?}: expected TRAIN,TEST,VAL"
            )));
        }
        None => None,
    };
    match (models, given) {
        (None, None) => Ok(default),
        (None, Some(split)) => Ok(split),
        (Some(models), Some(split)) => {
            let sum: usize = split.iter().sum();
            if sum == models {
                Ok(split)
            } else {
                Err(Error::Usage(format!(
                    "--split {split:?} has {sum} models, --models asks for {models}"
                )))
            }
        }
        (Some(models), None) => {
            let part = models / 11;
            Ok([models - 2 * part, part, part])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_configuration_reads_back_the_same() {
        for recipe in ["default", "paper"] {
            let mut config = RunConfig::recipe(recipe).unwrap();
            config.data.split = [3, 2, 1];
            config.training.steps = 7;
            if recipe == "paper" {
                let table: toml::Table =
                    toml::from_str("units = \"relative\"\n[species]\nC = { log_uniform = [1e-6, 1e-4] }\nH2 = 1.0\n").unwrap();
                config.distribution = toml::Value::Table(table);
                config.distribution().unwrap();
            }
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            std::fs::write(&path, config.to_toml().unwrap()).unwrap();
            assert_eq!(RunConfig::read(&path, None).unwrap(), config);
        }
    }

    #[test]
    fn a_file_may_name_only_what_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(
            &path,
            "[data]\nseed = 5\n[training]\nsteps = 9\n[training.model]\nencoder = [4]\n",
        )
        .unwrap();
        let config = RunConfig::read(&path, None).unwrap();
        let mut expected = RunConfig::recipe("default").unwrap();
        expected.data.seed = 5;
        expected.training.steps = 9;
        expected.training.model.encoder = vec![4];
        assert_eq!(config, expected);
        for (text, at) in [
            ("[data]\nsede = 5\n", ":2: data.sede: unknown field"),
            ("\nnetwrk = \"a\"\n", ":2: netwrk: unknown field"),
            (
                "[training]\nseed = 1\nsteps = -5\n",
                ":3: training.steps: invalid value",
            ),
            (
                "[training.model]\nencodr = [4]\n",
                ":2: training.model.encodr: unknown field",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let refusal = RunConfig::read(&path, None).unwrap_err().chain();
            assert!(refusal.contains(at), "{at:?} is not in {refusal}");
        }
    }

    #[test]
    fn split_follows_the_number_of_models() {
        assert_eq!(split(Some(550), None, [1, 1, 1]).unwrap(), [450, 50, 50]);
        assert_eq!(split(None, Some(&[5, 4, 3]), [1, 1, 1]).unwrap(), [5, 4, 3]);
        assert!(split(Some(10), Some(&[5, 4, 3]), [1, 1, 1]).is_err());
    }
}
