//! Files of the UMIST Database for Astrochemistry: RATE12 (McElroy et al. 2013, A&A 550, A36) and
//! RATE22 (Millar et al. 2024, A&A 682, A109).
//!
//! Fields separated by colons: number, type, two reactants, four products, the number n of fits, and
//! n times α, β, γ, Tmin, Tmax, source (letter), accuracy (letter), reference and remark; the last
//! two may stand in double quotes and then hold colons. Behind the fits there may be empty fields
//! and a comment that begins with `!` (kept as a [remark](crate::Network::remarks)).
//! A line that is blank or begins with `#` is a comment.
//!
//! | type | law |
//! |---|---|
//! | CP (`CRP`) | k = α ζ/ζ₀ |
//! | CR (`CRPHOT`) | k = α ζ/ζ₀ (T/300)^β γ/(1−ω) |
//! | PH (`PHOTON`) | k = α χ exp(−γ A_V) |
//! | AD, CD, CE, DR, IN, MN, NN, RA, REA, RR | k = α (T/300)^β exp(−γ/T) |
//! | others | kept as [`RateLaw::Unsupported`] |
//!
//! ζ₀ = 1.3e-17 s⁻¹: the α of RATE12 and RATE22 are multiples of it (H: 0.46 × 1.3e-17), although the
//! text of the paper of RATE12 gives 1.36e-17.

use super::line::{Line, head, lines, mostly};
use super::rows::{Agent, Rows, gapless, range};
use super::{Format, stem};
use crate::error::Error;
use crate::network::Network;
use crate::rate::{Fit, RateLaw, TemperatureRange};

/// ζ₀ \[s⁻¹\], the cosmic-ray ionisation rate of H2 for which α is quoted in UMIST files and in those
/// that take their rates from there (UCLCHEM, 3D-PDR).
pub(super) const REFERENCE: f64 = 1.3e-17;
/// Fields before the first fit, and of each fit.
const BEFORE: usize = 9;
const PER_FIT: usize = 9;
/// Types of reactions between two species.
const TWO_BODY: [&str; 10] = ["AD", "CD", "CE", "DR", "IN", "MN", "NN", "RA", "REA", "RR"];

/// Whether a text begins like a UMIST file: most of its first rows are a number, a type in letters
/// and at least fourteen fields between colons.
#[must_use]
pub fn recognises(text: &str) -> bool {
    mostly(head(text, is_comment), |line| {
        let mut fields = line.split(':');
        let mut field = || fields.next().unwrap_or_default();
        field().parse::<u64>().is_ok()
            && is_type(field())
            && (0..6).all(|_| field().len() <= 24)
            && field().parse::<u64>().is_ok()
            && fields.count() >= 5
    })
}

fn is_comment(line: &str) -> bool {
    line.starts_with('#') || line.trim().is_empty()
}

