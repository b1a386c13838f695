//! A compiled expression: a stack program in which repeated parts are computed once, run without
//! allocation on plain numbers or on numbers with derivatives.

use std::collections::{BTreeMap, HashMap};

use super::ast::{Binary, Expr, Variable};
use super::dual::Number;
use super::function::Function;
use super::shortcut::Shortcut;

/// Room on the stack, and for values that are used again.
const STACK: usize = 64;
const KEPT: usize = 64;

/// One step; operands come from the stack, the result goes there.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Constant(f64),
    Temperature,
    HydrogenNuclei,
    User(u16),
    /// Copies the top of the stack to a place.
    Keep(u8),
    Recall(u8),
    Negative,
    Not,
    /// Fortran's division of integers.
    Quotient,
    Binary(Binary),
    Call(Function),
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NoValue {
    /// n_H is not known.
    HydrogenNuclei,
    /// The caller has not set this variable.
    User(usize),
    /// The value is infinite or not a number.
    NotFinite(f64),
}

/// Steps, and the names of the user's variables in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Program {
    steps: Vec<Step>,
    pub user: Vec<String>,
}

impl Program {
    /// Compiles an expression without foreign parts; `None` if it needs more room than there is.
    pub fn new(expression: &Expr) -> Option<Self> {
        let mut graph = Graph::default();
        let root = graph.add(expression)?;
        let uses = graph.uses(root);
        let mut writer = Writer {
            graph: &graph,
            uses,
            kept: HashMap::new(),
            program: Self {
                steps: Vec::new(),
                user: graph.user.clone(),
            },
            depth: 0,
            deepest: 0,
        };
        writer.write(root)?;
        (writer.deepest <= STACK).then_some(writer.program)
    }

    /// Runs it at T \[K\] and n_H [cm⁻³].
    pub fn run<N: Number>(
        &self,
        temperature: f64,
        hydrogen: Option<f64>,
        variables: &BTreeMap<String, f64>,
    ) -> Result<N, NoValue> {
        let mut stack = [N::constant(0.0); STACK];
        let mut kept = [N::constant(0.0); KEPT];
        let mut top = 0;
        for step in &self.steps {
            let pushed = match *step {
                Step::Constant(value) => N::constant(value),
                Step::Temperature => N::temperature(temperature),
                Step::HydrogenNuclei => N::constant(hydrogen.ok_or(NoValue::HydrogenNuclei)?),
                Step::User(index) => {
                    let value = look_up(variables, &self.user[usize::from(index)]);
                    N::constant(value.ok_or(NoValue::User(usize::from(index)))?)
                }
                Step::Recall(place) => kept[usize::from(place)],
                Step::Keep(place) => {
                    kept[usize::from(place)] = stack[top - 1];
                    continue;
                }
                Step::Negative => {
                    top -= 1;
                    stack[top].negative()
                }
                Step::Not => {
                    top -= 1;
                    truth(stack[top].value() == 0.0)
                }
                Step::Quotient => {
                    top -= 2;
                    N::constant((stack[top].value() / stack[top + 1].value()).trunc())
                }
                Step::Binary(operator) => {
                    top -= 2;
                    binary(operator, stack[top], stack[top + 1])
                }
                Step::Call(Function::Merge) => {
                    top -= 3;
                    let choose = usize::from(stack[top + 2].value() == 0.0);
                    stack[top + choose]
                }
                Step::Call(function @ (Function::Min | Function::Max)) => {
                    top -= 2;
                    let (a, b) = (stack[top], stack[top + 1]);
                    let first = if function == Function::Min {
                        a.value() <= b.value()
                    } else {
                        a.value() >= b.value()
                    };
                    if first { a } else { b }
                }
                Step::Call(function) => {
                    top -= 1;
                    unary(function, stack[top])
                }
            };
            stack[top] = pushed;
            top += 1;
        }
        Ok(stack[0])
    }
}

/// A variable by its name; Fortran knows no case.
fn look_up(variables: &BTreeMap<String, f64>, name: &str) -> Option<f64> {
    variables.get(name).copied().or_else(|| {
        let same = |(key, _): &(&String, &f64)| key.eq_ignore_ascii_case(name);
        variables.iter().find(same).map(|(_, &value)| value)
    })
}

