//! Parameters and batches across the border: flat vectors and features × samples here, modules and rows there.

use super::chain::{Chain, shape_of};
use crate::error::check_length;
use crate::{Batch, Error, Mlp, ParamView, Scalar};
use dfdx::nn::tensor_collection::{
    RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut, ViewTensorRef,
};
use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

/// Goes through the tensors of a module beside the views of a network.
struct Walk<'p, P> {
    views: std::vec::IntoIter<ParamView>,
    params: &'p mut P,
}

impl<P> Walk<'_, P> {
    /// The view of the next tensor, which must have its shape.
    fn next(&mut self, shape: impl IntoIterator<Item = usize>) -> Result<ParamView, Error> {
        let shape: Vec<usize> = shape.into_iter().collect();
        match self.views.next() {
            Some(view) if view.shape == shape => Ok(view),
            Some(view) => Err(Error::Shape(format!(
                "dfdx module: a tensor of {shape:?} where {} has {:?}",
                view.name, view.shape
            ))),
            None => Err(Error::Shape(format!(
                "dfdx module: a tensor of {shape:?} too many"
            ))),
        }
    }
}

struct Write<'p, E>(Walk<'p, &'p [E]>);
struct Read<'p, E>(Walk<'p, &'p mut [E]>);

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Write<'_, E> {
    type Viewer = ViewTensorMut;
    type Err = Error;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        tensor: &mut Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, Error> {
        let view = self.0.next(tensor.shape().concrete())?;
        tensor.copy_from(&self.0.params[view.range]);
        Ok(None)
    }
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Read<'_, E> {
    type Viewer = ViewTensorRef;
    type Err = Error;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        tensor: &Tensor<S, E, D>,
    ) -> Result<Option<Tensor<S, E, D>>, Error> {
        let view = self.0.next(tensor.shape().concrete())?;
        tensor.copy_into(&mut self.0.params[view.range]);
        Ok(None)
    }
}

/// Refuses a network that the module's type does not describe.
fn check<M: Chain>(mlp: &Mlp, len: usize) -> Result<(), Error> {
    check_length("parameters", mlp.param_len(), len)?;
    let module = shape_of::<M>()?;
    if module.layers() == mlp.layers() {
        Ok(())
    } else {
        Err(Error::Shape(format!(
            "the dfdx module is {:?}, the network {:?}",
            module.shape(),
            mlp.shape()
        )))
    }
}

/// Copies the parameters of a network into a dfdx module of the same layers.
///
/// # Errors
/// [`Error::Shape`] when the module is another network, [`Error::Length`] when `params` has another length than the network.
pub fn to_module<E, D, M>(mlp: &Mlp, params: &[E], module: &mut M) -> Result<(), Error>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D> + Chain,
{
    check::<M>(mlp, params.len())?;
    let mut params = params;
    let mut write = Write(Walk {
        views: mlp.views("layer", 0).into_iter(),
        params: &mut params,
    });
    M::iter_tensors(&mut RecursiveWalker {
        m: module,
        f: &mut write,
    })?;
    Ok(())
}

/// Copies the parameters of a dfdx module into the flat vector of a network of the same layers.
///
/// # Errors
/// As [`to_module`].
pub fn from_module<E, D, M>(mlp: &Mlp, module: &M, params: &mut [E]) -> Result<(), Error>
where
    E: Dtype,
    D: Device<E>,
    M: TensorCollection<E, D> + Chain,
{
    check::<M>(mlp, params.len())?;
    let mut params = params;
    let mut read = Read(Walk {
        views: mlp.views("layer", 0).into_iter(),
        params: &mut params,
    });
    M::iter_tensors(&mut RecursiveWalker {
        m: module,
        f: &mut read,
    })?;
    Ok(())
}

/// A batch as dfdx's rows.
///
/// # Errors
/// [`Error::Length`] unless the batch has `F` features; [`Error::Objective`] with dfdx's error when memory runs out.
pub fn tensor_of<const F: usize, E, D>(
    batch: &Batch<E>,
    device: &D,
) -> Result<Tensor<(usize, Const<F>), E, D>, Error>
where
    E: Dtype + Scalar,
    D: Device<E>,
    D::Err: std::fmt::Display,
{
    check_length("features of the tensor", F, batch.features())?;
    device
        .try_tensor_from_vec(batch.to_columns(), (batch.samples(), Const::<F>))
        .map_err(|e| Error::Objective(e.to_string().into()))
}

/// dfdx's rows as a batch.
///
/// # Errors
/// None in practice; the signature follows [`Batch::from_columns`].
pub fn batch_of<const F: usize, E, D, T>(
    tensor: &Tensor<(usize, Const<F>), E, D, T>,
) -> Result<Batch<E>, Error>
where
    E: Dtype + Scalar,
    D: Device<E>,
{
    Batch::from_columns(&tensor.as_vec(), F, tensor.shape().0)
}
