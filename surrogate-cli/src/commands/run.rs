//! `surrogate run`.
use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {}

/// Not there yet.
pub fn run(_args: &Run, _output: &Output) -> Result<Outcome, Error> {
    Err(Error::Usage("not there yet".into()))
}
