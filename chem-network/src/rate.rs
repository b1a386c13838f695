//! Rate laws: the formulae that turn the parameters of a network file into a rate coefficient.

use crate::environment::Environment;
use crate::error::Error;

/// A rate law with its parameters. T in K; coefficients k in (cm³)^(m−1) s⁻¹ for m reactants.
///
/// Formulae as in KIDA (Wakelam et al. 2012, ApJS 199, 21, equations 1–3) and the UMIST Database
/// for Astrochemistry (McElroy et al. 2013, A&A 550, A36, section 2.1).
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
    /// Direct ionisation or dissociation by cosmic rays, k = α ζ. In OSU files also the
    /// cosmic-ray-induced photons, whose efficiency is contained in α.
    CosmicRay {
        /// α, per ionisation rate ζ, dimensionless.
        alpha: f64,
    },
    /// Photons induced by cosmic rays, k = α ζ (T/300)^β γ/(1−ω), ω the grain albedo.
    CosmicRayPhoton {
        /// α, dimensionless.
        alpha: f64,
        /// β, dimensionless.
        beta: f64,
        /// γ, efficiency of the process, dimensionless.
        gamma: f64,
    },
    /// Photoreaction by the interstellar field, k = α χ exp(−γ A_V).
    Photo {
        /// α, rate in the unattenuated Draine field [s⁻¹].
        alpha: f64,
        /// γ, attenuation per magnitude of A_V.
        gamma: f64,
    },
    /// A law of the file that has no implementation: kept and listed, never evaluated.
    Unsupported {
        /// What it is.
        reason: String,
    },
}

impl RateLaw {
    /// Name of the law in the native format.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kooij { .. } => "kooij",
            Self::CosmicRay { .. } => "cosmic-ray",
            Self::CosmicRayPhoton { .. } => "cosmic-ray-photon",
            Self::Photo { .. } => "photo",
            Self::Unsupported { .. } => "unsupported",
        }
    }

    /// Parameter names of the law called `name`, in their order; `None` for an unknown law.
    pub(crate) fn parameter_names(name: &str) -> Option<&'static [&'static str]> {
        match name {
            "kooij" | "cosmic-ray-photon" => Some(&["alpha", "beta", "gamma"]),
            "cosmic-ray" => Some(&["alpha"]),
            "photo" => Some(&["alpha", "gamma"]),
            _ => None,
        }
    }

    /// The law called `name` with as many parameters as [`Self::parameter_names`] has.
    pub(crate) fn from_parameters(name: &str, values: &[f64]) -> Option<Self> {
        match (name, values) {
            ("kooij", &[alpha, beta, gamma]) => Some(Self::Kooij { alpha, beta, gamma }),
            ("cosmic-ray", &[alpha]) => Some(Self::CosmicRay { alpha }),
            ("cosmic-ray-photon", &[alpha, beta, gamma]) => {
                Some(Self::CosmicRayPhoton { alpha, beta, gamma })
            }
            ("photo", &[alpha, gamma]) => Some(Self::Photo { alpha, gamma }),
            _ => None,
        }
    }

    /// Parameters by name, in the order in which the native format writes them.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, f64)> {
        match *self {
            Self::Kooij { alpha, beta, gamma } | Self::CosmicRayPhoton { alpha, beta, gamma } => {
                vec![("alpha", alpha), ("beta", beta), ("gamma", gamma)]
            }
            Self::CosmicRay { alpha } => vec![("alpha", alpha)],
            Self::Photo { alpha, gamma } => vec![("alpha", alpha), ("gamma", gamma)],
            Self::Unsupported { .. } => Vec::new(),
        }
    }

    /// Checks the parameters: all finite, α ≥ 0.
    ///
    /// # Errors
    /// [`Error::RateParameter`] naming the parameter; `reaction` is quoted in it.
    pub fn validate(&self, reaction: &str) -> Result<(), Error> {
        for (parameter, value) in self.parameters() {
            let expected = if !value.is_finite() {
                "a finite number"
            } else if parameter == "alpha" && value < 0.0 {
                "a number not below 0"
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

    /// Rate coefficient at these conditions; `reaction` gives the text that errors quote.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`] if the environment lacks what the law needs (A_V, χ, ω), and
    /// [`Error::Unsupported`] for a law without an implementation.
    pub fn coefficient(
        &self,
        environment: &Environment,
        reaction: impl Fn() -> String,
    ) -> Result<f64, Error> {
        let need = |value: Option<f64>, quantity: &'static str| {
            value.ok_or_else(|| Error::MissingQuantity {
                reaction: reaction(),
                law: self.name(),
                quantity,
            })
        };
        let t = environment.temperature;
        let zeta = environment.cosmic_ray_rate;
        match *self {
            Self::Kooij { alpha, beta, gamma } => {
                Ok(alpha * power(t / 300.0, beta) * exponential(-gamma / t))
            }
            Self::CosmicRay { alpha } => Ok(alpha * zeta),
            Self::CosmicRayPhoton { alpha, beta, gamma } => {
                let albedo = need(environment.grain_albedo, "the grain albedo ω")?;
                Ok(alpha * zeta * power(t / 300.0, beta) * gamma / (1.0 - albedo))
            }
            Self::Photo { alpha, gamma } => {
                let extinction = need(
                    environment.visual_extinction,
                    "the visual extinction A_V [mag]",
                )?;
                let field = need(
                    environment.radiation_field,
                    "the radiation field χ [Draine]",
                )?;
                Ok(alpha * field * (-gamma * extinction).exp())
            }
            Self::Unsupported { ref reason } => Err(Error::Unsupported {
                reaction: reaction(),
                reason: reason.clone(),
            }),
        }
    }
}

/// x^β; most β in the files are 0, where the power would cost as much as all the rest.
fn power(x: f64, beta: f64) -> f64 {
    if beta == 0.0 { 1.0 } else { x.powf(beta) }
}

/// exp(x), without the call where x is 0.
fn exponential(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { x.exp() }
}
