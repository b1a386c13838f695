//! Networks in other forms: tables, other programs' files, and source code of rates, right-hand side
//! and Jacobian.
//!
//! [`Network::export`](crate::Network::export) is the entry point. Every form is checked against the
//! right-hand side of [`Kinetics`](crate::Kinetics) in the crate's tests: generated C and Rust are
//! compiled and run, Python is run, matrices and KROME files are read back.

mod krome;
mod latex;
mod law;
mod matrix_market;
mod piecewise;
mod source;

use crate::error::Error;
use crate::format::native;
use crate::network::Network;
use crate::rate::Extrapolation;

/// A form in which a network can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The crate's own format, which holds everything: [`native`].
    Native,
    /// Reactant orders, products and S = products − reactants as three Matrix Market files,
    /// species × reactions (Boisvert et al. 1996, NISTIR 5935).
    MatrixMarket,
    /// A `longtable` of reactions with parameters.
    Latex,
    /// A KROME network file; kinds and sources of reactions are left out, and quantities of the
    /// environment become variables: ζ `user_crate`, A_V `user_Av`, χ `user_chi`, ω `user_albedo`,
    /// T_d `user_Tdust`, b `user_b`, N(H2) `user_NH2`, N(CO) `user_NCO`, N(C) `user_NC`, the
    /// shielding factor of CO `user_fCO`.
    Krome,
    /// Rust source, without dependencies.
    Rust,
    /// C99 source.
    C,
    /// CUDA C source, device functions.
    Cuda,
    /// A Python module on NumPy.
    Python,
    /// A Python module on JAX, in double precision; its functions can be traced and compiled.
    Jax,
}

impl Target {
    /// All forms.
    pub const ALL: &'static [Self] = &[
        Self::Native,
        Self::MatrixMarket,
        Self::Latex,
        Self::Krome,
        Self::Rust,
        Self::C,
        Self::Cuda,
        Self::Python,
        Self::Jax,
    ];

    /// Its name: `native`, `matrix-market`, `latex`, `krome`, `rust`, `c`, `cuda`, `python`, `jax`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::MatrixMarket => "matrix-market",
            Self::Latex => "latex",
            Self::Krome => "krome",
            Self::Rust => "rust",
            Self::C => "c",
            Self::Cuda => "cuda",
            Self::Python => "python",
            Self::Jax => "jax",
        }
    }

    /// The form of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.name() == name)
    }
}

/// How a network is written.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ExportOptions {
    /// What generated rates are outside their temperature ranges; `None` leaves it to the file
    /// ([`Rate::outside`](crate::Rate::outside)). The own format, LaTeX and matrices do not depend
    /// on it.
    pub extrapolation: Option<Extrapolation>,
}

impl ExportOptions {
    /// Sets what generated rates are outside their temperature ranges.
    #[must_use]
    pub fn with_extrapolation(mut self, extrapolation: Extrapolation) -> Self {
        self.extrapolation = Some(extrapolation);
        self
    }
}

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// What its name should end in: `.c`, `.reactants.mtx`, ….
    pub suffix: &'static str,
    /// Its text.
    pub text: String,
}

impl Network {
    /// Writes the network in another form: one file, or three for [`Target::MatrixMarket`].
    ///
    /// ```
    /// use chem_network::{ExportOptions, Target, embedded};
    /// let network = embedded("osu224").unwrap();
    /// let files = network.export(Target::C, &ExportOptions::default())?;
    /// assert_eq!(files[0].suffix, ".c");
    /// assert!(files[0].text.contains("void rhs(const double *k, const double *n, double *dndt)"));
    /// # Ok::<(), chem_network::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a rate without an implementation where rates are written as
    /// formulae (all but the own format, LaTeX and the matrices); [`Error::NotRepresentable`] for
    /// what the form cannot hold.
    pub fn export(&self, target: Target, options: &ExportOptions) -> Result<Vec<Exported>, Error> {
        let file = |suffix, text| vec![Exported { suffix, text }];
        Ok(match target {
            Target::Native => file(".network", native::write(self)?),
            Target::MatrixMarket => matrix_market::write(self),
            Target::Latex => file(".tex", latex::write(self)),
            Target::Krome => file(".krome", krome::write(self, options)?),
            Target::Rust => file(".rs", source::rust(self, options)?),
            Target::C => file(".c", source::c(self, options)?),
            Target::Cuda => file(".cu", source::cuda(self, options)?),
            Target::Python => file(".py", source::python(self, options)?),
            Target::Jax => file(".py", source::jax(self, options)?),
        })
    }
}
