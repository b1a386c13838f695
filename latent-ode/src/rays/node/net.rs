//! A trained latent neural ODE: scalings and parameters, predictions along rays, its part of a model file.

use super::super::config::{Inputs, Precision, RayConfig};
use super::super::model::RayPrediction;
use super::super::series::{Quantity, Series};
use super::config::{FeatureSet, NodeConfig};
use super::draw::Plan;
use super::objective::chunks;
use super::rays::{NodeScaling, Rays, ScaledBy, Targets};
use super::shape::{NodeShape, constants};
use super::step::{NodePass, StartFrom};
use crate::{Error, Number};
use autodiff_ae::{Checkpoint, LANES};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What surrounds the parameters in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeFrame {
    pub precision: Precision,
    pub scaling: NodeScaling,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Params {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// A precision that parameters may be kept in.
pub trait Keeps: Number {
    const PRECISION: Precision;
    fn keep(params: Vec<Self>) -> Params;
}

impl Keeps for f32 {
    const PRECISION: Precision = Precision::F32;
    fn keep(params: Vec<f32>) -> Params {
        Params::F32(params)
    }
}

impl Keeps for f64 {
    const PRECISION: Precision = Precision::F64;
    fn keep(params: Vec<f64>) -> Params {
        Params::F64(params)
    }
}

/// A trained network with all it needs to predict.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeNet {
    pub frame: NodeFrame,
    pub config: NodeConfig,
    pub inputs: Inputs,
    pub species: usize,
    pub shape: NodeShape,
    pub params: Params,
}

/// What the encoder of these inputs starts from.
pub fn start_from(inputs: Inputs, features: FeatureSet) -> StartFrom {
    if inputs.predicts_temperature() {
        StartFrom::Given(constants(features))
    } else {
        StartFrom::Abundances
    }
}

impl NodeNet {
    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.shape.param_len()
    }

    /// Rollouts along series, from the abundances of the first point or, standalone, from what is given there.
    pub fn predict(
        &self,
        series: &[Series],
        found: &[Quantity],
    ) -> Result<Vec<RayPrediction>, Error> {
        match &self.params {
            Params::F32(p) => self.run(p, series, found, false),
            Params::F64(p) => self.run(p, series, found, false),
        }
    }

    /// Decoded codes of the true abundances; `None` where the encoder does not see abundances.
    pub fn reconstruct(
        &self,
        series: &[Series],
        found: &[Quantity],
    ) -> Result<Option<Vec<RayPrediction>>, Error> {
        if self.inputs.predicts_temperature() {
            return Ok(None);
        }
        match &self.params {
            Params::F32(p) => self.run(p, series, found, true).map(Some),
            Params::F64(p) => self.run(p, series, found, true).map(Some),
        }
    }

    fn run<T: Number>(
        &self,
        params: &[T],
        series: &[Series],
        found: &[Quantity],
        coded: bool,
    ) -> Result<Vec<RayPrediction>, Error> {
        let (outputs, species) = (self.shape.decoder.outputs(), self.species);
        let mut rays = Rays::new(outputs, self.shape.aux);
        let by = ScaledBy {
            features: self.config.features,
            inputs: self.inputs,
        };
        for one in series {
            // Standalone models look at no abundance, and a bare ray has none.
            let targets = match (self.inputs.predicts_temperature(), coded) {
                (true, _) => Targets::None,
                (false, true) => Targets::All,
                (false, false) => Targets::First,
            };
            self.frame
                .scaling
                .push(&mut rays, by, one, found, targets)?;
        }
        let start = start_from(self.inputs, self.config.features);
        let mut pass = NodePass::new(&self.shape, &self.config, start);
        let mut plan = Plan::default();
        let mut out = vec![RayPrediction::default(); series.len()];
        let offsets = self.frame.scaling.outputs.offsets();
        let mut column = vec![T::zero(); outputs];
        for which in chunks(&rays) {
            plan.whole(&rays, which.iter().copied());
            let most = plan.most();
            let decoded = if coded {
                pass.reconstruct(&rays, &plan, params)?
            } else {
                pass.predict(&rays, &plan, params)?
            };
            let mut values = Vec::with_capacity(which.len());
            for m in 0..which.len() {
                let (g, l) = (m / LANES, m % LANES);
                let count = plan.lane(g, l).points.len();
                let mut physical = Vec::with_capacity(count * outputs);
                for k in 0..count {
                    for (to, row) in column.iter_mut().zip(decoded.block(g * most + k)) {
                        *to = row[l];
                    }
                    let logs = self.frame.scaling.outputs.logarithms(&column);
                    physical.extend(logs.iter().zip(offsets).map(|(log, offset)| {
                        let x = (log * std::f64::consts::LN_10).exp() - offset;
                        // max would turn NaN into 0.
                        if x < 0.0 { 0.0 } else { x }
                    }));
                }
                values.push(physical);
            }
            for (m, &ray) in which.iter().enumerate() {
                if !coded && pass.solve.failed(m / LANES)[m % LANES] {
                    values[m].fill(f64::NAN);
                }
                let row = |p: &usize| &values[m][p * outputs..(p + 1) * outputs];
                let places = rays.places(ray);
                out[ray] = RayPrediction {
                    abundances: places
                        .iter()
                        .flat_map(|p| row(p)[..species].iter().copied())
                        .collect(),
                    gas_temperature: (outputs > species)
                        .then(|| places.iter().map(|p| row(p)[species]).collect()),
                };
            }
        }
        Ok(out)
    }

    pub fn store(&self, file: &mut Checkpoint) -> Result<(), Error> {
        let text = serde_json::to_string(&self.frame).map_err(|e| Error::Config(e.to_string()))?;
        file.metadata.insert("network".into(), text);
        match &self.params {
            Params::F32(p) => file.insert_views(&self.shape.views(), p)?,
            Params::F64(p) => file.insert_views(&self.shape.views(), p)?,
        }
        Ok(())
    }

    /// Reads what [`NodeNet::store`] wrote, for a model of this configuration and number of species.
    pub fn load(
        file: &Checkpoint,
        path: &Path,
        config: &RayConfig,
        species: usize,
    ) -> Result<Self, Error> {
        let frame: NodeFrame = crate::model::parse_metadata(file, "network", path)?;
        let wrong = |reason: String| Error::Model {
            path: path.into(),
            reason,
        };
        let shape = NodeShape::new(&config.node, config.inputs, species)?;
        let NodeScaling { s, outputs, aux } = &frame.scaling;
        s.check().map_err(|e| wrong(e.to_string()))?;
        outputs.check().map_err(|e| wrong(e.to_string()))?;
        let usable = aux.scale.iter().all(|s| s.is_finite() && *s > 0.0)
            && aux.shift.iter().all(|s| s.is_finite());
        let found = [
            s.columns(),
            outputs.columns(),
            aux.scale.len(),
            aux.shift.len(),
        ];
        let expected = [1, shape.decoder.outputs(), shape.aux, shape.aux];
        if found != expected || !usable {
            return Err(wrong(format!(
                "scalings of {found:?} columns, expected {expected:?}, positive and finite"
            )));
        }
        let params = match frame.precision {
            Precision::F32 => Params::F32(read(file, &shape, path)?),
            Precision::F64 => Params::F64(read(file, &shape, path)?),
        };
        Ok(Self {
            frame,
            config: config.node.clone(),
            inputs: config.inputs,
            species,
            shape,
            params,
        })
    }
}

fn read<T: Number>(file: &Checkpoint, shape: &NodeShape, path: &Path) -> Result<Vec<T>, Error> {
    let mut params = vec![T::zero(); shape.param_len()];
    file.read_views(&shape.views(), &mut params)?;
    match params.iter().position(|p| !p.is_finite()) {
        Some(i) => Err(Error::Model {
            path: path.into(),
            reason: format!("parameter {i} is not finite"),
        }),
        None => Ok(params),
    }
}
