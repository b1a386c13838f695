//! Reads a row of a KROME file: species, temperature range, rate.

use std::sync::Arc;

use super::columns::{Column, end};
use super::reader::{Block, Reader, directive};
use crate::error::Error;
use crate::expression::{Expr, Expression, Function, Refusal};
use crate::format::stem;
use crate::origin::UnsupportedRow;
use crate::rate::{RateLaw, TemperatureRange};
use crate::reaction::{Reaction, ReactionKind};
use crate::species::Species;

/// A species of a row.
pub(super) enum Member {
    Species(usize),
    /// `{X}`: X does not multiply the rate.
    Passive(usize),
    /// No species, or a photon.
    Nothing,
}

/// A temperature range as written, which may hold no temperature at all.
enum Range {
    Of(Option<TemperatureRange>),
    Empty,
}

impl<'a> Reader<'a> {
    pub(super) fn row(&mut self, content: &'a str) -> Result<(), Error> {
        let columns = std::mem::take(&mut self.columns);
        let result = self.row_of(content, &columns);
        self.columns = columns;
        result
    }

    fn row_of(&mut self, content: &'a str, columns: &[Column]) -> Result<(), Error> {
        let cells: Vec<&str> = content.splitn(columns.len(), ',').map(str::trim).collect();
        if cells.len() < columns.len() {
            let expected = format!("{} columns, as the last @format says", columns.len());
            return Err(self.error(content, expected));
        }
        let mut sides = [Vec::new(), Vec::new()];
        let mut ends = [""; 2];
        let mut rate = "";
        let mut passive = None;
        for (&column, &cell) in columns.iter().zip(&cells) {
            match column {
                Column::Index => {
                    if cell.parse::<u32>().is_err() {
                        return Err(self.error(cell, "the index of the reaction, a number"));
                    }
                }
                Column::Reactant | Column::Product => {
                    let side = &mut sides[usize::from(column == Column::Product)];
                    match self.member(cell)? {
                        Member::Nothing => {}
                        Member::Species(i) => side.push(i),
                        Member::Passive(i) => {
                            passive = Some(cell);
                            side.push(i);
                        }
                    }
                }
                Column::Tmin => ends[0] = cell,
                Column::Tmax => ends[1] = cell,
                Column::Rate => rate = cell,
                Column::Energy => {}
            }
        }
        let [reactants, products] = sides;
        for (side, what) in [(&reactants, "reactant"), (&products, "product")] {
            if side.is_empty() {
                return Err(self.error(content, format!("at least one {what}")));
            }
        }
        if rate.is_empty() {
            return Err(self.error(rate, "a rate"));
        }
        let range = self.range(ends)?;
        let block = self.block.map(|(block, _)| block);
        let mut law = match passive {
            Some(cell) => Err(format!("{cell}, a reactant that does not enter the rate")),
            None => self.law(rate, block)?,
        };
        let range = match range {
            _ if block == Some(Block::Photo) => None,
            Range::Empty => {
                law = law.and(Err(format!(
                    "no temperature is in its range ({} to {})",
                    ends[0], ends[1]
                )));
                None
            }
            Range::Of(range) => range,
        };
        let law = law.unwrap_or_else(|reason| {
            self.origin.unsupported.push(UnsupportedRow {
                line: self.number,
                text: content.to_owned(),
                reason: reason.clone(),
            });
            RateLaw::Unsupported { reason }
        });
        self.origin.rows += 1;
        let kind = match block {
            Some(Block::CosmicRay) => ReactionKind::CosmicRay,
            Some(Block::Photo) => ReactionKind::Photo,
            _ => kind(&reactants, &law),
        };
        let reaction = Reaction {
            reactants,
            products,
            rate: law.clone().into(),
            kind,
            source: format!("{}:{}", stem(self.file), self.origin.rows),
        };
        self.reactions.add(reaction, law, range);
        Ok(())
    }

    fn range(&self, cells: [&str; 2]) -> Result<Range, Error> {
        let read = |cell: &str, which: &str, sign: &str| {
            let expected = format!("{which}: a temperature [K], perhaps with {sign}, or NONE");
            end(cell).ok_or_else(|| self.error(cell, expected))
        };
        let [low, high] = cells;
        let least = read(low, "Tmin", ".GE. or >")?.least();
        let least = least.ok_or_else(|| self.error(low, "Tmin with .GE. or >"))?;
        let greatest = read(high, "Tmax", ".LE. or <")?.greatest();
        let greatest = greatest.ok_or_else(|| self.error(high, "Tmax above 0, with .LE. or <"))?;
        if least == 0.0 && greatest == f64::INFINITY {
            return Ok(Range::Of(None));
        }
        Ok(match TemperatureRange::new(least, greatest) {
            Ok(range) => Range::Of(Some(range)),
            Err(_) => Range::Empty,
        })
    }

