//! `surrogate pdr …`: data and surrogates of photodissociation regions, one file per command.

pub mod evaluate;
pub mod inspect;
pub mod train;

use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Subcommand;

/// Commands on data of photodissociation regions.
#[derive(Debug, Subcommand)]
pub enum PdrCommand {
    /// What a file holds: models or cells, species, ranges, floors, sums of elements, and what is wrong with it.
    Inspect(inspect::Inspect),
    /// Train a surrogate of lines of sight, or of the cells of a solved cube.
    #[command(allow_negative_numbers = true)]
    Train(Box<train::Train>),
    /// Judge a surrogate on data it has not seen.
    Evaluate(evaluate::Evaluate),
}

/// Runs the command.
pub fn run(command: &PdrCommand, output: &Output) -> Result<Outcome, Error> {
    match command {
        PdrCommand::Inspect(args) => inspect::run(args, output),
        PdrCommand::Train(args) => train::run(args, output),
        PdrCommand::Evaluate(args) => evaluate::run(args, output),
    }
}
