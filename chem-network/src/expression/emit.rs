//! Expressions in other languages: C and CUDA C, Rust, Python, Fortran.

use super::ast::{Binary, Expr, Level, Variable};
use super::function::Function;

/// A language into which expressions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// C (and CUDA C); needs `math.h`.
    C,
    /// Rust, on `f64`.
    Rust,
    /// Python over arrays: NumPy or `jax.numpy` under the name `np`.
    Python,
    /// Fortran 90, double precision.
    Fortran,
}

/// The expression, its variables named by `names`; shortcuts written out or named, too.
pub(crate) fn emit(
    tree: &Expr,
    language: Language,
    write_out: bool,
    names: &dyn Fn(&str) -> String,
) -> String {
    let emitter = Emitter {
        language,
        write_out,
        names,
    };
    emitter.at_least(tree, Level::Or)
}

struct Emitter<'a> {
    language: Language,
    /// Whether shortcuts are replaced by their definitions.
    write_out: bool,
    names: &'a dyn Fn(&str) -> String,
}

/// How a literal is written: shortest digits that read back.
fn literal(value: f64, language: Language) -> String {
    let exponent = !(1e-3..1e6).contains(&value.abs()) && value != 0.0;
    match language {
        Language::Fortran => format!("{value:e}").replace('e', "d"),
        _ if exponent => format!("{value:e}"),
        _ => format!("{value:?}"),
    }
}

