//! Functions of KROME's library that depend on their arguments alone, written out where they occur.

use super::ast::Expr;
use super::lexer::Fault;
use super::parser::{Meaning, parse};

/// A function as an expression of its parameters `x` and `y`.
pub(super) struct Template {
    name: &'static str,
    pub parameters: usize,
    text: &'static str,
}

const TEMPLATES: [Template; 2] = [
    // Dissociation of H2O+ and H3O+ behind dust: Glover et al. 2010, MNRAS 404, 2, equation 4.
    Template {
        name: "fhnoj",
        parameters: 1,
        text: "merge(exp(-2.55d0*x+0.0165d0*x**2),exp(-2.8d0*x),x<=15d0)",
    },
    // Self-shielding of H2, x = N(H2) [cm⁻²], y = b [cm s⁻¹]: Draine & Bertoldi 1996, ApJ 468, 269,
    // equation 37, as Glover et al. 2010 write it in their equation 6.
    Template {
        name: "fselfh2",
        parameters: 2,
        text: "0.965d0/(1d0+x*2d-15/(y*1d-5))**2+0.035d0/sqrt(1d0+x*2d-15)\
               *exp(max(-8.5d-4*sqrt(1d0+x*2d-15),-250d0))",
    },
];

/// The function of this name (lower case).
pub(super) fn find(name: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.name == name)
}

impl Template {
    /// The function of these arguments.
    pub fn expand(&self, arguments: &[Expr]) -> Result<Expr, Fault> {
        let argument = |name: &str| match (name, arguments) {
            ("x", [x, ..]) => Meaning::Is(x.clone()),
            ("y", [_, y]) => Meaning::Is(y.clone()),
            _ => Meaning::Unknown("a parameter".to_owned()),
        };
        parse(self.text, &argument)
    }
}
