//! Reads a table of conditions against time, such as the history of a fluid parcel in a hydrodynamics run.

use crate::condition::Condition;
use crate::error::Error;
use crate::sheet::Sheet;
use chem_network::{Environment, Track, YEAR};
use std::path::Path;

/// What one column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Time,
    Condition(Condition),
}

/// The track in the table at `path`: a column `time` (yr) and columns of conditions; conditions without a column are those of
/// `base` at all times.
pub fn read(path: &Path, base: &Environment) -> Result<Track, Error> {
    let what = || format!("time, {}", Condition::names());
    let sheet = Sheet::read(path, &what(), "times")?;
    let columns = sheet.columns(
        |name| match name {
            "time" => Some(Column::Time),
            _ => Condition::from_name(name).map(Column::Condition),
        },
        what,
    )?;
    if !columns.contains(&Column::Time) {
        return Err(sheet.refuse_header(0, "a header with a column time (yr)"));
    }
    let mut times: Vec<f64> = Vec::with_capacity(sheet.rows.len());
    let mut environments = Vec::with_capacity(sheet.rows.len());
    for row in &sheet.rows {
        let mut environment = *base;
        for (i, column) in columns.iter().enumerate() {
            match *column {
                Column::Time => {
                    let before = times.last().copied();
                    let expected = match before {
                        Some(before) => format!("a time after {} yr", before / YEAR),
                        None => "a finite time (yr)".to_owned(),
                    };
                    let later = |t: f64| before.is_none_or(|before| t * YEAR > before);
                    times.push(YEAR * sheet.number(row, i, &expected, later)?);
                }
                Column::Condition(condition) => {
                    let allows = |value| condition.allows(value);
                    let value = sheet.number(row, i, condition.expected(), allows)?;
                    condition.set(&mut environment, value);
                }
            }
        }
        environments.push(environment);
    }
    Ok(Track::new(times, environments)?)
}
