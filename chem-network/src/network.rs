//! `Network`: species and reactions, validated, with their stoichiometric matrices.

use std::collections::HashMap;

use nalgebra_sparse::{CooMatrix, CscMatrix};

use crate::element::Element;
use crate::error::Error;
use crate::origin::{Origin, Remark, SkippedLines, UnsupportedRow};
use crate::reaction::{Reaction, sum_by_species};
use crate::species::{Species, canonical_name};

/// Species and reactions of a chemical network.
///
/// Files differ in the cosmic-ray ionisation rate ζ₀ for which their parameters are quoted. Every
/// rate law keeps its own ([`RateLaw::cosmic_ray_reference`](crate::RateLaw::cosmic_ray_reference)):
/// 1 s⁻¹ in networks read from OSU and KIDA files (α is per ζ), 1.3e-17 s⁻¹ in those from UMIST,
/// UCLCHEM and 3D-PDR files; [`cosmic_ray_references`](Self::cosmic_ray_references) lists them. A
/// rate is α ζ/ζ₀ with the ζ of the [`Environment`](crate::Environment), whatever the file.
///
/// Two networks are equal when title, source, species and reactions are, whatever file format they
/// were read from.
#[derive(Debug, Clone)]
pub struct Network {
    title: String,
    source: String,
    species: Vec<Species>,
    reactions: Vec<Reaction>,
    by_name: HashMap<String, usize>,
    pub(crate) origin: Origin,
}

impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        self.title == other.title
            && self.source == other.source
            && self.species == other.species
            && self.reactions == other.reactions
    }
}

impl Network {
    /// A network of these species and reactions, with empty title and source.
    ///
    /// # Errors
    /// [`Error::DuplicateSpecies`]; [`Error::Reaction`] if a reaction has no reactants or no
    /// products or names a species that is not there; [`Error::RateParameter`] for a parameter
    /// outside its domain.
    pub fn new(species: Vec<Species>, reactions: Vec<Reaction>) -> Result<Self, Error> {
        let mut by_name = HashMap::with_capacity(species.len());
        for (i, one) in species.iter().enumerate() {
            if by_name.insert(one.name().to_owned(), i).is_some() {
                return Err(Error::DuplicateSpecies {
                    name: one.name().to_owned(),
                });
            }
        }
        let unsupported = Vec::new();
        let mut network = Self {
            title: String::new(),
            source: String::new(),
            origin: Origin {
                format: None,
                rows: reactions.len(),
                unsupported,
                ..Origin::default()
            },
            species,
            reactions,
            by_name,
        };
        for j in 0..network.reactions.len() {
            network.validate_reaction(j)?;
            if let Some(reason) = network.reactions[j].rate.unsupported() {
                let row = UnsupportedRow {
                    line: 0,
                    text: network.reaction_text(j),
                    reason: reason.to_owned(),
                };
                network.origin.unsupported.push(row);
            }
        }
        Ok(network)
    }

    fn validate_reaction(&self, j: usize) -> Result<(), Error> {
        let reaction = &self.reactions[j];
        let refuse = |reason: String| {
            Err(Error::Reaction {
                reaction: j,
                reason,
            })
        };
        if reaction.reactants.is_empty() || reaction.products.is_empty() {
            return refuse("it needs at least one reactant and one product".to_owned());
        }
        let all = reaction.reactants.iter().chain(&reaction.products);
        if let Some(&i) = all.into_iter().find(|&&i| i >= self.species.len()) {
            return refuse(format!("species {i} of {}", self.species.len()));
        }
        reaction.rate.validate(&self.reaction_text(j))
    }

    /// The same network with this title (one line of text).
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The same network with this source (one line of text: where the data come from).
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Title; empty if there is none.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where the data come from; empty if not stated.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The species; their order is that of every state vector.
    #[must_use]
    pub fn species(&self) -> &[Species] {
        &self.species
    }

    /// Names of the species, in order.
    pub fn species_names(&self) -> impl Iterator<Item = &str> {
        self.species.iter().map(Species::name)
    }

