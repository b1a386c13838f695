//! `surrogate evaluate`: how well a surrogate predicts the unseen models of a data set.

use crate::error::Error;
use crate::judge;
use crate::output::{Outcome, Output};
use clap::Args;
use latent_ode::{Dataset, Surrogate};
use std::path::PathBuf;

/// Options of `evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// Model.
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: PathBuf,
    /// Data set in the layout of the CODES benchmark; `test` is judged, `train` carries the baseline.
    #[arg(long, value_name = "FILE.h5")]
    pub data: PathBuf,
    /// Seed of the random starts.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

/// Judges and prints.
pub fn run(args: &Evaluate, output: &Output) -> Result<Outcome, Error> {
    let surrogate = Surrogate::read(&args.model)?;
    let dataset = Dataset::read(&args.data)?;
    let dataset = judge::matched(dataset, &surrogate).map_err(|source| Error::Data {
        path: args.data.clone(),
        source,
    })?;
    let judgement = judge::judge(&surrogate, &dataset, args.seed, output)?;
    output.say(&judge::table(&judgement))?;
    Ok(Outcome {
        partial: !judgement.predictions.failures.is_empty(),
        json: judgement.json(),
    })
}
