//! The one error type of the command line: what went wrong, where, and which exit code it means.

use std::path::PathBuf;

/// What may go wrong in a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments contradict each other or a value is out of range.
    #[error("{0}")]
    Usage(String),
    /// A table of initial states was refused.
    #[error("{}:{line}: column {column} ({name}): found “{found}”, expected {expected}", path.display())]
    Cell {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// The column's heading.
        name: String,
        /// Text found.
        found: String,
        /// What it should have been.
        expected: String,
    },
    /// A table of initial states has a line of the wrong length, or none at all.
    #[error("{}:{line}: {reason}", path.display())]
    Line {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A configuration file could not be understood.
    #[error("{}: {source}", path.display())]
    Config {
        /// File.
        path: PathBuf,
        /// What TOML or serde met, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A distribution of initial states was refused.
    #[error("{}: {source}", path.display())]
    Distribution {
        /// File.
        path: PathBuf,
        /// The refusal.
        source: chem_network::Error,
    },
    /// A data set could not be used.
    #[error("{}: {source}", path.display())]
    Data {
        /// File.
        path: PathBuf,
        /// The refusal.
        source: latent_ode::Error,
    },
    /// The conditions of one row give no rate coefficients.
    #[error("row {row} (from 0): {source}")]
    Row {
        /// Row of the table, from 0.
        row: usize,
        /// The refusal.
        source: Box<Error>,
    },
    /// A key of a configuration file is unknown or has a wrong value.
    #[error("{}:{line}: {key}: {reason}", path.display())]
    Key {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Key with the tables it is in.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Standard output could not be written.
    #[error("cannot write to standard output")]
    Stdout(#[source] std::io::Error),
    /// From reading or evaluating a network.
    #[error(transparent)]
    Network(#[from] chem_network::Error),
    /// From files of PDR data, rays or maps.
    #[error(transparent)]
    Pdr(#[from] pdr_data::Error),
    /// From data sets, training or rollouts.
    #[error(transparent)]
    Latent(#[from] latent_ode::Error),
    /// A network holds reactions without an implemented rate law.
    #[error(
        "{network}: {count} reactions have no implemented rate law (--drop-unsupported leaves them out):\n{list}"
    )]
    Unsupported {
        /// The network.
        network: String,
        /// Number of reactions.
        count: usize,
        /// One line per reaction.
        list: String,
    },
    /// A solve was refused before any model began.
    #[error(transparent)]
    Solve(#[from] stiff_ode_solvers::SolveError),
    /// A figure could not be drawn.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// JSON could not be written (a key that is not text, for instance).
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
    /// The worker threads could not be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// Number asked for.
        threads: usize,
        /// Why.
        source: rayon::ThreadPoolBuildError,
    },
    /// The user interrupted; what exists is complete, and the text says how to go on.
    #[error("interrupted: {0}")]
    Interrupted(String),
}

impl Error {
    /// An input or output error of a path.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// Exit code: 2 for wrong usage, 1 for everything else.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            _ => 1,
        }
    }

    /// The message with its causes, on one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}
