//! Lines and fields of network files: positions for errors, numbers as Fortran writes them; for the readers.

use crate::error::Error;

/// Longest line a network file may have \[bytes\]: a rate expression needs a few hundred, and a file
/// of one endless line is refused before anything is split.
pub(crate) const LONGEST: usize = 1 << 16;
/// How much of a text the detection of a format looks at \[bytes\], and how many lines that are no
/// comments.
const HEAD: usize = 1 << 20;
const HEAD_LINES: usize = 40;

/// One line of a file, without its line break.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub file: &'a str,
    /// From 1.
    pub number: usize,
    pub text: &'a str,
}

/// The lines of a text; a line that is too long is an error.
pub(crate) fn lines<'a>(
    text: &'a str,
    file: &'a str,
) -> impl Iterator<Item = Result<Line<'a>, Error>> {
    text.split_terminator('\n')
        .enumerate()
        .map(move |(i, line)| {
            let line = Line {
                file,
                number: i + 1,
                text: line.strip_suffix('\r').unwrap_or(line),
            };
            if line.text.len() > LONGEST {
                let expected = format!("a line of at most {LONGEST} bytes");
                return Err(line.error(line.text, expected));
            }
            Ok(line)
        })
}

/// The first lines of a text for which `skip` is false, for telling its format; of a long text
/// only the beginning is looked at.
pub(crate) fn head(text: &str, skip: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let mut end = HEAD.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end]
        .split_terminator('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| line.len() <= LONGEST)
        .filter(move |line| !skip(line))
        .take(HEAD_LINES)
}

/// Whether more than half of the first lines, and at least one, look as `known` says.
pub(crate) fn mostly<'a>(
    lines: impl Iterator<Item = &'a str>,
    known: impl Fn(&str) -> bool,
) -> bool {
    let (mut all, mut hits) = (0, 0);
    for line in lines {
        all += 1;
        hits += usize::from(known(line));
    }
    2 * hits > all
}

impl<'a> Line<'a> {
    /// An error at `part`, a slice of this line (else at its end).
    pub fn error(&self, part: &str, expected: impl Into<String>) -> Error {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let at = if offset <= self.text.len() && part.len() <= self.text.len() - offset {
            offset
        } else {
            self.text.trim_end().len()
        };
        self.error_at(at, part.trim_end(), expected)
    }

    /// An error at a byte of the line.
    pub fn error_at(&self, byte: usize, found: &str, expected: impl Into<String>) -> Error {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let column = before.chars().count() + 1;
        Error::syntax(self.file, self.number, column, found, expected)
    }

    /// A finite number, `part` being a slice of this line; `what` names it in the error.
    pub fn number(&self, part: &str, what: &str) -> Result<f64, Error> {
        fortran(part.trim()).ok_or_else(|| self.error(part, format!("{what}, a finite number")))
    }

    /// A finite number not below 0.
    pub fn not_negative(&self, part: &str, what: &str) -> Result<f64, Error> {
        match fortran(part.trim()) {
            Some(value) if value >= 0.0 => Ok(value),
            _ => Err(self.error(part, format!("{what}, a finite number, 0 or more"))),
        }
    }

    /// A whole number.
    pub fn integer(&self, part: &str, what: &str) -> Result<i64, Error> {
        part.trim()
            .parse()
            .map_err(|_| self.error(part, format!("{what}, a whole number")))
    }

    /// Refuses everything that is no printable ASCII character: files of fixed columns.
    pub fn printable_ascii(&self) -> Result<(), Error> {
        match self.text.find(|c: char| !(' '..='~').contains(&c)) {
            None => Ok(()),
            Some(at) => {
                let found: String = self.text[at..].chars().take(1).collect();
                let expected = "a printable ASCII character (columns are fixed)";
                Err(self.error_at(at, &found, expected))
            }
        }
    }

