//! Learning rates over a training: by step alone (`Schedule`), or by what validation says (`Plateau`).

use crate::Error;
use serde::{Deserialize, Serialize};

/// Learning rate as a function of the step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Cosines one after the other, each with a warm-up of its own: warm restarts (Loshchilov & Hutter 2017). After the last
    /// the rate stays where it ended.
    Stages {
        /// First to last, at least one.
        stages: Vec<Stage>,
    },
}

/// One course of the rate between two restarts: linear from `start` · peak to the peak over the warm-up, then
/// floor + (peak − floor) · ((1 + cos πs) / 2)^exponent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Steps of the stage, warm-up included; at least 1.
    pub steps: u64,
    /// Highest rate, reached at the end of the warm-up.
    pub peak: f64,
    /// Rate at the end.
    pub floor: f64,
    /// Steps of the warm-up; 0 for none.
    pub warmup: u64,
    /// Rate of the first step as a fraction of the peak.
    pub start: f64,
    /// Exponent of the cosine; 1 for the plain one.
    pub exponent: f64,
}

impl Stage {
    /// Rate of a step of the stage, counted from 0.
    fn rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            let s = step as f64 / self.warmup as f64;
            return self.peak * (self.start + (1.0 - self.start) * s);
        }
        let length = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let s = ((step - self.warmup) as f64 / length).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * s).cos());
        self.floor + (self.peak - self.floor) * cosine.powf(self.exponent)
    }
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
            Schedule::Stages { ref stages } => {
                let mut step = step;
                for stage in stages {
                    if step < stage.steps {
                        return stage.rate(step);
                    }
                    step -= stage.steps;
                }
                stages.last().map_or(0.0, |last| last.rate(last.steps))
            }
        }
    }

    /// Cosine with warm restarts by rule: cycles of `period`, `period · growth`, `period · growth²`, … steps, each after a warm-up
    /// from 0 of `warmup` steps, as many as begin within `total`.
    pub fn warm_restarts(
        peak: f64,
        floor: f64,
        warmup: u64,
        period: u64,
        growth: u64,
        total: u64,
    ) -> Self {
        let (mut stages, mut done, mut steps) = (Vec::new(), 0, period.max(1));
        while done < total || stages.is_empty() {
            stages.push(Stage {
                steps,
                peak,
                floor,
                warmup,
                start: 0.0,
                exponent: 1.0,
            });
            done += steps;
            steps = steps.saturating_mul(growth.max(1));
        }
        Schedule::Stages { stages }
    }

    /// The course of the rate in the second method (Vermariën et al. 2025): a restart at every stage of (steps, warm-up steps), from a
    /// tenth of the peak, the cosine to the power 0.1 down to 0.
    pub fn neural_pdr(peak: f64, stages: &[(u64, u64)]) -> Self {
        let stage = |&(steps, warmup)| Stage {
            steps,
            peak,
            floor: 0.0,
            warmup,
            start: 0.1,
            exponent: 0.1,
        };
        Schedule::Stages {
            stages: stages.iter().map(stage).collect(),
        }
    }

    /// The highest rate it reaches.
    pub fn peak(&self) -> f64 {
        match self {
            Schedule::Constant { rate } => *rate,
            Schedule::Cosine { peak, .. } => *peak,
            Schedule::Stages { stages } => stages.iter().fold(0.0, |m, s| m.max(s.peak)),
        }
    }

    /// Refuses rates that are negative or not finite, and stages that are none.
    ///
    /// # Errors
    /// [`Error::Range`] with the offending value.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |ok: bool, what, value: f64, range| {
            if ok {
                Ok(())
            } else {
                Err(Error::Range { what, value, range })
            }
        };
        let rate = |r: f64| check(r.is_finite() && r >= 0.0, "learning rate", r, "[0, ∞)");
        match self {
            Schedule::Constant { rate: r } => rate(*r),
            Schedule::Cosine { peak, floor, .. } => rate(*peak).and_then(|()| rate(*floor)),
            Schedule::Stages { stages } => {
                check(!stages.is_empty(), "stages of the rate", 0.0, "[1, ∞)")?;
                stages.iter().try_for_each(|s| {
                    rate(s.peak).and_then(|()| rate(s.floor))?;
                    check(s.steps > 0, "steps of a stage", 0.0, "[1, ∞)")?;
                    let start = (0.0..=1.0).contains(&s.start);
                    check(start, "start of a warm-up", s.start, "[0, 1]")?;
                    let exponent = s.exponent.is_finite() && s.exponent > 0.0;
                    check(exponent, "exponent of the cosine", s.exponent, "(0, ∞)")
                })
            }
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
