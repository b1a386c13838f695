//! The physical conditions by the names that tables and configurations give them, with their domains.

use chem_network::Environment;

/// A condition of one model: a column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Gas temperature (K).
    Temperature,
    /// Cosmic-ray ionisation rate (s⁻¹).
    CosmicRayRate,
    /// Number density of hydrogen nuclei (cm⁻³).
    Density,
    /// Visual extinction (mag).
    VisualExtinction,
    /// Radiation field (Draine).
    RadiationField,
    /// Albedo of dust grains.
    GrainAlbedo,
    /// Temperature of dust (K).
    DustTemperature,
    /// Doppler width of the lines of H2 (cm s⁻¹).
    DopplerWidth,
    /// Column density of H2 (cm⁻²).
    H2Column,
    /// Column density of CO (cm⁻²).
    CoColumn,
    /// Column density of C (cm⁻²).
    CColumn,
}

impl Condition {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 11] = [
        ("temperature", Self::Temperature),
        ("cosmic_ray_rate", Self::CosmicRayRate),
        ("density", Self::Density),
        ("visual_extinction", Self::VisualExtinction),
        ("radiation_field", Self::RadiationField),
        ("grain_albedo", Self::GrainAlbedo),
        ("dust_temperature", Self::DustTemperature),
        ("doppler_width", Self::DopplerWidth),
        ("h2_column", Self::H2Column),
        ("co_column", Self::CoColumn),
        ("c_column", Self::CColumn),
    ];

    /// The condition of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, condition)| *condition)
    }

    /// Names of all conditions, for a message.
    pub fn names() -> String {
        Self::ALL.map(|(name, _)| name).join(", ")
    }

    /// What is allowed, for a message.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Temperature => "a temperature above 0 K",
            Self::CosmicRayRate => "an ionisation rate of 0 s⁻¹ or more",
            Self::Density => "a density of hydrogen nuclei above 0 cm⁻³",
            Self::VisualExtinction => "a visual extinction of 0 mag or more",
            Self::RadiationField => "a radiation field of 0 Draine or more",
            Self::GrainAlbedo => "an albedo from 0 to below 1",
            Self::DustTemperature => "a dust temperature above 0 K",
            Self::DopplerWidth => "a Doppler width above 0 cm s⁻¹",
            Self::H2Column | Self::CoColumn | Self::CColumn => "a column density of 0 cm⁻² or more",
        }
    }

    /// Whether a finite value is allowed.
    pub fn allows(self, value: f64) -> bool {
        match self {
            Self::Temperature | Self::Density | Self::DustTemperature | Self::DopplerWidth => {
                value > 0.0
            }
            Self::GrainAlbedo => (0.0..1.0).contains(&value),
            _ => value >= 0.0,
        }
    }

    /// Puts the value into an environment.
    pub fn set(self, environment: &mut Environment, value: f64) {
        match self {
            Self::Temperature => environment.temperature = value,
            Self::CosmicRayRate => environment.cosmic_ray_rate = value,
            Self::Density => environment.density = Some(value),
            Self::VisualExtinction => environment.visual_extinction = Some(value),
            Self::RadiationField => environment.radiation_field = Some(value),
            Self::GrainAlbedo => environment.grain_albedo = Some(value),
            Self::DustTemperature => environment.dust_temperature = Some(value),
            Self::DopplerWidth => environment.doppler_width = Some(value),
            Self::H2Column => environment.h2_column = Some(value),
            Self::CoColumn => environment.co_column = Some(value),
            Self::CColumn => environment.c_column = Some(value),
        }
    }
}
