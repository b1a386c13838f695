//! `LaneKinetics`: one network at W environments, lane by lane, for solvers that advance W cells
//! together.

use std::sync::Arc;

use super::dispatch::{Level, evaluate_at};
use super::kernel::{PerLane, evaluate};
use super::plan::Plan;
use super::{Coefficients, Kinetics};
use crate::error::Error;

/// The same network in W lanes, each at an environment of its own.
///
/// Where all lanes share one environment, [`Kinetics::rhs_lanes`] reads less memory.
#[derive(Debug, Clone)]
pub struct LaneKinetics<const W: usize> {
    plan: Arc<Plan>,
    rhs: LaneCoefficients<W>,
    jacobian: LaneCoefficients<W>,
    level: Level,
}

#[derive(Debug, Clone)]
struct LaneCoefficients<const W: usize> {
    terms: Vec<[f64; W]>,
    weights: Vec<[f64; W]>,
}

impl<const W: usize> LaneCoefficients<W> {
    fn splat(one: &Coefficients) -> Self {
        Self {
            terms: one.terms.iter().map(|&c| [c; W]).collect(),
            weights: one.weights.iter().map(|&c| [c; W]).collect(),
        }
    }

    fn set(&mut self, lane: usize, one: &Coefficients) {
        for (all, &c) in self.terms.iter_mut().zip(&one.terms) {
            all[lane] = c;
        }
        for (all, &c) in self.weights.iter_mut().zip(&one.weights) {
            all[lane] = c;
        }
    }

    /// Makes every coefficient of a lane not-a-number.
    #[cfg(feature = "ode")]
    fn poison(&mut self, lane: usize) {
        for all in self.terms.iter_mut().chain(&mut self.weights) {
            all[lane] = f64::NAN;
        }
    }

    #[inline(always)]
    fn view(&self) -> PerLane<'_, W> {
        PerLane {
            terms: &self.terms,
            weights: &self.weights,
        }
    }
}

impl<const W: usize> LaneKinetics<W> {
    /// All lanes at the environment of `kinetics`.
    #[must_use]
    pub fn new(kinetics: &Kinetics) -> Self {
        Self {
            plan: Arc::clone(&kinetics.plan),
            rhs: LaneCoefficients::splat(&kinetics.rhs),
            jacobian: LaneCoefficients::splat(&kinetics.jacobian),
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
        self.rhs.set(lane, &kinetics.rhs);
        self.jacobian.set(lane, &kinetics.jacobian);
        Ok(())
    }

    /// As [`Kinetics::rhs_lanes`], every lane with its own rate coefficients.
    ///
    /// # Panics
    /// If a slice is too short.
    #[inline(always)]
    pub fn rhs(&self, n: &[[f64; W]], dndt: &mut [[f64; W]]) {
        evaluate(&self.plan.rhs, self.rhs.view(), n, dndt);
    }

    /// As [`Kinetics::jacobian_lanes`], every lane with its own rate coefficients.
    ///
    /// # Panics
    /// If a slice is too short.
    #[inline(always)]
    pub fn jacobian(&self, n: &[[f64; W]], values: &mut [[f64; W]]) {
        evaluate(&self.plan.jacobian, self.jacobian.view(), n, values);
    }

    /// [`rhs`](Self::rhs) with the widest vector instructions that this machine has, whatever the
    /// caller is compiled for.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn rhs_dispatched(&self, n: &[[f64; W]], dndt: &mut [[f64; W]]) {
        evaluate_at(self.level, &self.plan.rhs, self.rhs.view(), n, dndt);
    }

    /// [`jacobian`](Self::jacobian) with the widest vector instructions that this machine has.
    ///
    /// # Panics
    /// If a slice is too short.
    pub fn jacobian_dispatched(&self, n: &[[f64; W]], values: &mut [[f64; W]]) {
        evaluate_at(
            self.level,
            &self.plan.jacobian,
            self.jacobian.view(),
            n,
            values,
        );
    }

    /// Makes a lane yield not-a-number.
    #[cfg(feature = "ode")]
    pub(crate) fn poison(&mut self, lane: usize) {
        self.rhs.poison(lane);
        self.jacobian.poison(lane);
    }
}
