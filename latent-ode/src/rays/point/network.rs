//! The trained networks of a point family: standardised features in, mean log abundances of the members out.

use super::super::config::{PointConfig, Precision};
use super::super::conserve::Conservation;
use super::super::scaling::LogScaling;
use crate::Error;
use autodiff_ae::{Activation, Batch, Checkpoint, Mlp, MlpShape, ParamView, Pass, Scalar};
use serde::{Deserialize, Serialize};

/// z = (x − shift) / scale of each feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Affine {
    pub shift: Vec<f64>,
    pub scale: Vec<f64>,
}

impl Affine {
    /// From means and deviations; a feature that never changes gets scale 1.
    pub fn new(pairs: Vec<(f64, f64)>) -> Self {
        let usable = |s: f64| if s > 1e-9 { s } else { 1.0 };
        let (shift, scale) = pairs.into_iter().map(|(m, s)| (m, usable(s))).unzip();
        Self { shift, scale }
    }

    pub fn forward<T: Scalar>(&self, values: &[f64]) -> Vec<T> {
        let n = self.scale.len().max(1);
        let scaled = |(i, x): (usize, &f64)| T::of((x - self.shift[i % n]) / self.scale[i % n]);
        values.iter().enumerate().map(scaled).collect()
    }
}

/// What surrounds the parameters in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    pub precision: Precision,
    pub members: usize,
    pub shape: MlpShape,
    pub features: Affine,
    /// Abundances, then the gas temperature where it is an output.
    pub outputs: LogScaling,
    /// What predictions are made to conserve.
    pub conservation: Conservation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Members {
    F32(Vec<Vec<f32>>),
    F64(Vec<Vec<f64>>),
}

/// Networks of one shape on the same features; their mean is the prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct PointNet {
    pub frame: Frame,
    pub mlp: Mlp,
    pub members: Members,
}

/// A precision that members may be kept in.
pub trait Keeps: Scalar {
    const PRECISION: Precision;
    fn keep(members: Vec<Vec<Self>>) -> Members;
}

impl Keeps for f32 {
    const PRECISION: Precision = Precision::F32;
    fn keep(members: Vec<Vec<f32>>) -> Members {
        Members::F32(members)
    }
}

impl Keeps for f64 {
    const PRECISION: Precision = Precision::F64;
    fn keep(members: Vec<Vec<f64>>) -> Members {
        Members::F64(members)
    }
}

/// The network of a configuration.
pub fn shape(config: &PointConfig, features: usize, outputs: usize) -> MlpShape {
    let mut widths = vec![features];
    widths.extend(std::iter::repeat_n(config.width, config.depth));
    widths.push(outputs);
    let mut activations = vec![config.activation; config.depth];
    activations.push(Activation::Identity);
    MlpShape {
        widths,
        activations,
        residual: config.residual,
    }
}

/// Named tensors of `members` networks laid one after the other.
pub fn views(mlp: &Mlp, members: usize) -> Vec<ParamView> {
    (0..members)
        .flat_map(|k| mlp.views(&format!("member.{k}"), k * mlp.param_len()))
        .collect()
}

impl PointNet {
    pub fn new<T: Keeps>(frame: Frame, params: &[T]) -> Result<Self, Error> {
        let mlp = Mlp::from_shape(&frame.shape)?;
        let members = params
            .chunks_exact(mlp.param_len())
            .map(<[T]>::to_vec)
            .collect();
        Ok(Self {
            frame,
            mlp,
            members: T::keep(members),
        })
    }

    /// Parameters of all members.
    pub fn parameters(&self) -> usize {
        self.frame.members * self.mlp.param_len()
    }

    pub fn store(&self, file: &mut Checkpoint) -> Result<(), Error> {
        let text = serde_json::to_string(&self.frame).map_err(|e| Error::Config(e.to_string()))?;
        file.metadata.insert("network".into(), text);
        let views = views(&self.mlp, self.frame.members);
        match &self.members {
            Members::F32(m) => file.insert_views(&views, &m.concat())?,
            Members::F64(m) => file.insert_views(&views, &m.concat())?,
        }
        Ok(())
    }

