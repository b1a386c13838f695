//! Learning rates over a training: by step alone (`Schedule`), or by what validation says (`Plateau`).

use crate::Error;
use serde::{Deserialize, Serialize};

/// Learning rate as a function of the step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Schedule {
    /// The same rate throughout.
    Constant {
        /// The rate.
        rate: f64,
    },
    /// Linear from 0 to the peak over the warm-up, then half a cosine down to the floor at `total`, which it keeps.
    Cosine {
        /// Highest rate, reached at the end of the warm-up.
        peak: f64,
        /// Rate at the end.
        floor: f64,
        /// Steps of the warm-up; 0 for none.
        warmup: u64,
        /// Steps altogether.
        total: u64,
    },
}

impl Schedule {
    /// Rate of step `step`, counted from 0. With a warm-up of w steps, step 0 has peak / w: no step is lost to a rate of 0.
    pub fn rate(&self, step: u64) -> f64 {
        match *self {
            Schedule::Constant { rate } => rate,
            Schedule::Cosine {
                peak,
                floor,
                warmup,
                total,
            } => {
                if step < warmup {
                    return peak * (step + 1) as f64 / warmup as f64;
                }
                let length = total.saturating_sub(warmup).max(1) as f64;
                let s = ((step - warmup) as f64 / length).min(1.0);
                floor + (peak - floor) * 0.5 * (1.0 + (std::f64::consts::PI * s).cos())
            }
        }
    }

    /// Refuses rates that are negative or not finite.
    ///
    /// # Errors
    /// [`Error::Range`] with the offending value.
    pub fn validate(&self) -> Result<(), Error> {
        let rates = match *self {
            Schedule::Constant { rate } => [rate, rate],
            Schedule::Cosine { peak, floor, .. } => [peak, floor],
        };
        match rates.into_iter().find(|r| !r.is_finite() || *r < 0.0) {
            Some(value) => Err(Error::Range {
                what: "learning rate",
                value,
                range: "[0, ∞)",
            }),
            None => Ok(()),
        }
    }
}

/// What [`Plateau`] carries from validation to validation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlateauState {
    /// Factor on the rate now.
    pub factor: f64,
    /// Best loss so far; infinite before the first, stored as null.
    #[serde(with = "infinite_as_null")]
    pub best: f64,
    /// Validations since it improved.
    pub waited: u32,
}

/// Lowers a factor on the learning rate whenever the validation loss has not improved for a while.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    reduction: f64,
    patience: u32,
    threshold: f64,
    floor: f64,
    /// State, serialised along.
    pub state: PlateauState,
}

impl Plateau {
    /// Multiplies the factor by `reduction` after `patience` validations without an improvement by the relative
    /// `threshold`, never below `floor`.
    ///
    /// # Errors
    /// [`Error::Range`] unless reduction is in (0, 1), threshold in [0, 1), floor in [0, 1].
    pub fn new(reduction: f64, patience: u32, threshold: f64, floor: f64) -> Result<Self, Error> {
        if !(reduction > 0.0 && reduction < 1.0) {
            return Err(Error::Range {
                what: "reduction of the plateau",
                value: reduction,
                range: "(0, 1)",
            });
        }
        if !(0.0..1.0).contains(&threshold) {
            return Err(Error::Range {
                what: "threshold of the plateau",
                value: threshold,
                range: "[0, 1)",
            });
        }
        if !(0.0..=1.0).contains(&floor) {
            return Err(Error::Range {
                what: "floor of the plateau",
                value: floor,
                range: "[0, 1]",
            });
        }
        let state = PlateauState {
            factor: 1.0,
            best: f64::INFINITY,
            waited: 0,
        };
        Ok(Self {
            reduction,
            patience,
            threshold,
            floor,
            state,
        })
    }

    /// Takes a validation loss into account; returns the factor on the learning rate from now on.
    pub fn observe(&mut self, loss: f64) -> f64 {
        let s = &mut self.state;
        if loss < s.best * (1.0 - self.threshold) || (s.best.is_infinite() && loss.is_finite()) {
            s.best = loss;
            s.waited = 0;
        } else {
            s.waited += 1;
            if s.waited > self.patience {
                s.factor = (s.factor * self.reduction).max(self.floor);
                s.waited = 0;
            }
        }
        s.factor
    }

    /// The factor on the learning rate now.
    pub fn factor(&self) -> f64 {
        self.state.factor
    }
}

/// JSON has no infinity.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(x: &f64, s: S) -> Result<S::Ok, S::Error> {
        x.is_finite().then_some(*x).serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(d)?.unwrap_or(f64::INFINITY))
    }
}
