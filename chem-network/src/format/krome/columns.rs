//! What the columns of a KROME row are, and the temperature ranges in them.

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Index,
    Reactant,
    Product,
    Tmin,
    Tmax,
    Rate,
    /// Energy released, for the thermal part of KROME.
    Energy,
}

impl Column {
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "idx" => Self::Index,
            "r" => Self::Reactant,
            "p" => Self::Product,
            "tmin" => Self::Tmin,
            "tmax" => Self::Tmax,
            "rate" | "k" => Self::Rate,
            "qeff" | "qpp" => Self::Energy,
            _ => return None,
        })
    }

    /// Whether a header may name it once only.
    pub fn is_single(self) -> bool {
        !matches!(self, Self::Reactant | Self::Product)
    }
}

/// The columns of a file without a header.
pub(super) fn default_columns() -> Vec<Column> {
    use Column::{Index, Product, Rate, Reactant, Tmax, Tmin};
    vec![
        Index, Reactant, Reactant, Reactant, Product, Product, Product, Product, Tmin, Tmax, Rate,
    ]
}

/// How a temperature bounds a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

/// An end of a range as written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Open,
    At(Option<Bound>, f64),
}

/// A comparison before the temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound(Comparison);

/// Reads an end of a temperature range; `None` if it is none.
pub(super) fn end(cell: &str) -> Option<End> {
    const OPERATORS: [(&str, Comparison); 8] = [
        (".ge.", Comparison::GreaterEqual),
        (".gt.", Comparison::Greater),
        (".le.", Comparison::LessEqual),
        (".lt.", Comparison::Less),
        (">=", Comparison::GreaterEqual),
        ("<=", Comparison::LessEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
    ];
    let text = cell.trim().to_ascii_lowercase();
    if matches!(text.as_str(), "" | "n" | "no" | "none" | "n/a") {
        return Some(End::Open);
    }
    let operator = OPERATORS.iter().find(|(sign, _)| text.starts_with(sign));
    let (bound, number) = match operator {
        Some((sign, comparison)) => (Some(Bound(*comparison)), &text[sign.len()..]),
        None => (None, text.as_str()),
    };
    let number = number.trim();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '+' | '-' | 'd' | 'e');
    if !number.chars().all(plain) {
        return None;
    }
    let value: f64 = number.replace('d', "e").parse().ok()?;
    (value.is_finite() && value >= 0.0).then_some(End::At(bound, value))
}

impl End {
    /// The least temperature that a `Tmin` lets in; `None` for a comparison with an upper bound.
    pub fn least(self) -> Option<f64> {
        match self {
            Self::Open => Some(0.0),
            Self::At(None | Some(Bound(Comparison::GreaterEqual)), t) => Some(t),
            Self::At(Some(Bound(Comparison::Greater)), t) => Some(t.next_up()),
            Self::At(..) => None,
        }
    }

    /// The greatest temperature that a `Tmax` lets in; `None` for a comparison with a lower bound.
    pub fn greatest(self) -> Option<f64> {
        match self {
            Self::Open => Some(f64::INFINITY),
            Self::At(Some(Bound(Comparison::LessEqual)), t) => Some(t),
            Self::At(None | Some(Bound(Comparison::Less)), t) if t > 0.0 => Some(t.next_down()),
            Self::At(..) => None,
        }
    }
}
