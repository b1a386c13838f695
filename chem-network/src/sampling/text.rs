//! Reads a `Distribution` from TOML, refusing every key and value it does not know.

use toml::{Table, Value};

use super::{Abundance, Closure, DEFAULT_FLOOR, DEFAULT_TOTAL_DENSITY, Distribution};
use crate::error::Error;

pub(super) fn read(text: &str) -> Result<Distribution, Error> {
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| Error::Toml(error.to_string().trim_end().to_owned()))?;
    let mut units = "relative";
    let mut total_density = None;
    let mut floor = DEFAULT_FLOOR;
    let mut species = Vec::new();
    let mut closures = Vec::new();
    for (key, value) in &table {
        match key.as_str() {
            "units" => match value.as_str() {
                Some(known @ ("relative" | "cm-3")) => units = known,
                _ => return refuse(key, value, "\"relative\" or \"cm-3\""),
            },
            "total_density" => total_density = Some(positive(key, value)?),
            "floor" => floor = number(key, value, |x| x >= 0.0, "a number, 0 or more")?,
            "species" => {
                for (name, value) in subtable(key, value)? {
                    let key = format!("species.{name}");
                    species.push((name.clone(), abundance(&key, value)?));
                }
            }
            "closure" => {
                for (what, value) in subtable(key, value)? {
                    closures.push(closure(what, value)?);
                }
            }
            _ => {
                return refuse(
                    key,
                    value,
                    "units, total_density, floor, species or closure",
                );
            }
        }
    }
    if species.is_empty() && closures.is_empty() {
        return Err(Error::Distribution {
            key: "species".to_owned(),
            found: "nothing".to_owned(),
            expected: "a table of initial number densities".to_owned(),
        });
    }
    let total_density = match (units, total_density) {
        ("relative", given) => Some(given.unwrap_or(DEFAULT_TOTAL_DENSITY)),
        (_, None) => None,
        (_, Some(given)) => {
            return Err(Error::Distribution {
                key: "total_density".to_owned(),
                found: given.to_string(),
                expected: "nothing, because units = \"cm-3\"".to_owned(),
            });
        }
    };
    Ok(Distribution {
        total_density,
        floor,
        species,
        closures,
    })
}

fn abundance(key: &str, value: &Value) -> Result<Abundance, Error> {
    let expected = "a number, { log_uniform = [low, high] } or \
                    { proportional_to = [species …], factor = … }";
    if matches!(value, Value::Integer(_) | Value::Float(_)) {
        let fixed = number(key, value, |x| x >= 0.0, "a number, 0 or more")?;
        return Ok(Abundance::Fixed(fixed));
    }
    let Some(table) = value.as_table() else {
        return refuse(key, value, expected);
    };
    only(
        key,
        table,
        &["log_uniform", "proportional_to", "factor"],
        expected,
    )?;
    match (table.get("log_uniform"), table.get("proportional_to")) {
        (Some(range), None) if table.len() == 1 => {
            let key = format!("{key}.log_uniform");
            let bounds = range.as_array().map(Vec::as_slice);
            let Some([low, high]) = bounds else {
                return refuse(&key, range, "[low, high]");
            };
            let (low, high) = (positive(&key, low)?, positive(&key, high)?);
            if low > high {
                return refuse(&key, range, "low not above high");
            }
            Ok(Abundance::LogUniform(low, high))
        }
        (None, Some(list)) => {
            let of = format!("{key}.proportional_to");
            let names: Option<Vec<String>> = list
                .as_array()
                .filter(|names| !names.is_empty())
                .and_then(|names| names.iter().map(|n| Some(n.as_str()?.to_owned())).collect());
            let Some(species) = names else {
                return refuse(&of, list, "a list of species");
            };
            let factor = match table.get("factor") {
                None => 1.0,
                Some(value) => {
                    let key = format!("{key}.factor");
                    number(&key, value, |x| x >= 0.0, "a number, 0 or more")?
                }
            };
            Ok(Abundance::ProportionalTo { species, factor })
        }
        _ => refuse(key, value, expected),
    }
}

fn closure(what: &str, value: &Value) -> Result<Closure, Error> {
    let key = format!("closure.{what}");
    if what == "charge" {
        return match value.as_str() {
            Some(species) => Ok(Closure {
                element: None,
                species: species.to_owned(),
            }),
            None => refuse(&key, value, "the name of a charged species"),
        };
    }
    let expected = "{ total = …, species = \"…\" }";
    let Some(table) = value.as_table() else {
        return refuse(&key, value, expected);
    };
    only(&key, table, &["total", "species"], expected)?;
    let (Some(total), Some(species)) = (table.get("total"), table.get("species")) else {
        return refuse(&key, value, expected);
    };
    let total = positive(&format!("{key}.total"), total)?;
    let Some(species) = species.as_str() else {
        return refuse(&format!("{key}.species"), species, "the name of a species");
    };
    Ok(Closure {
        element: Some((what.to_owned(), total)),
        species: species.to_owned(),
    })
}

fn only(key: &str, table: &Table, known: &[&str], expected: &str) -> Result<(), Error> {
    match table
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        Some((name, value)) => refuse(&format!("{key}.{name}"), value, expected),
        None => Ok(()),
    }
}

fn subtable<'a>(key: &str, value: &'a Value) -> Result<&'a Table, Error> {
    match value.as_table() {
        Some(table) => Ok(table),
        None => refuse(key, value, "a table"),
    }
}

fn positive(key: &str, value: &Value) -> Result<f64, Error> {
    number(key, value, |x| x > 0.0, "a number above 0")
}

fn number(key: &str, value: &Value, ok: fn(f64) -> bool, expected: &str) -> Result<f64, Error> {
    let number = match value {
        Value::Float(x) => *x,
        Value::Integer(i) => *i as f64,
        _ => return refuse(key, value, expected),
    };
    if number.is_finite() && ok(number) {
        Ok(number)
    } else {
        refuse(key, value, expected)
    }
}

fn refuse<T>(key: &str, value: &Value, expected: &str) -> Result<T, Error> {
    Err(Error::Distribution {
        key: key.to_owned(),
        found: value.to_string(),
        expected: expected.to_owned(),
    })
}
