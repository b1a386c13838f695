//! Which rate coefficients depend on which conditions, so that a change of A_V alone does not evaluate four thousand exponentials.
use crate::environment::Environment;
use crate::rate::{Rate, RateLaw};

/// A set of the quantities of an [`Environment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantities(u16);

const TEMPERATURE: u16 = 1;
const COSMIC_RAYS: u16 = 1 << 1;
const DENSITY: u16 = 1 << 2;
const EXTINCTION: u16 = 1 << 3;
const FIELD: u16 = 1 << 4;
const ALBEDO: u16 = 1 << 5;
const DUST: u16 = 1 << 6;
const DOPPLER: u16 = 1 << 7;
const H2_COLUMN: u16 = 1 << 8;
const CO_COLUMN: u16 = 1 << 9;
const C_COLUMN: u16 = 1 << 10;
const ALL: u16 = u16::MAX;

impl Quantities {
    pub const ALL: Self = Self(ALL);

    /// What differs between two environments.
    pub fn changed(old: &Environment, new: &Environment) -> Self {
        let pairs = [
            (TEMPERATURE, old.temperature != new.temperature),
            (COSMIC_RAYS, old.cosmic_ray_rate != new.cosmic_ray_rate),
            (DENSITY, old.density != new.density),
            (EXTINCTION, old.visual_extinction != new.visual_extinction),
            (FIELD, old.radiation_field != new.radiation_field),
            (ALBEDO, old.grain_albedo != new.grain_albedo),
            (DUST, old.dust_temperature != new.dust_temperature),
            (DOPPLER, old.doppler_width != new.doppler_width),
            (H2_COLUMN, old.h2_column != new.h2_column),
            (CO_COLUMN, old.co_column != new.co_column),
            (C_COLUMN, old.c_column != new.c_column),
        ];
        Self(pairs.iter().filter(|pair| pair.1).map(|pair| pair.0).sum())
    }

    /// What a rate depends on.
    pub fn of(rate: &Rate) -> Self {
        // Which fit holds depends on the temperature.
        let fits = rate.fits();
        let chosen = if fits.len() == 1 && fits[0].range.is_none() {
            0
        } else {
            TEMPERATURE
        };
        Self(rate.laws().map(of_law).fold(chosen, |all, one| all | one))
    }

    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

fn of_law(law: &RateLaw) -> u16 {
    match law {
        RateLaw::Kooij { .. } | RateLaw::IonPol1 { .. } | RateLaw::IonPol2 { .. } => TEMPERATURE,
        RateLaw::CosmicRay { .. } => COSMIC_RAYS,
        RateLaw::CosmicRayPhoton { .. } => TEMPERATURE | COSMIC_RAYS | ALBEDO,
        RateLaw::Photo { .. } => EXTINCTION | FIELD,
        RateLaw::PhotoH2 { .. } => EXTINCTION | FIELD | H2_COLUMN | DOPPLER,
        RateLaw::PhotoCo { .. } => EXTINCTION | FIELD | H2_COLUMN | CO_COLUMN,
        RateLaw::PhotoC { .. } => TEMPERATURE | EXTINCTION | FIELD | H2_COLUMN | C_COLUMN,
        RateLaw::GrainH2(_) => TEMPERATURE | DUST | DENSITY,
        RateLaw::Expression(_) | RateLaw::Unsupported { .. } => ALL,
    }
}
