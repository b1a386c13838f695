//! Lines of numbers as Fortran writes them, for the readers of this crate; every refusal names line and column.

use crate::Error;
use flate2::read::GzDecoder;
use std::{fs::File, io::Read, path::Path};

/// Reads a text file, unpacking it when its name ends in `.gz`.
pub(crate) fn read(path: &Path) -> Result<String, Error> {
    let fail = |source| Error::Io {
        path: path.to_path_buf(),
        source,
    };
    let mut file = File::open(path).map_err(fail)?;
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        GzDecoder::new(file)
            .read_to_string(&mut text)
            .map_err(fail)?;
    } else {
        file.read_to_string(&mut text).map_err(fail)?;
    }
    Ok(text)
}

/// As [`read`], and refuses a text whose last line is not ended: it was cut, and its last number may be another one.
pub(crate) fn read_whole(path: &Path) -> Result<String, Error> {
    let text = read(path)?;
    check_end(&text, &path.display().to_string())?;
    Ok(text)
}

/// Refuses a text whose last line is not ended.
pub(crate) fn check_end(text: &str, file: &str) -> Result<(), Error> {
    if text.is_empty() || text.ends_with('\n') {
        return Ok(());
    }
    let last = text.lines().last().unwrap_or("");
    Err(Error::Cut {
        file: file.to_string(),
        line: text.lines().count(),
        found: last
            .chars()
            .rev()
            .take(20)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
    })
}

/// A number as Fortran's `ESw.d` writes it: three digits of exponent take the place of the letter.
pub(crate) fn scientific(value: f64, width: usize, digits: usize) -> String {
    let plain = format!("{value:.digits$e}");
    let text = match plain.split_once('e') {
        Some((mantissa, exponent)) => match exponent.parse::<i32>() {
            Ok(e) if e.abs() < 100 => format!("{mantissa}E{e:+03}"),
            Ok(e) => format!("{mantissa}{e:+04}"),
            Err(_) => plain,
        },
        None => plain,
    };
    format!("{text:>width$}")
}

/// One line of blank-separated fields.
pub(crate) struct Line<'a> {
    pub file: &'a str,
    /// From 1.
    pub number: usize,
    text: &'a str,
    pub fields: Vec<&'a str>,
}

/// The lines of `text` that are not blank.
pub(crate) fn lines<'a>(text: &'a str, file: &'a str) -> impl Iterator<Item = Line<'a>> {
    text.lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
        .map(move |(i, l)| Line {
            file,
            number: i + 1,
            text: l,
            fields: l.split_whitespace().collect(),
        })
}

impl Line<'_> {
    /// Error unless the line has exactly `count` fields.
    pub fn expect_fields(&self, count: usize, names: &str) -> Result<(), Error> {
        if self.fields.len() == count {
            return Ok(());
        }
        Err(Error::FieldCount {
            file: self.file.to_string(),
            line: self.number,
            found: self.fields.len(),
            expected: format!("{count} ({names})"),
        })
    }

    /// The error that field `i` is not `expected`.
    pub fn refuse(&self, i: usize, expected: impl Into<String>) -> Error {
        let found = self.fields.get(i).copied().unwrap_or("");
        Error::Field {
            file: self.file.to_string(),
            line: self.number,
            column: found.as_ptr() as usize - self.text.as_ptr() as usize + 1,
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// Field `i` as a finite number. Exponents without a letter (`1.0-105`), which Fortran writes where three digits
    /// are needed, are read as what they mean.
    pub fn number(&self, i: usize, what: &str) -> Result<f64, Error> {
        let refuse = || self.refuse(i, format!("{what}, a finite number"));
        let value = parse_fortran(self.fields.get(i).copied().unwrap_or("")).ok_or_else(refuse)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(refuse())
        }
    }

    /// Field `i` as a finite number that is not negative.
    pub fn non_negative(&self, i: usize, what: &str) -> Result<f64, Error> {
        match self.number(i, what)? {
            v if v >= 0.0 => Ok(v),
            _ => Err(self.refuse(i, format!("{what}, not negative"))),
        }
    }

    /// Field `i` as a count of at least one.
    pub fn count(&self, i: usize, what: &str) -> Result<usize, Error> {
        self.fields
            .get(i)
            .and_then(|f| f.parse().ok())
            .filter(|&n: &usize| n > 0)
            .ok_or_else(|| self.refuse(i, format!("{what}, a positive whole number")))
    }
}

/// A Fortran real: `1.5`, `1.5E-03`, `1.5D-03`, `1.5-103`.
fn parse_fortran(field: &str) -> Option<f64> {
    if let Ok(v) = field.replace(['d', 'D'], "e").parse() {
        return Some(v);
    }
    let split = field
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'))?
        .0;
    let (mantissa, exponent) = field.split_at(split);
    format!("{mantissa}e{exponent}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{parse_fortran, scientific};
    use proptest::prelude::*;

    #[test]
    fn exponents_without_a_letter() {
        assert_eq!(parse_fortran("1.0-105"), Some(1.0e-105));
        assert_eq!(parse_fortran("-2.5+101"), Some(-2.5e101));
        assert_eq!(parse_fortran("1.5D-03"), Some(1.5e-3));
        assert_eq!(parse_fortran("1.0-"), None);
        assert_eq!(parse_fortran("-"), None);
        assert_eq!(parse_fortran(""), None);
    }

    #[test]
    fn numbers_as_fortran_writes_them() {
        assert_eq!(scientific(94.611672, 15, 7), "  9.4611672E+01");
        assert_eq!(scientific(0.0, 15, 7), "  0.0000000E+00");
        assert_eq!(scientific(1e-105, 15, 7), "  1.0000000-105");
        assert_eq!(scientific(-4.2467684e-25, 15, 7), " -4.2467684E-25");
        assert_eq!(scientific(1e-16, 11, 3), "  1.000E-16");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(v in prop::num::f64::NORMAL) {
            prop_assert_eq!(parse_fortran(scientific(v, 30, 17).trim()), Some(v));
        }

        #[test]
        fn every_number_survives(v in prop::num::f64::NORMAL) {
            prop_assert_eq!(parse_fortran(&format!("{v:e}")), Some(v));
            prop_assert_eq!(parse_fortran(&format!("{v:E}").replace('E', "D")), Some(v));
        }

        #[test]
        fn nothing_panics(s in "\\PC{0,12}") {
            let _ = parse_fortran(&s);
        }
    }
}
