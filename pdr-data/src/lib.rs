#![doc = include_str!("../README.md")]

mod atomic;
pub mod column;
pub mod cube;
pub mod density;
mod error;
pub mod fin;
#[cfg(feature = "hdf5")]
pub mod hdf5;
pub mod inspect;
pub mod rays;
pub mod sightline;
pub mod species;
pub mod table;
mod text;

pub use error::Error;
