//! Which rays, windows and points a step looks at: from seed and step alone, so that a resumed training sees the same.

use super::super::batching::Batching;
use super::rays::Rays;
use crate::Error;
use autodiff_ae::{LANES, Scalar};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A ray, where on it a solve starts, and the points wanted, rising; all counted from the ray's beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    pub ray: usize,
    pub first: usize,
    pub points: Vec<usize>,
}

/// What one pass looks at: lanes in groups of [`LANES`]; the last group is filled up with copies of its first lane that count nothing.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    lanes: Vec<Lane>,
    used: usize,
}

impl Plan {
    pub fn groups(&self) -> usize {
        self.used.div_ceil(LANES)
    }

    /// Lanes that count.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Points of the lane that has most.
    pub fn most(&self) -> usize {
        let lanes = self.lanes[..self.used].iter();
        lanes.map(|l| l.points.len()).max().unwrap_or(0)
    }

    pub fn in_use(&self, g: usize, l: usize) -> bool {
        g * LANES + l < self.used
    }

    /// Lane l of group g; beyond the last that counts, the group's first.
    pub fn lane(&self, g: usize, l: usize) -> &Lane {
        &self.lanes[if self.in_use(g, l) {
            g * LANES + l
        } else {
            g * LANES
        }]
    }

    /// Whether point k of lane l of group g is there.
    pub fn has(&self, g: usize, l: usize, k: usize) -> bool {
        self.in_use(g, l) && k < self.lane(g, l).points.len()
    }

    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The next lane, its memory reused.
    pub fn push(&mut self) -> &mut Lane {
        if self.used == self.lanes.len() {
            self.lanes.push(Lane::default());
        }
        self.used += 1;
        let lane = &mut self.lanes[self.used - 1];
        lane.points.clear();
        lane
    }

    /// Whole rays, every point.
    pub fn whole<T: Scalar>(&mut self, rays: &Rays<T>, which: impl Iterator<Item = usize>) {
        self.clear();
        for ray in which {
            let lane = self.push();
            (lane.ray, lane.first) = (ray, 0);
            lane.points.extend(0..rays.points(ray));
        }
    }
}

/// Draws plans for training.
#[derive(Debug)]
pub struct Drawer {
    pub seed: u64,
    pub batching: Batching,
    /// Points of a lane in the loss; 0: all.
    pub points: usize,
    /// Fraction of whole rays that begin at a random point; `None` where all solves, also of windows, begin at the first.
    pub random_starts: Option<f64>,
    epoch: Option<(u64, Vec<Vec<usize>>)>,
    per_epoch: u64,
}

impl Drawer {
    pub fn new<T: Scalar>(
        seed: u64,
        (batch, alpha): (usize, f64),
        points: usize,
        random_starts: Option<f64>,
        rays: &Rays<T>,
    ) -> Result<Self, Error> {
        if rays.len() == 0 {
            return Err(Error::Empty("train"));
        }
        Ok(Self {
            seed,
            batching: Batching::SemiRandom { batch, alpha },
            points,
            random_starts,
            epoch: None,
            per_epoch: rays.len().div_ceil(batch.max(1)) as u64,
        })
    }

    /// Steps in which every ray is seen once.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch
    }

    /// The plan of a step, with windows of `window` points (0: whole rays).
    pub fn draw<T: Scalar>(
        &mut self,
        step: u64,
        window: usize,
        rays: &Rays<T>,
        plan: &mut Plan,
    ) -> Result<(), Error> {
        let epoch = step / self.per_epoch;
        if self.epoch.as_ref().is_none_or(|(held, _)| *held != epoch) {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(1 + 2 * epoch);
            let bound = if window == 0 { usize::MAX } else { window };
            let lengths: Vec<usize> = (0..rays.len()).map(|r| rays.points(r).min(bound)).collect();
            self.epoch = Some((epoch, self.batching.batches(&lengths, &mut rng)?));
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(2 + 2 * step);
        plan.clear();
        let Some((_, batches)) = &self.epoch else {
            return Ok(());
        };
        let batch = &batches[(step % self.per_epoch) as usize % batches.len()];
        for &ray in batch {
            let all = rays.points(ray);
            let mut length = if window == 0 { all } else { window.min(all) };
            let lane = plan.push();
            lane.ray = ray;
            lane.first = match self.random_starts {
                None => 0,
                Some(fraction) if window == 0 => {
                    let inside = rng.random::<f64>() < fraction;
                    if inside { rng.random_range(0..all) } else { 0 }
                }
                Some(_) => rng.random_range(0..=all - length),
            };
            length = length.min(all - lane.first);
            let wanted = if self.points == 0 {
                length
            } else {
                self.points.min(length)
            };
            for j in 0..wanted {
                let (from, to) = (j * length / wanted, (j + 1) * length / wanted);
                lane.points.push(lane.first + rng.random_range(from..to));
            }
        }
        Ok(())
    }
}
