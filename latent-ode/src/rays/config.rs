//! What a training of a ray surrogate is told, as data: a TOML text names what differs from the defaults.

use super::node::NodeConfig;
use super::scaling::ScalingRule;
use super::series::Quantity;
use super::split::SplitRule;
use crate::Error;
use autodiff_ae::Activation;
use serde::{Deserialize, Serialize};

/// Families of ray surrogates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// A network of what is known at the point.
    #[default]
    Pointwise,
    /// A network of a cell's density and of the extinctions of its rays, whatever their order and number.
    Cell,
    /// A latent neural ODE along the ray (Vermariën et al. 2025).
    Node,
}

impl Family {
    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pointwise => "pointwise",
            Self::Cell => "cell",
            Self::Node => "node",
        }
    }
}

/// What a surrogate is given along the ray.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inputs {
    /// The paper's: temperatures, density and field at the point, from a PDR or a hydrodynamics code, and ζ.
    #[default]
    Local,
    /// What is known without such a code: A_V, n_H, χ₀ and ζ. The gas temperature is predicted as well.
    Standalone,
}

impl Inputs {
    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Standalone => "standalone",
        }
    }

    /// The quantities needed beside A_V.
    pub fn quantities(self) -> &'static [Quantity] {
        match self {
            Self::Local => &[
                Quantity::GasTemperature,
                Quantity::DustTemperature,
                Quantity::Density,
                Quantity::Field,
                Quantity::IonisationRate,
            ],
            Self::Standalone => &[
                Quantity::Density,
                Quantity::IonisationRate,
                Quantity::SurfaceField,
            ],
        }
    }

    /// Whether the gas temperature is an output.
    pub fn predicts_temperature(self) -> bool {
        self == Self::Standalone
    }
}

/// The numbers a training computes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single.
    #[default]
    F32,
    /// Double.
    F64,
}

/// Loss of one output with the residual r in standard deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PointLoss {
    /// |r|: what the scores measure, and forgiving where the truth itself jumps.
    #[default]
    Absolute,
    /// r².
    Square,
    /// r²/2δ up to δ, |r| − δ/2 beyond (Huber 1964).
    Huber {
        /// δ.
        delta: f64,
    },
}

/// A network from points to log abundances, and its training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointConfig {
    /// Neurons of a hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// After every hidden layer.
    pub activation: Activation,
    /// Whether hidden layers add their input to their output.
    pub residual: bool,
    /// Networks trained side by side from different beginnings; their mean log abundance is the prediction.
    pub members: usize,
    /// Loss.
    pub loss: PointLoss,
    /// Weight of the gas temperature in the loss, where it is an output; 1 for an abundance.
    pub temperature_weight: f64,
    /// Passes over the training points.
    pub epochs: u64,
    /// Points per step.
    pub batch: usize,
    /// Highest learning rate, after the warm-up; a cosine leads it to zero.
    pub rate: f64,
    /// Steps of the warm-up.
    pub warmup: u64,
    /// Decoupled weight decay, times the rate.
    pub weight_decay: f64,
    /// Norm the gradient is cut to; 0: not at all.
    pub clip_norm: f64,
    /// Decay of the moving average of parameters that is validated and kept; 0: none.
    pub average: f64,
    /// Validations over the whole training.
    pub reviews: u64,
    /// Points in memory at a time: of a larger training set random parts are loaded in turn.
    pub pool: usize,
    /// Seconds after which training stops; 0: no limit.
    pub max_seconds: f64,
}

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RayConfig {
    /// Family.
    pub family: Family,
    /// Inputs.
    pub inputs: Inputs,
    /// Numbers computed in.
    pub precision: Precision,
    /// Seed of initial parameters and batches.
    pub seed: u64,
    /// Whether predictions are moved to the nearest abundances that conserve what the training data conserve: elements, charge.
    pub conserve: bool,
    /// Division of the data.
    pub split: SplitRule,
    /// Scaling of the abundances.
    pub scaling: ScalingRule,
    /// Family `pointwise`.
    pub pointwise: PointConfig,
    /// Family `cell`.
    pub cell: PointConfig,
    /// Family `node`.
    pub node: NodeConfig,
}

