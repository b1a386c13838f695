//! The command line `surrogate`.
fn main() {}
