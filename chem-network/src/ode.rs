//! The system traits of stiff-ode-solvers for [`Kinetics`], one model at a time or many in lanes.
//! Time in seconds, number densities in cm⁻³.

mod track;

use std::borrow::Cow;

use stiff_ode_solvers::{Jacobian, LaneJacobian, LaneSystem, SparsityPattern, System};

use crate::environment::Environment;
use crate::error::Error;
use crate::kinetics::{Kinetics, LaneKinetics, Workspace};
use crate::rate::RateOptions;

pub use track::{TrackedKinetics, TrackedLanes};

impl System for Kinetics {
    fn dim(&self) -> usize {
        Kinetics::dim(self)
    }

    fn rhs(&self, _t: f64, y: &[f64], dydt: &mut [f64]) {
        Kinetics::rhs(self, y, dydt);
    }

    fn is_autonomous(&self) -> bool {
        true
    }

    fn conserved(&self) -> Vec<Vec<f64>> {
        self.conserved_sums().to_vec()
    }
}

impl Jacobian for Kinetics {
    fn sparsity(&self) -> SparsityPattern {
        pattern(self)
    }

    fn jacobian(&self, _t: f64, y: &[f64], values: &mut [f64]) {
        Kinetics::jacobian(self, y, values);
    }
}

fn pattern(kinetics: &Kinetics) -> SparsityPattern {
    let (offsets, rows) = Kinetics::sparsity(kinetics);
    // Valid by construction: rows ascend in each column.
    SparsityPattern::new(offsets.to_vec(), rows.to_vec())
        .unwrap_or_else(|_| SparsityPattern::dense(Kinetics::dim(kinetics)))
}

/// Many models of one network, each at its own environment or all at one, for
/// [`stiff_ode_solvers::solve_lanes`].
///
/// ```
/// use chem_network::{Environment, KineticsBatch, embedded, sampling::Distribution};
/// use stiff_ode_solvers::{Options, Rodas5p, Watch, solve_lanes};
///
/// let network = embedded("osu224").unwrap();
/// let initial = Distribution::grassi().sample(&network, 3, 1)?;
/// let batch = KineticsBatch::new(&network, vec![Environment::new(50.0, 1e-16)])?;
/// let year = chem_network::YEAR;
/// let results = solve_lanes::<f64, _, _, 4>(
///     || batch.lanes(),
///     &Rodas5p,
///     (1e-6 * year, 1e3 * year),
///     initial.states(), // species × models, one model after the other
///     &Options::default().rtol(1e-3).atol(1e-14),
///     &Watch::default(),
/// )?;
/// assert!(results.iter().all(Result::is_ok));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct KineticsBatch<'a> {
    kinetics: Kinetics,
    environments: Cow<'a, [Environment]>,
}

impl<'a> KineticsBatch<'a> {
    /// Models at these environments: one per model, or a single one for all.
    ///
    /// # Errors
    /// As [`Kinetics::new`], for every environment; [`Error::Length`] if there is none.
    pub fn new(
        network: &crate::Network,
        environments: impl Into<Cow<'a, [Environment]>>,
    ) -> Result<Self, Error> {
        Self::with_options(network, environments, RateOptions::default())
    }

    /// As [`new`](Self::new), with the options of [`Kinetics::with_options`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(
        network: &crate::Network,
        environments: impl Into<Cow<'a, [Environment]>>,
        options: RateOptions,
    ) -> Result<Self, Error> {
        let environments = environments.into();
        let Some(first) = environments.first() else {
            return Err(Error::Length {
                what: "environments of a batch",
                found: 0,
                expected: 1,
            });
        };
        let mut kinetics = Kinetics::with_options(network, first, options)?;
        for environment in environments.iter() {
            if environment != kinetics.environment() {
                kinetics.set_environment(environment)?;
            }
        }
        Ok(Self {
            kinetics,
            environments,
        })
    }

    /// A lane system for one thread: lane by lane it computes the model that is loaded there.
    #[must_use]
    pub fn lanes<const W: usize>(&self) -> KineticsLanes<'_, W> {
        let shared = self.environments.len() == 1;
        KineticsLanes {
            lanes: (!shared).then(|| LaneKinetics::new(&self.kinetics)),
            kinetics: self.kinetics.clone(),
            workspace: Workspace::new(),
            environments: &self.environments,
            loaded: [None; W],
        }
    }
}

/// W models of a [`KineticsBatch`] side by side.
#[derive(Debug, Clone)]
pub struct KineticsLanes<'a, const W: usize> {
    kinetics: Kinetics,
    /// Rate coefficients lane by lane, unless all models share one environment.
    lanes: Option<LaneKinetics<W>>,
    workspace: Workspace<W>,
    environments: &'a [Environment],
    /// Environment of every lane, an index.
    loaded: [Option<usize>; W],
}

impl<const W: usize> KineticsLanes<'_, W> {
    /// Whether the one model is what `kinetics` computes, which for one state is faster than lanes.
    fn alone(&self) -> bool {
        W == 1 && (self.lanes.is_none() || self.loaded[0].is_some())
    }
}

impl<const W: usize> LaneSystem<f64, W> for KineticsLanes<'_, W> {
    fn dim(&self) -> usize {
        Kinetics::dim(&self.kinetics)
    }

    fn load(&mut self, lane: usize, model: usize) {
        let Some(lanes) = &mut self.lanes else {
            return;
        };
        let same = |i: usize| self.environments.get(i) == self.environments.get(model);
        if self.loaded[lane].is_some_and(same) {
            return;
        }
        let loaded = match self.environments.get(model) {
            Some(environment) => self
                .kinetics
                .set_environment(environment)
                .and_then(|()| lanes.set_lane(lane, &self.kinetics))
                .is_ok(),
            None => false,
        };
        if !loaded {
            // No such model: the solver sees not-a-number, never another model's chemistry.
            lanes.poison(lane);
        }
        self.loaded[lane] = loaded.then_some(model);
    }

    fn rhs(&mut self, _t: &[f64; W], y: &[[f64; W]], dydt: &mut [[f64; W]]) {
        if self.alone() {
            Kinetics::rhs(&self.kinetics, y.as_flattened(), dydt.as_flattened_mut());
        } else if let Some(lanes) = &self.lanes {
            lanes.rhs_dispatched(y, dydt, &mut self.workspace);
        } else {
            self.kinetics
                .rhs_lanes_dispatched(y, dydt, &mut self.workspace);
        }
    }

    fn is_autonomous(&self) -> bool {
        true
    }

    fn conserved(&self) -> Vec<Vec<f64>> {
        self.kinetics.conserved_sums().to_vec()
    }
}

impl<const W: usize> LaneJacobian<f64, W> for KineticsLanes<'_, W> {
    fn sparsity(&self) -> SparsityPattern {
        pattern(&self.kinetics)
    }

    fn jacobian(&mut self, _t: &[f64; W], y: &[[f64; W]], values: &mut [[f64; W]]) {
        if self.alone() {
            Kinetics::jacobian(&self.kinetics, y.as_flattened(), values.as_flattened_mut());
        } else if let Some(lanes) = &self.lanes {
            lanes.jacobian_dispatched(y, values, &mut self.workspace);
        } else {
            self.kinetics
                .jacobian_lanes_dispatched(y, values, &mut self.workspace);
        }
    }
}
