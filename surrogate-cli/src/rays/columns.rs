//! Maps of column density from the cells of a cube, predicted beside the code's own.

use super::data::CubeData;
use latent_ode::rays::RayPrediction;
use serde_json::{Map, Value, json};

/// Species whose maps are judged, where the network has them.
const MAPPED: [&str; 3] = ["H", "H2", "CO"];

/// Column densities N \[cm⁻²\] of one species along x, as a map over (y, z): log10 of ∑ n x times the depth of a cell.
#[derive(Debug, Clone)]
pub struct ColumnMap {
    /// Species.
    pub species: String,
    /// Pixels along y and z; z runs fastest.
    pub pixels: [usize; 2],
    /// Of the code's abundances.
    pub truth: Vec<f64>,
    /// Of the predicted ones.
    pub predicted: Vec<f64>,
}

impl ColumnMap {
    /// Median of |Δ log10 N| over the pixels \[dex\].
    pub fn median_error(&self) -> f64 {
        let pairs = self.truth.iter().zip(&self.predicted);
        let mut errors: Vec<f64> = pairs.map(|(t, p)| (p - t).abs()).collect();
        errors.sort_by(f64::total_cmp);
        let n = errors.len();
        0.5 * (errors[(n.max(1) - 1) / 2] + errors[n / 2])
    }
}

/// The maps of a cube from its predicted cells, all of them, seen ones included.
pub fn maps(cube: &CubeData, prediction: &RayPrediction) -> Vec<ColumnMap> {
    let [nx, ny, nz] = cube.grid;
    let species = &cube.cells.species;
    let found = MAPPED.iter().filter_map(|name| {
        let j = species.iter().position(|s| s == name)?;
        let column = |abundances: &[f64]| -> Vec<f64> {
            (0..ny * nz)
                .map(|pixel| {
                    let cells = (0..nx).map(|x| x * ny * nz + pixel);
                    let along =
                        cells.map(|i| cube.cells.density[i] * abundances[i * species.len() + j]);
                    let total = along.sum::<f64>() * cube.depth_cm;
                    total.max(f64::MIN_POSITIVE).log10()
                })
                .collect()
        };
        Some(ColumnMap {
            species: (*name).to_owned(),
            pixels: [ny, nz],
            truth: column(&cube.cells.abundances),
            predicted: column(&prediction.abundances),
        })
    });
    found.collect()
}

/// Median errors by species.
pub fn json(maps: &[ColumnMap]) -> Value {
    let entries = maps
        .iter()
        .map(|m| (m.species.clone(), json!(m.median_error())));
    Value::Object(entries.collect::<Map<_, _>>())
}
