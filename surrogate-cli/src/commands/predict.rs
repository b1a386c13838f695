//! `surrogate predict`.
use crate::error::Error;
use crate::output::{Outcome, Output};
use clap::Args;

/// Options of `predict`.
#[derive(Debug, Args)]
pub struct Predict {}

/// Not there yet.
pub fn run(_args: &Predict, _output: &Output) -> Result<Outcome, Error> {
    Err(Error::Usage("not there yet".into()))
}
