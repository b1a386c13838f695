//! `surrogate evaluate`.
use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {}

/// Not there yet.
pub fn run(_args: &Evaluate, _output: &Output) -> Result<Outcome, Error> {
    Err(Error::Usage("not there yet".into()))
}
