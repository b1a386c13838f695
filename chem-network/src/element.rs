//! The elements that occur in astrochemical networks, with their atomic weights; for species and checks.

/// Unified atomic mass of the electron \[u\] (CODATA 2018).
pub const ELECTRON_MASS: f64 = 5.485_799_090_65e-4;

/// Symbol and standard atomic weight \[u\] (IUPAC 2021, abridged; D and the isotopes with a mass number
/// are nuclide masses of AME 2020). `GRAIN` counts dust grains (`GRAIN0`, `GRAIN-`) and `PAH` large
/// aromatic molecules of no stated formula: conserved like an element, of mass 0 because networks do
/// not give one.
const TABLE: [(&str, f64); 32] = [
    ("H", 1.0080),
    ("D", 2.014_101_778),
    ("He", 4.002_602),
    ("Li", 6.94),
    ("B", 10.81),
    ("C", 12.011),
    ("N", 14.007),
    ("O", 15.999),
    ("F", 18.998_403_162),
    ("Ne", 20.1797),
    ("Na", 22.989_769_28),
    ("Mg", 24.305),
    ("Al", 26.981_538_4),
    ("Si", 28.085),
    ("P", 30.973_761_998),
    ("S", 32.06),
    ("Cl", 35.45),
    ("Ar", 39.95),
    ("K", 39.0983),
    ("Ca", 40.078),
    ("Ti", 47.867),
    ("Fe", 55.845),
    ("13C", 13.003_354_835),
    ("15N", 15.000_108_899),
    ("17O", 16.999_131_757),
    ("18O", 17.999_159_613),
    ("29Si", 28.976_494_665),
    ("30Si", 29.973_770_137),
    ("34S", 33.967_867_011),
    ("37Cl", 36.965_902_573),
    ("PAH", 0.0),
    ("GRAIN", 0.0),
];

/// An element of the built-in table: H, D, He, Li, B, C, N, O, F, Ne, Na, Mg, Al, Si, P, S, Cl, Ar,
/// K, Ca, Ti, Fe; the isotopes 13C, 15N, 17O, 18O, 29Si, 30Si, 34S, 37Cl; `PAH` and `GRAIN` for
/// aromatic molecules and dust grains as wholes.
///
/// Cobalt is left out on purpose: `CO` and `Co` never mean it in this field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element(u8);

impl Element {
    /// Dust grains, counted like an element.
    pub const GRAIN: Self = Self(31);
    /// Aromatic molecules without a formula, counted like an element.
    pub const PAH: Self = Self(30);

    /// The element of this symbol, spelled as in the periodic table (`He`, `Cl`).
    #[must_use]
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        (0..TABLE.len() as u8)
            .map(Self)
            .find(|element| element.symbol() == symbol)
    }

    /// The element whose symbol is this text in upper case (`HE`, `CL`), as several databases write.
    pub(crate) fn from_upper_case(symbol: &str) -> Option<Self> {
        (0..TABLE.len() as u8)
            .map(Self)
            .find(|element| element.symbol().eq_ignore_ascii_case(symbol))
            .filter(|_| !symbol.bytes().any(|b| b.is_ascii_lowercase()))
    }

    /// Its symbol, e.g. `He`.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        TABLE[self.0 as usize].0
    }

    /// The isotope of this mass number, by the symbol of its element (`Si`, or `SI` in upper case).
    pub(crate) fn isotope(mass_number: &str, symbol: &str) -> Option<Self> {
        (0..TABLE.len() as u8).map(Self).find(|element| {
            let rest = element.symbol().strip_prefix(mass_number);
            !mass_number.is_empty() && rest.is_some_and(|s| s.eq_ignore_ascii_case(symbol))
        })
    }

    /// Its standard atomic weight \[u\]; 0 for `GRAIN` and `PAH`.
    #[must_use]
    pub fn mass(self) -> f64 {
        TABLE[self.0 as usize].1
    }
}

impl std::fmt::Debug for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.symbol())
    }
}

impl std::fmt::Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.symbol())
    }
}
