//! Reaction files of UCLCHEM (Holdship et al. 2017, AJ 154, 38; v3 of the code).
//!
//! Fields separated by commas: three reactants, four products, α, β, γ, Tmin, Tmax, and in later
//! versions the reduced mass and whether the rate may be extrapolated (`True`, `False`). An empty
//! slot is `NAN`; all rows have as many fields as the first. A line that is blank or begins with `!` or `#,` is a comment; a first line of
//! titles (`Reactant 1,…`) is read over. `#` before a name means surface, `@` bulk of the ice. A
//! reactant may be a keyword:
//!
//! | keyword | law |
//! |---|---|
//! | none | k = α (T/300)^β exp(−γ/T) |
//! | `CRP` | k = α ζ/ζ₀, ζ₀ = 1.3e-17 s⁻¹ |
//! | `CRPHOT` | k = α ζ/ζ₀ (T/300)^β γ/(1−ω) |
//! | `PHOTON` | k = α χ exp(−γ A_V); self-shielded for H2 → H + H (α = 5.18e-11 s⁻¹ where the file's is the place-holder 1), CO → C + O and C → C+ + e- |
//! | `IONOPOL1`, `IONOPOL2` | the two ion-polar laws |
//! | `H2FORM` | H2 on grains after Cazaux & Tielens (2002) |
//! | `FREEZE`, `THERM`, `DESOH2`, `DESCR`, `DEUVCR`, `ER`, `ERDES`, `LH`, `LHDES`, `BULKSWAP`, `SURFSWAP`, `GAR`, … | kept as [`RateLaw::Unsupported`] under their names |
//!
//! Consecutive rows of one reaction with different ranges are fits of it. Outside its range a rate is
//! 0 unless the last field is `True`, as in UCLCHEM; the caller may say otherwise
//! ([`RateOptions::extrapolation`](crate::RateOptions)). The shielded photoreactions and `H2FORM`
//! have no range. The reduced mass is checked and not kept. A row without a product (`E-,FREEZE`) is
//! no reaction and counted among the [skipped lines](crate::Network::skipped).

use super::line::{Line, head, lines, mostly};
use super::rows::{Agent, Rows, range};
use super::umist::REFERENCE;
use super::{Format, stem};
use crate::error::Error;
use crate::network::Network;
use crate::rate::{Extrapolation, Fit, GrainH2, RateLaw};
use crate::reaction::ReactionKind;

const EMPTY: &str = "NAN";
/// Fields of a row: names, then numbers up to Tmax, then two more in later versions.
const NAMES: usize = 7;
const FEWEST: usize = 12;
const MOST: usize = 14;
/// Unshielded dissociation rate of H2 in the Draine field \[s⁻¹\] that UCLCHEM puts in place of the
/// file's 1.
const H2_DISSOCIATION: f64 = 5.18e-11;

/// Whether a text begins like a file of UCLCHEM: most of its first rows are seven names, `NAN` among
/// them, and five numbers between commas.
#[must_use]
pub fn recognises(text: &str) -> bool {
    let skip = |line: &str| is_comment(line) || is_title(line);
    mostly(head(text, skip), |line| {
        let fields: Vec<&str> = line.splitn(MOST + 2, ',').collect();
        (FEWEST..=MOST).contains(&fields.len())
            && fields[..NAMES].iter().any(|name| name.trim() == EMPTY)
            && fields[NAMES..FEWEST]
                .iter()
                .all(|number| super::line::fortran(number.trim()).is_some())
    })
}

fn is_comment(line: &str) -> bool {
    line.starts_with('!') || line.starts_with("#,") || line.trim().is_empty()
}

fn is_title(line: &str) -> bool {
    line.starts_with("Reactant 1,")
}

