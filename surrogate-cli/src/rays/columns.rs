//! Maps of column density from the cells of a cube, predicted beside the code's own.

use super::cube::Cube;
use crate::error::Error;
use pdr_data::maps::{Axis, Map, column_density};
use serde_json::{Map as Object, Value, json};

/// Species whose maps are judged, where the network has them.
const MAPPED: [&str; 3] = ["H", "H2", "CO"];

/// Column densities N \[cm⁻²\] of one species along x.
#[derive(Debug, Clone)]
pub struct ColumnMap {
    /// Of the code's abundances.
    pub truth: Map,
    /// Of the predicted ones.
    pub predicted: Map,
    /// Median of |Δ log10 N| over the pixels \[dex\].
    pub median: f64,
}

/// The maps of a solved cube from its predicted cells, all of them, seen ones included; abundances are cells × the cube's species.
pub fn maps(cube: &Cube, abundances: &[f64]) -> Result<Vec<ColumnMap>, Error> {
    let cells = &cube.cells;
    let found = MAPPED
        .iter()
        .filter_map(|name| Some((*name, cells.species.iter().position(|s| s == name)?)));
    found
        .map(|(name, index)| {
            let map = |all: &[f64]| {
                let column = all.iter().skip(index).step_by(cells.species.len());
                let x: Vec<f64> = column.copied().collect();
                column_density(&cube.geometry, &cells.density, &x, Axis::X, name)
            };
            let (truth, predicted) = (map(&cells.abundances)?, map(abundances)?);
            Ok(ColumnMap {
                median: predicted.difference(&truth)?.median,
                truth,
                predicted,
            })
        })
        .collect()
}

/// Median errors by species.
pub fn json(maps: &[ColumnMap]) -> Value {
    let entries = maps.iter().map(|m| (m.truth.name.clone(), json!(m.median)));
    Value::Object(entries.collect::<Object<_, _>>())
}
