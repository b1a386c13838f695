//! Runs the built binary for the tests beside this folder.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What one call of the binary gave.
pub struct Call {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Call {
    /// The object on the last line of stdout.
    pub fn json(&self) -> serde_json::Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|e| panic!("{e}: {line:?}; stderr: {}", self.stderr))
    }

    /// Expects this exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// Expects an error whose message holds all these words.
    #[track_caller]
    pub fn refused(self, code: i32, words: &[&str]) -> Self {
        let call = self.expect(code);
        assert!(call.stderr.contains("error: "), "{}", call.stderr);
        for word in words {
            assert!(
                call.stderr.contains(word),
                "{word:?} is not in: {}",
                call.stderr
            );
        }
        call
    }
}

impl From<Output> for Call {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The binary, in a folder.
pub fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_surrogate"));
    command.current_dir(folder);
    command
}

/// Calls the binary in a folder with words separated by blanks.
pub fn call(folder: &Path, words: &str) -> Call {
    command(folder)
        .args(words.split_whitespace())
        .output()
        .unwrap()
        .into()
}

/// Writes a file into the folder and returns its path.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A table of initial states of the paper's kind, `rows` models.
pub fn initial(folder: &Path, rows: usize) -> PathBuf {
    let mut text = String::from("H2,C,C+,O,E\n");
    for i in 0..rows {
        // Spread over the paper's range [1e-6, 1e-3] n_tot, n_tot = 1e4 cm^-3.
        let c = 1e4 * 10f64.powf(-6.0 + 3.0 * ((i * 37 + 11) % 101) as f64 / 100.0);
        let cp = 1e4 * 10f64.powf(-6.0 + 3.0 * ((i * 61 + 29) % 101) as f64 / 100.0);
        text.push_str(&format!("1e4,{c:e},{cp:e},{:e},{cp:e}\n", c + cp));
    }
    write(folder, "initial.csv", &text)
}

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
