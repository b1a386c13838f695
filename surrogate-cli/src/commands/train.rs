//! `surrogate train`.
use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;

/// Options of `train`.
#[derive(Debug, Args)]
pub struct Train {}

/// Not there yet.
pub fn run(_args: &Train, _output: &Output) -> Result<Outcome, Error> {
    Err(Error::Usage("not there yet".into()))
}
