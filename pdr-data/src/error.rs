//! What can be wrong with a file of a photodissociation-region code, with the place and the values.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A field is not what it should be.
    #[error("{file}:{line}:{column}: found `{found}`, expected {expected}")]
    Field {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Column of the first character of the field, from 1.
        column: usize,
        /// The text found.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// A line has too few or too many fields.
    #[error("{file}:{line}: {found} fields, expected {expected}")]
    FieldCount {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Number of fields found.
        found: usize,
        /// What should stand there.
        expected: String,
    },
    /// The file has too few or too many rows.
    #[error("{file}: {found} rows of data, expected {expected}")]
    RowCount {
        /// Name of the file.
        file: String,
        /// Number of rows found.
        found: usize,
        /// What was expected.
        expected: String,
    },
    /// Arrays that belong together differ in length.
    #[error("{what}: lengths {left} and {right} differ")]
    Length {
        /// Which arrays.
        what: &'static str,
        /// Length of the first.
        left: usize,
        /// Length of the second.
        right: usize,
    },
    /// A position does not lie behind its predecessor.
    #[error("position {index} is {value} pc, not behind the one before it ({previous} pc)")]
    NotIncreasing {
        /// Index of the point, from 0.
        index: usize,
        /// Its position (pc).
        value: f64,
        /// Position of the point before it (pc).
        previous: f64,
    },
}
