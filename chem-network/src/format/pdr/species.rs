//! The list of species of a 3D-PDR network: order, initial abundances, masses.

use super::super::line::{Line, fortran, head, lines, mostly};
use super::super::rows::Rows;
use crate::error::Error;
use crate::species::Species;

const FIELDS: usize = 4;
/// Masses are rounded to whole numbers in these files: largest difference from the mass of the name
/// \[u\].
const ROUNDING: f64 = 1.0;

/// Whether a text begins like a list of species: number, name, abundance, mass between commas.
#[must_use]
pub fn recognises_species(text: &str) -> bool {
    mostly(head(text, |line| line.trim().is_empty()), |line| {
        let fields: Vec<&str> = line.splitn(FIELDS + 1, ',').map(str::trim).collect();
        fields.len() == FIELDS
            && fields[0].parse::<u64>().is_ok()
            && fortran(fields[1]).is_none()
            && fields[2..].iter().all(|number| fortran(number).is_some())
    })
}

/// Reads the list into `rows`: species in its order, abundances in the origin.
pub(super) fn read(text: &str, file: &str, rows: &mut Rows<'_>) -> Result<(), Error> {
    let mut abundances = Vec::new();
    let mut electron: Option<Line<'_>> = None;
    for line in lines(text, file) {
        let line = line?;
        if line.text.trim().is_empty() {
            continue;
        }
        if let Some(electron) = electron {
            return Err(electron.error(electron.text.trim(), "the electron in the last line"));
        }
        let fields: Vec<&str> = line.split(b',')?.iter().map(|field| field.trim()).collect();
        let &[number, name, abundance, mass] = &fields[..] else {
            return Err(line.error("", "number, name, abundance and mass between commas"));
        };
        line.integer(number, "the number of the species")?;
        let abundance =
            line.not_negative(abundance, "the abundance relative to hydrogen nuclei")?;
        let species = species(&line, name, mass)?;
        if rows.known(species.name()).is_some() {
            return Err(line.error(name, "a species not listed before"));
        }
        if species.composition().is_empty() {
            electron = Some(line);
        }
        let index = rows.add(species);
        rows.spell(name, index);
        abundances.push(abundance);
    }
    if electron.is_none() {
        let last = lines(text, file).last().and_then(Result::ok);
        let end = last.unwrap_or(Line {
            file,
            number: 1,
            text: "",
        });
        return Err(end.error("", "the electron in the last line"));
    }
    rows.origin.abundances = Some(abundances);
    Ok(())
}

/// The species of a name; the mass of the file must be that of the name, and is taken where the name
/// gives none (PAH).
fn species(line: &Line<'_>, name: &str, text: &str) -> Result<Species, Error> {
    let species = Species::from_name(name)
        .map_err(|error| line.error(name, format!("the name of a species ({error})")))?;
    let mass = line.not_negative(text, "the mass [u]")?;
    let composition = species.composition();
    if composition.mass() == 0.0 && !composition.is_empty() {
        let composition = composition.clone();
        return Species::with_composition(name, composition, species.charge(), Some(mass));
    }
    if (mass - species.mass()).abs() > ROUNDING {
        let expected = format!(
            "the mass of {}, {:.3} u, rounded",
            species.name(),
            species.mass()
        );
        return Err(line.error(text, expected));
    }
    Ok(species)
}
