//! Values and temperature derivatives of the rate laws.

use super::dust::dust_extinction;
use super::law::RateLaw;
use super::options::RateOptions;
use super::shielding::{
    carbon_optical_depth, carbon_optical_depth_derivative, co_mean_wavelength, h2_self_shielding,
};
use crate::environment::Environment;
use crate::error::Error;
use crate::expression::{Expression, NoValue};

/// Wavelength \[Å\] at which dust shields H2: the middle of the Lyman–Werner bands.
const H2_WAVELENGTH: f64 = 1000.0;

impl RateLaw {
    /// Rate coefficient k at these conditions; `reaction` gives the text that errors quote.
    ///
    /// # Errors
    /// [`Error::MissingQuantity`] if the environment or the options lack what the law needs (A_V, χ,
    /// a column density, …), and [`Error::Unsupported`] for a law without an implementation.
    pub fn coefficient(
        &self,
        environment: &Environment,
        options: &RateOptions,
        reaction: impl Fn() -> String,
    ) -> Result<f64, Error> {
        let need = Need {
            environment,
            law: self.name(),
            reaction: &reaction,
        };
        let t = environment.temperature;
        let zeta = environment.cosmic_ray_rate;
        match *self {
            Self::Kooij { alpha, beta, gamma } => {
                Ok(alpha * power(t / 300.0, beta) * exponential(-gamma / t))
            }
            Self::CosmicRay { alpha, reference } => Ok(alpha * (zeta / reference)),
            Self::CosmicRayPhoton {
                alpha,
                beta,
                gamma,
                reference,
            } => {
                let albedo = need.albedo()?;
                Ok(alpha * (zeta / reference) * power(t / 300.0, beta) * gamma / (1.0 - albedo))
            }
            Self::Photo { alpha, gamma } => {
                let extinction = need.extinction()?;
                Ok(alpha * need.field()? * (-gamma * extinction).exp())
            }
            Self::IonPol1 { alpha, beta, gamma } => {
                Ok(alpha * beta * (0.62 + 0.4767 * gamma * (300.0 / t).sqrt()))
            }
            Self::IonPol2 { alpha, beta, gamma } => {
                let x = 300.0 / t;
                Ok(alpha * beta * (1.0 + 0.0967 * gamma * x.sqrt() + gamma * gamma * x / 10.526))
            }
            Self::GrainH2(form) => {
                let dust = form.needs_dust().then(|| need.dust()).transpose()?;
                Ok(form.coefficient(t, dust.unwrap_or(0.0)) * need.density()?)
            }
            Self::PhotoH2 { alpha } => {
                let shielding = h2_self_shielding(need.h2_column()?, need.doppler()?);
                let dust = dust_extinction(need.extinction()?, H2_WAVELENGTH);
                Ok(alpha * need.field()? * shielding * dust)
            }
            Self::PhotoCo { alpha } => {
                let (co, h2) = (need.co_column()?, need.h2_column()?);
                let shielding = match &options.co_shielding {
                    Some(function) => function.at(co, h2),
                    None => {
                        return Err(need.missing(
                            "the shielding function of CO (RateOptions::with_co_shielding)",
                            "--co-shielding",
                        ));
                    }
                };
                let dust = dust_extinction(need.extinction()?, co_mean_wavelength(co, h2));
                Ok(alpha * need.field()? * shielding * dust)
            }
            Self::PhotoC { alpha, gamma } => {
                let dust = gamma * need.extinction()?;
                let gas = carbon_optical_depth(need.c_column()?, need.h2_column()?, t);
                Ok(alpha * need.field()? * (-(dust + gas)).exp())
            }
            Self::Expression(ref expression) => expression
                .evaluate(t, environment.density, &options.variables)
                .map_err(|why| need.no_value(&why, expression)),
            Self::Unsupported { ref reason } => Err(Error::Unsupported {
                reaction: reaction(),
                reason: reason.clone(),
            }),
        }
    }

