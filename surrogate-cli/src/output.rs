//! What commands print: text for people on stdout, or with `--json` one object as the last line of stdout; remarks on stderr.

use crate::error::Error;
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// How a command ended when it did not fail.
#[derive(Debug)]
pub struct Outcome {
    /// The object of `--json`.
    pub json: Value,
    /// Whether some models failed and the rest was kept.
    pub partial: bool,
}

impl Outcome {
    /// Everything was done.
    pub fn done(json: Value) -> Self {
        Self {
            json,
            partial: false,
        }
    }

    /// Exit code: 3 where only part was done.
    pub fn code(&self) -> u8 {
        if self.partial { 3 } else { 0 }
    }
}

/// Where a command's words go.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
}

impl Output {
    /// Text, or JSON only.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether `--json` was given.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a text for people; nothing with `--json`.
    pub fn say(&self, text: &str) -> Result<(), Error> {
        if self.json { Ok(()) } else { print_line(text) }
    }

    /// Prints a remark or warning on stderr.
    pub fn note(&self, text: &str) {
        // Nothing is left to be done where stderr is closed.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Prints the closing object.
    pub fn finish(&self, outcome: &Outcome) -> Result<(), Error> {
        if self.json {
            print_line(&outcome.json.to_string())
        } else {
            Ok(())
        }
    }

    /// Reports an error and gives the exit code.
    pub fn fail(&self, error: &Error) -> ExitCode {
        self.note(&format!("error: {}", error.chain()));
        if self.json {
            let _ = print_line(&serde_json::json!({ "error": error.chain() }).to_string());
        }
        ExitCode::from(error.code())
    }
}

/// One line on stdout; a reader that has closed the pipe has seen enough.
fn print_line(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::Stdout(e)),
        _ => Ok(()),
    }
}
