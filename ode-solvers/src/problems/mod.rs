//! Classical test problems as code, with solutions from elsewhere: for tests, benches, documentation, and for trying a solver.
mod hires;
mod kepler;
mod robertson;
mod van_der_pol;

pub use hires::Hires;
pub use kepler::Kepler;
pub use robertson::Robertson;
pub use van_der_pol::VanDerPol;
