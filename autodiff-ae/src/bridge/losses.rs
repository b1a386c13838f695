//! L0–L3 (Grassi et al. 2021) as functions on dfdx's tape.

use super::dual::{Dual, ForwardTangents, absorb};
use crate::error::check_length;
use crate::{Error, LossConfig, LossValues, Reduction};
use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

type Rows<const F: usize, E, D> = Tensor<(usize, Const<F>), E, D>;
type Traced<S, E, D> = Tensor<S, E, D, OwnedTape<E, D>>;

/// The weighted sum of the four losses on dfdx's tape, ready for `backward` or for more terms, and their values.
///
/// `rate` is the latent right-hand side by dfdx's operations, or [`super::rate`]. `gradients` as `alloc_grads` of what is trained
/// gives them; `Gradients::leaky()` where nothing is reused.
///
/// # Errors
/// [`Error::Length`] when shapes do not fit, [`Error::EmptyBatch`]; what `rate` returns; [`Error::Objective`] with dfdx's error
/// when memory runs out.
pub fn losses<const F: usize, const Z: usize, E, D, Encoder, Decoder>(
    encoder: &Encoder,
    decoder: &Decoder,
    rate: impl FnOnce(Traced<(usize, Const<Z>), E, D>) -> Result<Traced<(usize, Const<Z>), E, D>, Error>,
    x: Rows<F, E, D>,
    xdot: Rows<F, E, D>,
    config: &LossConfig,
    gradients: Gradients<E, D>,
) -> Result<(Traced<Rank0, E, D>, LossValues), Error>
where
    E: Dtype + crate::Scalar,
    D: Device<E>,
    D::Err: std::fmt::Display,
    Encoder: ForwardTangents<(usize, Const<F>), E, D, Output = (usize, Const<Z>)>,
    Decoder: ForwardTangents<(usize, Const<Z>), E, D, Output = (usize, Const<F>)>,
{
    let samples = x.shape().0;
    check_length("masses of the latent species", Z, config.masses.len())?;
    check_length("samples of ẋ", samples, xdot.shape().0)?;
    if samples == 0 {
        return Err(Error::EmptyBatch);
    }
    let failed = |e: D::Err| Error::Objective(e.to_string().into());
    let z = encoder
        .forward_tangents(Dual::new(x.clone(), vec![xdot.clone()], gradients))
        .map_err(failed)?;
    let mut tape = z.tape;
    let (z, zdot) = (z.value, z.tangents);
    let zdot = zdot.into_iter().next().ok_or(Error::EmptyBatch)?;
    let g = absorb(&mut tape, rate(z.retaped())?);
    let decoded = decoder
        .forward_tangents(Dual {
            value: z,
            tangents: vec![g.clone()],
            tape,
        })
        .map_err(failed)?;

    let (nf, nz) = match config.reduction {
        Reduction::Mean => ((samples * F) as f64, (samples * Z) as f64),
        Reduction::Sum => (samples as f64, samples as f64),
    };
    let masses = config.masses.iter().map(|m| E::of(*m)).collect();
    let masses: Tensor<(Const<Z>, Const<1>), E, D> = x
        .device()
        .try_tensor_from_vec(masses, (Const::<Z>, Const::<1>))
        .map_err(failed)?;
    let mut values = LossValues::default();
    let total = decoded.loss(|y, ydot| {
        let ydot = ydot.into_iter().next().ok_or(Error::EmptyBatch)?;
        let square = |a: Traced<_, E, D>, b: Rows<F, E, D>| a.try_sub(b)?.try_square()?.try_sum();
        let (g, zdot) = (g.retaped::<OwnedTape<E, D>>(), zdot.retaped());
        let mass = |v: Traced<(usize, Const<Z>), E, D>| {
            let sums: Traced<(usize, Const<1>), E, D> = v.try_matmul(masses.clone())?;
            sums.try_abs()?.try_sum::<Rank0, _>()
        };
        let four = || -> Result<[(Traced<Rank0, E, D>, f64); 4], D::Err> {
            let l1 = g
                .with_empty_tape()
                .try_sub(zdot.with_empty_tape())?
                .try_square()?
                .try_sum()?;
            let l3 = mass(zdot)?.try_add(mass(g)?)?;
            Ok([
                (square(y, x)?, nf),
                (l1, nz),
                (square(ydot, xdot)?, nf),
                (l3, samples as f64),
            ])
        };
        let four = four().map_err(failed)?;
        let weights = config.weights.as_array();
        let mut sum: Option<Traced<Rank0, E, D>> = None;
        for (k, (loss, n)) in four.into_iter().enumerate() {
            values.losses[k] = loss.as_vec()[0].f64() / n;
            values.total += weights[k] * values.losses[k];
            let term = loss.try_mul(E::of(weights[k] / n)).map_err(failed)?;
            sum = Some(match sum {
                Some(before) => before.try_add(term).map_err(failed)?,
                None => term,
            });
        }
        sum.ok_or(Error::EmptyBatch)
    })?;
    Ok((total, values))
}
