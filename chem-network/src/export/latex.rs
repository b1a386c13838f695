//! A table of reactions for a paper.

use std::fmt::Write;

use crate::network::Network;
use crate::rate::{Fit, RateLaw};

/// A `longtable` (package longtable): number, reaction, law, α, β, γ, T range; one row per fit.
pub(super) fn write(network: &Network) -> String {
    let mut out = String::from(
        "% needs \\usepackage{longtable}\n\
         \\begin{longtable}{rllrrrl}\n\
         No. & Reaction & Law & $\\alpha$ & $\\beta$ & $\\gamma$ & $T$ [K] \\\\\n\
         \\hline\n\\endhead\n",
    );
    for (j, reaction) in network.reactions().iter().enumerate() {
        let side = |members: &[usize]| {
            let names = members
                .iter()
                .map(|&i| species(network.species()[i].name()));
            names.collect::<Vec<_>>().join(" + ")
        };
        let equation = format!(
            "{} $\\rightarrow$ {}",
            side(&reaction.reactants),
            side(&reaction.products)
        );
        for (i, fit) in reaction.rate.fits().iter().enumerate() {
            let (number, equation) = match i {
                0 => ((j + 1).to_string(), equation.as_str()),
                _ => (String::new(), ""),
            };
            // Writing into a `String` cannot fail.
            let _ = writeln!(out, "{number} & {equation} & {} \\\\", fit_cells(fit));
        }
    }
    out.push_str("\\end{longtable}\n");
    out
}

fn fit_cells(fit: &Fit) -> String {
    let range = fit.range.map_or_else(String::new, |range| {
        let max = match range.max() {
            max if max.is_finite() => number(max),
            _ => "$\\infty$".to_owned(),
        };
        format!("{}--{max}", number(range.min()))
    });
    match &fit.law {
        RateLaw::Expression(expression) => {
            let formula = escape(&expression.to_string());
            format!("\\multicolumn{{4}}{{p{{0.5\\textwidth}}}}{{\\texttt{{{formula}}}}} & {range}")
        }
        RateLaw::Unsupported { reason } => {
            let reason = escape(reason);
            format!("\\multicolumn{{4}}{{l}}{{not supported: {reason}}} & {range}")
        }
        law => {
            let parameters = law.parameters();
            let cell = |name: &str| {
                let found = parameters.iter().find(|(known, _)| *known == name);
                found.map_or_else(String::new, |&(_, value)| number(value))
            };
            let name = match law.cosmic_ray_reference() {
                Some(reference) if reference != 1.0 => {
                    format!("{} ($\\zeta_0 = $ {})", law.name(), number(reference))
                }
                _ => law.name().to_owned(),
            };
            format!(
                "{name} & {} & {} & {} & {range}",
                cell("alpha"),
                cell("beta"),
                cell("gamma")
            )
        }
    }
}

/// The shortest text of a number, powers of ten as such.
fn number(value: f64) -> String {
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if value != 0.0 && !(1e-3..1e5).contains(&value.abs()) => {
            format!("${mantissa}\\times 10^{{{exponent}}}$")
        }
        _ => format!("${value}$"),
    }
}

/// A species: digits behind letters are subscripts, signs at the end a superscript.
fn species(name: &str) -> String {
    let bare = name.trim_end_matches(['+', '-']);
    let sign = &name[bare.len()..];
    let mut out = String::new();
    let mut rest = bare;
    while let Some(first) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && out.ends_with(|c: char| c.is_ascii_alphabetic() || c == ')') {
            // Writing into a `String` cannot fail.
            let _ = write!(out, "$_{{{}}}$", &rest[..digits]);
            rest = &rest[digits..];
        } else {
            let length = digits.max(first.len_utf8());
            out.push_str(&escape(&rest[..length]));
            rest = &rest[length..];
        }
    }
    if !sign.is_empty() {
        let _ = write!(out, "$^{{{sign}}}$");
    }
    out
}

/// Text without characters that mean something to TeX.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '#' | '$' | '%' | '&' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
            }
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("$<$"),
            '>' => out.push_str("$>$"),
            '*' => out.push_str("*\\allowbreak{}"),
            _ => out.push(c),
        }
        out
    })
}
