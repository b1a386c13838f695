//! Rate coefficients as formulae: Fortran expressions of KROME network files, read, evaluated with
//! their derivative, and written in other languages.

mod ast;
mod dual;
mod emit;
mod function;
mod lexer;
mod library;
mod parser;
mod program;
mod shortcut;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use ast::{Binary, Expr, Variable};
use dual::Dual;
pub use emit::Language;
pub(crate) use emit::emit;
pub(crate) use function::Function;
pub(crate) use lexer::Fault;
pub(crate) use parser::{Meaning, parse};
pub(crate) use program::NoValue;
use program::Program;
pub(crate) use shortcut::Shortcut;

use crate::error::Error;

/// A rate coefficient as a Fortran expression of the gas temperature `Tgas` \[K\], KROME's built-in
/// functions of it (`Te`, `T32`, `invT`, …), the density of hydrogen nuclei `get_Hnuclei(n(:))`
/// [cm⁻³] and variables `user_…` that the caller sets. Numbers are of double precision; integers
/// divide as Fortran's do.
///
/// Its text ([`Display`](fmt::Display)) reads back as the same expression.
///
/// ```
/// use chem_network::Expression;
/// use std::collections::BTreeMap;
/// let k: Expression = "1.3d-9*(Tgas/3d2)**(-.5)*exp(-2d0*user_Av)".parse()?;
/// let variables = BTreeMap::from([("user_Av".to_owned(), 0.5)]);
/// let (value, slope) = k.value_and_derivative(75.0, None, &variables)?;
/// assert!((value / (2.6e-9 * (-1f64).exp()) - 1.0).abs() < 1e-15);
/// assert!((slope / (-0.5 * value / 75.0) - 1.0).abs() < 1e-14);
/// assert_eq!(k.to_string(), "1.3d-9*(Tgas/3d2)**(-5d-1)*exp(-2d0*user_Av)");
/// # Ok::<(), chem_network::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    tree: Expr,
    program: Program,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.tree == other.tree
    }
}

/// Why a text is no expression that can be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refusal {
    /// Not an expression.
    Syntax(Fault),
    /// It holds this call or variable, which has no implementation.
    Foreign(String),
}

impl Expression {
    /// Compiles a tree that holds a number.
    pub(crate) fn of(tree: Expr) -> Result<Self, Refusal> {
        if let Some(part) = tree.foreign() {
            return Err(Refusal::Foreign(part.to_owned()));
        }
        if tree.is_logical() {
            let fault = Fault::new(0, tree.to_string(), "a number, not a condition");
            return Err(Refusal::Syntax(fault));
        }
        match Program::new(&tree) {
            Some(program) => Ok(Self { tree, program }),
            None => {
                let fault = Fault::new(0, tree.to_string(), "an expression less deeply nested");
                Err(Refusal::Syntax(fault))
            }
        }
    }

    /// The tree.
    pub(crate) fn tree(&self) -> &Expr {
        &self.tree
    }

    /// Value at the gas temperature T \[K\], the density of hydrogen nuclei n_H [cm⁻³] and the values
    /// of the `user_…` variables, whose names may differ in case. Allocates nothing.
    ///
    /// # Errors
    /// [`Error::ExpressionVariable`] for a variable or density that is not given,
    /// [`Error::ExpressionValue`] if the value is infinite or not a number.
    pub fn value(
        &self,
        temperature: f64,
        density: Option<f64>,
        variables: &BTreeMap<String, f64>,
    ) -> Result<f64, Error> {
        let value = self.evaluate(temperature, density, variables);
        value.map_err(|why| self.error(&why, temperature, self.to_string()))
    }

    /// Value and derivative with respect to T, everything else held fixed; exact (forward mode), not
    /// a difference.
    ///
    /// # Errors
    /// As [`value`](Self::value), also for the derivative.
    pub fn value_and_derivative(
        &self,
        temperature: f64,
        density: Option<f64>,
        variables: &BTreeMap<String, f64>,
    ) -> Result<(f64, f64), Error> {
        let both = self.differentiate(temperature, density, variables);
        both.map_err(|why| self.error(&why, temperature, self.to_string()))
    }

