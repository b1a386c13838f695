//! Reactions: reactants, products, rate law, and what kind of process it is.

use crate::rate::Rate;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Kind of process, in the field's terms; tells apart reactions with the same reactants
        /// and products (ionisation by cosmic rays and by photons).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[non_exhaustive]
        pub enum ReactionKind {
            $($(#[$doc])* $variant,)*
        }

        impl ReactionKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Name in the native format.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// The kind of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    /// Not stated.
    #[default]
    Unspecified = "unspecified",
    /// H2 formation on grains and recombination of ions with grains (OSU type 0).
    Grain = "grain",
    /// Ionisation and dissociation by cosmic rays, directly or by induced photons (OSU type 1).
    CosmicRay = "cosmic-ray",
    /// Positive ion with neutral, charge exchange included (OSU type 2).
    IonNeutral = "ion-neutral",
    /// Negative ion with neutral (OSU type 3).
    AnionNeutral = "anion-neutral",
    /// Radiative association of an ion with a neutral (OSU type 4).
    IonRadiativeAssociation = "ion-radiative-association",
    /// Associative detachment of an electron (OSU type 5).
    AssociativeDetachment = "associative-detachment",
    /// Chemi-ionisation (OSU type 6).
    ChemiIonisation = "chemi-ionisation",
    /// Neutral with neutral (OSU type 7).
    NeutralNeutral = "neutral-neutral",
    /// Radiative association of neutrals (OSU type 8).
    RadiativeAssociation = "radiative-association",
    /// Dissociative recombination with an electron (OSU type 9).
    DissociativeRecombination = "dissociative-recombination",
    /// Radiative recombination with an electron (OSU type 10).
    RadiativeRecombination = "radiative-recombination",
    /// Mutual neutralisation of a positive and a negative ion (OSU type 11).
    MutualNeutralisation = "mutual-neutralisation",
    /// Attachment of an electron (OSU type 12).
    ElectronAttachment = "electron-attachment",
    /// Ionisation and dissociation by the interstellar radiation field (OSU type 13).
    Photo = "photo",
    /// Ionisation and dissociation by photons that cosmic rays induce, where a file tells them from
    /// [`Self::CosmicRay`] (KIDA `CRP`, UMIST `CRPHOT`).
    CosmicRayPhoton = "cosmic-ray-photon",
    /// An electron ionises or dissociates and goes on.
    ElectronImpact = "electron-impact",
    /// Ionisation and dissociation by X-rays.
    XRay = "x-ray",
    /// Ionisation by the electrons that X-rays set free.
    XRaySecondary = "x-ray-secondary",
    /// Ionisation and dissociation by photons that X-rays induce.
    XRayPhoton = "x-ray-photon",
    /// Ionisation and dissociation by the Lyman α photons that X-rays induce.
    XRayLymanAlpha = "x-ray-lyman-alpha",
    /// A gas species sticks to a grain.
    FreezeOut = "freeze-out",
    /// Thermal desorption from ice.
    ThermalDesorption = "thermal-desorption",
    /// Desorption by the energy of H2 formation.
    H2FormationDesorption = "h2-formation-desorption",
    /// Desorption by the heat of cosmic rays.
    CosmicRayDesorption = "cosmic-ray-desorption",
    /// Desorption by ultraviolet photons.
    PhotoDesorption = "photo-desorption",
    /// Reaction on the surface or in the bulk of ice.
    Surface = "surface",
    /// Exchange between surface and bulk of ice.
    IceExchange = "ice-exchange",
}

/// One reaction of a network; species are indices into [`Network::species`](crate::Network::species).
#[derive(Debug, Clone, PartialEq)]
pub struct Reaction {
    /// Reactants, a species once per molecule, in the order of the file; photons and cosmic rays
    /// are no species and show in [`Self::rate`].
    pub reactants: Vec<usize>,
    /// Products, a species once per molecule, in the order of the file.
    pub products: Vec<usize>,
    /// Rate coefficient: a law, or several for different temperatures.
    pub rate: Rate,
    /// Kind of process.
    pub kind: ReactionKind,
    /// Where it comes from, e.g. `osu_09_2008:15`; may be empty.
    pub source: String,
}

impl Reaction {
    /// A reaction of unspecified kind and source.
    #[must_use]
    pub fn new(reactants: Vec<usize>, products: Vec<usize>, rate: impl Into<Rate>) -> Self {
        Self {
            reactants,
            products,
            rate: rate.into(),
            kind: ReactionKind::Unspecified,
            source: String::new(),
        }
    }

    /// Species whose number densities multiply the rate coefficient, with repetition: the reactants,
    /// except that H2 formation on grains ([`RateLaw::GrainH2`](crate::RateLaw::GrainH2)) is of
    /// first order in the first of them.
    #[must_use]
    pub fn factors(&self) -> &[usize] {
        if self.rate.is_first_order() {
            &self.reactants[..self.reactants.len().min(1)]
        } else {
            &self.reactants
        }
    }

    /// Net stoichiometry: (species, products − reactants), sorted by species, zeros left out.
    #[must_use]
    pub fn net(&self) -> Vec<(usize, i32)> {
        let changes = self.reactants.iter().map(|&i| (i, -1));
        sum_by_species(changes.chain(self.products.iter().map(|&i| (i, 1))))
    }
}

/// Adds up counts per species, sorted by species, zeros left out.
pub(crate) fn sum_by_species(items: impl Iterator<Item = (usize, i32)>) -> Vec<(usize, i32)> {
    let mut all: Vec<(usize, i32)> = items.collect();
    all.sort_unstable_by_key(|&(species, _)| species);
    all.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    all.retain(|&(_, count)| count != 0);
    all
}