impl Emitter<'_> {
    /// The text, in parentheses if it binds less tightly than wanted.
    fn at_least(&self, tree: &Expr, least: Level) -> String {
        let (text, level) = self.write(tree);
        if level < least {
            format!("({text})")
        } else {
            text
        }
    }

    fn argument(&self, tree: &Expr) -> String {
        self.at_least(tree, Level::Or)
    }

    fn call(&self, name: &str, arguments: &[String]) -> (String, Level) {
        (format!("{name}({})", arguments.join(", ")), Level::Primary)
    }

    /// Text and how tightly it binds.
    fn write(&self, tree: &Expr) -> (String, Level) {
        match tree {
            Expr::Real(value) => (literal(*value, self.language), Level::Primary),
            // All numbers are of double precision in generated code.
            Expr::Integer(value) => (literal(f64::from(*value), self.language), Level::Primary),
            Expr::Logical(value) => (self.logical(*value).to_owned(), Level::Primary),
            Expr::Variable(Variable::Shortcut(shortcut)) if self.write_out => {
                match shortcut.tree() {
                    Some(tree) => (format!("({})", self.argument(&tree)), Level::Primary),
                    None => ((self.names)(shortcut.name()), Level::Primary),
                }
            }
            Expr::Variable(variable) => ((self.names)(variable.name()), Level::Primary),
            Expr::Foreign(text) => (text.clone(), Level::Primary),
            Expr::Negative(inner) => {
                let text = format!("-{}", self.at_least(inner, Level::Product));
                (text, Level::Sum)
            }
            Expr::Not(inner) => self.not(inner),
            Expr::Binary(operator, left, right) => {
                self.binary(*operator, left, right, tree.is_integer())
            }
            Expr::Call(function, arguments) => self.function(*function, arguments),
        }
    }

    fn logical(&self, value: bool) -> &'static str {
        match (self.language, value) {
            (Language::C, true) => "1",
            (Language::C, false) => "0",
            (Language::Rust, true) => "true",
            (Language::Rust, false) => "false",
            (Language::Python, true) => "True",
            (Language::Python, false) => "False",
            (Language::Fortran, true) => ".true.",
            (Language::Fortran, false) => ".false.",
        }
    }

    fn not(&self, inner: &Expr) -> (String, Level) {
        let argument = self.argument(inner);
        match self.language {
            Language::C | Language::Rust => (format!("!({argument})"), Level::Primary),
            Language::Python => self.call("np.logical_not", &[argument]),
            Language::Fortran => (format!("(.not. ({argument}))"), Level::Primary),
        }
    }

    fn binary(
        &self,
        operator: Binary,
        left: &Expr,
        right: &Expr,
        integer: bool,
    ) -> (String, Level) {
        if operator == Binary::Power {
            let text = self.power(left, right);
            return if integer {
                self.truncated(&text.0)
            } else {
                text
            };
        }
        if self.language == Language::Python && operator.level() < Level::Comparison {
            let name = if operator == Binary::Or {
                "np.logical_or"
            } else {
                "np.logical_and"
            };
            return self.call(name, &[self.argument(left), self.argument(right)]);
        }
        // Logical operands always in parentheses: languages differ in precedence there.
        let level = operator.level();
        let (before, after) = match level {
            Level::Or | Level::And => (Level::Primary, Level::Primary),
            Level::Comparison => (Level::Sum, Level::Sum),
            Level::Sum => (Level::Sum, Level::Product),
            _ => (Level::Product, Level::Power),
        };
        let symbol = match (self.language, operator) {
            (Language::C | Language::Rust, Binary::Or) => " || ",
            (Language::C | Language::Rust, Binary::And) => " && ",
            (Language::C | Language::Rust | Language::Python, Binary::NotEqual) => " != ",
            (Language::Fortran, Binary::NotEqual) => " /= ",
            (_, Binary::Add) => " + ",
            (_, Binary::Subtract) => " - ",
            _ => operator.symbol(),
        };
        let text = format!(
            "{}{symbol}{}",
            self.at_least(left, before),
            self.at_least(right, after)
        );
        if integer && operator == Binary::Divide {
            self.truncated(&text)
        } else {
            (text, level)
        }
    }

    fn truncated(&self, text: &str) -> (String, Level) {
        match self.language {
            Language::C => self.call("trunc", &[text.to_owned()]),
            Language::Rust => self.call("f64::trunc", &[text.to_owned()]),
            Language::Python => self.call("np.trunc", &[text.to_owned()]),
            Language::Fortran => self.call("aint", &[text.to_owned()]),
        }
    }

    fn power(&self, base: &Expr, exponent: &Expr) -> (String, Level) {
        let arguments = [self.argument(base), self.argument(exponent)];
        match self.language {
            Language::C => self.call("pow", &arguments),
            Language::Python => self.call("np.power", &arguments),
            Language::Rust => {
                let text = format!("f64::powf({})", arguments.join(", "));
                (text, Level::Primary)
            }
            Language::Fortran => {
                let text = format!(
                    "{}**{}",
                    self.at_least(base, Level::Primary),
                    self.at_least(exponent, Level::Primary)
                );
                (text, Level::Power)
            }
        }
    }

    fn function(&self, function: Function, arguments: &[Expr]) -> (String, Level) {
        let texts: Vec<String> = arguments.iter().map(|a| self.argument(a)).collect();
        match (function, &texts[..]) {
            (Function::Real, [argument]) => (format!("({argument})"), Level::Primary),
            (Function::Merge, [yes, no, condition]) => match self.language {
                Language::C => (format!("(({condition}) ? {yes} : {no})"), Level::Primary),
                Language::Rust => {
                    let text = format!("(if {condition} {{ {yes} }} else {{ {no} }})");
                    (text, Level::Primary)
                }
                Language::Python => {
                    self.call("np.where", &[condition.clone(), yes.clone(), no.clone()])
                }
                Language::Fortran => self.call("merge", &texts),
            },
            (Function::Min | Function::Max, [first, rest @ ..]) => {
                let name = self.name(function);
                let nested = rest.iter().fold(first.clone(), |so_far, next| {
                    self.call(&name, &[so_far, next.clone()]).0
                });
                (nested, Level::Primary)
            }
            _ => self.call(&self.name(function), &texts),
        }
    }

    /// Name of a function of one argument, or of `min` and `max`.
    fn name(&self, function: Function) -> String {
        let fortran = function.name();
        match self.language {
            Language::Fortran => fortran.to_owned(),
            Language::C => match function {
                Function::Abs => "fabs".to_owned(),
                Function::Min => "fmin".to_owned(),
                Function::Max => "fmax".to_owned(),
                _ => fortran.to_owned(),
            },
            Language::Rust => match function {
                Function::Log => "f64::ln".to_owned(),
                _ => format!("f64::{fortran}"),
            },
            Language::Python => match function {
                Function::Min => "np.minimum".to_owned(),
                Function::Max => "np.maximum".to_owned(),
                Function::Asin | Function::Acos | Function::Atan => {
                    format!("np.arc{}", &fortran[1..])
                }
                _ => format!("np.{fortran}"),
            },
        }
    }
}
