//! A trained ray surrogate: one file with everything needed to predict, and to tell which data it has not seen.

use super::config::{Family, Inputs, RayConfig};
use super::node::NodeNet;
use super::point::{CELL_FEATURES, Cells, PointNet, features};
use super::series::{Quantity, Series};
use super::split::{Split, SplitRule};
use crate::Error;
use crate::model::parse_metadata;
use autodiff_ae::Checkpoint;
use autodiff_ae::train::Record;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Value of the metadata entry `format`; a reader refuses others.
const FORMAT: &str = "latent-ode ray surrogate 1";

/// What a model file says of itself beside its numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RayDescription {
    /// Names of the species predicted.
    pub species: Vec<String>,
    /// Configuration of the training, the rule of the division included.
    pub config: RayConfig,
    /// Series (or cells) in the data it was trained on: the division applies to as many.
    pub samples: usize,
    /// What these were, in the caller's words: a file's name, a group.
    pub data: String,
    /// Seconds of training.
    pub seconds: f64,
    /// Steps taken, and the step of the parameters kept.
    pub steps: (u64, u64),
    /// Best score on the validation part \[dex\].
    pub validation: Option<f64>,
    /// One record per review.
    pub history: Vec<Record>,
}

/// What a family adds; one variant each.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Pointwise(PointNet),
    Cell(PointNet),
    Node(Box<NodeNet>),
}

/// A surrogate along rays or for cells.
#[derive(Clone, Debug, PartialEq)]
pub struct RayModel {
    pub(super) description: RayDescription,
    pub(super) body: Body,
}

/// A prediction at the points of a series or for cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RayPrediction {
    /// Abundances relative to hydrogen nuclei, points × species.
    pub abundances: Vec<f64>,
    /// Gas temperatures \[K\], where the model predicts them.
    pub gas_temperature: Option<Vec<f64>>,
}

/// Points predicted at a time.
const CHUNK: usize = 8192;

impl RayModel {
    /// What the file says of itself.
    pub fn description(&self) -> &RayDescription {
        &self.description
    }

    /// Names of the species predicted.
    pub fn species(&self) -> &[String] {
        &self.description.species
    }

    /// Family.
    pub fn family(&self) -> Family {
        self.description.config.family
    }

    /// Inputs; those of `cell` are always standalone.
    pub fn inputs(&self) -> Inputs {
        match self.body {
            Body::Cell(_) => Inputs::Standalone,
            Body::Pointwise(_) | Body::Node(_) => self.description.config.inputs,
        }
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        match &self.body {
            Body::Pointwise(net) | Body::Cell(net) => net.parameters(),
            Body::Node(net) => net.parameters(),
        }
    }

    /// The division of its training data, from the rule it was trained by.
    ///
    /// # Errors
    /// [`Error::Shape`] for data of another number of series: which of them it has seen cannot be told.
    pub fn split(&self, samples: usize) -> Result<Split, Error> {
        if samples != self.description.samples {
            return Err(Error::Shape {
                what: "the data".into(),
                found: vec![samples],
                expected: format!(
                    "the {} the model was trained on ({}); of other data nothing was seen: judge all",
                    self.description.samples, self.description.data
                ),
            });
        }
        self.rule().split(samples)
    }

    /// The rule of the division.
    pub fn rule(&self) -> SplitRule {
        self.description.config.split
    }

    /// Predicts along series whose quantities are the columns `found`; of their abundances none is looked at but the first
    /// point's, and that by families which start from it.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`]; [`Error::Option`] for a model of cells.
    pub fn predict(
        &self,
        series: &[Series],
        found: &[Quantity],
    ) -> Result<Vec<RayPrediction>, Error> {
        match &self.body {
            Body::Pointwise(net) => self.predict_points(net, series, found),
            Body::Node(net) => net.predict(series, found),
            Body::Cell(_) => Err(Error::Option {
                name: "family",
                value: "cell".into(),
                reason: "predicts cells, not series along rays".into(),
            }),
        }
    }

    /// What decoder ∘ encoder makes of the true abundances; none for families without an encoder.
    ///
    /// # Errors
    /// What the pass runs into.
    pub fn reconstruct(
        &self,
        series: &[Series],
        found: &[Quantity],
    ) -> Result<Option<Vec<RayPrediction>>, Error> {
        match &self.body {
            Body::Pointwise(_) | Body::Cell(_) => Ok(None),
            Body::Node(net) => net.reconstruct(series, found),
        }
    }

