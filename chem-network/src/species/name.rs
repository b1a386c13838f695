//! Reads the names of species as the databases spell them; for [`Species::from_name`](super::Species::from_name).

use super::Composition;
use crate::element::Element;
use crate::error::Error;

/// Labels of lumped species and the formula they count as (Gong, Ostriker & Wolfire 2017, ApJ 843,
/// 38, section 2.1).
const LUMPED: [(&str, &str); 2] = [("CHx", "CH"), ("OHx", "OH")];

/// Isomer and spin prefixes written out, and their short form.
const PREFIX_WORDS: [(&str, &str); 9] = [
    ("LINEAR", "l"),
    ("LIN", "l"),
    ("CYCLIC", "c"),
    ("CYC", "c"),
    ("ORTHO", "o"),
    ("PARA", "p"),
    ("META", "m"),
    ("CIS", "cis"),
    ("TRANS", "trans"),
];

/// Name, composition and charge of a species in any database's spelling.
pub(super) fn read_name(raw: &str) -> Result<(String, Composition, i32), Error> {
    let suffixed = ["_DUST", "_dust", "_ICE", "_ice"]
        .iter()
        .find_map(|suffix| raw.strip_suffix(suffix));
    let (mark, inner) = match raw.as_bytes() {
        [b'#', ..] => ("#", &raw[1..]),
        [b'@', ..] => ("@", &raw[1..]),
        // Neither letter is the symbol of an element here: surface species of Nautilus and KIDA.
        [b'J' | b'X', ..] => ("#", &raw[1..]),
        _ => match suffixed {
            Some(inner) => ("#", inner),
            None => return read_gas_name(raw, raw),
        },
    };
    let (name, composition, charge) = read_gas_name(inner, raw)?;
    if composition.is_empty() {
        return Err(refuse(raw, "an electron is in no ice"));
    }
    Ok((format!("{mark}{name}"), composition, charge))
}

fn refuse(name: &str, reason: impl Into<String>) -> Error {
    Error::SpeciesName {
        name: name.to_owned(),
        reason: reason.into(),
    }
}

/// A name without a mark of its phase; `whole` is what errors quote.
fn read_gas_name(raw: &str, whole: &str) -> Result<(String, Composition, i32), Error> {
    if matches!(raw, "e-" | "E" | "E-" | "e") {
        return Ok(("e-".to_owned(), Composition::empty(), -1));
    }
    let bare = raw.trim_end_matches(['+', '-']);
    let signs = &raw[bare.len()..];
    let mut charge = signs
        .chars()
        .map(|sign| if sign == '+' { 1i32 } else { -1 })
        .fold(0i32, i32::saturating_add);
    if signs.contains('+') && signs.contains('-') {
        return Err(refuse(whole, "it ends in both signs"));
    }
    if bare == "GRAIN" && charge == 0 {
        return Err(refuse(
            whole,
            "a grain needs its charge, as in GRAIN0 or GRAIN-",
        ));
    }
    match (raw, bare) {
        ("GRAIN0", _) | (_, "GRAIN") => {
            let grain = Composition::from_counts([(Element::GRAIN, 1)]);
            return Ok((raw.to_owned(), grain, charge));
        }
        ("PAH0", _) => {
            let pah = Composition::from_counts([(Element::PAH, 1)]);
            return Ok(("PAH".to_owned(), pah, charge));
        }
        _ => {}
    }
    if let Some((_, formula)) = LUMPED.iter().find(|(label, _)| *label == bare) {
        let (composition, _) = read_formula(formula, whole)?;
        return Ok((raw.to_owned(), composition, charge));
    }
    let unexcited = bare.trim_end_matches('*');
    let (prefix, formula) = split_prefix(unexcited);
    let mut composition = Composition::empty();
    let mut name = prefix;
    // A weakly bound complex is written with its charge inside, `OCS+H2`.
    for (i, part) in formula.split('+').enumerate() {
        let (atoms, spelled) = read_formula(part, whole)?;
        for (element, count) in atoms.iter() {
            composition.add(element, count);
        }
        if i > 0 {
            name.push('+');
            charge = charge.saturating_add(1);
        }
        name.push_str(&spelled);
    }
    name.push_str(&bare[unexcited.len()..]);
    name.push_str(signs);
    Ok((name, composition, charge))
}

