//! The crate's own readable format: one species or one reaction per line, rate laws by name.
//!
//! ```text
//! chem-network 1
//! # A line whose first word is made of `#` is a comment.
//! title: Hydrogen at night
//! source: where the numbers come from
//!
//! [species]
//! H
//! HE                                      # any database's spelling of a name
//! PAH composition=C54H18 charge=0 mass=666.738
//!
//! [reactions]
//! H + H -> H2 ; kooij alpha=4.95e-17 beta=0.5 gamma=0 ; grain ; osu_09_2008:1
//! H -> H+ + e- ; cosmic-ray 0.46
//! ```
//!
//! The first line that is no comment names format and version. `title` and `source` may be left
//! out. A species has a name, from which composition, charge and mass \[u\] follow; what is written
//! behind the name replaces them (`composition=none`: no atoms). A species that a reaction names
//! must be in the block: the block fixes the order of the state. A reaction is
//! `reactants -> products ; law parameters ; kind ; source`, blanks around `+`, kind and source
//! optional.
//!
//! The parameters of a law come by position or by name, all of them ([`RateLaw`](crate::RateLaw) has
//! the formulae):
//!
//! | law | parameters |
//! |---|---|
//! | `kooij`, `ion-polar-1`, `ion-polar-2` | `alpha beta gamma` |
//! | `cosmic-ray` | `alpha`, and `reference`, the ζ₀ [s⁻¹] for which α holds, 1 if left out |
//! | `cosmic-ray-photon` | `alpha beta gamma`, and `reference` as above |
//! | `photo`, `photo-c` | `alpha gamma` |
//! | `photo-h2`, `photo-co` | `alpha` |
//! | `grain-h2-simple`, `grain-h2-r07`, `grain-h2-ct02` | none |
//! | `expression` | a formula ([`Expression`](crate::Expression)), e.g. `expression 1d-9*T32**2` |
//! | `unsupported` | a reason: a law without an implementation |
//!
//! A law may have a temperature range \[K\] before it, and several fits stand between ` | `:
//! `T=10..300 kooij 1e-9 0 0 | T=300..inf kooij 2e-9 0.5 12`. An end that is 0 or `inf` is open;
//! [`Rate`](crate::Rate) has the rule which fit holds. `outside=zero` (or `clamp`, `extrapolate`)
//! before the first fit says what holds where none does, if the caller does not say. The kinds are those of [`ReactionKind`].

mod rate;
mod write;

use std::collections::HashMap;

use super::Format;
use crate::error::Error;
use crate::network::Network;
use crate::origin::{Origin, UnsupportedRow};
use crate::reaction::{Reaction, ReactionKind};
use crate::species::{Composition, Species};

pub use write::write;

const MAGIC: &str = "chem-network";
const VERSION: &str = "1";

/// Whether a text begins like a file of this format.
#[must_use]
pub fn recognises(text: &str) -> bool {
    text.lines()
        .map(strip_comment)
        .find(|line| !line.trim().is_empty())
        .is_some_and(|line| line.split_whitespace().next() == Some(MAGIC))
}

/// Cuts a comment: from a word made of `#` alone to the end of the line.
fn strip_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(at) = line[from..].find('#').map(|at| at + from) {
        let run = line[at..].len() - line[at..].trim_start_matches('#').len();
        let after = &line[at + run..];
        let before = &line[..at];
        let begins = before.is_empty() || before.ends_with(char::is_whitespace);
        if begins && (after.is_empty() || after.starts_with(char::is_whitespace)) {
            return before;
        }
        from = at + run;
    }
    line
}

