//! The text files 3D-PDR writes (`.fin`), read and written.

pub mod pdr;
mod run;
pub mod terms;

pub use run::{LineRun, Run};

/// Heating terms of `.heat.fin` (erg cm⁻³ s⁻¹), in the order of its columns. `photoelectric_TH85` is always 0 and
/// `photoelectric_WD01` is not in the total.
pub const HEATING: [&str; 12] = [
    "photoelectric_TH85",
    "photoelectric_BT94",
    "photoelectric_WD01",
    "C_ionization",
    "H2_formation",
    "H2_photodissociation",
    "FUV_pumping",
    "cosmic_ray",
    "turbulent",
    "chemical",
    "gas_grain",
    "total",
];

/// Cooling terms of `.cool.fin` (erg cm⁻³ s⁻¹), in the order of its columns.
pub const COOLING: [&str; 5] = ["CO", "C+", "C", "O", "total"];

/// Coolants with a file of lines, and the number of transitions (level i + 1 → i) in it.
pub const LINES: [(&str, usize); 4] = [("CO", 40), ("C+", 4), ("C", 4), ("O", 4)];

/// Names of the columns of all lines, one coolant after another: `CO(1-0)`, ….
pub fn line_names() -> Vec<String> {
    LINES
        .iter()
        .flat_map(|(name, n)| (0..*n).map(move |i| format!("{name}({}-{i})", i + 1)))
        .collect()
}
