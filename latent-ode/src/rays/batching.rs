//! Batches of series of unequal lengths: padded ones of similar length, and packed ones that waste nothing.

use super::scaling::ScaledSeries;
use crate::Error;
use autodiff_ae::Scalar;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// How series are put together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Batching {
    /// So many series in random order.
    Random {
        /// Series per batch.
        batch: usize,
    },
    /// Sorted by log10(length) + U(−α, α), cut into batches, the batches shuffled (Vermariën et al. 2025, who take α = 0.01).
    SemiRandom {
        /// Series per batch.
        batch: usize,
        /// α \[dex\].
        alpha: f64,
    },
    /// Random series up to so many points in all, laid end to end: nothing is padded and every batch costs the same.
    Packed {
        /// Points per batch at most; a longer series is a batch of its own.
        points: usize,
    },
}

impl Batching {
    /// Batches of every series once, as positions in `lengths`.
    ///
    /// # Errors
    /// [`Error::Option`] for a batch of nothing or an α that is negative or not finite.
    pub fn batches<R: Rng + ?Sized>(
        self,
        lengths: &[usize],
        rng: &mut R,
    ) -> Result<Vec<Vec<usize>>, Error> {
        let refuse = |name, value: String, reason: &str| Error::Option {
            name,
            value,
            reason: reason.into(),
        };
        match self {
            Self::Random { batch: 0 } | Self::SemiRandom { batch: 0, .. } => {
                Err(refuse("batch", "0".into(), "at least 1"))
            }
            Self::Packed { points: 0 } => Err(refuse("points", "0".into(), "at least 1")),
            Self::SemiRandom { alpha, .. } if !(alpha >= 0.0 && alpha.is_finite()) => Err(refuse(
                "alpha",
                alpha.to_string(),
                "not negative and finite",
            )),
            Self::Random { batch } => {
                let order = crate::series::shuffled(lengths.len(), rng);
                Ok(order.chunks(batch).map(<[usize]>::to_vec).collect())
            }
            Self::SemiRandom { batch, alpha } => {
                let mut keyed: Vec<(f64, usize)> = lengths
                    .iter()
                    .enumerate()
                    .map(|(i, &n)| {
                        let jitter = alpha * (2.0 * rng.random::<f64>() - 1.0);
                        ((n.max(1) as f64).log10() + jitter, i)
                    })
                    .collect();
                keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
                let groups: Vec<Vec<usize>> = keyed
                    .chunks(batch)
                    .map(|c| c.iter().map(|k| k.1).collect())
                    .collect();
                let order = crate::series::shuffled(groups.len(), rng);
                Ok(order.into_iter().map(|g| groups[g].clone()).collect())
            }
            Self::Packed { points } => Ok(packed(lengths, points, rng)),
        }
    }

    /// Part of the numbers in the batches that carry nothing: padding, or for packed batches the points short of their capacity.
    pub fn wasted(self, batches: &[Vec<usize>], lengths: &[usize]) -> f64 {
        let used: usize = batches.iter().flatten().map(|&i| lengths[i]).sum();
        let longest = |b: &Vec<usize>| b.iter().map(|&i| lengths[i]).max().unwrap_or(0);
        let held: usize = match self {
            Self::Packed { points } => batches.iter().map(|b| longest(b).max(points)).sum(),
            _ => batches.iter().map(|b| b.len() * longest(b)).sum(),
        };
        if held == 0 {
            0.0
        } else {
            1.0 - used as f64 / held as f64
        }
    }
}

/// Batches that are open at a time while packing: the more, the fuller they get.
const OPEN: usize = 16;

/// Best fit of a random order into a few open batches; the fullest is closed when none fits.
fn packed<R: Rng + ?Sized>(lengths: &[usize], points: usize, rng: &mut R) -> Vec<Vec<usize>> {
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut done = Vec::new();
    for i in crate::series::shuffled(lengths.len(), rng) {
        let n = lengths[i];
        let fitting = open
            .iter_mut()
            .filter(|(used, _)| used + n <= points)
            .max_by_key(|(used, _)| *used);
        if let Some((used, batch)) = fitting {
            *used += n;
            batch.push(i);
            continue;
        }
        if open.len() == OPEN
            && let Some(fullest) = (0..open.len()).max_by_key(|&b| open[b].0)
        {
            done.push(open.swap_remove(fullest).1);
        }
        open.push((n, vec![i]));
    }
    done.extend(open.into_iter().map(|(_, batch)| batch));
    let order = crate::series::shuffled(done.len(), rng);
    order.into_iter().map(|b| done[b].clone()).collect()
}

/// Series side by side, each filled up to the longest by repeating its last point. Arrays are `[series][point][column]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Padded<T> {
    /// Points of the longest.
    pub points: usize,
    /// Standardised A_V.
    pub s: Vec<T>,
    /// Standardised abundances.
    pub x: Vec<T>,
    /// Standardised quantities.
    pub aux: Vec<T>,
    /// 1 for a point, 0 for padding: `[series][point]`.
    pub mask: Vec<T>,
}

impl<T: Scalar> Padded<T> {
    /// Puts series side by side; one without a point is all padding, of zeros.
    pub fn new(series: &[ScaledSeries<T>]) -> Self {
        let points = series.iter().map(|s| s.s.len()).max().unwrap_or(0);
        let width = |of: fn(&ScaledSeries<T>) -> &[T]| {
            series
                .iter()
                .find(|s| !s.s.is_empty())
                .map_or(0, |s| of(s).len() / s.s.len())
        };
        let fill = |of: fn(&ScaledSeries<T>) -> &[T]| {
            let w = width(of);
            let mut out = Vec::with_capacity(series.len() * points * w);
            for one in series {
                let values = of(one);
                out.extend_from_slice(values);
                for _ in one.s.len()..points {
                    match values.len().checked_sub(w) {
                        Some(last) => out.extend_from_slice(&values[last..]),
                        None => out.resize(out.len() + w, T::zero()),
                    }
                }
            }
            out
        };
        let mask = series
            .iter()
            .flat_map(|s| (0..points).map(|k| if k < s.s.len() { T::one() } else { T::zero() }))
            .collect();
        Self {
            points,
            s: fill(|s| &s.s),
            x: fill(|s| &s.x),
            aux: fill(|s| &s.aux),
            mask,
        }
    }
}
