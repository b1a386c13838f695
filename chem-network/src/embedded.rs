//! Networks that come with the crate.

use crate::format::native;
use crate::network::Network;

/// Names of the embedded networks.
pub const EMBEDDED: &[&str] = &["osu224"];

/// An embedded network by name.
///
/// `osu224`: the 29 species and 224 reactions without photoreactions of Grassi et al. (2021,
/// "Reducing the complexity of chemical networks via interpretable autoencoders"), taken from the
/// OSU network osu_09_2008 (E. Herbst and collaborators); species in the order H, H+, H2, H2+, …,
/// CO, CO+, HCO+, e-.
#[must_use]
pub fn embedded(name: &str) -> Option<Network> {
    let text = match name {
        "osu224" => include_str!("../networks/osu224.network"),
        _ => return None,
    };
    // The text is part of the crate and read by its tests.
    native::parse(text, name).ok()
}
