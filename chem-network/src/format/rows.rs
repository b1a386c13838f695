//! Gathers the rows of a network file into species and reactions; for the readers.

use std::collections::HashMap;

use super::line::Line;
use super::{Format, stem};
use crate::element::Element;
use crate::error::Error;
use crate::network::Network;
use crate::origin::{Origin, Remark, UnsupportedRow};
use crate::rate::{Extrapolation, Fit, Rate, RateLaw, TemperatureRange};
use crate::reaction::{Reaction, ReactionKind};
use crate::species::Species;

/// Species and reactions of a file so far.
pub(crate) struct Rows<'a> {
    file: &'a str,
    species: Vec<Species>,
    /// By the spelling of the file and by the common one.
    by_name: HashMap<String, usize>,
    reactions: Vec<(Reaction, Vec<Fit>, Option<Extrapolation>)>,
    pub origin: Origin,
}

impl<'a> Rows<'a> {
    pub fn new(file: &'a str, format: Format) -> Self {
        Self {
            file,
            species: Vec::new(),
            by_name: HashMap::new(),
            reactions: Vec::new(),
            origin: Origin {
                format: Some(format),
                ..Origin::default()
            },
        }
    }

    /// The species of this name, defined at its first use; `raw` is a slice of the line.
    pub fn species(&mut self, line: &Line<'_>, raw: &str, what: &str) -> Result<usize, Error> {
        if let Some(&index) = self.by_name.get(raw) {
            return Ok(index);
        }
        let species = Species::from_name(raw)
            .map_err(|error| line.error(raw, format!("{what} ({error})")))?;
        let index = match self.by_name.get(species.name()) {
            Some(&index) => index,
            None => self.add(species),
        };
        self.by_name.insert(raw.to_owned(), index);
        Ok(index)
    }

    /// The species of this name if it is there already.
    pub fn known(&self, raw: &str) -> Option<usize> {
        self.by_name.get(raw).copied()
    }

    /// Adds a species that is not there yet.
    pub fn add(&mut self, species: Species) -> usize {
        let index = self.species.len();
        self.by_name.insert(species.name().to_owned(), index);
        self.species.push(species);
        index
    }

    /// Makes `raw` another spelling of a species.
    pub fn spell(&mut self, raw: &str, index: usize) {
        self.by_name.insert(raw.to_owned(), index);
    }

