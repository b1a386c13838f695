//! Files to texts: unpacked, in UTF-8, of bounded size, their format told before they are read whole.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Format, parse_network_as, pdr, unknown};
use crate::error::Error;
use crate::network::Network;

/// What is read of a file to tell its format \[bytes\].
const BEGINNING: u64 = 1 << 20;
/// Largest text that is taken for a network \[bytes\]; the largest databases have 3 MB.
const LARGEST: u64 = 1 << 28;

/// Reads a network file, its format detected from the content; a gzipped file is unpacked. Beside
/// the rates of 3D-PDR the list of species is looked for (`species` in the place of `rates` in the
/// file's name, with or without `.gz`) and read with them.
///
/// # Errors
/// [`Error::Io`]; [`Error::UnknownFormat`], for which no more than the first MiB is read;
/// [`Error::TooLarge`] for a text of more than 256 MiB; what the reader of the format finds, with
/// line and column.
pub fn read_network(path: impl AsRef<Path>) -> Result<Network, Error> {
    let path = path.as_ref();
    let (text, format) = text(path, None)?;
    parse(path, &text, format)
}

/// Reads a network file that is in this format, whatever it looks like.
///
/// # Errors
/// As [`read_network`], [`Error::UnknownFormat`] excepted.
pub fn read_network_as(path: impl AsRef<Path>, format: Format) -> Result<Network, Error> {
    let path = path.as_ref();
    let (text, format) = text(path, Some(format))?;
    parse(path, &text, format)
}

/// Reads the rates and the list of species of 3D-PDR.
///
/// # Errors
/// As [`read_network_as`].
pub fn read_network_with_species(
    rates: impl AsRef<Path>,
    species: impl AsRef<Path>,
) -> Result<Network, Error> {
    let (rates_text, _) = text(rates.as_ref(), Some(Format::Pdr))?;
    let (species_text, _) = text(species.as_ref(), Some(Format::Pdr))?;
    let name = |path: &Path| path.display().to_string();
    pdr::parse_with_species(
        (&rates_text, &name(rates.as_ref())),
        (&species_text, &name(species.as_ref())),
    )
}

fn parse(path: &Path, text: &str, format: Format) -> Result<Network, Error> {
    match (format, species_beside(path)) {
        (Format::Pdr, Some(species)) => read_network_with_species(path, species),
        _ => parse_network_as(text, &path.display().to_string(), format),
    }
}

/// `species_reduced.d` beside `rates_reduced.d`, if it is there.
fn species_beside(rates: &Path) -> Option<PathBuf> {
    let name = rates.file_name()?.to_str()?;
    let species = name
        .contains("rates")
        .then(|| name.replacen("rates", "species", 1))?;
    let plain = species.strip_suffix(".gz").unwrap_or(&species);
    [species.clone(), plain.to_owned(), format!("{plain}.gz")]
        .iter()
        .map(|name| rates.with_file_name(name))
        .find(|path| path.is_file())
}

/// The text of a file, and its format unless that is given.
fn text(path: &Path, format: Option<Format>) -> Result<(String, Format), Error> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let mut source = unpacked(File::open(path).map_err(io)?).map_err(io)?;
    source
        .by_ref()
        .take(BEGINNING)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    let format = match format {
        Some(format) => format,
        None => {
            let beginning = valid(&bytes, &name)?;
            Format::detect(beginning).ok_or_else(|| unknown(beginning, &name))?
        }
    };
    let rest = LARGEST + 1 - bytes.len() as u64;
    source.take(rest).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() as u64 > LARGEST {
        return Err(Error::TooLarge {
            file: name,
            limit: LARGEST,
        });
    }
    String::from_utf8(bytes)
        .map(|text| (text, format))
        .map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            not_utf8(error.as_bytes(), at, &name)
        })
}

/// The bytes of a file, through a decoder if they are gzipped.
fn unpacked(mut file: File) -> std::io::Result<Box<dyn Read>> {
    let mut magic = Vec::new();
    (&mut file).take(2).read_to_end(&mut magic)?;
    let packed = magic == [0x1f, 0x8b];
    let whole = std::io::Cursor::new(magic).chain(file);
    Ok(if packed {
        Box::new(flate2::read::MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

/// The bytes as text; what is cut off inside a character at the end is left out.
fn valid<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() => {
            Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default())
        }
        Err(error) => Err(not_utf8(bytes, error.valid_up_to(), file)),
    }
}

/// The position of the first byte that is no text.
fn not_utf8(bytes: &[u8], at: usize, file: &str) -> Error {
    let good = &bytes[..at];
    let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
    let start = good
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&good[start..]).chars().count() + 1;
    let found = format!("byte 0x{:02x}", bytes[at]);
    Error::syntax(file, line, column, found, "UTF-8 text")
}
