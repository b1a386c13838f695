//! The ionisation rate for which each database quotes its parameters: the same process has the same
//! rate whatever the file. Skipped where `../shared` is absent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{Environment, RateLaw, RateOptions, read_network};

/// H → H+ + e-: 0.46 ζ(H2) in every database (Wakelam et al. 2012; McElroy et al. 2013), with UMIST's
/// α at 1.3e-17 s⁻¹.
#[test]
fn ionisation_of_hydrogen_agrees_between_databases() {
    let files = [
        ("osu_09_2008.osu", 1.0),
        ("kida.uva.2014.dat", 1.0),
        ("kida.uva.2024.dat", 1.0),
        ("umist_rate12.csv", 1.3e-17),
        ("umist_rate22.rates", 1.3e-17),
        ("uclchem_small_gas.csv", 1.3e-17),
        ("3dpdr_rates_reduced.d", 1.3e-17),
        ("3dpdr_rates_medium.d", 1.3e-17),
        ("3dpdr_rates_full.d", 1.3e-17),
    ];
    for (name, reference) in files {
        let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared"))
            .join("data/networks")
            .join(name);
        if !path.exists() {
            eprintln!("skipped: {} is not here", path.display());
            continue;
        }
        let network = read_network(path).unwrap();
        let references = network.cosmic_ray_references();
        assert_eq!(references.len(), 1, "{name}: {references:?}");
        assert_eq!(references[0].0, reference, "{name}");
        assert!(references[0].1 > 1, "{name}: {references:?}");
        let index = |species: &str| network.species_index(species).unwrap();
        let (h, mut ions) = (index("H"), vec![index("H+"), index("e-")]);
        ions.sort_unstable();
        let direct = network.reactions().iter().find(|reaction| {
            let mut products = reaction.products.clone();
            products.sort_unstable();
            reaction.reactants == [h]
                && products == ions
                && matches!(reaction.rate.law(), Some(RateLaw::CosmicRay { .. }))
        });
        let direct = direct.unwrap_or_else(|| panic!("{name}: no ionisation of H"));
        for zeta in [1.3e-17, 1e-16] {
            let environment = Environment::new(10.0, zeta);
            let k = direct
                .rate
                .coefficient(&environment, &RateOptions::default(), || name.to_owned())
                .unwrap();
            assert!(
                (k / (0.46 * zeta) - 1.0).abs() < 0.01,
                "{name}: {k:e} at {zeta:e}"
            );
        }
    }
}
