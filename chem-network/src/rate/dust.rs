//! Attenuation of ultraviolet radiation by dust, with scattering.

use std::sync::LazyLock;

/// Number of values of the extinction curve.
const VALUES: usize = 29;

/// Wavelength \[Å\] and τ(λ)/τ(V) of the mean interstellar extinction curve (Savage & Mathis 1979,
/// ARA&A 17, 73, table 2; V = 5500 Å).
const CURVE: [(f64, f64); VALUES] = [
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
    (7000.0, 0.75),
    (9000.0, 0.48),
    (12500.0, 0.28),
    (22000.0, 0.12),
    (34000.0, 0.05),
];

/// Second derivatives of the natural cubic spline through [`CURVE`], by elimination in the
/// tridiagonal system that makes its first derivatives continuous.
static CURVATURES: LazyLock<[f64; VALUES]> = LazyLock::new(|| {
    let width = |i: usize| CURVE[i + 1].0 - CURVE[i].0;
    let slope = |i: usize| (CURVE[i + 1].1 - CURVE[i].1) / width(i);
    let (mut ratio, mut curvature) = ([0.0; VALUES], [0.0; VALUES]);
    for i in 1..VALUES - 1 {
        let diagonal = 2.0 * (width(i - 1) + width(i)) - width(i - 1) * ratio[i - 1];
        ratio[i] = width(i) / diagonal;
        let right = 6.0 * (slope(i) - slope(i - 1));
        curvature[i] = (right - width(i - 1) * curvature[i - 1]) / diagonal;
    }
    for i in (1..VALUES - 1).rev() {
        curvature[i] -= ratio[i] * curvature[i + 1];
    }
    curvature
});

/// τ(λ)/τ(V) of dust at a wavelength λ \[Å\]: the natural cubic spline through the values of Savage &
/// Mathis (1979), constant beyond 910 and 34,000 Å.
#[must_use]
pub fn extinction_ratio(wavelength: f64) -> f64 {
    if wavelength.is_nan() {
        return wavelength;
    }
    let at = wavelength.max(CURVE[0].0).min(CURVE[VALUES - 1].0);
    let upper = CURVE
        .partition_point(|&(node, _)| node < at)
        .clamp(1, VALUES - 1);
    let ((x0, y0), (x1, y1)) = (CURVE[upper - 1], CURVE[upper]);
    let width = x1 - x0;
    let (a, b) = ((x1 - at) / width, (at - x0) / width);
    let bend = (a * a * a - a) * CURVATURES[upper - 1] + (b * b * b - b) * CURVATURES[upper];
    a * y0 + b * y1 + bend * width * width / 6.0
}

/// Attenuation S(A_V, λ) of radiation of wavelength λ \[Å\] behind a plane layer of dust of visual
/// extinction A_V \[mag\], scattering included (albedo 0.3, mean cosine 0.8): Wagenblast & Hartquist
/// (1989, MNRAS 237, 1019) after Flannery, Roberge & Rybicki (1980, ApJ 236, 598).
///
/// With τ = (A_V/1.086) τ(λ)/τ(V): exp(−0.7514 τ) below τ = 1, else Σ a_i exp(−k_i τ) of five terms.
/// The step between them is 0.04 %.
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
