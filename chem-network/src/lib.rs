//! Chemical reaction networks of astrochemistry; for solver authors and surrogate builders.
#![doc = include_str!("../README.md")]

mod check;
mod conservation;
mod element;
mod embedded;
mod environment;
mod error;
mod export;
mod expression;
pub mod format;
mod kinetics;
mod network;
#[cfg(feature = "ode")]
mod ode;
mod operations;
mod origin;
mod pathways;
mod rate;
mod reaction;
pub mod sampling;
mod species;
mod track;

pub use check::{CheckReport, Imbalance};
pub use element::{ELECTRON_MASS, Element};
pub use embedded::{EMBEDDED, embedded};
pub use environment::{Environment, YEAR};
pub use error::{Error, Position};
pub use export::{ExportOptions, Exported, Target};
pub use expression::{Expression, Language};
pub use format::{
    Format, parse_network, parse_network_as, read_network, read_network_as,
    read_network_with_species,
};
pub use kinetics::{Kinetics, LaneKinetics, Workspace};
pub use nalgebra_sparse;
pub use network::Network;
#[cfg(feature = "ode")]
pub use ode::{KineticsBatch, KineticsLanes, TrackedKinetics, TrackedLanes};
pub use operations::Merged;
pub use origin::{Remark, SkippedLines, UnsupportedRow};
pub use pathways::{Contribution, Pathways};
pub use rate::{
    CoShielding, Extrapolation, Fit, GrainH2, Rate, RateLaw, RateOptions, TemperatureRange,
    carbon_optical_depth, co_mean_wavelength, dust_extinction, extinction_ratio, h2_self_shielding,
};
pub use reaction::{Reaction, ReactionKind};
pub use species::{Composition, Phase, Species};
pub use track::Track;
