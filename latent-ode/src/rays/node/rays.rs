//! Rays as the networks see them, laid end to end, and what the scalings are fitted to.

use super::super::config::Inputs;
use super::super::point::{Affine, features};
use super::super::scaling::LogScaling;
use super::super::series::{Quantity, Series, position};
use super::config::FeatureSet;
use crate::Error;
use autodiff_ae::Scalar;

/// Which features are made of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScaledBy {
    pub features: FeatureSet,
    pub inputs: Inputs,
}

/// Which points' targets are known and wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    All,
    First,
    None,
}

/// Standardised rays, points × columns with offsets. Points whose standardised A_V does not rise are left out.
#[derive(Clone, Debug)]
pub struct Rays<T> {
    offsets: Vec<usize>,
    /// Standardised log10 A_V.
    pub s: Vec<T>,
    /// Standardised log10 abundances, and gas temperature where it is an output.
    pub x: Vec<T>,
    /// What is given at the points.
    pub aux: Vec<T>,
    pub outputs: usize,
    pub width: usize,
    /// Of every point of every series: which point of its ray stands for it.
    places: Vec<usize>,
    place_offsets: Vec<usize>,
}

/// Raw features of every point of a series, row-major.
pub fn raw_features(
    kind: FeatureSet,
    inputs: Inputs,
    extinction_offset: f64,
    series: &Series,
    found: &[Quantity],
) -> Result<Vec<f64>, Error> {
    if kind == FeatureSet::Extended {
        return features::of_series(inputs, series, found);
    }
    let columns = inputs
        .quantities()
        .iter()
        .map(|q| Ok((position(found, *q)?, q.offset())))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut out = Vec::with_capacity(series.len() * (1 + columns.len()));
    for (k, av) in series.s.iter().enumerate() {
        let row = series.quantities(k);
        out.push((av + extinction_offset).log10());
        out.extend(columns.iter().map(|(c, offset)| (row[*c] + offset).log10()));
    }
    Ok(out)
}

/// Abundances of every point, followed by the gas temperature where it is an output.
pub fn raw_targets(inputs: Inputs, series: &Series, found: &[Quantity]) -> Result<Vec<f64>, Error> {
    if !inputs.predicts_temperature() {
        return Ok(series.x.clone());
    }
    let t = position(found, Quantity::GasTemperature)?;
    let row = |k: usize| {
        let temperature = series.quantities(k)[t];
        series.abundances(k).iter().copied().chain([temperature])
    };
    Ok((0..series.len()).flat_map(row).collect())
}

impl<T: Scalar> Rays<T> {
    pub fn new(outputs: usize, width: usize) -> Self {
        Self {
            offsets: vec![0],
            s: Vec::new(),
            x: Vec::new(),
            aux: Vec::new(),
            outputs,
            width,
            places: Vec::new(),
            place_offsets: vec![0],
        }
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Points of a ray.
    pub fn points(&self, ray: usize) -> usize {
        self.offsets[ray + 1] - self.offsets[ray]
    }

    /// Where a ray begins among all points.
    pub fn start(&self, ray: usize) -> usize {
        self.offsets[ray]
    }

    pub fn s_of(&self, ray: usize) -> &[T] {
        &self.s[self.offsets[ray]..self.offsets[ray + 1]]
    }

    pub fn aux_of(&self, ray: usize) -> &[T] {
        &self.aux[self.offsets[ray] * self.width..self.offsets[ray + 1] * self.width]
    }

    /// Which point of the ray stands for each point of its series.
    pub fn places(&self, ray: usize) -> &[usize] {
        &self.places[self.place_offsets[ray]..self.place_offsets[ray + 1]]
    }

    /// Adds a ray; targets may be empty where none are known, and are then zero.
    pub fn push(&mut self, s: &[T], x: &[T], aux: &[T]) {
        let first = self.s.len();
        for (k, &at) in s.iter().enumerate() {
            if self.s.len() == first || at > self.s[self.s.len() - 1] {
                self.s.push(at);
                let aux = &aux[k * self.width..(k + 1) * self.width];
                self.aux.extend_from_slice(aux);
                match x.get(k * self.outputs..(k + 1) * self.outputs) {
                    Some(x) => self.x.extend_from_slice(x),
                    None => self.x.resize(self.x.len() + self.outputs, T::zero()),
                }
            }
            self.places.push(self.s.len() - 1 - first);
        }
        self.offsets.push(self.s.len());
        self.place_offsets.push(self.places.len());
    }
}

/// Scalings of A_V, outputs and features.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeScaling {
    pub s: LogScaling,
    pub outputs: LogScaling,
    pub aux: Affine,
}

impl NodeScaling {
    /// Adds a series to rays; its abundances are looked at as far as they are there.
    pub fn push<T: Scalar>(
        &self,
        rays: &mut Rays<T>,
        by: ScaledBy,
        series: &Series,
        found: &[Quantity],
        targets: Targets,
    ) -> Result<(), Error> {
        let offset = self.s.offsets().first().copied().unwrap_or(0.0);
        let aux = raw_features(by.features, by.inputs, offset, series, found)?;
        let x = match targets {
            Targets::All => raw_targets(by.inputs, series, found)?,
            Targets::First => series.abundances(0).to_vec(),
            Targets::None => Vec::new(),
        };
        rays.push(
            &self.s.forward(&series.s),
            &self.outputs.forward::<T>(&x),
            &self.aux.forward(&aux),
        );
        Ok(())
    }
}
