//! Data sets of chemical trajectories, in memory: what generating, training and evaluating share.

#[cfg(feature = "hdf5")]
mod codes;
mod generate;
#[cfg(feature = "hdf5")]
mod hdf5;
#[cfg(feature = "hdf5")]
mod solutions;
mod trajectories;

use std::collections::BTreeMap;

pub use generate::{
    Control, FailedModel, GenerateOptions, Generated, OnFailure, describe_failure, generate,
};
#[cfg(feature = "hdf5")]
pub use solutions::Solutions;
pub use trajectories::{FLOOR, Trajectories};

use crate::Error;

/// Value of a descriptive attribute of a data set.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// An integer.
    Integer(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
impl From<f64> for Attribute {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}
impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// The three parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What a model is trained on.
    Train,
    /// What it is judged on, seen by no one before.
    Test,
    /// What training uses to choose the best state and when to stop.
    Val,
}

impl Part {
    /// All parts in the order of the split option.
    pub const ALL: [Self; 3] = [Self::Train, Self::Test, Self::Val];

    /// Name of the dataset in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
            Self::Val => "val",
        }
    }
}

/// Trajectories of number densities \[cm⁻³\] on common times \[yr\], split into train, test and val.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    labels: Vec<String>,
    timesteps: Vec<f64>,
    parts: [Trajectories; 3],
    parameter_names: Vec<String>,
    /// samples × parameters, row-major, per part.
    parameters: [Vec<f64>; 3],
    /// Descriptive attributes (network, conditions, seed, …), written to the file beside those of the layout.
    pub attributes: BTreeMap<String, Attribute>,
}

impl Dataset {
    /// A data set from its parts; any may be empty (0 samples).
    ///
    /// # Errors
    /// [`Error::Shape`] when the parts do not have as many times as `timesteps` and as many quantities as `labels`;
    /// [`Error::Times`] when the times are not positive and strictly increasing; [`Error::Species`] for repeated labels;
    /// [`Error::Value`] for a NaN, infinite or negative density. Negative values no larger than 1e-14 of the sum of the model's
    /// first output are what a solver's tolerance leaves around zero, and are kept.
    pub fn new(
        labels: Vec<String>,
        timesteps: Vec<f64>,
        train: Trajectories,
        test: Trajectories,
        val: Trajectories,
    ) -> Result<Self, Error> {
        check_times(&timesteps)?;
        check_labels(&labels)?;
        let parts = [train, test, val];
        for (part, name) in parts.iter().zip(["train", "test", "val"]) {
            part.check(name, &labels, timesteps.len())?;
        }
        Ok(Self {
            labels,
            timesteps,
            parts,
            parameter_names: Vec::new(),
            parameters: [Vec::new(), Vec::new(), Vec::new()],
            attributes: BTreeMap::new(),
        })
    }

    /// Adds the sampled parameters of every model: `names`, and per part samples × names, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] when a length does not fit.
    pub fn with_parameters(
        mut self,
        names: Vec<String>,
        parameters: [Vec<f64>; 3],
    ) -> Result<Self, Error> {
        for part in Part::ALL {
            let (samples, values) = (self.part(part).samples(), parameters[part as usize].len());
            if values != samples * names.len() {
                return Err(Error::Shape {
                    what: format!("{}_params", part.name()),
                    found: vec![values],
                    expected: format!("{samples} samples × {} parameters", names.len()),
                });
            }
        }
        self.parameter_names = names;
        self.parameters = parameters;
        Ok(self)
    }

    /// Names of the quantities (species).
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Times of the outputs \[yr\], strictly increasing.
    pub fn timesteps(&self) -> &[f64] {
        &self.timesteps
    }

    /// One part.
    pub fn part(&self, part: Part) -> &Trajectories {
        &self.parts[part as usize]
    }

    /// The part for training.
    pub fn train(&self) -> &Trajectories {
        self.part(Part::Train)
    }

    /// The part for the final judgement.
    pub fn test(&self) -> &Trajectories {
        self.part(Part::Test)
    }

    /// The part for choosing the best state during training.
    pub fn val(&self) -> &Trajectories {
        self.part(Part::Val)
    }

    /// Names of the sampled parameters; empty when the file has none.
    pub fn parameter_names(&self) -> &[String] {
        &self.parameter_names
    }

    /// Sampled parameters of one part, samples × parameters, row-major; empty when the file has none.
    pub fn parameters(&self, part: Part) -> &[f64] {
        &self.parameters[part as usize]
    }

    /// The same data with the quantities in the order of `labels`.
    ///
    /// # Errors
    /// [`Error::Species`] when a label is absent here or one of ours is not asked for.
    pub fn reordered(&self, labels: &[String]) -> Result<Self, Error> {
        let order = match_labels(labels, &self.labels)?;
        let mut out = self.clone();
        out.labels = labels.to_vec();
        for part in &mut out.parts {
            *part = part.reordered(&order);
        }
        Ok(out)
    }
}

/// For every label wanted its index among those at hand; both must hold the same set.
pub(crate) fn match_labels(wanted: &[String], at_hand: &[String]) -> Result<Vec<usize>, Error> {
    let order = wanted
        .iter()
        .map(|label| {
            at_hand.iter().position(|l| l == label).ok_or_else(|| {
                Error::Species(format!(
                    "{label} is not among the labels of the data ({})",
                    at_hand.join(" ")
                ))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    match at_hand.iter().find(|l| !wanted.contains(l)) {
        Some(extra) => Err(Error::Species(format!(
            "{extra} of the data is not known to the model ({})",
            wanted.join(" ")
        ))),
        None => Ok(order),
    }
}

fn check_labels(labels: &[String]) -> Result<(), Error> {
    let mut sorted: Vec<&String> = labels.iter().collect();
    sorted.sort();
    match sorted.windows(2).find(|w| w[0] == w[1]) {
        Some(w) => Err(Error::Species(format!("label {} occurs twice", w[0]))),
        None if labels.is_empty() => Err(Error::Species("no labels".into())),
        None => Ok(()),
    }
}

fn check_times(times: &[f64]) -> Result<(), Error> {
    if times.len() < 2 {
        return Err(Error::Times(format!(
            "{} given, at least 2 needed",
            times.len()
        )));
    }
    if let Some((i, t)) = times
        .iter()
        .enumerate()
        .find(|(_, t)| !t.is_finite() || **t <= 0.0)
    {
        return Err(Error::Times(format!(
            "time {i} is {t} yr, not positive and finite"
        )));
    }
    match times.windows(2).position(|w| w[1] <= w[0]) {
        Some(i) => Err(Error::Times(format!(
            "time {} ({} yr) does not come after time {i} ({} yr)",
            i + 1,
            times[i + 1],
            times[i]
        ))),
        None => Ok(()),
    }
}

/// `count` times from `start` to `end` \[yr\], uniform in log10 (both ends exact).
///
/// # Errors
/// [`Error::Times`] for fewer than two times or an empty or non-positive range.
pub fn log_spaced(start: f64, end: f64, count: usize) -> Result<Vec<f64>, Error> {
    if count < 2 || !(start > 0.0 && end > start && end.is_finite()) {
        return Err(Error::Times(format!(
            "cannot place {count} times between {start} and {end} yr"
        )));
    }
    let (a, b) = (start.log10(), end.log10());
    let mut times: Vec<f64> = (0..count)
        .map(|i| 10f64.powf(a + (b - a) * i as f64 / (count - 1) as f64))
        .collect();
    times[0] = start;
    times[count - 1] = end;
    Ok(times)
}
