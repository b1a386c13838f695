//! The reverse pass of a network on a whole batch, through its value and its tangents.

use super::{Pass, State, add, chunk_blocks, clear_padding, slice};
use crate::error::check_length;
use crate::parallel::{chunk_count, part, run};
use crate::{Batch, Error, Scalar};

impl<T: Scalar> Pass<T> {
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
        if self.state != State::Forward(0) {
            return Err(Error::NoForward(
                "Pass::reverse needs Pass::forward before it",
            ));
        }
        let input_bars = input_bar.map(|bar| (bar, &mut [][..]));
        self.reverse_tangents(output_bar, &[], input_bars, gradient)
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
        use std::slice::{from_mut, from_ref};
        let input_bars = input_bars.map(|(bar, tangent_bar)| (bar, from_mut(tangent_bar)));
        self.reverse_tangents(
            output_bar,
            from_ref(output_tangent_bar),
            input_bars,
            gradient,
        )
    }

    /// Reverse pass after [`Pass::forward_tangents`], from the cotangents of output and output tangents; `input_bars` are those
    /// of input and input tangents.
    ///
    /// # Errors
    /// As [`Pass::reverse`].
    pub fn reverse_tangents(
        &mut self,
        output_bar: &Batch<T>,
        output_tangent_bars: &[Batch<T>],
        input_bars: Option<(&mut Batch<T>, &mut [Batch<T>])>,
        gradient: &mut [T],
    ) -> Result<(), Error> {
        let State::Forward(tangents) = self.state else {
            return Err(Error::NoForward(
                "a reverse pass needs its forward pass before it",
            ));
        };
        if tangents != output_tangent_bars.len() {
            return Err(Error::NoForward(
                "a reverse pass needs a forward pass with as many tangents before it",
            ));
        }
        self.check_reverse(output_bar, gradient)?;
        for bar in output_tangent_bars {
            self.check_reverse(bar, gradient)?;
        }
        if let Some((_, bars)) = &input_bars {
            check_length("cotangents of the input's tangents", tangents, bars.len())?;
        }
        self.run_reverse(
            output_bar,
            output_tangent_bars,
            input_bars.is_some(),
            gradient,
        );
        if let Some((bar, tangent_bars)) = input_bars {
            bar.shape_as(self.mlp.inputs(), self.samples);
            self.collect(bar, |tape| tape.input_bar());
            for (k, bar) in tangent_bars.iter_mut().enumerate() {
                bar.shape_as(self.mlp.inputs(), self.samples);
                self.collect(bar, |tape| tape.input_tangent_bar(k));
            }
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
        tangent_bars: &[Batch<T>],
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
                let fill = |bar: &mut [T], batch: &Batch<T>| {
                    bar.copy_from_slice(slice(batch, &range));
                    if range.end == blocks {
                        clear_padding(bar, mlp.outputs(), samples);
                    }
                };
                fill(tape.output_and_bars().2, output_bar);
                for (k, batch) in tangent_bars.iter().enumerate() {
                    fill(tape.output_tangent_bar(k), batch);
                }
                tape.reverse(mlp, weights, want_input, &mut task.gradient);
            }
        });
        for task in &self.tasks {
            add(gradient, &task.gradient);
        }
    }
}