    /// Reads what [`PointNet::store`] wrote; `features`, species and outputs are as many as the model around it
    /// has.
    pub fn load(
        file: &Checkpoint,
        path: &std::path::Path,
        features: usize,
        (species, outputs): (usize, usize),
    ) -> Result<Self, Error> {
        let frame: Frame = crate::model::parse_metadata(file, "network", path)?;
        let wrong = |reason: String| Error::Model {
            path: path.into(),
            reason,
        };
        frame.outputs.check().map_err(|e| wrong(e.to_string()))?;
        let conserved = frame.conservation.check(species);
        conserved.map_err(|e| wrong(e.to_string()))?;
        let affine = [&frame.features.shift, &frame.features.scale];
        let usable = frame
            .features
            .scale
            .iter()
            .all(|s| s.is_finite() && *s > 0.0)
            && frame.features.shift.iter().all(|s| s.is_finite());
        let fits = affine.iter().all(|a| a.len() == features)
            && frame.outputs.columns() == outputs
            && frame.shape.widths.first() == Some(&features)
            && frame.shape.widths.last() == Some(&outputs);
        if !fits || !usable || frame.members == 0 {
            return Err(wrong(format!(
                "a network {:?} of {} members with {} scalings does not map {features} features to {outputs} outputs",
                frame.shape.widths,
                frame.members,
                frame.outputs.columns()
            )));
        }
        match frame.precision {
            Precision::F32 => Self::read::<f32>(file, frame, path),
            Precision::F64 => Self::read::<f64>(file, frame, path),
        }
    }

    fn read<T: Keeps>(
        file: &Checkpoint,
        frame: Frame,
        path: &std::path::Path,
    ) -> Result<Self, Error> {
        let mlp = Mlp::from_shape(&frame.shape)?;
        let mut params = vec![T::zero(); frame.members * mlp.param_len()];
        file.read_views(&views(&mlp, frame.members), &mut params)?;
        if let Some(i) = params.iter().position(|p| !p.is_finite()) {
            return Err(Error::Model {
                path: path.into(),
                reason: format!("parameter {i} is {}", params[i]),
            });
        }
        Self::new(frame, &params)
    }

    /// log10 of the outputs (with their offsets) at points of the given features, row-major.
    pub fn logarithms(&self, features: &[f64]) -> Result<Vec<f64>, Error> {
        match &self.members {
            Members::F32(m) => self.mean(m, features),
            Members::F64(m) => self.mean(m, features),
        }
    }

    fn mean<T: Scalar>(&self, members: &[Vec<T>], features: &[f64]) -> Result<Vec<f64>, Error> {
        let (inputs, outputs) = (self.mlp.inputs(), self.mlp.outputs());
        let samples = features.len() / inputs;
        let batch =
            Batch::from_columns(&self.frame.features.forward::<T>(features), inputs, samples)?;
        let mut out = Batch::zeros(outputs, samples);
        let mut pass = Pass::new(&self.mlp);
        let mut sum = vec![T::zero(); outputs * samples];
        let mut one = sum.clone();
        for params in members {
            pass.predict(params, &batch, &mut out)?;
            out.copy_to_columns(&mut one)?;
            sum.iter_mut().zip(&one).for_each(|(s, x)| *s += *x);
        }
        let share = T::of(1.0 / members.len() as f64);
        sum.iter_mut().for_each(|s| *s *= share);
        Ok(self.frame.outputs.logarithms(&sum))
    }

    /// Abundances (points × `species`) and, where it is an output, gas temperatures \[K\].
    pub fn predict(
        &self,
        features: &[f64],
        species: usize,
    ) -> Result<(Vec<f64>, Option<Vec<f64>>), Error> {
        let outputs = self.mlp.outputs();
        let mut logs = self.logarithms(features)?;
        let offsets = self.frame.outputs.offsets();
        for (i, v) in logs.iter_mut().enumerate() {
            let x = 10f64.powf(*v) - offsets[i % outputs];
            // max would turn NaN into 0.
            *v = if x < 0.0 { 0.0 } else { x };
        }
        for row in logs.chunks_exact_mut(outputs) {
            self.frame.conservation.project(&mut row[..species]);
        }
        if outputs == species {
            return Ok((logs, None));
        }
        let rows = logs.chunks_exact(outputs);
        let temperatures = rows.clone().map(|r| r[species]).collect();
        let abundances = rows.flat_map(|r| r[..species].iter().copied()).collect();
        Ok((abundances, Some(temperatures)))
    }
}
