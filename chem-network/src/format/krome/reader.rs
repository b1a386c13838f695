//! Reads a KROME file line by line: comments, directives, definitions; rows are read in `row`.

use std::collections::HashMap;

use super::assemble::Reactions;
use super::columns::{Column, default_columns};
use super::definitions::{Definitions, Refused};
use crate::error::Error;
use crate::expression::Fault;
use crate::format::{Format, stem};
use crate::network::Network;
use crate::origin::Origin;
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
pub(super) enum Block {
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

pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    /// Number of the current line, from 1, and the line.
    pub(super) number: usize,
    pub(super) line: &'a str,
    pub(super) columns: Vec<Column>,
    pub(super) definitions: Definitions,
    /// The open block and its line.
    pub(super) block: Option<(Block, usize)>,
    pub(super) species: Vec<Species>,
    pub(super) by_spelling: HashMap<String, usize>,
    pub(super) by_name: HashMap<String, usize>,
    pub(super) reactions: Reactions,
    pub(super) origin: Origin,
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
    pub(super) fn error(&self, part: &str, expected: impl Into<String>) -> Error {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.line.as_ptr() as usize);
        let before = self.line.get(..offset).unwrap_or(self.line.trim_end());
        let column = before.chars().count() + 1;
        Error::syntax(self.file, self.number, column, part, expected)
    }

    /// An error in an expression that is a slice of the current line.
    pub(super) fn fault(&self, text: &str, fault: Fault) -> Error {
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
}

/// What follows a directive, which is written in any case of letters.
pub(super) fn directive<'a>(content: &'a str, name: &str) -> Option<&'a str> {
    let start = content.get(..name.len())?;
    start
        .eq_ignore_ascii_case(name)
        .then(|| content[name.len()..].trim())
}
