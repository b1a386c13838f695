//! Temperature ranges: several fits of one reaction, and which of them holds at a temperature.

use super::law::RateLaw;
use super::options::RateOptions;
use crate::environment::Environment;
use crate::error::Error;

/// Temperatures for which a fit was made, T_min ≤ T ≤ T_max, both ends included. An end that is 0
/// or infinite is open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TemperatureRange {
    min: f64,
    max: f64,
}

impl TemperatureRange {
    /// The range from `min` to `max` \[K\].
    ///
    /// # Errors
    /// [`Error::TemperatureRange`] unless 0 ≤ `min` ≤ `max`, `min` is finite and `max` above 0.
    pub fn new(min: f64, max: f64) -> Result<Self, Error> {
        if min >= 0.0 && min <= max && min.is_finite() && max > 0.0 {
            // No negative zero: two open ends are equal.
            Ok(Self {
                min: min.abs(),
                max,
            })
        } else {
            Err(Error::TemperatureRange { min, max })
        }
    }

    /// T_min \[K\]; 0 if open.
    #[must_use]
    pub fn min(self) -> f64 {
        self.min
    }

    /// T_max \[K\]; infinite if open.
    #[must_use]
    pub fn max(self) -> f64 {
        self.max
    }

    /// Whether T \[K\] lies in it.
    #[must_use]
    pub fn contains(self, temperature: f64) -> bool {
        self.min <= temperature && temperature <= self.max
    }

    /// The temperature of the range that is nearest to T.
    fn nearest(self, temperature: f64) -> f64 {
        temperature.max(self.min).min(self.max)
    }

    /// |ln T − ln of the nearest end|; 0 inside.
    fn distance(self, temperature: f64) -> f64 {
        (temperature / self.nearest(temperature)).ln().abs()
    }
}

/// What the rate coefficient is where no temperature range holds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Extrapolation {
    /// The nearest fit at the temperature itself.
    #[default]
    Extrapolate,
    /// The nearest fit at its own nearest end: constant outside.
    Clamp,
    /// Zero.
    Zero,
}

impl Extrapolation {
    /// Its name: `extrapolate`, `clamp`, `zero`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Extrapolate => "extrapolate",
            Self::Clamp => "clamp",
            Self::Zero => "zero",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Extrapolate, Self::Clamp, Self::Zero]
            .into_iter()
            .find(|one| one.name() == name)
    }
}

/// One rate law and the temperatures for which it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The law.
    pub law: RateLaw,
    /// Where it holds; `None` if the file says nothing, and then it holds everywhere.
    pub range: Option<TemperatureRange>,
}

impl Fit {
    /// A law with its range.
    #[must_use]
    pub fn new(law: RateLaw, range: impl Into<Option<TemperatureRange>>) -> Self {
        Self {
            law,
            range: range.into(),
        }
    }
}

impl From<RateLaw> for Fit {
    fn from(law: RateLaw) -> Self {
        Self { law, range: None }
    }
}

/// The rate coefficient of one reaction: one fit or several, in the order of the file.
///
/// At a temperature T one fit alone gives k:
/// 1. the first, in file order, whose range holds T (both ends included; a fit without a range
///    holds every T);
/// 2. if none does (T in a gap or outside all ranges), the one with the end nearest to T in ln T,
///    the first of equals, as [`Extrapolation`] says: the caller's choice
///    ([`RateOptions::extrapolation`]), else the file's ([`Rate::outside`]), else
///    [`Extrapolation::Extrapolate`].
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    fits: Vec<Fit>,
    outside: Option<Extrapolation>,
}

impl From<RateLaw> for Rate {
    fn from(law: RateLaw) -> Self {
        Fit::from(law).into()
    }
}

impl From<Fit> for Rate {
    fn from(fit: Fit) -> Self {
        Self {
            fits: vec![fit],
            outside: None,
        }
    }
}

impl Rate {
    /// A rate of these fits.
    ///
    /// # Errors
    /// [`Error::Fits`] if there is none, or if some are of [`RateLaw::GrainH2`], which is of another
    /// order in the number densities, and others are not.
    pub fn of(fits: Vec<Fit>) -> Result<Self, Error> {
        let first_order = |fit: &Fit| matches!(fit.law, RateLaw::GrainH2(_));
        if fits.is_empty() {
            return Err(Error::Fits("at least one is needed"));
        }
        let grain = fits.iter().filter(|fit| first_order(fit)).count();
        if grain != 0 && grain != fits.len() {
            return Err(Error::Fits(
                "H2 formation on grains cannot be mixed with other laws",
            ));
        }
        Ok(Self {
            fits,
            outside: None,
        })
    }

