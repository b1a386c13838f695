//! Shielding of photoreactions by the lines of H2, CO and the continuum of C, as functions of the
//! column densities towards the source of the radiation: one ray.

use std::f64::consts::FRAC_PI_4;

/// Self-shielding factor of H2 at column density N(H2) [cm⁻²] and Doppler width b [cm s⁻¹]
/// (Federman, Glassgold & Kwan 1979, ApJ 227, 466, equations A3–A11): the part J_D of the Doppler
/// core and J_R of the radiation-damped wings, for lines at 1000 Å. Without dust, which
/// [`dust_extinction`](crate::dust_extinction) adds. At N = 0 the wings make it exceed 1 by
/// 2e-3 (b = 1 km/s).
#[must_use]
pub fn h2_self_shielding(h2_column: f64, doppler_width: f64) -> f64 {
    // b/λ at λ = 1000 Å [Hz].
    let width = doppler_width / 1e-5;
    // Half of H2 in the lower level; π e²/(m_e c) = 1.497e-2 cm² Hz (with 1/√π), f = 0.01.
    let tau = h2_column * 0.5 * 1.497e-2 * 0.01 / width;
    let core = if tau == 0.0 {
        1.0
    } else if tau < 2.0 {
        (-2.0 * tau / 3.0).exp()
    } else if tau < 10.0 {
        0.638 * tau.powf(-1.25)
    } else if tau < 100.0 {
        0.505 * tau.powf(-1.15)
    } else {
        0.344 * tau.powf(-1.0667)
    };
    // Natural width 8e7 s⁻¹ over √π times the Doppler width.
    let r = 8e7 / (1.7725 * width);
    let t = 3.02 * (1000.0 * r).powf(-0.064);
    let u = (tau * r).sqrt() / t;
    core + r / (t * (FRAC_PI_4 + u * u).sqrt())
}

/// Optical depth of the gas for the ionisation of C, 1.1e-17 N(C) + 0.9 T^0.27 (N(H2)/1.59e21)^0.45
/// (Kamp & Bertoldi 2000, A&A 353, 276, equation 8), column densities in cm⁻², T in K. Without dust.
#[must_use]
pub fn carbon_optical_depth(c_column: f64, h2_column: f64, temperature: f64) -> f64 {
    1.1e-17 * c_column + h2_part(h2_column, temperature)
}

/// Derivative of [`carbon_optical_depth`] with respect to T [K⁻¹].
pub(super) fn carbon_optical_depth_derivative(h2_column: f64, temperature: f64) -> f64 {
    0.27 * h2_part(h2_column, temperature) / temperature
}

fn h2_part(h2_column: f64, temperature: f64) -> f64 {
    0.9 * temperature.powf(0.27) * (h2_column / 1.59e21).powf(0.45)
}

/// Mean wavelength λ̄ \[Å\] of the lines that dissociate CO at column densities N(CO), N(H2) [cm⁻²]
/// (van Dishoeck & Black 1988, ApJ 334, 771, equation 4), between the bands at 913.6 and 1076.1 Å.
#[must_use]
pub fn co_mean_wavelength(co_column: f64, h2_column: f64) -> f64 {
    let u = (1.0 + co_column).log10();
    let w = (1.0 + h2_column).log10();
    let mean = (5675.0 - 200.6 * w) - (571.6 - 24.09 * w) * u + (18.22 - 0.7664 * w) * u * u;
    mean.clamp(913.6, 1076.1)
}
