//! Fixed-column files of the KIDA database (`kida.uva.2014`, `kida.uva.2024`) and networks written
//! in their form (Gong, Ostriker & Wolfire 2017).
//!
//! Three reactants of ten characters in columns 1–34, five products in 35–91, a blank behind each;
//! then, with a blank between them, A (91–100), B (102–111), C (113–122), the uncertainty F (124–131),
//! g (133–140) and its kind (142–145: logn, norm, logu, unif), itype (147–149), Tmin and Tmax
//! (151–155, 157–162), the formula (164–165), the number of the reaction (167–171), the number of
//! the fit (173) and the recommendation (175–176). Letters of the kind and of
//! names may be upper or lower case. A line that is blank or begins with `!` is a comment.
//!
//! Rows with the same number are fits of one reaction. −9999 and 9999 are open ends of a range. F, g
//! and the recommendation are checked and not kept.
//!
//! | reactant | formula | law |
//! |---|---|---|
//! | `CR`, `CRP` | 1 | k = A ζ (A per ζ) |
//! | `Photon` | 2 | k = A χ exp(−C A_V) |
//! | none | 3, 4, 5 | modified Arrhenius, ionpol1, ionpol2 |
//! | none | 0 | with grains as species, k = A (T/300)^B |
//! | any | others, and 4 and 5 with β < 0 | kept as [`RateLaw::Unsupported`]: 6 Troe fall-off; 7 set in the code that uses the file; 10, 11 H2 formation with the gas-to-dust ratio of Nautilus |
//!
//! A row with `CR`, `CRP` or `Photon` whose type or formula says another of them (25 rows of the 2024
//! file) is taken by its reactant, with a [remark](crate::Network::remarks): A = 1e4 with `CRP` is no
//! rate per second, A = 1.9e-9 and C = 1.7 with `Photon` are nothing per ζ.

use super::line::{Line, fortran, head, lines, mostly};
use super::rows::{Agent, Rows, range};
use super::{Format, stem};
use crate::error::Error;
use crate::network::Network;
use crate::rate::{Fit, RateLaw, TemperatureRange};

/// First columns of the names, from 0.
const REACTANTS: [usize; 3] = [0, 11, 22];
const PRODUCTS: [usize; 5] = [34, 45, 56, 67, 78];
/// Columns of the numbers, from 0: A, B, C, F, g.
const NUMBERS: [(usize, usize, &str); 5] = [
    (90, 100, "A"),
    (101, 111, "B"),
    (112, 122, "C"),
    (123, 131, "the uncertainty F"),
    (132, 140, "the uncertainty's g"),
];
const UNCERTAINTY: (usize, usize) = (141, 145);
const ITYPE: (usize, usize) = (146, 149);
const T_MIN: (usize, usize) = (150, 155);
const T_MAX: (usize, usize) = (156, 162);
const FORMULA: (usize, usize) = (163, 165);
const NUMBER: (usize, usize) = (166, 171);
const FIT: (usize, usize) = (172, 173);
const RECOMMENDATION: (usize, usize) = (174, 176);
/// Columns that are blank in every row.
const SEPARATORS: [usize; 20] = [
    10, 21, 32, 33, 44, 55, 66, 77, 88, 89, 100, 111, 122, 131, 140, 145, 149, 155, 162, 165,
];

/// Whether a text begins like a KIDA file: most of its first rows have numbers and the kind of
/// uncertainty where they belong.
#[must_use]
pub fn recognises(text: &str) -> bool {
    mostly(head(text, is_comment), |text| {
        let line = Line {
            file: "",
            number: 0,
            text,
        };
        let number = |(from, to)| fortran(line.columns(from, to).trim()).is_some();
        text.len() > FORMULA.0
            && NUMBERS[..3].iter().all(|&(from, to, _)| number((from, to)))
            && is_uncertainty(columns(&line, UNCERTAINTY))
            && number(FORMULA)
    })
}

fn is_comment(line: &str) -> bool {
    line.starts_with('!') || line.trim().is_empty()
}

fn is_uncertainty(text: &str) -> bool {
    ["logn", "norm", "logu", "unif"]
        .iter()
        .any(|kind| kind.eq_ignore_ascii_case(text.trim()))
}

fn columns<'a>(line: &Line<'a>, (from, to): (usize, usize)) -> &'a str {
    line.columns(from, to)
}

