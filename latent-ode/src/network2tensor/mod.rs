//! network2tensor: latent chemical networks from a rule, for everyone who needs the readable latent right-hand side.
//!
//! Molecules are the compositions of latent atoms up to a maximum size (no isomers), of mass 1 per atom. Reactions are all
//! pairs of different multisets of at most two molecules with equal composition and no common member, each in both
//! directions. Two atoms and size two give the 5 molecules and 12 reactions of Grassi et al. 2021, section 2.3.

mod export;

pub use export::ExportFormat;

use nalgebra_sparse::{CooMatrix, CscMatrix};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Largest number of latent atoms (one capital letter each).
pub const MAX_ATOMS: usize = 26;
/// Most reactions a generated network may have; beyond it generation is refused, not attempted.
pub const MAX_REACTIONS: usize = 200_000;

/// A molecule of latent atoms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Molecule {
    name: String,
    composition: Vec<u32>,
}

impl Molecule {
    /// Name spelled from its atoms, e.g. `AAB`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of each latent atom, one entry per atom of the network.
    pub fn composition(&self) -> &[u32] {
        &self.composition
    }

    /// Mass in units of one latent atom (all atoms weigh 1).
    pub fn mass(&self) -> f64 {
        f64::from(self.composition.iter().sum::<u32>())
    }
}

/// One direction of a latent reaction: one or two molecules on either side, as indices in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatentReaction {
    reactants: Vec<usize>,
    products: Vec<usize>,
}

impl LatentReaction {
    /// Indices of the reacting molecules, a molecule taken twice listed twice.
    pub fn reactants(&self) -> &[usize] {
        &self.reactants
    }

    /// Indices of the molecules produced.
    pub fn products(&self) -> &[usize] {
        &self.products
    }
}

/// Latent molecules and the reactions among them.
///
/// Molecules are ordered by size, then single-element ones first, then alphabetically (A, B, AA, BB, AB, …): the paper's
/// order for two atoms. Reactions come in pairs, forward (number 2k) and reverse (2k + 1). Forward are associations, and
/// those exchanges that make the later molecule of the list (AA + B -> A + AB).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatentNetwork {
    atoms: usize,
    max_size: usize,
    molecules: Vec<Molecule>,
    reactions: Vec<LatentReaction>,
}

impl LatentNetwork {
    /// The network of `atoms` latent atoms with molecules of up to `max_size` atoms.
    ///
    /// # Errors
    /// [`Error::LatentNetwork`] when either number is 0, more than [`MAX_ATOMS`] atoms are asked for, or the rule gives more
    /// than [`MAX_REACTIONS`] reactions.
    pub fn generate(atoms: usize, max_size: usize) -> Result<Self, Error> {
        let refuse = |reason: String| Error::LatentNetwork {
            atoms,
            max_size,
            reason,
        };
        if atoms == 0 || max_size == 0 {
            return Err(refuse("both numbers must be at least 1".into()));
        }
        if atoms > MAX_ATOMS {
            return Err(refuse(format!("at most {MAX_ATOMS} latent atoms")));
        }
        if max_size > 64 {
            return Err(refuse("at most 64 atoms per molecule".into()));
        }
        // The number of molecules is C(atoms + max_size, max_size) − 1: refuse before enumerating.
        let count = (1..=max_size).fold(1.0, |c, k| c * (atoms + k) as f64 / k as f64) - 1.0;
        if count > 2_000.0 {
            return Err(refuse(format!(
                "{count:.0} molecules, at most 2000 are generated"
            )));
        }
        let molecules = molecules(atoms, max_size);
        let reactions = reactions(&molecules).map_err(refuse)?;
        Ok(Self {
            atoms,
            max_size,
            molecules,
            reactions,
        })
    }

    /// Number of latent atoms.
    pub fn atoms(&self) -> usize {
        self.atoms
    }

    /// Largest number of atoms in a molecule.
    pub fn max_size(&self) -> usize {
        self.max_size
    }

    /// The molecules.
    pub fn molecules(&self) -> &[Molecule] {
        &self.molecules
    }

    /// The reactions, forward and reverse alternating.
    pub fn reactions(&self) -> &[LatentReaction] {
        &self.reactions
    }

    /// Mass of every molecule in latent atoms.
    pub fn masses(&self) -> Vec<f64> {
        self.molecules.iter().map(Molecule::mass).collect()
    }

    /// Stoichiometric matrix S, molecules × reactions: ż = S R.
    pub fn stoichiometry(&self) -> CscMatrix<f64> {
        let mut coo = CooMatrix::new(self.molecules.len(), self.reactions.len());
        for (j, reaction) in self.reactions.iter().enumerate() {
            for &i in &reaction.reactants {
                coo.push(i, j, -1.0);
            }
            for &i in &reaction.products {
                coo.push(i, j, 1.0);
            }
        }
        CscMatrix::from(&coo)
    }

