//! Networks from networks: selecting, merging, reducing to what can be reached.

mod merge;
mod reach;
mod select;

pub use merge::Merged;

use crate::reaction::{Reaction, ReactionKind};

/// What makes a reaction the same one: members of both sides, sorted, and kind of process.
pub(crate) type Identity = (Vec<usize>, Vec<usize>, ReactionKind);

/// The identity of a reaction of a network.
pub(crate) fn identity(reaction: &Reaction) -> Identity {
    let sorted = |side: &[usize]| {
        let mut side = side.to_vec();
        side.sort_unstable();
        side
    };
    (
        sorted(&reaction.reactants),
        sorted(&reaction.products),
        reaction.kind,
    )
}
