//! What the fuzz targets and the replay of their corpus call: a reader on any text, and what must hold
//! of a network that it accepts.

use chem_network::format::native;
use chem_network::{
    Environment, Expression, Format, Kinetics, Network, RateOptions, parse_network_as,
};

/// Names of the targets; each has a folder in `corpus`.
pub const TARGETS: [&str; 8] = [
    "expression",
    "kida",
    "krome",
    "native",
    "osu",
    "pdr",
    "uclchem",
    "umist",
];

/// Runs the target of this name on these bytes.
pub fn run(target: &str, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match target {
        "expression" => expression(text),
        "pdr" => pdr(text),
        name => {
            if let Some(format) = Format::from_name(name) {
                reader(text, format);
            }
        }
    }
}

/// Whatever the text is, the reader ends with a network or an error; so does the detection.
fn reader(text: &str, format: Format) {
    let _ = Format::detect(text);
    match parse_network_as(text, "fuzz", format) {
        Ok(network) => network_holds(&network),
        Err(error) => assert!(error.to_string().len() < 2000, "an endless message"),
    }
}

/// The rates of 3D-PDR alone or, cut at a line of `===`, the rates and the list of species.
fn pdr(text: &str) {
    match text.split_once("\n===\n") {
        None => reader(text, Format::Pdr),
        Some((rates, species)) => {
            let pair = ((rates, "rates"), (species, "species"));
            if let Ok(network) = chem_network::format::pdr::parse_with_species(pair.0, pair.1) {
                let abundances = network.initial_abundances().map(<[f64]>::len);
                assert_eq!(abundances, Some(network.species().len()));
                network_holds(&network);
            }
        }
    }
}

/// A network that was read is consistent: its rates are numbers or refused, and our own format, where
/// it can hold it, reads it back as it was.
fn network_holds(network: &Network) {
    for reaction in network.reactions() {
        assert!(!reaction.reactants.is_empty() && !reaction.products.is_empty());
    }
    let _ = network.unbalanced();
    let _ = network.duplicates();
    if network.reactions().len() <= 64 {
        let _ = network.check();
        rates(network);
    }
    if let Ok(text) = native::write(network) {
        match native::parse(&text, "written") {
            Ok(again) => assert!(again == *network, "read back differently:\n{text}"),
            Err(error) => panic!("{error}\n{text}"),
        }
    }
}

fn rates(network: &Network) {
    let environment = Environment::new(35.0, 1.3e-17)
        .with_density(1e4)
        .with_visual_extinction(1.0)
        .with_radiation_field(1.0)
        .with_grain_albedo(0.5)
        .with_dust_temperature(20.0)
        .with_doppler_width(1e5)
        .with_h2_column(1e20)
        .with_co_column(1e15)
        .with_c_column(1e16);
    let options = RateOptions::default().with_co_shielding(|_, _| 0.5);
    if let Ok(kinetics) = Kinetics::with_options(network, &environment, options) {
        let k = kinetics.rate_coefficients();
        assert_eq!(k.len(), network.reactions().len());
        assert!(!k.iter().any(|k| k.is_nan()), "{k:?}");
    }
}

/// A rate expression is refused or read, written as it reads, and evaluated without a panic.
fn expression(text: &str) {
    let Ok(expression) = text.parse::<Expression>() else {
        return;
    };
    let written = expression.to_string();
    match written.parse::<Expression>() {
        Ok(again) => assert_eq!(again.to_string(), written),
        Err(error) => panic!("{error}\n{text}\n{written}"),
    }
    let variables = expression
        .variables()
        .iter()
        .map(|name| (name.clone(), 0.5))
        .collect();
    for temperature in [3.0, 300.0, 2e4] {
        if let Ok(value) = expression.value(temperature, Some(1e3), &variables) {
            assert!(value.is_finite());
        }
        let _ = expression.value_and_derivative(temperature, Some(1e3), &variables);
    }
}