    fn predict_points(
        &self,
        net: &PointNet,
        series: &[Series],
        found: &[Quantity],
    ) -> Result<Vec<RayPrediction>, Error> {
        let (inputs, species) = (self.inputs(), self.species().len());
        let width = features::width(inputs);
        let mut out = Vec::with_capacity(series.len());
        let mut start = 0;
        while start < series.len() {
            // Short rays share a pass.
            let (mut end, mut table) = (start, Vec::new());
            while end < series.len() && (end == start || table.len() < CHUNK * width) {
                table.extend(features::of_series(inputs, &series[end], found)?);
                end += 1;
            }
            let (abundances, temperature) = net.predict(&table, species)?;
            let mut from = 0;
            for one in &series[start..end] {
                let to = from + one.len();
                out.push(RayPrediction {
                    abundances: abundances[from * species..to * species].to_vec(),
                    gas_temperature: temperature.as_ref().map(|t| t[from..to].to_vec()),
                });
                from = to;
            }
            start = end;
        }
        Ok(out)
    }

    /// Predicts every cell of a cube, solved or bare.
    ///
    /// # Errors
    /// [`Error::Series`] from [`Cells::check`]; [`Error::Option`] for a model of rays.
    pub fn predict_cells(&self, cells: &Cells) -> Result<RayPrediction, Error> {
        let Body::Cell(net) = &self.body else {
            return Err(Error::Option {
                name: "family",
                value: self.family().name().into(),
                reason: "predicts series along rays, not cells".into(),
            });
        };
        cells.check()?;
        let species = self.species().len();
        let mut out = RayPrediction::default();
        let mut temperatures = Vec::with_capacity(cells.len());
        for start in (0..cells.len()).step_by(CHUNK) {
            let table = cells.features(start..(start + CHUNK).min(cells.len()));
            let (abundances, temperature) = net.predict(&table, species)?;
            out.abundances.extend(abundances);
            temperatures.extend(temperature.unwrap_or_default());
        }
        out.gas_temperature = Some(temperatures);
        Ok(out)
    }

    /// Writes the model to `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Layers`] around the system's error.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut file = Checkpoint::new();
        let text = |e: serde_json::Error| Error::Config(e.to_string());
        file.metadata.insert("format".into(), FORMAT.into());
        file.metadata.insert(
            "description".into(),
            serde_json::to_string(&self.description).map_err(text)?,
        );
        file.metadata.insert(
            "units".into(),
            "abundances relative to hydrogen nuclei, A_V mag, n_H cm^-3, T K, fields Draine, zeta s^-1".into(),
        );
        match &self.body {
            Body::Pointwise(net) | Body::Cell(net) => net.store(&mut file)?,
            Body::Node(net) => net.store(&mut file)?,
        }
        Ok(file.save(path)?)
    }

    /// Reads a model.
    ///
    /// # Errors
    /// [`Error::Layers`] for a file that is no safetensors file, truncated, or lacks a tensor; [`Error::Model`] for one that holds
    /// something else.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = Checkpoint::load(path)?;
        let found = file.metadata.get("format").map_or("none", String::as_str);
        if found != FORMAT {
            return Err(Error::Model {
                path: path.into(),
                reason: format!("not a ray surrogate (format {found:?}, expected {FORMAT:?})"),
            });
        }
        let description: RayDescription = parse_metadata(&file, "description", path)?;
        description.config.validate()?;
        let (species, inputs) = (description.species.len(), description.config.inputs);
        let body = match description.config.family {
            Family::Pointwise => {
                let outputs = species + usize::from(inputs.predicts_temperature());
                let features = features::width(inputs);
                Body::Pointwise(PointNet::load(&file, path, features, (species, outputs))?)
            }
            Family::Node => Body::Node(Box::new(NodeNet::load(
                &file,
                path,
                &description.config,
                species,
            )?)),
            Family::Cell => Body::Cell(PointNet::load(
                &file,
                path,
                CELL_FEATURES,
                (species, species + 1),
            )?),
        };
        Ok(Self { description, body })
    }
}
