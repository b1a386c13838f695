//! Mini-batches of points out of groups that may not all fit into memory: which points a step sees follows from seed and step alone.

use super::super::scaling::LogScaling;
use super::PointSource;
use super::network::Affine;
use crate::Error;
use autodiff_ae::Scalar;
use autodiff_ae::train::Shuffle;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Standardised points.
#[derive(Debug)]
pub struct Points<T> {
    pub features: Vec<T>,
    pub targets: Vec<T>,
}

impl<T: Scalar> Points<T> {
    /// Reads groups one after the other.
    pub fn load(
        source: &dyn PointSource,
        groups: &[usize],
        features: &Affine,
        targets: &LogScaling,
    ) -> Result<Self, Error> {
        let mut points = Self {
            features: Vec::new(),
            targets: Vec::new(),
        };
        for &i in groups {
            let (f, t) = source.load(i)?;
            points.features.extend(features.forward::<T>(&f));
            points.targets.extend(targets.forward::<T>(&t));
        }
        Ok(points)
    }
}

/// Groups of one pool and the batches drawn from it in one pass.
#[derive(Debug)]
struct Pool {
    groups: Vec<usize>,
    shuffle: Shuffle,
    steps: u64,
}

/// The training set cut once into pools of at most so many points; each pass visits them in turn.
#[derive(Debug)]
pub struct Pools {
    pools: Vec<Pool>,
    per_epoch: u64,
}

impl Pools {
    pub fn new(
        source: &dyn PointSource,
        groups: &[usize],
        capacity: usize,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        let order = crate::series::shuffled(groups.len(), &mut ChaCha8Rng::seed_from_u64(seed));
        let (mut parts, mut held) = (vec![Vec::new()], 0);
        for i in order {
            let n = source.points(groups[i]);
            if held > 0 && held + n > capacity {
                parts.push(Vec::new());
                held = 0;
            }
            held += n;
            if let Some(part) = parts.last_mut() {
                part.push(groups[i]);
            }
        }
        let mut pools = Vec::new();
        for (k, groups) in parts.into_iter().enumerate() {
            let points = groups.iter().map(|&i| source.points(i)).sum();
            if points == 0 {
                continue;
            }
            let shuffle = Shuffle::new(points, batch, seed.wrapping_add(1 + k as u64))?;
            let steps = shuffle.per_epoch();
            pools.push(Pool {
                groups,
                shuffle,
                steps,
            });
        }
        let per_epoch = pools.iter().map(|p| p.steps).sum();
        if per_epoch == 0 {
            return Err(Error::Empty("train"));
        }
        Ok(Self { pools, per_epoch })
    }

    /// Steps of one pass over the training set.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch
    }

    /// Groups of a pool.
    pub fn groups(&self, pool: usize) -> &[usize] {
        &self.pools[pool].groups
    }

    /// Pool of a step.
    pub fn pool(&self, step: u64) -> usize {
        self.place(step).0
    }

    fn place(&self, step: u64) -> (usize, u64) {
        let mut left = step % self.per_epoch;
        for (k, pool) in self.pools.iter().enumerate() {
            if left < pool.steps {
                return (k, left);
            }
            left -= pool.steps;
        }
        (0, 0)
    }

    /// Points of a step, as positions in its pool.
    pub fn members(&mut self, step: u64) -> &[usize] {
        let (epoch, (k, left)) = (step / self.per_epoch, self.place(step));
        let pool = &mut self.pools[k];
        pool.shuffle.batch(epoch * pool.steps + left)
    }
}
