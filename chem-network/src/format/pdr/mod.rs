//! Networks of 3D-PDR (Bisbas et al. 2012, MNRAS 427, 2100): `rates_*.d` with `species_*.d`.
//!
//! The rates: fields separated by commas, number, three reactants, four products, α, β, γ, source
//! (letter), Tmin, Tmax, accuracy (letter) and optionally a reference (in double quotes). Empty
//! fields are blank. The species: number, name, abundance relative to hydrogen nuclei, mass \[u\],
//! with the electron last; their order is that of the network, the abundances are its
//! [initial ones](Network::initial_abundances). [`read_network`](crate::read_network) finds the
//! species beside the rates by the name, `rates` in it replaced by `species`; without them the rates
//! can be read alone, species in the order in which they come up. Blank lines are read over.
//!
//! | keyword | law |
//! |---|---|
//! | none | k = α (T/300)^β exp(−γ/T); with a PAH among the reactants 0.4 α (T/100)^β (Wolfire et al. 2003, 2008) |
//! | `CRP`, `CRPHOT` | as in [`umist`](super::umist), ζ₀ = 1.3e-17 s⁻¹ |
//! | `PHOTON` | k = α χ exp(−γ A_V); self-shielded for H2 → H + H, CO → C + O and C → C+ + e- |
//! | H + H (+ `#`) → H2 | on grains after Cazaux & Tielens (2002), α and β unused |
//! | others with `#` | k = α (T/300)^β exp(−γ/T) |
//! | `FREEZE`, `ELFRZE`, `CRH`, `PHOTD`, `THERM`, `XRAY`, `XRSEC`, `XRLYA`, `XRPHOT` | kept as [`RateLaw::Unsupported`] under their names |
//!
//! Consecutive lines of one reaction are fits. As in 3D-PDR, the first with T ≤ Tmax holds: a gap
//! between two ranges belongs to the upper one. And k = 0 below Tmin where γ < −200 in the first fit
//! (the exponential would run away): written as a further fit of α = 0 from 0 to Tmin. The code's
//! halved photoionisation of S is not followed.

mod species;

use super::line::{Line, fortran, head, lines, mostly};
use super::rows::{Agent, Rows, gapless, range};
use super::umist::REFERENCE;
use super::{Format, stem};
use crate::error::Error;
use crate::network::Network;
use crate::rate::{Fit, GrainH2, RateLaw, TemperatureRange};
use crate::reaction::ReactionKind;

pub use species::recognises_species;

/// Fewest and most fields of a line.
const FEWEST: usize = 15;
const MOST: usize = 16;
/// Below this γ \[K\] a fit is not extrapolated to lower temperatures.
const STEEPEST: f64 = -200.0;
/// Factor on the reactions with PAHs (Wolfire et al. 2008, ApJ 680, 384).
const PHI_PAH: f64 = 0.4;

/// Whether a text begins like the rates of 3D-PDR: most of its first lines have a number, seven
/// names, three numbers, a letter or nothing, and two numbers between commas.
#[must_use]
pub fn recognises(text: &str) -> bool {
    mostly(head(text, |line| line.trim().is_empty()), |line| {
        let fields: Vec<&str> = line.splitn(MOST + 2, ',').map(str::trim).collect();
        let number = |at: usize| fields.get(at).is_some_and(|f| fortran(f).is_some());
        fields.len() >= FEWEST
            && fields[0].parse::<u64>().is_ok()
            && fields[1..8].iter().all(|name| name.len() <= 10)
            && [8, 9, 10, 12, 13].into_iter().all(number)
            && fields[11].len() <= 1
    })
}

/// Reads the rates alone; `file` is the name that errors and sources show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    read(text, Rows::new(file, Format::Pdr), false)
}

/// Reads the rates and the species; each text comes with the name that errors show.
///
/// # Errors
/// As [`parse`]; a reaction with a species that is not in the list is one, too.
pub fn parse_with_species(
    (rates, rates_file): (&str, &str),
    (species, species_file): (&str, &str),
) -> Result<Network, Error> {
    let mut rows = Rows::new(rates_file, Format::Pdr);
    species::read(species, species_file, &mut rows)?;
    read(rates, rows, true)
}

