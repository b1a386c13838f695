//! Rate laws: the formulae that turn the parameters of a network file into a rate coefficient.

use std::sync::Arc;

use super::grain::GrainH2;
use crate::error::Error;
use crate::expression::Expression;

/// A rate law with its parameters. T in K; coefficients k in (cm³)^(m−1) s⁻¹, where m is the number
/// of species whose number densities multiply k: the reactants, except under [`Self::GrainH2`].
///
/// Formulae as in KIDA (Wakelam et al. 2012, ApJS 199, 21, equations 1–3 and section 2.2) and the
/// UMIST Database for Astrochemistry (McElroy et al. 2013, A&A 550, A36, section 2.1), unless stated
/// at the law.
///
/// The two cosmic-ray laws carry the ionisation rate ζ for which α is quoted, their `reference`:
/// 1 s⁻¹ where α is per ζ (OSU, KIDA), 1.3e-17 s⁻¹ in UMIST, UCLCHEM and 3D-PDR files.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RateLaw {
    /// Modified Arrhenius (Kooij) law, k = α (T/300)^β exp(−γ/T).
    Kooij {
        /// α, in the unit of k.
        alpha: f64,
        /// β, dimensionless.
        beta: f64,
        /// γ \[K\].
        gamma: f64,
    },
    /// Direct ionisation or dissociation by cosmic rays, k = α ζ/ζ₀. In OSU and KIDA files also the
    /// cosmic-ray-induced photons, whose efficiency is contained in α.
    CosmicRay {
        /// α, the rate at ζ = ζ₀ (in s⁻¹, with ζ₀ = 1 s⁻¹ a number).
        alpha: f64,
        /// ζ₀ [s⁻¹], the ionisation rate for which α is quoted; 1 if α is per ζ.
        reference: f64,
    },
    /// Photons induced by cosmic rays, k = α ζ/ζ₀ (T/300)^β γ/(1−ω), ω the grain albedo
    /// (McElroy et al. 2013, equation 5).
    CosmicRayPhoton {
        /// α, the rate at ζ = ζ₀ for γ = 1 − ω (in s⁻¹, with ζ₀ = 1 s⁻¹ a number).
        alpha: f64,
        /// β, dimensionless.
        beta: f64,
        /// γ, efficiency of the process, dimensionless.
        gamma: f64,
        /// ζ₀ [s⁻¹], the ionisation rate for which α is quoted; 1 if α is per ζ.
        reference: f64,
    },
    /// Photoreaction by the interstellar field, k = α χ exp(−γ A_V).
    Photo {
        /// α, rate in the unattenuated Draine field [s⁻¹].
        alpha: f64,
        /// γ, attenuation per magnitude of A_V.
        gamma: f64,
    },
    /// Ion with a polar neutral, Su–Chesnavich capture at low temperature,
    /// k = α β (0.62 + 0.4767 γ √(300/T)) (KIDA formula 4; Wakelam et al. 2010, SSRv 156, 13,
    /// section 3.1.1).
    IonPol1 {
        /// α, branching ratio, dimensionless.
        alpha: f64,
        /// β, Langevin rate coefficient [cm³ s⁻¹].
        beta: f64,
        /// γ, dipole parameter at 300 K, dimensionless.
        gamma: f64,
    },
    /// Ion with a polar neutral, Su–Chesnavich capture at high temperature,
    /// k = α β (1 + 0.0967 γ √(300/T) + γ² 300/(10.526 T)) (KIDA formula 5; as above).
    IonPol2 {
        /// α, branching ratio, dimensionless.
        alpha: f64,
        /// β, Langevin rate coefficient [cm³ s⁻¹].
        beta: f64,
        /// γ, dipole parameter at 300 K, dimensionless.
        gamma: f64,
    },
    /// H2 formation on dust grains, dn(H2)/dt = R n_H n(H): first order in the first reactant, with
    /// k = R n_H [s⁻¹], whatever the number of H atoms that the reaction consumes
    /// ([`Reaction::factors`](crate::Reaction::factors)).
    GrainH2(GrainH2),
    /// Photodissociation of H2, k = α χ f(N_H2) S(A_V, 1000 Å), with the self-shielding f of
    /// [`h2_self_shielding`](crate::h2_self_shielding) and the extinction S of
    /// [`dust_extinction`](crate::dust_extinction).
    PhotoH2 {
        /// α, rate in the unattenuated Draine field [s⁻¹].
        alpha: f64,
    },
    /// Photodissociation of CO, k = α χ f(N_CO, N_H2) S(A_V, λ̄), with the shielding f that the
    /// caller gives ([`RateOptions::with_co_shielding`](crate::RateOptions::with_co_shielding)) and
    /// the extinction S at λ̄ of [`co_mean_wavelength`](crate::co_mean_wavelength).
    PhotoCo {
        /// α, rate in the unattenuated Draine field [s⁻¹].
        alpha: f64,
    },
    /// Photoionisation of C, k = α χ exp(−τ), τ(A_V, N_C, N_H2, T) of
    /// [`carbon_optical_depth`](crate::carbon_optical_depth).
    PhotoC {
        /// α, rate in the unattenuated Draine field [s⁻¹].
        alpha: f64,
        /// γ, attenuation by dust per magnitude of A_V.
        gamma: f64,
    },
    /// A formula of the file: k as a function of T, n_H and variables that the caller sets
    /// ([`RateOptions::variables`](crate::RateOptions::variables)).
    Expression(Arc<Expression>),
    /// A law of the file that has no implementation: kept and listed, never evaluated.
    Unsupported {
        /// What it is.
        reason: String,
    },
}