/// Splits a prefix of isomer or spin state from a formula: one letter and a hyphen (`l-`, `c-`,
/// `o-`; `C-C3H` of upper-case files), a word of the table and a hyphen, or one of the letters
/// c, l, t, o, p, m without a hyphen (`oH2`).
fn split_prefix(name: &str) -> (String, &str) {
    let begins_formula = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase());
    if let Some((prefix, rest)) = name.split_once('-')
        && begins_formula(rest)
    {
        let short = match prefix.as_bytes() {
            // E and Z isomers keep their capital.
            [b'E' | b'Z'] => Some(prefix.to_owned()),
            [letter] if letter.is_ascii_alphabetic() => Some(prefix.to_ascii_lowercase()),
            _ => PREFIX_WORDS
                .iter()
                .find(|(word, _)| word.eq_ignore_ascii_case(prefix))
                .map(|(_, short)| (*short).to_owned()),
        };
        if let Some(short) = short {
            return (format!("{short}-"), rest);
        }
    }
    match name.as_bytes() {
        [letter @ (b'c' | b'l' | b't' | b'o' | b'p' | b'm'), next, ..]
            if next.is_ascii_uppercase() =>
        {
            (format!("{}-", char::from(*letter)), &name[1..])
        }
        _ => (String::new(), name),
    }
}

/// Reads the atoms of a formula; also returns it with element symbols in their usual spelling.
/// A formula without lower-case letters is read as upper-case spelling (`HE`, `SIO`): no element of
/// one letter is E, I, L, R, G or A, so the longer symbol is always the right one there.
pub(super) fn read_formula(formula: &str, whole: &str) -> Result<(Composition, String), Error> {
    if formula.is_empty() {
        return Err(refuse(whole, "no formula in it"));
    }
    if !formula.is_ascii() {
        return Err(refuse(whole, "not all of it is ASCII"));
    }
    let mut reader = Formula {
        whole,
        rest: formula,
        upper_case: !formula.bytes().any(|b| b.is_ascii_lowercase()),
        composition: Composition::empty(),
        spelled: String::with_capacity(formula.len()),
    };
    while !reader.rest.is_empty() {
        reader.step()?;
    }
    Ok((reader.composition, reader.spelled))
}

/// A formula while it is read; all of it is ASCII.
struct Formula<'a> {
    whole: &'a str,
    rest: &'a str,
    upper_case: bool,
    composition: Composition,
    spelled: String,
}

impl<'a> Formula<'a> {
    fn unknown(&self) -> Error {
        refuse(
            self.whole,
            format!("no known element at its part {:?}", self.rest),
        )
    }

    /// One element or group with its count.
    fn step(&mut self) -> Result<(), Error> {
        if self.rest.starts_with('(') {
            return self.group();
        }
        let digits = leading_digits(self.rest);
        if !digits.is_empty() {
            // A mass number: a count would have been read with the symbol before it.
            let (isotope, length) = self.isotope(digits).ok_or_else(|| self.unknown())?;
            return self.counted(isotope, length);
        }
        let (element, length) = self.element().ok_or_else(|| self.unknown())?;
        self.counted(element, length)
    }

    /// The element at the beginning of the rest, and how long its symbol is.
    fn element(&self) -> Option<(Element, usize)> {
        for whole in [Element::GRAIN, Element::PAH] {
            if self.rest.starts_with(whole.symbol()) {
                return Some((whole, whole.symbol().len()));
            }
        }
        symbol_at(self.rest, self.upper_case)
    }

