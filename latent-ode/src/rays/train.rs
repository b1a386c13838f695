//! Trains a ray surrogate of the configured family.

use super::config::{Family, RayConfig};
use super::control::RayControl;
use super::model::{Body, RayDescription, RayModel};
use super::node::train_node;
use super::point::{Cells, PointNet, train_cells, train_rays};
use super::series::SeriesSource;
use crate::Error;
use autodiff_ae::train::{Outcome, Progress};

/// A trained model and how its training ended.
#[derive(Debug)]
pub struct RayTrained {
    /// The model of the best validation.
    pub model: RayModel,
    /// How training ended.
    pub outcome: Outcome,
}

/// Trains on series along rays; `data` names them in the model's file.
///
/// # Errors
/// [`Error::Option`] for a configuration out of range, of the family `cell`, or that the control's GPU is not for; [`Error::Empty`] for too few series,
/// [`Error::MissingQuantity`], what reading the source runs into, [`Error::Cancelled`], and [`Error::Layers`] from the trainer.
pub fn train_on_rays(
    source: &dyn SeriesSource,
    data: &str,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<RayTrained, Error> {
    config.validate()?;
    #[cfg(feature = "cuda")]
    control.check_gpu(config)?;
    let split = config.split.split(source.len())?;
    match config.family {
        Family::Pointwise => {
            let (net, outcome, progress) = train_rays(source, &split, config, control)?;
            let parts = (source.species(), source.len(), data);
            Ok(finish(
                parts,
                config,
                Body::Pointwise(net),
                outcome,
                progress,
            ))
        }
        Family::Node => {
            let (net, outcome, progress) = train_node(source, &split, config, control)?;
            let parts = (source.species(), source.len(), data);
            let body = Body::Node(Box::new(net));
            Ok(finish(parts, config, body, outcome, progress))
        }
        Family::Cell => Err(Error::Option {
            name: "family",
            value: "cell".into(),
            reason: "learns the cells of a solved cube, not series along rays".into(),
        }),
    }
}

/// Trains on the cells of a solved cube; `data` names them in the model's file.
///
/// # Errors
/// As [`train_on_rays`]; [`Error::Series`] from [`Cells::check`] or for a cube that is not solved.
pub fn train_on_cells(
    cells: &Cells,
    data: &str,
    config: &RayConfig,
    control: &mut RayControl<'_>,
) -> Result<RayTrained, Error> {
    config.validate()?;
    if config.family != Family::Cell {
        return Err(Error::Option {
            name: "family",
            value: config.family.name().into(),
            reason: "learns series along rays, not cells".into(),
        });
    }
    cells.check()?;
    if !cells.is_solved() {
        return Err(Error::Series {
            name: "cells".into(),
            reason: "no abundances and temperatures to learn from".into(),
        });
    }
    let split = config.split.split(cells.len())?;
    let (net, outcome, progress): (PointNet, Outcome, Progress) =
        train_cells(cells, &split, config, control)?;
    let parts = (&cells.species[..], cells.len(), data);
    Ok(finish(parts, config, Body::Cell(net), outcome, progress))
}

/// The model of what a family's training ended in; `parts` are species, number of samples and name of the data.
pub(super) fn finish(
    (species, samples, data): (&[String], usize, &str),
    config: &RayConfig,
    body: Body,
    outcome: Outcome,
    mut progress: Progress,
) -> RayTrained {
    // A file does not keep them.
    progress.history.iter_mut().for_each(|r| r.seconds = 0.0);
    RayTrained {
        model: RayModel {
            description: RayDescription {
                species: species.to_vec(),
                config: config.clone(),
                samples,
                data: data.to_owned(),
                seconds: outcome.seconds,
                steps: (outcome.steps, outcome.best_step),
                validation: outcome.best_score,
                history: progress.history,
            },
            body,
        },
        outcome,
    }
}