fn truth<N: Number>(holds: bool) -> N {
    N::constant(f64::from(u8::from(holds)))
}

fn binary<N: Number>(operator: Binary, a: N, b: N) -> N {
    let (x, y) = (a.value(), b.value());
    match operator {
        Binary::Add => a.add(b),
        Binary::Subtract => a.subtract(b),
        Binary::Multiply => a.multiply(b),
        Binary::Divide => a.divide(b),
        Binary::Power => a.power(b),
        Binary::Or => truth(x != 0.0 || y != 0.0),
        Binary::And => truth(x != 0.0 && y != 0.0),
        Binary::Less => truth(x < y),
        Binary::LessEqual => truth(x <= y),
        Binary::Equal => truth(x == y),
        Binary::NotEqual => truth(x != y),
        Binary::GreaterEqual => truth(x >= y),
        Binary::Greater => truth(x > y),
    }
}

fn unary<N: Number>(function: Function, a: N) -> N {
    let x = a.value();
    match function {
        Function::Exp => a.map(x.exp(), || x.exp()),
        Function::Log => a.map(x.ln(), || x.recip()),
        Function::Log10 => a.map(x.log10(), || (x * std::f64::consts::LN_10).recip()),
        Function::Sqrt => a.map(x.sqrt(), || 0.5 / x.sqrt()),
        Function::Abs => a.map(x.abs(), || x.signum()),
        Function::Sin => a.map(x.sin(), || x.cos()),
        Function::Cos => a.map(x.cos(), || -x.sin()),
        Function::Tan => a.map(x.tan(), || x.cos().powi(-2)),
        Function::Asin => a.map(x.asin(), || (1.0 - x * x).sqrt().recip()),
        Function::Acos => a.map(x.acos(), || -(1.0 - x * x).sqrt().recip()),
        Function::Atan => a.map(x.atan(), || (1.0 + x * x).recip()),
        Function::Sinh => a.map(x.sinh(), || x.cosh()),
        Function::Cosh => a.map(x.cosh(), || x.sinh()),
        Function::Tanh => a.map(x.tanh(), || x.cosh().powi(-2)),
        // Those with several arguments have been dealt with.
        Function::Real | Function::Min | Function::Max | Function::Merge => a,
    }
}

/// What tells nodes apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node {
    Constant(u64),
    Temperature,
    HydrogenNuclei,
    User(u16),
    Negative(usize),
    Not(usize),
    Quotient(usize, usize),
    Binary(Binary, usize, usize),
    Call(Function, Vec<usize>),
}

/// The expression with equal parts made one.
#[derive(Default)]
struct Graph {
    nodes: Vec<Node>,
    places: HashMap<Node, usize>,
    user: Vec<String>,
    shortcuts: HashMap<Shortcut, usize>,
}

impl Graph {
    fn place(&mut self, node: Node) -> usize {
        let next = self.nodes.len();
        let place = *self.places.entry(node.clone()).or_insert(next);
        if place == next {
            self.nodes.push(node);
        }
        place
    }

    fn constant(&mut self, value: f64) -> usize {
        self.place(Node::Constant(value.to_bits()))
    }

