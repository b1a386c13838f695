//! Seeded initial states.