    /// The law of a rate, or what has no implementation in it.
    fn law(&self, rate: &'a str, block: Option<Block>) -> Result<Result<RateLaw, String>, Error> {
        if rate.eq_ignore_ascii_case("auto") {
            let where_from = match block {
                Some(Block::Xray) => "tables of X-ray ionisation",
                _ => "the database of reactions",
            };
            return Ok(Err(format!("auto, a rate from {where_from} of KROME")));
        }
        let tree = match conditional(rate) {
            None => self.expression(rate)?,
            Some((condition, value)) => {
                let holds = self.expression(condition)?;
                if !holds.is_logical() {
                    return Err(self.error(condition, "a condition"));
                }
                let arguments = vec![self.expression(value)?, Expr::Real(0.0), holds];
                Expr::Call(Function::Merge, arguments)
            }
        };
        if block == Some(Block::Photo) {
            let what = shortened(tree.foreign().unwrap_or(rate));
            return Ok(Err(format!(
                "{what}, a cross-section, which needs a spectrum in energy bins"
            )));
        }
        match Expression::of(tree) {
            Ok(expression) => Ok(Ok(RateLaw::Expression(Arc::new(expression)))),
            Err(Refusal::Foreign(part)) => {
                Ok(Err(format!("{} has no implementation", shortened(&part))))
            }
            Err(Refusal::Syntax(fault)) => Err(self.error(rate, fault.expected)),
        }
    }

    fn expression(&self, text: &'a str) -> Result<Expr, Error> {
        let parsed = self.definitions.parse(text);
        parsed.map_err(|fault| self.fault(text, fault))
    }

    pub(super) fn member(&mut self, cell: &'a str) -> Result<Member, Error> {
        let cell = cell.trim();
        if cell.is_empty() || matches!(cell, "g" | "G") {
            return Ok(Member::Nothing);
        }
        let bare = cell.strip_prefix('{').and_then(|c| c.strip_suffix('}'));
        let name = bare.unwrap_or(cell);
        let index = match self.by_spelling.get(name) {
            Some(&index) => index,
            None => self.new_spelling(name)?,
        };
        Ok(match bare {
            Some(_) => Member::Passive(index),
            None => Member::Species(index),
        })
    }

    fn new_spelling(&mut self, name: &'a str) -> Result<usize, Error> {
        let refuse = |error: Error| self.error(name, format!("the name of a species ({error})"));
        let species = species(name).map_err(refuse)?;
        let next = self.species.len();
        let index = *self
            .by_name
            .entry(species.name().to_owned())
            .or_insert(next);
        if index == next {
            self.species.push(species);
        }
        self.by_spelling.insert(name.to_owned(), index);
        Ok(index)
    }
}

/// A call without its arguments where they are long.
fn shortened(call: &str) -> String {
    match call.split_once('(') {
        Some((name, arguments)) if arguments.len() > 12 => format!("{name}(…)"),
        _ => call.to_owned(),
    }
}

/// What a rate tells of its process: KROME's networks call the visual extinction `user_Av` and the
/// rate of cosmic rays `user_cr…`.
fn kind(reactants: &[usize], law: &RateLaw) -> ReactionKind {
    let RateLaw::Expression(expression) = law else {
        return ReactionKind::Unspecified;
    };
    let starts = |start: &str| {
        let mut names = expression.variables().iter();
        names.any(|name| name.to_ascii_lowercase().starts_with(start))
    };
    match reactants {
        [_] if starts("user_av") => ReactionKind::Photo,
        [_] if starts("user_cr") => ReactionKind::CosmicRay,
        _ => ReactionKind::Unspecified,
    }
}

/// The parts of `if(condition):rate`.
fn conditional(rate: &str) -> Option<(&str, &str)> {
    let rest = directive(rate, "if")?;
    let (condition, value) = rest.split_once("):")?;
    Some((condition.strip_prefix('(')?.trim(), value.trim()))
}

/// Suffix of species on the surface of dust.
const SURFACE: &str = "_DUST";

/// A species by KROME's name.
fn species(name: &str) -> Result<Species, Error> {
    let bare = name.len().checked_sub(SURFACE.len()).and_then(|at| {
        let suffix = name.get(at..)?;
        suffix.eq_ignore_ascii_case(SURFACE).then(|| &name[..at])
    });
    let Some(bare) = bare else {
        return Species::from_name(name);
    };
    let gas = Species::from_name(bare)?;
    Species::with_composition(
        &format!("#{}", gas.name()),
        gas.composition().clone(),
        gas.charge(),
        Some(gas.mass()),
    )
}
