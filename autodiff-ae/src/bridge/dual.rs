//! A value and its tangents on dfdx's tape, through dense layers.

use super::activations::{Derivative, Identity, Silu, Softplus};
use dfdx::nn::modules::{Linear, Module, ReLU, Residual, Tanh};
use dfdx::prelude::*;
use dfdx::tensor_ops::Device;

/// A tensor on no tape; its history is kept by the [`Dual`] it belongs to.
type Plain<S, E, D> = Tensor<S, E, D, NoneTape>;
type Traced<S, E, D> = Tensor<S, E, D, OwnedTape<E, D>>;

/// A value with any number of tangents, and one tape that holds the history of all of them: whichever of them a loss uses, and
/// whichever it leaves out, its gradient is complete.
#[derive(Debug)]
pub struct Dual<S: Shape, E: Dtype, D: Device<E>> {
    /// The value.
    pub value: Plain<S, E, D>,
    /// Its tangents.
    pub tangents: Vec<Plain<S, E, D>>,
    pub(super) tape: OwnedTape<E, D>,
}

impl<S: Shape, E: Dtype, D: Device<E>> Dual<S, E, D> {
    /// Begins a tape. `gradients` as dfdx's `alloc_grads` of the module that is trained gives them.
    pub fn new(
        value: Plain<S, E, D>,
        tangents: Vec<Plain<S, E, D>>,
        gradients: Gradients<E, D>,
    ) -> Self {
        let (value, tape) = value.traced(gradients).split_tape();
        Self {
            value,
            tangents,
            tape,
        }
    }

    /// A loss of value and tangents by dfdx's operations, with the whole history on its tape: ready for `backward`.
    ///
    /// # Errors
    /// What `loss` returns.
    pub fn loss<Err>(
        self,
        loss: impl FnOnce(Traced<S, E, D>, Vec<Traced<S, E, D>>) -> Result<Traced<Rank0, E, D>, Err>,
    ) -> Result<Traced<Rank0, E, D>, Err> {
        let tangents = self.tangents.iter().map(Tensor::retaped).collect();
        let (loss, tape) = loss(self.value.retaped(), tangents)?.split_tape();
        Ok(loss.put_tape(self.tape.merge(tape)))
    }
}

/// Adds the history of a tensor to a tape.
pub(super) fn absorb<S: Shape, E: Dtype, D: Device<E>>(
    tape: &mut OwnedTape<E, D>,
    tensor: Traced<S, E, D>,
) -> Plain<S, E, D> {
    let (tensor, more) = tensor.split_tape();
    *tape = std::mem::take(tape).merge(more);
    tensor
}

/// A module through which value and tangents go together.
pub trait ForwardTangents<S: Shape, E: Dtype, D: Device<E>> {
    /// Shape of what comes out.
    type Output: Shape;

    /// The module of the value, and its Jacobian times each tangent.
    ///
    /// # Errors
    /// dfdx's, when memory runs out.
    fn forward_tangents(&self, x: Dual<S, E, D>) -> Result<Dual<Self::Output, E, D>, D::Err>;
}

impl<const I: usize, const O: usize, E: Dtype, D: Device<E>>
    ForwardTangents<(usize, Const<I>), E, D> for Linear<I, O, E, D>
{
    type Output = (usize, Const<O>);

    fn forward_tangents(
        &self,
        x: Dual<(usize, Const<I>), E, D>,
    ) -> Result<Dual<Self::Output, E, D>, D::Err> {
        let mut tape = x.tape;
        let value: Traced<Self::Output, E, D> =
            self.try_forward(x.value.retaped::<OwnedTape<E, D>>())?;
        let value = absorb(&mut tape, value);
        let mut tangents = Vec::with_capacity(x.tangents.len());
        for t in x.tangents {
            let weight = self.weight.retaped::<OwnedTape<E, D>>();
            let transposed: Tensor<Rank2<I, O>, E, D, OwnedTape<E, D>> = weight.try_permute()?;
            let t = t.retaped::<OwnedTape<E, D>>().try_matmul(transposed)?;
            tangents.push(absorb(&mut tape, t));
        }
        Ok(Dual {
            value,
            tangents,
            tape,
        })
    }
}

fn activate<A, S, E, D>(kind: &A, u: Dual<S, E, D>) -> Result<Dual<S, E, D>, D::Err>
where
    S: Shape,
    E: Dtype,
    D: Device<E>,
    A: Derivative<S, E, D>,
{
    let mut tape = u.tape;
    let value = absorb(&mut tape, kind.try_forward(u.value.retaped())?);
    let mut tangents = Vec::with_capacity(u.tangents.len());
    if !u.tangents.is_empty() {
        let slope = absorb(&mut tape, A::slope(u.value.retaped())?);
        for t in u.tangents {
            let t = t.retaped().try_mul(slope.retaped::<OwnedTape<E, D>>())?;
            tangents.push(absorb(&mut tape, t));
        }
    }
    Ok(Dual {
        value,
        tangents,
        tape,
    })
}

macro_rules! activations {
    ($($name:ident)*) => {$(
        impl<S: Shape, E: Dtype, D: Device<E>> ForwardTangents<S, E, D> for $name {
            type Output = S;
            fn forward_tangents(&self, u: Dual<S, E, D>) -> Result<Dual<S, E, D>, D::Err> {
                activate(self, u)
            }
        }
    )*};
}
activations!(ReLU Tanh Silu Softplus Identity);

impl<S: Shape, E: Dtype, D: Device<E>, F: ForwardTangents<S, E, D, Output = S>>
    ForwardTangents<S, E, D> for Residual<F>
{
    type Output = S;

    fn forward_tangents(&self, x: Dual<S, E, D>) -> Result<Dual<S, E, D>, D::Err> {
        let (value, tangents) = (x.value.clone(), x.tangents.clone());
        let inner = self.0.forward_tangents(x)?;
        let mut tape = inner.tape;
        let mut add = |a: &Plain<S, E, D>, b: &Plain<S, E, D>| {
            let sum = a
                .retaped::<OwnedTape<E, D>>()
                .try_add(b.retaped::<OwnedTape<E, D>>())?;
            Ok(absorb(&mut tape, sum))
        };
        let value = add(&inner.value, &value)?;
        let pairs = inner.tangents.iter().zip(&tangents);
        let tangents = pairs
            .map(|(a, b)| add(a, b))
            .collect::<Result<_, D::Err>>()?;
        Ok(Dual {
            value,
            tangents,
            tape,
        })
    }
}

macro_rules! tuples {
    ($first:ident $at:tt $(, $name:ident $before:ident $index:tt)*; $last:ident) => {
        impl<S: Shape, E: Dtype, D: Device<E>, $first: ForwardTangents<S, E, D> $(, $name: ForwardTangents<$before::Output, E, D>)*>
            ForwardTangents<S, E, D> for ($first, $($name,)*)
        {
            type Output = $last::Output;
            fn forward_tangents(&self, x: Dual<S, E, D>) -> Result<Dual<Self::Output, E, D>, D::Err> {
                let x = self.$at.forward_tangents(x)?;
                $(let x = self.$index.forward_tangents(x)?;)*
                Ok(x)
            }
        }
    };
}
tuples!(A 0; A);
tuples!(A 0, B A 1; B);
tuples!(A 0, B A 1, C B 2; C);
tuples!(A 0, B A 1, C B 2, F C 3; F);
tuples!(A 0, B A 1, C B 2, F C 3, G F 4; G);
tuples!(A 0, B A 1, C B 2, F C 3, G F 4, H G 5; H);
