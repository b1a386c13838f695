//! Reproducible mini-batches: which samples a step sees follows from seed and step alone, so that a resumed training sees the same.

use crate::Error;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Mini-batches of a table of samples, shuffled anew for every pass over it. What does not fill a batch waits for the next,
/// differently shuffled, pass.
#[derive(Clone, Debug)]
pub struct Shuffle {
    batch: usize,
    seed: u64,
    /// The pass that `order` belongs to.
    epoch: Option<u64>,
    order: Vec<usize>,
}

impl Shuffle {
    /// Batches of `batch` out of `samples` samples; of all, where there are fewer.
    ///
    /// # Errors
    /// [`Error::EmptyBatch`] for no samples or a batch of none.
    pub fn new(samples: usize, batch: usize, seed: u64) -> Result<Self, Error> {
        if samples == 0 || batch == 0 {
            return Err(Error::EmptyBatch);
        }
        Ok(Self {
            batch: batch.min(samples),
            seed,
            epoch: None,
            order: vec![0; samples],
        })
    }

    /// Samples per batch.
    pub fn batch_len(&self) -> usize {
        self.batch
    }

    /// Batches in one pass over the samples.
    pub fn per_epoch(&self) -> u64 {
        (self.order.len() / self.batch).max(1) as u64
    }

    /// The samples of batch `index`, counted from the beginning of the training.
    pub fn batch(&mut self, index: u64) -> &[usize] {
        let per_epoch = self.per_epoch();
        let len = self.batch;
        let at = (index % per_epoch) as usize * len;
        &self.epoch(index / per_epoch)[at..at + len]
    }

    /// The order of all samples in a pass, counted from 0: Fisher & Yates with ChaCha8 of the seed, one stream per pass.
    pub fn epoch(&mut self, epoch: u64) -> &[usize] {
        if self.epoch != Some(epoch) {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(1 + epoch);
            for (i, place) in self.order.iter_mut().enumerate() {
                *place = i;
            }
            for i in (1..self.order.len()).rev() {
                self.order.swap(i, rng.random_range(0..=i));
            }
            self.epoch = Some(epoch);
        }
        &self.order
    }
}
