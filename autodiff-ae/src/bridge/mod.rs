//! Bridge to dfdx (feature `dfdx`): networks to modules and back, the losses on dfdx's tape, so that a user of dfdx trains with a loss of
//! their own, by dfdx's optimisers.
//!
//! - [`to_module`] and [`from_module`] copy parameters between a flat vector and any dfdx module made of dense layers, and
//!   [`shape_of`] says which [`crate::Mlp`] such a module is.
//! - [`Dual`] carries a value and its tangents through such a module ([`ForwardTangents`]).
//! - [`losses`] are L0–L3 (Grassi et al. 2021) on the tape; [`rate`] puts any [`crate::LatentDynamics`] on it.
//!
//! A sample is a row here: a batch is `(usize, Const<FEATURES>)`, see [`tensor_of`] and [`batch_of`].

// dfdx spells shape, type, device and tape in every tensor: an alias would hide what its users look for.
#![allow(clippy::type_complexity)]

mod activations;
mod chain;
mod dual;
mod dynamics;
mod losses;
mod params;

pub use activations::{Identity, Silu, Softplus};
pub use chain::{Chain, Piece, shape_of};
pub use dual::{Dual, ForwardTangents};
pub use dynamics::rate;
pub use losses::losses;
pub use params::{batch_of, from_module, tensor_of, to_module};
