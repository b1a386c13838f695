//! Reads a KROME file line by line.

use std::collections::HashMap;
use std::sync::Arc;

use super::assemble::Reactions;
use super::columns::{Column, default_columns, end};
use super::definitions::{Definitions, Refused};
use crate::error::Error;
use crate::expression::{Expr, Expression, Fault, Function, Refusal};
use crate::format::{Format, stem};
use crate::network::Network;
use crate::origin::{Origin, UnsupportedRow};
use crate::rate::{RateLaw, TemperatureRange};
use crate::reaction::{Reaction, ReactionKind};
use crate::species::Species;

/// Reads a network from its text; `file` is the name that errors and sources show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected, for every line
/// that is neither a reaction nor a directive nor a comment.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    let mut reader = Reader::new(file);
    // Aliases hold for the whole file.
    reader.pass(text, Reader::definition)?;
    reader.origin.skipped.clear();
    reader.pass(text, Reader::content)?;
    if let Some((block, line)) = reader.block {
        reader.number = line;
        let expected = format!("the end of the block ({}_stop or {0}_end)", block.name());
        return Err(Error::syntax(file, line, 1, block.name(), expected));
    }
    if reader.origin.rows == 0 {
        let line = text.lines().count() + 1;
        return Err(Error::syntax(file, line, 1, "", "a reaction"));
    }
    let unsupported = std::mem::take(&mut reader.origin.unsupported);
    let mut network = Network::new(reader.species, reader.reactions.finish()?)?
        .with_title(format!("KROME network {}", stem(file)))
        .with_source(stem(file));
    network.origin = Origin {
        unsupported,
        ..reader.origin
    };
    Ok(network)
}

/// Blocks that mean something for rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    CosmicRay,
    Photo,
    Xray,
}

impl Block {
    const ALL: [Self; 3] = [Self::CosmicRay, Self::Photo, Self::Xray];

    fn name(self) -> &'static str {
        match self {
            Self::CosmicRay => "@CR",
            Self::Photo => "@photo",
            Self::Xray => "@xray",
        }
    }
}

struct Reader<'a> {
    file: &'a str,
    /// Number of the current line, from 1, and the line.
    number: usize,
    line: &'a str,
    columns: Vec<Column>,
    definitions: Definitions,
    /// The open block and its line.
    block: Option<(Block, usize)>,
    species: Vec<Species>,
    by_spelling: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
    reactions: Reactions,
    origin: Origin,
}

