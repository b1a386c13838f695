//! `surrogate network export`: a network in another format, as a table, or as source code.

use crate::error::Error;
use crate::output::{Outcome, Output};
use crate::rates::{Outside, Rates, dropped};
use crate::{folder, options};
use chem_network::{ExportOptions, Exported, Target};
use clap::Args;
use std::path::{Path, PathBuf};

/// Options of `network export`.
#[derive(Debug, Args)]
pub struct NetworkExport {
    /// Embedded network (osu224) or network file; the format is told from the content.
    #[arg(value_name = "NAME|FILE")]
    pub network: String,
    /// How the file is read.
    #[command(flatten)]
    pub file: options::FileArgs,
    /// Form to write: own format, stoichiometric matrices, table of reactions, KROME file, or source code of rates, right-hand side and Jacobian.
    #[arg(long, value_name = "FORM", value_parser = parser())]
    pub to: String,
    /// File to write to instead of stdout; matrix-market writes three, which end in .reactants.mtx, .products.mtx, .net.mtx.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// What generated rates are where no temperature range of a reaction holds [default: what the file says, zero in KROME files, else extrapolate].
    #[arg(long, value_enum, value_name = "POLICY")]
    pub extrapolation: Option<Outside>,
    /// Leave out reactions whose rate law has no implementation, instead of refusing the network.
    #[arg(long)]
    pub drop_unsupported: bool,
}

/// The names of the forms.
fn parser() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(Target::ALL.iter().map(|target| target.name()))
}

/// Whether a form can hold a rate without an implementation.
fn holds_unsupported(target: Target) -> bool {
    matches!(
        target,
        Target::Native | Target::MatrixMarket | Target::Latex
    )
}

/// Reads the network and writes it.
pub fn run(args: &NetworkExport, output: &Output) -> Result<Outcome, Error> {
    let target = Target::from_name(&args.to)
        .ok_or_else(|| Error::Usage(format!("--to {}: not a form", args.to)))?;
    if target == Target::MatrixMarket && args.out.is_none() {
        let text = "--to matrix-market writes three files: name them with --out FILE";
        return Err(Error::Usage(text.to_owned()));
    }
    let network = options::network(&args.network, &args.file)?;
    let (network, left_out) = if holds_unsupported(target) && !args.drop_unsupported {
        (network, 0)
    } else {
        let rates = Rates {
            drop_unsupported: args.drop_unsupported,
            ..Rates::default()
        };
        rates.evaluable(network, &args.network)?
    };
    if left_out > 0 {
        output.note(&dropped(left_out));
    }
    let mut options = ExportOptions::default();
    options.extrapolation = args.extrapolation.map(Into::into);
    let files = network.export(target, &options)?;
    let mut written = Vec::new();
    match &args.out {
        Some(out) => {
            let paths: Vec<PathBuf> = files.iter().map(|f| path(out, f, files.len())).collect();
            for path in &paths {
                folder::check_target(path)?;
            }
            for (path, file) in paths.iter().zip(&files) {
                latent_ode::write_atomically(path, |w| w.write_all(file.text.as_bytes()))?;
                output.say(&path.display().to_string())?;
                written.push(path.display().to_string());
            }
        }
        None => {
            for file in &files {
                output.say(file.text.trim_end())?;
            }
        }
    }
    Ok(Outcome::done(serde_json::json!({
        "to": target.name(),
        "species": network.species().len(),
        "reactions": network.reactions().len(),
        "dropped": left_out,
        "files": written,
    })))
}

/// Where a file goes: as asked, or, where there are several, with their own endings.
fn path(out: &Path, file: &Exported, count: usize) -> PathBuf {
    if count == 1 {
        return out.to_owned();
    }
    let text = out.display().to_string();
    let stem = text.strip_suffix(".mtx").unwrap_or(&text);
    PathBuf::from(format!("{stem}{}", file.suffix))
}