/// Reads a KIDA file from its text; `file` is the name that errors and sources show.
///
/// # Errors
/// [`Error::Syntax`] with file, line, column, the text found and what was expected.
pub fn parse(text: &str, file: &str) -> Result<Network, Error> {
    let mut reader = Reader {
        rows: Rows::new(file, Format::Kida),
        last: None,
    };
    for line in lines(text, file) {
        let line = line?;
        if line.text.trim().is_empty() {
            reader.rows.origin.skip("blank line");
        } else if is_comment(line.text) {
            reader.rows.origin.skip("comment");
        } else {
            reader.row(&line)?;
        }
    }
    reader.rows.finish(format!("KIDA network {}", stem(file)))
}

fn agent(name: &str) -> Option<Agent> {
    match name {
        "CR" => Some(Agent::CosmicRay),
        "CRP" => Some(Agent::CosmicRayPhoton),
        _ if name.eq_ignore_ascii_case("photon") => Some(Agent::Photon),
        _ => None,
    }
}

/// Reactants, products and the number of a reaction, to tell a further fit from a new reaction.
#[derive(PartialEq, Eq)]
struct Identity {
    number: i64,
    reactants: Vec<usize>,
    products: Vec<usize>,
    agent: Option<Agent>,
}

struct Reader<'a> {
    rows: Rows<'a>,
    last: Option<Identity>,
}

impl Reader<'_> {
    fn row(&mut self, line: &Line<'_>) -> Result<(), Error> {
        line.printable_ascii()?;
        for at in SEPARATORS {
            let found = line.columns(at, at + 1);
            if !matches!(found, "" | " ") {
                return Err(line.error(found, "a blank (columns are fixed)"));
            }
        }
        let entering = names(line, &REACTANTS, "a reactant")?;
        let (reactants, agent_found) = self.rows.reactants(line, &entering, agent)?;
        if reactants.is_empty() {
            return Err(line.error(line.columns(0, 10), "a species among the reactants"));
        }
        let emitted = |name: &str| agent(name) == Some(Agent::Photon);
        let leaving = names(line, &PRODUCTS, "a product")?;
        let products = self.rows.products(line, &leaving, emitted)?;
        if products.is_empty() {
            return Err(line.error(line.columns(34, 44), "a species among the products"));
        }
        let [alpha, beta, gamma, ..] = numbers(line)?;
        let kind = columns(line, UNCERTAINTY);
        if !is_uncertainty(kind) {
            return Err(line.error(kind, "the kind of uncertainty: logn, norm, logu or unif"));
        }
        let integer = |at, what| line.integer(columns(line, at), what);
        let itype = integer(ITYPE, "the type of the reaction")?;
        let range = temperatures(line)?;
        let formula = integer(FORMULA, "the number of the formula")?;
        let number = integer(NUMBER, "the number of the reaction")?;
        for (at, what) in [
            (FIT, "the number of the fit"),
            (RECOMMENDATION, "the recommendation"),
        ] {
            integer(at, what)?;
        }
        let rest = line.columns(RECOMMENDATION.1, line.text.len());
        if !rest.trim().is_empty() {
            return Err(line.error(rest.trim_start(), "the end of the line"));
        }
        if alpha < 0.0 {
            let text = line.columns(NUMBERS[0].0, NUMBERS[0].1);
            return Err(line.error(text.trim(), "A, 0 or more"));
        }
        let law = self.law(line, agent_found, (itype, formula), [alpha, beta, gamma])?;
        self.push(
            Identity {
                number,
                reactants,
                products,
                agent: agent_found,
            },
            Fit::new(law, range),
        );
        Ok(())
    }

    /// A further fit of the last reaction, or a new one.
    fn push(&mut self, identity: Identity, fit: Fit) {
        self.rows.origin.rows += 1;
        let same = self.last.as_ref() == Some(&identity);
        if let (true, Some((_, fits))) = (same, self.rows.last()) {
            fits.push(fit);
            return;
        }
        let (reactants, products) = (identity.reactants.clone(), identity.products.clone());
        let kind = match identity.agent {
            Some(agent) => agent.kind(),
            None => self.rows.kind(&reactants, &products),
        };
        self.rows
            .reaction(reactants, products, fit, kind, identity.number);
        self.last = Some(identity);
    }

    fn law(
        &mut self,
        line: &Line<'_>,
        agent: Option<Agent>,
        (itype, formula): (i64, i64),
        [alpha, beta, gamma]: [f64; 3],
    ) -> Result<RateLaw, Error> {
        let unused = |value: f64, at: usize| {
            let (from, to, name) = NUMBERS[at];
            let expected = format!("0, formula {formula} has no {name}");
            match value == 0.0 {
                true => Ok(()),
                false => Err(line.error(line.columns(from, to).trim(), expected)),
            }
        };
        let cosmic = RateLaw::CosmicRay {
            alpha,
            reference: 1.0,
        };
        let photo = RateLaw::Photo { alpha, gamma };
        match (agent, formula) {
            (Some(Agent::CosmicRay | Agent::CosmicRayPhoton), 1 | 2) => {
                unused(beta, 1)?;
                unused(gamma, 2)?;
                self.contradiction(line, (itype, formula), matches!(itype, 1 | 2), formula == 1);
                Ok(cosmic)
            }
            (Some(Agent::Photon), 1 | 2) => {
                unused(beta, 1)?;
                self.contradiction(line, (itype, formula), itype == 3, formula == 2);
                Ok(photo)
            }
            (None, 3) => Ok(RateLaw::Kooij { alpha, beta, gamma }),
            // β is a branching ratio: some rows of KIDA 2024 hold Kooij parameters under these formulae.
            (None, 4 | 5) if alpha * beta < 0.0 => {
                let reason = format!(
                    "formula {formula} with a branching ratio of {beta}: its rate coefficient is negative"
                );
                Ok(self.rows.unsupported(line, reason))
            }
            (None, 4) => Ok(RateLaw::IonPol1 { alpha, beta, gamma }),
            (None, 5) => Ok(RateLaw::IonPol2 { alpha, beta, gamma }),
            (None, 0) => {
                unused(gamma, 2)?;
                Ok(RateLaw::Kooij { alpha, beta, gamma })
            }
            (None, 1 | 2) | (Some(_), 0 | 3..=5) => {
                let found = columns(line, FORMULA).trim();
                let expected = "a formula that fits the reactants (1 with CR or CRP, 2 with Photon, \
                                0 and 3–5 without)";
                Err(line.error(found, expected))
            }
            _ => Ok(self.rows.unsupported(line, reason(formula))),
        }
    }

    /// Tells of a type or a formula that contradicts the reactant.
    fn contradiction(
        &mut self,
        line: &Line<'_>,
        (itype, formula): (i64, i64),
        type_agrees: bool,
        formula_agrees: bool,
    ) {
        let what = match (type_agrees, formula_agrees) {
            (true, true) => return,
            (false, true) => format!("type {itype} contradicts"),
            (true, false) => format!("formula {formula} contradicts"),
            (false, false) => format!("type {itype} and formula {formula} contradict"),
        };
        self.rows.remark(
            line,
            format!("{what} the reactant, by which the row is taken"),
        );
    }
}

