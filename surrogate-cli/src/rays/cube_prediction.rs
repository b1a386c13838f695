//! Abundances of a cube's cells as a surrogate predicts them: cell by cell, or as the mean of all rays through a cell.

use crate::error::Error;
use crate::output::Output;
use crate::progress;
use latent_ode::rays::{Cells, Family, Inputs, Quantity, RayModel, Series};
use pdr_data::cube::SolvedCube;
use pdr_data::maps::CellMeans;
use pdr_data::rays::{Geometry, RaySeries};

/// Rays predicted at a time.
const BLOCK: usize = 4096;

/// A cube to predict, solved or bare (then with densities and extinctions alone).
pub struct Target<'a> {
    /// The cube.
    pub cube: &'a SolvedCube,
    /// Its grid of cells.
    pub geometry: Geometry,
    /// Whether temperatures, field and abundances are there.
    pub solved: bool,
}

/// Abundances of every cell, cells × species of the model.
pub fn predict(model: &RayModel, target: &Target, output: &Output) -> Result<Vec<f64>, Error> {
    let cube = target.cube;
    let Some(surroundings) = cube.surroundings else {
        return Err(Error::Usage(
            "the file does not say what lights the cube (attribute `surroundings` of the group, or `params` of the file)".into(),
        ));
    };
    if model.family() == Family::Cell {
        let cells = Cells {
            species: model.species().to_vec(),
            density: cube.density.clone(),
            extinction: cube.ray_extinction.clone(),
            surface_field: surroundings.field,
            ionisation_rate: surroundings.ionisation_rate,
            ..Cells::default()
        };
        return Ok(model.predict_cells(&cells)?.abundances);
    }
    if !target.solved && model.inputs() == Inputs::Local {
        return Err(Error::Usage(
            "a bare density cube has no temperatures and no field along its rays, which this model takes as inputs; one of \
             standalone inputs is needed (`pdr train --inputs standalone`, or --family cell)"
                .into(),
        ));
    }
    rays(
        model,
        target,
        surroundings.ionisation_rate,
        surroundings.field,
        output,
    )
}

fn rays(
    model: &RayModel,
    target: &Target,
    ionisation_rate: f64,
    field: f64,
    output: &Output,
) -> Result<Vec<f64>, Error> {
    let cube = target.cube;
    let found = if target.solved {
        vec![
            Quantity::Density,
            Quantity::IonisationRate,
            Quantity::SurfaceField,
            Quantity::GasTemperature,
            Quantity::DustTemperature,
            Quantity::Field,
        ]
    } else {
        vec![
            Quantity::Density,
            Quantity::IonisationRate,
            Quantity::SurfaceField,
        ]
    };
    let species = model.species().len();
    // A model of standalone inputs looks at no abundance.
    let nothing = vec![0.0; species];
    if target.solved && model.inputs() == Inputs::Local && cube.species != model.species() {
        return Err(Error::Usage(
            "the cube and the model have other species".into(),
        ));
    }
    let directions = cube.directions()?;
    let mut series = RaySeries::new(cube, target.geometry)?;
    let mut means = CellMeans::new(cube.len(), species);
    let total = cube.len() * directions.len();
    let bar = progress::bar(output, total as u64, "rays");
    let (mut block, mut crossed) = (Vec::with_capacity(BLOCK), Vec::with_capacity(BLOCK));
    for ray in 0..total {
        let (cell, direction) = (ray / directions.len(), &directions[ray % directions.len()]);
        let line = series.series(cell, direction);
        if !line.is_empty() {
            let mut aux = Vec::with_capacity(line.len() * found.len());
            for k in 0..line.len() {
                aux.extend([line.density[k], ionisation_rate, field]);
                if target.solved {
                    let here = [
                        line.gas_temperature[k],
                        line.dust_temperature[k],
                        line.radiation_field[k],
                    ];
                    aux.extend(here);
                }
            }
            let x = if line.species() == species {
                line.abundances
            } else {
                nothing.repeat(line.visual_extinction.len())
            };
            crossed.push(
                series
                    .cells(cell, direction)
                    .map(|c| c.cell)
                    .collect::<Vec<_>>(),
            );
            block.push(Series {
                s: line.visual_extinction,
                x,
                aux,
            });
        }
        if block.len() == BLOCK || ray + 1 == total {
            bar.set_position(ray as u64);
            for (prediction, cells) in model.predict(&block, &found)?.iter().zip(&crossed) {
                for (x, cell) in prediction.abundances.chunks_exact(species).zip(cells) {
                    means.add(*cell, x)?;
                }
            }
            block.clear();
            crossed.clear();
        }
    }
    bar.finish_and_clear();
    if let Some(cell) = means.counts().iter().position(|n| *n == 0) {
        return Err(Error::Usage(format!(
            "no ray crosses cell {cell}, so it has no prediction"
        )));
    }
    Ok(means.finish())
}
