//! Every export against the right-hand side and the Jacobian in memory: generated source is compiled
//! and run, files are read back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod files;
mod programs;

use std::path::PathBuf;

use chem_network::{Environment, Kinetics, Network, RateOptions, parse_network, read_network};

/// A network under test with its conditions.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) network: Network,
    pub(crate) options: RateOptions,
    /// Gas temperatures \[K\].
    pub(crate) temperatures: Vec<f64>,
}

/// A file of the shared data without the reactions that have no implementation.
fn shared(name: &str) -> Option<Network> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/networks");
    let path = folder.join(name);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    let network = read_network(path).unwrap();
    Some(
        network
            .filter_reactions(|reaction| reaction.rate.unsupported().is_none())
            .unwrap(),
    )
}

/// Every rate law, with temperature ranges, gaps and overlaps.
pub(crate) fn laws() -> Network {
    let text = "chem-network 1
title: every law
[species]
H
H2
H+
e-
C
C+
CO
O
He
H3+
[reactions]
H + H -> H2 ; grain-h2-ct02
H + H -> H2 ; grain-h2-simple
H + H -> H2 ; grain-h2-r07
H + e- -> H+ + e- + e- ; kooij 1.3e-10 0.4 120
H + H+ -> H+ + H ; kooij 2e-9 -0.5 -3.5
H2 -> H + H ; photo-h2 5.2e-11
CO -> C + O ; photo-co 2.1e-10
C -> C+ + e- ; photo-c 3e-10 2.9
C -> C+ + e- ; photo 3.1e-10 3.3
H -> H+ + e- ; cosmic-ray 0.46
He -> H+ + e- ; cosmic-ray 0.5 1.3e-17
C -> C+ + e- ; cosmic-ray-photon 1.3e-17 0.2 510 1.3e-17
H3+ + CO -> H2 + C+ + O ; ion-polar-1 0.7 1.6e-9 2.3
H3+ + C -> H2 + C+ + H ; ion-polar-2 0.3 1.1e-9 1.7
H + H + H -> H2 + H ; kooij 1e-31 -0.3 0
C + O -> CO ; T=10..100 kooij 1e-17 0 0 | T=200..500 kooij 2e-17 0.5 10 | T=300..inf kooij 3e-17 0 0
C + O -> CO ; outside=clamp T=30..100 kooij 1e-17 0.3 0 | T=200..500 kooij 2e-17 0.5 10
C + O -> CO ; outside=zero T=30..100 expression 1d-17*T32*lnT*invTe | T=100..500 kooij 2e-17 0.5 10
C+ + e- -> C ; expression merge(1d-12,2d-12*T32**(-1/2),Tgas<1d2.or..not.Tgas<=3d2.and.user_x>1)*max(user_x,2d0,logT)/10**2
H+ + e- -> H ; expression abs(-1d-12)*sqrt(get_Hnuclei(n(:)))*min(atan(T4),tanh(sqrTgas))**invsqrT32
";
    parse_network(text, "laws").unwrap()
}

