//! Which network a dfdx module is, read off its type.

use super::activations::{Identity, Silu, Softplus};
use crate::{Activation, Error, Mlp, MlpShape};
use dfdx::nn::modules::{Linear, ReLU, Residual, Tanh};
use dfdx::prelude::*;

/// A part of a chain of dense layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// W x + b, inputs → outputs.
    Dense(usize, usize),
    /// An activation.
    Activation(Activation),
    /// What follows up to the matching end is added to its own input.
    ResidualBegin,
    /// End of a residual part.
    ResidualEnd,
}

/// A module made of dense layers and activations.
pub trait Chain {
    /// Appends its pieces, first to last.
    fn pieces(into: &mut Vec<Piece>);
}

impl<const I: usize, const O: usize, E: Dtype, D: Storage<E>> Chain for Linear<I, O, E, D> {
    fn pieces(into: &mut Vec<Piece>) {
        into.push(Piece::Dense(I, O));
    }
}

macro_rules! activations {
    ($($name:ident $kind:ident)*) => {$(
        impl Chain for $name {
            fn pieces(into: &mut Vec<Piece>) {
                into.push(Piece::Activation(Activation::$kind));
            }
        }
    )*};
}
activations!(ReLU Relu Tanh Tanh Silu Silu Softplus Softplus Identity Identity);

impl<F: Chain> Chain for Residual<F> {
    fn pieces(into: &mut Vec<Piece>) {
        into.push(Piece::ResidualBegin);
        F::pieces(into);
        into.push(Piece::ResidualEnd);
    }
}

macro_rules! tuples {
    ($($name:ident)*) => {
        impl<$($name: Chain),*> Chain for ($($name,)*) {
            fn pieces(into: &mut Vec<Piece>) {
                $($name::pieces(into);)*
            }
        }
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C F);
tuples!(A B C F G);
tuples!(A B C F G H);

/// The network that a dfdx module is.
///
/// # Errors
/// [`Error::Shape`] for a module that is none: two activations in a row, a residual part of more than one layer, residual
/// layers here and not there.
pub fn shape_of<M: Chain>() -> Result<Mlp, Error> {
    let refuse = |what: String| Err(Error::Shape(format!("dfdx module: {what}")));
    let mut pieces = Vec::new();
    M::pieces(&mut pieces);
    let (mut widths, mut activations, mut residual) = (Vec::new(), Vec::new(), Vec::new());
    let mut inside = false;
    let mut at = 0;
    while at < pieces.len() {
        match pieces[at] {
            Piece::ResidualBegin if inside => return refuse("nested residual parts".into()),
            Piece::ResidualBegin => inside = true,
            Piece::ResidualEnd => inside = false,
            Piece::Activation(kind) => {
                return refuse(format!("{kind:?} does not follow a dense layer"));
            }
            Piece::Dense(inputs, outputs) => {
                if widths.last().is_some_and(|w| *w != inputs) {
                    return refuse(format!("{inputs} inputs after {widths:?}"));
                }
                if widths.is_empty() {
                    widths.push(inputs);
                }
                widths.push(outputs);
                let follows = match pieces.get(at + 1) {
                    Some(Piece::Activation(kind)) => {
                        at += 1;
                        *kind
                    }
                    _ => Activation::Identity,
                };
                activations.push(follows);
                residual.push(inside);
                if inside && pieces.get(at + 1) != Some(&Piece::ResidualEnd) {
                    return refuse("a residual part of more than one layer".into());
                }
            }
        }
        at += 1;
    }
    let shape = MlpShape {
        widths,
        activations,
        residual: residual.contains(&true),
    };
    let mlp = Mlp::from_shape(&shape)?;
    match mlp
        .layers()
        .iter()
        .zip(&residual)
        .position(|(l, r)| l.residual != *r)
    {
        Some(layer) => refuse(format!(
            "layer {layer} would have to be residual too, or none"
        )),
        None => Ok(mlp),
    }
}
