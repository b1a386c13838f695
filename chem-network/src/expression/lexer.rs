//! Cuts the text of a Fortran expression into tokens.

use super::ast::Binary;

/// A token and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Real(f64),
    Integer(i32),
    Logical(bool),
    Name,
    Operator(Binary),
    Not,
    Open,
    Close,
    Comma,
    Colon,
    End,
}

/// Why an expression is not one: where (byte), what stands there, what should.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub at: usize,
    pub found: String,
    pub expected: String,
}

impl Fault {
    pub fn new(at: usize, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            at,
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Dotted operators and constants, without their dots.
fn dotted(word: &str) -> Option<Kind> {
    let operator = match word.to_ascii_lowercase().as_str() {
        "and" => Binary::And,
        "or" => Binary::Or,
        "lt" => Binary::Less,
        "le" => Binary::LessEqual,
        "eq" => Binary::Equal,
        "ne" => Binary::NotEqual,
        "ge" => Binary::GreaterEqual,
        "gt" => Binary::Greater,
        "not" => return Some(Kind::Not),
        "true" => return Some(Kind::Logical(true)),
        "false" => return Some(Kind::Logical(false)),
        _ => return None,
    };
    Some(Kind::Operator(operator))
}

/// The dotted word that a text begins with (`.LE.`), and its length.
fn dotted_at(text: &str) -> Option<(Kind, usize)> {
    let inside = text.strip_prefix('.')?;
    let length = inside
        .bytes()
        .take_while(u8::is_ascii_alphabetic)
        .take(8)
        .count();
    (inside.as_bytes().get(length) == Some(&b'.'))
        .then(|| dotted(&inside[..length]))
        .flatten()
        .map(|kind| (kind, length + 2))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The number that a text begins with, and its length: `3`, `3.`, `.5d0`, `1e-9`, `0.0_8`.
fn number(text: &str) -> Result<(Kind, usize), &'static str> {
    let mut length = digits(text);
    let mut real = false;
    // The dot of `1.LE.2` belongs to the operator.
    if text[length..].starts_with('.') && dotted_at(&text[length..]).is_none() {
        real = true;
        length += 1;
        length += digits(&text[length..]);
    }
    let mantissa = &text[..length];
    let mut value = mantissa.to_owned();
    let rest = &text[length..];
    if rest.starts_with(['d', 'D', 'e', 'E']) {
        let sign = usize::from(rest[1..].starts_with(['+', '-']));
        let exponent = digits(&rest[1 + sign..]);
        if exponent == 0 {
            return Err("digits of an exponent");
        }
        real = true;
        value.push('e');
        value.push_str(&rest[1..1 + sign + exponent]);
        length += 1 + sign + exponent;
    }
    // A kind: KROME's are all of double precision.
    if text[length..].starts_with('_') {
        let kind = digits(&text[length + 1..]);
        if !matches!(&text[length + 1..length + 1 + kind], "4" | "8") {
            return Err("a kind, _4 or _8");
        }
        length += 1 + kind;
    }
    let wrong_end = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text[length..].starts_with(wrong_end) {
        return Err("the end of a number");
    }
    let kind = if real {
        value
            .parse()
            .ok()
            .filter(|v: &f64| v.is_finite())
            .map(Kind::Real)
    } else {
        value.parse().ok().map(Kind::Integer)
    };
    let out_of_range = "a number in the range of its type";
    Ok((kind.ok_or(out_of_range)?, length))
}

fn operator(text: &str) -> Option<(Kind, usize)> {
    const TABLE: [(&str, Kind); 15] = [
        ("**", Kind::Operator(Binary::Power)),
        ("<=", Kind::Operator(Binary::LessEqual)),
        (">=", Kind::Operator(Binary::GreaterEqual)),
        ("==", Kind::Operator(Binary::Equal)),
        ("/=", Kind::Operator(Binary::NotEqual)),
        ("<", Kind::Operator(Binary::Less)),
        (">", Kind::Operator(Binary::Greater)),
        ("+", Kind::Operator(Binary::Add)),
        ("-", Kind::Operator(Binary::Subtract)),
        ("*", Kind::Operator(Binary::Multiply)),
        ("/", Kind::Operator(Binary::Divide)),
        ("(", Kind::Open),
        (")", Kind::Close),
        (",", Kind::Comma),
        (":", Kind::Colon),
    ];
    let found = TABLE.iter().find(|(symbol, _)| text.starts_with(symbol));
    found.map(|(symbol, kind)| (kind.clone(), symbol.len()))
}

/// The tokens of a text, [`Kind::End`] last.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        if first.is_whitespace() {
            start += first.len_utf8();
            continue;
        }
        let begins_number = first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()));
        let (kind, length) = if begins_number {
            number(rest).map_err(|expected| {
                let word = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_'));
                let end = rest.find(word).unwrap_or(rest.len());
                Fault::new(start, &rest[..end], expected)
            })?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            (Kind::Name, rest.find(end).unwrap_or(rest.len()))
        } else if let Some(found) = dotted_at(rest).or_else(|| operator(rest)) {
            found
        } else {
            let expected = "a number, a name, an operator or a parenthesis";
            return Err(Fault::new(start, first, expected));
        };
        found.push(Token {
            kind,
            start,
            end: start + length,
        });
        start += length;
    }
    found.push(Token {
        kind: Kind::End,
        start: text.len(),
        end: text.len(),
    });
    Ok(found)
}
