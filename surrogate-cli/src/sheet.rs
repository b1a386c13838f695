//! A CSV table as text: a header and rows of equal length, with the lines they stand on, and refusals that name a cell.

use crate::error::Error;
use std::path::{Path, PathBuf};

/// Characters of a refused cell that a message shows.
const CLIP: usize = 40;

/// One line of a table.
#[derive(Debug)]
pub struct Row {
    /// Line, from 1.
    pub line: u64,
    /// Its cells, blanks around them cut off.
    pub cells: Vec<String>,
}

/// A table; lines that begin with `#` are comments.
#[derive(Debug)]
pub struct Sheet {
    path: PathBuf,
    /// The first line.
    pub header: Row,
    /// The others, as long as the header; at least one.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// Reads a file. `what` says in a refusal what its header holds, `row` what a row stands for.
    pub fn read(path: &Path, what: &str, row: &str) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let refuse = |line: u64, reason: String| Error::Line {
            path: path.to_owned(),
            line,
            reason,
        };
        let mut lines = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .comment(Some(b'#'))
            // A byte-order mark is no part of the first name.
            .from_reader(text.trim_start_matches('\u{feff}').as_bytes())
            .into_records()
            .map(|record| {
                let record = record.map_err(|e| {
                    refuse(e.position().map_or(1, csv::Position::line), e.to_string())
                })?;
                Ok(Row {
                    line: record.position().map_or(1, csv::Position::line),
                    cells: record.iter().map(str::to_owned).collect(),
                })
            });
        let header = match lines.next() {
            Some(header) => header?,
            None => return Err(refuse(1, format!("empty; expected a header of {what}"))),
        };
        let rows = lines.collect::<Result<Vec<Row>, Error>>()?;
        if let Some(odd) = rows
            .iter()
            .find(|row| row.cells.len() != header.cells.len())
        {
            let (found, expected) = (odd.cells.len(), header.cells.len());
            let reason = format!("{found} columns, expected {expected} as in the header");
            return Err(refuse(odd.line, reason));
        }
        if rows.is_empty() {
            return Err(refuse(
                header.line,
                format!("a header but no {row} below it"),
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            header,
            rows,
        })
    }

    /// The refusal of a cell of a row.
    pub fn refuse(&self, row: &Row, column: usize, expected: impl Into<String>) -> Error {
        self.refusal(row, column, &self.header.cells[column], expected.into())
    }

    /// The refusal of a cell of the header.
    pub fn refuse_header(&self, column: usize, expected: impl Into<String>) -> Error {
        self.refusal(&self.header, column, "header", expected.into())
    }

    fn refusal(&self, row: &Row, column: usize, name: &str, expected: String) -> Error {
        Error::Cell {
            path: self.path.clone(),
            line: row.line,
            column: column + 1,
            name: name.to_owned(),
            found: clipped(&row.cells[column]),
            expected,
        }
    }

    /// A cell as a finite number that `allows` lets pass.
    pub fn number(
        &self,
        row: &Row,
        column: usize,
        expected: &str,
        allows: impl Fn(f64) -> bool,
    ) -> Result<f64, Error> {
        let value = row.cells[column].parse::<f64>().ok();
        value
            .filter(|v| v.is_finite() && allows(*v))
            .ok_or_else(|| self.refuse(row, column, expected))
    }

    /// What each column holds, by its heading; no heading twice.
    pub fn columns<C: PartialEq>(
        &self,
        read: impl Fn(&str) -> Option<C>,
        expected: impl Fn() -> String,
    ) -> Result<Vec<C>, Error> {
        let mut columns: Vec<C> = Vec::with_capacity(self.header.cells.len());
        for (i, name) in self.header.cells.iter().enumerate() {
            let column = read(name).ok_or_else(|| self.refuse_header(i, expected()))?;
            if let Some(first) = columns.iter().position(|c| *c == column) {
                let expected = format!("something other than column {} again", first + 1);
                return Err(self.refuse_header(i, expected));
            }
            columns.push(column);
        }
        Ok(columns)
    }
}

/// The first characters of a text: a file that is no table may hold megabytes on a line.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(CLIP) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
