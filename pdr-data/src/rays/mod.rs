//! Rays through a uniform cube of cells: directions, the cells crossed and the length in each, what they sum up to.

mod extinction;
pub mod healpix;
mod series;
mod traverse;

pub use extinction::{Extinction, FIELD_FACTOR, attenuated_field, extinctions};
pub use series::RaySeries;
pub use traverse::{Crossing, Geometry};
