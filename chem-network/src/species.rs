//! Species: one spelling for the names of all databases, composition, charge and mass.

use crate::element::{ELECTRON_MASS, Element};
use crate::error::Error;

/// How many atoms of each element a species holds, sorted by element, counts ≥ 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Composition(Vec<(Element, u32)>);

impl Composition {
    /// No atoms: the electron.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Sums the given atoms; counts of 0 are left out.
    pub fn from_counts(counts: impl IntoIterator<Item = (Element, u32)>) -> Self {
        let mut composition = Self::default();
        for (element, count) in counts {
            composition.add(element, count);
        }
        composition
    }

    /// Reads a formula such as `C2H4` or `SiO` (no charge, no isomer prefix).
    ///
    /// # Errors
    /// [`Error::SpeciesName`] if the text is not a formula of known elements.
    pub fn from_formula(formula: &str) -> Result<Self, Error> {
        read_formula(formula, formula).map(|(composition, _)| composition)
    }

    fn add(&mut self, element: Element, count: u32) {
        if count == 0 {
            return;
        }
        match self.0.binary_search_by_key(&element, |&(e, _)| e) {
            Ok(i) => self.0[i].1 = self.0[i].1.saturating_add(count),
            Err(i) => self.0.insert(i, (element, count)),
        }
    }

    /// Atoms of `element` in one molecule.
    #[must_use]
    pub fn count(&self, element: Element) -> u32 {
        self.0
            .binary_search_by_key(&element, |&(e, _)| e)
            .map_or(0, |i| self.0[i].1)
    }

    /// The elements and their counts, in the order of [`Element`].
    pub fn iter(&self) -> impl Iterator<Item = (Element, u32)> + '_ {
        self.0.iter().copied()
    }

    /// Whether there are no atoms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Mass of the atoms \[u\], electrons not corrected for.
    #[must_use]
    pub fn mass(&self) -> f64 {
        self.iter()
            .map(|(element, count)| element.mass() * f64::from(count))
            .sum()
    }
}

impl std::fmt::Display for Composition {
    /// A formula that [`Composition::from_formula`] reads back.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (element, count) in self.iter() {
            f.write_str(element.symbol())?;
            if count > 1 {
                write!(f, "{count}")?;
            }
        }
        Ok(())
    }
}

/// A chemical species of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Species {
    name: String,
    composition: Composition,
    charge: i32,
    mass: f64,
}

impl Species {
    /// Reads name, composition, charge and mass from any database's spelling.
    ///
    /// `E`, `E-`, `e` → `e-`; upper-case element symbols (`HE`, `CL`, `SIO`) → `He`, `Cl`, `SiO`;
    /// isomer prefixes (`l-`, `c-`) and the order of the atoms (`HNC`, `HC2NC`) are kept, so that
    /// isomers stay apart. `GRAIN0`, `GRAIN-` and `GRAIN+` are dust grains.
    ///
    /// ```
    /// use chem_network::Species;
    /// let ion = Species::from_name("HCSI+")?;
    /// assert_eq!((ion.name(), ion.charge()), ("HCSi+", 1));
    /// assert_eq!(Species::from_name("CO")?.composition().to_string(), "CO");
    /// # Ok::<(), chem_network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SpeciesName`] if no composition can be read from the name.
    pub fn from_name(name: &str) -> Result<Self, Error> {
        let (name, composition, charge) = read_name(name)?;
        let mass = derived_mass(&composition, charge);
        Ok(Self {
            name,
            composition,
            charge,
            mass,
        })
    }

    /// A species whose composition, charge or mass \[u\] is not what its name says (a label such as
    /// `PAH`, an isotopologue); `None` for the mass derives it from composition and charge.
    ///
    /// # Errors
    /// [`Error::SpeciesName`] if the name is empty, has blanks or control characters, `;`, or reads
    /// as punctuation of the native format; [`Error::SpeciesProperty`] if the mass is negative or
    /// not finite.
    pub fn with_composition(
        name: &str,
        composition: Composition,
        charge: i32,
        mass: Option<f64>,
    ) -> Result<Self, Error> {
        let name = canonical_name(name)?;
        let mass = mass.unwrap_or_else(|| derived_mass(&composition, charge));
        if !(mass.is_finite() && mass >= 0.0) {
            return Err(Error::SpeciesProperty {
                name,
                property: "mass [u]",
                value: mass,
                expected: "a finite number, 0 or more",
            });
        }
        Ok(Self {
            name,
            composition,
            charge,
            mass,
        })
    }

