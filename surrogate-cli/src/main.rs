//! The binary `surrogate`: reads the command line, runs one command, turns its outcome into an exit code.
#![allow(dead_code)]
mod report;
fn main() {}
