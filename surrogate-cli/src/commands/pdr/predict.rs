//! `surrogate pdr predict`: abundances along lines of sight, in the cells of a cube, or in a bare cube of densities.

use crate::commands::pdr::rays::choose;
use crate::error::Error;
use crate::folder;
use crate::output::{Outcome, Output};
use crate::rays::cube::{Cube, Light};
use crate::rays::cube_prediction::{self, CellsPredicted};
use crate::rays::lines::{LineFile, LineSource, Profiles};
use crate::rays::shown::{Shown, is_shown, page};
use crate::rays::{columns, data};
use crate::report::duration;
use clap::{Args, ValueEnum};
use latent_ode::Error as LatentError;
use latent_ode::rays::{Family, Inputs, RayModel, SeriesSource};
use pdr_data::hdf5::{GridWriter, Kind, Model, PackedWriter, Parameters, kind, write_cubes};
use pdr_data::profile::EffectiveProfile;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `--profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileChoice {
    /// That of the paper's second data set.
    V2,
}

/// Options of `pdr predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// Model that `pdr train` wrote.
    #[arg(long, value_name = "FILE.safetensors")]
    pub model: PathBuf,
    /// Grid of lines of sight, packed rays or solved cubes (HDF5), or a bare cube of densities in 3D-PDR's format (.dat, .dat.gz).
    #[arg(long, value_name = "FILE", required_unless_present = "profile")]
    pub data: Option<PathBuf>,
    /// Instead of data: the paper's density profile, A_V = 0.05 exp(1.6 n_H^0.12), in lights drawn by --seed.
    #[arg(long, value_enum, conflicts_with = "data")]
    pub profile: Option<ProfileChoice>,
    /// With --profile: how many lights.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    pub models: u32,
    /// With --profile: range of the field at the surface (Draine), drawn evenly in its logarithm.
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', num_args = 1, default_values_t = [0.1, 1e3])]
    pub field_range: Vec<f64>,
    /// With --profile: range of the ionisation rate (s⁻¹), likewise.
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', num_args = 1, default_values_t = [1e-17, 1e-13])]
    pub ionisation_rate_range: Vec<f64>,
    /// With --profile: A_V (mag) down to which it is followed; all of it goes to 214, far beyond the shared grid's 20.
    #[arg(long, value_name = "MAG", default_value_t = 20.0)]
    pub max_av: f64,
    /// With --profile: seed of the draw.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Of lines of sight: a page with some of them drawn, beside the data's own abundances where it has them.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Result, in the layout of the data; of a bare cube a solved one. Quantities the model does not predict are those of the data.
    #[arg(long, value_name = "OUT.h5")]
    pub out: PathBuf,
    /// The solved cube, where the file holds several.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// What lights a bare cube.
    #[command(flatten)]
    pub light: Light,
}

/// Predicts and writes.
pub fn run(args: &Predict, output: &Output) -> Result<Outcome, Error> {
    folder::check_target(&args.out)?;
    if let Some(path) = &args.report {
        folder::check_target(path)?;
    }
    let model = RayModel::read(&args.model)?;
    let source = match &args.data {
        None => profiles(args, &model)?,
        Some(path) if is_density(path) => {
            let cube = Cube::bare(path, None, &args.light)?;
            return cells(args, &model, cube, output);
        }
        Some(path) => match kind(path)? {
            Kind::Cubes(_) => {
                let group = choose(path, args.group.as_deref())?;
                let cube = Cube::read(path, &group, None)?;
                data::known_species(&model, &cube.cells.species)?;
                return cells(args, &model, cube, output);
            }
            Kind::Grid | Kind::Packed => LineSource::open(path)?,
        },
    };
    let clock = Instant::now();
    let Lines {
        shown,
        written,
        not_finite,
        impossible,
    } = lines(args, &model, &source)?;
    let seconds = clock.elapsed().as_secs_f64();
    output.say(&format!(
        "{written} series in {}: {}",
        duration(seconds),
        args.out.display()
    ))?;
    if not_finite + impossible > 0 {
        output.note(&format!(
            "{not_finite} series with predictions that are not finite left out; {impossible} predicted abundances lie above what the \
             elements allow (1.01 relative to n_H): the data are far from what the model learned"
        ));
    }
    if let Some(path) = &args.report {
        let page = page(&source_text(args, &model), model.species(), shown)?;
        latent_ode::write_atomically(path, |w| w.write_all(page.as_bytes()))?;
        output.say(&path.display().to_string())?;
    }
    Ok(Outcome {
        partial: not_finite > 0,
        json: json!({
            "predicted": written, "not_finite": not_finite, "above_1": impossible, "seconds": seconds, "out": args.out,
            "report": args.report,
        }),
    })
}

/// What came of lines of sight.
#[derive(Default)]
struct Lines {
    /// Those that are drawn.
    shown: Vec<Shown>,
    written: usize,
    /// Left out because a prediction is not finite.
    not_finite: usize,
    /// Abundances above 1.01, which none can be.
    impossible: usize,
}

