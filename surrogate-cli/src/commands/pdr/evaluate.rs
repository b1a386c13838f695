//! `surrogate pdr evaluate`: how well a ray surrogate predicts what it has not seen.

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::rays::data;
use crate::rays::judge::{self, Part};
use clap::Args;
use latent_ode::rays::RayModel;
use std::path::PathBuf;

/// Options of `pdr evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// Model that `pdr train` wrote.
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: PathBuf,
    /// Grid of lines of sight, packed rays, or a file of solved cubes (HDF5); of a cube a model of rays predicts every cell as the
    /// mean over all rays through it.
    #[arg(long, value_name = "FILE.h5")]
    pub data: PathBuf,
    /// What is judged: the part of the training file the model has not seen, or all of another file.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    pub split: Part,
    /// The solved cube, where the file holds several [default: the one the model was trained on].
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
}

/// Judges and prints.
pub fn run(args: &Evaluate, output: &Output) -> Result<Outcome, Error> {
    let model = RayModel::read(&args.model)?;
    let trained_on = model
        .description()
        .data
        .split_once(':')
        .map(|(_, group)| group);
    let data = data::open(&args.data, args.group.as_deref().or(trained_on))?;
    let judgement = judge::judge(&model, &data, args.split, output)?;
    output.say(&judgement.text(&model, args.split))?;
    Ok(Outcome {
        partial: judgement.evaluation.scores.non_finite > 0,
        json: judgement.json(&model, args.split),
    })
}
