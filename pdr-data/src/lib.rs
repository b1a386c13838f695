#![doc = include_str!("../README.md")]

mod atomic;
pub mod column;
#[cfg(feature = "hdf5")]
pub mod convert;
pub mod cube;
pub mod density;
mod error;
pub mod fin;
pub mod fits;
#[cfg(feature = "hdf5")]
pub mod hdf5;
pub mod inspect;
pub mod maps;
pub mod prepare;
pub mod profile;
pub mod rays;
pub mod sightline;
pub mod species;
pub mod spline;
pub mod table;
mod text;

pub use error::Error;