    /// Reactant table: for every reaction its one or two reactants; `None` where it has only one.
    pub fn reactant_table(&self) -> Vec<[Option<usize>; 2]> {
        self.reactions
            .iter()
            .map(|r| [r.reactants.first().copied(), r.reactants.get(1).copied()])
            .collect()
    }

    /// One reaction in words, e.g. `A + B -> AB`.
    pub fn equation(&self, reaction: usize) -> String {
        let side = |members: &[usize]| {
            members
                .iter()
                .map(|&i| self.molecules[i].name())
                .collect::<Vec<_>>()
                .join(" + ")
        };
        self.reactions.get(reaction).map_or_else(String::new, |r| {
            format!("{} -> {}", side(&r.reactants), side(&r.products))
        })
    }

    /// The network as text in another format (see [`ExportFormat`]); `coefficients`, where given, are written as values of
    /// the rate coefficients (one per reaction, in order).
    ///
    /// # Errors
    /// [`Error::Shape`] when the number of coefficients is not that of the reactions.
    pub fn export(
        &self,
        format: ExportFormat,
        coefficients: Option<&[f64]>,
    ) -> Result<String, Error> {
        if let Some(k) = coefficients
            && k.len() != self.reactions.len()
        {
            return Err(Error::Shape {
                what: "rate coefficients".into(),
                found: vec![k.len()],
                expected: format!("[{}], one per reaction", self.reactions.len()),
            });
        }
        Ok(export::write(self, format, coefficients))
    }
}

fn molecules(atoms: usize, max_size: usize) -> Vec<Molecule> {
    fn fill(composition: &mut Vec<u32>, atoms: usize, left: u32, out: &mut Vec<Vec<u32>>) {
        if composition.len() + 1 == atoms {
            composition.push(left);
            out.push(composition.clone());
            composition.pop();
            return;
        }
        for n in (0..=left).rev() {
            composition.push(n);
            fill(composition, atoms, left - n, out);
            composition.pop();
        }
    }
    let mut all = Vec::new();
    for size in 1..=max_size as u32 {
        let mut of_size = Vec::new();
        fill(&mut Vec::new(), atoms, size, &mut of_size);
        // Pure molecules first, then mixed ones; both already in alphabetical order of their names.
        of_size.sort_by_key(|c| c.iter().filter(|&&n| n > 0).count() > 1);
        all.extend(of_size);
    }
    all.into_iter()
        .map(|composition| {
            let name = composition
                .iter()
                .enumerate()
                .flat_map(|(i, &n)| std::iter::repeat_n(char::from(b'A' + i as u8), n as usize))
                .collect();
            Molecule { name, composition }
        })
        .collect()
}

/// All reactions by the rule, grouped by composition in the order in which the sides are met.
fn reactions(molecules: &[Molecule]) -> Result<Vec<LatentReaction>, String> {
    let mut sides: std::collections::BTreeMap<Vec<u32>, Vec<Vec<usize>>> =
        std::collections::BTreeMap::new();
    let sum = |a: &Molecule, b: &Molecule| {
        a.composition
            .iter()
            .zip(&b.composition)
            .map(|(x, y)| x + y)
            .collect()
    };
    for (i, a) in molecules.iter().enumerate() {
        sides
            .entry(a.composition.clone())
            .or_default()
            .push(vec![i]);
    }
    for (i, a) in molecules.iter().enumerate() {
        for (k, b) in molecules.iter().enumerate().skip(i) {
            sides.entry(sum(a, b)).or_default().push(vec![i, k]);
        }
    }
    let mut pairs = Vec::new();
    for group in sides.values() {
        for (n, left) in group.iter().enumerate() {
            for right in &group[n + 1..] {
                if left.iter().any(|i| right.contains(i)) {
                    continue;
                }
                let reversed = if left.len() == right.len() {
                    left.last() > right.last()
                } else {
                    left.len() < right.len()
                };
                let (reactants, products) = if reversed {
                    (right, left)
                } else {
                    (left, right)
                };
                pairs.push((reactants.clone(), products.clone()));
                if 2 * pairs.len() > MAX_REACTIONS {
                    return Err(format!("more than {MAX_REACTIONS} reactions"));
                }
            }
        }
    }
    // Associations first, then exchanges, each by its reactants.
    pairs.sort_by(|a, b| {
        (a.0.len() == a.1.len(), &a.0, &a.1).cmp(&(b.0.len() == b.1.len(), &b.0, &b.1))
    });
    Ok(pairs
        .into_iter()
        .flat_map(|(reactants, products)| {
            [
                LatentReaction {
                    reactants: reactants.clone(),
                    products: products.clone(),
                },
                LatentReaction {
                    reactants: products,
                    products: reactants,
                },
            ]
        })
        .collect())
}
