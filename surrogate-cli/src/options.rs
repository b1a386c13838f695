//! Groups of options that several commands share: network, conditions, times, tolerances.

use crate::error::Error;
use chem_network::{Environment, Format, Network};
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Physical conditions; unset ones come from a configuration file or from the defaults.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub struct ConditionArgs {
    /// Gas temperature (K) [default: 50].
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    pub temperature: Option<f64>,
    /// Cosmic-ray ionisation rate (s⁻¹) [default: 1e-16].
    #[arg(long, value_name = "S^-1", allow_hyphen_values = true)]
    pub cosmic_ray_rate: Option<f64>,
    /// Number density of hydrogen nuclei n_H (cm⁻³); needed for abundances relative to it and by some rate laws.
    #[arg(long, value_name = "CM^-3", allow_hyphen_values = true)]
    pub density: Option<f64>,
    /// Visual extinction A_V (mag); needed by photoreactions.
    #[arg(long, value_name = "MAG", allow_hyphen_values = true)]
    pub visual_extinction: Option<f64>,
    /// Far-ultraviolet radiation field χ (Draine); needed by photoreactions.
    #[arg(long, value_name = "CHI", allow_hyphen_values = true)]
    pub radiation_field: Option<f64>,
    /// Albedo of dust grains in the far ultraviolet; needed by reactions with photons that cosmic rays induce.
    #[arg(long, value_name = "OMEGA", allow_hyphen_values = true)]
    pub grain_albedo: Option<f64>,
    /// Temperature of dust (K); needed by H2 formation on grains (Cazaux & Tielens).
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    pub dust_temperature: Option<f64>,
    /// Doppler width of the lines of H2 (cm s⁻¹), e.g. 1e5; needed by self-shielded photodissociation of H2.
    #[arg(long, value_name = "CM/S", allow_hyphen_values = true)]
    pub doppler_width: Option<f64>,
    /// Column density of H2 towards the source of radiation (cm⁻²); needed by shielded photoreactions.
    #[arg(long, value_name = "CM^-2", allow_hyphen_values = true)]
    pub h2_column: Option<f64>,
    /// Column density of CO towards the source of radiation (cm⁻²).
    #[arg(long, value_name = "CM^-2", allow_hyphen_values = true)]
    pub co_column: Option<f64>,
    /// Column density of C towards the source of radiation (cm⁻²).
    #[arg(long, value_name = "CM^-2", allow_hyphen_values = true)]
    pub c_column: Option<f64>,
}

/// Conditions as they stand in a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// Gas temperature (K).
    pub temperature: f64,
    /// Cosmic-ray ionisation rate (s⁻¹).
    pub cosmic_ray_rate: f64,
    /// Number density of hydrogen nuclei (cm⁻³).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
    /// Visual extinction (mag).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visual_extinction: Option<f64>,
    /// Radiation field (Draine).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radiation_field: Option<f64>,
    /// Albedo of dust grains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grain_albedo: Option<f64>,
    /// Temperature of dust (K).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dust_temperature: Option<f64>,
    /// Doppler width of the lines of H2 (cm s⁻¹).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doppler_width: Option<f64>,
    /// Column density of H2 (cm⁻²).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h2_column: Option<f64>,
    /// Column density of CO (cm⁻²).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub co_column: Option<f64>,
    /// Column density of C (cm⁻²).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c_column: Option<f64>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            temperature: 50.0,
            cosmic_ray_rate: 1e-16,
            density: None,
            visual_extinction: None,
            radiation_field: None,
            grain_albedo: None,
            dust_temperature: None,
            doppler_width: None,
            h2_column: None,
            co_column: None,
            c_column: None,
        }
    }
}

impl Conditions {
    /// These, with everything the command line names replaced.
    pub fn overridden(mut self, args: &ConditionArgs) -> Self {
        self.temperature = args.temperature.unwrap_or(self.temperature);
        self.cosmic_ray_rate = args.cosmic_ray_rate.unwrap_or(self.cosmic_ray_rate);
        self.density = args.density.or(self.density);
        self.visual_extinction = args.visual_extinction.or(self.visual_extinction);
        self.radiation_field = args.radiation_field.or(self.radiation_field);
        self.grain_albedo = args.grain_albedo.or(self.grain_albedo);
        self.dust_temperature = args.dust_temperature.or(self.dust_temperature);
        self.doppler_width = args.doppler_width.or(self.doppler_width);
        self.h2_column = args.h2_column.or(self.h2_column);
        self.co_column = args.co_column.or(self.co_column);
        self.c_column = args.c_column.or(self.c_column);
        self
    }

    /// As an environment, its values checked.
    pub fn environment(&self) -> Result<Environment, Error> {
        let mut environment = Environment::new(self.temperature, self.cosmic_ray_rate);
        if let Some(density) = self.density.filter(|n| *n <= 0.0) {
            return Err(Error::Usage(format!(
                "density {density}: expected a finite number above 0 cm⁻³"
            )));
        }
        environment.density = self.density;
        environment.visual_extinction = self.visual_extinction;
        environment.radiation_field = self.radiation_field;
        environment.grain_albedo = self.grain_albedo;
        environment.dust_temperature = self.dust_temperature;
        environment.doppler_width = self.doppler_width;
        environment.h2_column = self.h2_column;
        environment.co_column = self.co_column;
        environment.c_column = self.c_column;
        environment
            .validate()
            .map_err(|e| Error::Usage(e.to_string()))?;
        Ok(environment)
    }
}