    pub fn file(&self) -> &'a str {
        self.file
    }

    /// Whether these are the species of the given names, in any order.
    pub fn is(&self, members: &[usize], names: &[&str]) -> bool {
        let mut found: Vec<&str> = members.iter().map(|&i| self.species[i].name()).collect();
        found.sort_unstable();
        let mut wanted = names.to_vec();
        wanted.sort_unstable();
        found == wanted
    }

    /// A photoreaction of a file whose code shields H2, CO and C by their columns.
    pub fn shielded(
        &self,
        reactants: &[usize],
        products: &[usize],
        alpha: f64,
        gamma: f64,
    ) -> RateLaw {
        let of = |from: &str, to: &[&str]| self.is(reactants, &[from]) && self.is(products, to);
        if of("H2", &["H", "H"]) {
            RateLaw::PhotoH2 { alpha }
        } else if of("CO", &["C", "O"]) {
            RateLaw::PhotoCo { alpha }
        } else if of("C", &["C+", "e-"]) {
            RateLaw::PhotoC { alpha, gamma }
        } else {
            RateLaw::Photo { alpha, gamma }
        }
    }

    pub fn get(&self, index: usize) -> &Species {
        &self.species[index]
    }

    /// Adds a reaction with its first fit; `id` goes into its source.
    pub fn reaction(
        &mut self,
        reactants: Vec<usize>,
        products: Vec<usize>,
        fit: Fit,
        kind: ReactionKind,
        id: impl std::fmt::Display,
    ) {
        // The placeholder of the rate is replaced by the fits at the end.
        let mut reaction = Reaction::new(reactants, products, RateLaw::PhotoH2 { alpha: 0.0 });
        reaction.kind = kind;
        reaction.source = format!("{}:{id}", stem(self.file));
        self.reactions.push((reaction, vec![fit], None));
    }

    /// The last reaction and its fits.
    pub fn last(&mut self) -> Option<(&Reaction, &mut Vec<Fit>)> {
        let (reaction, fits, _) = self.reactions.last_mut()?;
        Some((reaction, fits))
    }

    /// What the file says of temperatures outside the ranges of the last reaction.
    pub fn outside(&mut self, extrapolation: Extrapolation) {
        if let Some((_, _, outside)) = self.reactions.last_mut() {
            *outside = Some(extrapolation);
        }
    }

    /// The species among the reactants and the keyword, at most one, that stands for a photon, a
    /// cosmic ray or a process; names are slices of the line.
    pub fn reactants<'l, K>(
        &mut self,
        line: &Line<'l>,
        names: &[&'l str],
        keyword: impl Fn(&str) -> Option<K>,
    ) -> Result<(Vec<usize>, Option<K>), Error> {
        let mut members = Vec::with_capacity(names.len());
        let mut found = None;
        for name in names {
            match keyword(name) {
                Some(_) if found.is_some() => {
                    return Err(line.error(name, "only one keyword among the reactants"));
                }
                Some(what) => found = Some(what),
                None => members.push(self.species(line, name, "a reactant")?),
            }
        }
        Ok((members, found))
    }

    /// The species among the products; what `skip` names is none (a photon that is emitted).
    pub fn products<'l>(
        &mut self,
        line: &Line<'l>,
        names: &[&'l str],
        skip: impl Fn(&str) -> bool,
    ) -> Result<Vec<usize>, Error> {
        let mut members = Vec::with_capacity(names.len());
        for name in names.iter().filter(|name| !skip(name)) {
            members.push(self.species(line, name, "a product")?);
        }
        Ok(members)
    }

    /// A law without an implementation, listed with its line.
    pub fn unsupported(&mut self, line: &Line<'_>, reason: impl Into<String>) -> RateLaw {
        let reason = reason.into();
        self.origin.unsupported.push(UnsupportedRow {
            line: line.number,
            text: line.text.trim_end().to_owned(),
            reason: reason.clone(),
        });
        RateLaw::Unsupported { reason }
    }

    /// Something that whoever uses the file ought to know of this row.
    pub fn remark(&mut self, line: &Line<'_>, remark: impl Into<String>) {
        self.origin.remarks.push(Remark {
            line: line.number,
            text: line.text.trim_end().to_owned(),
            remark: remark.into(),
        });
    }

    /// The kind of a reaction without pseudo-reactants, told from what goes in and what comes out,
    /// so that rows of the same reaction are of the same kind.
    pub fn kind(&self, reactants: &[usize], products: &[usize]) -> ReactionKind {
        use ReactionKind as Kind;
        let electron = |&i: &usize| self.species[i].composition().is_empty();
        let grain = |&i: &usize| {
            self.species[i].composition().count(Element::GRAIN) > 0
                || self.species[i].phase() != crate::Phase::Gas
        };
        let &[a, b] = reactants else {
            return Kind::Unspecified;
        };
        if reactants.iter().chain(products).any(grain) {
            return Kind::Grain;
        }
        let (low, high) = {
            let (a, b) = (self.species[a].charge(), self.species[b].charge());
            (a.min(b), a.max(b))
        };
        let releases_electron = products.iter().any(electron);
        let one_product = products.len() == 1;
        if reactants.iter().any(electron) {
            return match (high > 0, one_product) {
                _ if releases_electron => Kind::ElectronImpact,
                (true, true) => Kind::RadiativeRecombination,
                (true, false) => Kind::DissociativeRecombination,
                (false, _) => Kind::ElectronAttachment,
            };
        }
        match (low.signum(), high.signum()) {
            (-1, 1) => Kind::MutualNeutralisation,
            (-1, _) if releases_electron => Kind::AssociativeDetachment,
            (-1, _) => Kind::AnionNeutral,
            (0, 1) if one_product => Kind::IonRadiativeAssociation,
            (0, 1) => Kind::IonNeutral,
            (0, 0) if releases_electron => Kind::ChemiIonisation,
            (0, 0) if one_product => Kind::RadiativeAssociation,
            (0, 0) => Kind::NeutralNeutral,
            _ => Kind::Unspecified,
        }
    }

    /// The network of all rows.
    pub fn finish(self, title: String) -> Result<Network, Error> {
        let mut reactions = Vec::with_capacity(self.reactions.len());
        for (mut reaction, fits, outside) in self.reactions {
            reaction.rate = Rate::of(fits)?;
            if let Some(extrapolation) = outside {
                reaction.rate = reaction.rate.with_outside(extrapolation);
            }
            reactions.push(reaction);
        }
        let mut network = Network::new(self.species, reactions)?
            .with_title(title)
            .with_source(stem(self.file));
        network.origin = self.origin;
        Ok(network)
    }
}

/// What stands for a photon or a cosmic ray among the reactants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    CosmicRay,
    CosmicRayPhoton,
    Photon,
}

impl Agent {
    pub fn kind(self) -> ReactionKind {
        match self {
            Self::CosmicRay => ReactionKind::CosmicRay,
            Self::CosmicRayPhoton => ReactionKind::CosmicRayPhoton,
            Self::Photon => ReactionKind::Photo,
        }
    }
}

/// The names in these fields of a line: behind an empty one there is no further.
pub(crate) fn gapless<'l>(line: &Line<'l>, fields: &[&'l str]) -> Result<Vec<&'l str>, Error> {
    let mut names = Vec::with_capacity(fields.len());
    for (i, &field) in fields.iter().enumerate() {
        if field.is_empty() {
            continue;
        }
        if names.len() < i {
            return Err(line.error(field, "names without an empty field before them"));
        }
        names.push(field);
    }
    Ok(names)
}

/// The range between two fields of a line.
pub(crate) fn range(
    line: &Line<'_>,
    low: &str,
    min: f64,
    max: f64,
) -> Result<TemperatureRange, Error> {
    TemperatureRange::new(min, max)
        .map_err(|error| line.error(low, format!("the ends of a temperature range ({error})")))
}
