//! Classical test problems as code, with solutions from elsewhere: for tests, benches, documentation, and for trying a solver.
mod brusselator;
mod e5;
mod hires;
mod kepler;
mod oregonator;
mod pollu;
mod robertson;
mod stiff;
mod van_der_pol;

pub use brusselator::Brusselator;
pub use e5::E5;
pub use hires::Hires;
pub use kepler::Kepler;
pub use oregonator::Oregonator;
pub use pollu::Pollu;
pub use robertson::Robertson;
pub use stiff::{StiffProblem, stiff_problems};
pub use van_der_pol::VanDerPol;
