//! Python modules on NumPy and on JAX.

use std::fmt::Write;

use super::{ExportOptions, Model, list};
use crate::error::Error;
use crate::expression::Language;
use crate::network::Network;
use crate::rate::RateLaw;

/// What differs between NumPy and JAX: imports, and how arrays take values at indices.
struct Flavour {
    imports: &'static str,
    set: &'static str,
    add: &'static str,
}

/// A module on NumPy.
pub(in crate::export) fn python(
    network: &Network,
    options: &ExportOptions,
) -> Result<String, Error> {
    let flavour = Flavour {
        imports: "import numpy as np\n",
        set: "    array[at] = values\n    return array\n",
        add: "    np.add.at(array, at, values)\n    return array\n",
    };
    Ok(write(&Model::new(network, options)?, &flavour))
}

/// A module on JAX, in double precision.
pub(in crate::export) fn jax(network: &Network, options: &ExportOptions) -> Result<String, Error> {
    let flavour = Flavour {
        imports: "import jax\nimport jax.numpy as np\n\njax.config.update(\"jax_enable_x64\", True)\n",
        set: "    return array.at[at].set(values)\n",
        add: "    return array.at[at].add(values)\n",
    };
    Ok(write(&Model::new(network, options)?, &flavour))
}

fn write(model: &Model<'_>, flavour: &Flavour) -> String {
    let mut out = String::from("\"\"\"");
    out.push_str(&model.heading().join("\n").replace(['\\', '"'], "'"));
    out.push_str("\n\nConditions:\n");
    for (name, meaning) in &model.conditions {
        let _ = writeln!(out, "    {name}: {meaning}");
    }
    let _ = write!(out, "\"\"\"\n\n{}\nNAMES = [\n", flavour.imports);
    for name in model.network.species_names() {
        let _ = writeln!(out, "    \"{name}\",");
    }
    let tables = &model.tables;
    let _ = write!(
        out,
        "]\nSPECIES, REACTIONS, ENTRIES = {}, {}, {}\n\n",
        tables.species,
        tables.reactions,
        tables.rows.len()
    );
    for (name, numbers) in tables.named() {
        let shape = match name {
            "FACTORS" => format!(".reshape(-1, {})", tables.order),
            "DERIVATIVE_FACTORS" => format!(".reshape(-1, {})", tables.others()),
            _ => String::new(),
        };
        let _ = write!(
            out,
            "{name} = np.array([\n{}\n], dtype=int){shape}\n",
            list(&numbers, "    ")
        );
    }
    out.push_str(STRUCTURE);
    let _ = write!(out, "\n\ndef _set(array, at, values):\n{}", flavour.set);
    let _ = write!(out, "\n\ndef _add(array, at, values):\n{}", flavour.add);
    rates(&mut out, model);
    out.push_str(FUNCTIONS);
    out
}

/// Rate laws of one formula whose reactions are computed together.
struct Family {
    law: &'static str,
    parameters: &'static [&'static str],
    formula: &'static str,
}

const FAMILIES: [Family; 3] = [
    Family {
        law: "kooij",
        parameters: &["alpha", "beta", "gamma"],
        formula: "alpha * (Tgas / 300.0) ** beta * np.exp(-gamma / Tgas)",
    },
    Family {
        law: "cosmic-ray",
        parameters: &["alpha", "reference"],
        formula: "alpha * (cosmic_ray_rate / reference)",
    },
    Family {
        law: "photo",
        parameters: &["alpha", "gamma"],
        formula: "alpha * radiation_field * np.exp(-gamma * visual_extinction)",
    },
];

/// The reactions of a family: one fit without a range.
fn members(model: &Model<'_>, family: &Family) -> Vec<usize> {
    let belongs = |law: &RateLaw| law.name() == family.law;
    let reactions = model.network.reactions().iter().enumerate();
    let found = reactions.filter(|(_, reaction)| {
        matches!(reaction.rate.fits(), [fit] if fit.range.is_none() && belongs(&fit.law))
    });
    found.map(|(j, _)| j).collect()
}

