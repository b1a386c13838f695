//! The tree of a rate expression, and its text: what the parser builds and the emitters walk.

use std::fmt;

use super::function::Function;
use super::shortcut::Shortcut;

/// What an expression may depend on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Variable {
    /// T \[K\], `Tgas`.
    Temperature,
    /// n_H [cm⁻³], `get_Hnuclei(n(:))`.
    HydrogenNuclei,
    /// A function of T that KROME defines.
    Shortcut(Shortcut),
    /// A value that the caller sets, `user_Av`.
    User(String),
}

impl Variable {
    /// Its name in a KROME file.
    pub fn name(&self) -> &str {
        match self {
            Self::Temperature => "Tgas",
            Self::HydrogenNuclei => "get_Hnuclei(n(:))",
            Self::Shortcut(shortcut) => shortcut.name(),
            Self::User(name) => name,
        }
    }
}

/// Operators with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Binary {
    Or,
    And,
    Less,
    LessEqual,
    Equal,
    NotEqual,
    GreaterEqual,
    Greater,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

/// How tightly an expression binds; higher is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Or,
    And,
    Not,
    Comparison,
    Sum,
    Product,
    Power,
    Primary,
}

impl Binary {
    pub fn level(self) -> Level {
        match self {
            Self::Or => Level::Or,
            Self::And => Level::And,
            Self::Add | Self::Subtract => Level::Sum,
            Self::Multiply | Self::Divide => Level::Product,
            Self::Power => Level::Power,
            _ => Level::Comparison,
        }
    }

    /// Its Fortran spelling.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => ".or.",
            Self::And => ".and.",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "/=",
            Self::GreaterEqual => ">=",
            Self::Greater => ">",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "**",
        }
    }

    /// Whether the result is true or false.
    pub fn is_logical(self) -> bool {
        self.level() < Level::Sum
    }
}

/// An expression; parentheses are implied by its shape. Numbers are never negative.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Real(f64),
    /// Integers divide and take powers as Fortran's do: 1/2 is 0.
    Integer(i32),
    Logical(bool),
    Variable(Variable),
    /// A call or variable without an implementation, as written.
    Foreign(String),
    Negative(Box<Expr>),
    Not(Box<Expr>),
    Binary(Binary, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
}

impl Expr {
    pub fn binary(operator: Binary, left: Self, right: Self) -> Self {
        Self::Binary(operator, Box::new(left), Box::new(right))
    }

    /// The subexpressions.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Negative(inner) | Self::Not(inner) => vec![&**inner],
            Self::Binary(_, left, right) => vec![&**left, &**right],
            Self::Call(_, arguments) => arguments.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Calls `visit` with the expression and all its subexpressions.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        for child in self.children() {
            child.walk(visit);
        }
    }

    /// Number of nodes of the tree.
    pub fn size(&self) -> usize {
        let mut count = 0;
        self.walk(&mut |_| count += 1);
        count
    }

    /// The first part without an implementation.
    pub fn foreign(&self) -> Option<&str> {
        let mut found = None;
        self.walk(&mut |part| {
            if let Self::Foreign(text) = part {
                found.get_or_insert(text.as_str());
            }
        });
        found
    }

    /// Whether the value is true or false.
    pub fn is_logical(&self) -> bool {
        match self {
            Self::Logical(_) | Self::Not(_) => true,
            Self::Binary(operator, ..) => operator.is_logical(),
            _ => false,
        }
    }

    /// Whether the type in Fortran is INTEGER.
    pub fn is_integer(&self) -> bool {
        match self {
            Self::Integer(_) => true,
            Self::Negative(inner) => inner.is_integer(),
            Self::Binary(operator, left, right) => {
                !operator.is_logical() && left.is_integer() && right.is_integer()
            }
            Self::Call(Function::Merge, arguments) => {
                arguments.iter().take(2).all(Self::is_integer)
            }
            Self::Call(function, arguments) => {
                function.keeps_type() && arguments.iter().all(Self::is_integer)
            }
            _ => false,
        }
    }

    pub fn level(&self) -> Level {
        match self {
            Self::Negative(_) => Level::Sum,
            Self::Not(_) => Level::Not,
            Self::Binary(operator, ..) => operator.level(),
            _ => Level::Primary,
        }
    }

    /// Writes it where something of at least this level is wanted, in parentheses if need be.
    fn write(&self, f: &mut fmt::Formatter<'_>, least: Level) -> fmt::Result {
        if self.level() < least {
            f.write_str("(")?;
            self.write(f, Level::Or)?;
            return f.write_str(")");
        }
        match self {
            Self::Real(value) => write_real(f, *value),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Logical(value) => f.write_str(if *value { ".true." } else { ".false." }),
            Self::Variable(variable) => f.write_str(variable.name()),
            Self::Foreign(text) => f.write_str(text),
            Self::Negative(inner) => {
                f.write_str("-")?;
                inner.write(f, Level::Product)
            }
            Self::Not(inner) => {
                f.write_str(".not.")?;
                inner.write(f, Level::Comparison)
            }
            Self::Binary(operator, left, right) => {
                let (before, after) = operand_levels(operator.level());
                left.write(f, before)?;
                f.write_str(operator.symbol())?;
                right.write(f, after)
            }
            Self::Call(function, arguments) => {
                write!(f, "{}(", function.name())?;
                for (i, argument) in arguments.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    argument.write(f, Level::Or)?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Levels that the operands of an operator need without parentheses: `**` groups from the right,
/// comparisons do not chain, all others group from the left.
pub(crate) fn operand_levels(level: Level) -> (Level, Level) {
    match level {
        Level::Or => (Level::Or, Level::And),
        Level::And => (Level::And, Level::Not),
        Level::Comparison => (Level::Sum, Level::Sum),
        Level::Sum => (Level::Sum, Level::Product),
        Level::Product => (Level::Product, Level::Power),
        _ => (Level::Primary, Level::Power),
    }
}

/// A double-precision literal: `1.2d-10`, `3d2`.
fn write_real(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    f.write_str(&format!("{value:e}").replace('e', "d"))
}

impl fmt::Display for Expr {
    /// Fortran text that the parser turns into the same expression.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Level::Or)
    }
}
