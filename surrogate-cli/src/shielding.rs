//! Reads a table of the line shielding of CO: columns `co_column`, `h2_column` (cm⁻²) and `factor`, a full grid in any order.

use crate::error::Error;
use chem_network::CoShielding;
use std::path::Path;

/// Columns of the table.
const COLUMNS: [&str; 3] = ["co_column", "h2_column", "factor"];

/// The shielding function of a table.
pub fn read(path: &Path) -> Result<CoShielding, Error> {
    let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
    let bad = |line: u64, reason: String| Error::Line {
        path: path.to_owned(),
        line,
        reason,
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| bad(1, e.to_string()))?.clone();
    let mut place = [0; 3];
    for (place, name) in place.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|h| h == name).ok_or_else(|| {
            let line = header.position().map_or(1, csv::Position::line);
            bad(
                line,
                format!("no column {name}; expected {}", COLUMNS.join(", ")),
            )
        })?;
    }
    let mut rows: Vec<[f64; 3]> = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|e| bad(e.position().map_or(0, csv::Position::line), e.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let mut row = [0.0; 3];
        for ((value, &i), name) in row.iter_mut().zip(&place).zip(COLUMNS) {
            let cell = record.get(i).unwrap_or_default();
            let number = cell.parse::<f64>().ok();
            *value = number
                .filter(|v| v.is_finite() && *v > 0.0)
                .ok_or_else(|| Error::Cell {
                    path: path.to_owned(),
                    line,
                    column: i + 1,
                    name: name.to_owned(),
                    found: crate::initial::clipped(cell),
                    expected: "a finite number above 0".to_owned(),
                })?;
        }
        rows.push(row);
    }
    rows.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let axis = |column: usize| {
        let mut values: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    };
    let (co, h2) = (axis(0), axis(1));
    let full = !rows.is_empty()
        && rows.len() == co.len() * h2.len()
        && rows
            .iter()
            .enumerate()
            .all(|(k, row)| row[0] == co[k / h2.len()] && row[1] == h2[k % h2.len()]);
    if !full {
        let reason = format!(
            "{} rows, expected one for each of {} values of co_column with each of {} of h2_column",
            rows.len(),
            co.len(),
            h2.len()
        );
        return Err(bad(1, reason));
    }
    let factors: Vec<f64> = rows.iter().map(|row| row[2]).collect();
    CoShielding::from_table(&co, &h2, &factors).map_err(|e| bad(1, e.to_string()))
}
