//! Forward and reverse pass in one go, each chunk while it is in cache.

use super::{Pass, State, add, chunk_blocks, clear_padding, lane_weights, slice};
use crate::batch::LANES;
use crate::error::check_length;
use crate::parallel::{chunk_count, part, run};
use crate::tape::Keep;
use crate::{Batch, Error, Scalar};

impl<T: Scalar> Pass<T> {
    /// Forward and reverse in one go, each chunk while it is in cache: `cotangent(block, weight, output, output_bar)` is
    /// called for every block, writes the cotangent of its output and returns the block's part of the loss; `weight` is 1
    /// for a sample and 0 for a padding lane. Adds to `gradient`, writes the input's cotangent to `input_bar` (resized) and
    /// returns the summed loss. For a decoder under a squared error see [`crate::losses::square_error`].
    ///
    /// # Errors
    /// As [`Pass::forward`].
    pub fn forward_reverse(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        cotangent: impl Fn(usize, &[T; LANES], &[[T; LANES]], &mut [[T; LANES]]) -> T + Sync,
        input_bar: Option<&mut Batch<T>>,
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        self.check(params, input)?;
        check_length(
            "gradient of a network",
            self.mlp.param_len(),
            gradient.len(),
        )?;
        let (blocks, samples, want_input) = (input.blocks(), input.samples(), input_bar.is_some());
        self.weights.pack(&self.mlp, params, true);
        // The input's cotangents stay in the tapes until collected, so every chunk then needs its own.
        self.prepare(blocks, samples, want_input);
        self.state = State::Nothing;
        let (mlp, weights, tasks) = (&self.mlp, &self.weights, self.tasks.len());
        run(&mut self.tasks, |t, task| {
            task.gradient.resize(mlp.param_len());
            task.gradient.fill(T::zero());
            task.loss = 0.0;
            for c in 0..part(t, tasks, chunk_count(blocks)).len() {
                let tape = &mut task.chunks[if want_input { c } else { 0 }];
                let range = chunk_blocks(t, c, tasks, blocks);
                tape.forward(
                    mlp,
                    weights,
                    slice(input, &range),
                    0,
                    |_| &[],
                    Keep::Reverse,
                );
                let (output, _, bar, _) = tape.output_and_bars();
                let (rows, width) = (mlp.outputs(), mlp.outputs() * LANES);
                for (b, (o, bar)) in output
                    .chunks_exact(width)
                    .zip(bar.chunks_exact_mut(width))
                    .enumerate()
                {
                    let weight = lane_weights(range.start + b, samples);
                    let (o, bar) = (o.as_chunks().0, bar.as_chunks_mut().0);
                    debug_assert_eq!(o.len(), rows);
                    task.loss += cotangent(range.start + b, &weight, o, bar).f64();
                }
                if range.end == blocks {
                    clear_padding(bar, rows, samples);
                }
                tape.reverse(mlp, weights, want_input, &mut task.gradient);
            }
        });
        let mut loss = 0.0;
        for task in &self.tasks {
            add(gradient, &task.gradient);
            loss += task.loss;
        }
        if let Some(bar) = input_bar {
            bar.shape_as(self.mlp.inputs(), samples);
            self.collect(bar, |tape| tape.input_bar());
        }
        Ok(loss)
    }
}