    /// The same rate with what its file says of temperatures that no fit holds.
    #[must_use]
    pub fn with_outside(mut self, extrapolation: Extrapolation) -> Self {
        self.outside = Some(extrapolation);
        self
    }

    /// What the file says of temperatures that no fit holds: zero in KROME and UCLCHEM files, nothing in others.
    #[must_use]
    pub fn outside(&self) -> Option<Extrapolation> {
        self.outside
    }

    /// What holds where no fit does.
    fn extrapolation(&self, options: &RateOptions) -> Extrapolation {
        options.extrapolation.or(self.outside).unwrap_or_default()
    }

    /// The fits, in the order of the file.
    #[must_use]
    pub fn fits(&self) -> &[Fit] {
        &self.fits
    }

    /// The law, where there is one fit alone.
    #[must_use]
    pub fn law(&self) -> Option<&RateLaw> {
        match &self.fits[..] {
            [fit] => Some(&fit.law),
            _ => None,
        }
    }

    /// The laws of all fits.
    pub fn laws(&self) -> impl Iterator<Item = &RateLaw> {
        self.fits.iter().map(|fit| &fit.law)
    }

    /// Why the rate cannot be evaluated at every temperature: the reason of the first fit without an
    /// implementation.
    #[must_use]
    pub fn unsupported(&self) -> Option<&str> {
        self.laws().find_map(|law| match law {
            RateLaw::Unsupported { reason } => Some(reason.as_str()),
            _ => None,
        })
    }

    /// Whether the rate is k n of the first reactant alone ([`RateLaw::GrainH2`]).
    pub(crate) fn is_first_order(&self) -> bool {
        matches!(self.fits[0].law, RateLaw::GrainH2(_))
    }

    /// Checks the parameters of every fit.
    ///
    /// # Errors
    /// As [`RateLaw::validate`].
    pub fn validate(&self, reaction: &str) -> Result<(), Error> {
        self.laws().try_for_each(|law| law.validate(reaction))
    }

    /// The fit that gives k at this temperature \[K\], and whether its range holds it.
    #[must_use]
    pub fn select(&self, temperature: f64) -> (&Fit, bool) {
        let holds = |fit: &&Fit| fit.range.is_none_or(|range| range.contains(temperature));
        if let Some(fit) = self.fits.iter().find(holds) {
            return (fit, true);
        }
        let distance = |fit: &Fit| fit.range.map_or(0.0, |range| range.distance(temperature));
        let mut nearest = &self.fits[0];
        for fit in &self.fits[1..] {
            if distance(fit) < distance(nearest) {
                nearest = fit;
            }
        }
        (nearest, false)
    }

    /// Rate coefficient k at these conditions; `reaction` gives the text that errors quote.
    ///
    /// # Errors
    /// As [`RateLaw::coefficient`], of the fit that is chosen.
    pub fn coefficient(
        &self,
        environment: &Environment,
        options: &RateOptions,
        reaction: impl Fn() -> String,
    ) -> Result<f64, Error> {
        let (fit, holds) = self.select(environment.temperature);
        if holds {
            return fit.law.coefficient(environment, options, reaction);
        }
        let at = self.nearest(fit, environment);
        match self.extrapolation(options) {
            Extrapolation::Clamp => fit.law.coefficient(&at, options, reaction),
            Extrapolation::Extrapolate => fit.law.coefficient(environment, options, reaction),
            // Not evaluated: a polynomial far outside its range may have no finite value.
            Extrapolation::Zero => match &fit.law {
                RateLaw::Unsupported { .. } => fit.law.coefficient(environment, options, reaction),
                _ => Ok(0.0),
            },
        }
    }

    /// Derivative dk/dT [unit of k per K], everything but the gas temperature held fixed; outside
    /// all ranges it is 0 where the coefficient is clamped or zero.
    ///
    /// # Errors
    /// As [`coefficient`](Self::coefficient).
    pub fn derivative(
        &self,
        environment: &Environment,
        options: &RateOptions,
        reaction: impl Fn() -> String,
    ) -> Result<f64, Error> {
        let (fit, holds) = self.select(environment.temperature);
        if holds || self.extrapolation(options) == Extrapolation::Extrapolate {
            return fit.law.derivative(environment, options, reaction);
        }
        self.coefficient(environment, options, reaction)?;
        Ok(0.0)
    }

    /// The environment with the temperature of the fit's range that is nearest.
    fn nearest(&self, fit: &Fit, environment: &Environment) -> Environment {
        let t = environment.temperature;
        environment.with_temperature(fit.range.map_or(t, |range| range.nearest(t)))
    }
}
