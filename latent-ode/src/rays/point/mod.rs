//! Networks from points to log abundances: the families `pointwise` (points of rays) and `cell` (cells of a cube), one training.

mod cell;
mod cpu;
pub(super) mod features;
#[cfg(feature = "cuda")]
mod gpu;
mod network;
mod objective;
mod pools;
mod train;

pub use cell::Cells;
pub(super) use cell::WIDTH as CELL_FEATURES;
pub(super) use network::{Affine, PointNet};
pub(super) use objective::penalty;
pub(super) use train::{train_cells, train_rays};

use crate::Error;

/// Points to learn from, in groups that are read one at a time: the series of a source, the cells of a cube.
pub(crate) trait PointSource: Sync {
    /// Numbers that describe a point.
    fn features(&self) -> usize;
    /// Numbers to predict at a point.
    fn targets(&self) -> usize;
    /// Points of group `i`.
    fn points(&self, i: usize) -> usize;
    /// Features, and targets in physical units, of group `i`, row-major.
    fn load(&self, i: usize) -> Result<(Vec<f64>, Vec<f64>), Error>;
}
