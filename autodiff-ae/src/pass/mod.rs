//! A network on a whole batch: forward and reverse in parallel over chunks, for training through a rollout and for prediction.

mod blocks;
mod fused;
mod jacobian;
mod reverse;

use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::error::check_length;
use crate::parallel::{chunk_count, part, run, task_count};
use crate::tape::{Keep, Tape, Weights};
use crate::{Batch, Error, Mlp, Scalar};
pub(crate) use blocks::{add, clear_padding, lane_weights, slice};

/// Reusable workspace of one network on one batch: activations of every layer and scratch. Nothing is allocated
/// while batches stay as large as they were. Use one per network and role (encode, decode, decode the rollout).
#[derive(Debug)]
pub struct Pass<T> {
    mlp: Mlp,
    weights: Weights<T>,
    tasks: Vec<Task<T>>,
    samples: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    /// With so many tangents.
    Forward(usize),
}

/// Neighbouring chunks that one thread works through.
#[derive(Debug)]
struct Task<T> {
    chunks: Vec<Tape<T>>,
    gradient: Buffer<T>,
    loss: f64,
}

/// Blocks of chunk `c` of task `t`.
fn chunk_blocks(t: usize, c: usize, tasks: usize, blocks: usize) -> std::ops::Range<usize> {
    let chunks = chunk_count(blocks);
    part(part(t, tasks, chunks).start + c, chunks, blocks)
}

impl<T: Scalar> Pass<T> {
    /// A workspace for a network; it grows with the first batch.
    pub fn new(mlp: &Mlp) -> Self {
        Self {
            mlp: mlp.clone(),
            weights: Weights::new(mlp),
            tasks: Vec::new(),
            samples: 0,
            state: State::Nothing,
        }
    }

    /// The network.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// Sets up the tasks; with `whole` every chunk keeps its activations, else each task reuses one tape.
    fn prepare(&mut self, blocks: usize, samples: usize, whole: bool) {
        let chunks = chunk_count(blocks);
        let tasks = task_count(chunks);
        self.samples = samples;
        self.tasks.truncate(tasks);
        while self.tasks.len() < tasks {
            self.tasks.push(Task {
                chunks: Vec::new(),
                gradient: Buffer::new(),
                loss: 0.0,
            });
        }
        for (t, task) in self.tasks.iter_mut().enumerate() {
            let count = if whole {
                part(t, tasks, chunks).len()
            } else {
                1
            };
            while task.chunks.len() < count {
                task.chunks.push(Tape::new(&self.mlp));
            }
        }
    }

    fn check(&self, params: &[T], input: &Batch<T>) -> Result<(), Error> {
        check_length(
            "parameters of a network",
            self.mlp.param_len(),
            params.len(),
        )?;
        check_length("features of the input", self.mlp.inputs(), input.features())?;
        if input.samples() == 0 {
            Err(Error::EmptyBatch)
        } else {
            Ok(())
        }
    }

    fn run_forward(&mut self, params: &[T], input: &Batch<T>, tangents: &[Batch<T>], keep: Keep) {
        let blocks = input.blocks();
        self.weights.pack(&self.mlp, params, keep == Keep::Reverse);
        self.prepare(blocks, input.samples(), true);
        let (mlp, weights, tasks) = (&self.mlp, &self.weights, self.tasks.len());
        run(&mut self.tasks, |t, task| {
            for (c, tape) in task
                .chunks
                .iter_mut()
                .enumerate()
                .take(part(t, tasks, chunk_count(blocks)).len())
            {
                let range = chunk_blocks(t, c, tasks, blocks);
                tape.forward(
                    mlp,
                    weights,
                    slice(input, &range),
                    tangents.len(),
                    |k| slice(&tangents[k], &range),
                    keep,
                );
            }
        });
    }

    /// Copies an array of every chunk into a batch.
    fn collect(&self, into: &mut Batch<T>, array: impl Fn(&Tape<T>) -> &[T]) {
        let (tasks, blocks, width) = (self.tasks.len(), into.blocks(), into.features() * LANES);
        for (t, task) in self.tasks.iter().enumerate() {
            for (c, tape) in task
                .chunks
                .iter()
                .enumerate()
                .take(part(t, tasks, chunk_count(blocks)).len())
            {
                let range = chunk_blocks(t, c, tasks, blocks);
                into.as_blocked_mut()[range.start * width..range.end * width]
                    .copy_from_slice(array(tape));
            }
        }
    }

    /// `output` = network(`input`), keeping what [`Pass::reverse`] needs. `output` is resized.
    ///
    /// # Errors
    /// [`Error::Length`] when shapes do not fit, [`Error::EmptyBatch`].
    pub fn forward(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        output: &mut Batch<T>,
    ) -> Result<(), Error> {
        self.check(params, input)?;
        self.run_forward(params, input, &[], Keep::Reverse);
        self.state = State::Forward(0);
        output.shape_as(self.mlp.outputs(), input.samples());
        self.collect(output, |tape| tape.output());
        Ok(())
    }

    /// `output` = network(`input`) alone, nothing kept for a reverse pass: cheaper.
    ///
    /// # Errors
    /// As [`Pass::forward`].
    pub fn predict(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        output: &mut Batch<T>,
    ) -> Result<(), Error> {
        self.check(params, input)?;
        self.run_forward(params, input, &[], Keep::Output);
        self.state = State::Nothing;
        output.shape_as(self.mlp.outputs(), input.samples());
        self.collect(output, |tape| tape.output());
        Ok(())
    }

    /// Value and tangent together: `output_tangent` is the Jacobian of the network at `input` times `tangent`.
    ///
    /// # Errors
    /// As [`Pass::forward`].
    pub fn forward_tangent(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        tangent: &Batch<T>,
        output: &mut Batch<T>,
        output_tangent: &mut Batch<T>,
    ) -> Result<(), Error> {
        use std::slice::{from_mut, from_ref};
        self.forward_tangents(
            params,
            input,
            from_ref(tangent),
            output,
            from_mut(output_tangent),
        )
    }

    /// Value and any number of tangents together: `output_tangents[k]` is the Jacobian of the network at `input` times
    /// `tangents[k]`. The activations are evaluated once for all of them. Outputs are resized.
    ///
    /// # Errors
    /// As [`Pass::forward`].
    pub fn forward_tangents(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        tangents: &[Batch<T>],
        output: &mut Batch<T>,
        output_tangents: &mut [Batch<T>],
    ) -> Result<(), Error> {
        self.check(params, input)?;
        check_length("tangents", tangents.len(), output_tangents.len())?;
        for tangent in tangents {
            check_length(
                "features of the tangent",
                input.features(),
                tangent.features(),
            )?;
            check_length("samples of the tangent", input.samples(), tangent.samples())?;
        }
        self.run_forward(params, input, tangents, Keep::Reverse);
        self.state = State::Forward(tangents.len());
        output.shape_as(self.mlp.outputs(), input.samples());
        self.collect(output, |tape| tape.output());
        for (k, tangent) in output_tangents.iter_mut().enumerate() {
            tangent.shape_as(self.mlp.outputs(), input.samples());
            self.collect(tangent, |tape| tape.output_tangent(k));
        }
        Ok(())
    }
}
