//! Abundances of a cube's cells as a surrogate predicts them: cell by cell, or as the mean over all rays through a cell.

use super::cube::Cube;
use crate::error::Error;
use crate::output::Output;
use crate::progress;
use latent_ode::rays::{Family, Inputs, Quantity, RayModel, RayPrediction, Series};
use pdr_data::cube::Surroundings;
use pdr_data::maps::CellMeans;
use pdr_data::rays::RaySeries;
use pdr_data::rays::healpix::Direction;
use rayon::prelude::*;
use std::ops::Range;

/// Rays predicted at a time by one thread.
const BLOCK: usize = 2048;

/// What a surrogate says of the cells of a cube.
#[derive(Debug)]
pub struct CellsPredicted {
    /// Abundances of every cell, cells × species of the model, and gas temperatures where it predicts them.
    pub cells: RayPrediction,
    /// Rays they are means over; those of zero length left out. None for a model of cells.
    pub rays: Option<usize>,
}

/// Predicts every cell.
pub fn predict(model: &RayModel, cube: &Cube, output: &Output) -> Result<CellsPredicted, Error> {
    if model.family() == Family::Cell {
        let cells = model.predict_cells(&cube.as_cells(model.species())?)?;
        return Ok(CellsPredicted { cells, rays: None });
    }
    if model.inputs() == Inputs::Local {
        if !cube.solved {
            return Err(Error::Usage(
                "a bare density cube has no temperatures and no field along its rays, which this model takes as inputs; one of \
                 standalone inputs is needed (`pdr train --inputs standalone`, or --family cell)"
                    .into(),
            ));
        }
        super::data::known_species(model, &cube.cells.species)?;
    }
    let tracer = Tracer {
        model,
        cube,
        light: cube.surroundings()?,
        directions: cube.cells.directions()?,
        quantities: match cube.solved {
            true => &[
                Quantity::Density,
                Quantity::IonisationRate,
                Quantity::SurfaceField,
                Quantity::GasTemperature,
                Quantity::DustTemperature,
                Quantity::Field,
            ],
            false => &[
                Quantity::Density,
                Quantity::IonisationRate,
                Quantity::SurfaceField,
            ],
        },
    };
    tracer.all(output)
}

struct Tracer<'a> {
    model: &'a RayModel,
    cube: &'a Cube,
    light: Surroundings,
    directions: Vec<Direction>,
    quantities: &'static [Quantity],
}

/// The cells each ray of a block crosses, from the surface inwards, and what is predicted there.
type Block = Vec<(Vec<usize>, RayPrediction)>;

impl Tracer<'_> {
    /// The means over all rays.
    fn all(&self, output: &Output) -> Result<CellsPredicted, Error> {
        let species = self.model.species().len();
        let warm = self.model.inputs().predicts_temperature();
        let mut means = CellMeans::new(self.cube.cells.len(), species + usize::from(warm));
        let total = self.cube.cells.len() * self.directions.len();
        let blocks: Vec<Range<usize>> = (0..total)
            .step_by(BLOCK)
            .map(|first| first..(first + BLOCK).min(total))
            .collect();
        let bar = progress::bar(output, total as u64, "rays");
        let mut rays = 0;
        for group in blocks.chunks(rayon::current_num_threads().max(1)) {
            let found: Result<Vec<Block>, Error> =
                group.par_iter().map(|b| self.block(b.clone())).collect();
            // Added up in order, so that sums do not depend on the number of threads.
            for (cells, prediction) in found?.into_iter().flatten() {
                rays += 1;
                let mut rows = prediction.abundances.chunks_exact(species);
                for (k, &cell) in cells.iter().enumerate() {
                    let row = rows.next().unwrap_or_default();
                    match &prediction.gas_temperature {
                        Some(t) => means.add(cell, &[row, &t[k..=k]].concat())?,
                        None => means.add(cell, row)?,
                    }
                }
            }
            bar.inc(group.iter().map(Range::len).sum::<usize>() as u64);
        }
        bar.finish_and_clear();
        if let Some(cell) = means.counts().iter().position(|n| *n == 0) {
            return Err(Error::Usage(format!(
                "no ray crosses cell {cell}, so it has no prediction"
            )));
        }
        let all = means.finish();
        let rows = all.chunks_exact(species + usize::from(warm));
        Ok(CellsPredicted {
            rays: Some(rays),
            cells: match warm {
                true => RayPrediction {
                    gas_temperature: Some(rows.clone().map(|r| r[species]).collect()),
                    abundances: rows.flat_map(|r| &r[..species]).copied().collect(),
                },
                false => RayPrediction {
                    gas_temperature: None,
                    abundances: all,
                },
            },
        })
    }

    fn block(&self, rays: Range<usize>) -> Result<Block, Error> {
        let mut tracer = RaySeries::new(&self.cube.cells, self.cube.geometry)?;
        let per_cell = self.directions.len();
        let species = self.model.species().len();
        let own = self.cube.solved && self.cube.cells.species == self.model.species();
        let (mut series, mut crossed) = (Vec::new(), Vec::new());
        for ray in rays {
            let (cell, direction) = (ray / per_cell, &self.directions[ray % per_cell]);
            let line = tracer.series(cell, direction);
            if line.is_empty() {
                continue;
            }
            let mut aux = Vec::with_capacity(line.len() * self.quantities.len());
            for k in 0..line.len() {
                aux.extend(self.quantities.iter().map(|q| match q {
                    Quantity::Density => line.density[k],
                    Quantity::IonisationRate => self.light.ionisation_rate,
                    Quantity::SurfaceField => self.light.field,
                    Quantity::GasTemperature => line.gas_temperature[k],
                    Quantity::DustTemperature => line.dust_temperature[k],
                    Quantity::Field => line.radiation_field[k],
                }));
            }
            crossed.push(tracer.cells(cell, direction).map(|c| c.cell).collect());
            series.push(Series {
                // A model of standalone inputs looks at no abundance.
                x: match own {
                    true => line.abundances,
                    false => vec![0.0; line.visual_extinction.len() * species],
                },
                s: line.visual_extinction,
                aux,
            });
        }
        let predicted = self.model.predict(&series, self.quantities)?;
        Ok(crossed.into_iter().zip(predicted).collect())
    }
}
