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

    /// The samples of batch `index`, and of the one after it unless that belongs to the next pass.
    pub fn batch_and_next(&mut self, index: u64) -> (&[usize], &[usize]) {
        let per_epoch = self.per_epoch();
        let (len, place) = (self.batch, (index % per_epoch) as usize);
        let ahead = &self.epoch(index / per_epoch)[place * len..];
        let (batch, ahead) = ahead.split_at(len);
        let more = place + 1 < per_epoch as usize;
        (batch, if more { &ahead[..len] } else { &[] })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_batch_that_comes_next_is_told_within_a_pass() {
        let (mut told, mut plain) = (
            Shuffle::new(13, 4, 7).unwrap(),
            Shuffle::new(13, 4, 7).unwrap(),
        );
        assert_eq!(told.per_epoch(), 3);
        for index in 0..12 {
            let (now, next) = told.batch_and_next(index);
            assert_eq!(now, plain.batch(index));
            if index % 3 == 2 {
                assert!(next.is_empty());
            } else {
                assert_eq!(next, plain.batch(index + 1));
            }
        }
    }
}
