//! Rate laws as expressions, from which every generated rate is written.
//!
//! The formulae are those of `rate/`, stated once more for other languages; a test holds both
//! together.

use crate::expression::{Expr, Meaning, Variable, parse};
use crate::rate::{GrainH2, RateLaw, extinction_ratio};

/// Quantities of an environment that rates depend on besides T: name in generated code, name in KROME
/// files, meaning.
pub(super) const QUANTITIES: [(&str, &str, &str); 11] = [
    (
        "density",
        "get_Hnuclei(n(:))",
        "hydrogen nuclei n_H [cm^-3]",
    ),
    (
        "cosmic_ray_rate",
        "user_crate",
        "cosmic-ray ionisation rate zeta [s^-1]",
    ),
    (
        "visual_extinction",
        "user_Av",
        "visual extinction A_V [mag]",
    ),
    (
        "radiation_field",
        "user_chi",
        "radiation field chi [Draine]",
    ),
    (
        "grain_albedo",
        "user_albedo",
        "far-ultraviolet albedo of grains",
    ),
    ("dust_temperature", "user_Tdust", "dust temperature [K]"),
    (
        "doppler_width",
        "user_b",
        "Doppler width b of H2 lines [cm s^-1]",
    ),
    ("h2_column", "user_NH2", "column density N(H2) [cm^-2]"),
    ("co_column", "user_NCO", "column density N(CO) [cm^-2]"),
    ("c_column", "user_NC", "column density N(C) [cm^-2]"),
    (
        "co_shielding",
        "user_fCO",
        "shielding factor of CO by lines, a number from 0 to 1",
    ),
];

/// Parts of a formula by name.
#[derive(Default)]
struct Formula {
    parts: Vec<(&'static str, Expr)>,
}

impl Formula {
    fn read(&self, text: &str) -> Option<Expr> {
        let names = |name: &str| {
            if let Some((_, part)) = self.parts.iter().find(|(known, _)| *known == name) {
                return Meaning::Is(part.clone());
            }
            Meaning::Is(Expr::Variable(match name {
                "Tgas" => Variable::Temperature,
                "density" => Variable::HydrogenNuclei,
                _ => Variable::User(name.to_owned()),
            }))
        };
        parse(text, &names).ok()
    }

    /// Names a part; what follows may use it.
    fn with(mut self, name: &'static str, text: &str) -> Option<Self> {
        let part = self.read(text)?;
        self.parts.push((name, part));
        Some(self)
    }