/// Output times; unset ones come from a configuration file or from the defaults.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output times")]
pub struct TimeArgs {
    /// First output (yr): the time of the initial state [default: 1e-6].
    #[arg(long, value_name = "YR", allow_hyphen_values = true)]
    pub t_start: Option<f64>,
    /// Last output (yr) [default: 1e8].
    #[arg(long, value_name = "YR", allow_hyphen_values = true)]
    pub t_end: Option<f64>,
    /// Number of outputs, uniform in log10 of time, both ends included [default: 100].
    #[arg(long, value_name = "N")]
    pub points: Option<usize>,
}

/// Output times as they stand in a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Times {
    /// First output (yr).
    pub start: f64,
    /// Last output (yr).
    pub end: f64,
    /// Number of outputs.
    pub points: usize,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            start: 1e-6,
            end: 1e8,
            points: 100,
        }
    }
}

impl Times {
    /// These, with everything the command line names replaced.
    pub fn overridden(mut self, args: &TimeArgs) -> Self {
        self.start = args.t_start.unwrap_or(self.start);
        self.end = args.t_end.unwrap_or(self.end);
        self.points = args.points.unwrap_or(self.points);
        self
    }

    /// The times (yr).
    pub fn grid(&self) -> Result<Vec<f64>, Error> {
        let Self { start, end, points } = *self;
        if !(start.is_finite() && start > 0.0) {
            return Err(Error::Usage(format!(
                "--t-start {start}: expected a finite time above 0 yr"
            )));
        }
        if !(end.is_finite() && end > start) {
            return Err(Error::Usage(format!(
                "--t-end {end}: expected a finite time after --t-start {start} yr"
            )));
        }
        if points < 2 {
            return Err(Error::Usage(format!(
                "--points {points}: expected at least 2"
            )));
        }
        Ok(latent_ode::log_spaced(start, end, points)?)
    }
}

/// Tolerances of the full chemistry; the defaults differ between commands.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Solver")]
pub struct ToleranceArgs {
    /// Relative tolerance [default: 1e-3 for solve, 1e-6 for training sets].
    #[arg(long, value_name = "RTOL", allow_hyphen_values = true)]
    pub rtol: Option<f64>,
    /// Absolute tolerance (cm⁻³) [default: 1e-14 for solve, 1e-20 for training sets].
    #[arg(long, value_name = "ATOL", allow_hyphen_values = true)]
    pub atol: Option<f64>,
}

/// Tolerances, checked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tolerances {
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance (cm⁻³).
    pub atol: f64,
}

impl Tolerances {
    /// These, with everything the command line names replaced.
    pub fn overridden(mut self, args: &ToleranceArgs) -> Result<Self, Error> {
        self.rtol = args.rtol.unwrap_or(self.rtol);
        self.atol = args.atol.unwrap_or(self.atol);
        for (name, value) in [("--rtol", self.rtol), ("--atol", self.atol)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(Error::Usage(format!(
                    "{name} {value}: expected a finite number above 0"
                )));
            }
        }
        Ok(self)
    }
}

/// How a network file is read.
#[derive(Debug, Clone, Default, Args)]
pub struct FileArgs {
    /// Format of the network file: osu, kida, umist, krome, uclchem, 3dpdr or native [default: told from the content].
    #[arg(long, value_name = "NAME", value_parser = network_format)]
    pub format: Option<Format>,
    /// List of species of a 3D-PDR network [default: the file beside the rates, `species` in its name for `rates`].
    #[arg(long, value_name = "FILE")]
    pub species_list: Option<PathBuf>,
}

/// The format of this name, or the names that there are.
pub fn network_format(name: &str) -> Result<Format, String> {
    let known = || {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("expected one of {}", names.join(", "))
    };
    Format::from_name(name).ok_or_else(known)
}

/// A network by embedded name or by file; a file of that name in the current folder does not hide an embedded one.
pub fn network(name: &str, file: &FileArgs) -> Result<Network, Error> {
    if let Some(network) = chem_network::embedded(name) {
        return match file {
            FileArgs {
                format: None,
                species_list: None,
            } => Ok(network),
            _ => Err(Error::Usage(format!(
                "--format and --species-list are for files: {name} is embedded"
            ))),
        };
    }
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '.']) {
        return Err(Error::Usage(format!(
            "--network {name}: neither a file nor an embedded network (osu224)"
        )));
    }
    Ok(match (file.format, &file.species_list) {
        (None | Some(Format::Pdr), Some(species)) => {
            chem_network::read_network_with_species(path, species)?
        }
        (Some(format), Some(_)) => {
            return Err(Error::Usage(format!(
                "--species-list is for networks of 3D-PDR, not for --format {format}"
            )));
        }
        (Some(format), None) => chem_network::read_network_as(path, format)?,
        (None, None) => chem_network::read_network(path)?,
    })
}
