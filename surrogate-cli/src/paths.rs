//! Main reactions that form and destroy a species at the last output of every model.

use crate::error::Error;
use chem_network::{Environment, Kinetics, Network, Pathways, RateOptions};
use serde_json::{Value, json};

/// Reactions of each list that are shown.
const SHOWN: usize = 8;

/// Of one species in one model.
#[derive(Debug)]
pub struct Paths {
    /// Row of the table of initial states, from 0.
    row: usize,
    species: usize,
    pathways: Pathways,
}

/// Species by name, in any database's spelling.
pub fn species(network: &Network, names: &[String]) -> Result<Vec<usize>, Error> {
    let index = |name: &String| {
        let found = network.species_index(name);
        found.ok_or_else(|| Error::Usage(format!("--paths {name}: not a species of the network")))
    };
    names.iter().map(index).collect()
}

/// The pathways of `species` in the states of `last` (species × models, NaN for a model that failed), each at its environment
/// (one for all, or one per model).
pub fn find(
    network: &Network,
    species: &[usize],
    last: &[&[f64]],
    environments: &[Environment],
    rates: &RateOptions,
) -> Result<Vec<Paths>, Error> {
    let Some(first) = environments.first() else {
        return Ok(Vec::new());
    };
    let mut kinetics = Kinetics::with_options(network, first, rates.clone())?;
    let mut found = Vec::new();
    for (row, state) in last.iter().enumerate() {
        if state.iter().any(|n| n.is_nan()) {
            continue;
        }
        let environment = environments.get(row).unwrap_or(first);
        if environment != kinetics.environment() {
            kinetics.set_environment(environment)?;
        }
        for &species in species {
            found.push(Paths {
                row,
                species,
                pathways: kinetics.pathways(species, state)?,
            });
        }
    }
    Ok(found)
}

impl Paths {
    /// Text for people.
    pub fn text(&self, network: &Network) -> String {
        let name = network.species()[self.species].name();
        let mut lines = vec![format!("{name}, row {}, last output:", self.row)];
        for (what, list, total) in [
            (
                "formed by",
                &self.pathways.formation,
                self.pathways.total_formation(),
            ),
            (
                "destroyed by",
                &self.pathways.destruction,
                self.pathways.total_destruction(),
            ),
        ] {
            lines.push(format!("  {what} ({total:.3e} cm⁻³ s⁻¹ in all)"));
            for share in list.iter().take(SHOWN) {
                let percent = 100.0 * share.rate.abs() / total;
                let reaction = network.reaction_text(share.reaction);
                lines.push(format!("    {percent:5.1} %  {reaction}"));
            }
            if list.len() > SHOWN {
                lines.push(format!("    and {} more", list.len() - SHOWN));
            }
        }
        lines.push(format!("  net {:.3e} cm⁻³ s⁻¹", self.pathways.net()));
        lines.join("\n")
    }

    /// The same for machines, complete.
    pub fn json(&self, network: &Network) -> Value {
        let list = |list: &[chem_network::Contribution]| -> Value {
            let object = |share: &chem_network::Contribution| {
                json!({
                    "reaction": network.reaction_text(share.reaction),
                    "rate": share.rate,
                })
            };
            list.iter().map(object).collect()
        };
        json!({
            "row": self.row,
            "species": network.species()[self.species].name(),
            "formation": list(&self.pathways.formation),
            "destruction": list(&self.pathways.destruction),
            "net": self.pathways.net(),
        })
    }
}
