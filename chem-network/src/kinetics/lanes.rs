//! `LaneKinetics`: one network at W environments, lane by lane, for solvers that advance W cells
//! together; and the memory that evaluations over lanes take.

use std::sync::Arc;

use super::Kinetics;
use super::dispatch::{Level, evaluate_at};
use super::kernel::{Scratch, evaluate};
use super::plan::Plan;
use crate::error::Error;

/// The same network in W lanes, each at an environment of its own.
///
/// Where all lanes share one environment, [`Kinetics::rhs_lanes`] reads less memory.
#[derive(Debug, Clone)]
pub struct LaneKinetics<const W: usize> {
    plan: Arc<Plan>,
    rhs: Vec<[f64; W]>,
    jacobian: Vec<[f64; W]>,
    level: Level,
}

impl<const W: usize> LaneKinetics<W> {
    /// All lanes at the environment of `kinetics`.
    #[must_use]
    pub fn new(kinetics: &Kinetics) -> Self {
        Self {
            plan: Arc::clone(&kinetics.plan),
            rhs: kinetics.rhs.iter().map(|&c| [c; W]).collect(),
            jacobian: kinetics.jacobian.iter().map(|&c| [c; W]).collect(),
            level: kinetics.level,
        }
    }

    /// Gives a lane the rate coefficients of `kinetics`, which must be the one this was made from
    /// or a clone of it (at any environment).
    ///
    /// # Errors
    /// [`Error::Length`] if there is no such lane, [`Error::OtherNetwork`] if `kinetics` is neither.
    pub fn set_lane(&mut self, lane: usize, kinetics: &Kinetics) -> Result<(), Error> {
        if lane >= W {
            return Err(Error::Length {
                what: "number of lanes",
                found: W,
                expected: lane + 1,
            });
        }
        if !Arc::ptr_eq(&self.plan, &kinetics.plan) {
            return Err(Error::OtherNetwork);
        }
        let pairs = self.rhs.iter_mut().zip(&kinetics.rhs);
        for (lanes, &one) in pairs.chain(self.jacobian.iter_mut().zip(&kinetics.jacobian)) {
            lanes[lane] = one;
        }
        Ok(())
    }

    /// As [`Kinetics::rhs_lanes`], every lane with its own rate coefficients.
    ///
    /// # Panics
    /// If a slice is too short.
    #[inline(always)]
    pub fn rhs(&self, n: &[[f64; W]], dndt: &mut [[f64; W]]) {
        evaluate::<[f64; W], W, _>(&self.plan.rhs, &self.rhs, n, dndt, &mut Scratch::new());
    }

    /// As [`Kinetics::jacobian_lanes`], every lane with its own rate coefficients.
    ///
    /// # Panics
    /// If a slice is too short.
    #[inline(always)]
    pub fn jacobian(&self, n: &[[f64; W]], values: &mut [[f64; W]]) {
        evaluate::<[f64; W], W, _>(
            &self.plan.jacobian,
            &self.jacobian,
            n,
            values,
            &mut Scratch::new(),
        );
    }

    /// [`rhs`](Self::rhs) with the widest vector instructions that this machine has, whatever the
    /// caller is compiled for.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn rhs_dispatched(
        &self,
        n: &[[f64; W]],
        dndt: &mut [[f64; W]],
        workspace: &mut Workspace<W>,
    ) {
        let terms = &mut workspace.terms;
        evaluate_at(self.level, &self.plan.rhs, &self.rhs, n, dndt, terms);
    }

    /// [`jacobian`](Self::jacobian) with the widest vector instructions that this machine has.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn jacobian_dispatched(
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

    /// Makes a lane yield not-a-number.
    #[cfg(feature = "ode")]
    pub(crate) fn poison(&mut self, lane: usize) {
        for lanes in self.rhs.iter_mut().chain(&mut self.jacobian) {
            lanes[lane] = f64::NAN;
        }
    }
}

/// Memory that evaluations over lanes share; without it every call clears its own on the stack.
#[derive(Debug, Clone)]
pub struct Workspace<const W: usize> {
    pub(super) terms: Box<Scratch<W>>,
}

impl<const W: usize> Workspace<W> {
    /// Memory for W lanes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            terms: Box::new(Scratch::new()),
        }
    }
}

impl<const W: usize> Default for Workspace<W> {
    fn default() -> Self {
        Self::new()
    }
}
