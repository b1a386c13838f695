#![doc = include_str!("../README.md")]

pub mod column;
pub mod density;
mod error;
pub mod output;
mod text;

pub use error::Error;
