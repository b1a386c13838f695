//! The whole Jacobian of a network for every sample of a batch, and the reverse pass through it.

use super::Pass;
use crate::error::check_length;
use crate::{Batch, Error, Scalar};

impl<T: Scalar> Pass<T> {
    /// Output and whole Jacobian ∂output/∂input of every sample, by one tangent per input. `jacobian` is resized to
    /// outputs · inputs features; a sample's column holds its Jacobian column-major, outputs × inputs, as nalgebra lays it out.
    ///
    /// Takes `inputs` times the memory and nearly the time of a tangent: a loss that needs the product with a vector alone is
    /// far cheaper with [`Pass::forward_tangent`].
    ///
    /// # Errors
    /// As [`Pass::forward`].
    pub fn jacobian(
        &mut self,
        params: &[T],
        input: &Batch<T>,
        output: &mut Batch<T>,
        jacobian: &mut Batch<T>,
    ) -> Result<(), Error> {
        let (inputs, outputs, samples) = (self.mlp.inputs(), self.mlp.outputs(), input.samples());
        let units: Vec<Batch<T>> = (0..inputs)
            .map(|i| {
                let mut unit = Batch::zeros(inputs, samples);
                for b in 0..unit.blocks() {
                    unit.block_mut(b)[i].fill(T::one());
                }
                unit
            })
            .collect();
        let mut columns = vec![Batch::zeros(outputs, samples); inputs];
        self.forward_tangents(params, input, &units, output, &mut columns)?;
        jacobian.shape_as(outputs * inputs, samples);
        for b in 0..jacobian.blocks() {
            let rows = jacobian.block_mut(b).chunks_exact_mut(outputs);
            for (rows, column) in rows.zip(&columns) {
                rows.copy_from_slice(column.block(b));
            }
        }
        Ok(())
    }

    /// Reverse pass after [`Pass::jacobian`], from the cotangents of output and Jacobian (laid out alike). Adds to `gradient`;
    /// `input_bar`, where asked for, receives the cotangent of the input.
    ///
    /// # Errors
    /// As [`Pass::reverse`].
    pub fn reverse_jacobian(
        &mut self,
        output_bar: &Batch<T>,
        jacobian_bar: &Batch<T>,
        input_bar: Option<&mut Batch<T>>,
        gradient: &mut [T],
    ) -> Result<(), Error> {
        let (inputs, outputs) = (self.mlp.inputs(), self.mlp.outputs());
        check_length(
            "features of the Jacobian's cotangent",
            outputs * inputs,
            jacobian_bar.features(),
        )?;
        let columns: Vec<Batch<T>> = (0..inputs)
            .map(|i| {
                let mut column = Batch::zeros(outputs, jacobian_bar.samples());
                for b in 0..column.blocks() {
                    let rows = &jacobian_bar.block(b)[i * outputs..(i + 1) * outputs];
                    column.block_mut(b).copy_from_slice(rows);
                }
                column
            })
            .collect();
        match input_bar {
            None => self.reverse_tangents(output_bar, &columns, None, gradient),
            Some(bar) => {
                // The cotangents of the unit tangents are of no use: they are constants.
                let mut unused = vec![Batch::zeros(inputs, 0); inputs];
                let bars = Some((bar, &mut unused[..]));
                self.reverse_tangents(output_bar, &columns, bars, gradient)
            }
        }
    }
}
