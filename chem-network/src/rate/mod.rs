//! From the parameters of a network file to rate coefficients: the laws, their temperature ranges,
//! and what the caller decides about both.

mod co_table;
mod dust;
mod evaluate;
mod grain;
mod law;
mod options;
mod range;
mod shielding;

pub use dust::{dust_extinction, extinction_ratio};
pub use grain::GrainH2;
pub use law::RateLaw;
pub use options::{CoShielding, RateOptions};
pub use range::{Extrapolation, Fit, Rate, TemperatureRange};
pub use shielding::{carbon_optical_depth, co_mean_wavelength, h2_self_shielding};
