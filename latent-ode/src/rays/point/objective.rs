//! The loss of several networks on the same points, their parameters in one vector: one training, one checkpoint, one validation of
//! their mean.

use super::super::config::PointLoss;
use super::super::scaling::LogScaling;
use super::PointSource;
use super::network::{Affine, views};
use super::pools::{Points, Pools};
use autodiff_ae::train::{Draw, Objective};
use autodiff_ae::{Checkpoint, Error, Mlp, ParamView, Scalar};
use std::borrow::Cow;

/// What every member is trained and judged by.
pub struct Regression<'a, T> {
    pub source: &'a dyn PointSource,
    pub mlp: Mlp,
    pub members: usize,
    pub features: Affine,
    pub targets: LogScaling,
    pub pools: Pools,
    pub place: Box<dyn Place<T>>,
    /// Tells trainings on other data or of other settings apart.
    pub fingerprint: String,
}

/// What the loss and the validation of the members are, wherever they are computed.
#[derive(Clone, Debug)]
pub struct Judge<T> {
    pub loss: PointLoss,
    /// Of each output in the loss; they sum to 1.
    pub weights: Vec<T>,
    /// Dex of each output's unit, for those that the validation judges: the abundances.
    pub dex: Vec<f64>,
}

/// Where they are computed: the CPU or a GPU, with the points of one pool at hand.
pub trait Place<T>: Send {
    /// Which pool's points are at hand.
    fn held(&self) -> Option<usize>;

    /// Lets go of the points at hand.
    fn release(&mut self);

    /// Takes the points of a pool.
    fn take(&mut self, pool: usize, points: Points<T>) -> Result<(), Error>;

    /// The mean loss of the points `chosen` of the pool at hand, summed over the members; adds its gradient.
    fn evaluate(
        &mut self,
        params: &[T],
        chosen: &[usize],
        gradient: &mut [T],
    ) -> Result<f64, Error>;

    /// Mean absolute error of the members' mean \[dex\], over the outputs judged; none without points.
    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, Error>;
}

/// Value and derivative at a residual.
#[inline(always)]
pub fn penalty<T: Scalar>(loss: PointLoss, r: T) -> (T, T) {
    let sign = |r: T| {
        if r > T::zero() {
            T::one()
        } else if r < T::zero() {
            -T::one()
        } else {
            r
        }
    };
    match loss {
        PointLoss::Absolute => (r.abs(), sign(r)),
        PointLoss::Square => (r * r, r + r),
        PointLoss::Huber { delta } => {
            let d = T::of(delta);
            if r.abs() > d {
                (r.abs() - d * T::of(0.5), sign(r))
            } else {
                (T::of(0.5) * r * r / d, r / d)
            }
        }
    }
}

impl<T: Scalar> Regression<'_, T> {
    /// Has the points of a pool at hand.
    fn hold(&mut self, pool: usize) -> Result<(), Error> {
        if self.place.held() == Some(pool) {
            return Ok(());
        }
        // The old pool makes room before the new one is read.
        self.place.release();
        let groups = self.pools.groups(pool);
        let points = Points::load(self.source, groups, &self.features, &self.targets)
            .map_err(|e| Error::Objective(Box::new(e)))?;
        self.place.take(pool, points)
    }
}

impl<T: Scalar> Objective<T> for Regression<'_, T> {
    fn param_len(&self) -> usize {
        self.mlp.param_len() * self.members
    }

    fn samples(&self) -> usize {
        0
    }

    fn evaluate(
        &mut self,
        params: &[T],
        draw: &Draw<'_>,
        _terms: &mut [f64],
        gradient: &mut [T],
    ) -> Result<f64, Error> {
        self.hold(self.pools.pool(draw.step))?;
        let chosen = self.pools.members(draw.step);
        let total = self.place.evaluate(params, chosen, gradient)?;
        Ok(total / self.members as f64)
    }

    /// Mean absolute error of the members' mean \[dex\], over the abundances.
    fn validate(&mut self, params: &[T]) -> Result<Option<f64>, Error> {
        self.place.validate(params)
    }

    fn terms(&self) -> Cow<'static, [&'static str]> {
        Cow::Borrowed(&[])
    }

    fn views(&self) -> Vec<ParamView> {
        views(&self.mlp, self.members)
    }

    fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    fn describe(&self, _file: &mut Checkpoint) -> Result<(), Error> {
        Ok(())
    }
}