impl RateLaw {
    /// Names of the laws that the native format writes with numbers, with their parameters.
    pub(crate) const PARAMETRIC: &'static [(&'static str, &'static [&'static str])] = &[
        ("kooij", &["alpha", "beta", "gamma"]),
        ("cosmic-ray", &["alpha", "reference"]),
        (
            "cosmic-ray-photon",
            &["alpha", "beta", "gamma", "reference"],
        ),
        ("photo", &["alpha", "gamma"]),
        ("ion-polar-1", &["alpha", "beta", "gamma"]),
        ("ion-polar-2", &["alpha", "beta", "gamma"]),
        ("grain-h2-simple", &[]),
        ("grain-h2-r07", &[]),
        ("grain-h2-ct02", &[]),
        ("photo-h2", &["alpha"]),
        ("photo-co", &["alpha"]),
        ("photo-c", &["alpha", "gamma"]),
    ];

    /// Name of the law in the native format.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kooij { .. } => "kooij",
            Self::CosmicRay { .. } => "cosmic-ray",
            Self::CosmicRayPhoton { .. } => "cosmic-ray-photon",
            Self::Photo { .. } => "photo",
            Self::IonPol1 { .. } => "ion-polar-1",
            Self::IonPol2 { .. } => "ion-polar-2",
            Self::GrainH2(GrainH2::Simple) => "grain-h2-simple",
            Self::GrainH2(GrainH2::Rollig2007) => "grain-h2-r07",
            Self::GrainH2(GrainH2::CazauxTielens2002) => "grain-h2-ct02",
            Self::PhotoH2 { .. } => "photo-h2",
            Self::PhotoCo { .. } => "photo-co",
            Self::PhotoC { .. } => "photo-c",
            Self::Expression(_) => "expression",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Parameter names of the law called `name`, in their order; `None` for an unknown law.
    pub(crate) fn parameter_names(name: &str) -> Option<&'static [&'static str]> {
        let law = Self::PARAMETRIC.iter().find(|(known, _)| *known == name);
        law.map(|(_, parameters)| *parameters)
    }

    /// The law called `name` with as many parameters as [`Self::parameter_names`] has.
    pub(crate) fn from_parameters(name: &str, values: &[f64]) -> Option<Self> {
        Some(match (name, values) {
            ("kooij", &[alpha, beta, gamma]) => Self::Kooij { alpha, beta, gamma },
            ("cosmic-ray", &[alpha, reference]) => Self::CosmicRay { alpha, reference },
            ("cosmic-ray-photon", &[alpha, beta, gamma, reference]) => Self::CosmicRayPhoton {
                alpha,
                beta,
                gamma,
                reference,
            },
            ("photo", &[alpha, gamma]) => Self::Photo { alpha, gamma },
            ("ion-polar-1", &[alpha, beta, gamma]) => Self::IonPol1 { alpha, beta, gamma },
            ("ion-polar-2", &[alpha, beta, gamma]) => Self::IonPol2 { alpha, beta, gamma },
            ("grain-h2-simple", []) => Self::GrainH2(GrainH2::Simple),
            ("grain-h2-r07", []) => Self::GrainH2(GrainH2::Rollig2007),
            ("grain-h2-ct02", []) => Self::GrainH2(GrainH2::CazauxTielens2002),
            ("photo-h2", &[alpha]) => Self::PhotoH2 { alpha },
            ("photo-co", &[alpha]) => Self::PhotoCo { alpha },
            ("photo-c", &[alpha, gamma]) => Self::PhotoC { alpha, gamma },
            _ => return None,
        })
    }

    /// Parameters by name, in the order in which the native format writes them.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Self::Kooij { alpha, beta, gamma }
            | Self::IonPol1 { alpha, beta, gamma }
            | Self::IonPol2 { alpha, beta, gamma } => {
                vec![("alpha", alpha), ("beta", beta), ("gamma", gamma)]
            }
            Self::CosmicRayPhoton {
                alpha,
                beta,
                gamma,
                reference,
            } => vec![
                ("alpha", alpha),
                ("beta", beta),
                ("gamma", gamma),
                ("reference", reference),
            ],
            Self::CosmicRay { alpha, reference } => {
                vec![("alpha", alpha), ("reference", reference)]
            }
            Self::Photo { alpha, gamma } | Self::PhotoC { alpha, gamma } => {
                vec![("alpha", alpha), ("gamma", gamma)]
            }
            Self::PhotoH2 { alpha } | Self::PhotoCo { alpha } => vec![("alpha", alpha)],
            Self::GrainH2(_) | Self::Expression(_) | Self::Unsupported { .. } => Vec::new(),
        }
    }

    /// ζ₀ [s⁻¹], the cosmic-ray ionisation rate for which the parameters are quoted; `None` for a
    /// law without cosmic rays.
    #[must_use]
    pub fn cosmic_ray_reference(&self) -> Option<f64> {
        match *self {
            Self::CosmicRay { reference, .. } | Self::CosmicRayPhoton { reference, .. } => {
                Some(reference)
            }
            _ => None,
        }
    }

    /// Checks the parameters: all finite, α ≥ 0, ζ₀ > 0.
    ///
    /// # Errors
    /// [`Error::RateParameter`] naming the parameter; `reaction` is quoted in it.
    pub fn validate(&self, reaction: &str) -> Result<(), Error> {
        for (parameter, value) in self.parameters() {
            let expected = if !value.is_finite() {
                "a finite number"
            } else if parameter == "alpha" && value < 0.0 {
                "a number not below 0"
            } else if parameter == "reference" && value <= 0.0 {
                "a number above 0"
            } else {
                continue;
            };
            return Err(Error::RateParameter {
                reaction: reaction.to_owned(),
                parameter,
                value,
                expected,
            });
        }
        Ok(())
    }
}