/// The networks, with conditions in which every rate has a value.
pub(crate) fn cases() -> Vec<Case> {
    let options = [
        ("user_Av", 0.7),
        ("user_crate", 1.3e-17),
        ("user_Tdust", 12.5),
        ("user_J21", 0.4),
        ("user_x", 3.5),
    ]
    .into_iter()
    .fold(RateOptions::default(), |options, (name, value)| {
        options.with_variable(name, value)
    })
    .with_co_shielding(|_, _| 0.37);
    let case = |name, network: Option<Network>, temperatures: &[f64]| {
        Some(Case {
            name,
            network: network?,
            options: options.clone(),
            temperatures: temperatures.to_vec(),
        })
    };
    let everywhere = [8.0, 30.0, 65.0, 141.0, 142.0, 200.0, 450.0, 9000.0];
    [
        case("laws", Some(laws()), &everywhere),
        case("osu224", chem_network::embedded("osu224"), &[10.0, 50.0]),
        case("osu", shared("osu_09_2008.osu"), &[50.0]),
        case(
            "COthin",
            shared("krome_react_COthin"),
            &[15.0, 200.0, 6000.0],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The conditions of all cases at a temperature.
pub(crate) fn environment(temperature: f64) -> Environment {
    Environment::new(temperature, 2.3e-17)
        .with_density(2e4)
        .with_visual_extinction(0.8)
        .with_radiation_field(1.7)
        .with_grain_albedo(0.6)
        .with_dust_temperature(14.0)
        .with_doppler_width(1.5e5)
        .with_h2_column(3e19)
        .with_co_column(2e14)
        .with_c_column(1e15)
}

/// The value of a condition under its name in generated code.
pub(crate) fn condition(case: &Case, temperature: f64, name: &str) -> f64 {
    let environment = environment(temperature);
    let known = match name {
        "temperature" => Some(environment.temperature),
        "density" => environment.density,
        "cosmic_ray_rate" => Some(environment.cosmic_ray_rate),
        "visual_extinction" => environment.visual_extinction,
        "radiation_field" => environment.radiation_field,
        "grain_albedo" => environment.grain_albedo,
        "dust_temperature" => environment.dust_temperature,
        "doppler_width" => environment.doppler_width,
        "h2_column" => environment.h2_column,
        "co_column" => environment.co_column,
        "c_column" => environment.c_column,
        "co_shielding" => Some(0.37),
        _ => case.options.variables.get(name).copied(),
    };
    known.unwrap_or_else(|| panic!("{name} has no value"))
}

/// Number densities of all species, no two alike, over many magnitudes.
pub(crate) fn state(network: &Network) -> Vec<f64> {
    (0..network.species().len())
        .map(|i| 10f64.powf(4.0 - 9.0 * ((i * 7919 + 13) % 101) as f64 / 101.0))
        .collect()
}

/// k, dn/dt, Jacobian values and, as a scale for errors of rounding, the sums of absolute terms.
pub(crate) struct Reference {
    pub(crate) k: Vec<f64>,
    pub(crate) rhs: Vec<f64>,
    pub(crate) rhs_scale: Vec<f64>,
    pub(crate) jacobian: Vec<f64>,
    pub(crate) jacobian_scale: Vec<f64>,
    pub(crate) pattern: (Vec<usize>, Vec<usize>),
}

pub(crate) fn reference(case: &Case, temperature: f64) -> Reference {
    let network = &case.network;
    let kinetics = Kinetics::with_options(network, &environment(temperature), case.options.clone())
        .unwrap_or_else(|error| panic!("{} at {temperature}: {error}", case.name));
    let n = state(network);
    let mut rhs = vec![0.0; n.len()];
    kinetics.rhs(&n, &mut rhs);
    let (offsets, rows) = kinetics.sparsity();
    let pattern = (offsets.to_vec(), rows.to_vec());
    let mut jacobian = vec![0.0; rows.len()];
    kinetics.jacobian(&n, &mut jacobian);
    let k = kinetics.rate_coefficients().to_vec();
    let mut rhs_scale = vec![f64::MIN_POSITIVE; n.len()];
    let mut jacobian_scale = vec![f64::MIN_POSITIVE; rows.len()];
    for (j, reaction) in network.reactions().iter().enumerate() {
        let factors = reaction.factors();
        let rate = factors.iter().fold(k[j], |rate, &i| rate * n[i]);
        for (row, change) in reaction.net() {
            rhs_scale[row] += (f64::from(change) * rate).abs();
            for &column in factors {
                let range = pattern.0[column]..pattern.0[column + 1];
                let at = range.start + pattern.1[range].binary_search(&row).unwrap();
                jacobian_scale[at] += (f64::from(change) * rate / n[column]).abs();
            }
        }
    }
    Reference {
        k,
        rhs,
        rhs_scale,
        jacobian,
        jacobian_scale,
        pattern,
    }
}

/// Compares numbers; the scale says how much rounding may do.
pub(crate) fn compare(what: &str, found: &[f64], expected: &[f64], scale: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let allowed = 1e-12 * scale[i].abs();
        assert!(
            (a - b).abs() <= allowed,
            "{what}, entry {i}: {a:e}, expected {b:e}"
        );
    }
}
