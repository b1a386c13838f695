//! What a reader knows of a file beyond species and reactions, for whoever checks it.

use crate::format::Format;

/// A row of a file whose rate law has no implementation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnsupportedRow {
    /// Line of the file, from 1; 0 for a network that was not read from a file.
    pub line: usize,
    /// The row as text.
    pub text: String,
    /// What has no implementation.
    pub reason: String,
}

/// A row of a file of which its reader has something to say: what it contradicts, how it was taken.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remark {
    /// Line of the file, from 1.
    pub line: usize,
    /// The row as text.
    pub text: String,
    /// What there is to say.
    pub remark: String,
}

/// Lines of a file that hold no reaction and no species.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SkippedLines {
    /// What they are and why nothing is read from them: `comment`, `blank line`, ….
    pub what: String,
    /// How many there are.
    pub lines: usize,
}

/// What a reader knows beyond species and reactions; not part of a network's identity.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub format: Option<Format>,
    /// Reaction rows in the file.
    pub rows: usize,
    pub unsupported: Vec<UnsupportedRow>,
    /// Lines that are not reactions, by class.
    pub skipped: Vec<SkippedLines>,
    pub remarks: Vec<Remark>,
    /// Abundances relative to hydrogen nuclei, one per species, if the file gives them.
    pub abundances: Option<Vec<f64>>,
}

impl Origin {
    /// Counts a line that holds no reaction.
    pub fn skip(&mut self, what: &str) {
        match self.skipped.iter_mut().find(|class| class.what == what) {
            Some(class) => class.lines += 1,
            None => self.skipped.push(SkippedLines {
                what: what.to_owned(),
                lines: 1,
            }),
        }
    }
}
