//! Stochastic gradient descent with Nesterov's or plain momentum: the baseline every other optimiser is measured against.

use super::{Memory, Optimiser};
use crate::error::check_length;
use crate::simd::vectorised;
use crate::{Error, Scalar};

/// v ← momentum · v + g, p −= rate · v; with Nesterov's variant p −= rate · (g + momentum · v) (Sutskever et al. 2013).
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd<T> {
    momentum: f64,
    nesterov: bool,
    steps: u64,
    velocity: Vec<T>,
}

impl<T: Scalar> Sgd<T> {
    /// An optimiser of `len` parameters; momentum 0 is plain gradient descent.
    ///
    /// # Errors
    /// [`Error::Range`] unless the momentum lies in [0, 1).
    pub fn new(len: usize, momentum: f64, nesterov: bool) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&momentum) {
            return Err(Error::Range {
                what: "momentum",
                value: momentum,
                range: "[0, 1)",
            });
        }
        Ok(Self {
            momentum,
            nesterov,
            steps: 0,
            velocity: vec![T::zero(); len],
        })
    }
}

impl<T: Scalar> Optimiser<T> for Sgd<T> {
    fn update(&mut self, rate: f64, params: &mut [T], gradient: &[T]) -> Result<(), Error> {
        let len = self.velocity.len();
        check_length("parameters of the optimiser", len, params.len())?;
        check_length("gradient of the optimiser", len, gradient.len())?;
        let (rate, momentum, nesterov) = (T::of(rate), T::of(self.momentum), self.nesterov);
        let velocity = &mut self.velocity;
        vectorised(|| {
            for ((p, v), g) in params.iter_mut().zip(velocity).zip(gradient) {
                *v = momentum * *v + *g;
                let step = if nesterov { *g + momentum * *v } else { *v };
                *p -= rate * step;
            }
        });
        self.steps += 1;
        Ok(())
    }

    fn memory(&self) -> Memory<T> {
        Memory {
            steps: self.steps,
            vectors: vec![("velocity".into(), self.velocity.clone())],
        }
    }

    fn recall(&mut self, memory: &Memory<T>) -> Result<(), Error> {
        memory.read("velocity", &mut self.velocity)?;
        self.steps = memory.steps;
        Ok(())
    }
}
