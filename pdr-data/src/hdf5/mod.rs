//! HDF5 files: grids of models in NeuralPDR's layout, solved cubes, packed rays.

mod columns;
mod cube;
mod grid;
mod store;

pub use cube::{cube_groups, read_cube};
pub use grid::{GridFile, Model, OnUnreadable, Parameters, Tally};
