//! Reads a table of the line shielding of CO: columns `co_column`, `h2_column` (cm⁻²) and `factor`, a full grid in any order.

use crate::error::Error;
use crate::sheet::Sheet;
use chem_network::CoShielding;
use std::path::Path;

/// Columns of the table.
const COLUMNS: [&str; 3] = ["co_column", "h2_column", "factor"];

/// The shielding function of a table.
pub fn read(path: &Path) -> Result<CoShielding, Error> {
    let sheet = Sheet::read(path, &COLUMNS.join(", "), "grid points")?;
    let columns = sheet.columns(
        |name| COLUMNS.iter().position(|column| *column == name),
        || COLUMNS.join(", "),
    )?;
    let bad = |reason: String| Error::Line {
        path: path.to_owned(),
        line: sheet.header.line,
        reason,
    };
    if columns.len() < COLUMNS.len() {
        return Err(bad(format!("expected the columns {}", COLUMNS.join(", "))));
    }
    let mut rows: Vec<[f64; 3]> = Vec::with_capacity(sheet.rows.len());
    for line in &sheet.rows {
        let mut row = [0.0; 3];
        for (i, &column) in columns.iter().enumerate() {
            row[column] = sheet.number(line, i, "a finite number above 0", |v| v > 0.0)?;
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
        return Err(bad(reason));
    }
    let factors: Vec<f64> = rows.iter().map(|row| row[2]).collect();
    CoShielding::from_table(&co, &h2, &factors).map_err(|e| bad(e.to_string()))
}
