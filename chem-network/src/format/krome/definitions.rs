//! The aliases of a KROME file: `@var`, `@common`, `@tabvar`.

use std::cell::Cell;
use std::collections::HashMap;

use crate::expression::{Expr, Fault, Meaning, Variable, built_in, parse};

/// Names that a file defines; Fortran knows no case.
#[derive(Default)]
pub(super) struct Definitions {
    meanings: HashMap<String, Expr>,
    /// Terms of all expressions so far, aliases written out.
    terms: Cell<usize>,
}

/// Most terms of all expressions of a file together: aliases of aliases grow without bound.
const MOST_TERMS: usize = 1 << 22;

/// Why a definition is refused.
pub(super) enum Refused {
    /// The name, and what is expected instead.
    Name(&'static str),
    /// The expression.
    Expression(Fault),
}

impl Definitions {
    /// What a name means in an expression.
    pub fn meaning(&self, name: &str) -> Meaning {
        match self.meanings.get(&name.to_ascii_lowercase()) {
            Some(expression) => Meaning::Is(expression.clone()),
            None => built_in(name),
        }
    }

    /// Reads an expression with the names defined so far.
    pub fn parse(&self, text: &str) -> Result<Expr, Fault> {
        let expression = parse(text, &|name| self.meaning(name))?;
        self.terms
            .set(self.terms.get().saturating_add(expression.size()));
        if self.terms.get() > MOST_TERMS {
            let expected = format!("at most {MOST_TERMS} terms in a file, aliases written out");
            return Err(Fault::new(0, text, expected));
        }
        Ok(expression)
    }

    /// `@var:name=text`; an array (`name(size)`) has no implementation, nor has what uses it.
    pub fn define(&mut self, name: &str, text: &str) -> Result<(), Refused> {
        let (name, is_array) = match name.split_once('(') {
            Some((name, _)) => (name.trim(), true),
            None => (name, false),
        };
        check(name).map_err(Refused::Name)?;
        let key = name.to_ascii_lowercase();
        if matches!(key.as_str(), "k" | "n" | "tgas" | "energy_ev") {
            return Err(Refused::Name("a name that KROME does not keep for itself"));
        }
        let expression = self.parse(text).map_err(Refused::Expression)?;
        let expression = if is_array {
            Expr::Foreign(name.to_owned())
        } else {
            expression
        };
        match self.meanings.get(&key) {
            Some(known) if *known != expression => Err(Refused::Name(
                "a name not defined before (KROME keeps the first of two definitions)",
            )),
            _ => {
                self.meanings.insert(key, expression);
                Ok(())
            }
        }
    }

    /// `@tabvar`: a table that is not at hand.
    pub fn tabulated(&mut self, name: &str) -> Result<(), &'static str> {
        check(name)?;
        let meaning = Expr::Foreign(name.to_owned());
        self.meanings.insert(name.to_ascii_lowercase(), meaning);
        Ok(())
    }

    /// `@common`: a variable that the caller sets.
    pub fn common(&mut self, name: &str) -> Result<(), &'static str> {
        check(name)?;
        if !name.to_ascii_lowercase().starts_with("user_") {
            return Err("a name that begins with user_");
        }
        let meaning = Expr::Variable(Variable::User(name.to_owned()));
        self.meanings
            .entry(name.to_ascii_lowercase())
            .or_insert(meaning);
        Ok(())
    }
}

/// Whether a text is a Fortran name.
fn check(name: &str) -> Result<(), &'static str> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if first && rest {
        Ok(())
    } else {
        Err("a name: a letter, then letters, digits and _")
    }
}
