//! Any latent right-hand side as an operation on dfdx's tape.

use crate::error::check_length;
use crate::{Batch, Error, LatentDynamics, Scalar};
use dfdx::prelude::*;
use dfdx::tensor_ops::Device;
use std::sync::Arc;

/// g(z; p, c) for every row of `z`, with its product with a cotangent as the backward operation: gradients flow to `z` and `p`,
/// not to the conditions.
///
/// # Errors
/// [`Error::Length`] when shapes do not fit; [`Error::Objective`] with dfdx's error when memory runs out.
pub fn rate<const Z: usize, E, G>(
    dynamics: &Arc<G>,
    p: &Tensor<(usize,), E, Cpu>,
    conditions: Option<&Batch<E>>,
    z: Tensor<(usize, Const<Z>), E, Cpu, OwnedTape<E, Cpu>>,
) -> Result<Tensor<(usize, Const<Z>), E, Cpu, OwnedTape<E, Cpu>>, Error>
where
    E: Dtype + Scalar,
    Cpu: Device<E>,
    <Cpu as Storage<E>>::Vec: std::ops::DerefMut<Target = Vec<E>>,
    G: LatentDynamics<E> + ?Sized + 'static,
{
    let samples = z.shape().0;
    check_length(
        "latent variables of the right-hand side",
        Z,
        dynamics.latent_dim(),
    )?;
    check_length(
        "parameters of the right-hand side",
        dynamics.param_len(),
        p.shape().0,
    )?;
    let found = conditions.map_or(0, Batch::features);
    check_length("conditions", dynamics.condition_dim(), found)?;
    let conditions = match conditions {
        Some(c) => {
            check_length("samples of the conditions", samples, c.samples())?;
            c.clone()
        }
        None => Batch::zeros(0, samples),
    };
    let (z, mut tape) = z.split_tape();
    let values = Batch::from_columns(&z.as_vec(), Z, samples)?;
    let mut g = Batch::zeros(Z, samples);
    let params = p.as_vec();
    for b in 0..values.blocks() {
        dynamics.value(
            &params,
            values.block(b),
            conditions.block(b),
            g.block_mut(b),
        );
    }
    let out = z
        .device()
        .try_tensor_from_vec(g.to_columns(), (samples, Const::<Z>))
        .map_err(|e| Error::Objective(Box::new(e)))?;
    let (dynamics, p, output) = (Arc::clone(dynamics), p.clone(), out.clone());
    tape.add_backward_op(move |gradients| {
        gradients.try_alloc_for(&z)?;
        gradients.try_alloc_for(&p)?;
        gradients.try_alloc_for(&output)?;
        let mut bar = Batch::zeros(Z, samples);
        let columns = gradients.get(&output).as_vec();
        // The lengths agree by construction; padding lanes stay zero, as `vjp` asks.
        bar.set_columns(&columns)
            .map_err(|_| CpuError::WrongNumElements)?;
        let (mut z_bar, mut c_bar) = (
            Batch::zeros(Z, samples),
            Batch::zeros(conditions.features(), samples),
        );
        let mut p_bar = vec![<E as num_traits::Zero>::zero(); params.len()];
        for b in 0..values.blocks() {
            dynamics.vjp(
                &params,
                values.block(b),
                conditions.block(b),
                bar.block(b),
                z_bar.block_mut(b),
                &mut p_bar,
                c_bar.block_mut(b),
            );
        }
        let add = |into: &mut [E], more: &[E]| {
            into.iter_mut().zip(more).for_each(|(a, b)| *a += *b);
        };
        add(gradients.get_or_alloc_mut(&z)?, &z_bar.to_columns());
        add(gradients.get_or_alloc_mut(&p)?, &p_bar);
        Ok(())
    });
    Ok(out.put_tape(tape))
}
