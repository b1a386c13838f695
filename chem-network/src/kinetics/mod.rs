//! `Kinetics`: a network at an environment, as the functions a solver calls: rate coefficients,
//! right-hand side dn/dt and its Jacobian.

#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod coefficients;
mod depends;
mod dispatch;
mod kernel;
mod lanes;
mod pack;
mod plan;
mod single;
mod single_plan;
mod sums;
#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod wide_jacobian;
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
mod wide_plan;
#[cfg(test)]
mod wide_tests;

use std::cell::RefCell;
use std::sync::Arc;

use crate::environment::Environment;
use crate::error::Error;
use crate::network::Network;
use crate::rate::RateOptions;
use coefficients::{Wide, merge};
use depends::Quantities;
use dispatch::{Level, evaluate_at};
use kernel::{Scratch, evaluate};
pub use lanes::{LaneKinetics, Workspace};
use plan::Plan;
use single::{Slots, evaluate_single};
use single_plan::QUAD;

thread_local! {
    /// Terms of one state; clearing them anew takes 5 % of a right-hand side of the 224-reaction network.
    static ONE: RefCell<Scratch<1>> = const { RefCell::new(Scratch::new()) };
    static SLOTS: RefCell<Slots> = const { RefCell::new(Slots::new()) };
    #[cfg(target_arch = "x86_64")]
    static ROOM: RefCell<wide::Room> = const { RefCell::new(wide::Room::new()) };
}

/// A network at fixed physical conditions: mass-action kinetics in cm⁻³ and seconds.
///
/// With rates r_j = k_j ∏ n (over [`Reaction::factors`](crate::Reaction::factors) of j), dn/dt = S r and J = S ∂r/∂n, evaluated from
/// products merged over reactions with the same reactants. Where every reaction conserves charge,
/// the electrons' dn/dt is the sum of the other species' charges, so that the total charge is
/// conserved to the rounding of net, not of gross rates. Nothing is allocated after construction;
/// clones share the structure.
///
/// ```
/// use chem_network::{Environment, Kinetics, embedded};
/// let network = embedded("osu224").unwrap();
/// let kinetics = Kinetics::new(&network, &Environment::new(50.0, 1e-16))?;
/// let n = vec![1.0; kinetics.dim()]; // cm^-3
/// let mut dndt = vec![0.0; kinetics.dim()]; // cm^-3 s^-1
/// kinetics.rhs(&n, &mut dndt);
/// let (_, rows) = kinetics.sparsity();
/// let mut jacobian = vec![0.0; rows.len()];
/// kinetics.jacobian(&n, &mut jacobian);
/// assert_eq!(rows.len(), 581);
/// # Ok::<(), chem_network::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Kinetics {
    network: Arc<Network>,
    plan: Arc<Plan>,
    environment: Environment,
    options: RateOptions,
    k: Vec<f64>,
    /// What each k depends on.
    depends: Arc<[Quantities]>,
    /// Takes the new k, so that a refused environment leaves the old ones in place.
    next_k: Vec<f64>,
    /// Whether k was set by the caller, not from the environment.
    replaced: bool,
    conserved: Arc<[Vec<f64>]>,
    rhs: Vec<f64>,
    single: Vec<[f64; QUAD]>,
    jacobian: Vec<f64>,
    wide: Option<Wide>,
    level: Level,
}

impl Kinetics {
    /// Analyses the structure of a network and evaluates its rate coefficients.
    ///
    /// # Errors
    /// [`Error::Environment`] for conditions outside their domain; [`Error::MissingQuantity`] and
    /// [`Error::Unsupported`] for a reaction whose rate cannot be evaluated;
    /// [`Error::RateParameter`] for a coefficient that is not finite.
    pub fn new(network: &Network, environment: &Environment) -> Result<Self, Error> {
        Self::with_options(network, environment, RateOptions::default())
    }

