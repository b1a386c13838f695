//! The commands, one file each.

pub mod benchmark;
pub mod device;
pub mod ensemble;
pub mod evaluate;
pub mod generate;
pub mod latent_network;
pub mod network_check;
pub mod network_export;
pub mod pdr;
pub mod predict;
pub mod run;
pub mod solve;
pub mod train;

use crate::cli::{Cli, Command, NetworkCommand};
use crate::error::Error;
use crate::output::{Outcome, Output};

/// Starts the worker threads and runs the command.
pub fn dispatch(cli: &Cli, output: &Output) -> Result<Outcome, Error> {
    let single = matches!(cli.command, Command::Solve(_));
    let threads = cli
        .global
        .threads
        .map_or(if single { 1 } else { 0 }, usize::from);
    // This thread works as one of them: handing every step of a training over to others and sleeping until it is done costs a wake-up
    // each time, half of what a second core brings at batch 512.
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .build_global()
        .map_err(|source| Error::Threads { threads, source })?;
    match &cli.command {
        Command::Run(args) => run::run(args, output),
        Command::Generate(args) => generate::run(args, output),
        Command::Train(args) => train::run(args, output),
        Command::Evaluate(args) => evaluate::run(args, output),
        Command::Predict(args) => predict::run(args, output),
        Command::Solve(args) => solve::run(args, output),
        Command::LatentNetwork(args) => latent_network::run(args, output),
        Command::Network(NetworkCommand::Check(args)) => network_check::run(args, output),
        Command::Network(NetworkCommand::Export(args)) => network_export::run(args, output),
        Command::Pdr(command) => pdr::run(command, output),
    }
}
