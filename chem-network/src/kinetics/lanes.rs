//! `LaneKinetics`: one network at W environments, lane by lane, for solvers that advance W cells
//! together.

use std::sync::Arc;

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
        }
    }

    /// Gives a lane the rate coefficients of `kinetics`, which must be the one this was made from
    /// or a clone of it (at any environment).
    ///
    /// # Errors
    /// [`Error::Length`] if there is no such lane, or if `kinetics` has another structure.
    pub fn set_lane(&mut self, lane: usize, kinetics: &Kinetics) -> Result<(), Error> {
        if lane >= W {
            return Err(Error::Length {
                what: "number of lanes",
                found: W,
                expected: lane + 1,
            });
        }
        if !Arc::ptr_eq(&self.plan, &kinetics.plan) {
            return Err(Error::Length {
                what: "state of another network",
                found: kinetics.plan.species,
                expected: self.plan.species,
            });
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
}
