//! Reads a table of initial states: a header of species names and conditions, one model per row.

use crate::condition::Condition;
use crate::error::Error;
use crate::sheet::Sheet;
use chem_network::{Environment, Network};
use clap::ValueEnum;
use std::path::Path;

/// What the numbers of a table mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Abundances {
    /// Number densities (cm⁻³).
    Absolute,
    /// Abundances per hydrogen nucleus, times the density n_H.
    Relative,
}

/// Initial states and conditions of every model.
#[derive(Debug)]
pub struct InitialStates {
    /// Number densities (cm⁻³), species × models: one model after the other, species in network order.
    pub states: Vec<f64>,
    /// Conditions per model.
    pub environments: Vec<Environment>,
    /// Species of the network that the table does not name; they start at 0.
    pub unnamed: Vec<String>,
}

/// What one column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Species(usize),
    Condition(Condition),
}

/// Reads the table at `path`. `species_index` finds a species by any database's spelling, `names` lists them in order.
pub fn read(
    path: &Path,
    network: &Network,
    base: &Environment,
    abundances: Abundances,
) -> Result<InitialStates, Error> {
    let names: Vec<&str> = network.species().iter().map(|s| s.name()).collect();
    read_table(
        path,
        &names,
        |name| network.species_index(name),
        base,
        abundances,
    )
}

/// Names in a message: no more than fit into a few lines.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 40;
    let shown = names[..names.len().min(MOST)].join(" ");
    if names.len() > MOST {
        format!("{shown} …, {} in all", names.len())
    } else {
        shown
    }
}

/// As [`read`], for any list of species.
pub fn read_table(
    path: &Path,
    names: &[&str],
    species_index: impl Fn(&str) -> Option<usize>,
    base: &Environment,
    abundances: Abundances,
) -> Result<InitialStates, Error> {
    let sheet = Sheet::read(path, "species names", "models")?;
    let columns = sheet.columns(
        |name| match Condition::from_name(name) {
            Some(condition) => Some(Column::Condition(condition)),
            None => species_index(name).map(Column::Species),
        },
        || {
            let species = listed(names);
            let conditions = Condition::names();
            format!("a species of the network ({species}) or {conditions}")
        },
    )?;
    let mut out = InitialStates {
        states: Vec::with_capacity(sheet.rows.len() * names.len()),
        environments: Vec::with_capacity(sheet.rows.len()),
        unnamed: (0..names.len())
            .filter(|i| !columns.contains(&Column::Species(*i)))
            .map(|i| names[i].to_owned())
            .collect(),
    };
    let what = match abundances {
        Abundances::Absolute => "a number density of 0 cm⁻³ or more",
        Abundances::Relative => "an abundance of 0 or more",
    };
    for row in &sheet.rows {
        let mut state = vec![0.0; names.len()];
        let mut environment = *base;
        for (i, column) in columns.iter().enumerate() {
            match *column {
                Column::Species(species) => {
                    state[species] = sheet.number(row, i, what, |v| v >= 0.0)?;
                }
                Column::Condition(condition) => {
                    let allows = |value| condition.allows(value);
                    let value = sheet.number(row, i, condition.expected(), allows)?;
                    condition.set(&mut environment, value);
                }
            }
        }
        if abundances == Abundances::Relative {
            let density = environment.density.ok_or_else(|| {
                Error::Usage(
                    "--abundances relative needs --density or a column density [cm⁻³]".into(),
                )
            })?;
            state.iter_mut().for_each(|x| *x *= density);
        }
        out.states.extend(state);
        out.environments.push(environment);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_message_names_no_more_species_than_fit_into_it() {
        assert_eq!(listed(&["H", "H2", "e-"]), "H H2 e-");
        let long = listed(&["C10H2+"; 468]);
        assert!(long.ends_with("C10H2+ …, 468 in all"), "{long}");
        assert!(long.len() < 400, "{long}");
    }
}