impl Default for RayConfig {
    fn default() -> Self {
        let pointwise = PointConfig {
            width: 128,
            depth: 8,
            activation: Activation::Silu,
            residual: true,
            members: 2,
            loss: PointLoss::Absolute,
            temperature_weight: 2.0,
            epochs: 80,
            batch: 256,
            rate: 2e-3,
            warmup: 100,
            weight_decay: 1e-4,
            clip_norm: 0.0,
            average: 0.998,
            reviews: 20,
            pool: 2_000_000,
            max_seconds: 0.0,
        };
        let cell = PointConfig {
            depth: 3,
            residual: false,
            members: 4,
            epochs: 1500,
            batch: 128,
            rate: 3e-3,
            weight_decay: 0.1,
            ..pointwise.clone()
        };
        Self {
            family: Family::default(),
            inputs: Inputs::default(),
            precision: Precision::default(),
            seed: 1,
            conserve: true,
            split: SplitRule::default(),
            scaling: ScalingRule::default(),
            pointwise,
            cell,
            node: NodeConfig::default(),
        }
    }
}

impl RayConfig {
    /// The defaults with what a TOML text says otherwise. A table with a `kind` replaces the default one whole, others entry by
    /// entry.
    ///
    /// # Errors
    /// [`Error::Config`] with the place for a text that is no TOML, with the key for one that is unknown or has a wrong value;
    /// [`Error::Option`] from [`RayConfig::validate`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |e: toml::de::Error| Error::Config(e.to_string());
        let given: toml::Table = toml::from_str(text).map_err(refuse)?;
        let mut all =
            toml::Table::try_from(Self::default()).map_err(|e| Error::Config(e.to_string()))?;
        merge(&mut all, given);
        let config: Self = all.try_into().map_err(refuse)?;
        config.validate()?;
        Ok(config)
    }

    /// As TOML text that [`RayConfig::parse`] reads back.
    ///
    /// # Errors
    /// [`Error::Config`] for an integer TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(|e| Error::Config(e.to_string()))
    }

    /// Refuses what no GPU can train (feature `cuda`): the family `node` with another latent solve than Tsit5's.
    ///
    /// # Errors
    /// [`Error::Option`] with the value.
    pub fn check_gpu(&self) -> Result<(), Error> {
        match self.family {
            Family::Node => self.node.check_gpu(),
            Family::Pointwise | Family::Cell => Ok(()),
        }
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Option`] with the first such value.
    pub fn validate(&self) -> Result<(), Error> {
        let ScalingRule {
            extinction_offset,
            abundance_offset,
            ..
        } = self.scaling;
        for (name, value) in [
            ("scaling.extinction_offset", extinction_offset),
            ("scaling.abundance_offset", abundance_offset),
        ] {
            check(
                value > 0.0 && value.is_finite(),
                name,
                value,
                "positive and finite",
            )?;
        }
        if self.seed > i64::MAX as u64 {
            return Err(Error::Option {
                name: "seed",
                value: self.seed.to_string(),
                reason: "at most 9223372036854775807".into(),
            });
        }
        match self.family {
            Family::Pointwise => self.pointwise.validate(),
            Family::Cell => self.cell.validate(),
            Family::Node => self.node.validate(),
        }
    }
}

impl PointConfig {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Option`] with the first such value.
    pub fn validate(&self) -> Result<(), Error> {
        for (name, value, most) in [
            ("width", self.width, 1 << 14),
            ("depth", self.depth, 64),
            ("members", self.members, 64),
            ("batch", self.batch, 1 << 20),
            ("pool", self.pool, usize::MAX),
        ] {
            let ok = (1..=most).contains(&value);
            check(ok, name, value as f64, &format!("1 to {most}"))?;
        }
        for (name, value) in [("epochs", self.epochs), ("reviews", self.reviews)] {
            check(value > 0, name, value as f64, "at least 1")?;
        }
        for (name, value) in [
            ("rate", self.rate),
            ("weight_decay", self.weight_decay),
            ("clip_norm", self.clip_norm),
            ("temperature_weight", self.temperature_weight),
            ("max_seconds", self.max_seconds),
        ] {
            let ok = value >= 0.0 && value.is_finite();
            check(ok, name, value, "not negative, finite")?;
        }
        let average = self.average;
        check(
            (0.0..1.0).contains(&average),
            "average",
            average,
            "0 to 1, 1 excluded",
        )?;
        if let PointLoss::Huber { delta } = self.loss {
            check(
                delta > 0.0 && delta.is_finite(),
                "delta",
                delta,
                "positive and finite",
            )?;
        }
        Ok(())
    }
}

fn check(ok: bool, name: &'static str, value: f64, reason: &str) -> Result<(), Error> {
    if ok {
        return Ok(());
    }
    Err(Error::Option {
        name,
        value: value.to_string(),
        reason: reason.into(),
    })
}

/// Puts the entries of `given` into `all`.
fn merge(all: &mut toml::Table, given: toml::Table) {
    for (key, value) in given {
        match (all.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new))
                if !new.contains_key("kind") =>
            {
                merge(old, new)
            }
            (_, value) => {
                all.insert(key, value);
            }
        }
    }
}
