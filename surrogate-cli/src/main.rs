//! The binary `surrogate`: reads the command line, runs one command, turns its outcome into an exit code.
#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod condition;
mod config;
mod error;
mod folder;
mod gather;
mod initial;
mod interrupt;
mod judge;
mod options;
mod oscillation;
mod output;
mod paths;
mod progress;
mod raster;
mod rates;
mod rays;
mod report;
mod sheet;
mod shielding;
mod solver;
mod table;
mod timings;
mod track;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.global.json);
    match commands::dispatch(&cli, &output) {
        Ok(outcome) => match output.finish(&outcome) {
            Ok(()) => ExitCode::from(outcome.code()),
            Err(error) => output.fail(&error),
        },
        Err(error) => output.fail(&error),
    }
}