fn rates(out: &mut String, model: &Model<'_>) {
    let names: Vec<&str> = model
        .conditions
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let _ = write!(
        out,
        "\n\ndef rate_coefficients({}):\n    \
         \"\"\"Rate coefficients k [cm^3 s^-1 and so on] at these conditions, one per reaction.\"\"\"\n    \
         Tgas = temperature\n    k = np.zeros(REACTIONS)\n",
        names.join(", ")
    );
    for (name, text) in model.definitions(Language::Python) {
        let _ = writeln!(out, "    {name} = {text}");
    }
    let mut alone = vec![true; model.rates.len()];
    for family in &FAMILIES {
        let members = members(model, family);
        if members.is_empty() {
            continue;
        }
        for (p, parameter) in family.parameters.iter().enumerate() {
            let value = |&j: &usize| {
                let law = model.network.reactions()[j].rate.law();
                let parameters = law.map(RateLaw::parameters).unwrap_or_default();
                // The law has been chosen by its name, so that it has this parameter.
                format!(
                    "{:?}",
                    parameters.get(p).map_or(f64::NAN, |(_, value)| *value)
                )
            };
            let values: Vec<String> = members.iter().map(value).collect();
            let _ = write!(
                out,
                "    {parameter} = np.array([\n{}\n    ])\n",
                list(&values, "        ")
            );
        }
        let _ = write!(
            out,
            "    at = np.array([\n{}\n    ])\n    k = _set(k, at, {})\n",
            list(&members, "        "),
            family.formula
        );
        for j in members {
            alone[j] = false;
        }
    }
    for j in (0..model.rates.len()).filter(|&j| alone[j]) {
        let rate = model.rate(j, Language::Python, &str::to_owned);
        let text = model.network.reaction_text(j);
        let _ = writeln!(out, "    k = _set(k, {j}, {rate})  # {text}");
    }
    out.push_str("    return k\n");
}

const STRUCTURE: &str = "
# One line per change of a species by a reaction, and per entry of a derivative.
_NET_COUNT = NET_OFFSETS[1:] - NET_OFFSETS[:-1]
_NET_REACTION = np.repeat(np.arange(REACTIONS), _NET_COUNT)
_ENTRY_COUNT = DERIVATIVE_OFFSETS[1:] - DERIVATIVE_OFFSETS[:-1]
_ENTRY_DERIVATIVE = np.repeat(np.arange(len(DERIVATIVE_REACTION)), _ENTRY_COUNT)
_ENTRY_CHANGE = NET_CHANGE[
    NET_OFFSETS[DERIVATIVE_REACTION[_ENTRY_DERIVATIVE]]
    + np.arange(len(DERIVATIVE_ENTRIES))
    - DERIVATIVE_OFFSETS[_ENTRY_DERIVATIVE]
]
_COLUMNS = np.repeat(np.arange(SPECIES), COLUMN_OFFSETS[1:] - COLUMN_OFFSETS[:-1])
";

const FUNCTIONS: &str = "

def _with_one(n):
    # Index SPECIES stands for 1.
    return np.concatenate([np.asarray(n), np.ones(1)])


def rhs(k, n):
    \"\"\"dn/dt [cm^-3 s^-1] at n [cm^-3].\"\"\"
    rates = k * np.prod(_with_one(n)[FACTORS], axis=1)
    return _add(np.zeros(SPECIES), NET_SPECIES, NET_CHANGE * rates[_NET_REACTION])


def jacobian(k, n):
    \"\"\"d(dn/dt)/dn [s^-1] at n [cm^-3]: values of compressed columns (COLUMN_OFFSETS, ROWS).\"\"\"
    slopes = k[DERIVATIVE_REACTION] * DERIVATIVE_MULTIPLICITY * np.prod(_with_one(n)[DERIVATIVE_FACTORS], axis=1)
    return _add(np.zeros(ENTRIES), DERIVATIVE_ENTRIES, _ENTRY_CHANGE * slopes[_ENTRY_DERIVATIVE])


def jacobian_dense(k, n):
    \"\"\"The same as a full matrix, SPECIES x SPECIES.\"\"\"
    return _set(np.zeros((SPECIES, SPECIES)), (ROWS, _COLUMNS), jacobian(k, n))
";
