//! Reads a table of initial states: a header of species names and conditions, one model per row.

use crate::condition::Condition;
use crate::error::Error;
use chem_network::{Environment, Network};
use clap::ValueEnum;
use std::path::Path;

/// Characters of a refused cell that a message shows.
const CLIP: usize = 40;

/// What the numbers of a table mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Abundances {
    /// Number densities (cm⁻³).
    Absolute,
    /// Abundances per hydrogen nucleus, times the density n_H.
    Relative,
}

/// Initial states and conditions of every model.
#[derive(Debug)]
pub struct InitialStates {
    /// Number densities (cm⁻³), species × models: one model after the other, species in network order.
    pub states: Vec<f64>,
    /// Conditions per model.
    pub environments: Vec<Environment>,
    /// Species of the network that the table does not name; they start at 0.
    pub unnamed: Vec<String>,
}

/// What one column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Species(usize),
    Condition(Condition),
}

/// Reads the table at `path`. `species_index` finds a species by any database's spelling, `names` lists them in order.
pub fn read(
    path: &Path,
    network: &Network,
    base: &Environment,
    abundances: Abundances,
) -> Result<InitialStates, Error> {
    let names: Vec<&str> = network.species().iter().map(|s| s.name()).collect();
    read_table(
        path,
        &names,
        |name| network.species_index(name),
        base,
        abundances,
    )
}

/// As [`read`], for any list of species.
pub fn read_table(
    path: &Path,
    names: &[&str],
    species_index: impl Fn(&str) -> Option<usize>,
    base: &Environment,
    abundances: Abundances,
) -> Result<InitialStates, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let bad_line = |line: u64, reason: String| Error::Line {
        path: path.to_owned(),
        line,
        reason,
    };
    let header = match records.next() {
        Some(record) => record.map_err(|e| bad_line(1, e.to_string()))?,
        None => {
            return Err(bad_line(
                1,
                "empty; expected a header of species names".into(),
            ));
        }
    };
    let header_line = header.position().map_or(1, csv::Position::line);
    let columns = read_header(path, header_line, &header, names, species_index)?;
    let mut out = InitialStates {
        states: Vec::new(),
        environments: Vec::new(),
        unnamed: (0..names.len())
            .filter(|i| !columns.contains(&Column::Species(*i)))
            .map(|i| names[i].to_owned())
            .collect(),
    };
    for record in records {
        let record = record
            .map_err(|e| bad_line(e.position().map_or(0, csv::Position::line), e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns.len() {
            let reason = format!(
                "{} columns, expected {} as in the header",
                record.len(),
                columns.len()
            );
            return Err(bad_line(line, reason));
        }
        let mut state = vec![0.0; names.len()];
        let mut environment = *base;
        for (i, (cell, column)) in record.iter().zip(&columns).enumerate() {
            let refuse = |expected: &str| Error::Cell {
                path: path.to_owned(),
                line,
                column: i + 1,
                name: header.get(i).unwrap_or_default().to_owned(),
                found: clipped(cell),
                expected: expected.to_owned(),
            };
            let value = cell.parse::<f64>().ok().filter(|v| v.is_finite());
            match *column {
                Column::Species(species) => {
                    let what = match abundances {
                        Abundances::Absolute => "a number density of 0 cm⁻³ or more",
                        Abundances::Relative => "an abundance of 0 or more",
                    };
                    state[species] = value.filter(|v| *v >= 0.0).ok_or_else(|| refuse(what))?;
                }
                Column::Condition(condition) => {
                    let value = value
                        .filter(|v| condition.allows(*v))
                        .ok_or_else(|| refuse(condition.expected()))?;
                    condition.set(&mut environment, value);
                }
            }
        }
        if abundances == Abundances::Relative {
            let density = environment.density.ok_or_else(|| {
                Error::Usage(
                    "--abundances relative needs --density or a column density [cm⁻³]".into(),
                )
            })?;
            state.iter_mut().for_each(|x| *x *= density);
        }
        out.states.extend(state);
        out.environments.push(environment);
    }
    if out.states.is_empty() {
        return Err(bad_line(
            header_line,
            "a header but no models below it".into(),
        ));
    }
    Ok(out)
}

/// The first characters of a text: a file that is no table may hold megabytes on a line.
pub fn clipped(text: &str) -> String {
    match text.char_indices().nth(CLIP) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn read_header(
    path: &Path,
    line: u64,
    header: &csv::StringRecord,
    names: &[&str],
    species_index: impl Fn(&str) -> Option<usize>,
) -> Result<Vec<Column>, Error> {
    let mut columns: Vec<Column> = Vec::with_capacity(header.len());
    for (i, name) in header.iter().enumerate() {
        let refuse = |expected: String| Error::Cell {
            path: path.to_owned(),
            line,
            column: i + 1,
            name: "header".into(),
            found: clipped(name),
            expected,
        };
        // A byte-order mark is no part of the first name.
        let name = name.trim_start_matches('\u{feff}');
        let column = match Condition::from_name(name) {
            Some(condition) => Column::Condition(condition),
            None => Column::Species(species_index(name).ok_or_else(|| {
                refuse(format!(
                    "a species of the network ({}) or {}",
                    names.join(" "),
                    Condition::names()
                ))
            })?),
        };
        if let Some(first) = columns.iter().position(|c| *c == column) {
            return Err(refuse(format!(
                "something other than column {} again",
                first + 1
            )));
        }
        columns.push(column);
    }
    Ok(columns)
}
