//! Source code of a network: rate coefficients as functions of the conditions, right-hand side and
//! Jacobian, in several languages with the same names and tables.

mod c;
mod python;
mod rust;
mod tables;

pub(super) use c::{c, cuda};
pub(super) use python::{jax, python};
pub(super) use rust::rust;

use super::law::QUANTITIES;
use super::{ExportOptions, piecewise};
use crate::error::Error;
use crate::expression::{Expr, Language, Shortcut, Variable, emit};
use crate::network::Network;
use tables::Tables;

/// Everything that the languages write.
struct Model<'a> {
    network: &'a Network,
    /// Per reaction the rate coefficient, ranges included.
    rates: Vec<Expr>,
    /// Conditions on which rates depend: name and meaning. The temperature comes first.
    conditions: Vec<(String, String)>,
    /// Built-in functions of T that occur, each defined by T and those before it.
    shortcuts: Vec<Shortcut>,
    tables: Tables,
}

impl<'a> Model<'a> {
    fn new(network: &'a Network, options: &ExportOptions) -> Result<Self, Error> {
        let mut rates = Vec::with_capacity(network.reactions().len());
        for (j, reaction) in network.reactions().iter().enumerate() {
            let text = || network.reaction_text(j);
            let rate = piecewise::expression(&reaction.rate, options.extrapolation, &text)?;
            rates.push(rate);
        }
        let temperature = ("temperature".to_owned(), "gas temperature T [K]".to_owned());
        let mut conditions = vec![temperature];
        for (name, _, meaning) in QUANTITIES {
            if rates.iter().any(|rate| depends_on(rate, name)) {
                conditions.push((name.to_owned(), meaning.to_owned()));
            }
        }
        let mut shortcuts = Vec::new();
        for rate in &rates {
            rate.walk(&mut |part| match part {
                Expr::Variable(Variable::User(name))
                    if !conditions
                        .iter()
                        .any(|(known, _)| known.eq_ignore_ascii_case(name)) =>
                {
                    conditions.push((name.clone(), "variable of the network file".to_owned()));
                }
                Expr::Variable(Variable::Shortcut(shortcut)) => need(*shortcut, &mut shortcuts),
                _ => {}
            });
        }
        shortcuts.sort_unstable();
        Ok(Self {
            network,
            rates,
            conditions,
            shortcuts,
            tables: Tables::new(network),
        })
    }

    /// Lines for the head of a file: what it is, and what conditions it takes.
    fn heading(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for text in [self.network.title(), self.network.source()] {
            if !text.is_empty() {
                lines.push(text.to_owned());
            }
        }
        lines.push(format!(
            "Written by chem-network {}: {} species, {} reactions; number densities in cm^-3, time in s.",
            env!("CARGO_PKG_VERSION"),
            self.network.species().len(),
            self.network.reactions().len()
        ));
        lines.push("The Jacobian has compressed columns (COLUMN_OFFSETS, ROWS).".to_owned());
        lines
    }

    /// A rate in a language, conditions named by `condition`.
    fn rate(&self, j: usize, language: Language, condition: &dyn Fn(&str) -> String) -> String {
        emit(&self.rates[j], language, false, &|name| {
            self.name(name, condition)
        })
    }

    /// Definitions of the shortcuts: name and text.
    fn definitions(&self, language: Language) -> Vec<(&'static str, String)> {
        let write = |shortcut: &Shortcut| {
            let tree = shortcut.tree()?;
            let names = |name: &str| self.name(name, &str::to_owned);
            Some((shortcut.name(), emit(&tree, language, false, &names)))
        };
        self.shortcuts.iter().filter_map(write).collect()
    }

    /// The name in generated code of a variable of expressions.
    fn name(&self, name: &str, condition: &dyn Fn(&str) -> String) -> String {
        match name {
            "Tgas" => return "Tgas".to_owned(),
            "get_Hnuclei(n(:))" => return condition("density"),
            _ => {}
        }
        if self
            .shortcuts
            .iter()
            .any(|shortcut| shortcut.name() == name)
        {
            return name.to_owned();
        }
        let same = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        let found = self.conditions.iter().find(same);
        condition(found.map_or(name, |(known, _)| known))
    }
}

/// Whether an expression depends on a quantity of the environment.
fn depends_on(rate: &Expr, quantity: &str) -> bool {
    let mut found = false;
    rate.walk(&mut |part| {
        found |= match part {
            Expr::Variable(Variable::User(name)) => name == quantity,
            Expr::Variable(Variable::HydrogenNuclei) => quantity == "density",
            _ => false,
        };
    });
    found
}

/// Adds a shortcut and those that define it.
fn need(shortcut: Shortcut, found: &mut Vec<Shortcut>) {
    if found.contains(&shortcut) {
        return;
    }
    found.push(shortcut);
    if let Some(tree) = shortcut.tree() {
        tree.walk(&mut |part| {
            if let Expr::Variable(Variable::Shortcut(inner)) = part {
                need(*inner, found);
            }
        });
    }
}

/// Numbers joined by commas, in lines of moderate length.
fn list<T: std::fmt::Display>(numbers: &[T], indent: &str) -> String {
    let mut out = String::new();
    let mut width = usize::MAX;
    for number in numbers {
        let text = format!("{number},");
        if width.saturating_add(text.len()) > 96 {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(indent);
            width = 0;
        } else {
            out.push(' ');
        }
        width += text.len() + 1;
        out.push_str(&text);
    }
    out
}
