//! Writes the native format.

use std::fmt::Write;

use super::rate::{OUTSIDE, REFERENCE, UNSUPPORTED, split_fits};
use super::{MAGIC, VERSION, strip_comment};
use crate::error::Error;
use crate::network::Network;
use crate::rate::{Fit, RateLaw};
use crate::reaction::ReactionKind;
use crate::species::{Species, derived_mass};

/// Writes a network in this format; [`parse`](super::parse) reads back an equal one.
///
/// # Errors
/// [`Error::NotRepresentable`] for a title, source or reason with a line break, `;` or a comment
/// mark, or with blanks around it.
pub fn write(network: &Network) -> Result<String, Error> {
    let mut out = format!("{MAGIC} {VERSION}\n");
    for (key, what, text) in [
        ("title", "title", network.title()),
        ("source", "source", network.source()),
    ] {
        if !text.is_empty() {
            one_line(what, text)?;
            push(&mut out, format_args!("{key}: {text}\n"));
        }
    }
    out.push_str("\n[species]\n");
    for species in network.species() {
        write_species(&mut out, species);
    }
    out.push_str("\n[reactions]\n");
    for (j, reaction) in network.reactions().iter().enumerate() {
        push(&mut out, format_args!("{} ;", network.reaction_text(j)));
        if let Some(outside) = reaction.rate.outside() {
            push(&mut out, format_args!(" {OUTSIDE}{}", outside.name()));
        }
        for (i, fit) in reaction.rate.fits().iter().enumerate() {
            out.push_str(if i == 0 { " " } else { " | " });
            write_fit(&mut out, fit)?;
        }
        part("source of a reaction", &reaction.source)?;
        match (reaction.kind, reaction.source.as_str()) {
            (ReactionKind::Unspecified, "") => {}
            (kind, "") => push(&mut out, format_args!(" ; {}", kind.name())),
            (kind, source) => push(&mut out, format_args!(" ; {} ; {source}", kind.name())),
        }
        out.push('\n');
    }
    Ok(out)
}

/// `T=10..300 kooij alpha=1e-9 beta=0 gamma=0`.
fn write_fit(out: &mut String, fit: &Fit) -> Result<(), Error> {
    if let Some(range) = fit.range {
        let (min, max) = (number(range.min()), number(range.max()));
        push(out, format_args!("T={min}..{max} "));
    }
    out.push_str(fit.law.name());
    if let RateLaw::Unsupported { reason } = &fit.law {
        part("reason", reason)?;
        if split_fits(&format!("{UNSUPPORTED} {reason}")).count() > 1 {
            return Err(Error::NotRepresentable {
                what: "reason",
                text: reason.clone(),
                reason: "it holds ` | `",
            });
        }
        if !reason.is_empty() {
            push(out, format_args!(" {reason}"));
        }
    }
    if let RateLaw::Expression(expression) = &fit.law {
        push(out, format_args!(" {expression}"));
    }
    for (name, value) in fit.law.parameters() {
        // α per ζ is what a file without the parameter says.
        if !(name == REFERENCE && value == 1.0) {
            push(out, format_args!(" {name}={}", number(value)));
        }
    }
    Ok(())
}

fn write_species(out: &mut String, species: &Species) {
    out.push_str(species.name());
    let read = Species::from_name(species.name()).ok();
    let read = read.as_ref();
    if read.map(Species::composition) != Some(species.composition()) {
        if species.composition().is_empty() {
            out.push_str(" composition=none");
        } else {
            push(out, format_args!(" composition={}", species.composition()));
        }
    }
    if read.map_or(0, Species::charge) != species.charge() {
        push(out, format_args!(" charge={}", species.charge()));
    }
    if derived_mass(species.composition(), species.charge()) != species.mass() {
        push(out, format_args!(" mass={}", number(species.mass())));
    }
    out.push('\n');
}

/// The shortest text that reads back as the same number.
fn number(value: f64) -> String {
    let plain = format!("{value}");
    let scientific = format!("{value:e}");
    if scientific.len() < plain.len() {
        scientific
    } else {
        plain
    }
}

/// Writing into a `String` cannot fail.
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

fn one_line(what: &'static str, text: &str) -> Result<(), Error> {
    let reason = if text.contains(['\n', '\r']) {
        "it has a line break"
    } else if text.trim() != text {
        "it has blanks around it"
    } else if strip_comment(text) != text {
        "it holds a comment mark"
    } else {
        return Ok(());
    };
    Err(Error::NotRepresentable {
        what,
        text: text.to_owned(),
        reason,
    })
}

fn part(what: &'static str, text: &str) -> Result<(), Error> {
    one_line(what, text)?;
    if text.contains(';') {
        return Err(Error::NotRepresentable {
            what,
            text: text.to_owned(),
            reason: "it holds `;`",
        });
    }
    Ok(())
}
