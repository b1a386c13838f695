//! `surrogate pdr …`: data and surrogates of photodissociation regions, one file per command.

pub mod inspect;

use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Subcommand;

/// Commands on data of photodissociation regions.
#[derive(Debug, Subcommand)]
pub enum PdrCommand {
    /// What a file holds: models or cells, species, ranges, floors, sums of elements, and what is wrong with it.
    Inspect(inspect::Inspect),
}

/// Runs the command.
pub fn run(command: &PdrCommand, output: &Output) -> Result<Outcome, Error> {
    match command {
        PdrCommand::Inspect(args) => inspect::run(args, output),
    }
}
