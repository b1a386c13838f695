//! `surrogate network check`: what a network file contains, and what is wrong with it.

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::{options, rates};
use chem_network::Network;
use clap::Args;
use std::collections::BTreeMap;

/// Findings of one kind that are listed in full; further ones are counted.
const LISTED: usize = 20;

/// Options of `network check`.
#[derive(Debug, Args)]
pub struct NetworkCheck {
    /// Embedded network (osu224) or network file; the format is told from the content.
    #[arg(value_name = "NAME|FILE")]
    pub network: String,
    /// How the file is read.
    #[command(flatten)]
    pub file: options::FileArgs,
    /// Species that are there initially: lists those that can never appear from them. Separated by commas.
    #[arg(long, value_name = "SPECIES", value_delimiter = ',')]
    pub initial: Vec<String>,
}

/// Reads the network and reports; findings are no failure.
pub fn run(args: &NetworkCheck, output: &Output) -> Result<Outcome, Error> {
    let network = options::network(&args.network, &args.file)?;
    let report = network.check()?;
    let format = report
        .format
        .map_or_else(|| "none".to_owned(), |f| f.to_string());
    let unreachable = if args.initial.is_empty() {
        None
    } else {
        Some(network.unreachable(&args.initial)?)
    };
    let facts = [
        ("format", format),
        ("rows", report.rows.to_string()),
        ("reactions", report.reactions.to_string()),
        ("species", report.species.to_string()),
        ("elements", report.elements.join(" ")),
        ("never formed", few(&report.never_formed)),
        ("never destroyed", few(&report.never_destroyed)),
        ("groups of isomers", report.isomers.len().to_string()),
        ("unbalanced reactions", report.unbalanced.to_string()),
        ("duplicate reactions", report.duplicates.to_string()),
        ("conservation laws", report.conservation_laws.to_string()),
        (
            "nonzeros of the Jacobian",
            report.jacobian_nonzeros.to_string(),
        ),
        ("unsupported rows", report.unsupported.len().to_string()),
    ];
    for (name, value) in facts {
        output.say(&format!("{name:<26}{value}"))?;
    }
    if let Some(text) = rates::cosmic_rays(&network, &[]) {
        output.say(&format!("{:<26}{text}", "cosmic rays"))?;
    }
    if !output.is_json() {
        list("unbalanced", &unbalanced(&network), output)?;
        list("duplicates", &duplicates(&network), output)?;
        let unsupported: Vec<String> = report
            .unsupported
            .iter()
            .map(|row| format!("line {}: {} ({})", row.line, row.text, row.reason))
            .collect();
        list("unsupported", &unsupported, output)?;
        list("lines without a reaction", &skipped(&network), output)?;
        list("remarks", &remarks(&network), output)?;
        let isomers: Vec<String> = report.isomers.iter().map(|g| g.join(" ")).collect();
        list("isomers", &isomers, output)?;
        let kinds = report.kinds.iter().map(|(kind, n)| format!("{kind} {n}"));
        list("kinds of process", &kinds.collect::<Vec<_>>(), output)?;
        let laws = report.conservation_basis.iter();
        list("conserved", &laws.map(law).collect::<Vec<_>>(), output)?;
        if let Some(names) = &unreachable {
            let start = args.initial.join(", ");
            output.say(&format!("\nunreachable from {start}: {}", few(names)))?;
        }
    }
    let mut json = serde_json::to_value(&report)?;
    if let serde_json::Value::Object(object) = &mut json {
        object.insert("unreachable".into(), serde_json::to_value(&unreachable)?);
        object.insert("cosmic_rays".into(), rates::cosmic_rays_json(&network));
        object.insert("skipped".into(), serde_json::to_value(network.skipped())?);
        object.insert("remarks".into(), serde_json::to_value(network.remarks())?);
    }
    Ok(Outcome::done(json))
}

fn skipped(network: &Network) -> Vec<String> {
    let classes = network.skipped().iter();
    classes
        .map(|class| format!("{}: {}", class.what, class.lines))
        .collect()
}

fn remarks(network: &Network) -> Vec<String> {
    let remarks = network.remarks().iter();
    remarks
        .map(|row| format!("line {}: {} ({})", row.line, row.text, row.remark))
        .collect()
}

/// How many, and the first of them by name.
fn few<S: AsRef<str>>(names: &[S]) -> String {
    let first: Vec<&str> = names.iter().take(LISTED).map(AsRef::as_ref).collect();
    let more = if names.len() > LISTED { " …" } else { "" };
    format!("{} {}{more}", names.len(), first.join(" "))
        .trim_end()
        .to_owned()
}

/// A conservation law as a sum, its first terms if there are many.
fn law(weights: &BTreeMap<String, i64>) -> String {
    let term = |(name, weight): (&String, &i64)| match weight {
        1 => format!("+ {name}"),
        -1 => format!("- {name}"),
        w if *w < 0 => format!("- {} {name}", -w),
        w => format!("+ {w} {name}"),
    };
    let terms: Vec<String> = weights.iter().take(LISTED).map(term).collect();
    let more = if weights.len() > LISTED {
        format!(" and {} more species", weights.len() - LISTED)
    } else {
        String::new()
    };
    format!("{}{more}", terms.join(" ").trim_start_matches("+ "))
}

fn unbalanced(network: &Network) -> Vec<String> {
    let gains = |gains: &[(String, i64)]| {
        gains
            .iter()
            .map(|(what, by)| format!("{what} {by:+}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    network
        .unbalanced()
        .iter()
        .map(|found| {
            format!(
                "{}: {}",
                network.reaction_text(found.reaction),
                gains(&found.gains)
            )
        })
        .collect()
}

fn duplicates(network: &Network) -> Vec<String> {
    network
        .duplicates()
        .iter()
        .map(|&(first, again)| {
            format!(
                "{} (reactions {} and {})",
                network.reaction_text(again),
                first + 1,
                again + 1
            )
        })
        .collect()
}

fn list(title: &str, items: &[String], output: &Output) -> Result<(), Error> {
    if items.is_empty() {
        return Ok(());
    }
    output.say(&format!("\n{title}:"))?;
    for item in items.iter().take(LISTED) {
        output.say(&format!("  {item}"))?;
    }
    if items.len() > LISTED {
        output.say(&format!("  and {} more", items.len() - LISTED))?;
    }
    Ok(())
}
