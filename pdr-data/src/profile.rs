//! The density profile of the second data set of Vermariën et al. 2025 (v2, after PDFchem): A_V as a function of the local density,
//! for lines of sight that a surrogate or 3D-PDR is to be given.

use crate::{
    column::PARSEC_CM, density::DensityProfile, rays::FIELD_FACTOR, sightline::LineOfSight,
};

/// Points of the profile.
pub const POINTS: usize = 490;
/// log10 of the first density (cm⁻³).
const FIRST: f64 = -1.0;
/// Points per decade of density.
const PER_DECADE: f64 = 70.0;
/// A_V per column density of hydrogen nuclei (mag cm²) that the profile's lengths follow from; 3D-PDR's own is 6.289e-22.
pub const PROFILE_AV_FACTOR: f64 = 6.3e-22;

/// A_V (mag) that goes with a density of hydrogen nuclei (cm⁻³): 0.05 exp(1.6 n_H^0.12).
pub fn effective_extinction(density: f64) -> f64 {
    0.05 * (1.6 * density.powf(0.12)).exp()
}

/// A line of sight into ever denser gas: 490 points from n_H = 0.1 cm⁻³ in steps of 1/70 dex to just below 1e6.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveProfile {
    /// Distance from the first point (pc): Δs = ΔA_V / (6.3e-22 n_H), with the density at the end of each step.
    pub position_pc: Vec<f64>,
    /// n_H (cm⁻³).
    pub density: Vec<f64>,
    /// A_V (mag), from 0.17 to 214; the first point is not at the surface.
    pub visual_extinction: Vec<f64>,
}

impl Default for EffectiveProfile {
    fn default() -> Self {
        Self::new()
    }
}

impl EffectiveProfile {
    /// The profile.
    pub fn new() -> Self {
        let density: Vec<f64> = (0..POINTS)
            .map(|k| 10f64.powf(FIRST + k as f64 / PER_DECADE))
            .collect();
        let visual_extinction: Vec<f64> =
            density.iter().map(|n| effective_extinction(*n)).collect();
        let mut position_pc = vec![0.0];
        let mut at = 0.0;
        for k in 1..POINTS {
            let step = visual_extinction[k] - visual_extinction[k - 1];
            at += step / (PROFILE_AV_FACTOR * density[k] * PARSEC_CM);
            position_pc.push(at);
        }
        Self {
            position_pc,
            density,
            visual_extinction,
        }
    }

    /// The part with A_V (mag) up to `most`.
    #[must_use]
    pub fn down_to(mut self, most: f64) -> Self {
        let kept = self.visual_extinction.partition_point(|a| *a <= most);
        self.position_pc.truncate(kept);
        self.density.truncate(kept);
        self.visual_extinction.truncate(kept);
        self
    }

    /// The line of sight lit by a field (Draine) at A_V = 0, which falls as exp(−3.02 A_V); temperatures and the abundances of so
    /// many species are not known and 0.
    pub fn lit(&self, field: f64, species: usize) -> LineOfSight {
        let n = self.density.len();
        let attenuated = |a: &f64| field * (-FIELD_FACTOR * a).exp();
        LineOfSight {
            position_pc: self.position_pc.clone(),
            visual_extinction: self.visual_extinction.clone(),
            gas_temperature: vec![0.0; n],
            dust_temperature: vec![0.0; n],
            element_type: vec![1.0; n],
            density: self.density.clone(),
            radiation_field: self.visual_extinction.iter().map(attenuated).collect(),
            abundances: vec![0.0; n * species],
        }
    }

    /// As 3D-PDR reads it, along x: who has the code gets the truth for it. The code counts A_V from the first point on, where the
    /// profile stands at 0.17 mag already.
    pub fn as_input(&self) -> DensityProfile {
        DensityProfile {
            points_pc: self.position_pc.iter().map(|x| [*x, 0.0, 0.0]).collect(),
            density: self.density.clone(),
        }
    }
}
