//! A rate with its temperature ranges as pieces, each with one law; exact in floating point.

use super::law::{self, number};
use crate::error::Error;
use crate::expression::{Binary, Expr, Function, Variable};
use crate::rate::{Extrapolation, Rate};

/// What gives k on a piece.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// A fit, at T.
    Fit(usize),
    /// A fit, at this temperature.
    Clamped(usize, f64),
    Zero,
}

/// A temperature interval, both ends included, and what holds there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub min: f64,
    pub max: f64,
    pub source: Source,
}

/// The pieces of a rate from 0 to infinity, neighbours with the same source made one.
pub(super) fn pieces(rate: &Rate, wanted: Option<Extrapolation>) -> Vec<Piece> {
    let outside = wanted.or(rate.outside()).unwrap_or_default();
    let ranges: Vec<_> = rate.fits().iter().filter_map(|fit| fit.range).collect();
    let mut starts = vec![0.0];
    for range in &ranges {
        starts.push(range.min());
        starts.push(range.max().next_up());
        // In a gap the nearest end decides, nearest in ln T.
        let above = ranges.iter().filter(|other| other.min() > range.max());
        starts.extend(above.map(|other| (range.max() * other.min()).sqrt()));
    }
    starts.retain(|t| t.is_finite());
    starts.sort_by(f64::total_cmp);
    starts.dedup();
    let mut found: Vec<Piece> = Vec::new();
    for (i, &start) in starts.iter().enumerate() {
        let end = starts
            .get(i + 1)
            .map_or(f64::INFINITY, |next| next.next_down());
        // One source holds throughout: away from the ends, where distances tie.
        let inside = match (start, end) {
            (0.0, f64::INFINITY) => 1.0,
            (0.0, end) => 0.5 * end,
            (start, f64::INFINITY) => 2.0 * start,
            (start, end) => start + 0.5 * (end - start),
        };
        let (fit, holds) = rate.select(inside);
        let index = rate.fits().iter().position(|one| std::ptr::eq(one, fit));
        let index = index.unwrap_or(0);
        let source = match (holds, outside, fit.range) {
            (true, ..) | (false, Extrapolation::Extrapolate, _) => Source::Fit(index),
            (false, Extrapolation::Clamp, Some(range)) => {
                let at = if inside < range.min() {
                    range.min()
                } else {
                    range.max()
                };
                Source::Clamped(index, at)
            }
            (false, ..) => Source::Zero,
        };
        match found.last_mut() {
            Some(last) if last.source == source => last.max = end,
            _ => found.push(Piece {
                min: start,
                max: end,
                source,
            }),
        }
    }
    found
}

/// What holds on a piece, as an expression.
pub(super) fn piece_expression(rate: &Rate, source: Source) -> Option<Expr> {
    match source {
        Source::Zero => Some(Expr::Real(0.0)),
        Source::Fit(index) => law::expression(&rate.fits()[index].law),
        Source::Clamped(index, at) => {
            let expression = law::expression(&rate.fits()[index].law)?;
            Some(at_temperature(&expression, at))
        }
    }
}

/// The expression with T replaced by a number.
fn at_temperature(expression: &Expr, temperature: f64) -> Expr {
    let inside = |one: &Expr| Box::new(at_temperature(one, temperature));
    match expression {
        Expr::Variable(Variable::Temperature) => number(temperature),
        Expr::Variable(Variable::Shortcut(shortcut)) => match shortcut.tree() {
            Some(tree) => at_temperature(&tree, temperature),
            None => expression.clone(),
        },
        Expr::Negative(one) => Expr::Negative(inside(one)),
        Expr::Not(one) => Expr::Not(inside(one)),
        Expr::Binary(operator, a, b) => Expr::Binary(*operator, inside(a), inside(b)),
        Expr::Call(function, arguments) => {
            let arguments = arguments.iter().map(|a| at_temperature(a, temperature));
            Expr::Call(*function, arguments.collect())
        }
        _ => expression.clone(),
    }
}

/// The whole rate as one expression of T; `reaction` is what an error quotes.
///
/// # Errors
/// [`Error::Unsupported`] for a fit without an implementation.
pub(super) fn expression(
    rate: &Rate,
    wanted: Option<Extrapolation>,
    reaction: &dyn Fn() -> String,
) -> Result<Expr, Error> {
    if let Some(reason) = rate.unsupported() {
        return Err(Error::Unsupported {
            reaction: reaction(),
            reason: reason.to_owned(),
        });
    }
    let mut whole: Option<Expr> = None;
    for piece in pieces(rate, wanted).iter().rev() {
        let here = piece_expression(rate, piece.source).ok_or_else(|| Error::Unsupported {
            reaction: reaction(),
            reason: "a law without a formula".to_owned(),
        })?;
        whole = Some(match whole {
            None => here,
            Some(above) => {
                let temperature = Expr::Variable(Variable::Temperature);
                let below = Expr::binary(Binary::LessEqual, temperature, number(piece.max));
                Expr::Call(Function::Merge, vec![here, above, below])
            }
        });
    }
    // There is always a piece.
    Ok(whole.unwrap_or(Expr::Real(0.0)))
}
