//! Maps and the abundances they were made from, in HDF5.

use super::writer::Writer;
use crate::{Error, maps::Map};
use std::path::Path;

/// Abundances of cells beside the maps made from them.
#[derive(Debug, Clone, Copy)]
pub struct CellAbundances<'a> {
    /// Names of the species.
    pub species: &'a [String],
    /// Abundances relative to n_H, cells × species, z fastest.
    pub values: &'a [f64],
}

/// Writes maps as datasets (rows × columns, cm⁻², double precision) of the group `column_density`, those of the truth of
/// `column_density_truth`, and the abundances as `abundances` [cells, species] with `species`.
///
/// # Errors
/// The file cannot be written, or two maps of a group have the same name.
pub fn write_maps(
    path: impl AsRef<Path>,
    maps: &[Map],
    truth: &[Map],
    cells: Option<CellAbundances<'_>>,
) -> Result<(), Error> {
    let mut writer = Writer::create(path.as_ref())?;
    for (group, list) in [("column_density", maps), ("column_density_truth", truth)] {
        let Some(first) = list.first() else { continue };
        let sight = first.axis as usize as f64;
        let attributes = [("pixel_pc", first.pixel_pc.to_vec()), ("axis", vec![sight])];
        writer.group(group, &attributes)?;
        for map in list {
            let name = format!("{group}/{}", map.name);
            writer.wide_matrix(&name, map.shape[1], &map.values)?;
        }
    }
    if let Some(cells) = cells {
        writer.matrix("abundances", cells.species.len(), cells.values)?;
        writer.strings("species", cells.species)?;
    }
    writer.text(
        "units",
        "column densities cm^-2 (rows x columns: the two axes other than `axis` in their order), abundances relative to n_H",
    )?;
    writer.finish()
}
