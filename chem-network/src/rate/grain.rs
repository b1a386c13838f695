//! Formation of H2 on dust grains.

/// Forms of the rate R [cm³ s⁻¹] of H2 formation on dust, dn(H2)/dt = R n_H n(H), for the dust of the
/// local interstellar medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrainH2 {
    /// R = 3e-18 √T exp(−T/1000), the `SIMPLE` form of 3D-PDR (Bisbas et al. 2012, MNRAS 427, 2100).
    Simple,
    /// R = 3e-18 √T, the form of the comparison of PDR codes (Röllig et al. 2007, A&A 467, 187).
    Rollig2007,
    /// Silicate and graphite surfaces with physisorbed and chemisorbed sites (Cazaux & Tielens 2002,
    /// ApJ 575, L29; 2004, ApJ 604, 222), sticking after Hollenbach & McKee (1979, ApJS 41, 555,
    /// equation 3.7): R = ½ v_H (s ε of silicate + s ε of graphite) S(T, T_d),
    /// v_H = 1.45e5 √(T/100) cm s⁻¹; needs the dust temperature T_d.
    CazauxTielens2002,
}

/// Grain surface per hydrogen nucleus [cm²], and the energies \[K\] of the saddle point between a
/// physisorbed and a chemisorbed site, of H2 desorption and of physisorbed H.
struct Surface {
    area: f64,
    saddle: f64,
    h2: f64,
    physisorbed: f64,
}

const SILICATE: Surface = Surface {
    area: 8.473e-22,
    saddle: 110.0,
    h2: 320.0,
    physisorbed: 450.0,
};
const GRAPHITE: Surface = Surface {
    area: 7.908e-22,
    saddle: 260.0,
    h2: 520.0,
    physisorbed: 800.0,
};
/// Energy of a chemisorbed H atom \[K\].
const CHEMISORBED: f64 = 3e4;
/// Flux of H atoms onto the surface [monolayers s⁻¹].
const FLUX: f64 = 1e-10;
/// Fraction of the new H2 that stays on the surface.
const RETAINED: f64 = 0.005;
/// Frequencies of H2 and of chemisorbed H in their wells [s⁻¹].
const NU_H2: f64 = 3e12;
const NU_CHEMISORBED: f64 = 1.3e13;

impl Surface {
    /// Efficiency ε of formation at the dust temperature.
    fn efficiency(&self, dust: f64) -> f64 {
        let ratio = (CHEMISORBED - self.saddle) / (self.physisorbed - self.saddle);
        let passage = (1.0 + ratio.sqrt()).powi(2);
        let blocked = RETAINED * FLUX / (2.0 * NU_H2) * (self.h2 / dust).exp();
        let lost = 0.25 * passage * (-self.saddle / dust).exp();
        let evaporated =
            NU_CHEMISORBED / (2.0 * FLUX) * (-1.5 * CHEMISORBED / dust).exp() * passage;
        1.0 / ((1.0 + evaporated) * (1.0 + blocked + lost))
    }
}

/// 1/S of the sticking coefficient S, and its derivative with respect to T.
fn inverse_sticking(t: f64, dust: f64) -> (f64, f64) {
    let x = t / 100.0;
    let root = (t + dust).sqrt();
    (
        1.0 + 0.04 * root + 0.2 * x + 0.08 * x * x,
        0.02 / root + (0.2 + 0.16 * x) / 100.0,
    )
}

impl GrainH2 {
    /// Whether the form depends on the dust temperature.
    pub(super) fn needs_dust(self) -> bool {
        self == Self::CazauxTielens2002
    }

    /// R [cm³ s⁻¹] at the temperatures of gas and dust \[K\]; the dust's matters for
    /// [`Self::CazauxTielens2002`] alone.
    #[must_use]
    pub fn coefficient(self, temperature: f64, dust_temperature: f64) -> f64 {
        let t = temperature;
        match self {
            Self::Simple => 3e-18 * t.sqrt() * (-t / 1000.0).exp(),
            Self::Rollig2007 => 3e-18 * t.sqrt(),
            Self::CazauxTielens2002 => {
                let speed = 1.45e5 * (t / 100.0).sqrt();
                let surface = |s: &Surface| s.area * s.efficiency(dust_temperature);
                let (resistance, _) = inverse_sticking(t, dust_temperature);
                0.5 * speed * (surface(&SILICATE) + surface(&GRAPHITE)) / resistance
            }
        }
    }

    /// d ln R/dT [K⁻¹].
    pub(super) fn logarithmic_derivative(self, temperature: f64, dust_temperature: f64) -> f64 {
        let speed = 0.5 / temperature;
        match self {
            Self::Simple => speed - 1e-3,
            Self::Rollig2007 => speed,
            Self::CazauxTielens2002 => {
                let (resistance, slope) = inverse_sticking(temperature, dust_temperature);
                speed - slope / resistance
            }
        }
    }
}
