//! Reads the rate of a reaction: fits between ` | `, each a law with parameters and perhaps a
//! temperature range.

use std::sync::Arc;

use super::Reader;
use crate::error::Error;
use crate::rate::{Extrapolation, Fit, Rate, RateLaw, TemperatureRange};

/// The parameter that may be left out: 1, parameters per ζ.
pub(super) const REFERENCE: &str = "reference";
/// Name of a law without an implementation; a reason follows, no parameters.
pub(super) const UNSUPPORTED: &str = "unsupported";
/// Name of a law that is a formula; its text follows.
const EXPRESSION: &str = "expression";
/// Begins what holds outside all ranges.
pub(super) const OUTSIDE: &str = "outside=";
/// Begins a temperature range.
const RANGE: &str = "T=";

/// Cuts the text of a rate at the words `|`.
pub(super) fn split_fits(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let bar = current.match_indices('|').map(|(at, _)| at).find(|&at| {
            let (before, after) = (&current[..at], &current[at + 1..]);
            (before.is_empty() || before.ends_with(char::is_whitespace))
                && (after.is_empty() || after.starts_with(char::is_whitespace))
        });
        rest = bar.map(|at| &current[at + 1..]);
        Some(bar.map_or(current, |at| &current[..at]))
    })
}

impl<'a> Reader<'a> {
    /// The rate of a reaction.
    pub(super) fn rate(&self, text: &'a str) -> Result<Rate, Error> {
        let (outside, text) = self.outside(text.trim_start())?;
        let fits = split_fits(text).map(|fit| self.fit(fit.trim()));
        let rate = Rate::of(fits.collect::<Result<_, _>>()?)
            .map_err(|error| self.error(text, format!("the fits of one rate ({error})")))?;
        Ok(match outside {
            Some(extrapolation) => rate.with_outside(extrapolation),
            None => rate,
        })
    }

    /// What holds outside all ranges, if the text begins with it, and the rest.
    fn outside(&self, text: &'a str) -> Result<(Option<Extrapolation>, &'a str), Error> {
        let Some(rest) = text.strip_prefix(OUTSIDE) else {
            return Ok((None, text));
        };
        let (name, rest) = rest
            .split_once(char::is_whitespace)
            .unwrap_or((rest, &rest[rest.len()..]));
        match Extrapolation::from_name(name) {
            Some(extrapolation) => Ok((Some(extrapolation), rest)),
            None => Err(self.error(name, "extrapolate, clamp or zero")),
        }
    }

    fn fit(&self, text: &'a str) -> Result<Fit, Error> {
        let Some(rest) = text.strip_prefix(RANGE) else {
            return Ok(self.law(text)?.into());
        };
        let (range, law) = rest
            .split_once(char::is_whitespace)
            .unwrap_or((rest, &rest[rest.len()..]));
        Ok(Fit::new(self.law(law.trim_start())?, self.range(range)?))
    }

    fn range(&self, text: &'a str) -> Result<TemperatureRange, Error> {
        let expected = "a temperature range [K], e.g. 10..300 or 0..inf";
        let (min, max) = text
            .split_once("..")
            .ok_or_else(|| self.error(text, expected))?;
        let end = |text: &str| {
            let value = text.parse::<f64>();
            value.map_err(|_| self.error(text, expected))
        };
        TemperatureRange::new(end(min)?, end(max)?)
            .map_err(|error| self.error(text, format!("{expected} ({error})")))
    }

    fn law(&self, text: &'a str) -> Result<RateLaw, Error> {
        let mut words = text.split_whitespace();
        // At the place of the missing word, not at the end of the line.
        let name = words.next().unwrap_or(text);
        if name == UNSUPPORTED {
            let reason = text[UNSUPPORTED.len()..].trim().to_owned();
            return Ok(RateLaw::Unsupported { reason });
        }
        if name == EXPRESSION {
            let formula = text[EXPRESSION.len()..].trim();
            return match formula.parse() {
                Ok(expression) => Ok(RateLaw::Expression(Arc::new(expression))),
                Err(Error::Syntax { at, expected, .. }) => {
                    let start = formula.char_indices().nth(at.column - 1);
                    let part = &formula[start.map_or(formula.len(), |(start, _)| start)..];
                    Err(self.error(part, expected))
                }
                Err(error) => Err(self.error(formula, format!("a formula ({error})"))),
            };
        }
        let Some(names) = RateLaw::parameter_names(name) else {
            let known: Vec<&str> = RateLaw::PARAMETRIC.iter().map(|(name, _)| *name).collect();
            let known = format!(
                "a rate law ({}, {EXPRESSION}, {UNSUPPORTED})",
                known.join(", ")
            );
            return Err(self.error(name, known));
        };
        let mut values: Vec<Option<f64>> = vec![None; names.len()];
        let mut by_name = false;
        for (i, word) in words.enumerate() {
            let (at, text) = match word.split_once('=') {
                Some((key, value)) => {
                    by_name = true;
                    (names.iter().position(|n| *n == key), value)
                }
                None if by_name => (None, word),
                None => (Some(i).filter(|&i| i < names.len()), word),
            };
            match at {
                Some(at) if values[at].is_none() => {
                    values[at] = Some(self.parameter(names[at], text)?);
                }
                _ if names.is_empty() => {
                    return Err(self.error(word, format!("no parameters of {name}")));
                }
                _ => {
                    let expected =
                        format!("the parameters {} of {name}, once each", names.join(", "));
                    return Err(self.error(word, expected));
                }
            }
        }
        for (value, name) in values.iter_mut().zip(names) {
            if value.is_none() && *name == REFERENCE {
                *value = Some(1.0);
            }
        }
        if let Some(missing) = values.iter().position(Option::is_none) {
            let expected = format!("the parameter {} of {name}, too", names[missing]);
            return Err(self.error(text, expected));
        }
        let values: Vec<f64> = values.into_iter().flatten().collect();
        RateLaw::from_parameters(name, &values).ok_or_else(|| self.error(text, "a rate law"))
    }

    fn parameter(&self, name: &str, text: &str) -> Result<f64, Error> {
        match name {
            "alpha" => self.number(text, "a finite number, 0 or more", 0.0),
            REFERENCE => {
                let least = f64::MIN_POSITIVE;
                self.number(text, "an ionisation rate ζ₀ [s⁻¹] above 0", least)
            }
            _ => self.number(text, "a finite number", f64::NEG_INFINITY),
        }
    }

    pub(super) fn number(&self, text: &str, expected: &str, least: f64) -> Result<f64, Error> {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= least => Ok(value),
            _ => Err(self.error(text, expected)),
        }
    }
}