    pub(crate) fn evaluate(
        &self,
        temperature: f64,
        density: Option<f64>,
        variables: &BTreeMap<String, f64>,
    ) -> Result<f64, NoValue> {
        let value: f64 = self.program.run(temperature, density, variables)?;
        if value.is_finite() {
            Ok(value)
        } else {
            Err(NoValue::NotFinite(value))
        }
    }

    pub(crate) fn differentiate(
        &self,
        temperature: f64,
        density: Option<f64>,
        variables: &BTreeMap<String, f64>,
    ) -> Result<(f64, f64), NoValue> {
        let Dual { value, slope } = self.program.run(temperature, density, variables)?;
        for number in [value, slope] {
            if !number.is_finite() {
                return Err(NoValue::NotFinite(number));
            }
        }
        Ok((value, slope))
    }

    /// The error for an expression without a value; `of` is what errors quote.
    pub(crate) fn error(&self, why: &NoValue, temperature: f64, of: String) -> Error {
        let variable = match *why {
            NoValue::HydrogenNuclei => "the density of hydrogen nuclei n_H [cm⁻³]".to_owned(),
            NoValue::User(index) => self.program.user[index].clone(),
            NoValue::NotFinite(value) => {
                return Error::ExpressionValue {
                    of,
                    temperature,
                    value,
                };
            }
        };
        let option = match *why {
            NoValue::User(_) => format!("--set {variable}=VALUE"),
            _ => "--density".to_owned(),
        };
        Error::ExpressionVariable {
            of,
            variable,
            option,
        }
    }

    /// Names of the `user_…` variables, each once, in the order in which they occur.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.program.user
    }

    /// Whether it depends on the density of hydrogen nuclei.
    #[must_use]
    pub fn needs_density(&self) -> bool {
        let mut found = false;
        self.tree.walk(&mut |part| {
            found |= matches!(part, Expr::Variable(Variable::HydrogenNuclei));
        });
        found
    }

    /// The expression in another language, as one expression of that language; `names` gives the
    /// text that stands for a variable (`Tgas`, `get_Hnuclei(n(:))`, `user_…`).
    ///
    /// ```
    /// use chem_network::{Expression, Language};
    /// let k: Expression = "1d-9*T32**(-.5)".parse()?;
    /// let c = k.to_source(Language::C, &|name| if name == "Tgas" { "T".into() } else { name.into() });
    /// assert_eq!(c, "1e-9*pow((T/300.0), -0.5)");
    /// # Ok::<(), chem_network::Error>(())
    /// ```
    #[must_use]
    pub fn to_source(&self, language: Language, names: &dyn Fn(&str) -> String) -> String {
        emit::emit(&self.tree, language, true, names)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}

/// What names mean without any definitions: `Tgas`, KROME's shortcuts, `user_…`.
pub(crate) fn built_in(name: &str) -> Meaning {
    let lower = name.to_ascii_lowercase();
    let variable = if lower == "tgas" {
        Variable::Temperature
    } else if let Some(shortcut) = Shortcut::from_name(name) {
        Variable::Shortcut(shortcut)
    } else if lower.starts_with("user_") {
        Variable::User(name.to_owned())
    } else if ["idx_", "phys_", "krome_"]
        .iter()
        .any(|p| lower.starts_with(p))
        || matches!(
            lower.as_str(),
            "n" | "nmols" | "nspec" | "energy_ev" | "j21xray"
        )
    {
        return Meaning::Foreign;
    } else {
        return Meaning::Unknown(
            "Tgas, a built-in function of it, a user_ variable or a name that @var defines"
                .to_owned(),
        );
    };
    Meaning::Is(Expr::Variable(variable))
}

impl std::str::FromStr for Expression {
    type Err = Error;

    /// Reads an expression of `Tgas`, KROME's shortcuts and `user_…` variables.
    ///
    /// # Errors
    /// [`Error::Syntax`] with the column, [`Error::Unsupported`] for a call without an
    /// implementation.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |refusal| match refusal {
            Refusal::Syntax(fault) => {
                let before = text.get(..fault.at).unwrap_or_default();
                let column = before.chars().count() + 1;
                Error::syntax("expression", 1, column, fault.found, fault.expected)
            }
            Refusal::Foreign(call) => Error::Unsupported {
                reaction: text.to_owned(),
                reason: format!("{call} has no implementation"),
            },
        };
        parse(text, &built_in)
            .map_err(Refusal::Syntax)
            .and_then(Self::of)
            .map_err(refuse)
    }
}
