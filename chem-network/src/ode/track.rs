//! A network along a [`Track`]: rate coefficients follow the conditions, densities the compression.

use stiff_ode_solvers::{LaneJacobian, LaneSystem, SparsityPattern};

use super::pattern;
use crate::error::Error;
use crate::kinetics::{Kinetics, LaneKinetics, Workspace};
use crate::network::Network;
use crate::rate::RateOptions;
use crate::track::Track;

/// A network whose conditions vary in time.
///
/// The state y that a solver advances is the number densities \[cm⁻³\] that the gas would have at the
/// n_H of the track's first row: n = c y with the compression c(t) of the track
/// ([`Track::compression`], or [`Self::expand`] for whole solutions), and dy/dt = S r(c y)/c. So
/// elements and charge of y are conserved, and nothing jumps where n_H changes its slope.
///
/// Give the times of the track's rows to [`Options::stops`](stiff_ode_solvers::Options::stops): the
/// conditions have a kink at each.
///
/// ```
/// use chem_network::{Environment, Track, TrackedKinetics, YEAR, embedded, sampling::Distribution};
/// use stiff_ode_solvers::{Options, Rodas5p, Watch, solve_lanes};
///
/// let network = embedded("osu224").unwrap();
/// let at = |t, n| Environment::new(t, 1e-16).with_density(n);
/// let track = Track::new(vec![0.0, 1e4 * YEAR], vec![at(50.0, 2e4), at(20.0, 2e5)])?;
/// let tracked = TrackedKinetics::new(&network, track)?;
/// let initial = Distribution::grassi().sample(&network, 3, 1)?;
/// let results = solve_lanes::<f64, _, _, 4>(
///     || tracked.lanes(),
///     &Rodas5p,
///     (0.0, 2e4 * YEAR),
///     initial.states(),
///     &Options::default().stops(tracked.track().times().to_vec()),
///     &Watch::default(),
/// )?;
/// let mut n = results[0].as_ref().unwrap().y_end.clone();
/// tracked.expand(&[2e4 * YEAR], &mut n)?; // to number densities at that time
/// let hydrogen = |n: &[f64]| -> f64 {
///     network.conserved_quantities()[0].1.iter().zip(n).map(|(w, n)| w * n).sum()
/// };
/// assert!((hydrogen(&n) / hydrogen(initial.state(0)) - 10.0).abs() < 1e-8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrackedKinetics {
    kinetics: Kinetics,
    track: Track,
}

impl TrackedKinetics {
    /// A network along a track, with default [`RateOptions`].
    ///
    /// # Errors
    /// As [`Kinetics::new`], at the conditions of every row.
    pub fn new(network: &Network, track: Track) -> Result<Self, Error> {
        Self::with_options(network, track, RateOptions::default())
    }

    /// A network along a track.
    ///
    /// # Errors
    /// As [`Kinetics::new`], at the conditions of every row.
    pub fn with_options(
        network: &Network,
        track: Track,
        options: RateOptions,
    ) -> Result<Self, Error> {
        let mut kinetics = Kinetics::with_options(network, &track.environments()[0], options)?;
        for environment in track.environments() {
            kinetics.set_environment(environment)?;
        }
        Ok(Self { kinetics, track })
    }

    /// The track.
    #[must_use]
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// Turns states of a solution into number densities \[cm⁻³\], in place: `states` holds one state
    /// per time of `times` \[s\], one after the other.
    ///
    /// # Errors
    /// [`Error::Length`] if `states` has another length.
    pub fn expand(&self, times: &[f64], states: &mut [f64]) -> Result<(), Error> {
        let dim = Kinetics::dim(&self.kinetics);
        if states.len() != dim * times.len() {
            return Err(Error::Length {
                what: "states along a track",
                found: states.len(),
                expected: dim * times.len(),
            });
        }
        for (&t, state) in times.iter().zip(states.chunks_mut(dim.max(1))) {
            let factor = self.track.compression(t);
            state.iter_mut().for_each(|y| *y *= factor);
        }
        Ok(())
    }

    /// A lane system for one thread; all models follow the same track, each at its own time.
    #[must_use]
    pub fn lanes<const W: usize>(&self) -> TrackedLanes<'_, W> {
        TrackedLanes {
            of: self,
            kinetics: self.kinetics.clone(),
            lanes: LaneKinetics::new(&self.kinetics),
            workspace: Workspace::new(),
            times: [f64::NAN; W],
            compression: [1.0; W],
            densities: vec![[0.0; W]; Kinetics::dim(&self.kinetics)],
        }
    }
}

/// W models of a [`TrackedKinetics`] side by side.
#[derive(Debug, Clone)]
pub struct TrackedLanes<'a, const W: usize> {
    of: &'a TrackedKinetics,
    kinetics: Kinetics,
    lanes: LaneKinetics<W>,
    workspace: Workspace<W>,
    /// Times for which the lanes hold rate coefficients.
    times: [f64; W],
    compression: [f64; W],
    /// n = c y.
    densities: Vec<[f64; W]>,
}

impl<const W: usize> TrackedLanes<'_, W> {
    /// Rate coefficients at these times, and the number densities of the states.
    fn move_to(&mut self, t: &[f64; W], y: &[[f64; W]]) {
        for lane in 0..W {
            if t[lane] == self.times[lane] {
                continue;
            }
            let track = &self.of.track;
            let moved = self
                .kinetics
                .set_environment(&track.at(t[lane]))
                .and_then(|()| self.lanes.set_lane(lane, &self.kinetics));
            if moved.is_err() {
                // No coefficients at these conditions: not-a-number, which the solver reports.
                self.lanes.poison(lane);
            }
            self.times[lane] = t[lane];
            self.compression[lane] = track.compression(t[lane]);
        }
        for (n, y) in self.densities.iter_mut().zip(y) {
            for lane in 0..W {
                n[lane] = self.compression[lane] * y[lane];
            }
        }
    }
}

impl<const W: usize> LaneSystem<f64, W> for TrackedLanes<'_, W> {
    fn dim(&self) -> usize {
        Kinetics::dim(&self.kinetics)
    }

    fn load(&mut self, _lane: usize, _model: usize) {}

    fn rhs(&mut self, t: &[f64; W], y: &[[f64; W]], dydt: &mut [[f64; W]]) {
        self.move_to(t, y);
        let n = &self.densities;
        self.lanes.rhs_dispatched(n, dydt, &mut self.workspace);
        for dydt in dydt {
            for lane in 0..W {
                dydt[lane] /= self.compression[lane];
            }
        }
    }

    fn is_autonomous(&self) -> bool {
        self.of.track.times().len() == 1
    }

    fn conserved(&self) -> Vec<Vec<f64>> {
        self.kinetics.conserved_sums().to_vec()
    }
}

impl<const W: usize> LaneJacobian<f64, W> for TrackedLanes<'_, W> {
    fn sparsity(&self) -> SparsityPattern {
        pattern(&self.kinetics)
    }

    fn jacobian(&mut self, t: &[f64; W], y: &[[f64; W]], values: &mut [[f64; W]]) {
        // ∂(f(c y)/c)/∂y = f'(c y).
        self.move_to(t, y);
        let n = &self.densities;
        self.lanes
            .jacobian_dispatched(n, values, &mut self.workspace);
    }
}
