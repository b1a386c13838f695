//! Names of species: what 3D-PDR's text files leave out, and what a name says of its elements.

use crate::{Error, text};
use std::path::Path;

/// Species of 3D-PDR's reduced network, in the order of its abundances.
pub const REDUCED: [&str; 33] = [
    "H3+", "He+", "Mg", "H2+", "O2", "CH5+", "CH4+", "O+", "OH+", "Mg+", "C+", "CH4", "H2O+",
    "H3O+", "CO+", "O2+", "CH2", "H2O", "H+", "CH3+", "CH", "CH3", "HCO+", "CH2+", "C", "He",
    "CH+", "CO", "OH", "O", "H2", "H", "e-",
];

const ELEMENTS: [&str; 16] = [
    "He", "Mg", "Si", "Fe", "Na", "Cl", "Ne", "Ar", "Ca", "H", "C", "O", "N", "S", "P", "F",
];

/// Atoms of a species by element: `H3O+` is H 3, O 1; `e-` has none. `None` for a name that is no formula.
pub fn atoms(name: &str) -> Option<Vec<(&'static str, u32)>> {
    if name == "e-" {
        return Some(Vec::new());
    }
    let mut rest = name.trim_end_matches(['+', '-']);
    let mut found: Vec<(&'static str, u32)> = Vec::new();
    while !rest.is_empty() {
        let element = ELEMENTS.into_iter().find(|e| rest.starts_with(e))?;
        rest = &rest[element.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count = if digits == 0 {
            1
        } else {
            rest[..digits].parse().ok()?
        };
        rest = &rest[digits..];
        match found.iter_mut().find(|(e, _)| *e == element) {
            Some((_, n)) => *n += count,
            None => found.push((element, count)),
        }
    }
    if found.is_empty() { None } else { Some(found) }
}

/// Reads the names from a species file of 3D-PDR: lines `index, name, initial abundance, mass`.
///
/// # Errors
/// The file cannot be read, a line has not four fields, a name stands twice, or there is none.
pub fn read_names(path: impl AsRef<Path>) -> Result<Vec<String>, Error> {
    let path = path.as_ref();
    let source = text::read(path)?;
    let file = path.display().to_string();
    let mut names: Vec<String> = Vec::new();
    for (i, line) in source.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if fields.len() != 4 {
            return Err(Error::FieldCount {
                file,
                line: i + 1,
                found: fields.len(),
                expected: "4 (index, name, abundance, mass), separated by commas".into(),
            });
        }
        let name = fields[1].trim_matches(['"', '\'']);
        if name.is_empty() || names.iter().any(|n| n == name) {
            return Err(Error::Field {
                file,
                line: i + 1,
                column: line.find(fields[1]).unwrap_or(0) + 1,
                found: name.into(),
                expected: "the name of a species, each once".into(),
            });
        }
        names.push(name.to_string());
    }
    if names.is_empty() {
        return Err(Error::RowCount {
            file,
            found: 0,
            expected: "lines of index, name, abundance, mass".into(),
        });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::atoms;

    #[test]
    fn formulas() {
        assert_eq!(atoms("H3O+"), Some(vec![("H", 3), ("O", 1)]));
        assert_eq!(atoms("HCO+"), Some(vec![("H", 1), ("C", 1), ("O", 1)]));
        assert_eq!(atoms("He+"), Some(vec![("He", 1)]));
        assert_eq!(atoms("CH3OH"), Some(vec![("C", 1), ("H", 4), ("O", 1)]));
        assert_eq!(atoms("e-"), Some(vec![]));
        assert_eq!(atoms("PAH0x"), None);
        assert_eq!(atoms(""), None);
        assert_eq!(atoms("+"), None);
    }
}
