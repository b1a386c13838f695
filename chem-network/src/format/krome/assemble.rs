//! Rows of a KROME file become reactions: rows of one reaction with ranges apart are its fits.

use std::collections::HashMap;

use crate::error::Error;
use crate::rate::{Extrapolation, Fit, Rate, RateLaw, TemperatureRange};
use crate::reaction::{Reaction, ReactionKind};

/// Reactants and products in ascending order, and the kind.
type Key = (Vec<usize>, Vec<usize>, ReactionKind);

/// Reactions so far.
#[derive(Default)]
pub(super) struct Reactions {
    rows: Vec<(Reaction, Vec<Fit>)>,
    /// Reactions with these reactants and products to which fits may be added.
    by_members: HashMap<Key, Vec<usize>>,
}

/// Most fits of one reaction, and most reactions of the same reactants and products to which fits
/// are added: bounds on the time that a file of many equal rows takes. Further rows are reactions
/// of their own, which gives the same rates.
const MOST: usize = 64;

/// Whether no temperature lies in both ranges.
fn apart(a: TemperatureRange, b: TemperatureRange) -> bool {
    a.max() < b.min() || b.max() < a.min()
}

impl Reactions {
    /// Adds a row: `reaction` with the law as its rate, which holds in `range`.
    pub fn add(&mut self, reaction: Reaction, law: RateLaw, range: Option<TemperatureRange>) {
        let next = self.rows.len();
        let fit = Fit::new(law, range);
        let supported = !matches!(fit.law, RateLaw::Unsupported { .. });
        if let (Some(range), true) = (range, supported) {
            let sorted = |side: &[usize]| {
                let mut side = side.to_vec();
                side.sort_unstable();
                side
            };
            let key = (
                sorted(&reaction.reactants),
                sorted(&reaction.products),
                reaction.kind,
            );
            let candidates = self.by_members.entry(key).or_default();
            let rows = &self.rows;
            let joins = |&&j: &&usize| {
                let fits = &rows[j].1;
                let mut ranges = fits.iter().filter_map(|fit: &Fit| fit.range);
                fits.len() < MOST && ranges.all(|other| apart(range, other))
            };
            if let Some(&j) = candidates.iter().find(joins) {
                self.rows[j].1.push(fit);
                return;
            }
            if candidates.len() < MOST {
                candidates.push(next);
            }
        }
        self.rows.push((reaction, vec![fit]));
    }

    /// The reactions with their rates; zero outside the ranges, as KROME has it.
    pub fn finish(self) -> Result<Vec<Reaction>, Error> {
        let rate = |fits: Vec<Fit>| {
            let everywhere = fits.iter().any(|fit| fit.range.is_none());
            let rate = Rate::of(fits)?;
            Ok(if everywhere {
                rate
            } else {
                rate.with_outside(Extrapolation::Zero)
            })
        };
        self.rows
            .into_iter()
            .map(|(reaction, fits)| {
                Ok(Reaction {
                    rate: rate(fits)?,
                    ..reaction
                })
            })
            .collect()
    }
}