/// Reads a network from its text; `file` is the name that errors show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    let mut reader = Reader {
        file,
        number: 0,
        line: "",
        section: Section::Magic,
        title: None,
        source: None,
        species: Vec::new(),
        by_name: HashMap::new(),
        reactions: Vec::new(),
        origin: Origin {
            format: Some(Format::Native),
            ..Origin::default()
        },
    };
    for (i, line) in text.lines().enumerate() {
        reader.number = i + 1;
        reader.line = line;
        let content = strip_comment(line).trim();
        if !content.is_empty() {
            reader.content(content)?;
        } else if line.trim().is_empty() {
            reader.origin.skip("blank line");
        } else {
            reader.origin.skip("comment");
        }
    }
    match reader.section {
        Section::Reactions => {}
        _ => {
            reader.number += 1;
            reader.line = "";
            return Err(reader.error("", "the sections [species] and [reactions]"));
        }
    }
    reader.origin.rows = reader.reactions.len();
    let mut network = Network::new(reader.species, reader.reactions)?
        .with_title(reader.title.unwrap_or_default())
        .with_source(reader.source.unwrap_or_default());
    network.origin = reader.origin;
    Ok(network)
}

enum Section {
    Magic,
    Header,
    Species,
    Reactions,
}

struct Reader<'a> {
    file: &'a str,
    /// Number of the current line, from 1, and the line.
    number: usize,
    line: &'a str,
    section: Section,
    title: Option<String>,
    source: Option<String>,
    species: Vec<Species>,
    by_name: HashMap<String, usize>,
    reactions: Vec<Reaction>,
    origin: Origin,
}

