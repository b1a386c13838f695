//! Prints the embedded network `osu224` as selected from the complete OSU file:
//! `cargo run -p chem-network --example rebuild_osu224 -- osu_09_2008.osu > networks/osu224.network`.

use chem_network::format::native;
use chem_network::{ReactionKind, read_network};

const SPECIES: &str = "H H+ H2 H2+ H3+ O O+ OH+ OH O2 O2+ H2O H2O+ H3O+ C C+ CH CH+ CH2 CH2+ \
                       CH3 CH3+ CH4 CH4+ CH5+ CO CO+ HCO+ e-";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: rebuild_osu224 FILE")?;
    let names: Vec<&str> = SPECIES.split_whitespace().collect();
    let network = read_network(path)?
        .restricted_to(&names)?
        .filter_reactions(|reaction| reaction.kind != ReactionKind::Photo)?
        .with_title("29 species, 224 reactions of Grassi et al. (2021)")
        .with_source("OSU gas-phase network osu_09_2008 (E. Herbst and collaborators)");
    let text = native::write(&network)?;
    let (version, rest) = text.split_once('\n').ok_or("empty")?;
    println!("{version}");
    for line in [
        "The network of Grassi et al. (2021), \"Reducing the complexity of chemical networks via",
        "interpretable autoencoders\": the reactions of the OSU gas-phase network osu_09_2008 (E. Herbst",
        "and collaborators, Ohio State University) whose reactants and products all lie in the species",
        "below, photoreactions left out, in the order of that file. The source of each reaction is its",
        "number there. k = alpha (T/300 K)^beta exp(-gamma/T) (kooij), k = alpha zeta (cosmic-ray),",
        "in cm3 and s. H + H -> H2 is an ordinary two-body reaction here.",
    ] {
        println!("# {line}");
    }
    print!("{rest}");
    Ok(())
}