fn read(text: &str, rows: Rows<'_>, listed: bool) -> Result<Network, Error> {
    let file = rows.file();
    let mut reader = Reader {
        rows,
        listed,
        last: None,
    };
    for line in lines(text, file) {
        let line = line?;
        if line.text.trim().is_empty() {
            reader.rows.origin.skip("blank line");
        } else {
            reader.row(&line)?;
        }
    }
    reader.close();
    reader.rows.finish(format!("3D-PDR network {}", stem(file)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keyword {
    Agent(Agent),
    /// `#`: on grains.
    Grain,
    /// A process without an implementation.
    Other(&'static str, ReactionKind),
}

fn keyword(name: &str) -> Option<Keyword> {
    use ReactionKind as Kind;
    Some(match name {
        "PHOTON" => Keyword::Agent(Agent::Photon),
        "CRP" => Keyword::Agent(Agent::CosmicRay),
        "CRPHOT" => Keyword::Agent(Agent::CosmicRayPhoton),
        "#" => Keyword::Grain,
        "FREEZE" => Keyword::Other("FREEZE", Kind::FreezeOut),
        "ELFRZE" => Keyword::Other("ELFRZE", Kind::FreezeOut),
        "CRH" => Keyword::Other("CRH", Kind::CosmicRayDesorption),
        "PHOTD" => Keyword::Other("PHOTD", Kind::PhotoDesorption),
        "THERM" => Keyword::Other("THERM", Kind::ThermalDesorption),
        "XRAY" => Keyword::Other("XRAY", Kind::XRay),
        "XRSEC" => Keyword::Other("XRSEC", Kind::XRaySecondary),
        "XRLYA" => Keyword::Other("XRLYA", Kind::XRayLymanAlpha),
        "XRPHOT" => Keyword::Other("XRPHOT", Kind::XRayPhoton),
        _ => return None,
    })
}

/// Reactants, products and keyword of the last reaction.
type Identity = (Vec<usize>, Vec<usize>, Option<Keyword>);

struct Reader<'a> {
    rows: Rows<'a>,
    /// Whether the species come from a list: no others are allowed then.
    listed: bool,
    last: Option<Identity>,
}

impl Reader<'_> {
    fn row(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let fields: Vec<&str> = line.split(b',')?.iter().map(|field| field.trim()).collect();
        if !(FEWEST..=MOST).contains(&fields.len()) {
            let expected = format!("{FEWEST} to {MOST} fields between commas");
            return Err(line.error(fields.get(MOST).unwrap_or(&""), expected));
        }
        let number = line.integer(fields[0], "the number of the reaction")?;
        let entering = gapless(line, &fields[1..4])?;
        let leaving = gapless(line, &fields[4..8])?;
        if self.listed {
            self.all_listed(line, entering.iter().chain(&leaving))?;
        }
        let (reactants, found) = self.rows.reactants(line, &entering, keyword)?;
        if reactants.is_empty() {
            return Err(line.error(fields[1], "a species among the reactants"));
        }
        let emitted = |name: &str| {
            matches!(
                keyword(name),
                Some(Keyword::Grain | Keyword::Agent(Agent::Photon))
            )
        };
        let products = self.rows.products(line, &leaving, emitted)?;
        if products.is_empty() {
            return Err(line.error(fields[4], "a species among the products"));
        }
        let alpha = line.not_negative(fields[8], "α")?;
        let beta = line.number(fields[9], "β")?;
        let gamma = line.number(fields[10], "γ")?;
        for at in [11, 14] {
            let letter = fields.get(at).copied().unwrap_or_default();
            if letter.len() > 1 || !letter.bytes().all(|b| b.is_ascii_uppercase()) {
                return Err(line.error(letter, "one letter (source, later accuracy) or nothing"));
            }
        }
        let min = line.not_negative(fields[12], "Tmin")?;
        let max = line.not_negative(fields[13], "Tmax")?;
        let range = match min == 0.0 && max == 0.0 {
            true => None,
            false => Some(range(line, fields[12], min, max)?),
        };
        self.rows.origin.rows += 1;
        let identity = (reactants, products, found);
        let law = self.law(line, &identity, [alpha, beta, gamma], fields[10])?;
        self.push(identity, Fit::new(law, range), number);
        Ok(())
    }

    fn all_listed<'n>(
        &self,
        line: &Line<'_>,
        names: impl Iterator<Item = &'n &'n str>,
    ) -> Result<(), Error> {
        for name in names {
            if keyword(name).is_none() && self.rows.known(name).is_none() {
                return Err(line.error(name, "a species of the list of species, or a keyword"));
            }
        }
        Ok(())
    }

    /// A further fit of the last reaction, or a new one.
    fn push(&mut self, identity: Identity, mut fit: Fit, number: i64) {
        if self.last.as_ref() == Some(&identity)
            && let Some((_, fits)) = self.rows.last()
        {
            fit.range = above(fits.last().and_then(|below| below.range), fit.range);
            fits.push(fit);
            return;
        }
        self.close();
        let (reactants, products, found) = identity.clone();
        let kind = match found {
            Some(Keyword::Agent(agent)) => agent.kind(),
            Some(Keyword::Other(_, kind)) => kind,
            Some(Keyword::Grain) => ReactionKind::Grain,
            None if self.forms_h2(&identity) => ReactionKind::Grain,
            None => self.rows.kind(&reactants, &products),
        };
        self.rows.reaction(reactants, products, fit, kind, number);
        self.last = Some(identity);
    }

    /// Ends a reaction: nothing below the range of a first fit that is too steep to be extrapolated.
    fn close(&mut self) {
        let Some((_, fits)) = self.rows.last() else {
            return;
        };
        if let Some(Fit {
            law: RateLaw::Kooij { gamma, .. },
            range: Some(range),
        }) = fits.first()
            && *gamma < STEEPEST
            && let Ok(below) = TemperatureRange::new(0.0, range.min())
        {
            let nothing = RateLaw::Kooij {
                alpha: 0.0,
                beta: 0.0,
                gamma: 0.0,
            };
            fits.push(Fit::new(nothing, below));
        }
    }

    fn is(&self, members: &[usize], names: &[&str]) -> bool {
        self.rows.is(members, names)
    }

    fn forms_h2(&self, (reactants, products, _): &Identity) -> bool {
        self.is(reactants, &["H", "H"]) && self.is(products, &["H2"])
    }

    fn law(
        &mut self,
        line: &Line<'_>,
        identity: &Identity,
        [alpha, beta, gamma]: [f64; 3],
        gamma_text: &str,
    ) -> Result<RateLaw, Error> {
        let (reactants, products, found) = identity;
        let pah = |&i: &usize| self.rows.get(i).composition().count(crate::Element::PAH) > 0;
        Ok(match found {
            Some(Keyword::Other(name, _)) => self
                .rows
                .unsupported(line, format!("3D-PDR process {name}")),
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
                self.rows.shielded(reactants, products, alpha, gamma)
            }
            Some(Keyword::Grain) | None if self.forms_h2(identity) => {
                RateLaw::GrainH2(GrainH2::CazauxTielens2002)
            }
            None if reactants.iter().any(pah) => {
                if gamma != 0.0 {
                    return Err(line.error(gamma_text, "0, reactions with PAHs have no γ"));
                }
                // (T/100)^β = 3^β (T/300)^β
                RateLaw::Kooij {
                    alpha: alpha * PHI_PAH * 3f64.powf(beta),
                    beta,
                    gamma,
                }
            }
            Some(Keyword::Grain) | None => RateLaw::Kooij { alpha, beta, gamma },
        })
    }
}

/// The range of a fit above another one, its lower end moved to the other's upper end.
fn above(
    below: Option<TemperatureRange>,
    range: Option<TemperatureRange>,
) -> Option<TemperatureRange> {
    let (Some(below), Some(range)) = (below, range) else {
        return range;
    };
    match TemperatureRange::new(below.max(), range.max()) {
        Ok(moved) => Some(moved),
        Err(_) => Some(range),
    }
}