    /// Lines of the file that hold no reaction and no species, counted by class.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedLines] {
        &self.origin.skipped
    }

    /// Rows that their reader took otherwise than one of their columns says, with the reason.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.origin.remarks
    }

    /// Initial abundances relative to hydrogen nuclei, one per species, where the file gives them
    /// (the species list of 3D-PDR).
    #[must_use]
    pub fn initial_abundances(&self) -> Option<&[f64]> {
        self.origin.abundances.as_deref()
    }

    /// Cosmic-ray ionisation rates ζ₀ [s⁻¹] for which the parameters are quoted
    /// ([`RateLaw::cosmic_ray_reference`](crate::RateLaw::cosmic_ray_reference)), ascending, with
    /// the number of reactions; 1 stands for parameters per ζ. Empty without cosmic rays.
    ///
    /// ```
    /// let network = chem_network::embedded("osu224").unwrap();
    /// assert_eq!(network.cosmic_ray_references(), [(1.0, 18)]);
    /// ```
    #[must_use]
    pub fn cosmic_ray_references(&self) -> Vec<(f64, usize)> {
        let mut found: Vec<(f64, usize)> = Vec::new();
        for reaction in &self.reactions {
            let mut here: Vec<f64> = reaction
                .rate
                .laws()
                .filter_map(|law| law.cosmic_ray_reference())
                .collect();
            here.sort_by(f64::total_cmp);
            here.dedup();
            for reference in here {
                match found.iter_mut().find(|(known, _)| *known == reference) {
                    Some((_, count)) => *count += 1,
                    None => found.push((reference, 1)),
                }
            }
        }
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found
    }

    /// The reactions; their order is that of the rate coefficients.
    #[must_use]
    pub fn reactions(&self) -> &[Reaction] {
        &self.reactions
    }

    /// Index of a species, in any database's spelling (`E`, `e-`; `HE`, `He`).
    ///
    /// ```
    /// let network = chem_network::embedded("osu224").unwrap();
    /// assert_eq!(network.species_index("E"), network.species_index("e-"));
    /// assert_eq!(network.species_index("Fe"), None);
    /// ```
    #[must_use]
    pub fn species_index(&self, name: &str) -> Option<usize> {
        let find = |name: &str| self.by_name.get(name).copied();
        find(name).or_else(|| find(&canonical_name(name).ok()?))
    }

    /// A reaction as text, e.g. `H + CH -> C + H2`.
    ///
    /// # Panics
    /// If there is no reaction `j`.
    #[must_use]
    pub fn reaction_text(&self, j: usize) -> String {
        let side = |members: &[usize]| {
            let names: Vec<&str> = members
                .iter()
                .map(|&i| self.species.get(i).map_or("?", Species::name))
                .collect();
            names.join(" + ")
        };
        let reaction = &self.reactions[j];
        format!(
            "{} -> {}",
            side(&reaction.reactants),
            side(&reaction.products)
        )
    }

    /// The network of the given species alone, in the given order, with the reactions whose
    /// reactants and products all lie among them, in their order.
    ///
    /// # Errors
    /// [`Error::UnknownSpecies`], [`Error::DuplicateSpecies`].
    pub fn restricted_to<S: AsRef<str>>(&self, names: &[S]) -> Result<Self, Error> {
        let mut place = vec![None; self.species.len()];
        let mut species = Vec::with_capacity(names.len());
        for name in names {
            let name = name.as_ref();
            let i = self
                .species_index(name)
                .ok_or_else(|| Error::UnknownSpecies {
                    name: name.to_owned(),
                    context: "selection of species".to_owned(),
                })?;
            if place[i].is_none() {
                place[i] = Some(species.len());
            }
            species.push(self.species[i].clone());
        }
        let renumber = |members: &[usize]| -> Option<Vec<usize>> {
            members.iter().map(|&i| place[i]).collect()
        };
        let reactions = self.reactions.iter().filter_map(|reaction| {
            Some(Reaction {
                reactants: renumber(&reaction.reactants)?,
                products: renumber(&reaction.products)?,
                ..reaction.clone()
            })
        });
        let network = Self::new(species, reactions.collect())?;
        Ok(network.with_title(&self.title).with_source(&self.source))
    }

    /// The network with only those reactions that `keep` wants; species stay.
    ///
    /// # Errors
    /// None that a valid network can cause.
    pub fn filter_reactions(&self, keep: impl Fn(&Reaction) -> bool) -> Result<Self, Error> {
        let reactions = self.reactions.iter().filter(|r| keep(r)).cloned().collect();
        let network = Self::new(self.species.clone(), reactions)?;
        Ok(network.with_title(&self.title).with_source(&self.source))
    }

    /// Reactant orders, species × reactions: how often each species is a reactant.
    #[must_use]
    pub fn reactant_orders(&self) -> CscMatrix<f64> {
        self.matrix(|reaction| sum_by_species(reaction.reactants.iter().map(|&i| (i, 1))))
    }

    /// Products, species × reactions: how often each species is a product.
    #[must_use]
    pub fn products(&self) -> CscMatrix<f64> {
        self.matrix(|reaction| sum_by_species(reaction.products.iter().map(|&i| (i, 1))))
    }

    /// Net stoichiometric matrix S = products − reactants, species × reactions.
    #[must_use]
    pub fn stoichiometry(&self) -> CscMatrix<f64> {
        self.matrix(Reaction::net)
    }

    fn matrix(&self, column: impl Fn(&Reaction) -> Vec<(usize, i32)>) -> CscMatrix<f64> {
        let mut entries = CooMatrix::new(self.species.len(), self.reactions.len());
        for (j, reaction) in self.reactions.iter().enumerate() {
            for (i, count) in column(reaction) {
                entries.push(i, j, f64::from(count));
            }
        }
        CscMatrix::from(&entries)
    }

    /// Quantities that every balanced reaction conserves: one row per element that occurs (by
    /// symbol, atoms per molecule), then `charge`. Each row has one weight per species, so that
    /// Σ weight · n is constant in time.
    #[must_use]
    pub fn conserved_quantities(&self) -> Vec<(String, Vec<f64>)> {
        let mut elements: Vec<Element> = self
            .species
            .iter()
            .flat_map(|species| species.composition().iter().map(|(element, _)| element))
            .collect();
        elements.sort_unstable();
        elements.dedup();
        let mut rows: Vec<(String, Vec<f64>)> = elements
            .into_iter()
            .map(|element| {
                let count = |s: &Species| f64::from(s.composition().count(element));
                (
                    element.symbol().to_owned(),
                    self.species.iter().map(count).collect(),
                )
            })
            .collect();
        let charges = self.species.iter().map(|s| f64::from(s.charge()));
        rows.push(("charge".to_owned(), charges.collect()));
        rows
    }

    /// Weights of those [`conserved_quantities`](Self::conserved_quantities) that every reaction conserves and that some species has.
    pub(crate) fn kept_quantities(&self) -> Vec<Vec<f64>> {
        let mut laws: Vec<Vec<f64>> = self
            .conserved_quantities()
            .into_iter()
            .map(|q| q.1)
            .collect();
        laws.retain(|law| law.iter().any(|&w| w != 0.0));
        for reaction in &self.reactions {
            let net = reaction.net();
            let change =
                |law: &[f64]| -> f64 { net.iter().map(|&(i, s)| law[i] * f64::from(s)).sum() };
            // Small integers: exact.
            laws.retain(|law| change(law) == 0.0);
        }
        laws
    }

    /// Structure of the Jacobian ∂(dn/dt)/∂n in compressed columns, diagonal included: offsets
    /// (species + 1) and, per column, the rows in ascending order.
    ///
    /// An entry is there if some reaction whose rate depends on the column's species changes the row's; a
    /// species that a reaction returns unchanged is not changed by it.
    #[must_use]
    pub fn jacobian_pattern(&self) -> (Vec<usize>, Vec<usize>) {
        let n = self.species.len();
        let mut columns: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
        for reaction in &self.reactions {
            let net = reaction.net();
            for &j in reaction.factors() {
                columns[j].extend(net.iter().map(|&(i, _)| i));
            }
        }
        let mut offsets = vec![0];
        let mut rows = Vec::new();
        for mut column in columns {
            column.sort_unstable();
            column.dedup();
            rows.append(&mut column);
            offsets.push(rows.len());
        }
        (offsets, rows)
    }
}
