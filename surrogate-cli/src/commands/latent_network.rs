//! `surrogate latent-network`: the latent molecules and reactions that a rule gives, for reading or for other programs.

use crate::error::Error;
use crate::folder;
use crate::output::{Outcome, Output};
use clap::Args;
use latent_ode::{ExportFormat, LatentNetwork};
use std::path::PathBuf;

/// Options of `latent-network`.
#[derive(Debug, Args)]
pub struct LatentNetworkArgs {
    /// Number of latent atoms.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub atoms: usize,
    /// Largest number of atoms in a molecule.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub max_size: usize,
    /// Form of the text: table, latex, rust or python.
    #[arg(long, default_value = "table", value_parser = ["table", "latex", "rust", "python"])]
    pub to: String,
    /// File to write to instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Generates the network and writes it.
pub fn run(args: &LatentNetworkArgs, output: &Output) -> Result<Outcome, Error> {
    let network = LatentNetwork::generate(args.atoms, args.max_size)
        .map_err(|e| Error::Usage(e.to_string()))?;
    args.out.as_deref().map(folder::check_target).transpose()?;
    let format: ExportFormat = args.to.parse()?;
    let text = network.export(format, None)?;
    match &args.out {
        Some(path) => latent_ode::write_atomically(path, |w| w.write_all(text.as_bytes()))?,
        None => output.say(text.trim_end())?,
    }
    let molecules: Vec<_> = network
        .molecules()
        .iter()
        .map(|m| serde_json::json!({ "name": m.name(), "mass": m.mass() }))
        .collect();
    let reactions: Vec<String> = (0..network.reactions().len())
        .map(|j| network.equation(j))
        .collect();
    Ok(Outcome::done(serde_json::json!({
        "atoms": args.atoms,
        "max_size": args.max_size,
        "molecules": molecules,
        "reactions": reactions,
    })))
}
