//! Fixed-column files of the Ohio State University (OSU) gas-phase networks, e.g. `osu_09_2008`.
//!
//! A species line holds the name in columns 1–8, the charge in 10–12 and then, three columns each,
//! the numbers of H, He, C, N, O, Si, S, Fe, Na, Mg, Cl, P and F, and a running number between `*`.
//! A reaction line holds eight names of eight columns (three reactants, five products), then
//! α in columns 65–73, β in 74–82, γ in 83–91, the type in 92–93, and behind it the number within
//! the type, the running number between `*` and an uncertainty factor, which are checked to be
//! numbers and not kept. Lines that are blank or begin with `!` or `#` are comments.
//!
//! | type | law |
//! |---|---|
//! | 1 | k = α ζ, ζ the cosmic-ray ionisation rate of H2 [s⁻¹] (α per ζ, no fixed ζ inside α); induced photons are rows of this type, too |
//! | 13 | k = α χ exp(−γ A_V) |
//! | 0, 2–12 | k = α (T/300)^β exp(−γ/T) |
//! | others | kept as [`RateLaw::Unsupported`] |
//!
//! Type 0 holds H2 formation and recombination on grains; they are taken as ordinary two-body
//! reactions with the abundance of grains in the state, as the networks built on this file do.

use std::collections::HashMap;

use super::line::{fortran, head, lines, mostly};
use super::{Format, stem};
use crate::element::Element;
use crate::error::Error;
use crate::network::Network;
use crate::origin::{Origin, UnsupportedRow};
use crate::rate::RateLaw;
use crate::reaction::{Reaction, ReactionKind};
use crate::species::{Composition, Species};

/// Elements of the species block, in the order of its columns.
const BLOCK_ELEMENTS: [&str; 13] = [
    "H", "He", "C", "N", "O", "Si", "S", "Fe", "Na", "Mg", "Cl", "P", "F",
];
/// Kinds of the types 0–13.
const KINDS: [ReactionKind; 14] = [
    ReactionKind::Grain,
    ReactionKind::CosmicRay,
    ReactionKind::IonNeutral,
    ReactionKind::AnionNeutral,
    ReactionKind::IonRadiativeAssociation,
    ReactionKind::AssociativeDetachment,
    ReactionKind::ChemiIonisation,
    ReactionKind::NeutralNeutral,
    ReactionKind::RadiativeAssociation,
    ReactionKind::DissociativeRecombination,
    ReactionKind::RadiativeRecombination,
    ReactionKind::MutualNeutralisation,
    ReactionKind::ElectronAttachment,
    ReactionKind::Photo,
];

/// Whether a text begins like an OSU file: most of its first lines are species or reaction lines.
#[must_use]
pub fn recognises(text: &str) -> bool {
    mostly(head(text, is_comment), |line| {
        looks_like_species(line) || looks_like_reaction(line)
    })
}

fn is_comment(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with(['!', '#'])
}

/// Columns `from..to` (from 0) of a line, as far as it reaches; lines are ASCII by then.
fn columns(line: &str, from: usize, to: usize) -> &str {
    line.get(from.min(line.len())..to.min(line.len()))
        .unwrap_or("")
}

fn looks_like_species(line: &str) -> bool {
    columns(line, 109, 110) == "*" && columns(line, 51, 109).trim().is_empty()
}

fn looks_like_reaction(line: &str) -> bool {
    let number = |from, to| fortran(columns(line, from, to).trim()).is_some();
    number(64, 73) && number(73, 82) && number(82, 91)
}

/// Reads an OSU file from its text; `file` is the name that errors and sources show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected, for every line
/// that is neither a species line nor a reaction nor a comment; [`Error::RateParameter`] for
/// a negative or not finite parameter.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    let mut reader = Reader {
        file,
        species: Vec::new(),
        by_spelling: HashMap::new(),
        reactions: Vec::new(),
        unsupported: Vec::new(),
        origin: Origin::default(),
    };
    for line in lines(text, file) {
        let line = line?;
        if line.text.trim().is_empty() {
            reader.origin.skip("blank line");
        } else if is_comment(line.text) {
            reader.origin.skip("comment");
        } else {
            line.printable_ascii()?;
            reader.line(line.number, line.text)?;
        }
    }
    let rows = reader.reactions.len();
    let unsupported = reader.unsupported;
    let mut network = Network::new(reader.species, reader.reactions)?
        .with_title(format!("OSU network {}", stem(file)))
        .with_source(stem(file));
    network.origin = Origin {
        format: Some(Format::Osu),
        rows,
        unsupported,
        ..reader.origin
    };
    Ok(network)
}

