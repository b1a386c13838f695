//! HDF5 files: grids of models in NeuralPDR's layout, solved cubes, packed rays.

mod columns;
mod cube;
mod cube_writer;
mod extinctions;
mod grid;
mod grid_writer;
mod kind;
mod maps;
mod packed;
mod store;
mod writer;

pub use cube::{cube_groups, read_cube};
pub use cube_writer::write_cubes;
pub use extinctions::write_extinctions;
pub use grid::{GridFile, Model, OnUnreadable, Parameters, Tally};
pub use grid_writer::GridWriter;
pub use kind::{Kind, kind};
pub use maps::{CellAbundances, write_maps};
pub use packed::{PackedFile, PackedWriter, RayOrigin};