    /// Its name in the one spelling of this crate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its atoms.
    #[must_use]
    pub fn composition(&self) -> &Composition {
        &self.composition
    }

    /// Its charge in units of the elementary charge.
    #[must_use]
    pub fn charge(&self) -> i32 {
        self.charge
    }

    /// Its mass \[u\]: atoms minus missing electrons. Grains count 0, so that mass is conserved by
    /// every reaction that conserves elements and charge.
    #[must_use]
    pub fn mass(&self) -> f64 {
        self.mass
    }
}

/// Mass \[u\] of these atoms with this charge, at least 0.
pub(crate) fn derived_mass(composition: &Composition, charge: i32) -> f64 {
    (composition.mass() - f64::from(charge) * ELECTRON_MASS).max(0.0)
}

/// The one spelling of a name: normalised where it can be read, unchanged where it is a label.
///
/// # Errors
/// [`Error::SpeciesName`] for a text that cannot be a name at all.
pub(crate) fn canonical_name(name: &str) -> Result<String, Error> {
    let refuse = |reason: &str| {
        Err(Error::SpeciesName {
            name: name.to_owned(),
            reason: reason.to_owned(),
        })
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == ';')
    {
        return refuse("it holds a blank, a control character or `;`");
    }
    if name.starts_with('[') || matches!(name, "+" | "->" | "#") || name.starts_with("##") {
        return refuse("it reads as punctuation");
    }
    Ok(read_name(name).map_or_else(|_| name.to_owned(), |(name, _, _)| name))
}

/// Name, composition and charge of a species in any database's spelling.
fn read_name(raw: &str) -> Result<(String, Composition, i32), Error> {
    if matches!(raw, "e-" | "E" | "E-" | "e") {
        return Ok(("e-".to_owned(), Composition::empty(), -1));
    }
    let bare = raw.trim_end_matches(['+', '-']);
    let signs = &raw[bare.len()..];
    let mut charge = signs
        .chars()
        .map(|sign| if sign == '+' { 1 } else { -1 })
        .sum::<i32>();
    if signs.contains('+') && signs.contains('-') {
        return Err(Error::SpeciesName {
            name: raw.to_owned(),
            reason: "it ends in both signs".to_owned(),
        });
    }
    if (bare == "GRAIN" && charge != 0) || raw == "GRAIN0" {
        let grain = Composition::from_counts([(Element::GRAIN, 1)]);
        return Ok((raw.to_owned(), grain, charge));
    }
    let (prefix, formula) = split_prefix(bare);
    let mut composition = Composition::empty();
    let mut name = prefix.to_owned();
    // A weakly bound complex is written with its charge inside, `OCS+H2`.
    for (i, part) in formula.split('+').enumerate() {
        let (atoms, spelled) = read_formula(part, raw)?;
        for (element, count) in atoms.iter() {
            composition.add(element, count);
        }
        if i > 0 {
            name.push('+');
            charge += 1;
        }
        name.push_str(&spelled);
    }
    name.push_str(signs);
    Ok((name, composition, charge))
}

/// Splits an isomer prefix (`l-`, `c-`, `o-` …: one lower-case letter and a hyphen) from a formula.
fn split_prefix(name: &str) -> (&str, &str) {
    match name.as_bytes() {
        [letter, b'-', next, ..] if letter.is_ascii_lowercase() && next.is_ascii_uppercase() => {
            name.split_at(2)
        }
        _ => ("", name),
    }
}