    fn value_of(&self, place: usize) -> Option<f64> {
        match self.nodes[place] {
            Node::Constant(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn add(&mut self, expression: &Expr) -> Option<usize> {
        Some(match expression {
            Expr::Real(value) => self.constant(*value),
            Expr::Integer(value) => self.constant(f64::from(*value)),
            Expr::Logical(value) => self.constant(f64::from(u8::from(*value))),
            Expr::Variable(Variable::Temperature) => self.place(Node::Temperature),
            Expr::Variable(Variable::HydrogenNuclei) => self.place(Node::HydrogenNuclei),
            Expr::Variable(Variable::User(name)) => {
                let known = self.user.iter().position(|n| n.eq_ignore_ascii_case(name));
                let index = known.unwrap_or_else(|| {
                    self.user.push(name.clone());
                    self.user.len() - 1
                });
                self.place(Node::User(u16::try_from(index).ok()?))
            }
            Expr::Variable(Variable::Shortcut(shortcut)) => {
                if let Some(&place) = self.shortcuts.get(shortcut) {
                    return Some(place);
                }
                let place = self.add(&shortcut.tree()?)?;
                self.shortcuts.insert(*shortcut, place);
                place
            }
            Expr::Foreign(_) => return None,
            Expr::Negative(inner) => {
                let inner = self.add(inner)?;
                match self.value_of(inner) {
                    Some(value) => self.constant(-value),
                    None => self.place(Node::Negative(inner)),
                }
            }
            Expr::Not(inner) => {
                let inner = self.add(inner)?;
                self.place(Node::Not(inner))
            }
            Expr::Binary(operator, left, right) => {
                let integer = expression.is_integer();
                let (left, right) = (self.add(left)?, self.add(right)?);
                let whole = integer && matches!(operator, Binary::Divide | Binary::Power);
                match (self.value_of(left), self.value_of(right)) {
                    (Some(a), Some(b)) => {
                        let value: f64 = binary(*operator, a, b);
                        self.constant(if whole { value.trunc() } else { value })
                    }
                    _ if whole && *operator == Binary::Divide => {
                        self.place(Node::Quotient(left, right))
                    }
                    _ if whole => {
                        let power = self.place(Node::Binary(*operator, left, right));
                        let one = self.constant(1.0);
                        self.place(Node::Quotient(power, one))
                    }
                    _ => self.place(Node::Binary(*operator, left, right)),
                }
            }
            Expr::Call(function, arguments) => {
                let mut places = Vec::new();
                for argument in arguments {
                    places.push(self.add(argument)?);
                }
                self.place(Node::Call(*function, places))
            }
        })
    }

    fn children(&self, place: usize) -> Vec<usize> {
        match &self.nodes[place] {
            Node::Negative(a) | Node::Not(a) => vec![*a],
            Node::Quotient(a, b) | Node::Binary(_, a, b) => vec![*a, *b],
            Node::Call(_, arguments) => arguments.clone(),
            _ => Vec::new(),
        }
    }

    /// How often each node is an operand.
    fn uses(&self, root: usize) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let mut open = vec![root];
        while let Some(place) = open.pop() {
            uses[place] += 1;
            if uses[place] == 1 {
                open.extend(self.children(place));
            }
        }
        uses
    }
}

struct Writer<'a> {
    graph: &'a Graph,
    uses: Vec<usize>,
    kept: HashMap<usize, u8>,
    program: Program,
    depth: usize,
    deepest: usize,
}

impl Writer<'_> {
    fn push(&mut self, step: Step, operands: usize) {
        self.program.steps.push(step);
        self.depth = self.depth + 1 - operands;
        self.deepest = self.deepest.max(self.depth);
    }

    fn write(&mut self, place: usize) -> Option<()> {
        if let Some(&kept) = self.kept.get(&place) {
            self.push(Step::Recall(kept), 0);
            return Some(());
        }
        for (i, child) in self.graph.children(place).into_iter().enumerate() {
            self.write(child)?;
            // min and max of many, two at a time.
            if let (Node::Call(function @ (Function::Min | Function::Max), _), 1..) =
                (&self.graph.nodes[place], i)
            {
                self.push(Step::Call(*function), 2);
            }
        }
        match self.graph.nodes[place] {
            Node::Constant(bits) => {
                self.push(Step::Constant(f64::from_bits(bits)), 0);
                return Some(());
            }
            Node::Temperature => {
                self.push(Step::Temperature, 0);
                return Some(());
            }
            Node::HydrogenNuclei => self.push(Step::HydrogenNuclei, 0),
            Node::User(index) => self.push(Step::User(index), 0),
            Node::Negative(_) => self.push(Step::Negative, 1),
            Node::Not(_) => self.push(Step::Not, 1),
            Node::Quotient(..) => self.push(Step::Quotient, 2),
            Node::Binary(operator, ..) => self.push(Step::Binary(operator), 2),
            Node::Call(Function::Min | Function::Max, _) => {}
            Node::Call(Function::Real, _) => {}
            Node::Call(function, ref arguments) => {
                self.push(Step::Call(function), arguments.len());
            }
        }
        if self.uses[place] > 1 {
            let kept = u8::try_from(self.kept.len()).ok()?;
            if usize::from(kept) >= KEPT {
                return None;
            }
            self.program.steps.push(Step::Keep(kept));
            self.kept.insert(place, kept);
        }
        Some(())
    }
}
