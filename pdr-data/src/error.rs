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
    /// The last line is not ended.
    #[error("{file}:{line}: cut in mid-line: ends with `{found}` and no line break")]
    Cut {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// The last characters.
        found: String,
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
    /// The file is no HDF5 file, is cut off, or something in it cannot be decoded.
    #[error("{}: `{object}`: {reason}", path.display())]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// Group, dataset or attribute.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A group, dataset or attribute is not in the file.
    #[error("{}: {what} is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: String,
    },
    /// A dataset has another shape than its place asks for.
    #[error("{}: `{object}` has shape {found:?}, expected {expected}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The dataset.
        object: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the shape should be.
        expected: String,
    },
    /// A value in a dataset is not what it should be.
    #[error("{}: `{object}` row {row}, column {column}: found {value}, expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The dataset.
        object: String,
        /// Row, from 0.
        row: usize,
        /// Name of the column.
        column: String,
        /// The value found.
        value: f64,
        /// What should stand there.
        expected: &'static str,
    },
    /// An argument is out of its range.
    #[error("{what} is {value}, expected {expected}")]
    Argument {
        /// Which argument.
        what: &'static str,
        /// Its value.
        value: f64,
        /// What it should be.
        expected: &'static str,
    },
    /// No model, cell or column has this name.
    #[error("no {what} `{name}`; there are: {known}")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
}

impl Error {
    /// The error that `path` could not be read or written.
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