    /// Derivative dk/dT [unit of k per K], everything but the gas temperature held fixed.
    ///
    /// # Errors
    /// As [`coefficient`](Self::coefficient).
    pub fn derivative(
        &self,
        environment: &Environment,
        options: &RateOptions,
        reaction: impl Fn() -> String,
    ) -> Result<f64, Error> {
        let t = environment.temperature;
        if let Self::Expression(expression) = self {
            let need = Need {
                environment,
                law: self.name(),
                reaction: &reaction,
            };
            return expression
                .differentiate(t, environment.density, &options.variables)
                .map(|(_, slope)| slope)
                .map_err(|why| need.no_value(&why, expression));
        }
        let k = self.coefficient(environment, options, reaction)?;
        Ok(match *self {
            Self::Kooij { beta, gamma, .. } => k * ((beta + gamma / t) / t),
            Self::CosmicRayPhoton { beta, .. } => k * (beta / t),
            Self::IonPol1 { alpha, beta, gamma } => {
                -0.5 * alpha * beta * 0.4767 * gamma * (300.0 / t).sqrt() / t
            }
            Self::IonPol2 { alpha, beta, gamma } => {
                let x = 300.0 / t;
                let slope = 0.5 * 0.0967 * gamma * x.sqrt() + gamma * gamma * x / 10.526;
                -alpha * beta * slope / t
            }
            Self::GrainH2(form) => {
                // The coefficient has found both that it needs.
                let dust = environment.dust_temperature.unwrap_or(0.0);
                k * form.logarithmic_derivative(t, dust)
            }
            Self::PhotoC { .. } => {
                let h2 = environment.h2_column.unwrap_or(0.0);
                -k * carbon_optical_depth_derivative(h2, t)
            }
            Self::CosmicRay { .. }
            | Self::Photo { .. }
            | Self::PhotoH2 { .. }
            | Self::PhotoCo { .. }
            | Self::Expression(_)
            | Self::Unsupported { .. } => 0.0,
        })
    }
}

/// Takes quantities from an environment, or says which one is missing for which law.
struct Need<'a, F> {
    environment: &'a Environment,
    law: &'static str,
    reaction: &'a F,
}

impl<F: Fn() -> String> Need<'_, F> {
    fn missing(&self, quantity: &'static str, option: &'static str) -> Error {
        Error::MissingQuantity {
            reaction: (self.reaction)(),
            law: self.law,
            quantity,
            option,
        }
    }

    fn of(
        &self,
        value: Option<f64>,
        quantity: &'static str,
        option: &'static str,
    ) -> Result<f64, Error> {
        value.ok_or_else(|| self.missing(quantity, option))
    }

    /// The error for an expression without a value.
    fn no_value(&self, why: &NoValue, expression: &Expression) -> Error {
        match why {
            NoValue::HydrogenNuclei => {
                self.missing("the density of hydrogen nuclei n_H [cm⁻³]", "--density")
            }
            _ => expression.error(why, self.environment.temperature, (self.reaction)()),
        }
    }

    fn albedo(&self) -> Result<f64, Error> {
        let value = self.environment.grain_albedo;
        self.of(value, "the grain albedo ω", "--grain-albedo")
    }

    fn extinction(&self) -> Result<f64, Error> {
        let value = self.environment.visual_extinction;
        self.of(
            value,
            "the visual extinction A_V [mag]",
            "--visual-extinction",
        )
    }

    fn field(&self) -> Result<f64, Error> {
        let value = self.environment.radiation_field;
        self.of(value, "the radiation field χ [Draine]", "--radiation-field")
    }

    fn density(&self) -> Result<f64, Error> {
        let value = self.environment.density;
        self.of(
            value,
            "the density of hydrogen nuclei n_H [cm⁻³]",
            "--density",
        )
    }

    fn dust(&self) -> Result<f64, Error> {
        let value = self.environment.dust_temperature;
        self.of(value, "the dust temperature T_d [K]", "--dust-temperature")
    }

    fn doppler(&self) -> Result<f64, Error> {
        let value = self.environment.doppler_width;
        self.of(value, "the Doppler width b [cm s⁻¹]", "--doppler-width")
    }

    fn h2_column(&self) -> Result<f64, Error> {
        let value = self.environment.h2_column;
        self.of(value, "the column density N(H2) [cm⁻²]", "--h2-column")
    }

    fn co_column(&self) -> Result<f64, Error> {
        let value = self.environment.co_column;
        self.of(value, "the column density N(CO) [cm⁻²]", "--co-column")
    }

    fn c_column(&self) -> Result<f64, Error> {
        let value = self.environment.c_column;
        self.of(value, "the column density N(C) [cm⁻²]", "--c-column")
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
