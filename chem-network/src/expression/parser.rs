//! Recursive descent over Fortran's grammar of expressions (ISO/IEC 1539-1:2018, section 10.1.2).
//!
//! `**` groups from the right and binds tighter than a sign: −a**b is −(a**b). A sign stands only at
//! the beginning of a sum; `a*-b`, which compilers take as an extension in different ways, is refused.

use super::ast::{Binary, Expr, Level, Variable};
use super::function::Function;
use super::lexer::{Fault, Kind, Token, tokens};
use super::library;

/// Largest number of nodes, @var aliases written out: a bound on memory and recursion.
pub(crate) const LARGEST: usize = 4096;
/// Deepest nesting of parentheses and powers.
const DEEPEST: usize = 100;

/// What a name means.
pub(crate) enum Meaning {
    /// An expression that stands for it.
    Is(Expr),
    /// Something KROME knows and this crate does not.
    Foreign,
    /// Nothing; the text says what would be known.
    Unknown(String),
}

/// Reads an expression; `names` says what names mean that are no functions.
pub(crate) fn parse(text: &str, names: &dyn Fn(&str) -> Meaning) -> Result<Expr, Fault> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        next: 0,
        depth: 0,
        size: 0,
        names,
    };
    let expression = parser.level(Level::Or)?;
    match parser.kind() {
        Kind::End => Ok(expression),
        _ => Err(parser.fault("an operator or the end of the expression")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    size: usize,
    names: &'a dyn Fn(&str) -> Meaning,
}

impl<'a> Parser<'a> {
    fn token(&self) -> &Token {
        // The last token is the end, which nothing steps over.
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> &Kind {
        &self.token().kind
    }

    fn word(&self) -> &'a str {
        let token = self.token();
        match token.kind {
            Kind::End => "the end",
            _ => &self.text[token.start..token.end],
        }
    }

    fn fault(&self, expected: impl Into<String>) -> Fault {
        Fault::new(self.token().start, self.word(), expected)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let found = self.kind() == kind;
        self.next += usize::from(found);
        found
    }

    /// Counts nodes against the largest number.
    fn grow(&mut self, nodes: usize, at: usize) -> Result<(), Fault> {
        self.size += nodes;
        if self.size <= LARGEST {
            return Ok(());
        }
        let expected = format!("an expression of at most {LARGEST} terms, aliases written out");
        Err(Fault::new(at, &self.text[at..], expected))
    }

    /// Runs one level deeper.
    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Expr, Fault>,
    ) -> Result<Expr, Fault> {
        if self.depth == DEEPEST {
            return Err(self.fault(format!("at most {DEEPEST} nested parentheses or powers")));
        }
        self.depth += 1;
        let expression = read(self);
        self.depth -= 1;
        expression
    }

    /// An expression whose operators bind at least this tightly.
    fn level(&mut self, level: Level) -> Result<Expr, Fault> {
        match level {
            Level::Or => self.chain(Level::And, &[Binary::Or]),
            Level::And => self.chain(Level::Not, &[Binary::And]),
            Level::Not => self.not(),
            Level::Comparison => self.comparison(),
            Level::Sum => self.sum(),
            Level::Product => self.chain(Level::Power, &[Binary::Multiply, Binary::Divide]),
            Level::Power => self.power(),
            Level::Primary => self.primary(),
        }
    }

    /// The operator here, if it is one of these.
    fn operator(&mut self, wanted: &[Binary]) -> Option<(Binary, usize)> {
        match *self.kind() {
            Kind::Operator(operator) if wanted.contains(&operator) => {
                let at = self.token().start;
                self.next += 1;
                Some((operator, at))
            }
            _ => None,
        }
    }

    /// Operands of a level joined by operators that group from the left.
    fn chain(&mut self, level: Level, operators: &[Binary]) -> Result<Expr, Fault> {
        let at = self.token().start;
        let first = self.level(level)?;
        self.rest_of_chain(first, at, level, operators)
    }

    fn rest_of_chain(
        &mut self,
        first: Expr,
        at: usize,
        level: Level,
        operators: &[Binary],
    ) -> Result<Expr, Fault> {
        let mut left = first;
        while let Some((operator, _)) = self.operator(operators) {
            let right_at = self.token().start;
            let right = self.level(level)?;
            let logical = operator.level() < Level::Comparison;
            self.typed(&left, at, logical)?;
            self.typed(&right, right_at, logical)?;
            self.grow(1, at)?;
            left = Expr::binary(operator, left, right);
        }
        Ok(left)
    }

    /// Refuses a number where truth is wanted, and the reverse.
    fn typed(&self, operand: &Expr, at: usize, logical: bool) -> Result<(), Fault> {
        if operand.is_logical() == logical {
            return Ok(());
        }
        let expected = if logical { "a condition" } else { "a number" };
        Err(Fault::new(at, &self.text[at..], expected))
    }

    fn not(&mut self) -> Result<Expr, Fault> {
        if !self.take(&Kind::Not) {
            return self.level(Level::Comparison);
        }
        let at = self.token().start;
        let inner = self.level(Level::Comparison)?;
        self.typed(&inner, at, true)?;
        self.grow(1, at)?;
        Ok(Expr::Not(Box::new(inner)))
    }

    fn comparison(&mut self) -> Result<Expr, Fault> {
        const COMPARISONS: [Binary; 6] = [
            Binary::Less,
            Binary::LessEqual,
            Binary::Equal,
            Binary::NotEqual,
            Binary::GreaterEqual,
            Binary::Greater,
        ];
        let at = self.token().start;
        let left = self.level(Level::Sum)?;
        let Some((operator, _)) = self.operator(&COMPARISONS) else {
            return Ok(left);
        };
        let right_at = self.token().start;
        let right = self.level(Level::Sum)?;
        self.typed(&left, at, false)?;
        self.typed(&right, right_at, false)?;
        self.grow(1, at)?;
        Ok(Expr::binary(operator, left, right))
    }

    fn sum(&mut self) -> Result<Expr, Fault> {
        const SIGNS: [Binary; 2] = [Binary::Add, Binary::Subtract];
        let at = self.token().start;
        let sign = self.operator(&SIGNS);
        let operand_at = self.token().start;
        let mut first = self.level(Level::Product)?;
        if let Some((sign, _)) = sign {
            self.typed(&first, operand_at, false)?;
            if sign == Binary::Subtract {
                self.grow(1, at)?;
                first = Expr::Negative(Box::new(first));
            }
        }
        self.rest_of_chain(first, at, Level::Product, &SIGNS)
    }

    fn power(&mut self) -> Result<Expr, Fault> {
        let at = self.token().start;
        let base = self.primary()?;
        if self.operator(&[Binary::Power]).is_none() {
            return Ok(base);
        }
        let exponent_at = self.token().start;
        let exponent = self.deeper(|parser| parser.level(Level::Power))?;
        self.typed(&base, at, false)?;
        self.typed(&exponent, exponent_at, false)?;
        self.grow(1, at)?;
        Ok(Expr::binary(Binary::Power, base, exponent))
    }

    fn primary(&mut self) -> Result<Expr, Fault> {
        let at = self.token().start;
        let expression = match *self.kind() {
            Kind::Real(value) => Expr::Real(value),
            Kind::Integer(value) => Expr::Integer(value),
            Kind::Logical(value) => Expr::Logical(value),
            Kind::Open => {
                self.next += 1;
                let inner = self.deeper(|parser| parser.level(Level::Or))?;
                if !self.take(&Kind::Close) {
                    return Err(self.fault("an operator or `)`"));
                }
                return Ok(inner);
            }
            Kind::Name => return self.name(),
            Kind::Operator(Binary::Add | Binary::Subtract) => {
                return Err(self.fault("an operand; a sign here needs parentheses around it"));
            }
            _ => return Err(self.fault("a number, a name, a sign or `(`")),
        };
        self.next += 1;
        self.grow(1, at)?;
        Ok(expression)
    }

    /// A variable or a call.
    fn name(&mut self) -> Result<Expr, Fault> {
        let (at, name) = (self.token().start, self.word());
        self.next += 1;
        if *self.kind() == Kind::Open {
            return self.call(at, name);
        }
        let meaning = match (self.names)(name) {
            Meaning::Is(expression) => expression,
            Meaning::Foreign => Expr::Foreign(name.to_owned()),
            Meaning::Unknown(expected) => return Err(Fault::new(at, name, expected)),
        };
        self.grow(meaning.size(), at)?;
        Ok(meaning)
    }

    fn call(&mut self, at: usize, name: &str) -> Result<Expr, Fault> {
        let lower = name.to_ascii_lowercase();
        if let Some(function) = Function::from_name(&lower) {
            let arguments = self.arguments(at, name, function.arguments())?;
            let condition = |i: usize| function == Function::Merge && i == 2;
            for (i, (argument, at)) in arguments.iter().enumerate() {
                self.typed(argument, *at, condition(i))?;
            }
            self.grow(1, at)?;
            let arguments = arguments.into_iter().map(|(argument, _)| argument);
            return Ok(Expr::Call(function, arguments.collect()));
        }
        if let Some(template) = library::find(&lower) {
            let count = (template.parameters, template.parameters);
            let arguments = self.arguments(at, name, count)?;
            for (argument, at) in &arguments {
                self.typed(argument, *at, false)?;
            }
            let arguments = arguments.into_iter().map(|(argument, _)| argument);
            let expression = template.expand(&arguments.collect::<Vec<_>>())?;
            self.grow(expression.size(), at)?;
            return Ok(expression);
        }
        self.foreign_call(at, name)
    }

    /// Arguments in parentheses, each with its place.
    fn arguments(
        &mut self,
        at: usize,
        name: &str,
        (least, most): (usize, usize),
    ) -> Result<Vec<(Expr, usize)>, Fault> {
        self.take(&Kind::Open);
        let mut arguments = Vec::new();
        loop {
            let at = self.token().start;
            arguments.push((self.deeper(|parser| parser.level(Level::Or))?, at));
            if self.take(&Kind::Comma) {
                continue;
            }
            if self.take(&Kind::Close) {
                break;
            }
            return Err(self.fault("an operator, `,` or `)`"));
        }
        if (least..=most).contains(&arguments.len()) {
            return Ok(arguments);
        }
        let plural = if least == 1 { "" } else { "s" };
        Err(Fault::new(
            at,
            format!("{name} with {} arguments", arguments.len()),
            format!("{least} argument{plural} of {name}"),
        ))
    }

    /// A call without an implementation: its parentheses must match, its inside is not looked at.
    fn foreign_call(&mut self, at: usize, name: &str) -> Result<Expr, Fault> {
        let mut open = 0usize;
        loop {
            match self.kind() {
                Kind::Open => open += 1,
                Kind::Close => open -= 1,
                Kind::End => return Err(self.fault(format!("`)` of {name}"))),
                _ => {}
            }
            let end = self.token().end;
            self.next += 1;
            if open == 0 {
                let text: String = self.text[at..end].split_whitespace().collect();
                self.grow(1, at)?;
                // The number density of hydrogen nuclei, summed over all species: n_H.
                return Ok(match text.to_ascii_lowercase().as_str() {
                    "get_hnuclei(n(:))" | "get_hnuclei(n)" => {
                        Expr::Variable(Variable::HydrogenNuclei)
                    }
                    _ => Expr::Foreign(text),
                });
            }
        }
    }
}
