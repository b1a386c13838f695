//! Attenuation of ultraviolet radiation by dust, with scattering.

/// Wavelength [Å] and τ(λ)/τ(V) of the mean interstellar extinction curve (Savage & Mathis 1979,
/// ARA&A 17, 73, table 2; V = 5500 Å) from the Lyman limit to 2500 Å, and the visual itself.
const CURVE: [(f64, f64); 24] = [
    (910.0, 5.76),
    (950.0, 5.18),
    (1000.0, 4.65),
    (1050.0, 4.16),
    (1110.0, 3.73),
    (1180.0, 3.4),
    (1250.0, 3.11),
    (1390.0, 2.74),
    (1490.0, 2.63),
    (1600.0, 2.62),
    (1700.0, 2.54),
    (1800.0, 2.5),
    (1900.0, 2.58),
    (2000.0, 2.78),
    (2100.0, 3.01),
    (2190.0, 3.12),
    (2300.0, 2.86),
    (2400.0, 2.58),
    (2500.0, 2.35),
    (2740.0, 2.0),
    (3440.0, 1.58),
    (4000.0, 1.42),
    (4400.0, 1.32),
    (5500.0, 1.0),
];

/// τ(λ)/τ(V) of dust at a wavelength λ \[Å\], linear between the values of Savage & Mathis (1979);
/// constant beyond 910 and 5500 Å.
#[must_use]
pub fn extinction_ratio(wavelength: f64) -> f64 {
    if wavelength.is_nan() {
        return wavelength;
    }
    let after = CURVE.partition_point(|&(at, _)| at < wavelength);
    match (after.checked_sub(1).map(|i| CURVE[i]), CURVE.get(after)) {
        (Some((x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (wavelength - x0) / (x1 - x0),
        (None, Some(&(_, y))) | (Some((_, y)), None) => y,
        (None, None) => f64::NAN,
    }
}

/// Attenuation S(A_V, λ) of radiation of wavelength λ \[Å\] behind a plane layer of dust of visual
/// extinction A_V \[mag\], scattering included (albedo 0.3, mean cosine 0.8): Wagenblast & Hartquist
/// (1989, MNRAS 237, 1019) after Flannery, Roberge & Rybicki (1980, ApJ 236, 598).
///
/// With τ = (A_V/1.086) τ(λ)/τ(V): exp(−0.7514 τ) below τ = 1, else Σ a_i exp(−k_i τ) of five terms.
/// The two meet within 0.3 % at τ = 1.
#[must_use]
pub fn dust_extinction(visual_extinction: f64, wavelength: f64) -> f64 {
    const TERMS: [(f64, f64); 5] = [
        (2.006, 0.849),
        (-1.438, 1.013),
        (0.7364, 1.282),
        (-0.5076, 2.005),
        (-0.0592, 5.832),
    ];
    let tau = visual_extinction / 1.086 * extinction_ratio(wavelength);
    if tau < 1.0 {
        (-0.7514 * tau).exp()
    } else {
        TERMS.iter().map(|(a, k)| a * (-k * tau).exp()).sum()
    }
}
