//! Pieces of batches in blocked order: chunks of them, the lanes that hold samples, sums.

use crate::batch::LANES;
use crate::{Batch, Scalar};

/// The blocks `range` of a batch.
pub(crate) fn slice<'a, T: Scalar>(batch: &'a Batch<T>, range: &std::ops::Range<usize>) -> &'a [T] {
    let width = batch.features() * LANES;
    &batch.as_blocked()[range.start * width..range.end * width]
}

/// 1 for every lane of a block that holds a sample, else 0.
pub(crate) fn lane_weights<T: Scalar>(block: usize, samples: usize) -> [T; LANES] {
    let valid = samples - block * LANES;
    std::array::from_fn(|lane| if lane < valid { T::one() } else { T::zero() })
}

/// Zeroes the padding lanes of the last block of a chunk that ends a batch: they must not enter a gradient.
pub(crate) fn clear_padding<T: Scalar>(chunk: &mut [T], rows: usize, samples: usize) {
    let used = samples % LANES;
    if used == 0 || chunk.is_empty() {
        return;
    }
    let start = chunk.len() - rows * LANES;
    for row in chunk[start..].chunks_exact_mut(LANES) {
        row[used..].fill(T::zero());
    }
}

/// a += b.
pub(crate) fn add<T: Scalar>(a: &mut [T], b: &[T]) {
    for (x, y) in a.iter_mut().zip(b) {
        *x += *y;
    }
}
