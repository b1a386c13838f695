//! A distribution resolved against a network: indices, and an order in which everything can be
//! computed; for `Distribution::sample`.

use super::{Abundance, Distribution};
use crate::element::Element;
use crate::error::Error;
use crate::network::Network;

/// A remainder this small, relative to the total, is rounding and counts as nothing.
const ROUNDING: f64 = 1e-12;

/// A linear rule for one species: (total − Σ weight·n) / own weight.
struct Rule {
    species: usize,
    total: f64,
    weights: Vec<(usize, f64)>,
    own: f64,
    /// Element or charge; `None` for a proportionality, which cannot fail.
    closes: Option<String>,
    name: String,
}

/// What to do for one model, in order.
pub(super) struct Compiled {
    floor: f64,
    species: usize,
    fixed: Vec<(usize, f64)>,
    /// Species, ln of the lower and of the upper bound [cm⁻³].
    drawn: Vec<(usize, f64, f64)>,
    rules: Vec<Rule>,
}

impl Compiled {
    pub fn new(distribution: &Distribution, network: &Network) -> Result<Self, Error> {
        let scale = distribution.total_density.unwrap_or(1.0);
        let mut compiled = Self {
            floor: distribution.floor * scale,
            species: network.species().len(),
            fixed: Vec::new(),
            drawn: Vec::new(),
            rules: Vec::new(),
        };
        let index = |name: &str, key: &str| {
            network
                .species_index(name)
                .ok_or_else(|| Error::UnknownSpecies {
                    name: name.to_owned(),
                    context: format!("initial states, {key}"),
                })
        };
        let mut rules = Vec::new();
        // All species that are named, with the key that names them.
        let mut named: Vec<(usize, String)> = Vec::new();
        for (name, abundance) in &distribution.species {
            let key = format!("species.{name}");
            let species = index(name, &key)?;
            named.push((species, key.clone()));
            match abundance {
                Abundance::Fixed(value) => compiled.fixed.push((species, value * scale)),
                Abundance::LogUniform(low, high) => {
                    let bounds = ((low * scale).ln(), (high * scale).ln());
                    compiled.drawn.push((species, bounds.0, bounds.1));
                }
                Abundance::ProportionalTo {
                    species: of,
                    factor,
                } => {
                    let weights: Result<Vec<_>, Error> = of
                        .iter()
                        .map(|other| Ok((index(other, &key)?, -factor)))
                        .collect();
                    rules.push(Rule {
                        species,
                        total: 0.0,
                        weights: weights?,
                        own: 1.0,
                        closes: None,
                        name: key,
                    });
                }
            }
        }
        let mut closures = Vec::new();
        for closure in &distribution.closures {
            let what = closure
                .element
                .as_ref()
                .map_or("charge", |(element, _)| element);
            let key = format!("closure.{what}");
            let species = index(&closure.species, &key)?;
            named.push((species, key.clone()));
            closures.push((closure, what, key, species));
        }
        let mut seen = std::collections::HashMap::new();
        for (species, key) in &named {
            if let Some(earlier) = seen.insert(*species, key) {
                return Err(Error::Distribution {
                    key: key.clone(),
                    found: network.species()[*species].name().to_owned(),
                    expected: format!("a species not set by {earlier}"),
                });
            }
        }
        for (closure, what, key, species) in closures {
            let (total, weight): (f64, Box<dyn Fn(usize) -> f64>) = match &closure.element {
                Some((symbol, total)) => {
                    let element =
                        Element::from_symbol(symbol).ok_or_else(|| Error::Distribution {
                            key: key.clone(),
                            found: symbol.clone(),
                            expected: "the symbol of an element, or charge".to_owned(),
                        })?;
                    let count = move |i: usize| {
                        f64::from(network.species()[i].composition().count(element))
                    };
                    (total * scale, Box::new(count))
                }
                None => (
                    0.0,
                    Box::new(|i: usize| f64::from(network.species()[i].charge())),
                ),
            };
            let own = weight(species);
            if own == 0.0 {
                return Err(Error::Distribution {
                    key,
                    found: closure.species.clone(),
                    expected: match what {
                        "charge" => "a charged species".to_owned(),
                        element => format!("a species that contains {element}"),
                    },
                });
            }
            let others = named.iter().map(|&(i, _)| i).filter(|&i| i != species);
            let weights = others.map(|i| (i, weight(i))).filter(|&(_, w)| w != 0.0);
            rules.push(Rule {
                species,
                total,
                weights: weights.collect(),
                own,
                closes: Some(what.to_owned()),
                name: key,
            });
        }
        compiled.order(rules, network)?;
        Ok(compiled)
    }

    /// Orders the rules so that each one needs only what is known by then.
    fn order(&mut self, mut rules: Vec<Rule>, network: &Network) -> Result<(), Error> {
        while !rules.is_empty() {
            let pending: Vec<usize> = rules.iter().map(|rule| rule.species).collect();
            let ready = rules
                .iter()
                .position(|rule| rule.weights.iter().all(|(i, _)| !pending.contains(i)));
            match ready {
                Some(at) => self.rules.push(rules.remove(at)),
                None => {
                    let names: Vec<&str> = pending
                        .iter()
                        .map(|&i| network.species()[i].name())
                        .collect();
                    return Err(Error::Distribution {
                        key: rules[0].name.clone(),
                        found: names.join(", "),
                        expected: "species that do not wait for each other".to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// Appends one state [cm⁻³] and its parameters; `uniform` draws from [0, 1).
    pub fn draw(
        &self,
        model: u64,
        mut uniform: impl FnMut() -> f64,
        states: &mut Vec<f64>,
        parameters: &mut Vec<f64>,
    ) -> Result<(), Error> {
        let start = states.len();
        states.resize(start + self.species, self.floor);
        let n = &mut states[start..];
        for &(i, value) in &self.fixed {
            n[i] = value;
        }
        for &(i, low, high) in &self.drawn {
            n[i] = (low + uniform() * (high - low)).exp();
            parameters.push(n[i]);
        }
        for rule in &self.rules {
            let mut rest = rule.total;
            let mut gross = rule.total.abs();
            for &(i, weight) in &rule.weights {
                rest -= weight * n[i];
                gross += (weight * n[i]).abs();
            }
            let value = rest / rule.own;
            n[rule.species] = match &rule.closes {
                None => value,
                Some(_) if value > 0.0 => value,
                Some(_) if rest.abs() <= ROUNDING * gross => self.floor,
                Some(what) => {
                    return Err(Error::Closure {
                        quantity: what.clone(),
                        species: rule.name.clone(),
                        model,
                        value,
                    });
                }
            };
        }
        Ok(())
    }
}
