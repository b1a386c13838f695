//! The grid of one-dimensional clouds from the shared test data, as series for the ray surrogates.

use latent_ode::rays::{Quantity, Series, SeriesSet};
use pdr_data::hdf5::GridFile;
use std::error::Error;
use std::path::Path;

/// Where the grid lies: beside the workspace, unless the first argument that ends in `.h5` says otherwise.
pub fn grid_path() -> String {
    std::env::args()
        .skip(1)
        .find(|a| a.ends_with(".h5"))
        .unwrap_or_else(|| {
            concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../shared/data/pdr/v1_sample.h5"
            )
            .into()
        })
}

/// The first `models` models of a grid in NeuralPDR's layout, parameters repeated at every point.
///
/// # Errors
/// Whatever reading runs into.
pub fn grid(path: impl AsRef<Path>, models: usize) -> Result<SeriesSet, Box<dyn Error>> {
    let file = GridFile::open(path)?;
    let parameters = file.parameters().ok_or("a grid without parameters")?;
    let mut all = Vec::new();
    for i in 0..file.len().min(models) {
        let line = file.read_points(i)?;
        let p = &parameters[i];
        let aux = (0..line.len()).flat_map(|k| {
            [
                line.gas_temperature[k],
                line.dust_temperature[k],
                line.density[k],
                line.radiation_field[k],
                p.ionisation_rate,
                p.field,
            ]
        });
        let series = Series {
            aux: aux.collect(),
            s: line.visual_extinction,
            x: line.abundances,
        };
        all.push((file.model_ids()[i].clone(), series));
    }
    let quantities = vec![
        Quantity::GasTemperature,
        Quantity::DustTemperature,
        Quantity::Density,
        Quantity::Field,
        Quantity::IonisationRate,
        Quantity::SurfaceField,
    ];
    Ok(SeriesSet::new(file.species().to_vec(), quantities, all)?)
}
