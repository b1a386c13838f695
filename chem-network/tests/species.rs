//! Names of all databases, and texts that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use chem_network::{Composition, Error, Phase, Species};
use proptest::prelude::*;

fn read(name: &str) -> (String, String, i32) {
    let species = Species::from_name(name).unwrap();
    (
        species.name().to_owned(),
        species.composition().to_string(),
        species.charge(),
    )
}

#[test]
fn spellings_of_all_databases() {
    for (raw, name, formula, charge) in [
        ("E", "e-", "", -1),
        ("e-", "e-", "", -1),
        ("E-", "e-", "", -1),
        ("HE", "He", "He", 0),
        ("HEH+", "HeH+", "HHe", 1),
        ("CL", "Cl", "Cl", 0),
        ("CCL+", "CCl+", "CCl", 1),
        ("CO", "CO", "CO", 0),
        ("SIO2", "SiO2", "O2Si", 0),
        ("SINC+", "SiNC+", "CNSi", 1),
        ("FE+", "Fe+", "Fe", 1),
        ("MG", "Mg", "Mg", 0),
        ("NAOH", "NaOH", "HONa", 0),
        ("Cl", "Cl", "Cl", 0),
        ("l-C3H2", "l-C3H2", "H2C3", 0),
        ("c-C3H", "c-C3H", "HC3", 0),
        ("HC2NC", "HC2NC", "HC3N", 0),
        ("OCS+H2", "OCS+H2", "H2COS", 1),
        ("GRAIN0", "GRAIN0", "GRAIN", 0),
        ("GRAIN-", "GRAIN-", "GRAIN", -1),
        ("C10H2+", "C10H2+", "H2C10", 1),
        ("C2H5OH2+", "C2H5OH2+", "H7C2O", 1),
        ("C-C3H2+", "c-C3H2+", "H2C3", 1),
        ("L-SIC3", "l-SiC3", "C3Si", 0),
        ("C-SIC2", "c-SiC2", "C2Si", 0),
        ("c-HCCHSi", "c-HCCHSi", "H2C2Si", 0),
        ("t-C3H2", "t-C3H2", "H2C3", 0),
        ("LINEAR-C3H", "l-C3H", "HC3", 0),
        ("cyclic-C3H", "c-C3H", "HC3", 0),
        ("trans-HCOOH", "trans-HCOOH", "H2CO2", 0),
        ("E-HNCHCN", "E-HNCHCN", "H2C2N2", 0),
        ("C-", "C-", "C", -1),
        ("o-H2", "o-H2", "H2", 0),
        ("oH2", "o-H2", "H2", 0),
        ("pH2+", "p-H2+", "H2", 1),
        ("H2CCC", "H2CCC", "H2C3", 0),
        ("HSIO2+", "HSiO2+", "HO2Si", 1),
        ("HNSI", "HNSi", "HNSi", 0),
        ("Al2O3", "Al2O3", "O3Al2", 0),
        ("HMgNCH+", "HMgNCH+", "H2CNMg", 1),
        ("NaC9NH+", "NaC9NH+", "HC9NNa", 1),
        ("HOCH2CH2O+", "HOCH2CH2O+", "H5C2O2", 1),
        ("C18", "C18", "C18", 0),
        ("C18O", "C18O", "C(18O)", 0),
        ("C(18)O", "C18O", "C(18O)", 0),
        ("C(18O)", "C18O", "C(18O)", 0),
        ("13CO", "13CO", "O(13C)", 0),
        ("(13C)O", "13CO", "O(13C)", 0),
        ("H13CO+", "H13CO+", "HO(13C)", 1),
        ("HC15N", "HC15N", "HC(15N)", 0),
        ("13C18O", "13C18O", "(13C)(18O)", 0),
        ("C213CH", "C213CH", "HC2(13C)", 0),
        ("29SIO", "29SiO", "O(29Si)", 0),
        ("HC11N", "HC11N", "HC11N", 0),
        ("HDO", "HDO", "HDO", 0),
        ("NH2D+", "NH2D+", "H2DN", 1),
        ("(CH3)2CO", "(CH3)2CO", "H6C3O", 0),
        ("H2*", "H2*", "H2", 0),
        ("CHx", "CHx", "HC", 0),
        ("OHx", "OHx", "HO", 0),
        ("PAH", "PAH", "PAH", 0),
        ("PAH0", "PAH", "PAH", 0),
        ("PAH-", "PAH-", "PAH", -1),
        ("#CO", "#CO", "CO", 0),
        ("@HE", "@He", "He", 0),
        ("JH2O", "#H2O", "H2O", 0),
        ("XH", "#H", "H", 0),
        ("C_DUST", "#C", "C", 0),
        ("HCSI_DUST", "#HCSi", "HCSi", 0),
        ("CO_ice", "#CO", "CO", 0),
        ("Fe++", "Fe++", "Fe", 2),
        ("O++", "O++", "O", 2),
    ] {
        assert_eq!(
            read(raw),
            (name.to_owned(), formula.to_owned(), charge),
            "{raw}"
        );
        assert_eq!(read(name).0, name, "normalising twice changes {raw}");
    }
}