/// Reads a file of UCLCHEM from its text; `file` is the name that errors and sources show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    let mut reader = Reader {
        rows: Rows::new(file, Format::Uclchem),
        width: None,
        last: None,
    };
    for line in lines(text, file) {
        let line = line?;
        if line.text.trim().is_empty() {
            reader.rows.origin.skip("blank line");
        } else if is_comment(line.text) {
            reader.rows.origin.skip("comment");
        } else if is_title(line.text) {
            reader.rows.origin.skip("line of titles");
        } else {
            reader.row(&line)?;
        }
    }
    reader
        .rows
        .finish(format!("UCLCHEM network {}", stem(file)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Agent(Agent),
    IonPolar1,
    IonPolar2,
    H2Formation,
    /// A process without an implementation.
    Other(&'static str, ReactionKind),
}

fn keyword(name: &str) -> Option<Keyword> {
    use ReactionKind as Kind;
    Some(match name {
        "PHOTON" => Keyword::Agent(Agent::Photon),
        "CRP" => Keyword::Agent(Agent::CosmicRay),
        "CRPHOT" => Keyword::Agent(Agent::CosmicRayPhoton),
        "IONOPOL1" => Keyword::IonPolar1,
        "IONOPOL2" => Keyword::IonPolar2,
        "H2FORM" => Keyword::H2Formation,
        "FREEZE" => Keyword::Other("FREEZE", Kind::FreezeOut),
        "DESORB" => Keyword::Other("DESORB", Kind::ThermalDesorption),
        "THERM" => Keyword::Other("THERM", Kind::ThermalDesorption),
        "DESOH2" => Keyword::Other("DESOH2", Kind::H2FormationDesorption),
        "DESCR" => Keyword::Other("DESCR", Kind::CosmicRayDesorption),
        "DEUVCR" => Keyword::Other("DEUVCR", Kind::PhotoDesorption),
        "LH" => Keyword::Other("LH", Kind::Surface),
        "LHDES" => Keyword::Other("LHDES", Kind::Surface),
        "ER" => Keyword::Other("ER", Kind::Surface),
        "ERDES" => Keyword::Other("ERDES", Kind::Surface),
        "BULKSWAP" => Keyword::Other("BULKSWAP", Kind::IceExchange),
        "SURFSWAP" => Keyword::Other("SURFSWAP", Kind::IceExchange),
        "EXSOLID" => Keyword::Other("EXSOLID", Kind::Surface),
        "EXRELAX" => Keyword::Other("EXRELAX", Kind::Surface),
        "CRS" => Keyword::Other("CRS", Kind::Surface),
        "GAR" => Keyword::Other("GAR", Kind::Grain),
        "ED" => Keyword::Other("ED", Kind::ThermalDesorption),
        _ => return None,
    })
}

/// Reactants, products and keyword of the last reaction.
type Identity = (Vec<usize>, Vec<usize>, Option<Keyword>);

struct Reader<'a> {
    rows: Rows<'a>,
    /// Number of fields of the first row: one that was cut off has fewer.
    width: Option<usize>,
    last: Option<Identity>,
}

impl Reader<'_> {
    fn row(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let fields: Vec<&str> = line.split(b',')?.iter().map(|field| field.trim()).collect();
        if !(FEWEST..=MOST).contains(&fields.len()) {
            let expected = format!("{FEWEST} to {MOST} fields between commas");
            return Err(line.error(fields.get(MOST).unwrap_or(&""), expected));
        }
        let width = *self.width.get_or_insert(fields.len());
        if fields.len() != width {
            let expected = format!("{width} fields between commas, as in the first row");
            return Err(line.error(fields.get(width).unwrap_or(&""), expected));
        }
        let (reactants, found) = self
            .rows
            .reactants(line, &slots(line, &fields[..3])?, keyword)?;
        if reactants.is_empty() {
            return Err(line.error(fields[0], "a species among the reactants"));
        }
        let emitted = |name: &str| keyword(name) == Some(Keyword::Agent(Agent::Photon));
        let leaving = slots(line, &fields[3..NAMES])?;
        let products = self.rows.products(line, &leaving, emitted)?;
        let alpha = line.not_negative(fields[7], "α")?;
        let beta = line.number(fields[8], "β")?;
        let gamma = line.number(fields[9], "γ")?;
        let min = line.not_negative(fields[10], "Tmin")?;
        let max = line.not_negative(fields[11], "Tmax")?;
        let range = range(line, fields[10], min, max)?;
        if let Some(mass) = fields.get(12) {
            line.not_negative(mass, "the reduced mass")?;
        }
        let outside = match fields.get(13).copied() {
            None | Some("False") => Extrapolation::Zero,
            Some("True") => Extrapolation::Extrapolate,
            Some(flag) => return Err(line.error(flag, "True or False (whether to extrapolate)")),
        };
        self.rows.origin.rows += 1;
        if products.is_empty() {
            if !leaving.is_empty() || found.is_none() {
                return Err(line.error(fields[3], "a species among the products"));
            }
            self.rows.origin.skip("row without a product: no reaction");
            return Ok(());
        }
        let law = self.law(line, found, &reactants, &products, [alpha, beta, gamma]);
        let fit = match law {
            RateLaw::PhotoH2 { .. }
            | RateLaw::PhotoCo { .. }
            | RateLaw::PhotoC { .. }
            | RateLaw::GrainH2(_) => law.into(),
            law => Fit::new(law, range),
        };
        self.push((reactants, products, found), fit, outside);
        Ok(())
    }

    fn push(&mut self, identity: Identity, fit: Fit, outside: Extrapolation) {
        let same = self.last.as_ref() == Some(&identity);
        if let (true, Some((_, fits))) = (same, self.rows.last())
            && fits.iter().all(|other| other.range != fit.range)
        {
            fits.push(fit);
            return;
        }
        let (reactants, products, found) = identity.clone();
        let kind = match found {
            Some(Keyword::Agent(agent)) => agent.kind(),
            Some(Keyword::Other(_, kind)) => kind,
            Some(Keyword::H2Formation) => ReactionKind::Grain,
            Some(Keyword::IonPolar1 | Keyword::IonPolar2) | None => {
                self.rows.kind(&reactants, &products)
            }
        };
        let number = self.rows.origin.rows;
        self.rows.reaction(reactants, products, fit, kind, number);
        self.rows.outside(outside);
        self.last = Some(identity);
    }

    fn law(
        &mut self,
        line: &Line<'_>,
        found: Option<Keyword>,
        reactants: &[usize],
        products: &[usize],
        [alpha, beta, gamma]: [f64; 3],
    ) -> RateLaw {
        match found {
            None => RateLaw::Kooij { alpha, beta, gamma },
            Some(Keyword::IonPolar1) => RateLaw::IonPol1 { alpha, beta, gamma },
            Some(Keyword::IonPolar2) => RateLaw::IonPol2 { alpha, beta, gamma },
            Some(Keyword::Agent(Agent::CosmicRay)) => RateLaw::CosmicRay {
                alpha,
                reference: REFERENCE,
            },
            Some(Keyword::Agent(Agent::CosmicRayPhoton)) => RateLaw::CosmicRayPhoton {
                alpha,
                beta,
                gamma,
                reference: REFERENCE,
            },
            Some(Keyword::Agent(Agent::Photon)) => {
                let placeholder = alpha == 1.0;
                match self.rows.shielded(reactants, products, alpha, gamma) {
                    RateLaw::PhotoH2 { .. } if placeholder => RateLaw::PhotoH2 {
                        alpha: H2_DISSOCIATION,
                    },
                    law => law,
                }
            }
            Some(Keyword::H2Formation) => RateLaw::GrainH2(GrainH2::CazauxTielens2002),
            Some(Keyword::Other(name, _)) => self
                .rows
                .unsupported(line, format!("UCLCHEM process {name}")),
        }
    }
}

/// The names in these slots; behind an empty one there is no further.
fn slots<'l>(line: &Line<'l>, fields: &[&'l str]) -> Result<Vec<&'l str>, Error> {
    let mut names = Vec::with_capacity(fields.len());
    for (i, &field) in fields.iter().enumerate() {
        if field.is_empty() {
            return Err(line.error(field, format!("a name or {EMPTY}")));
        }
        if field == EMPTY {
            continue;
        }
        if names.len() < i {
            return Err(line.error(field, format!("names without {EMPTY} before them")));
        }
        names.push(field);
    }
    Ok(names)
}