struct Reader<'a> {
    file: &'a str,
    species: Vec<Species>,
    /// By the spelling of the file and by the common one.
    by_spelling: HashMap<String, usize>,
    reactions: Vec<Reaction>,
    unsupported: Vec<UnsupportedRow>,
    origin: Origin,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Error> {
        if looks_like_species(line) {
            self.species_line(number, line)
        } else {
            self.reaction_line(number, line)
        }
    }

    fn error(&self, line: usize, column: usize, found: &str, expected: &str) -> Error {
        Error::syntax(self.file, line, column + 1, found.trim_end(), expected)
    }

    fn species_line(&mut self, number: usize, line: &str) -> Result<(), Error> {
        let raw = self.name(number, line, 0, "the name of a species")?;
        let raw = match raw {
            Some(name) => name,
            None => return Err(self.error(number, 0, "", "the name of a species")),
        };
        if columns(line, 8, 9) != " " {
            return Err(self.error(number, 8, columns(line, 8, 9), "a blank"));
        }
        let mut counts = [0i32; 14];
        for (i, count) in counts.iter_mut().enumerate() {
            let from = 9 + 3 * i;
            let text = columns(line, from, from + 3);
            let expected = "an integer (charge, then numbers of atoms)";
            *count = text
                .trim()
                .parse()
                .map_err(|_| self.error(number, from, text, expected))?;
            if i > 0 && *count < 0 {
                return Err(self.error(number, from, text, "a number of atoms, 0 or more"));
            }
        }
        self.running_number(number, line, 109)?;
        let grain = raw.starts_with("GRAIN").then_some((Element::GRAIN, 1));
        let atoms = BLOCK_ELEMENTS.iter().zip(&counts[1..]);
        let atoms = atoms.filter_map(|(symbol, &count)| {
            Some((Element::from_symbol(symbol)?, count.unsigned_abs()))
        });
        let composition = Composition::from_counts(atoms.chain(grain));
        let species = Species::with_composition(raw, composition, counts[0], None)?;
        if let Ok(read) = Species::from_name(raw)
            && (read.composition() != species.composition() || read.charge() != counts[0])
        {
            let found = format!(
                "{raw} with {} and charge {}",
                species.composition(),
                counts[0]
            );
            let expected = format!("{} and charge {}", read.composition(), read.charge());
            return Err(Error::syntax(self.file, number, 1, found, expected));
        }
        let index = self.species.len();
        if self.by_spelling.contains_key(raw) || self.by_spelling.contains_key(species.name()) {
            return Err(self.error(number, 0, raw, "a species not listed before"));
        }
        self.by_spelling.insert(raw.to_owned(), index);
        self.by_spelling.insert(species.name().to_owned(), index);
        self.species.push(species);
        Ok(())
    }

    /// The `*  12*` at column `at` and nothing behind it.
    fn running_number(&self, number: usize, line: &str, at: usize) -> Result<(), Error> {
        let text = columns(line, at, line.len()).trim_end();
        let inner = text.strip_prefix('*').and_then(|t| t.strip_suffix('*'));
        match inner.map(|t| t.trim().parse::<u32>()) {
            Some(Ok(_)) => Ok(()),
            _ => Err(self.error(number, at, text, "a running number between `*`")),
        }
    }

    /// The name in the eight columns from `from`, or `None` if they are blank.
    fn name<'l>(
        &self,
        number: usize,
        line: &'l str,
        from: usize,
        what: &str,
    ) -> Result<Option<&'l str>, Error> {
        let text = columns(line, from, from + 8);
        let name = text.trim_end();
        if name.is_empty() {
            return Ok(None);
        }
        if name.contains(' ') {
            let expected = format!("{what}, left-justified in 8 columns");
            return Err(self.error(number, from, text, &expected));
        }
        Ok(Some(name))
    }

    fn reaction_line(&mut self, number: usize, line: &str) -> Result<(), Error> {
        let mut sides = [Vec::new(), Vec::new()];
        for (slot, from) in (0..64).step_by(8).enumerate() {
            let first = slot == 0 || slot == 3;
            let side = &mut sides[usize::from(slot >= 3)];
            let what = if slot < 3 { "a reactant" } else { "a product" };
            match self.name(number, line, from, what)? {
                Some(raw) => {
                    let full = side.len() == if slot < 3 { slot } else { slot - 3 };
                    if !full {
                        let expected = "names without a gap before them";
                        return Err(self.error(number, from, raw, expected));
                    }
                    side.push(self.species_index(number, from, raw)?);
                }
                None if first => {
                    return Err(self.error(number, from, columns(line, from, from + 8), what));
                }
                None => {}
            }
        }
        let alpha = self.parameter(number, line, 64, "α")?;
        let beta = self.parameter(number, line, 73, "β")?;
        let gamma = self.parameter(number, line, 82, "γ")?;
        let text = columns(line, 91, 93);
        let kind: usize = text
            .trim()
            .parse()
            .ok()
            .filter(|_| text.len() == 2)
            .ok_or_else(|| {
                let expected = "the type of the reaction, an integer in two columns";
                self.error(number, 91, text, expected)
            })?;
        let unused = |parameter: f64, column: usize| {
            let text = columns(line, column, column + 9);
            if parameter == 0.0 {
                Ok(())
            } else {
                Err(self.error(number, column, text, "0, this type has no such parameter"))
            }
        };
        let rate = match kind {
            1 => {
                unused(beta, 73)?;
                unused(gamma, 82)?;
                RateLaw::CosmicRay {
                    alpha,
                    reference: 1.0,
                }
            }
            13 => {
                unused(beta, 73)?;
                RateLaw::Photo { alpha, gamma }
            }
            0..=12 => RateLaw::Kooij { alpha, beta, gamma },
            _ => {
                let reason = format!("OSU reaction type {kind}");
                self.unsupported.push(UnsupportedRow {
                    line: number,
                    text: line.trim_end().to_owned(),
                    reason: reason.clone(),
                });
                RateLaw::Unsupported { reason }
            }
        };
        self.tail(number, line)?;
        let [reactants, products] = sides;
        self.reactions.push(Reaction {
            reactants,
            products,
            rate: rate.into(),
            kind: KINDS.get(kind).copied().unwrap_or_default(),
            source: format!("{}:{}", stem(self.file), self.reactions.len() + 1),
        });
        Ok(())
    }

    /// A species by the file's spelling; a file without a species block defines it by its name.
    fn species_index(&mut self, number: usize, from: usize, raw: &str) -> Result<usize, Error> {
        if let Some(&index) = self.by_spelling.get(raw) {
            return Ok(index);
        }
        let species = Species::from_name(raw).map_err(|error| {
            self.error(
                number,
                from,
                raw,
                &format!("the name of a species ({error})"),
            )
        })?;
        let index = match self.by_spelling.get(species.name()) {
            Some(&index) => index,
            None => {
                let name = species.name().to_owned();
                self.by_spelling.insert(name, self.species.len());
                self.species.push(species);
                self.species.len() - 1
            }
        };
        self.by_spelling.insert(raw.to_owned(), index);
        Ok(index)
    }

    fn parameter(&self, number: usize, line: &str, from: usize, name: &str) -> Result<f64, Error> {
        let text = columns(line, from, from + 9);
        let value = fortran(text.trim());
        let negative = name == "α" && value.is_some_and(|v| v < 0.0);
        match value {
            Some(value) if !negative => Ok(value),
            _ => {
                let sign = if name == "α" { ", 0 or more" } else { "" };
                let expected = format!("rate parameter {name}, a finite number{sign}");
                Err(self.error(number, from, text, &expected))
            }
        }
    }

    /// Number within the type, running number between `*`, uncertainty factor; all optional.
    fn tail(&self, number: usize, line: &str) -> Result<(), Error> {
        let mut rest = columns(line, 93, line.len());
        let refuse = |rest: &str, expected| {
            let column = line.len() - rest.trim_start().len();
            Err(self.error(number, column, rest.trim_start(), expected))
        };
        let (before, after) = rest.split_once('*').unwrap_or((rest, ""));
        if !before.trim().is_empty() && before.trim().parse::<u32>().is_err() {
            return refuse(rest, "the number of the reaction within its type");
        }
        if before.len() == rest.len() {
            return Ok(());
        }
        rest = after;
        match after.split_once('*') {
            Some((row, factor)) => {
                if row.trim().parse::<u32>().is_err() {
                    return refuse(rest, "the running number of the reaction");
                }
                if !factor.trim().is_empty() && fortran(factor.trim()).is_none() {
                    return refuse(factor, "an uncertainty factor");
                }
                Ok(())
            }
            None => refuse(rest, "a running number and `*`"),
        }
    }
}
