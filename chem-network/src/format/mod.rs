//! Network files: one module per format, and the detection of a format from the content.

pub mod krome;
pub mod native;
pub mod osu;

use std::io::Read;
use std::path::Path;

use crate::error::Error;
use crate::network::Network;

/// Formats of network files that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Fixed columns of the Ohio State University networks: [`osu`].
    Osu,
    /// Rows with Fortran rate expressions: [`krome`].
    Krome,
    /// The crate's own readable format: [`native`].
    Native,
}

impl Format {
    /// All formats.
    pub const ALL: &'static [Self] = &[Self::Osu, Self::Krome, Self::Native];

    /// Its name: `osu`, `krome`, `native`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Osu => "osu",
            Self::Krome => "krome",
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

    /// Recognises a format by the beginning of a text.
    #[must_use]
    pub fn detect(text: &str) -> Option<Self> {
        if native::recognises(text) {
            Some(Self::Native)
        } else if osu::recognises(text) {
            Some(Self::Osu)
        } else if krome::recognises(text) {
            Some(Self::Krome)
        } else {
            None
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a network file, its format detected from the content; a gzipped file is unpacked.
///
/// # Errors
/// [`Error::Io`], [`Error::UnknownFormat`], and what [`parse_network`] finds.
pub fn read_network(path: impl AsRef<Path>) -> Result<Network, Error> {
    let path = path.as_ref();
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = std::fs::read(path).map_err(io)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut unpacked = Vec::new();
        flate2::read::MultiGzDecoder::new(&bytes[..])
            .read_to_end(&mut unpacked)
            .map_err(io)?;
        bytes = unpacked;
    }
    let name = path.display().to_string();
    let text = utf8(&bytes, &name)?;
    parse_network(text, &name)
}

/// Reads a network from a text, its format detected; `file` is the name that errors show.
///
/// # Errors
/// [`Error::UnknownFormat`], and what the reader of the format finds, with line and column.
pub fn parse_network(text: &str, file: &str) -> Result<Network, Error> {
    match Format::detect(text) {
        Some(Format::Native) => native::parse(text, file),
        Some(Format::Osu) => osu::parse(text, file),
        Some(Format::Krome) => krome::parse(text, file),
        None => Err(Error::UnknownFormat {
            file: file.to_owned(),
            known: Format::ALL
                .iter()
                .map(|f| f.name())
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

/// The bytes as text, or the position of the first byte that is none.
fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = &bytes[..error.valid_up_to()];
        let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
        let start = good
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&good[start..]).chars().count() + 1;
        let found = format!("byte 0x{:02x}", bytes[error.valid_up_to()]);
        Error::syntax(file, line, column, found, "UTF-8 text")
    })
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
