//! `surrogate generate`.
use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;

/// Options of `generate`.
#[derive(Debug, Args)]
pub struct Generate {}

/// Not there yet.
pub fn run(_args: &Generate, _output: &Output) -> Result<Outcome, Error> {
    Err(Error::Usage("not there yet".into()))
}