fn is_type(text: &str) -> bool {
    (2..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Reads a UMIST file from its text; `file` is the name that errors and sources show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    let mut rows = Rows::new(file, Format::Umist);
    for line in lines(text, file) {
        let line = line?;
        if line.text.trim().is_empty() {
            rows.origin.skip("blank line");
        } else if is_comment(line.text) {
            rows.origin.skip("comment");
        } else {
            row(&mut rows, &line)?;
        }
    }
    rows.finish(format!("UMIST network {}", stem(file)))
}

fn agent(name: &str) -> Option<Agent> {
    match name {
        "CRP" => Some(Agent::CosmicRay),
        "CRPHOT" => Some(Agent::CosmicRayPhoton),
        "PHOTON" => Some(Agent::Photon),
        _ => None,
    }
}

fn row(rows: &mut Rows<'_>, line: &Line<'_>) -> Result<(), Error> {
    let trimmed = Line {
        text: line.text.trim_end(),
        ..*line
    };
    let fields = trimmed.split(b':')?;
    let Some((before, rest)) = fields.split_at_checked(BEFORE) else {
        return Err(line.error(
            "",
            "number, type, two reactants, four products, number of fits",
        ));
    };
    let number = line.integer(before[0], "the number of the reaction")?;
    let kind = before[1];
    if !is_type(kind) {
        return Err(line.error(kind, "the type of the reaction, two to four letters"));
    }
    let (reactants, found) = rows.reactants(line, &gapless(line, &before[2..4])?, agent)?;
    if reactants.is_empty() {
        return Err(line.error(before[2], "a species among the reactants"));
    }
    let emitted = |name: &str| agent(name) == Some(Agent::Photon);
    let products = rows.products(line, &gapless(line, &before[4..8])?, emitted)?;
    if products.is_empty() {
        return Err(line.error(before[4], "a species among the products"));
    }
    let count = line.integer(before[8], "the number of fits")?;
    let count = usize::try_from(count)
        .ok()
        .filter(|n| (1..=64).contains(n))
        .ok_or_else(|| line.error(before[8], "the number of fits, 1 to 64"))?;
    let unsupported = check_type(line, kind, found)?;
    for n in 0..count {
        let fit = rest.get(PER_FIT * n..).unwrap_or_default();
        let fit = &fit[..fit.len().min(PER_FIT)];
        let (range, [alpha, beta, gamma]) = numbers(line, fit)?;
        let law = match (&unsupported, found) {
            (Some(reason), _) => match n {
                0 => rows.unsupported(line, reason),
                _ => RateLaw::Unsupported {
                    reason: reason.clone(),
                },
            },
            (None, Some(Agent::CosmicRay)) => {
                unused(line, beta, fit[1], "β")?;
                unused(line, gamma, fit[2], "γ")?;
                RateLaw::CosmicRay {
                    alpha,
                    reference: REFERENCE,
                }
            }
            (None, Some(Agent::CosmicRayPhoton)) => RateLaw::CosmicRayPhoton {
                alpha,
                beta,
                gamma,
                reference: REFERENCE,
            },
            (None, Some(Agent::Photon)) => {
                unused(line, beta, fit[1], "β")?;
                RateLaw::Photo { alpha, gamma }
            }
            (None, None) => RateLaw::Kooij { alpha, beta, gamma },
        };
        let fit = Fit::new(law, range);
        if n == 0 {
            let kind = found.map_or_else(|| rows.kind(&reactants, &products), Agent::kind);
            rows.reaction(reactants.clone(), products.clone(), fit, kind, number);
        } else if let Some((_, fits)) = rows.last() {
            fits.push(fit);
        }
    }
    if let Some(more) = rest.iter().skip(PER_FIT * count).find(|f| !f.is_empty()) {
        if !more.trim_start().starts_with('!') {
            let expected =
                format!("no more than {count} fits of {PER_FIT} fields, or `!` and a comment");
            return Err(line.error(more, expected));
        }
        rows.remark(line, format!("the file comments: {}", more.trim()));
    }
    rows.origin.rows += 1;
    Ok(())
}

fn unused(line: &Line<'_>, value: f64, text: &str, name: &str) -> Result<(), Error> {
    match value == 0.0 {
        true => Ok(()),
        false => Err(line.error(text, format!("0, this type has no {name}"))),
    }
}

/// Whether type and reactants agree; why a type has no law.
fn check_type(line: &Line<'_>, kind: &str, found: Option<Agent>) -> Result<Option<String>, Error> {
    let wanted = match kind {
        "CP" => Some(Agent::CosmicRay),
        "CR" => Some(Agent::CosmicRayPhoton),
        "PH" => Some(Agent::Photon),
        known if TWO_BODY.contains(&known) => None,
        other => return Ok(Some(format!("UMIST reaction type {other}"))),
    };
    if wanted != found {
        let expected =
            "a type that fits the reactants (CP with CRP, CR with CRPHOT, PH with PHOTON)";
        return Err(line.error(kind, expected));
    }
    Ok(None)
}

fn numbers(line: &Line<'_>, fit: &[&str]) -> Result<(Option<TemperatureRange>, [f64; 3]), Error> {
    // All nine, so that a row that was cut off is none.
    let &[alpha, beta, gamma, low, high, source, accuracy, _, _] = fit else {
        let expected =
            "nine fields of every fit (α, β, γ, Tmin, Tmax, two letters, reference, remark)";
        return Err(line.error("", expected));
    };
    let parameters = [
        line.not_negative(alpha, "α")?,
        line.number(beta, "β")?,
        line.number(gamma, "γ")?,
    ];
    let min = line.not_negative(low, "Tmin")?;
    let max = line.not_negative(high, "Tmax")?;
    for letter in [source, accuracy] {
        let one = letter.trim();
        if one.len() > 1 || !one.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(line.error(letter, "one letter (source, then accuracy) or nothing"));
        }
    }
    Ok((Some(range(line, low, min, max)?), parameters))
}
