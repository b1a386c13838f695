//! A network on a whole batch: forward and reverse in parallel over chunks, for training through a rollout and for prediction.

use crate::batch::LANES;
use crate::buffer::Buffer;
use crate::error::check_length;
use crate::parallel::{chunk_count, part, run, task_count};
use crate::tape::{Keep, Tape, Weights};
use crate::{Batch, Error, Mlp, Scalar};

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
    Value,
    Tangent,
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

    fn run_forward(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        tangent: Option<&Batch<T>>,
        keep: Keep,
    ) {
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
                    tangent.map(|x| slice(x, &range)),
                    keep,
                );
            }
        });
    }

    /// Copies an array of every chunk into a batch.
    fn collect(&mut self, into: &mut Batch<T>, array: impl Fn(&mut Tape<T>) -> &[T]) {
        let (tasks, blocks, width) = (self.tasks.len(), into.blocks(), into.features() * LANES);
        for (t, task) in self.tasks.iter_mut().enumerate() {
            for (c, tape) in task
                .chunks
                .iter_mut()
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
        self.run_forward(params, input, None, Keep::Reverse);
        self.state = State::Value;
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
        self.run_forward(params, input, None, Keep::Output);
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
        self.check(params, input)?;
        check_length(
            "features of the tangent",
            input.features(),
            tangent.features(),
        )?;
        check_length("samples of the tangent", input.samples(), tangent.samples())?;
        self.run_forward(params, input, Some(tangent), Keep::Reverse);
        self.state = State::Tangent;
        output.shape_as(self.mlp.outputs(), input.samples());
        output_tangent.shape_as(self.mlp.outputs(), input.samples());
        self.collect(output, |tape| tape.output());
        self.collect(output_tangent, |tape| tape.output_tangent());
        Ok(())
    }

    /// Reverse pass after [`Pass::forward`]: adds the product of `output_bar` with ∂output/∂parameters to `gradient` and,
    /// where asked for, writes its product with ∂output/∂input to `input_bar` (resized).
    /// The parameters are those of the forward pass. May be repeated with other cotangents.
    ///
    /// # Errors
    /// [`Error::NoForward`] without a forward pass before, [`Error::Length`] when shapes do not fit.
    pub fn reverse(
        &mut self,
        output_bar: &Batch<T>,
        input_bar: Option<&mut Batch<T>>,
        gradient: &mut [T],
    ) -> Result<(), Error> {
        if self.state != State::Value {
            return Err(Error::NoForward(
                "Pass::reverse needs Pass::forward before it",
            ));
        }
        self.check_reverse(output_bar, gradient)?;
        self.run_reverse(output_bar, None, input_bar.is_some(), gradient);
        if let Some(bar) = input_bar {
            bar.shape_as(self.mlp.inputs(), self.samples);
            self.collect(bar, |tape| tape.input_bars().0);
        }
        Ok(())
    }

    /// Reverse pass after [`Pass::forward_tangent`], from the cotangents of output and output tangent;
    /// `input_bars` are those of input and input tangent.
    ///
    /// # Errors
    /// As [`Pass::reverse`].
    pub fn reverse_tangent(
        &mut self,
        output_bar: &Batch<T>,
        output_tangent_bar: &Batch<T>,
        input_bars: Option<(&mut Batch<T>, &mut Batch<T>)>,
        gradient: &mut [T],
    ) -> Result<(), Error> {
        if self.state != State::Tangent {
            return Err(Error::NoForward(
                "Pass::reverse_tangent needs Pass::forward_tangent before it",
            ));
        }
        self.check_reverse(output_bar, gradient)?;
        self.check_reverse(output_tangent_bar, gradient)?;
        self.run_reverse(
            output_bar,
            Some(output_tangent_bar),
            input_bars.is_some(),
            gradient,
        );
        if let Some((bar, tangent_bar)) = input_bars {
            bar.shape_as(self.mlp.inputs(), self.samples);
            tangent_bar.shape_as(self.mlp.inputs(), self.samples);
            self.collect(bar, |tape| tape.input_bars().0);
            self.collect(tangent_bar, |tape| tape.input_bars().1);
        }
        Ok(())
    }

    fn check_reverse(&self, bar: &Batch<T>, gradient: &[T]) -> Result<(), Error> {
        check_length(
            "features of the output's cotangent",
            self.mlp.outputs(),
            bar.features(),
        )?;
        check_length(
            "samples of the output's cotangent",
            self.samples,
            bar.samples(),
        )?;
        check_length(
            "gradient of a network",
            self.mlp.param_len(),
            gradient.len(),
        )
    }

    fn run_reverse(
        &mut self,
        output_bar: &Batch<T>,
        tangent_bar: Option<&Batch<T>>,
        want_input: bool,
        gradient: &mut [T],
    ) {
        let (blocks, samples) = (output_bar.blocks(), self.samples);
        let (mlp, weights, tasks) = (&self.mlp, &self.weights, self.tasks.len());
        run(&mut self.tasks, |t, task| {
            task.gradient.resize(mlp.param_len());
            task.gradient.fill(T::zero());
            for (c, tape) in task
                .chunks
                .iter_mut()
                .enumerate()
                .take(part(t, tasks, chunk_count(blocks)).len())
            {
                let range = chunk_blocks(t, c, tasks, blocks);
                let last = range.end == blocks;
                let (_, _, bar, bar_tangent) = tape.output_and_bars();
                bar.copy_from_slice(slice(output_bar, &range));
                if let Some(batch) = tangent_bar {
                    bar_tangent.copy_from_slice(slice(batch, &range));
                }
                if last {
                    clear_padding(bar, mlp.outputs(), samples);
                    clear_padding(bar_tangent, mlp.outputs(), samples);
                }
                tape.reverse(mlp, weights, want_input, &mut task.gradient);
            }
        });
        for task in &self.tasks {
            add(gradient, &task.gradient);
        }
    }

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
                tape.forward(mlp, weights, slice(input, &range), None, Keep::Reverse);
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
            self.collect(bar, |tape| tape.input_bars().0);
        }
        Ok(loss)
    }
}

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
fn clear_padding<T: Scalar>(chunk: &mut [T], rows: usize, samples: usize) {
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
