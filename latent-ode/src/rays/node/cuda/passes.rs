//! The kernels of an evaluation in their order: what each is launched on.

use super::source::Workspace;
use super::{MOST_BLOCKS, NodeDevice, STATUS, Size};
use crate::{Error, Number};
use autodiff_ae::cuda::dense::THREADS;
use autodiff_ae::cuda::{Argument, Buffer};
use autodiff_ae::{LANES, Mlp};

impl<T: Number> NodeDevice<T> {
    /// Launches a kernel whose arguments are those its source names, on buffers that [`NodeDevice::put`] has made long enough.
    fn launch(
        &self,
        function: &str,
        blocks: usize,
        space: Workspace,
        arguments: &[Argument],
    ) -> Result<(), Error> {
        // SAFETY: the callers below give each kernel the arguments that its source names, in that order; `put` has reserved what the sizes of the plan,
        // checked against the rays there, make the kernels read and write.
        Ok(unsafe {
            self.program
                .launch(function, (blocks, THREADS, space.shared), arguments)
        }?)
    }

    /// Codes of the starts, and with `codes` of all points.
    pub(super) fn encode(&self, size: Size, codes: bool) -> Result<(), Error> {
        let tiles = size.encoder_tiles(codes);
        self.launch(
            "node_encode",
            tiles.min(MOST_BLOCKS),
            self.layout.encode,
            &[
                self.params.argument(),
                self.rays.x.argument(),
                self.rays.aux.argument(),
                self.lanes.argument(),
                self.points.argument(),
                self.room.argument(),
                self.z.argument(),
                count(tiles)?,
                count(size.groups)?,
                count(size.most)?,
            ],
        )
    }

    /// The solves of all groups, with a longer tape where it was too short; what became of every lane.
    pub(super) fn solve(&mut self, size: Size) -> Result<Vec<i32>, Error> {
        let tile = self.shape.latent * LANES;
        let numbers = LANES * STATUS + 1;
        loop {
            let rows = size.groups * self.capacity;
            self.tape.reserve((rows + size.groups) * 6 * tile)?;
            self.steps.reserve(rows * 2 * LANES)?;
            self.firsts.reserve(rows * LANES)?;
            self.launch(
                "node_solve",
                size.groups,
                self.layout.solve,
                &[
                    self.field()?,
                    self.rays.s.argument(),
                    self.rays.aux.argument(),
                    self.lanes.argument(),
                    self.points.argument(),
                    self.z.argument(),
                    self.room.argument(),
                    self.solved.argument(),
                    self.tape.argument(),
                    self.steps.argument(),
                    self.firsts.argument(),
                    self.status.argument(),
                    count(size.most)?,
                    count(self.capacity)?,
                ],
            )?;
            let status = self.status.read(size.groups * numbers)?;
            let full = status.chunks_exact(numbers).any(|s| s[numbers - 1] != 0);
            if !full {
                return Ok(status);
            }
            // A lane attempts no more than `max_steps` steps: the tape is then long enough.
            self.capacity = (2 * self.capacity).min(self.max_steps);
        }
    }

    /// Sums of the penalties of rollout, reconstruction and latent loss; the decoder's gradient, cotangents of the solved states and of the codes.
    pub(super) fn decode(&self, size: Size, codes: bool) -> Result<[f64; 3], Error> {
        let tiles = size.groups * size.most;
        let blocks = tiles.min(MOST_BLOCKS);
        let after_starts = size.groups * self.shape.latent * LANES;
        let start = self.shape.decoder_range().start;
        let behind = |buffer: &Buffer<T>| match codes {
            true => buffer.argument_at(after_starts),
            false => Ok(Argument::null()),
        };
        self.launch(
            "node_decode",
            blocks,
            self.layout.decode,
            &[
                self.params.argument_at(start)?,
                self.rays.x.argument(),
                self.rays.aux.argument(),
                self.lanes.argument(),
                self.points.argument(),
                self.status.argument(),
                self.solved.argument(),
                behind(&self.z)?,
                self.weights.argument(),
                self.settings.argument(),
                self.room.argument(),
                self.bars.argument(),
                behind(&self.z_bar)?,
                self.parts.argument(),
                self.losses.argument(),
                count(tiles)?,
                count(size.most)?,
            ],
        )?;
        self.sum_up(&self.shape.decoder, blocks, start)?;
        let mut sums = [0.0; 3];
        for tile in self.losses.read(3 * tiles)?.chunks_exact(3) {
            for (sum, &loss) in sums.iter_mut().zip(tile) {
                *sum += autodiff_ae::Scalar::f64(loss);
            }
        }
        Ok(sums)
    }

    /// Cotangents of the starts, and the gradient of the field.
    pub(super) fn solve_reverse(&self, size: Size) -> Result<(), Error> {
        self.launch(
            "node_reverse",
            size.groups,
            self.layout.reverse,
            &[
                self.field()?,
                self.rays.s.argument(),
                self.rays.aux.argument(),
                self.lanes.argument(),
                self.points.argument(),
                self.bars.argument(),
                self.tape.argument(),
                self.steps.argument(),
                self.firsts.argument(),
                self.status.argument(),
                self.room.argument(),
                self.z_bar.argument(),
                self.parts.argument(),
                count(size.most)?,
                count(self.capacity)?,
            ],
        )?;
        let start = self.shape.field_range().start;
        self.sum_up(&self.shape.field, size.groups, start)
    }

    /// The gradient of the encoder.
    pub(super) fn encode_reverse(&self, size: Size, codes: bool) -> Result<(), Error> {
        let tiles = size.encoder_tiles(codes);
        let blocks = tiles.min(MOST_BLOCKS);
        self.launch(
            "node_encode_reverse",
            blocks,
            self.layout.encode,
            &[
                self.params.argument(),
                self.rays.x.argument(),
                self.rays.aux.argument(),
                self.lanes.argument(),
                self.points.argument(),
                self.z_bar.argument(),
                self.room.argument(),
                self.parts.argument(),
                count(tiles)?,
                count(size.groups)?,
                count(size.most)?,
            ],
        )?;
        self.sum_up(&self.shape.encoder, blocks, 0)
    }

    /// Where the field's parameters begin.
    fn field(&self) -> Result<Argument, Error> {
        Ok(self.params.argument_at(self.shape.field_range().start)?)
    }

    /// The sum of the blocks' gradients of a network, to its place in the whole gradient.
    fn sum_up(&self, mlp: &Mlp, blocks: usize, at: usize) -> Result<(), Error> {
        let len = mlp.param_len();
        let none = Workspace {
            numbers: 0,
            shared: 0,
        };
        self.launch(
            "dense_reduce",
            len.div_ceil(THREADS),
            none,
            &[
                self.parts.argument(),
                self.sum.argument_at(at)?,
                Argument::long(len),
                Argument::long(len),
                count(blocks)?,
            ],
        )
    }
}

impl Size {
    /// Tiles that the encoder sees: the starts, and with codes every point.
    fn encoder_tiles(self, codes: bool) -> usize {
        self.groups + if codes { self.groups * self.most } else { 0 }
    }
}

fn count(value: usize) -> Result<Argument, Error> {
    Ok(Argument::int("numbers of a plan", value)?)
}