    /// Columns `from..to` (from 0) of the line, as far as it reaches; the line is ASCII.
    pub fn columns(&self, from: usize, to: usize) -> &'a str {
        let end = self.text.len();
        self.text.get(from.min(end)..to.min(end)).unwrap_or("")
    }

    /// Splits at a separator that is not inside double quotes; a quoted field begins behind a
    /// separator, ends before one and loses its quotes (RATE22 has references with further quotes
    /// inside). Parts are slices of the line.
    pub fn split(&self, separator: u8) -> Result<Vec<&'a str>, Error> {
        let mut fields = Vec::with_capacity(24);
        let mut rest = self.text;
        loop {
            if let Some(quoted) = rest.strip_prefix('"') {
                let closing = quoted.bytes().enumerate().find(|&(at, byte)| {
                    let next = quoted.as_bytes().get(at + 1);
                    byte == b'"' && next.is_none_or(|&next| next == separator)
                });
                let Some((at, _)) = closing else {
                    return Err(self.error(rest, "a closing quotation mark"));
                };
                fields.push(&quoted[..at]);
                match quoted.get(at + 2..) {
                    Some(after) => rest = after,
                    None => return Ok(fields),
                }
            } else {
                match rest.bytes().position(|byte| byte == separator) {
                    Some(at) => {
                        fields.push(&rest[..at]);
                        rest = &rest[at + 1..];
                    }
                    None => {
                        fields.push(rest);
                        return Ok(fields);
                    }
                }
            }
        }
    }
}

/// A finite decimal number, exponents also as Fortran writes them (`1.0D-10`, `1.0-105`). What is
/// too large or too small for a double is none: it would become infinity or zero.
pub(crate) fn fortran(text: &str) -> Option<f64> {
    let plain = |text: &str| {
        let known = |b: u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let value = text
            .bytes()
            .all(known)
            .then(|| text.parse::<f64>().ok())??;
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let lost = value == 0.0 && mantissa.bytes().any(|b| matches!(b, b'1'..=b'9'));
        (value.is_finite() && !lost).then_some(value)
    };
    if let Some(value) = plain(text) {
        return Some(value);
    }
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let exponent = |c: char| matches!(c, 'd' | 'D');
    if text.contains(exponent) {
        return plain(&text.replace(exponent, "e"));
    }
    // A sign behind a digit or a point begins an exponent of three digits.
    let at = text.rfind(['+', '-']).filter(|&at| at > 0)?;
    let before = text.as_bytes()[at - 1];
    (before.is_ascii_digit() || before == b'.')
        .then(|| plain(&format!("{}e{}", &text[..at], &text[at..])))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_fortran_writes_them() {
        for (text, value) in [
            ("1.0", 1.0),
            ("-2.5e-3", -2.5e-3),
            ("2.61e+0013", 2.61e13),
            ("1.5D-10", 1.5e-10),
            ("1.5d+2", 150.0),
            ("1.0-105", 1e-105),
            ("-1.+100", -1e100),
            (".5", 0.5),
            ("0.00E-00", 0.0),
            ("7", 7.0),
        ] {
            assert_eq!(fortran(text), Some(value), "{text}");
        }
        for text in [
            "", "nan", "NaN", "inf", "Infinity", "1e999", "1e-999", "1,0", "1 0", "--1", "1e", "d",
            "1d2d3", "+", "1.0-", "0x10", "1_0", "１", "e-5",
        ] {
            assert_eq!(fortran(text), None, "{text}");
        }
    }

    #[test]
    fn fields_between_separators_and_quotation_marks() {
        let line = |text| Line {
            file: "f",
            number: 1,
            text,
        };
        let fields = line("1:AD::\"a:b\":\"\":x").split(b':').unwrap();
        assert_eq!(fields, ["1", "AD", "", "a:b", "", "x"]);
        assert_eq!(line("").split(b',').unwrap(), [""]);
        assert_eq!(line("a,").split(b',').unwrap(), ["a", ""]);
        assert_eq!(line("\"a\"b\":c").split(b':').unwrap(), ["a\"b", "c"]);
        assert_eq!(line("\"\"a:\"b\":").split(b':').unwrap(), ["\"a:\"b", ""]);
        for text in ["a:\"b", "a:\"b\"c:d", "\"é\"é"] {
            assert!(line(text).split(b':').is_err(), "{text}");
        }
    }
}
