//! Network files: one module per format, and the detection of a format from the content.

pub mod kida;
pub mod krome;
mod line;
pub mod native;
pub mod osu;
pub mod pdr;
mod read;
mod rows;
pub mod uclchem;
pub mod umist;

use crate::error::Error;
use crate::network::Network;

pub use read::{read_network, read_network_as, read_network_with_species};

/// Formats of network files that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Fixed columns of the Ohio State University networks: [`osu`].
    Osu,
    /// Fixed columns of the KIDA database: [`kida`].
    Kida,
    /// Colon-separated rows of the UMIST Database for Astrochemistry: [`umist`].
    Umist,
    /// Rows with Fortran rate expressions: [`krome`].
    Krome,
    /// Comma-separated rows of UCLCHEM: [`uclchem`].
    Uclchem,
    /// Rates and species of 3D-PDR: [`pdr`].
    #[serde(rename = "3dpdr")]
    Pdr,
    /// The crate's own readable format: [`native`].
    Native,
}

impl Format {
    /// All formats.
    pub const ALL: &'static [Self] = &[
        Self::Osu,
        Self::Kida,
        Self::Umist,
        Self::Krome,
        Self::Uclchem,
        Self::Pdr,
        Self::Native,
    ];

    /// Its name: `osu`, `kida`, `umist`, `krome`, `uclchem`, `3dpdr`, `native`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Osu => "osu",
            Self::Kida => "kida",
            Self::Umist => "umist",
            Self::Krome => "krome",
            Self::Uclchem => "uclchem",
            Self::Pdr => "3dpdr",
            Self::Native => "native",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.name() == name)
    }

    /// Recognises a format by the beginning of a text (its first MiB at most, its first 40 lines
    /// that are no comments). At most one format recognises a text that is in one.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|format| format.recognises(text))
    }

    /// Whether a text begins like a file of this format.
    #[must_use]
    pub fn recognises(self, text: &str) -> bool {
        match self {
            Self::Osu => osu::recognises(text),
            Self::Kida => kida::recognises(text),
            Self::Umist => umist::recognises(text),
            Self::Krome => krome::recognises(text),
            Self::Uclchem => uclchem::recognises(text),
            Self::Pdr => pdr::recognises(text),
            Self::Native => native::recognises(text),
        }
    }

    /// Names of all formats, separated by commas.
    fn known() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|format| format.name()).collect();
        names.join(", ")
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a network from a text, its format detected; `file` is the name that errors show.
///
/// # Errors
/// [`Error::UnknownFormat`], and what the reader of the format finds, with line and column.
pub fn parse_network(text: &str, file: &str) -> Result<Network, Error> {
    match Format::detect(text) {
        Some(format) => parse_network_as(text, file, format),
        None => Err(unknown(text, file)),
    }
}

/// Reads a network from a text of this format; `file` is the name that errors show.
///
/// # Errors
/// What the reader of the format finds, with line and column.
pub fn parse_network_as(text: &str, file: &str, format: Format) -> Result<Network, Error> {
    match format {
        Format::Osu => osu::parse(text, file),
        Format::Kida => kida::parse(text, file),
        Format::Umist => umist::parse(text, file),
        Format::Krome => krome::parse(text, file),
        Format::Uclchem => uclchem::parse(text, file),
        Format::Pdr => pdr::parse(text, file),
        Format::Native => native::parse(text, file),
    }
}

/// The error of a text that no format recognises.
fn unknown(text: &str, file: &str) -> Error {
    if pdr::recognises_species(text) {
        let found = text.lines().next().unwrap_or_default();
        let expected = "reactions: this is a list of species of 3D-PDR, read with the rates beside it \
                        (rates_*.d)";
        return Error::syntax(file, 1, 1, found, expected);
    }
    Error::UnknownFormat {
        file: file.to_owned(),
        known: Format::known(),
    }
}

/// `osu_09_2008` of `some/folder/osu_09_2008.osu.gz`: names a file in the source of a reaction.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}
