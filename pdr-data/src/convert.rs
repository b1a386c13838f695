//! Runs of 3D-PDR ↔ HDF5: a folder of text files becomes one file, and the other way round.

use crate::{
    Error,
    cube::SolvedCube,
    fin::{LineRun, Run, pdr::Geometry},
    hdf5::{GridFile, GridWriter, Model, OnUnreadable, Parameters, Tally, write_cubes},
};
use std::path::Path;

/// What a conversion did.
#[derive(Debug, Default)]
pub struct Converted {
    /// Lines of sight written.
    pub lines: usize,
    /// Cubes written.
    pub cubes: usize,
    /// Runs left out, with the reason.
    pub skipped: Vec<(String, Error)>,
}

/// Writes runs to one HDF5 file: lines of sight as a grid in NeuralPDR's layout, cubes as a group each. All must be of one kind,
/// the kind of the first. `progress` is told how many runs of how many are done.
///
/// # Errors
/// There is no run; a run cannot be read, unless those are to be skipped; all were; or the file cannot be written.
pub fn runs_to_file(
    runs: &[Run],
    species: &[String],
    out: impl AsRef<Path>,
    unreadable: OnUnreadable,
    mut progress: impl FnMut(usize, usize),
) -> Result<Converted, Error> {
    let mut done = Converted::default();
    let mut grid: Option<GridWriter> = None;
    let mut cubes: Vec<(String, SolvedCube)> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        progress(i, runs.len());
        match read(run, species, grid.is_some(), !cubes.is_empty()) {
            Ok(Either::Line(line)) => {
                let writer = match &mut grid {
                    Some(writer) => writer,
                    none => none.insert(GridWriter::create(&out, species)?),
                };
                writer.write(&model(run.name(), *line))?;
                done.lines += 1;
            }
            Ok(Either::Cube(cube)) => {
                cubes.push((run.name(), *cube));
                done.cubes += 1;
            }
            Err(error) if unreadable == OnUnreadable::Fail => return Err(error),
            Err(error) => done.skipped.push((run.name(), error)),
        }
    }
    progress(runs.len(), runs.len());
    match grid {
        Some(writer) => writer.finish("converted from text output of 3D-PDR")?,
        None => {
            let list: Vec<(&str, &SolvedCube)> =
                cubes.iter().map(|(name, c)| (name.as_str(), c)).collect();
            if list.is_empty() {
                return Err(Error::Argument {
                    what: "number of readable runs (files that end in .pdr.fin)",
                    value: 0.0,
                    expected: "at least 1",
                });
            }
            write_cubes(&out, &list)?;
        }
    }
    Ok(done)
}

enum Either {
    Line(Box<LineRun>),
    Cube(Box<SolvedCube>),
}

fn read(run: &Run, species: &[String], lines: bool, cubes: bool) -> Result<Either, Error> {
    let other = |found: &str, expected: &str| Error::RowCount {
        file: run.prefix.display().to_string(),
        found: 1,
        expected: format!("{expected} like the runs before it, not {found}"),
    };
    match run.geometry(species.len())? {
        Geometry::LineOfSight if cubes => Err(other("a line of sight", "a cube")),
        Geometry::Cube if lines => Err(other("a cube", "a line of sight")),
        Geometry::LineOfSight => Ok(Either::Line(Box::new(run.read_line(species.len())?))),
        Geometry::Cube => Ok(Either::Cube(Box::new(run.read_cube(species)?))),
    }
}

fn model(id: String, run: LineRun) -> Model {
    let density = run.points.density.first().copied().unwrap_or(0.0);
    Model {
        id,
        parameters: run.surroundings.map(|s| Parameters {
            field: s.field,
            density,
            ionisation_rate: s.ionisation_rate,
        }),
        points: run.points,
        heat: run.heat,
        cool: run.cool,
        line: run.line,
    }
}

/// Writes every model of a grid as text files of 3D-PDR into a folder that exists. The metallicity, of which a grid says nothing,
/// is written as solar.
///
/// # Errors
/// A model cannot be read, unless those are to be skipped, or a file cannot be written.
pub fn grid_to_folder(
    grid: &GridFile,
    folder: impl AsRef<Path>,
    unreadable: OnUnreadable,
    mut progress: impl FnMut(usize, usize),
) -> Result<Tally, Error> {
    let tally = grid.for_each(unreadable, |i, m| {
        progress(i, grid.len());
        let run = Run {
            prefix: folder.as_ref().join(&m.id),
        };
        run.write_line(&LineRun {
            points: m.points,
            heat: m.heat,
            cool: m.cool,
            line: m.line,
            surroundings: m.parameters.map(|p| crate::cube::Surroundings {
                field: p.field,
                ionisation_rate: p.ionisation_rate,
                metallicity: 1.0,
            }),
        })
    })?;
    progress(grid.len(), grid.len());
    Ok(tally)
}
