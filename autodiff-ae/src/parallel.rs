//! How a batch is cut into chunks and the chunks into tasks: by its size alone, so that results do not depend on threads.

use rayon::prelude::*;
use std::ops::Range;

/// Blocks per chunk at most: 256 samples, whose activations in a 128-wide layer (128 KiB) stay in a core's second-level cache.
const CHUNK_BLOCKS: usize = 8;
/// Tasks at most; each owns a gradient that is summed at the end.
const TASKS: usize = 16;

/// Number of chunks of a batch of `blocks` blocks: even, so that two or four threads share alike, and one for
/// small batches, where waking a thread costs more than it saves.
pub(crate) fn chunk_count(blocks: usize) -> usize {
    match blocks {
        0 => 0,
        1..4 => 1,
        4..16 => 2,
        _ => blocks.div_ceil(CHUNK_BLOCKS).next_multiple_of(4),
    }
}

/// Part `i` of `count` nearly equal parts of `0..total`.
pub(crate) fn part(i: usize, count: usize, total: usize) -> Range<usize> {
    i * total / count..(i + 1) * total / count
}

/// Blocks of the largest chunk.
pub(crate) fn largest_chunk(blocks: usize) -> usize {
    blocks.div_ceil(chunk_count(blocks).max(1))
}

/// Number of tasks for that many chunks.
pub(crate) fn task_count(chunks: usize) -> usize {
    chunks.min(TASKS)
}

/// Runs every task, in parallel where there is more than one and rayon has more than one thread.
pub(crate) fn run<S: Send>(tasks: &mut [S], work: impl Fn(usize, &mut S) + Sync) {
    if tasks.len() < 2 || rayon::current_num_threads() == 1 {
        tasks
            .iter_mut()
            .enumerate()
            .for_each(|(i, task)| work(i, task));
    } else {
        tasks
            .par_iter_mut()
            .enumerate()
            .with_max_len(1)
            .for_each(|(i, task)| work(i, task));
    }
}
