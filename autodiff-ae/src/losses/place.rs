//! Memory of the loss pass: what a thread needs where it works, and what a task leaves. Laid out by what costs time between two cores.

use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::tape::{Tape, Weights};
use crate::{Autoencoder, Scalar};

/// What neighbouring chunks amount to.
#[derive(Debug)]
pub(super) struct Task<T> {
    pub gradient: Buffer<T>,
    /// Whether the gradient is zero.
    pub clear: bool,
    pub sums: [f64; 4],
}

/// Parameters of more bytes than this are read by all threads where they lie: their steps are long.
pub(super) const HANDED_BYTES: usize = 256 << 10;

/// Where one thread works.
///
/// Cores pass cache lines on. One that is read and written at once moves over in some 4 ns; to write one that the other core also holds, having
/// read it, takes 65 ns if the cores are far apart (15 ns if not), and nothing hides it. So a thread's parameters are handed over by
/// swapping, weights are packed by each thread for itself, and gradients are cleared as they are read: at batch 512 a step of the first method's
/// network on two distant cores takes 160–169 µs with all this and 192–205 µs without (one thread: 270–290 µs).
#[derive(Debug)]
pub(super) struct Place<T> {
    pub chunk: Chunk<T>,
    /// Parameters on their way, and those that have arrived; both empty where the thread reads the caller's.
    handed: Vec<T>,
    params: Vec<T>,
}

/// What one chunk needs.
#[derive(Debug)]
pub(super) struct Chunk<T> {
    pub encoder: Tape<T>,
    pub decoder: Tape<T>,
    /// The weights of encoder and decoder, packed.
    pub weights: [Weights<T>; 2],
    pub packed: bool,
    /// g, `[block][latent][lane]`.
    pub rate: Buffer<T>,
    pub difference: Buffer<T>,
    /// Conditions, `[block][condition][lane]`.
    pub conditions: Buffer<T>,
    pub conditions_bar: Buffer<T>,
    /// Of the chunks since this was last cleared.
    pub sums: [f64; 4],
}

impl<T: Scalar> Place<T> {
    /// With no memory yet, of a model.
    pub fn new(model: &Autoencoder) -> Self {
        let chunk = Chunk {
            encoder: Tape::new(model.encoder()),
            decoder: Tape::new(model.decoder()),
            weights: [Weights::new(model.encoder()), Weights::new(model.decoder())],
            packed: false,
            rate: Buffer::new(),
            difference: Buffer::new(),
            conditions: Buffer::new(),
            conditions_bar: Buffer::new(),
            sums: [0.0; 4],
        };
        Self {
            chunk,
            handed: Vec::new(),
            params: Vec::new(),
        }
    }

    /// Sends parameters, leaving in `copy` what lay there before.
    pub fn hand(&mut self, copy: &mut [T]) {
        self.handed.resize(copy.len(), T::zero());
        self.handed.swap_with_slice(copy);
    }

    /// The parameters to use: those handed over, else the caller's.
    pub fn with_params<'p>(&'p mut self, callers: &'p [T]) -> (&'p mut Chunk<T>, &'p [T]) {
        if self.handed.is_empty() {
            return (&mut self.chunk, callers);
        }
        if !self.chunk.packed {
            self.params.resize(self.handed.len(), T::zero());
            self.params.swap_with_slice(&mut self.handed);
        }
        (&mut self.chunk, &self.params)
    }
}

impl<T> Default for Task<T> {
    fn default() -> Self {
        Self {
            gradient: Buffer::new(),
            clear: false,
            sums: [0.0; 4],
        }
    }
}

impl<T: Scalar> Chunk<T> {
    pub fn prepare(&mut self, blocks: usize, latent: usize, conditions: usize) {
        self.rate.resize(blocks * latent * LANES);
        self.difference.resize(latent * LANES);
        self.conditions_bar.resize(conditions * LANES);
        self.packed = false;
    }
}
