//! What is trained: one configuration, or with `--family auto` one of every family the data allow, within a budget of time.

use super::data::Data;
use crate::error::Error;
use clap::ValueEnum;
use latent_ode::rays::{
    Family, Inputs, RayConfig, RayControl, RayTrained, SplitRule, train_on_cells, train_on_rays,
};

/// `--family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FamilyChoice {
    /// A network of what is known at the point.
    Pointwise,
    /// For solved cubes: a network of a cell's density and of the extinctions of its rays.
    Cell,
    /// A latent neural ODE along the ray.
    Node,
    /// Every family the data allow, within --budget; the best on validation is kept.
    Auto,
}

/// `--inputs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputChoice {
    /// Temperatures, density and field along the ray, and ζ.
    Local,
    /// A_V, n_H, χ₀ and ζ; the gas temperature is predicted.
    Standalone,
}

/// What the command line says of a training.
#[derive(Debug, Default)]
pub struct Wishes<'a> {
    /// `--family`.
    pub family: Option<FamilyChoice>,
    /// `--inputs`.
    pub inputs: Option<InputChoice>,
    /// `--fraction`.
    pub fraction: Option<f64>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// Text of `--config` with the file's name.
    pub config: Option<(&'a str, String)>,
}

/// One training to run.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name in the folder.
    pub name: String,
    /// Its configuration.
    pub config: RayConfig,
}

/// Part of a solved cube's cells, or of its packed rays, that are learned from unless --fraction says otherwise.
const FRACTION: f64 = 0.05;
/// Candidates of a budget train at most so many times as long as by default.
const LONGEST: f64 = 4.0;

/// The trainings that the wishes ask for.
pub fn choose(wishes: &Wishes<'_>, data: &Data) -> Result<Vec<Candidate>, Error> {
    let mut config = match &wishes.config {
        None => RayConfig::default(),
        Some((file, text)) => {
            RayConfig::parse(text).map_err(|e| Error::Usage(format!("{file}: {e}")))?
        }
    };
    let cube = matches!(data, Data::Cube(_));
    let named = wishes
        .config
        .as_ref()
        .is_some_and(|(_, t)| mentions(t, "family"));
    match wishes.family {
        Some(FamilyChoice::Pointwise) => config.family = Family::Pointwise,
        Some(FamilyChoice::Cell) => config.family = Family::Cell,
        Some(FamilyChoice::Node) => config.family = Family::Node,
        Some(FamilyChoice::Auto) | None if cube && !named => config.family = Family::Cell,
        Some(FamilyChoice::Auto) | None => {}
    }
    match (config.family, cube) {
        (Family::Cell, false) => {
            let text = "the family `cell` learns solved cubes; this file holds lines of sight (use pointwise)";
            return Err(Error::Usage(text.into()));
        }
        (family, true) if family != Family::Cell => {
            return Err(Error::Usage(format!(
                "the family `{}` learns lines of sight, this file holds a solved cube; use --family cell, \
                 or make series of its rays with `surrogate pdr rays`",
                family.name()
            )));
        }
        _ => {}
    }
    match wishes.inputs {
        Some(InputChoice::Local) if config.family == Family::Cell => {
            let text = "--inputs local: the family `cell` has standalone inputs only";
            return Err(Error::Usage(text.into()));
        }
        Some(InputChoice::Local) => config.inputs = Inputs::Local,
        Some(InputChoice::Standalone) => config.inputs = Inputs::Standalone,
        None if config.family == Family::Cell => config.inputs = Inputs::Standalone,
        None => {}
    }
    if let Some(seed) = wishes.seed {
        config.seed = seed;
    }
    let split = wishes
        .config
        .as_ref()
        .is_some_and(|(_, t)| mentions(t, "split"));
    let part = data.is_of_a_cube() && !split;
    if let Some(fraction) = wishes.fraction.or(part.then_some(FRACTION)) {
        config.split = SplitRule::Fraction {
            fraction,
            seed: config.seed,
        };
    }
    config.validate()?;
    if wishes.family == Some(FamilyChoice::Auto) {
        return Ok(automatic(&config, cube));
    }
    Ok(vec![Candidate {
        name: config.family.name().to_owned(),
        config,
    }])
}

/// Whether a TOML text has a key at its top.
fn mentions(text: &str, key: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|t| t.contains_key(key))
}

/// Every family the data allow.
fn automatic(config: &RayConfig, cube: bool) -> Vec<Candidate> {
    let families: &[Family] = if cube {
        &[Family::Cell]
    } else {
        &[Family::Pointwise, Family::Node]
    };
    let of = |family: &Family| Candidate {
        name: family.name().to_owned(),
        config: RayConfig {
            family: *family,
            ..config.clone()
        },
    };
    families.iter().map(of).collect()
}

/// Passes over the data.
fn epochs(config: &RayConfig) -> u64 {
    match config.family {
        Family::Pointwise => config.pointwise.epochs,
        Family::Cell => config.cell.epochs,
        Family::Node => config.node.epochs(),
    }
}

/// Changes the number of passes over the data and the limit of the time.
fn set_length(config: &mut RayConfig, epochs: u64, seconds: f64) {
    let point = match config.family {
        Family::Pointwise => &mut config.pointwise,
        Family::Cell => &mut config.cell,
        Family::Node => {
            config.node.set_epochs(epochs);
            config.node.max_seconds = seconds;
            config.node.max_steps = 0;
            return;
        }
    };
    point.epochs = epochs;
    point.max_seconds = seconds;
}

/// Sets a candidate's passes over the data so that it takes so many seconds, by timing one pass under a control that asks for nothing
/// but a device; a multiple of the default at most.
pub fn fit_to(
    candidate: &mut Candidate,
    seconds: f64,
    data: &Data,
    label: &str,
    control: &mut RayControl<'_>,
) -> Result<(), Error> {
    let mut trial = candidate.config.clone();
    trial.pointwise.reviews = 1;
    trial.cell.reviews = 1;
    set_length(&mut trial, 1, 0.0);
    let trained = train(data, label, &trial, control)?;
    let most = (epochs(&candidate.config) as f64 * LONGEST).ceil();
    // A tenth is left for validations and the evaluation.
    let fitting = 0.9 * seconds * epochs(&trial) as f64 / trained.outcome.seconds.max(1e-6);
    let fitting = fitting.clamp(1.0, most) as u64;
    set_length(&mut candidate.config, fitting, seconds);
    Ok(())
}

/// Trains one configuration.
pub fn train(
    data: &Data,
    label: &str,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<RayTrained, Error> {
    Ok(match data {
        Data::Lines(lines) => train_on_rays(&**lines, label, config, control)?,
        Data::Cube(cube) => train_on_cells(&cube.cells, label, config, control)?,
    })
}
