//! How rate coefficients are evaluated, and what is done about rows that have none: options, their place in a
//! configuration, and the words about cosmic rays that commands print.

use crate::error::Error;
use chem_network::{Environment, Extrapolation, Network, RateOptions};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Unsupported rows that a refusal lists in full; further ones are counted.
const LISTED: usize = 100;

/// What holds outside the temperature ranges of the fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Outside {
    /// The nearest fit, at the temperature itself.
    Extrapolate,
    /// The nearest fit, at the end of its range.
    Clamp,
    /// A rate coefficient of 0.
    Zero,
}

impl From<Outside> for Extrapolation {
    fn from(outside: Outside) -> Self {
        match outside {
            Outside::Extrapolate => Self::Extrapolate,
            Outside::Clamp => Self::Clamp,
            Outside::Zero => Self::Zero,
        }
    }
}

/// Options of the rate coefficients.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Rate coefficients")]
pub struct RateArgs {
    /// What holds where no temperature range of a reaction does [default: what the file says, zero in KROME and UCLCHEM files, else extrapolate].
    #[arg(long, value_enum, value_name = "POLICY")]
    pub extrapolation: Option<Outside>,
    /// Value of a variable of rate expressions, e.g. user_Av=1; repeatable.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, f64)>,
    /// Line shielding of CO: a table with columns co_column, h2_column (cm⁻²) and factor, a full grid; needed by
    /// self-shielded photodissociation of CO.
    #[arg(long, value_name = "FILE.csv")]
    pub co_shielding: Option<PathBuf>,
    /// Leave out reactions whose rate law has no implementation, instead of refusing the network.
    #[arg(long)]
    pub drop_unsupported: bool,
}

/// `NAME=VALUE`.
fn variable(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("“{text}”: expected NAME=VALUE"))?;
    let number = value.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    match number {
        Some(value) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value)),
        _ => Err(format!(
            "“{text}”: expected NAME=VALUE, VALUE a finite number"
        )),
    }
}

/// The same as they stand in a configuration file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// What holds outside the temperature ranges; what the network's file says unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extrapolation: Option<Extrapolation>,
    /// Leave out reactions without an implemented rate law.
    pub drop_unsupported: bool,
    /// Table of the line shielding of CO.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub co_shielding: Option<PathBuf>,
    /// Variables of rate expressions.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, f64>,
}

impl Rates {
    /// These, with everything the command line names replaced.
    pub fn overridden(mut self, args: &RateArgs) -> Self {
        if let Some(outside) = args.extrapolation {
            self.extrapolation = Some(outside.into());
        }
        self.drop_unsupported |= args.drop_unsupported;
        if let Some(path) = &args.co_shielding {
            // Named so that a configuration finds it from any folder.
            self.co_shielding = Some(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone()));
        }
        self.variables.extend(args.variables.iter().cloned());
        self
    }

    /// As the options of the library, the table read.
    pub fn options(&self) -> Result<RateOptions, Error> {
        let mut options = RateOptions::default();
        options.extrapolation = self.extrapolation;
        let set = |options: RateOptions, (name, value): (&String, &f64)| {
            options.with_variable(name.clone(), *value)
        };
        if let Some(path) = &self.co_shielding {
            options.co_shielding = Some(crate::shielding::read(path)?);
        }
        Ok(self.variables.iter().fold(options, set))
    }

    /// A network that can be evaluated, and how many reactions were left out for it.
    pub fn evaluable(&self, network: Network, name: &str) -> Result<(Network, usize), Error> {
        let rows = network.unsupported();
        if rows.is_empty() {
            return Ok((network, 0));
        }
        if self.drop_unsupported {
            let kept = network.filter_reactions(|r| r.rate.unsupported().is_none())?;
            let dropped = network.reactions().len() - kept.reactions().len();
            return Ok((kept, dropped));
        }
        let mut list: Vec<String> = rows
            .iter()
            .take(LISTED)
            .map(|row| match row.line {
                0 => format!("  {} ({})", row.text, row.reason),
                line => format!("  line {line}: {} ({})", row.text, row.reason),
            })
            .collect();
        if rows.len() > LISTED {
            list.push(format!("  and {} more", rows.len() - LISTED));
        }
        Err(Error::Unsupported {
            network: name.to_owned(),
            count: rows.len(),
            list: list.join("\n"),
        })
    }
}

/// Says how many reactions were left out.
pub fn dropped(count: usize) -> String {
    format!("{count} reactions without an implemented rate law were left out (--drop-unsupported)")
}

/// Says on which ionisation rate the cosmic-ray reactions rest: the conditions' ζ and how the file's α is to be read.
/// `None` without such reactions.
pub fn cosmic_rays(network: &Network, environments: &[Environment]) -> Option<String> {
    let references = network.cosmic_ray_references();
    if references.is_empty() {
        return None;
    }
    let read: Vec<String> = references
        .iter()
        .map(|&(reference, count)| {
            if reference == 1.0 {
                format!("{count} reactions with α per ζ")
            } else {
                format!("{count} reactions with α for ζ = {reference:e} s⁻¹")
            }
        })
        .collect();
    let zeta = environments.iter().map(|e| e.cosmic_ray_rate);
    let low = zeta.clone().fold(f64::INFINITY, f64::min);
    let high = zeta.fold(f64::NEG_INFINITY, f64::max);
    let at = if low > high {
        String::new()
    } else if low == high {
        format!("ζ = {low:e} s⁻¹: ")
    } else {
        format!("ζ = {low:e} to {high:e} s⁻¹: ")
    };
    Some(format!("{at}{}", read.join(", ")))
}

/// The same for machines: one object per ionisation rate for which α is quoted; 1 stands for α per ζ.
pub fn cosmic_rays_json(network: &Network) -> Value {
    let references = network.cosmic_ray_references();
    let object =
        |(reference, reactions)| json!({ "reference_per_s": reference, "reactions": reactions });
    references.into_iter().map(object).collect()
}
