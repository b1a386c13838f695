//! Names of columns, as the attributes of a file spell them.

/// Words of a columns attribute without their units: `tgas[K]` is `tgas`, and a word that begins with `[` ends the list.
pub(super) fn names(attribute: &str) -> Vec<String> {
    attribute
        .split_whitespace()
        .take_while(|w| !w.starts_with('['))
        .map(|w| w.split('[').next().unwrap_or(w).to_string())
        .collect()
}

/// The names in `attribute` where it has `count` of them, else the usual ones of `kind`, else numbers.
pub(super) fn of(kind: &str, attribute: Option<&str>, count: usize) -> Vec<String> {
    if let Some(found) = attribute.map(names).filter(|n| n.len() == count) {
        return found;
    }
    let usual = usual(kind, count);
    if usual.len() == count {
        return usual;
    }
    (0..count).map(|i| format!("column_{i}")).collect()
}

/// Columns as 3D-PDR writes them: of one dimension (index, x, A_V first) or three (index, x, y, z first).
pub fn usual(kind: &str, count: usize) -> Vec<String> {
    let terms: Vec<String> = match kind {
        "heat" => crate::fin::HEATING.iter().map(|s| (*s).into()).collect(),
        "cool" => crate::fin::COOLING.iter().map(|s| (*s).into()).collect(),
        "line" => crate::fin::line_names(),
        _ => Vec::new(),
    };
    let place: &[&str] = match count.checked_sub(terms.len()) {
        Some(3) => &["p", "x", "Av"],
        Some(4) => &["p", "x", "y", "z"],
        _ => &[],
    };
    place
        .iter()
        .map(|s| (*s).to_string())
        .chain(terms)
        .collect()
}

/// The attribute that names these columns; all but the place are rates (erg cm⁻³ s⁻¹).
pub(super) fn attribute(names: &[String]) -> String {
    format!("{} [erg cm-3 s-1]", names.join(" "))
}
