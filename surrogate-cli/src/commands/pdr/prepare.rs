//! `surrogate pdr prepare`: lines of sight in order, smooth, of a given length.

use crate::commands::pdr::convert::on_unreadable;
use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::progress;
use clap::Args;
use pdr_data::hdf5::{
    GridFile, GridWriter, Kind, Model, OnUnreadable, PackedFile, PackedWriter, kind,
};
use pdr_data::prepare::{Preparation, Prepared};
use pdr_data::spline::Smoothing;
use serde_json::json;
use std::path::PathBuf;

/// Rays read at a time.
const BLOCK: usize = 4096;

/// Options of `pdr prepare`.
#[derive(Debug, Args)]
pub struct Prepare {
    /// Grid of lines of sight or packed rays (HDF5).
    #[arg(value_name = "FILE.h5")]
    pub input: PathBuf,
    /// File to write, in the layout of the input.
    #[arg(long, value_name = "FILE.h5")]
    pub out: PathBuf,
    /// Smoothing of log10 abundances over log10 (A_V + offset).
    #[arg(long, value_name = "LAMBDA", default_value_t = 1e-4, conflicts_with_all = ["gcv", "no_smoothing"])]
    pub lambda: f64,
    /// Smoothing with the lambda of least generalised cross-validation, per species and line of sight.
    #[arg(long, conflicts_with = "no_smoothing")]
    pub gcv: bool,
    /// No smoothing.
    #[arg(long)]
    pub no_smoothing: bool,
    /// Bounds of log10 abundances.
    #[arg(long, value_name = "LOW,HIGH", allow_hyphen_values = true, value_delimiter = ',', num_args = 1, default_values_t = [-30.0, 0.0])]
    pub bounds: Vec<f64>,
    /// Points wanted, evenly spaced in log10 (A_V + offset) [default: as they are].
    #[arg(long, value_name = "N")]
    pub resample: Option<usize>,
    /// Fewest points; shorter lines of sight are left out and counted.
    #[arg(long, value_name = "N", default_value_t = 48)]
    pub min_points: usize,
    /// Offset under A_V in its logarithm (mag).
    #[arg(long, value_name = "MAG", default_value_t = 1e-4)]
    pub offset: f64,
    /// Leave out and count what cannot be read instead of stopping (exit code 3).
    #[arg(long)]
    pub skip_unreadable: bool,
}

#[derive(Default)]
struct Counts {
    written: usize,
    short: usize,
    dropped: usize,
    unreadable: Vec<(String, pdr_data::Error)>,
}

/// Prepares one line of sight after the other.
pub fn run(args: &Prepare, output: &Output) -> Result<Outcome, Error> {
    let &[low, high] = args.bounds.as_slice() else {
        return Err(Error::Usage("--bounds: two numbers, LOW,HIGH".into()));
    };
    let rule = Preparation {
        smoothing: match (args.no_smoothing, args.gcv) {
            (true, _) => None,
            (_, true) => Some(Smoothing::CrossValidation),
            _ => Some(Smoothing::Lambda(args.lambda)),
        },
        bounds: [low, high],
        resample: args.resample,
        min_points: args.min_points,
        offset: args.offset,
    };
    rule.check().map_err(|e| Error::Usage(e.to_string()))?;
    let counts = match kind(&args.input)? {
        Kind::Grid => grid(args, &rule, output)?,
        Kind::Packed => packed(args, &rule, output)?,
        Kind::Cubes(_) => {
            return Err(Error::Usage(format!(
                "{} holds solved cubes; `pdr rays` makes lines of sight of them",
                args.input.display()
            )));
        }
    };
    for (name, reason) in &counts.unreadable {
        output.note(&format!("left out {name}: {reason}"));
    }
    output.say(&format!(
        "{}: {} lines of sight; {} shorter than {} points, {} unreadable; {} points dropped because A_V did not increase",
        args.out.display(),
        counts.written,
        counts.short,
        args.min_points,
        counts.unreadable.len(),
        counts.dropped
    ))?;
    Ok(Outcome {
        partial: !counts.unreadable.is_empty(),
        ..Outcome::done(json!({
            "out": args.out, "written": counts.written, "too_short": counts.short,
            "points_dropped": counts.dropped, "unreadable": counts.unreadable.len(),
        }))
    })
}

fn source(args: &Prepare) -> String {
    let name = args.input.file_name().unwrap_or_default();
    format!("prepared from {}", name.to_string_lossy())
}

fn grid(args: &Prepare, rule: &Preparation, output: &Output) -> Result<Counts, Error> {
    let grid = GridFile::open(&args.input)?;
    let mut writer = GridWriter::create(&args.out, grid.species())?;
    let mut counts = Counts::default();
    let bar = progress::bar(output, grid.len() as u64, "models");
    for (i, id) in grid.model_ids().iter().enumerate() {
        bar.set_position(i as u64);
        let read = grid.read_points_unordered(i);
        let points = match (read, on_unreadable(args.skip_unreadable)) {
            (Ok(points), _) => points,
            (Err(e), OnUnreadable::Fail) => return Err(e.into()),
            (Err(e), OnUnreadable::Skip) => {
                counts.unreadable.push((id.clone(), e));
                continue;
            }
        };
        match rule.apply(&points)? {
            Prepared::TooShort(_) => counts.short += 1,
            Prepared::Ready(points, dropped) => {
                counts.dropped += dropped;
                counts.written += 1;
                let parameters = grid.parameters().and_then(|p| p.get(i)).copied();
                writer.write(&Model {
                    id: id.clone(),
                    parameters,
                    points,
                    heat: None,
                    cool: None,
                    line: None,
                })?;
            }
        }
    }
    bar.finish_and_clear();
    writer.finish(&source(args))?;
    Ok(counts)
}

fn packed(args: &Prepare, rule: &Preparation, output: &Output) -> Result<Counts, Error> {
    let file = PackedFile::open(&args.input)?;
    let mut writer = PackedWriter::create(&args.out, file.species())?;
    let mut counts = Counts::default();
    let bar = progress::bar(output, file.len() as u64, "rays");
    for first in (0..file.len()).step_by(BLOCK) {
        bar.set_position(first as u64);
        let rays = file.read(first, BLOCK)?;
        for (i, points) in rays.iter().enumerate() {
            let (origin, parameters) = (file.origins()[first + i], file.parameters());
            match rule.apply(points)? {
                Prepared::TooShort(_) => counts.short += 1,
                Prepared::Ready(points, dropped) => {
                    counts.dropped += dropped;
                    counts.written += 1;
                    let parameters = parameters.and_then(|p| p.get(first + i)).copied();
                    writer.write(origin, parameters, &points)?;
                }
            }
        }
    }
    bar.finish_and_clear();
    writer.finish(&source(args))?;
    Ok(counts)
}
