//! Between number densities and what networks see: log10, floored, then affine per species.

use serde::{Deserialize, Serialize};

use crate::{Error, FLOOR, Trajectories};

/// How log10 n is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    /// To [−1, 1] between the extremes of all species together (Grassi et al. 2021).
    MinMaxJoint,
    /// To [−1, 1] between the extremes of each species.
    MinMaxPerSpecies,
    /// Mean 0 and standard deviation 1 of each species, over all outputs but the first, which is a floored initial state.
    Standard,
}

/// x = (log10 n − shift) / scale per species, n floored at 1e-20 n_tot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl Normalisation {
    /// Fits to trajectories (those for training).
    ///
    /// # Errors
    /// [`Error::Empty`] without a sample. A species that never changes gets scale 1.
    pub fn fit(trajectories: &Trajectories, scaling: Scaling) -> Result<Self, Error> {
        if trajectories.is_empty() || trajectories.times() == 0 || trajectories.quantities() == 0 {
            return Err(Error::Empty("train"));
        }
        let logs = trajectories.log10();
        let quantities = trajectories.quantities();
        let skip = if scaling == Scaling::Standard && trajectories.times() > 1 {
            1
        } else {
            0
        };
        let species = |s: usize| {
            let of_sample = move |sample: &'_ [f64]| {
                sample
                    .chunks_exact(quantities)
                    .skip(skip)
                    .map(move |x| x[s])
                    .collect::<Vec<_>>()
            };
            logs.chunks_exact(quantities * trajectories.times())
                .flat_map(of_sample)
        };
        let usable = |scale: f64| if scale > 1e-12 { scale } else { 1.0 };
        let (mut shift, mut scale) = (Vec::new(), Vec::new());
        for s in 0..quantities {
            if scaling == Scaling::Standard {
                let count = species(s).count() as f64;
                let mean = species(s).sum::<f64>() / count;
                let variance = species(s).map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                shift.push(mean);
                scale.push(usable(variance.sqrt()));
            } else {
                let (low, high) = species(s)
                    .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| {
                        (a.min(x), b.max(x))
                    });
                shift.push(0.5 * (low + high));
                scale.push(0.5 * (high - low));
            }
        }
        if scaling == Scaling::MinMaxJoint {
            let low = shift
                .iter()
                .zip(&scale)
                .map(|(m, r)| m - r)
                .fold(f64::INFINITY, f64::min);
            let high = shift
                .iter()
                .zip(&scale)
                .map(|(m, r)| m + r)
                .fold(f64::NEG_INFINITY, f64::max);
            shift.fill(0.5 * (low + high));
            scale.fill(0.5 * (high - low));
        }
        scale.iter_mut().for_each(|r| *r = usable(*r));
        Ok(Self { shift, scale })
    }

    /// From its two vectors, one entry per species.
    ///
    /// # Errors
    /// [`Error::Shape`] for different lengths, [`Error::Option`] for a shift that is not finite or a scale that is not positive.
    pub fn from_parts(shift: Vec<f64>, scale: Vec<f64>) -> Result<Self, Error> {
        if shift.len() != scale.len() {
            return Err(Error::Shape {
                what: "scale".into(),
                found: vec![scale.len()],
                expected: format!("[{}]", shift.len()),
            });
        }
        let refuse = |name, value: f64, reason: &str| {
            Err(Error::Option {
                name,
                value: value.to_string(),
                reason: reason.into(),
            })
        };
        if let Some(&value) = shift.iter().find(|x| !x.is_finite()) {
            return refuse("normalisation.shift", value, "must be finite");
        }
        if let Some(&value) = scale.iter().find(|x| !(x.is_finite() && **x > 0.0)) {
            return refuse("normalisation.scale", value, "must be positive and finite");
        }
        Ok(Self { shift, scale })
    }

    /// Number of species.
    pub fn quantities(&self) -> usize {
        self.shift.len()
    }

    /// What is subtracted from log10 n, per species \[dex\].
    pub fn shift(&self) -> &[f64] {
        &self.shift
    }

    /// By what the difference is divided, per species \[dex\].
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    /// Normalises values of log10 n in place; species vary fastest.
    pub fn apply(&self, logs: &mut [f64]) {
        for state in logs.chunks_exact_mut(self.shift.len().max(1)) {
            for ((x, shift), scale) in state.iter_mut().zip(&self.shift).zip(&self.scale) {
                *x = (*x - shift) / scale;
            }
        }
    }

    /// A state of number densities \[cm⁻³\] into normalised values, floored at 1e-20 of its own sum.
    pub fn normalise_state(&self, state: &[f64], out: &mut [f64]) {
        let floor = FLOOR * state.iter().sum::<f64>();
        for (i, x) in out.iter_mut().enumerate().take(state.len()) {
            *x = (state[i].max(floor).log10() - self.shift[i]) / self.scale[i];
        }
    }

    /// Normalised values back into number densities \[cm⁻³\], in place; species vary fastest.
    pub fn invert(&self, values: &mut [f64]) {
        for state in values.chunks_exact_mut(self.shift.len().max(1)) {
            for ((x, shift), scale) in state.iter_mut().zip(&self.shift).zip(&self.scale) {
                *x = 10f64.powf(*x * scale + shift);
            }
        }
    }
}
