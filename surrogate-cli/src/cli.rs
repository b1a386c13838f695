//! The command line as types: one variant per command, options shared by several commands in groups.

use crate::commands;
use clap::{Args, Parser, Subcommand};

/// Solve chemical networks, and train, judge and use fast surrogates of them.
///
/// Exit codes: 0 done, 2 wrong usage, 3 partly done (some models failed, the rest is kept), 1 any other error.
#[derive(Debug, Parser)]
#[command(
    name = "surrogate",
    version,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Print one JSON object as the last line of stdout, and nothing else there.
    #[arg(long, global = true)]
    pub json: bool,
    /// Worker threads; results do not depend on it [default: 1 for solve, all cores elsewhere].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: Option<u16>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The main job: trajectories, training, evaluation on unseen models, report, in one folder.
    #[command(allow_negative_numbers = true)]
    Run(Box<commands::run::Run>),
    /// Solve a network for sampled initial states and write a data set.
    #[command(allow_negative_numbers = true)]
    Generate(Box<commands::generate::Generate>),
    /// Train a surrogate on a data set.
    #[command(allow_negative_numbers = true)]
    Train(Box<commands::train::Train>),
    /// Judge a surrogate's rollouts on the test models of a data set.
    #[command(allow_negative_numbers = true)]
    Evaluate(commands::evaluate::Evaluate),
    /// Predict trajectories of given initial states with a surrogate.
    #[command(allow_negative_numbers = true)]
    Predict(commands::predict::Predict),
    /// Solve the full chemistry for given initial states.
    #[command(allow_negative_numbers = true)]
    Solve(Box<commands::solve::Solve>),
    /// Generate and print a latent network.
    #[command(allow_negative_numbers = true)]
    LatentNetwork(commands::latent_network::LatentNetworkArgs),
    /// Look at chemical networks.
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Data and surrogates of photodissociation regions.
    #[command(subcommand)]
    Pdr(commands::pdr::PdrCommand),
}

/// Commands on chemical networks.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Read a network strictly and report what it contains and what is wrong with it.
    Check(commands::network_check::NetworkCheck),
    /// Write a network in another format, as a table of reactions, or as source code.
    Export(commands::network_export::NetworkExport),
}
