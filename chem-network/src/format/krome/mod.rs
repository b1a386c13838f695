//! KROME network files (Grassi et al. 2014, MNRAS 439, 2386): reactions as comma-separated rows whose
//! rate coefficient is a Fortran expression.
//!
//! | line | meaning |
//! |---|---|
//! | `@format:idx,R,R,P,P,Tmin,Tmax,rate` | names the columns of the rows that follow; without one, `idx,R,R,R,P,P,P,P,Tmin,Tmax,rate` |
//! | `@var:name=expression` | an alias for the whole file, rows before it included, as KROME computes all aliases before any rate; an alias hides a built-in name. A second definition that differs is refused (KROME would skip it silently) |
//! | `@common:user_a,user_b` | variables that the caller sets ([`RateOptions::variables`](crate::RateOptions)) |
//! | `@ghost:H2O` | species without a reaction |
//! | `@tabvar:name=file,x,y` | a table of KROME: the name has no implementation |
//! | `@CR_start` … `@CR_stop` | reactions of [`ReactionKind::CosmicRay`](crate::ReactionKind) |
//! | `@photo_start` … `@photo_stop` | rates are cross-sections, ranges are energies \[eV\]: no implementation |
//! | `@xray_start` … `@xray_stop`, `@noTab…`, `@storeonce_…`, `@group:…` | no effect on rate coefficients: counted, passed over |
//! | `@reactionModifier…`, `@ODEModifier…` | Fortran statements that change rates: refused |
//! | `#…`, `//…`, `/* … */` | comments |
//!
//! Blocks end in `_stop` or `_end` and begin with `_start` or `_begin`, in any case of letters.
//! A column `Tmin` or `Tmax` holds a temperature, with `.GE.`, `>` (and `.GT.`), `.LE.`, `<` (and
//! `.LT.`) before it, or `NONE`, `NO`, `N`, `N/A` or nothing. A bare number is T ≥ Tmin or T < Tmax,
//! KROME's default. Rows of the same reactants and products (in any order, in blocks of one kind)
//! whose ranges do not overlap are fits of one reaction; all other rows are reactions of their own,
//! whose rates add, as in KROME. The index in the file is not read as more than a number: files use
//! the same one for different reactions. Outside all ranges a rate coefficient is zero, as in KROME,
//! unless the caller asks for another [`Extrapolation`](crate::Extrapolation).
//!
//! KROME has no kinds of reactions but those of blocks; a reaction with one reactant is taken for
//! one of photons if its rate depends on `user_Av`, of cosmic rays if on a variable `user_cr…`.
//!
//! Names are read as [`Species::from_name`](crate::Species::from_name) does; `X_DUST` is `#X`, X on
//! the surface of dust, and the photon `g` is no species. Rates that have no implementation
//! (`auto`, number densities `n(idx_X)`, functions of KROME's library) are kept as
//! [`RateLaw::Unsupported`](crate::RateLaw::Unsupported), which names them.

mod assemble;
mod columns;
mod definitions;
mod reader;
mod row;

pub use reader::parse;

/// Lines that are looked at to recognise a file.
const LOOKED_AT: usize = 200;

/// Whether a text begins like a file of this format.
#[must_use]
pub fn recognises(text: &str) -> bool {
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with(['#', '/']))
        .take(LOOKED_AT);
    lines.any(|line| is_directive(line) || is_row(line))
}

fn is_directive(line: &str) -> bool {
    ["@format:", "@var:", "@common:"].iter().any(|directive| {
        line.get(..directive.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(directive))
    })
}

/// A row of the format without a header.
fn is_row(line: &str) -> bool {
    let mut cells = line.splitn(11, ',');
    let index = cells
        .next()
        .is_some_and(|cell| cell.trim().parse::<u32>().is_ok());
    let ends = [cells.nth(7), cells.next()];
    let range = ends
        .into_iter()
        .flatten()
        .all(|cell| columns::end(cell).is_some());
    index && range && cells.next().is_some_and(is_rate)
}

/// Whether the last cell is one expression: commas stand inside parentheses alone (rows of 3D-PDR
/// have more cells).
fn is_rate(text: &str) -> bool {
    let mut depth = 0usize;
    let commas_inside = text.bytes().all(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        byte != b',' || depth > 0
    });
    commas_inside && !text.trim().is_empty()
}
