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
    use super::parse_fortran;
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

    proptest! {
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