    fn number(mut self, name: &'static str, value: f64) -> Self {
        self.parts.push((name, number(value)));
        self
    }
}

/// A number as an expression, which holds none below 0.
pub(super) fn number(value: f64) -> Expr {
    if value.is_sign_negative() {
        Expr::Negative(Box::new(Expr::Real(-value)))
    } else {
        Expr::Real(value)
    }
}

/// A law as an expression of `Tgas`, n_H and variables named as in [`QUANTITIES`]; `None` for a law
/// without an implementation.
pub(super) fn expression(law: &RateLaw) -> Option<Expr> {
    let mut formula = Formula::default();
    for (name, value) in law.parameters() {
        formula = formula.number(name, value);
    }
    match *law {
        RateLaw::Kooij { beta, gamma, .. } => {
            let power = if beta == 0.0 { "" } else { "*(Tgas/3d2)**beta" };
            let barrier = if gamma == 0.0 {
                ""
            } else {
                "*exp(-gamma/Tgas)"
            };
            formula.read(&format!("alpha{power}{barrier}"))
        }
        RateLaw::CosmicRay { reference, .. } => formula.read(if reference == 1.0 {
            "alpha*cosmic_ray_rate"
        } else {
            "alpha*(cosmic_ray_rate/reference)"
        }),
        RateLaw::CosmicRayPhoton { .. } => formula
            .read("alpha*(cosmic_ray_rate/reference)*(Tgas/3d2)**beta*gamma/(1d0-grain_albedo)"),
        RateLaw::Photo { .. } => {
            formula.read("alpha*radiation_field*exp(-gamma*visual_extinction)")
        }
        RateLaw::IonPol1 { .. } => {
            formula.read("alpha*beta*(0.62d0+0.4767d0*gamma*sqrt(3d2/Tgas))")
        }
        RateLaw::IonPol2 { .. } => formula
            .with("x", "3d2/Tgas")?
            .read("alpha*beta*(1d0+0.0967d0*gamma*sqrt(x)+gamma**2*x/10.526d0)"),
        RateLaw::GrainH2(form) => grain(form, formula),
        RateLaw::PhotoH2 { .. } => {
            let dust = number(extinction_ratio(1000.0));
            formula.parts.push(("ratio", dust));
            h2_shielding(formula)?
                .with_dust()?
                .read("alpha*radiation_field*shielding*dust")
        }
        RateLaw::PhotoCo { .. } => co_ratio(formula)?
            .with_dust()?
            .read("alpha*radiation_field*co_shielding*dust"),
        RateLaw::PhotoC { .. } => formula
            .with(
                "tau",
                "1.1d-17*c_column+0.9d0*Tgas**0.27d0*(h2_column/1.59d21)**0.45d0",
            )?
            .read("alpha*radiation_field*exp(-(gamma*visual_extinction+tau))"),
        RateLaw::Expression(ref expression) => Some(expression.tree().clone()),
        RateLaw::Unsupported { .. } => None,
    }
}

/// Formation of H2 on grains, times n_H.
fn grain(form: GrainH2, formula: Formula) -> Option<Expr> {
    match form {
        GrainH2::Simple => formula.read("3d-18*sqrt(Tgas)*exp(-Tgas/1d3)*density"),
        GrainH2::Rollig2007 => formula.read("3d-18*sqrt(Tgas)*density"),
        GrainH2::CazauxTielens2002 => {
            // Energies of the saddle point, of H2 desorption and of physisorbed H.
            let surface = |formula: Formula, energies: [f64; 3]| {
                let [saddle, h2, physisorbed] = energies;
                let passage = (1.0 + ((3e4 - saddle) / (physisorbed - saddle)).sqrt()).powi(2);
                formula
                    .number("saddle", saddle)
                    .number("h2", h2)
                    .number("passage", passage)
                    .read(
                        "1d0/((1d0+1.3d13/2d-10*exp(-4.5d4/dust_temperature)*passage)*(1d0+\
                         5d-13/6d12*exp(h2/dust_temperature)+\
                         0.25d0*passage*exp(-saddle/dust_temperature)))",
                    )
            };
            let silicate = surface(Formula::default(), [110.0, 320.0, 450.0])?;
            let graphite = surface(Formula::default(), [260.0, 520.0, 800.0])?;
            let mut formula = formula;
            formula.parts.push(("silicate", silicate));
            formula.parts.push(("graphite", graphite));
            formula
                .with("x", "Tgas/1d2")?
                .with(
                    "resistance",
                    "1d0+0.04d0*sqrt(Tgas+dust_temperature)+0.2d0*x+0.08d0*x*x",
                )?
                .read(
                    "0.5d0*1.45d5*sqrt(x)*(8.473d-22*silicate+7.908d-22*graphite)/resistance\
                     *density",
                )
        }
    }
}

/// `shielding` of H2 by its own lines.
fn h2_shielding(formula: Formula) -> Option<Formula> {
    formula
        .with("width", "doppler_width/1d-5")?
        .with("tau", "h2_column*0.5d0*1.497d-2*0.01d0/width")?
        .with(
            "core",
            "merge(exp(-2d0*tau/3d0),merge(0.638d0*tau**(-1.25d0),merge(0.505d0*tau**(-1.15d0),\
             0.344d0*tau**(-1.0667d0),tau<1d2),tau<1d1),tau<2d0)",
        )?
        .with("r", "8d7/(1.7725d0*width)")?
        .with("t", "3.02d0*(1d3*r)**(-0.064d0)")?
        .with("u", "sqrt(tau*r)/t")?
        .with("shielding", "core+r/(t*sqrt(0.7853981633974483d0+u*u))")
}

/// `ratio`, τ/τ(V) at the mean wavelength of the lines of CO: the cubic of the extinction curve on
/// its first interval, and at every further node the step of its third derivative.
fn co_ratio(formula: Formula) -> Option<Formula> {
    // Nodes of the curve around 913.6 to 1076.1 Å.
    const NODES: [f64; 5] = [910.0, 950.0, 1000.0, 1050.0, 1110.0];
    // Coefficients of the cubic between two nodes, which four values determine.
    let cubic = |from: f64, to: f64| {
        let width = to - from;
        let at = |third: f64| extinction_ratio(from + width * third / 3.0);
        let [a, b, c, d] = [at(0.0), at(1.0), at(2.0), at(3.0)];
        [
            a,
            0.5 * (-11.0 * a + 18.0 * b - 9.0 * c + 2.0 * d) / width,
            4.5 * (2.0 * a - 5.0 * b + 4.0 * c - d) / width.powi(2),
            4.5 * (3.0 * (b - c) + d - a) / width.powi(3),
        ]
    };
    let [c0, c1, c2, c3] = cubic(NODES[0], NODES[1]);
    let mut formula = formula
        .with("u", "log10(1d0+co_column)")?
        .with("w", "log10(1d0+h2_column)")?
        .with(
            "mean",
            "5675d0-200.6d0*w-(571.6d0-24.09d0*w)*u+(18.22d0-0.7664d0*w)*u*u",
        )?
        .with("x", "min(max(mean,913.6d0),1076.1d0)-910d0")?
        .number("c0", c0)
        .number("c1", c1)
        .number("c2", c2)
        .number("c3", c3)
        .with("ratio", "c0+x*(c1+x*(c2+x*c3))")?;
    let mut third = c3;
    for pair in NODES.windows(2).skip(1) {
        let next = cubic(pair[0], pair[1])[3];
        let term = Formula {
            parts: formula.parts.clone(),
        };
        let sum = term
            .number("node", pair[0] - NODES[0])
            .number("step", next - third)
            .read("ratio+step*max(x-node,0d0)**3")?;
        formula.parts.retain(|(name, _)| *name != "ratio");
        formula.parts.push(("ratio", sum));
        third = next;
    }
    Some(formula)
}

impl Formula {
    /// `dust`, the attenuation at the wavelength of `ratio`.
    fn with_dust(self) -> Option<Self> {
        self.with("depth", "visual_extinction/1.086d0*ratio")?.with(
            "dust",
            "merge(exp(-0.7514d0*depth),2.006d0*exp(-0.849d0*depth)-1.438d0*exp(-1.013d0*depth)+\
             0.7364d0*exp(-1.282d0*depth)-0.5076d0*exp(-2.005d0*depth)-\
             0.0592d0*exp(-5.832d0*depth),depth<1d0)",
        )
    }
}