/// The profile in as many lights as wanted.
fn profiles(args: &Predict, model: &RayModel) -> Result<LineSource, Error> {
    if model.inputs() == Inputs::Local || model.family() == Family::Cell {
        return Err(Error::Usage(format!(
            "--profile: a profile of density has no temperatures and is no cube; it asks for a model of lines of sight with \
             standalone inputs (`pdr train --inputs standalone`), not for `{}` with {} inputs",
            model.family().name(),
            model.inputs().name()
        )));
    }
    let range = |name: &str, values: &[f64]| match values {
        &[low, high] if low > 0.0 && low <= high && high.is_finite() => {
            Ok([low.log10(), high.log10()])
        }
        _ => Err(Error::Usage(format!(
            "{name}: two numbers above 0, LOW,HIGH"
        ))),
    };
    let field = range("--field-range", &args.field_range)?;
    let rate = range("--ionisation-rate-range", &args.ionisation_rate_range)?;
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let mut draw = |[low, high]: [f64; 2]| 10f64.powf(low + (high - low) * rng.random::<f64>());
    let profile = EffectiveProfile::new().down_to(args.max_av);
    if profile.density.len() < 2 {
        let text = format!("--max-av {}: the profile begins at 0.168 mag", args.max_av);
        return Err(Error::Usage(text));
    }
    // As for rays: where the line ends.
    let density = profile.density.last().copied().unwrap_or(0.0);
    let parameters = (0..args.models).map(|_| Parameters {
        field: draw(field),
        density,
        ionisation_rate: draw(rate),
    });
    LineSource::profiles(Profiles {
        parameters: parameters.collect(),
        species: model.species().to_vec(),
        profile,
    })
}

fn is_density(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with(".dat") || name.ends_with(".dat.gz")
}

/// Series read and predicted at a time.
const BLOCK: usize = 256;

enum Writer {
    Grid(GridWriter),
    Packed(PackedWriter),
}

/// Predicts along every line of sight and writes.
fn lines(args: &Predict, model: &RayModel, source: &LineSource) -> Result<Lines, Error> {
    data::known_species(model, source.species())?;
    let mut writer = match source.is_packed() {
        true => Writer::Packed(PackedWriter::create(&args.out, model.species())?),
        false => Writer::Grid(GridWriter::create(&args.out, model.species())?),
    };
    let mut found = Lines::default();
    for start in (0..source.len()).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(source.len());
        let series: Result<Vec<_>, LatentError> = rows.clone().map(|i| source.series(i)).collect();
        let series = series?;
        let predicted = model.predict(&series, source.quantities())?;
        for ((i, p), truth) in rows.zip(predicted).zip(&series) {
            let warm = p.gas_temperature.as_deref().unwrap_or(&[]);
            // Files hold single precision.
            if !p
                .abundances
                .iter()
                .chain(warm)
                .all(|v| (*v as f32).is_finite())
            {
                found.not_finite += 1;
                continue;
            }
            found.written += 1;
            found.impossible += p.abundances.iter().filter(|x| **x > 1.01).count();
            if args.report.is_some() && is_shown(i, source.len()) {
                found.shown.push(Shown::new(source, i, truth, &p));
            }
            let mut points = source.line(i)?;
            points.abundances = p.abundances;
            if let Some(t) = p.gas_temperature {
                points.gas_temperature = t;
            }
            let parameters = source.parameters().and_then(|p| p.get(i)).copied();
            match (&mut writer, source.file()) {
                (Writer::Packed(writer), LineFile::Packed(rays)) => {
                    writer.write(rays.file.origins()[i], parameters, &points)?;
                }
                (Writer::Grid(writer), _) => writer.write(&Model {
                    id: source.id(i),
                    parameters,
                    points,
                    heat: None,
                    cool: None,
                    line: None,
                })?,
                (Writer::Packed(_), _) => {}
            }
        }
    }
    let text = source_text(args, model);
    match writer {
        Writer::Grid(writer) => writer.finish(&text)?,
        Writer::Packed(writer) => writer.finish(&text)?,
    }
    Ok(found)
}

/// Predicts all cells of a cube, by whatever family, and writes a solved cube: what was solved beside the abundances goes.
fn cells(args: &Predict, model: &RayModel, cube: Cube, output: &Output) -> Result<Outcome, Error> {
    let clock = Instant::now();
    let CellsPredicted { cells, rays } = cube_prediction::predict(model, &cube, output)?;
    let seconds = clock.elapsed().as_secs_f64();
    let maps = match cube.solved {
        true => columns::maps(&cube, &cells.abundances)?,
        false => Vec::new(),
    };
    let mut out = cube.cells;
    out.species = model.species().to_vec();
    out.abundances = cells.abundances;
    if let Some(t) = cells.gas_temperature {
        out.gas_temperature = t;
    }
    out.heat = None;
    out.cool = None;
    out.populations = None;
    write_cubes(&args.out, &[(cube.group.as_str(), &out)])?;
    let threads = rayon::current_num_threads();
    let of = rays.map_or(String::new(), |n| format!(" as means over {n} rays"));
    output.say(&format!(
        "{} cells{of} in {} on {threads} thread{}: {}",
        out.len(),
        duration(seconds),
        if threads == 1 { "" } else { "s" },
        args.out.display()
    ))?;
    for map in &maps {
        output.say(&format!(
            "column density of {} along x: median |dlog10 N| to the solved cube {:.4} dex",
            map.truth.name, map.median
        ))?;
    }
    Ok(Outcome::done(json!({
        "predicted": out.len(), "rays": rays, "seconds": seconds, "threads": threads, "out": args.out,
        "column_density_median_dex": if maps.is_empty() { Value::Null } else { columns::json(&maps) },
    })))
}

fn source_text(args: &Predict, model: &RayModel) -> String {
    let from = match &args.data {
        Some(path) => path.display().to_string(),
        None => "the profile A_V = 0.05 exp(1.6 n_H^0.12)".into(),
    };
    format!(
        "predicted by the surrogate {} ({}, {} inputs, trained on {}) from {from}",
        args.model.display(),
        model.family().name(),
        model.inputs().name(),
        model.description().data,
    )
}