fn reason(formula: i64) -> String {
    let what = match formula {
        6 => "Troe fall-off",
        7 => "set in the code that uses the file",
        10 | 11 => "H2 formation by the gas-to-dust ratio of Nautilus",
        _ => "unknown",
    };
    format!("KIDA formula {formula} ({what})")
}

fn numbers(line: &Line<'_>) -> Result<[f64; 5], Error> {
    let mut values = [0.0; 5];
    for (value, (from, to, name)) in values.iter_mut().zip(NUMBERS) {
        let text = line.columns(from, to);
        *value = line.number(trimmed(text), name)?;
    }
    Ok(values)
}

/// Without blanks around it; where there is nothing else, as it is, so that errors find its place.
fn trimmed(text: &str) -> &str {
    match text.trim() {
        "" => text,
        inner => inner,
    }
}

fn temperatures(line: &Line<'_>) -> Result<Option<TemperatureRange>, Error> {
    let low = trimmed(columns(line, T_MIN));
    let high = trimmed(columns(line, T_MAX));
    let min = line.number(low, "Tmin")?;
    let max = line.number(high, "Tmax")?;
    let min = if min == -9999.0 { 0.0 } else { min };
    let max = if max == 9999.0 { f64::INFINITY } else { max };
    if min == 0.0 && max.is_infinite() {
        return Ok(None);
    }
    range(line, low, min, max).map(Some)
}

/// The names in the fields of ten columns that begin at `starts`, gapless and left-justified.
fn names<'a>(line: &Line<'a>, starts: &[usize], what: &str) -> Result<Vec<&'a str>, Error> {
    let mut found = Vec::with_capacity(starts.len());
    let mut gap = false;
    for &from in starts {
        let field = line.columns(from, from + 10);
        let name = field.trim_end();
        if name.is_empty() {
            gap = true;
        } else if name.contains(' ') {
            return Err(line.error(field, format!("{what}, left-justified in 10 columns")));
        } else if gap {
            let expected = "names without a gap before them (columns are fixed)";
            return Err(line.error(name, expected));
        } else {
            found.push(name);
        }
    }
    Ok(found)
}
