//! Writes KROME network files; the crate's reader, and KROME, read them.

use std::fmt::Write;

use super::ExportOptions;
use super::law::QUANTITIES;
use super::piecewise::{Piece, Source, piece_expression, pieces};
use crate::error::Error;
use crate::expression::{Expr, Variable};
use crate::network::Network;
use crate::rate::{Extrapolation, Rate};
use crate::reaction::{Reaction, ReactionKind};

/// A row: its range and its rate.
struct Row {
    min: f64,
    max: f64,
    rate: Expr,
}

/// Writes the network. Species are listed in their order by `@ghost`, so that reading gives the
/// same order.
///
/// # Errors
/// [`Error::Unsupported`] for a rate without an implementation; [`Error::NotRepresentable`] for a
/// species whose name KROME would misread and for H2 formation on grains, whose rate is not of the
/// order of its reactants.
pub(super) fn write(network: &Network, options: &ExportOptions) -> Result<String, Error> {
    let names: Vec<String> = network
        .species_names()
        .map(krome_name)
        .collect::<Result<_, _>>()?;
    let longest = |side: fn(&Reaction) -> usize| network.reactions().iter().map(side).max();
    let reactants = longest(|r| r.reactants.len()).unwrap_or(1);
    let products = longest(|r| r.products.len()).unwrap_or(1);
    let mut body = String::new();
    let mut variables: Vec<String> = Vec::new();
    let mut in_block = false;
    for (j, reaction) in network.reactions().iter().enumerate() {
        let rows = rows(network, j, options)?;
        let cosmic_ray = reaction.kind == ReactionKind::CosmicRay;
        if cosmic_ray != in_block {
            body.push_str(if cosmic_ray {
                "@CR_start\n"
            } else {
                "@CR_stop\n"
            });
            in_block = cosmic_ray;
        }
        for row in rows {
            collect(&row.rate, &mut variables);
            let _ = write!(body, "{}", j + 1);
            for (side, places) in [
                (&reaction.reactants, reactants),
                (&reaction.products, products),
            ] {
                for place in 0..places {
                    let name = side.get(place).map_or("", |&i| names[i].as_str());
                    let _ = write!(body, ",{name}");
                }
            }
            let _ = writeln!(
                body,
                ",{},{},{}",
                least(row.min),
                greatest(row.max),
                row.rate
            );
        }
    }
    if in_block {
        body.push_str("@CR_stop\n");
    }
    let mut out = String::new();
    for text in [network.title(), network.source()] {
        if !text.is_empty() {
            let _ = writeln!(out, "# {text}");
        }
    }
    if !variables.is_empty() {
        let _ = writeln!(out, "@common:{}", variables.join(","));
    }
    let _ = writeln!(out, "@ghost:{}", names.join(","));
    let columns = |letter: &str, count: usize| format!("{letter},").repeat(count);
    let _ = writeln!(
        out,
        "@format:idx,{}{}Tmin,Tmax,rate",
        columns("R", reactants),
        columns("P", products)
    );
    out.push_str(&body);
    Ok(out)
}

/// The rows of a reaction.
fn rows(network: &Network, j: usize, options: &ExportOptions) -> Result<Vec<Row>, Error> {
    let rate = &network.reactions()[j].rate;
    let text = || network.reaction_text(j);
    if let Some(reason) = rate.unsupported() {
        return Err(Error::Unsupported {
            reaction: text(),
            reason: reason.to_owned(),
        });
    }
    if rate.is_first_order() {
        return Err(Error::NotRepresentable {
            what: "reaction",
            text: text(),
            reason: "KROME multiplies a rate by the densities of all reactants",
        });
    }
    let mut rows = Vec::new();
    for Piece { min, max, source } in in_order(rate, options) {
        if source == Source::Zero {
            continue;
        }
        let unsupported = || Error::Unsupported {
            reaction: text(),
            reason: "a law without a formula".to_owned(),
        };
        let tree = piece_expression(rate, source).ok_or_else(unsupported)?;
        rows.push(Row {
            min,
            max,
            rate: renamed(&tree),
        });
    }
    Ok(rows)
}

/// The pieces of a rate; the fits as they are where they are what KROME makes of them.
fn in_order(rate: &Rate, options: &ExportOptions) -> Vec<Piece> {
    let ranges: Vec<_> = rate.fits().iter().filter_map(|fit| fit.range).collect();
    let apart = |i: usize| {
        let mut others = ranges.iter().skip(i + 1);
        others.all(|b| ranges[i].max() < b.min() || b.max() < ranges[i].min())
    };
    let zero = options.extrapolation.or(rate.outside()) == Some(Extrapolation::Zero);
    if zero && ranges.len() == rate.fits().len() && (0..ranges.len()).all(apart) {
        let piece = |(i, range): (usize, &crate::rate::TemperatureRange)| Piece {
            min: range.min(),
            max: range.max(),
            source: Source::Fit(i),
        };
        return ranges.iter().enumerate().map(piece).collect();
    }
    pieces(rate, options.extrapolation)
}

/// A number as Fortran has it.
fn fortran(value: f64) -> String {
    format!("{value:e}").replace('e', "d")
}

/// `Tmin`: the shorter of `.GE.` this and `>` the number before it.
fn least(min: f64) -> String {
    if min == 0.0 {
        return "NONE".to_owned();
    }
    let (at, below) = (fortran(min), fortran(min.next_down()));
    if below.len() < at.len() {
        format!(">{below}")
    } else {
        format!(".GE.{at}")
    }
}

/// `Tmax`: the shorter of `.LE.` this and `.LT.` the number after it.
fn greatest(max: f64) -> String {
    if max == f64::INFINITY {
        return "NONE".to_owned();
    }
    let (at, above) = (fortran(max), fortran(max.next_up()));
    if above.len() < at.len() {
        format!(".LT.{above}")
    } else {
        format!(".LE.{at}")
    }
}

/// The expression with the quantities of an environment under their names in KROME files.
fn renamed(tree: &Expr) -> Expr {
    let inside = |one: &Expr| Box::new(renamed(one));
    match tree {
        Expr::Variable(Variable::User(name)) => {
            let known = QUANTITIES.iter().find(|(ours, ..)| ours == name);
            let name = known.map_or(name.as_str(), |(_, theirs, _)| theirs);
            Expr::Variable(Variable::User(name.to_owned()))
        }
        Expr::Negative(one) => Expr::Negative(inside(one)),
        Expr::Not(one) => Expr::Not(inside(one)),
        Expr::Binary(operator, a, b) => Expr::Binary(*operator, inside(a), inside(b)),
        Expr::Call(function, arguments) => {
            Expr::Call(*function, arguments.iter().map(renamed).collect())
        }
        _ => tree.clone(),
    }
}

/// Adds the names of the caller's variables.
fn collect(tree: &Expr, variables: &mut Vec<String>) {
    tree.walk(&mut |part| {
        if let Expr::Variable(Variable::User(name)) = part
            && !variables.contains(name)
        {
            variables.push(name.clone());
        }
    });
}

/// A species as KROME names it.
fn krome_name(name: &str) -> Result<String, Error> {
    if name == "e-" {
        return Ok("E".to_owned());
    }
    let (gas, suffix) = match name.strip_prefix('#') {
        Some(gas) => (gas, "_DUST"),
        None => (name, ""),
    };
    let bare = gas.trim_end_matches(['+', '-']);
    if bare.contains('-') || !gas.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Error::NotRepresentable {
            what: "species",
            text: name.to_owned(),
            reason: "KROME reads every `-` in a name as a charge",
        });
    }
    Ok(format!("{gas}{suffix}"))
}
