//! The physical conditions at which rate coefficients are evaluated.

use crate::error::Error;

/// Seconds in a year (Julian year).
pub const YEAR: f64 = 3.155_76e7;

/// Physical conditions of one cell. Quantities that are `None` are not known: a rate law that needs
/// one of them is refused by [`Kinetics`](crate::Kinetics), never evaluated as zero.
///
/// ```
/// use chem_network::Environment;
/// let cloud = Environment::new(10.0, 1.3e-17)
///     .with_density(2e4)
///     .with_visual_extinction(10.0)
///     .with_radiation_field(1.0);
/// assert_eq!(cloud.visual_extinction, Some(10.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Environment {
    /// Gas temperature T \[K\], above 0.
    pub temperature: f64,
    /// Cosmic-ray ionisation rate ζ [s⁻¹]. OSU and KIDA quote α per ζ of molecular hydrogen.
    pub cosmic_ray_rate: f64,
    /// Number density of hydrogen nuclei n_H [cm⁻³].
    pub density: Option<f64>,
    /// Visual extinction A_V \[mag\].
    pub visual_extinction: Option<f64>,
    /// Strength χ of the far-ultraviolet radiation field in units of the Draine (1978) field.
    pub radiation_field: Option<f64>,
    /// Albedo ω of dust grains in the far ultraviolet, 0 ≤ ω < 1.
    pub grain_albedo: Option<f64>,
    /// Temperature of dust T_d \[K\], above 0.
    pub dust_temperature: Option<f64>,
    /// Doppler width b of the lines of H2 [cm s⁻¹], above 0.
    pub doppler_width: Option<f64>,
    /// Column density N(H2) towards the source of the radiation [cm⁻²].
    pub h2_column: Option<f64>,
    /// Column density N(CO) towards the source of the radiation [cm⁻²].
    pub co_column: Option<f64>,
    /// Column density N(C) towards the source of the radiation [cm⁻²].
    pub c_column: Option<f64>,
}

impl Environment {
    /// Temperature T \[K\] and cosmic-ray ionisation rate ζ [s⁻¹]; everything else unknown.
    #[must_use]
    pub fn new(temperature: f64, cosmic_ray_rate: f64) -> Self {
        Self {
            temperature,
            cosmic_ray_rate,
            density: None,
            visual_extinction: None,
            radiation_field: None,
            grain_albedo: None,
            dust_temperature: None,
            doppler_width: None,
            h2_column: None,
            co_column: None,
            c_column: None,
        }
    }

    /// Sets the temperature T \[K\].
    #[must_use]
    pub fn with_temperature(mut self, kelvin: f64) -> Self {
        self.temperature = kelvin;
        self
    }

    /// Sets the cosmic-ray ionisation rate ζ [s⁻¹].
    #[must_use]
    pub fn with_cosmic_ray_rate(mut self, per_second: f64) -> Self {
        self.cosmic_ray_rate = per_second;
        self
    }

    /// Sets the density of hydrogen nuclei n_H [cm⁻³].
    #[must_use]
    pub fn with_density(mut self, n_h: f64) -> Self {
        self.density = Some(n_h);
        self
    }

    /// Sets the visual extinction A_V \[mag\].
    #[must_use]
    pub fn with_visual_extinction(mut self, magnitudes: f64) -> Self {
        self.visual_extinction = Some(magnitudes);
        self
    }

    /// Sets the radiation field χ \[Draine\].
    #[must_use]
    pub fn with_radiation_field(mut self, chi: f64) -> Self {
        self.radiation_field = Some(chi);
        self
    }

    /// Sets the far-ultraviolet albedo ω of dust grains.
    #[must_use]
    pub fn with_grain_albedo(mut self, albedo: f64) -> Self {
        self.grain_albedo = Some(albedo);
        self
    }

    /// Sets the dust temperature T_d \[K\].
    #[must_use]
    pub fn with_dust_temperature(mut self, kelvin: f64) -> Self {
        self.dust_temperature = Some(kelvin);
        self
    }

    /// Sets the Doppler width b of the lines of H2 [cm s⁻¹].
    #[must_use]
    pub fn with_doppler_width(mut self, cm_per_second: f64) -> Self {
        self.doppler_width = Some(cm_per_second);
        self
    }

    /// Sets the column density N(H2) towards the source of the radiation [cm⁻²].
    #[must_use]
    pub fn with_h2_column(mut self, per_square_cm: f64) -> Self {
        self.h2_column = Some(per_square_cm);
        self
    }

    /// Sets the column density N(CO) towards the source of the radiation [cm⁻²].
    #[must_use]
    pub fn with_co_column(mut self, per_square_cm: f64) -> Self {
        self.co_column = Some(per_square_cm);
        self
    }

    /// Sets the column density N(C) towards the source of the radiation [cm⁻²].
    #[must_use]
    pub fn with_c_column(mut self, per_square_cm: f64) -> Self {
        self.c_column = Some(per_square_cm);
        self
    }

    /// Checks every quantity that is given.
    ///
    /// # Errors
    /// [`Error::Environment`] naming the first quantity outside its domain.
    pub fn validate(&self) -> Result<(), Error> {
        let check = |quantity, value: f64, allowed: bool, expected| {
            if value.is_finite() && allowed {
                Ok(())
            } else {
                Err(Error::Environment {
                    quantity,
                    value,
                    expected,
                })
            }
        };
        let not_negative = "a finite number, 0 or more";
        let t = self.temperature;
        check("temperature T [K]", t, t > 0.0, "a finite number above 0")?;
        let z = self.cosmic_ray_rate;
        check("cosmic-ray rate ζ [s⁻¹]", z, z >= 0.0, not_negative)?;
        let optional = [
            ("density n_H [cm⁻³]", self.density),
            ("visual extinction A_V [mag]", self.visual_extinction),
            ("radiation field χ [Draine]", self.radiation_field),
            ("column density N(H2) [cm⁻²]", self.h2_column),
            ("column density N(CO) [cm⁻²]", self.co_column),
            ("column density N(C) [cm⁻²]", self.c_column),
        ];
        for (quantity, value) in optional {
            if let Some(value) = value {
                check(quantity, value, value >= 0.0, not_negative)?;
            }
        }
        let positive = [
            ("dust temperature T_d [K]", self.dust_temperature),
            ("Doppler width b [cm s⁻¹]", self.doppler_width),
        ];
        for (quantity, value) in positive {
            if let Some(value) = value {
                check(quantity, value, value > 0.0, "a finite number above 0")?;
            }
        }
        match self.grain_albedo {
            Some(w) => check("grain albedo ω", w, (0.0..1.0).contains(&w), "0 ≤ ω < 1"),
            None => Ok(()),
        }
    }
}

impl Default for Environment {
    /// The conditions of Grassi et al. (2021): T = 50 K, ζ = 1e-16 s⁻¹, nothing else known.
    fn default() -> Self {
        Self::new(50.0, 1e-16)
    }
}