#[test]
fn names_that_are_refused() {
    for raw in [
        "",
        "Co",
        "XYZ",
        "H0",
        "H+-",
        "+",
        "2H",
        "he",
        "Hé",
        "H 2",
        "-",
        "c-",
        "CR",
        "CRP",
        "PHOTON",
        "GRAIN",
        "M",
        "C99999999999",
        "#",
        "@",
        "#E-",
        "##CO",
        "XYZ",
        "J",
        "X",
        "13",
        "13N",
        "(CO",
        "CO)",
        "((CO))",
        "()",
        "(99)C",
        "C0",
        "CLx",
        "_DUST",
        "-C3H",
        "CRPHOT",
        "Photon",
        "FREEZE",
        "g",
    ] {
        assert!(
            matches!(Species::from_name(raw), Err(Error::SpeciesName { .. })),
            "{raw}: {:?}",
            Species::from_name(raw)
        );
    }
}

#[test]
fn masses() {
    // H2O: 2 x 1.0080 + 15.999; the ion lacks one electron.
    let water = Species::from_name("H2O").unwrap();
    let ion = Species::from_name("H2O+").unwrap();
    let electron = Species::from_name("E").unwrap();
    assert!((water.mass() - 18.015).abs() < 1e-12);
    assert!((water.mass() - ion.mass() - electron.mass()).abs() < 1e-12);
    assert!((electron.mass() - 5.485_799_090_65e-4).abs() < 1e-18);
}

#[test]
fn phases() {
    for (raw, phase) in [
        ("CO", Phase::Gas),
        ("GRAIN-", Phase::Gas),
        ("#CO", Phase::Surface),
        ("JCO", Phase::Surface),
        ("CO_DUST", Phase::Surface),
        ("@CO", Phase::Bulk),
    ] {
        assert_eq!(Species::from_name(raw).unwrap().phase(), phase, "{raw}");
    }
    // The same atoms, three species.
    let [gas, surface, bulk] = ["CO", "#CO", "@CO"].map(|name| Species::from_name(name).unwrap());
    assert_eq!(gas.composition(), surface.composition());
    assert_eq!(surface.mass(), bulk.mass());
    assert!(gas != surface && surface != bulk && gas.name() != bulk.name());
}

#[test]
fn counts_that_could_be_mass_numbers_are_read_back() {
    // Counts no molecule has, but a formula must not change when it is written and read.
    for (name, formula) in [
        ("HECLHE36", "He37(Cl)"),
        ("C13(C18)H", "HC31"),
        ("N118(O)", "N118(O)"),
        ("(13C)H", "H(13C)"),
        ("N18(18O)", "N18(18O)"),
    ] {
        let composition = Species::from_name(name).unwrap().composition().clone();
        assert_eq!(composition.to_string(), formula, "{name}");
        assert_eq!(Composition::from_formula(formula).unwrap(), composition);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_species_or_a_typed_error(text in "\\PC{0,12}") {
        match Species::from_name(&text) {
            Ok(species) => {
                // One spelling: reading it again changes nothing.
                let again = Species::from_name(species.name()).unwrap();
                prop_assert_eq!(again, species);
            }
            Err(Error::SpeciesName { name, .. }) => prop_assert_eq!(name, text),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn names_made_of_atoms_keep_one_spelling(
        text in "[#@JX]?([CLclop]-)?([HCNOSPD]|HE|CL|SI|MG|13C|18O|\\(CH\\)|\\(13C\\)){1,5}[0-9]{0,2}[*]?[+-]{0,2}",
    ) {
        if let Ok(species) = Species::from_name(&text) {
            let again = Species::from_name(species.name()).unwrap();
            prop_assert_eq!(&again, &species, "{} {}", text, species.name());
            let formula = species.composition().to_string();
            prop_assert_eq!(&Composition::from_formula(&formula).unwrap(), species.composition());
        }
    }

    #[test]
    fn the_case_of_element_symbols_does_not_matter(
        atoms in proptest::collection::vec(
            (prop::sample::select(vec!["H", "He", "C", "N", "O", "Si", "P", "S", "Cl", "Na", "Mg", "Fe", "F"]), 1u32..10),
            1..5,
        ),
    ) {
        let name: String = atoms
            .iter()
            .map(|(symbol, n)| if *n > 1 { format!("{symbol}{n}") } else { (*symbol).to_owned() })
            .collect();
        let proper = Species::from_name(&name);
        let upper = Species::from_name(&name.to_ascii_uppercase());
        // `CO` is C and O in any case, `Co` never comes up; `SI` from S and I does not either.
        match (proper, upper) {
            (Ok(proper), Ok(upper)) => prop_assert_eq!(proper, upper),
            (proper, upper) => prop_assert!(false, "{:?} {:?}", proper, upper),
        }
    }
}
