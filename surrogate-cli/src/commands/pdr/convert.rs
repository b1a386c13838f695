//! `surrogate pdr convert`: text output of 3D-PDR ↔ HDF5.

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress;
use clap::Args;
use pdr_data::convert::{grid_to_folder, runs_to_file};
use pdr_data::fin::Run;
use pdr_data::hdf5::{GridFile, Kind, OnUnreadable, kind, read_cube};
use pdr_data::species;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Options of `pdr convert`.
#[derive(Debug, Args)]
pub struct Convert {
    /// Folder of runs of 3D-PDR, one `.pdr.fin` file of a run (what stands beside it is read too), or an HDF5 file.
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// HDF5 file for runs; folder for the text files of an HDF5 file.
    #[arg(long, value_name = "OUT")]
    pub out: PathBuf,
    /// Species file of 3D-PDR, which names the columns of text output [default: its reduced network, 33 species].
    #[arg(long, value_name = "FILE")]
    pub species: Option<PathBuf>,
    /// Leave out and count what cannot be read instead of stopping (exit code 3).
    #[arg(long)]
    pub skip_unreadable: bool,
}

/// What to do with what cannot be read.
pub fn on_unreadable(skip: bool) -> OnUnreadable {
    if skip {
        OnUnreadable::Skip
    } else {
        OnUnreadable::Fail
    }
}

/// Tells the direction from the input and converts.
pub fn run(args: &Convert, output: &Output) -> Result<Outcome, Error> {
    let unreadable = on_unreadable(args.skip_unreadable);
    if args.input.is_dir() {
        let runs = Run::in_folder(&args.input)?;
        return to_file(&runs, args, unreadable, output);
    }
    let name = args.input.to_string_lossy();
    let bare = name.strip_suffix(".gz").unwrap_or(&name);
    if let Some(prefix) = bare.strip_suffix(".pdr.fin") {
        let run = Run {
            prefix: PathBuf::from(prefix),
        };
        return to_file(&[run], args, unreadable, output);
    }
    std::fs::create_dir_all(&args.out).map_err(Error::io(&args.out))?;
    match kind(&args.input)? {
        Kind::Grid => {
            let grid = GridFile::open(&args.input)?;
            let bar = progress::bar(output, grid.len() as u64, "models");
            let tally = grid_to_folder(&grid, &args.out, unreadable, |done, _| {
                bar.set_position(done as u64);
            })?;
            bar.finish_and_clear();
            report(tally.read, 0, &tally.skipped, &args.out, output)
        }
        Kind::Cubes(groups) => {
            for group in &groups {
                let prefix = args.out.join(group);
                Run { prefix }.write_cube(&read_cube(&args.input, group)?)?;
            }
            report(0, groups.len(), &[], &args.out, output)
        }
        Kind::Packed => Err(Error::Usage(format!(
            "{name} holds packed rays; 3D-PDR has no text format for them"
        ))),
    }
}

fn to_file(
    runs: &[Run],
    args: &Convert,
    unreadable: OnUnreadable,
    output: &Output,
) -> Result<Outcome, Error> {
    let names = match &args.species {
        Some(path) => species::read_names(path)?,
        None => species::REDUCED.map(str::to_string).to_vec(),
    };
    let bar = progress::bar(output, runs.len() as u64, "runs");
    let done = runs_to_file(runs, &names, &args.out, unreadable, |done, _| {
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    report(done.lines, done.cubes, &done.skipped, &args.out, output)
}

fn report(
    lines: usize,
    cubes: usize,
    skipped: &[(String, pdr_data::Error)],
    out: &Path,
    output: &Output,
) -> Result<Outcome, Error> {
    for (name, reason) in skipped {
        output.note(&format!("left out {name}: {reason}"));
    }
    output.say(&format!(
        "{}: {lines} lines of sight, {cubes} cubes, {} left out",
        out.display(),
        skipped.len()
    ))?;
    let left_out: Vec<_> = skipped
        .iter()
        .map(|(name, reason)| json!({ "model": name, "reason": reason.to_string() }))
        .collect();
    Ok(Outcome {
        partial: !skipped.is_empty(),
        ..Outcome::done(json!({
            "out": out, "lines": lines, "cubes": cubes, "unreadable": left_out,
        }))
    })
}
