//! What kind of file an HDF5 file of PDR data is.

use super::{cube::cube_groups, store::Reader};
use crate::Error;
use std::path::Path;

/// Kinds of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Models in NeuralPDR's layout.
    Grid,
    /// Solved cubes: the names of their groups.
    Cubes(Vec<String>),
    /// Rays of unequal length in one data set.
    Packed,
}

/// Tells the kind of a file from what is in it.
///
/// # Errors
/// The file cannot be read, is no HDF5, or has no list of species.
pub fn kind(path: impl AsRef<Path>) -> Result<Kind, Error> {
    let path = path.as_ref();
    let reader = Reader::open(path)?;
    let datasets = reader.datasets("/")?.unwrap_or_default();
    let has = |name: &str| datasets.iter().any(|d| d == name);
    if has("points") && has("offsets") {
        return Ok(Kind::Packed);
    }
    let groups = cube_groups(path)?;
    Ok(if groups.is_empty() {
        Kind::Grid
    } else {
        Kind::Cubes(groups)
    })
}