    /// As [`new`](Self::new), with a policy outside temperature ranges, values of variables and a
    /// shielding function of CO.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(
        network: &Network,
        environment: &Environment,
        options: RateOptions,
    ) -> Result<Self, Error> {
        let level = Level::detect();
        let plan = Arc::new(Plan::new(network, level.is_wide()));
        let wide = plan.wide.as_ref().map(Wide::new);
        let mut kinetics = Self {
            network: Arc::new(network.clone()),
            environment: *environment,
            options,
            k: vec![0.0; network.reactions().len()],
            next_k: vec![0.0; network.reactions().len()],
            depends: network
                .reactions()
                .iter()
                .map(|r| Quantities::of(&r.rate))
                .collect(),
            replaced: false,
            conserved: network.kept_quantities().into(),
            rhs: vec![0.0; plan.rhs.recipe_offsets.len() - 1],
            single: vec![
                [0.0; QUAD];
                plan.single
                    .as_ref()
                    .map_or(0, |p| (p.recipe_offsets.len() - 1) / QUAD)
            ],
            jacobian: vec![0.0; plan.jacobian.recipe_offsets.len() - 1],
            wide,
            plan,
            level,
        };
        kinetics.evaluate_coefficients(environment, Quantities::ALL)?;
        Ok(kinetics)
    }

    /// Moves to other conditions: only rate coefficients change, and only those that depend on what differs are evaluated.
    ///
    /// # Errors
    /// As [`Kinetics::new`]; the old conditions stay in force then.
    pub fn set_environment(&mut self, environment: &Environment) -> Result<(), Error> {
        let changed = if self.replaced {
            Quantities::ALL
        } else {
            Quantities::changed(&self.environment, environment)
        };
        self.evaluate_coefficients(environment, changed)
    }

    fn evaluate_coefficients(
        &mut self,
        environment: &Environment,
        changed: Quantities,
    ) -> Result<(), Error> {
        environment.validate()?;
        self.next_k.copy_from_slice(&self.k);
        for (j, reaction) in self.network.reactions().iter().enumerate() {
            if !self.depends[j].meets(changed) {
                continue;
            }
            let text = || self.network.reaction_text(j);
            let k = reaction
                .rate
                .coefficient(environment, &self.options, text)?;
            if !(k.is_finite() && k >= 0.0) {
                return Err(Error::RateParameter {
                    reaction: text(),
                    parameter: "rate coefficient k",
                    value: k,
                    expected: "a finite number, 0 or more",
                });
            }
            self.next_k[j] = k;
        }
        std::mem::swap(&mut self.k, &mut self.next_k);
        self.replaced = false;
        self.environment = *environment;
        self.merge();
        Ok(())
    }

    /// Replaces the rate coefficients themselves, one per reaction, (cm³)^(m−1) s⁻¹.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::RateParameter`] for a negative or not finite coefficient.
    pub fn set_rate_coefficients(&mut self, k: &[f64]) -> Result<(), Error> {
        if k.len() != self.k.len() {
            return Err(Error::Length {
                what: "rate coefficients",
                found: k.len(),
                expected: self.k.len(),
            });
        }
        if let Some(j) = k.iter().position(|k| !(k.is_finite() && *k >= 0.0)) {
            return Err(Error::RateParameter {
                reaction: self.network.reaction_text(j),
                parameter: "rate coefficient k",
                value: k[j],
                expected: "a finite number, 0 or more",
            });
        }
        self.k.copy_from_slice(k);
        self.replaced = true;
        self.merge();
        Ok(())
    }

    fn merge(&mut self) {
        let Plan {
            rhs,
            single,
            wide,
            jacobian,
            ..
        } = &*self.plan;
        merge(&rhs.recipe_offsets, &rhs.recipe, &self.k, &mut self.rhs);
        if let (Some(plan), Some(wide)) = (wide, &mut self.wide) {
            wide.merge(plan, &self.k);
        } else if let Some(plan) = single {
            let coefficients = self.single.as_flattened_mut();
            merge(&plan.recipe_offsets, &plan.recipe, &self.k, coefficients);
        }
        let (offsets, recipe) = (&jacobian.recipe_offsets, &jacobian.recipe);
        merge(offsets, recipe, &self.k, &mut self.jacobian);
    }

    /// Number of species.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.plan.species
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The conditions.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Weights (one per species) of the elements and of the charge, those that every reaction of the network conserves: Σ w n of these is constant in
    /// time, whatever the rate coefficients.
    #[must_use]
    pub fn conserved_sums(&self) -> &[Vec<f64>] {
        &self.conserved
    }

    /// How rate coefficients are evaluated.
    #[must_use]
    pub fn options(&self) -> &RateOptions {
        &self.options
    }

    /// Rate coefficients k, one per reaction, (cm³)^(m−1) s⁻¹ for m reactants.
    #[must_use]
    pub fn rate_coefficients(&self) -> &[f64] {
        &self.k
    }

    /// Rates r_j = k_j ∏ n of all reactions [cm⁻³ s⁻¹] at number densities `n` [cm⁻³].
    ///
    /// # Panics
    /// If a slice is too short (species, reactions).
    pub fn rates(&self, n: &[f64], rates: &mut [f64]) {
        let reactions = self.network.reactions();
        for ((rate, k), reaction) in rates.iter_mut().zip(&self.k).zip(reactions) {
            *rate = reaction.factors().iter().fold(*k, |r, &i| r * n[i]);
        }
    }

    /// Right-hand side dn/dt [cm⁻³ s⁻¹] at number densities `n` [cm⁻³]; both of length
    /// [`dim`](Self::dim). Machines with and without AVX-512 agree to rounding of gross rates.
    ///
    /// # Panics
    /// If a slice is shorter than [`dim`](Self::dim).
    pub fn rhs(&self, n: &[f64], dndt: &mut [f64]) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(plan), Some(Wide { lines, .. })) = (&self.plan.wide, &self.wide) {
            return ROOM.with_borrow_mut(|room| {
                // SAFETY: there is a wide plan where `Level::detect` has found AVX-512.
                unsafe { wide::rhs(plan, lines, n, dndt, room) }
            });
        }
        if let Some(plan) = &self.plan.single {
            return SLOTS.with_borrow_mut(|slots| {
                evaluate_single(plan, &self.single, n, dndt, slots);
            });
        }
        let (n, out) = (n.as_chunks().0, dndt.as_chunks_mut().0);
        ONE.with_borrow_mut(|scratch| {
            evaluate::<[f64; 1], 1, _>(&self.plan.rhs, &self.rhs, n, out, scratch);
        });
    }

    /// Structure of the Jacobian in compressed columns: offsets (`dim` + 1) and rows, ascending in
    /// each column, diagonal always included.
    #[must_use]
    pub fn sparsity(&self) -> (&[usize], &[usize]) {
        (&self.plan.column_offsets, &self.plan.row_indices)
    }

    /// Jacobian ∂(dn/dt)/∂n [s⁻¹] at `n` [cm⁻³], as values of the entries of
    /// [`sparsity`](Self::sparsity).
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn jacobian(&self, n: &[f64], values: &mut [f64]) {
        #[cfg(target_arch = "x86_64")]
        if let (Some(plan), Some(Wide { lines, .. })) = (&self.plan.wide, &self.wide) {
            return ROOM.with_borrow_mut(|room| {
                // SAFETY: as in `rhs`.
                unsafe { wide::jacobian(plan, lines, n, values, room) }
            });
        }
        let (n, out) = (n.as_chunks().0, values.as_chunks_mut().0);
        ONE.with_borrow_mut(|scratch| {
            evaluate::<[f64; 1], 1, _>(&self.plan.jacobian, &self.jacobian, n, out, scratch);
        });
    }

    /// [`rhs`](Self::rhs) of W states at once, `n[species][lane]`, all at this environment.
    ///
    /// Inlined into the caller: called from a function with `#[target_feature]`, it is compiled
    /// for these features.
    ///
    /// # Panics
    /// If a slice is shorter than [`dim`](Self::dim).
    #[inline(always)]
    pub fn rhs_lanes<const W: usize>(&self, n: &[[f64; W]], dndt: &mut [[f64; W]]) {
        evaluate::<[f64; W], W, _>(&self.plan.rhs, &self.rhs, n, dndt, &mut Scratch::new());
    }

    /// [`jacobian`](Self::jacobian) of W states at once, `values[entry][lane]`, inlined like
    /// [`rhs_lanes`](Self::rhs_lanes).
    ///
    /// # Panics
    /// If a slice is too short.
    #[inline(always)]
    pub fn jacobian_lanes<const W: usize>(&self, n: &[[f64; W]], values: &mut [[f64; W]]) {
        evaluate::<[f64; W], W, _>(
            &self.plan.jacobian,
            &self.jacobian,
            n,
            values,
            &mut Scratch::new(),
        );
    }

    /// [`rhs_lanes`](Self::rhs_lanes) with the widest vector instructions that this machine has,
    /// whatever the caller is compiled for.
    ///
    /// # Panics
    /// If a slice is shorter than [`dim`](Self::dim).
    pub fn rhs_lanes_dispatched<const W: usize>(
        &self,
        n: &[[f64; W]],
        dndt: &mut [[f64; W]],
        workspace: &mut Workspace<W>,
    ) {
        let terms = &mut workspace.terms;
        evaluate_at(self.level, &self.plan.rhs, &self.rhs, n, dndt, terms);
    }

    /// [`jacobian_lanes`](Self::jacobian_lanes) with the widest vector instructions that this
    /// machine has.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn jacobian_lanes_dispatched<const W: usize>(
        &self,
        n: &[[f64; W]],
        values: &mut [[f64; W]],
        workspace: &mut Workspace<W>,
    ) {
        let terms = &mut workspace.terms;
        evaluate_at(
            self.level,
            &self.plan.jacobian,
            &self.jacobian,
            n,
            values,
            terms,
        );
    }
}