impl<'a> Reader<'a> {
    /// An error at `part`, which is a slice of the current line (else at the line's end).
    fn error(&self, part: &str, expected: impl Into<String>) -> Error {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.line.as_ptr() as usize);
        let before = self.line.get(..offset).unwrap_or(self.line.trim_end());
        let column = before.chars().count() + 1;
        Error::syntax(self.file, self.number, column, part, expected)
    }

    fn content(&mut self, content: &'a str) -> Result<(), Error> {
        match (&self.section, content) {
            (Section::Magic, _) => self.magic(content),
            (Section::Header, "[species]") => {
                self.section = Section::Species;
                Ok(())
            }
            (Section::Species, "[reactions]") => {
                self.section = Section::Reactions;
                Ok(())
            }
            (_, section) if section.starts_with('[') => {
                Err(self.error(section, "[species], then [reactions], once each"))
            }
            (Section::Header, _) => self.header(content),
            (Section::Species, _) => self.species(content),
            (Section::Reactions, _) => self.reaction(content),
        }
    }

    fn magic(&mut self, content: &'a str) -> Result<(), Error> {
        let mut words = content.split_whitespace();
        let name = words.next().unwrap_or_default();
        if name != MAGIC {
            return Err(self.error(content, format!("`{MAGIC} {VERSION}`")));
        }
        match (words.next(), words.next()) {
            (Some(VERSION), None) => {
                self.section = Section::Header;
                Ok(())
            }
            (Some(VERSION), Some(more)) => Err(self.error(more, "the end of the line")),
            (version, _) => {
                let found = version.unwrap_or_default();
                Err(self.error(found, format!("version {VERSION} of the format")))
            }
        }
    }

    fn header(&mut self, content: &'a str) -> Result<(), Error> {
        let known = "`title: …`, `source: …` or `[species]`";
        let Some((key, value)) = content.split_once(':') else {
            return Err(self.error(content, known));
        };
        let place = match key.trim() {
            "title" => &mut self.title,
            "source" => &mut self.source,
            _ => return Err(self.error(content, known)),
        };
        if place.is_some() {
            return Err(self.error(content, format!("`{}` only once", key.trim())));
        }
        *place = Some(value.trim().to_owned());
        Ok(())
    }

    fn species(&mut self, content: &'a str) -> Result<(), Error> {
        let mut words = content.split_whitespace();
        let raw = words.next().unwrap_or_default();
        let mut composition = None;
        let mut charge = None;
        let mut mass = None;
        for word in words {
            let known = "composition=…, charge=… or mass=…, each once";
            let Some((key, value)) = word.split_once('=') else {
                return Err(self.error(word, known));
            };
            match key {
                "composition" if composition.is_none() => {
                    composition = Some(if value == "none" {
                        Composition::empty()
                    } else {
                        Composition::from_formula(value)
                            .map_err(|e| self.error(value, format!("a formula or none ({e})")))?
                    });
                }
                "charge" if charge.is_none() => {
                    let number = value.parse::<i32>();
                    charge = Some(number.map_err(|_| self.error(value, "an integer charge"))?);
                }
                "mass" if mass.is_none() => {
                    mass = Some(self.number(value, "a mass [u], 0 or more", 0.0)?);
                }
                _ => return Err(self.error(word, known)),
            }
        }
        let read = match (Species::from_name(raw), &composition) {
            (Ok(species), _) => Some(species),
            (Err(_), Some(_)) => None,
            (Err(error), None) => {
                let expected = format!("a species name, or composition=… behind it ({error})");
                return Err(self.error(raw, expected));
            }
        };
        let named = read.as_ref();
        let composition = composition
            .or_else(|| named.map(|s| s.composition().clone()))
            .unwrap_or_default();
        let charge = charge
            .or_else(|| named.map(Species::charge))
            .unwrap_or_default();
        let species = Species::with_composition(raw, composition, charge, mass)
            .map_err(|e| self.error(raw, format!("a species ({e})")))?;
        let index = self.species.len();
        if self
            .by_name
            .insert(species.name().to_owned(), index)
            .is_some()
        {
            return Err(self.error(raw, "a species not listed before"));
        }
        self.species.push(species);
        Ok(())
    }

    fn reaction(&mut self, content: &'a str) -> Result<(), Error> {
        let mut parts = content.splitn(4, ';').map(str::trim);
        let equation = parts.next().unwrap_or_default();
        let Some(law) = parts.next() else {
            return Err(self.error("", "`;` and a rate law"));
        };
        let Some((left, right)) = split_arrow(equation) else {
            return Err(self.error(equation, "`reactants -> products`"));
        };
        let reactants = self.side(left)?;
        let products = self.side(right)?;
        let rate = self.rate(law)?;
        let kind = match parts.next() {
            None | Some("") => ReactionKind::Unspecified,
            Some(name) => ReactionKind::from_name(name).ok_or_else(|| {
                let known: Vec<&str> = ReactionKind::ALL.iter().map(|k| k.name()).collect();
                self.error(name, format!("a kind of reaction ({})", known.join(", ")))
            })?,
        };
        let source = parts.next().unwrap_or_default();
        if let Some(at) = source.find(';') {
            return Err(self.error(&source[at..], "no more than four parts"));
        }
        if let Some(reason) = rate.unsupported() {
            self.origin.unsupported.push(UnsupportedRow {
                line: self.number,
                text: content.to_owned(),
                reason: reason.to_owned(),
            });
        }
        self.reactions.push(Reaction {
            reactants,
            products,
            rate,
            kind,
            source: source.to_owned(),
        });
        Ok(())
    }

    /// One side of an equation: names with ` + ` between them.
    fn side(&self, text: &'a str) -> Result<Vec<usize>, Error> {
        let mut members = Vec::new();
        let mut name_next = true;
        for word in text.split_whitespace() {
            match (name_next, word) {
                (true, "+") => return Err(self.error(word, "a species")),
                (true, name) => members.push(self.species_index(name)?),
                (false, "+") => {}
                (false, other) => return Err(self.error(other, "` + ` or the end of this side")),
            }
            name_next = !name_next;
        }
        if name_next {
            return Err(self.error(text, "a species on each side and behind every `+`"));
        }
        Ok(members)
    }

    fn species_index(&self, name: &str) -> Result<usize, Error> {
        let find = |name: &str| self.by_name.get(name).copied();
        find(name)
            .or_else(|| find(Species::from_name(name).ok()?.name()))
            .ok_or_else(|| self.error(name, "a species of the [species] block"))
    }
}

/// Splits at the word `->`; a species name may hold these characters inside.
fn split_arrow(equation: &str) -> Option<(&str, &str)> {
    let at = equation.match_indices("->").map(|(at, _)| at).find(|&at| {
        let (before, after) = (&equation[..at], &equation[at + 2..]);
        before.ends_with(char::is_whitespace) && after.starts_with(char::is_whitespace)
    })?;
    Some((&equation[..at], &equation[at + 2..]))
}