/// A species of a row.
enum Member {
    Species(usize),
    /// `{X}`: X does not multiply the rate.
    Passive(usize),
    /// No species, or a photon.
    Nothing,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            number: 0,
            line: "",
            columns: default_columns(),
            definitions: Definitions::default(),
            block: None,
            species: Vec::new(),
            by_spelling: HashMap::new(),
            by_name: HashMap::new(),
            reactions: Reactions::default(),
            origin: Origin {
                format: Some(Format::Krome),
                ..Origin::default()
            },
        }
    }

    /// An error at `part`, which is a slice of the current line (else at the line's end).
    fn error(&self, part: &str, expected: impl Into<String>) -> Error {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.line.as_ptr() as usize);
        let before = self.line.get(..offset).unwrap_or(self.line.trim_end());
        let column = before.chars().count() + 1;
        Error::syntax(self.file, self.number, column, part, expected)
    }

    /// An error in an expression that is a slice of the current line.
    fn fault(&self, text: &str, fault: Fault) -> Error {
        let Error::Syntax { at, .. } = self.error(text.get(fault.at..).unwrap_or(""), "") else {
            return self.error(text, fault.expected);
        };
        Error::syntax(
            self.file,
            self.number,
            at.column,
            fault.found,
            fault.expected,
        )
    }

    /// Calls `read` with every line that is no comment.
    fn pass(
        &mut self,
        text: &'a str,
        read: impl Fn(&mut Self, &'a str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut in_comment = false;
        for (i, line) in text.lines().enumerate() {
            self.number = i + 1;
            self.line = line;
            let content = line.trim();
            if in_comment || content.starts_with("/*") {
                in_comment = !content.contains("*/");
                self.origin.skip("comment");
            } else if content.is_empty() {
                self.origin.skip("blank line");
            } else if content.starts_with('#') || content.starts_with("//") {
                self.origin.skip("comment");
            } else {
                read(self, content)?;
            }
        }
        if in_comment {
            return Err(self.error("", "the end of the comment, `*/`"));
        }
        Ok(())
    }

    /// Takes up a definition; other lines wait for the second pass.
    fn definition(&mut self, content: &'a str) -> Result<(), Error> {
        if let Some(rest) = directive(content, "@var:") {
            let Some((name, text)) = rest.split_once('=') else {
                return Err(self.error(rest, "name=expression"));
            };
            let (name, text) = (name.trim(), text.trim());
            return self
                .definitions
                .define(name, text)
                .map_err(|why| match why {
                    Refused::Name(expected) => self.error(name, expected),
                    Refused::Expression(fault) => self.fault(text, fault),
                });
        }
        if let Some(rest) = directive(content, "@common:") {
            for name in rest.split(',').map(str::trim) {
                let known = self.definitions.common(name);
                known.map_err(|expected| self.error(name, expected))?;
            }
        } else if let Some(rest) = directive(content, "@tabvar:") {
            let name = rest.split_once('=').map_or(rest, |(name, _)| name).trim();
            let known = self.definitions.tabulated(name);
            known.map_err(|expected| self.error(name, expected))?;
        }
        Ok(())
    }

    /// A line of the second pass.
    fn content(&mut self, content: &'a str) -> Result<(), Error> {
        if content.starts_with('@') {
            self.directive(content)
        } else {
            self.row(content)
        }
    }

    fn directive(&mut self, content: &'a str) -> Result<(), Error> {
        for (name, what) in [
            ("@var:", "alias (@var)"),
            ("@common:", "variables of the caller (@common)"),
            ("@tabvar:", "table (@tabvar)"),
            ("@group:", "name of a group (@group)"),
        ] {
            if directive(content, name).is_some() {
                self.origin.skip(what);
                return Ok(());
            }
        }
        if let Some(rest) = directive(content, "@format:") {
            self.origin.skip("names of columns (@format)");
            return self.header(rest);
        }
        if let Some(rest) = directive(content, "@ghost:") {
            self.origin.skip("species without reactions (@ghost)");
            for name in rest.split(',') {
                self.member(name)?;
            }
            return Ok(());
        }
        let lower = content.to_ascii_lowercase();
        if matches!(lower.as_str(), "@notabnext" | "@notab_next") {
            self.origin
                .skip("advice on tabulation (@noTab, @storeonce)");
            return Ok(());
        }
        let (name, begins) = match lower.rsplit_once('_') {
            Some((name, "start" | "begin")) => (name, true),
            Some((name, "stop" | "end")) => (name, false),
            _ => return Err(self.error(content, "a directive of KROME")),
        };
        if matches!(name, "@notab" | "@storeonce") {
            self.origin
                .skip("advice on tabulation (@noTab, @storeonce)");
            return Ok(());
        }
        if matches!(name, "@reactionmodifier" | "@odemodifier") {
            let expected = "no Fortran statements that change rates (they have no implementation)";
            return Err(self.error(content, expected));
        }
        let known = |block: &&Block| block.name().eq_ignore_ascii_case(name);
        let Some(&block) = Block::ALL.iter().find(known) else {
            return Err(self.error(content, "a directive of KROME"));
        };
        self.origin.skip("begin or end of a block");
        match (self.block, begins) {
            (None, true) => self.block = Some((block, self.number)),
            (Some((open, _)), false) if open == block => self.block = None,
            (Some((open, line)), _) => {
                let expected = format!("{}_stop first: it is open since line {line}", open.name());
                return Err(self.error(content, expected));
            }
            (None, false) => return Err(self.error(content, "the beginning of a block first")),
        }
        Ok(())
    }

    fn header(&mut self, text: &'a str) -> Result<(), Error> {
        let mut columns = Vec::new();
        for name in text.split(',').map(str::trim) {
            let Some(column) = Column::from_name(name) else {
                let expected = "idx, R, P, Tmin, Tmax, rate (or k), qeff (or qpp)";
                return Err(self.error(name, expected));
            };
            if column.is_single() && columns.contains(&column) {
                return Err(self.error(name, "each column once, R and P excepted"));
            }
            columns.push(column);
        }
        for (column, name) in [
            (Column::Reactant, "R"),
            (Column::Product, "P"),
            (Column::Rate, "rate"),
        ] {
            if !columns.contains(&column) {
                return Err(self.error(text, format!("a column {name}, too")));
            }
        }
        self.columns = columns;
        Ok(())
    }

    fn row(&mut self, content: &'a str) -> Result<(), Error> {
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

    fn member(&mut self, cell: &'a str) -> Result<Member, Error> {
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

/// A temperature range as written, which may hold no temperature at all.
enum Range {
    Of(Option<TemperatureRange>),
    Empty,
}

/// What follows a directive, which is written in any case of letters.
fn directive<'a>(content: &'a str, name: &str) -> Option<&'a str> {
    let start = content.get(..name.len())?;
    start
        .eq_ignore_ascii_case(name)
        .then(|| content[name.len()..].trim())
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
