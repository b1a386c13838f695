//! Which series are for training, which for choosing among models, which are never seen: a rule that a model file can repeat.

use crate::Error;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How a set is divided. Stored with a model, so that its unseen part can be told from the data alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SplitRule {
    /// The first 70 % for training, the next 15 % for validation, the last 15 % for the test: right for sets whose order is
    /// itself a space-filling sequence (NeuralPDR's grids are Sobol sequences).
    #[default]
    FileOrder,
    /// 70/15/15 of a random order.
    Shuffled {
        /// Seed of the order.
        seed: u64,
    },
    /// A fraction of a random order, a tenth of it for validation; all others are for the test.
    Fraction {
        /// Part that training and validation may see, in (0, 1).
        fraction: f64,
        /// Seed of the order.
        seed: u64,
    },
}

/// Indices of the three parts; together every index once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// For the gradient.
    pub train: Vec<usize>,
    /// For choosing: best step, best family.
    pub validation: Vec<usize>,
    /// For the final judgement alone.
    pub test: Vec<usize>,
}

impl SplitRule {
    /// Divides `count` series.
    ///
    /// # Errors
    /// [`Error::Option`] for a fraction outside (0, 1), [`Error::Empty`] where a part would have no series.
    pub fn split(self, count: usize) -> Result<Split, Error> {
        let (order, seen, learned) = match self {
            Self::FileOrder => ((0..count).collect(), count * 85 / 100, count * 70 / 100),
            Self::Shuffled { seed } => (order(count, seed), count * 85 / 100, count * 70 / 100),
            Self::Fraction { fraction, seed } => {
                if !(fraction > 0.0 && fraction < 1.0) {
                    return Err(Error::Option {
                        name: "fraction",
                        value: fraction.to_string(),
                        reason: "between 0 and 1, both excluded".into(),
                    });
                }
                let seen = (fraction * count as f64) as usize;
                (order(count, seed), seen, seen - seen.div_ceil(10))
            }
        };
        for (part, size) in [
            ("train", learned),
            ("validation", seen - learned),
            ("test", count - seen),
        ] {
            if size == 0 {
                return Err(Error::Empty(part));
            }
        }
        Ok(Split {
            train: order[..learned].to_vec(),
            validation: order[learned..seen].to_vec(),
            test: order[seen..].to_vec(),
        })
    }
}

fn order(count: usize, seed: u64) -> Vec<usize> {
    crate::series::shuffled(count, &mut ChaCha8Rng::seed_from_u64(seed))
}