    /// The isotope whose mass number is `digits` at the beginning of the rest.
    fn isotope(&self, digits: &str) -> Option<(Element, usize)> {
        let (_, length) = symbol_at(&self.rest[digits.len()..], self.upper_case)?;
        let symbol = &self.rest[digits.len()..digits.len() + length];
        Some((Element::isotope(digits, symbol)?, digits.len() + length))
    }

    /// Takes an element of `length` characters and the count behind it.
    fn counted(&mut self, element: Element, length: usize) -> Result<(), Error> {
        let after = &self.rest[length..];
        // `Co` and the like: an upper-case symbol followed by a stray lower-case letter.
        if after.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(self.unknown());
        }
        let (count, taken) = self.count(after, element.symbol())?;
        self.composition.add(element, count);
        self.spelled.push_str(element.symbol());
        self.spelled.push_str(&after[..taken]);
        self.rest = &after[taken..];
        Ok(())
    }

    /// The count at the beginning of `after` and how many digits it has. Digits that are the mass
    /// number of the next symbol are left to it: `C18O`, `H13CN`, `C213C`.
    fn count(&self, after: &str, what: &str) -> Result<(u32, usize), Error> {
        let digits = leading_digits(after);
        let next = &after[digits.len()..];
        let mut taken = digits.len();
        if let (Some(at), Some((_, length))) = (
            digits.len().checked_sub(2),
            symbol_at(next, self.upper_case),
        ) && Element::isotope(&digits[at..], &next[..length]).is_some()
        {
            taken = at;
        }
        let text = &digits[..taken];
        if text.is_empty() {
            return Ok((1, 0));
        }
        let count = text
            .parse::<u32>()
            .ok()
            .filter(|n| (1..=9999).contains(n) && !text.starts_with('0'))
            .ok_or_else(|| refuse(self.whole, format!("{text} atoms of {what}")))?;
        Ok((count, taken))
    }

    /// `(13C)`, `(18)O`, or a group of atoms `(CH3)2`; groups do not nest.
    fn group(&mut self) -> Result<(), Error> {
        let (inner, after) = self.rest[1..]
            .split_once(')')
            .ok_or_else(|| refuse(self.whole, "a parenthesis is not closed"))?;
        let digits = leading_digits(inner);
        if digits.len() == inner.len() && !digits.is_empty() {
            let isotope = symbol_at(after, self.upper_case).and_then(|(_, length)| {
                let element = Element::isotope(inner, &after[..length])?;
                Some((element, inner.len() + 2 + length))
            });
            let (element, length) = isotope.ok_or_else(|| self.unknown())?;
            return self.counted(element, length);
        }
        let symbol = &inner[digits.len()..];
        if let Some(element) = Element::isotope(digits, symbol) {
            return self.counted(element, inner.len() + 2);
        }
        if inner.contains('(') {
            return Err(refuse(self.whole, "parentheses inside parentheses"));
        }
        let (atoms, spelled) = read_formula(inner, self.whole)?;
        let (count, taken) = self.count(after, inner)?;
        for (element, number) in atoms.iter() {
            self.composition.add(element, number.saturating_mul(count));
        }
        self.spelled.push('(');
        self.spelled.push_str(&spelled);
        self.spelled.push(')');
        self.spelled.push_str(&after[..taken]);
        self.rest = &after[taken..];
        Ok(())
    }
}

fn leading_digits(text: &str) -> &str {
    let end = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    &text[..end]
}

/// The element of the built-in table at the beginning of `text` and the length of its symbol; the
/// text is ASCII.
fn symbol_at(text: &str, upper_case: bool) -> Option<(Element, usize)> {
    let two = text.get(..2).and_then(|symbol| {
        if upper_case {
            Element::from_upper_case(symbol)
        } else {
            Element::from_symbol(symbol)
        }
    });
    match two {
        Some(element) => Some((element, 2)),
        None => Some((Element::from_symbol(text.get(..1)?)?, 1)),
    }
}