/// Reads the atoms of a formula; also returns it with element symbols in their usual spelling.
/// A formula without lower-case letters is read as upper-case spelling (`HE`, `SIO`): no element of
/// one letter is E, I, L, R, G or A, so the longer symbol is always the right one there.
fn read_formula(formula: &str, whole: &str) -> Result<(Composition, String), Error> {
    let refuse = |reason: String| Error::SpeciesName {
        name: whole.to_owned(),
        reason,
    };
    if formula.is_empty() {
        return Err(refuse("no formula in it".to_owned()));
    }
    if !formula.is_ascii() {
        return Err(refuse("not all of it is ASCII".to_owned()));
    }
    let upper_case = !formula.bytes().any(|b| b.is_ascii_lowercase());
    let mut composition = Composition::empty();
    let mut spelled = String::with_capacity(formula.len());
    let mut rest = formula;
    while !rest.is_empty() {
        let two = rest.get(..2).and_then(|text| {
            if upper_case {
                Element::from_upper_case(text)
            } else {
                Element::from_symbol(text)
            }
        });
        let one = || Element::from_symbol(&rest[..1]);
        let (element, length) = match two {
            Some(element) => (element, 2),
            None => (
                one().ok_or_else(|| refuse(format!("no known element at its part {rest:?}")))?,
                1,
            ),
        };
        // `Co` and the like: an upper-case symbol followed by a stray lower-case letter.
        let after = &rest[length..];
        if after.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(refuse(format!("no known element at its part {rest:?}")));
        }
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count = match &after[..digits] {
            "" => 1,
            text => text
                .parse::<u32>()
                .ok()
                .filter(|&n| (1..=9999).contains(&n) && !text.starts_with('0'))
                .ok_or_else(|| refuse(format!("{text} atoms of {element}")))?,
        };
        composition.add(element, count);
        spelled.push_str(element.symbol());
        spelled.push_str(&after[..digits]);
        rest = &after[digits..];
    }
    Ok((composition, spelled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> (String, String, i32) {
        let species = Species::from_name(name).unwrap();
        (
            species.name().to_owned(),
            species.composition().to_string(),
            species.charge(),
        )
    }

    #[test]
    fn spellings_of_all_databases() {
        for (raw, name, formula, charge) in [
            ("E", "e-", "", -1),
            ("e-", "e-", "", -1),
            ("E-", "e-", "", -1),
            ("HE", "He", "He", 0),
            ("HEH+", "HeH+", "HHe", 1),
            ("CL", "Cl", "Cl", 0),
            ("CCL+", "CCl+", "CCl", 1),
            ("CO", "CO", "CO", 0),
            ("SIO2", "SiO2", "O2Si", 0),
            ("SINC+", "SiNC+", "CNSi", 1),
            ("FE+", "Fe+", "Fe", 1),
            ("MG", "Mg", "Mg", 0),
            ("NAOH", "NaOH", "HONa", 0),
            ("Cl", "Cl", "Cl", 0),
            ("l-C3H2", "l-C3H2", "H2C3", 0),
            ("c-C3H", "c-C3H", "HC3", 0),
            ("HC2NC", "HC2NC", "HC3N", 0),
            ("OCS+H2", "OCS+H2", "H2COS", 1),
            ("GRAIN0", "GRAIN0", "GRAIN", 0),
            ("GRAIN-", "GRAIN-", "GRAIN", -1),
            ("C10H2+", "C10H2+", "H2C10", 1),
            ("C2H5OH2+", "C2H5OH2+", "H7C2O", 1),
            ("O++", "O++", "O", 2),
        ] {
            assert_eq!(
                read(raw),
                (name.to_owned(), formula.to_owned(), charge),
                "{raw}"
            );
            assert_eq!(read(name).0, name, "normalising twice changes {raw}");
        }
    }

    #[test]
    fn names_that_are_refused() {
        for raw in [
            "",
            "Co",
            "XYZ",
            "H0",
            "H+-",
            "+",
            "2H",
            "he",
            "Hé",
            "H 2",
            "-",
            "c-",
            "CR",
            "CRP",
            "PHOTON",
            "GRAIN",
            "M",
            "C99999999999",
        ] {
            assert!(
                matches!(Species::from_name(raw), Err(Error::SpeciesName { .. })),
                "{raw}: {:?}",
                Species::from_name(raw)
            );
        }
    }

    #[test]
    fn masses() {
        // H2O: 2 x 1.0080 + 15.999; the ion lacks one electron.
        let water = Species::from_name("H2O").unwrap();
        let ion = Species::from_name("H2O+").unwrap();
        let electron = Species::from_name("E").unwrap();
        assert!((water.mass() - 18.015).abs() < 1e-12);
        assert!((water.mass() - ion.mass() - electron.mass()).abs() < 1e-12);
        assert!((electron.mass() - 5.485_799_090_65e-4).abs() < 1e-18);
    }
}
