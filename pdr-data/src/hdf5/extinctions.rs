//! What rays say of a bare cube of densities, in HDF5.

use super::writer::Writer;
use crate::{
    Error,
    density::DensityCube,
    rays::{Extinction, healpix::Direction},
};
use std::path::Path;

/// Writes a density cube and the rays of its cells as group `density`: `positions` [cells, 3] (pc), `n_H` [cells, 1] (cm⁻³),
/// `column_density` (cm⁻²) and `rayAV` (mag) [cells, rays], `rayDir` [rays, 2] (rad) and, where a field outside is given with the
/// attenuated one, `radfield` [cells, 1] (Draine); `box_pc` is an attribute.
///
/// # Errors
/// The file cannot be written.
pub fn write_extinctions(
    path: impl AsRef<Path>,
    cube: &DensityCube,
    directions: &[Direction],
    rays: &Extinction,
    metallicity: f64,
    field: Option<&[f64]>,
) -> Result<(), Error> {
    let mut writer = Writer::create(path.as_ref())?;
    let counts = cube.cells.map(|n| n as f64).to_vec();
    let attributes = [("box_pc", cube.box_pc.to_vec()), ("cells", counts)];
    writer.group("density", &attributes)?;
    writer.matrix("density/positions", 3, cube.centres_pc.as_flattened())?;
    writer.matrix("density/n_H", 1, &cube.density)?;
    writer.matrix("density/column_density", rays.rays, &rays.column_density)?;
    writer.matrix("density/rayAV", rays.rays, &rays.visual(metallicity))?;
    let angles: Vec<f64> = directions.iter().flat_map(|d| [d.theta, d.phi]).collect();
    writer.matrix("density/rayDir", 2, &angles)?;
    if let Some(field) = field {
        writer.matrix("density/radfield", 1, field)?;
    }
    writer.text(
        "units",
        "positions pc, n_H cm^-3, column_density cm^-2, rayAV mag, rayDir rad, radfield Draine; cells z fastest",
    )?;
    writer.finish()
}
