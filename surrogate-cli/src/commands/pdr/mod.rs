//! `surrogate pdr …`: data and surrogates of photodissociation regions, one file per command.

pub mod column_density;
pub mod convert;
pub mod evaluate;
pub mod inspect;
pub mod predict;
pub mod prepare;
pub mod rays;
pub mod train;

use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Subcommand;

/// Commands on data of photodissociation regions.
#[derive(Debug, Subcommand)]
pub enum PdrCommand {
    /// What a file holds: models or cells, species, ranges, floors, sums of elements, and what is wrong with it.
    Inspect(inspect::Inspect),
    /// Text output of 3D-PDR to HDF5, or back.
    Convert(convert::Convert),
    /// Lines of sight in order, smooth, of a given length.
    #[command(allow_negative_numbers = true)]
    Prepare(prepare::Prepare),
    /// Rays through a cube: columns and extinctions of a bare one, series of a solved one.
    Rays(rays::Rays),
    /// Maps of column densities of a cube, solved or predicted.
    ColumnDensity(Box<column_density::ColumnDensity>),
    /// Train a surrogate of lines of sight, or of the cells of a solved cube, on the CPU.
    #[command(allow_negative_numbers = true)]
    Train(Box<train::Train>),
    /// Judge a surrogate on data it has not seen.
    Evaluate(evaluate::Evaluate),
    /// Predict abundances along lines of sight or a profile of density, in the cells of a solved cube, or in a bare cube of densities.
    Predict(Box<predict::Predict>),
}

/// Runs the command.
pub fn run(command: &PdrCommand, output: &Output) -> Result<Outcome, Error> {
    match command {
        PdrCommand::Inspect(args) => inspect::run(args, output),
        PdrCommand::Convert(args) => convert::run(args, output),
        PdrCommand::Prepare(args) => prepare::run(args, output),
        PdrCommand::Rays(args) => rays::run(args, output),
        PdrCommand::ColumnDensity(args) => column_density::run(args, output),
        PdrCommand::Train(args) => train::run(args, output),
        PdrCommand::Evaluate(args) => evaluate::run(args, output),
        PdrCommand::Predict(args) => predict::run(args, output),
    }
}
