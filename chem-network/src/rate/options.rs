//! What the caller decides about rate coefficients beyond the physical conditions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::range::Extrapolation;

/// Shielding of CO by its own lines and those of H2, as a function of the column densities
/// (N_CO, N_H2) \[cm⁻²\]: the factor on the dissociation rate, 0 to 1, dust left out.
#[derive(Clone)]
pub struct CoShielding(Arc<dyn Fn(f64, f64) -> f64 + Send + Sync>);

impl CoShielding {
    /// A shielding function f(N_CO, N_H2).
    pub fn new(function: impl Fn(f64, f64) -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    /// The factor at these column densities \[cm⁻²\].
    #[must_use]
    pub fn at(&self, co_column: f64, h2_column: f64) -> f64 {
        (self.0)(co_column, h2_column)
    }
}

impl fmt::Debug for CoShielding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CoShielding(function)")
    }
}

/// How rate coefficients are evaluated; the default extrapolates unless the file says otherwise,
/// knows no variables and has no shielding function of CO.
///
/// ```
/// use chem_network::{Extrapolation, RateOptions};
/// let options = RateOptions::default()
///     .with_extrapolation(Extrapolation::Clamp)
///     .with_variable("user_Av", 1.0)
///     .with_co_shielding(|n_co, _n_h2| (1.0 + n_co / 1e14).recip());
/// assert_eq!(options.variables["user_Av"], 1.0);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RateOptions {
    /// What holds outside the temperature ranges; `None` leaves it to the file
    /// ([`Rate::outside`](crate::Rate::outside)).
    pub extrapolation: Option<Extrapolation>,
    /// Values of the free variables of rate expressions (`user_Av` of KROME files), by name.
    pub variables: BTreeMap<String, f64>,
    /// Shielding of CO, needed by [`RateLaw::PhotoCo`](crate::RateLaw::PhotoCo).
    pub co_shielding: Option<CoShielding>,
}

impl RateOptions {
    /// Sets what holds outside the temperature ranges.
    #[must_use]
    pub fn with_extrapolation(mut self, extrapolation: Extrapolation) -> Self {
        self.extrapolation = Some(extrapolation);
        self
    }

    /// Sets a free variable of rate expressions.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: f64) -> Self {
        self.variables.insert(name.into(), value);
        self
    }

    /// Sets the shielding function f(N_CO, N_H2) of CO, column densities in cm⁻².
    #[must_use]
    pub fn with_co_shielding(
        mut self,
        function: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.co_shielding = Some(CoShielding::new(function));
        self
    }
}
