//! Species: one spelling for the names of all databases, composition, charge and mass.

mod name;

use crate::element::{ELECTRON_MASS, Element};
use crate::error::Error;

use name::{read_formula, read_name};

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

    /// Reads a formula such as `C2H4`, `SiO`, `(CH3)2CO` or `H(13C)N` (no charge, no isomer prefix).
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
    /// A formula that [`Composition::from_formula`] reads back: isotopes in parentheses, and a symbol
    /// whose mass number the count before it could be (`He37(Cl)`, not 37Cl).
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut count_before = String::new();
        for (element, count) in self.iter() {
            let symbol = element.symbol();
            let is_isotope = symbol.starts_with(|c: char| c.is_ascii_digit());
            let mass_number = count_before
                .len()
                .checked_sub(2)
                .map(|at| &count_before[at..]);
            if is_isotope || mass_number.is_some_and(|n| Element::isotope(n, symbol).is_some()) {
                write!(f, "({symbol})")?;
            } else {
                f.write_str(symbol)?;
            }
            count_before.clear();
            if count > 1 {
                count_before = count.to_string();
                f.write_str(&count_before)?;
            }
        }
        Ok(())
    }
}

/// Where a species is: its composition is the same in every phase, its name is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// In the gas (dust grains, too).
    #[default]
    Gas,
    /// On the surface of the ice of grains: names begin with `#`.
    Surface,
    /// In the bulk of the ice: names begin with `@`.
    Bulk,
}

impl Phase {
    fn of(name: &str) -> Self {
        match name.as_bytes() {
            [b'#', ..] => Self::Surface,
            [b'@', ..] => Self::Bulk,
            _ => Self::Gas,
        }
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
    /// | spelled | becomes |
    /// |---|---|
    /// | `E`, `E-`, `e` | `e-` |
    /// | `HE`, `CL`, `SIO`: upper-case element symbols | `He`, `Cl`, `SiO` |
    /// | `C-C3H`, `cC3H`, `CYCLIC-C3H`; `oH2`; `TRANS-…`: isomers and spin states | `c-C3H`, `o-H2`, `trans-…` |
    /// | `#CO`, `JCO`, `CO_DUST`, `CO_ICE`, `XH`: surface of the ice | `#CO`, `#H` |
    /// | `@CO`: bulk of the ice | `@CO` |
    /// | `H(13C)N`, `H13CN`; `C(18)O`: isotopologues | `H13CN`, `C18O` |
    /// | `PAH0`, `PAH`, `PAH-`; `GRAIN0`, `GRAIN-`, `GRAIN+` | as wholes; `PAH0` is `PAH` |
    /// | `CHx`, `OHx`: lumped CH, CH2 … and OH, H2O … of Gong et al. (2017), with the atoms of CH and OH | unchanged |
    ///
    /// Isomer prefixes and the order of the atoms (`HNC`, `HC2NC`, `H2CCC`) and a mark of excitation
    /// (`H2*`) are kept, so that isomers and states stay apart. Two digits before a symbol of which
    /// they are a mass number in this crate's table (`13C`, `15N`, `17O`, `18O`, …) are one.
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

    /// Where it is: gas, surface or bulk of the ice.
    #[must_use]
    pub fn phase(&self) -> Phase {
        Phase::of(&self.name)
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
    if name.starts_with('[') || matches!(name, "+" | "->" | "#" | "@") || name.starts_with("##") {
        return refuse("it reads as punctuation");
    }
    Ok(read_name(name).map_or_else(|_| name.to_owned(), |(name, _, _)| name))
}
